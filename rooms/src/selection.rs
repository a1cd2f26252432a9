//! Who is meant, as plain data.

use std::time::Duration;

use sockeye_core::{Delivery, Text};

/// Who is meant by a command, without a word about who that is on which node.
///
/// The union of some rooms, or everyone, less the members of the excepted rooms, less the excepted
/// members. It is plain data that an [`Adapter`](crate::Adapter) can write to a bus and build again on another node.
///
/// # Example
///
/// ```
/// use sockeye_rooms::Selection;
///
/// let here = Selection::<u32>::room("lobby").to("kitchen").except_room("asleep").except(7);
/// let there = Selection::rooms(here.in_rooms().iter().cloned())
///     .except_rooms(here.excepted_rooms().iter().cloned())
///     .except(here.excepted()[0]);
/// assert_eq!(here, there);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection<Id> {
    everyone: bool,
    rooms: Vec<Text>,
    excepted_rooms: Vec<Text>,
    excepted: Vec<Id>,
    delivery: Delivery,
    local: bool,
    timeout: Option<Duration>,
}

impl<Id> Selection<Id> {
    /// Every member there is, whatever its rooms.
    pub fn everyone() -> Self {
        Self {
            everyone: true,
            ..Self::rooms([] as [Text; 0])
        }
    }

    /// The members of one room.
    pub fn room(room: impl Into<Text>) -> Self {
        Self::rooms([room])
    }

    /// The members of any of these rooms; of no room is nobody.
    pub fn rooms(rooms: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        Self {
            everyone: false,
            rooms: Vec::new(),
            excepted_rooms: Vec::new(),
            excepted: Vec::new(),
            delivery: Delivery::Reliable,
            local: false,
            timeout: None,
        }
        .to_all(rooms)
    }

    /// Adds the members of a room.
    pub fn to(self, room: impl Into<Text>) -> Self {
        self.to_all([room])
    }

    /// Adds the members of some rooms.
    pub fn to_all(mut self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.rooms.extend(rooms.into_iter().map(Into::into));
        self
    }

    /// Leaves a member out.
    pub fn except(mut self, member: Id) -> Self {
        self.excepted.push(member);
        self
    }

    /// Leaves the members of a room out.
    pub fn except_room(self, room: impl Into<Text>) -> Self {
        self.except_rooms([room])
    }

    /// Leaves the members of some rooms out.
    pub fn except_rooms(mut self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        let rooms = rooms.into_iter().map(Into::into);
        self.excepted_rooms.extend(rooms);
        self
    }

    /// Leaves out who would have to wait, rather than closing who does not keep up.
    pub fn volatile(mut self) -> Self {
        self.delivery = Delivery::Volatile;
        self
    }

    /// Only those on this node.
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// How long the answers of other nodes are awaited.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether everyone is meant; the rooms then say nothing.
    pub fn is_everyone(&self) -> bool {
        self.everyone
    }

    /// The rooms whose members are meant, in the order they were added; each member once, be it in
    /// several of them.
    pub fn in_rooms(&self) -> &[Text] {
        &self.rooms
    }

    /// The rooms whose members are left out.
    pub fn excepted_rooms(&self) -> &[Text] {
        &self.excepted_rooms
    }

    /// The members that are left out.
    pub fn excepted(&self) -> &[Id] {
        &self.excepted
    }

    /// What a message to the selection is worth.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// How long the answers of other nodes are awaited; `None` leaves it to the adapter.
    pub fn answers_within(&self) -> Option<Duration> {
        self.timeout
    }

    /// Whether only this node is meant. An adapter never sees such a selection.
    pub fn is_local(&self) -> bool {
        self.local
    }
}
