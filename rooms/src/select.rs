//! A selection on its way to become a command.

use std::{fmt, sync::Arc, time::Duration};

use sockeye_core::{Member, Text};

use crate::{
    AppliedBy, Command, FetchError, Found, Outcome, PublishError, Selection, shared::Shared,
};

/// Members that are chosen, of which something is to become.
///
/// Narrow or widen the choice, then say what to do: [`send`](Self::send), [`join`](Self::join),
/// [`leave`](Self::leave), [`close`](Self::close), or look at them with [`members`](Self::members)
/// and [`fetch`](Self::fetch). Made by [`Rooms::to`](crate::Rooms::to) and
/// [`Rooms::everyone`](crate::Rooms::everyone).
#[must_use = "nothing is sent until `send` is called"]
pub struct Select<'a, M: Member> {
    shared: &'a Arc<Shared<M>>,
    selection: Selection<M::Id>,
}

impl<'a, M: Member> Select<'a, M> {
    pub(crate) fn new(shared: &'a Arc<Shared<M>>, selection: Selection<M::Id>) -> Self {
        Self { shared, selection }
    }

    /// Adds the members of a room. Who is in several rooms is reached once.
    pub fn to(self, room: impl Into<Text>) -> Self {
        self.map(|selection| selection.to(room))
    }

    /// Adds the members of some rooms.
    pub fn to_all(self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.map(|selection| selection.to_all(rooms))
    }

    /// Leaves a member out, on whichever node it is.
    pub fn except<A: AsRef<M> + ?Sized>(self, member: &A) -> Self {
        self.except_id(member.as_ref().id())
    }

    /// Leaves a member out that is known by its id.
    pub fn except_id(self, member: M::Id) -> Self {
        self.map(|selection| selection.except(member))
    }

    /// Leaves the members of a room out.
    pub fn except_room(self, room: impl Into<Text>) -> Self {
        self.map(|selection| selection.except_room(room))
    }

    /// Leaves the members of some rooms out.
    pub fn except_rooms(self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.map(|selection| selection.except_rooms(rooms))
    }

    /// Leaves out who would have to wait for the message, rather than closing who does not keep up.
    ///
    /// For what the next message makes worthless: positions, prices, typing.
    pub fn volatile(self) -> Self {
        self.map(Selection::volatile)
    }

    /// Only the members of this node; the adapter hears nothing of it.
    pub fn local(self) -> Self {
        self.map(Selection::local)
    }

    /// Sends one message to every member chosen, encoding it once.
    ///
    /// A packet that was made before, to be sent more than once, is taken as it is.
    ///
    /// It never waits: each member's queue takes the message, and a member whose queue has reached
    /// its hard limit is closed, harming no other. Messages of one sender reach each member in the
    /// order sent; of senders that send at the same time, members may see either first.
    ///
    /// # Example
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rooms/person.rs"));
    /// # fn main() {
    /// # let rooms = sockeye_rooms::Rooms::<Person>::new();
    /// # let (ann, ben) = (Person::new("ann"), Person::with_capacity("ben", 1));
    /// # rooms.join("lobby", &ann).unwrap();
    /// # rooms.join("lobby", &ben).unwrap();
    /// let told = rooms.to("lobby").send("hello");
    /// assert_eq!((told.reached, told.closed), (2, 0));
    ///
    /// // Ben has not read yet, and his queue has room for one.
    /// let told = rooms.to("lobby").volatile().send("ann is typing");
    /// assert_eq!((told.reached, told.skipped), (1, 1));
    /// let told = rooms.to("lobby").send("are you there?");
    /// assert_eq!((told.reached, told.closed), (1, 1));
    /// assert_eq!(rooms.len("lobby"), 1);
    /// # }
    /// ```
    pub fn send(self, message: impl Into<M::Packet>) -> Outcome {
        self.command(&Command::Send(message.into()))
    }

    /// Sends to the members of other nodes alone: what the adapter is told by a send that is for all.
    ///
    /// For who reaches this node's members by [`local`](Self::local), as something has to be done
    /// between; unless the answer is [`AppliedBy::Adapter`], which then does it.
    ///
    /// # Errors
    ///
    /// When the others were not told.
    pub fn publish(self, message: impl Into<M::Packet>) -> Result<AppliedBy, PublishError> {
        if self.selection.is_local() {
            return Ok(AppliedBy::Rooms);
        }
        let command = Command::Send(message.into());
        self.shared.adapter().publish(&self.selection, &command)
    }

    /// How long the other nodes' answers are awaited by [`fetch`](Self::fetch). Default: the
    /// adapter's time.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|selection| selection.timeout(timeout))
    }

    /// Puts every member chosen in a room.
    ///
    /// Who would be in too many rooms is left out and counted in [`Outcome::skipped`].
    pub fn join(self, room: impl Into<Text>) -> Outcome {
        self.join_all([room])
    }

    /// Puts every member chosen in all of some rooms.
    pub fn join_all(self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Outcome {
        self.command(&Command::Join(names(rooms)))
    }

    /// Takes every member chosen out of a room.
    pub fn leave(self, room: impl Into<Text>) -> Outcome {
        self.leave_all([room])
    }

    /// Takes every member chosen out of all of some rooms.
    pub fn leave_all(self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Outcome {
        self.command(&Command::Leave(names(rooms)))
    }

    /// Closes every member chosen, on every node: logs a user out everywhere, say.
    ///
    /// # Example
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rooms/person.rs"));
    /// # fn main() {
    /// # let rooms = sockeye_rooms::Rooms::<Person>::new();
    /// # let (phone, laptop) = (Person::new("phone"), Person::new("laptop"));
    /// rooms.join("user:7", &phone).unwrap();
    /// rooms.join("user:7", &laptop).unwrap();
    /// assert_eq!(rooms.to("user:7").close(4001, "Logged out").reached, 2);
    /// assert!(rooms.is_empty());
    /// # }
    /// ```
    pub fn close(self, code: u16, reason: impl Into<Text>) -> Outcome {
        self.command(&Command::Close {
            code,
            reason: reason.into(),
        })
    }

    /// The members chosen that are on this node, each once.
    pub fn members(&self) -> Vec<M> {
        self.shared.select(&self.selection).members()
    }

    /// The members chosen, on all nodes that answer; nodes that do not are counted.
    ///
    /// # Errors
    ///
    /// When the other nodes could not be asked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future harms nothing.
    pub async fn fetch(self) -> Result<Found<M, M::Id>, FetchError> {
        let fetched = if self.selection.is_local() {
            Default::default()
        } else {
            self.shared.adapter().fetch(&self.selection).await?
        };
        Ok(Found {
            here: self.members(),
            elsewhere: fetched.members,
            missing_nodes: fetched.missing_nodes,
        })
    }

    /// The choice as plain data.
    pub fn into_selection(self) -> Selection<M::Id> {
        self.selection
    }

    fn map(self, change: impl FnOnce(Selection<M::Id>) -> Selection<M::Id>) -> Self {
        Self {
            shared: self.shared,
            selection: change(self.selection),
        }
    }

    fn command(self, command: &Command<M::Packet>) -> Outcome {
        self.shared.command(&self.selection, command)
    }
}

impl<M: Member> Clone for Select<'_, M> {
    fn clone(&self) -> Self {
        Self::new(self.shared, self.selection.clone())
    }
}

impl<M: Member> fmt::Debug for Select<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("selection", &self.selection)
            .finish_non_exhaustive()
    }
}

fn names(rooms: impl IntoIterator<Item = impl Into<Text>>) -> Vec<Text> {
    rooms.into_iter().map(Into::into).collect()
}
