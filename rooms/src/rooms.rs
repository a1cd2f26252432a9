//! The handle users hold.

use std::{fmt, sync::Arc};

use sockeye_core::{Member, Text};

use crate::{
    Adapter, FetchError, InMemory, JoinError, Local, Outcome, PublishError, Select, Selection,
    limits::{ROOM_NAME_BYTES, ROOMS_PER_MEMBER},
    membership::Limits,
    shared::{Arrive, Hear, Hooks, Refused, Shared},
};

/// Rooms, and the members in them; cheap to clone, all clones are the same rooms.
///
/// A room is there while someone is in it. A member leaves all its rooms by itself when it ends. Methods that look (`members`, `len` and the like) see the
/// members of this node; what is sent goes to all nodes that the [`Adapter`] joins.
///
/// # Example
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rooms/person.rs"));
/// # fn main() {
/// use sockeye_rooms::Rooms;
///
/// let rooms = Rooms::<Person>::new();
/// let (ann, ben) = (Person::new("ann"), Person::new("ben"));
/// rooms.join("lobby", &ann).unwrap();
/// rooms.join("lobby", &ben).unwrap();
///
/// let outcome = rooms.to("lobby").except(&ann).send("ann is here");
/// assert_eq!(outcome.reached, 1);
/// assert_eq!(ben.take(), ["ann is here"]);
///
/// ben.end();
/// assert_eq!(rooms.len("lobby"), 1);
/// # }
/// ```
pub struct Rooms<M: Member> {
    shared: Arc<Shared<M>>,
}

impl<M: Member> Rooms<M> {
    /// Rooms on this node alone, with the default limits.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Rooms with other limits, or joined with those of other nodes.
    pub fn builder() -> Builder<M> {
        Builder {
            limits: Limits {
                rooms_per_member: ROOMS_PER_MEMBER,
                room_name_bytes: ROOM_NAME_BYTES,
            },
            adapter: Box::new(InMemory),
            hear: None,
            arrive: None,
            refused: None,
        }
    }

    /// Makes a member known to [`everyone`](Self::everyone) without a room; joining does so too.
    ///
    /// # Errors
    ///
    /// [`JoinError::Ended`] when the member has ended.
    pub fn add<A: AsRef<M> + ?Sized>(&self, member: &A) -> Result<(), JoinError> {
        self.shared.join(member.as_ref(), &[]).map(drop)
    }

    /// Puts a member in a room, from where it goes by itself when it ends.
    ///
    /// `false` when it was there already. A broadcast that starts after this returns reaches it.
    ///
    /// # Errors
    ///
    /// [`JoinError::TooManyRooms`] and [`JoinError::NameTooLong`] beyond the limits, which matter
    /// where clients name rooms; [`JoinError::Ended`] when the member has ended. Nothing has changed
    /// then.
    ///
    /// # Example
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rooms/person.rs"));
    /// # fn main() {
    /// use sockeye_rooms::{JoinError, Rooms};
    ///
    /// let rooms = Rooms::<Person>::new();
    /// let ann = Person::new("ann");
    /// assert_eq!(rooms.join("lobby", &ann), Ok(true));
    /// assert_eq!(rooms.join("lobby", &ann), Ok(false));
    /// assert_eq!(rooms.join("x".repeat(256), &ann), Err(JoinError::NameTooLong { limit: 255 }));
    /// # }
    /// ```
    pub fn join<A>(&self, room: impl Into<Text>, member: &A) -> Result<bool, JoinError>
    where
        A: AsRef<M> + ?Sized,
    {
        let joined = self.shared.join(member.as_ref(), &[room.into()])?;
        Ok(joined > 0)
    }

    /// Puts a member in all of some rooms, or in none of them; tells in how many it was not before.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn join_all<A>(
        &self,
        rooms: impl IntoIterator<Item = impl Into<Text>>,
        member: &A,
    ) -> Result<usize, JoinError>
    where
        A: AsRef<M> + ?Sized,
    {
        let rooms: Vec<Text> = rooms.into_iter().map(Into::into).collect();
        self.shared.join(member.as_ref(), &rooms)
    }

    /// Whether the limits let one member be in all of these rooms; it joins none.
    ///
    /// For who joins them later, with what a client names now.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join), but for [`JoinError::Ended`].
    pub fn check<A>(&self, rooms: &[Text], member: &A) -> Result<(), JoinError>
    where
        A: AsRef<M> + ?Sized,
    {
        self.shared.check(member.as_ref(), rooms)
    }

    /// Takes a member out of a room; `false` when it was not there.
    ///
    /// A broadcast that starts after this returns does not reach it there; one under way may.
    pub fn leave<A: AsRef<M> + ?Sized>(&self, room: &str, member: &A) -> bool {
        self.shared.leave(&member.as_ref().id(), &[room]) > 0
    }

    /// Takes a member out of all its rooms, but not of one that it alone is in, and tells how many
    /// those were; everyone includes it still.
    pub fn leave_all<A: AsRef<M> + ?Sized>(&self, member: &A) -> usize {
        self.shared.leave_all(&member.as_ref().id())
    }

    /// The member of this id, in a room or not.
    pub fn member(&self, id: &M::Id) -> Option<M> {
        self.shared.look(|membership| membership.member(id))
    }

    /// The members of a room, in no order.
    pub fn members(&self, room: &str) -> Vec<M> {
        self.shared.select(&Selection::room(room)).members()
    }

    /// How many members are in a room.
    pub fn len(&self, room: &str) -> usize {
        self.shared.look(|membership| membership.len(room))
    }

    /// How many members are known, in a room or not.
    pub fn known(&self) -> usize {
        self.shared.look(|membership| membership.members())
    }

    /// Whether nobody is known, and so there is no room.
    pub fn is_empty(&self) -> bool {
        self.shared.look(|membership| membership.is_empty())
    }

    /// Whether the member is in the room.
    pub fn contains<A: AsRef<M> + ?Sized>(&self, room: &str, member: &A) -> bool {
        let id = member.as_ref().id();
        self.shared
            .look(|membership| membership.contains(room, &id))
    }

    /// The rooms there are, in no order.
    pub fn rooms(&self) -> Vec<Text> {
        self.shared.look(|membership| membership.rooms())
    }

    /// The rooms a member is in, by name.
    pub fn rooms_of<A: AsRef<M> + ?Sized>(&self, member: &A) -> Vec<Text> {
        let id = member.as_ref().id();
        self.shared.look(|membership| membership.rooms_of(&id))
    }

    /// Chooses the members of a room; the start of a broadcast.
    ///
    /// # Example
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rooms/person.rs"));
    /// # fn main() {
    /// # let rooms = sockeye_rooms::Rooms::<Person>::new();
    /// # let (ann, ben) = (Person::new("ann"), Person::new("ben"));
    /// rooms.join_all(["chess", "go"], &ann).unwrap();
    /// rooms.join("go", &ben).unwrap();
    ///
    /// // Ann is in both rooms and is told once.
    /// assert_eq!(rooms.to("chess").to("go").send("closing time").reached, 2);
    /// assert_eq!(ann.take(), ["closing time"]);
    /// # }
    /// ```
    pub fn to(&self, room: impl Into<Text>) -> Select<'_, M> {
        self.select(Selection::room(room))
    }

    /// Chooses the members of any of these rooms; of no room is nobody.
    pub fn to_all(&self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Select<'_, M> {
        self.select(Selection::rooms(rooms))
    }

    /// Chooses all members known: those that ever joined a room or were added, and have not ended.
    ///
    /// # Example
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rooms/person.rs"));
    /// # fn main() {
    /// # let rooms = sockeye_rooms::Rooms::<Person>::new();
    /// # let (ann, ben) = (Person::new("ann"), Person::new("ben"));
    /// rooms.add(&ann).unwrap();
    /// rooms.join("lobby", &ben).unwrap();
    /// assert_eq!(rooms.everyone().except_room("lobby").send("come in").reached, 1);
    /// assert_eq!(ann.take(), ["come in"]);
    /// # }
    /// ```
    pub fn everyone(&self) -> Select<'_, M> {
        self.select(Selection::everyone())
    }

    /// Chooses by a selection made elsewhere.
    pub fn select(&self, selection: Selection<M::Id>) -> Select<'_, M> {
        Select::new(&self.shared, selection)
    }

    /// The members of this node, as its adapter sees them: what is done there is never published.
    pub fn local(&self) -> Local<M> {
        Local::new(Arc::downgrade(&self.shared))
    }

    /// Hands a packet to the application on every other node: to
    /// [`Builder::on_announcement`] there, and to no member.
    ///
    /// # Errors
    ///
    /// When the other nodes are not told.
    pub fn announce(&self, packet: impl Into<M::Packet>) -> Result<(), PublishError> {
        self.shared.adapter().announce(&packet.into())
    }

    /// How many nodes the adapter joins, this one included.
    ///
    /// # Errors
    ///
    /// When nobody could be asked.
    pub async fn nodes(&self) -> Result<usize, FetchError> {
        self.shared.adapter().nodes().await
    }

    /// Lets the adapter publish what is queued, say goodbye to the other nodes and stop.
    ///
    /// For the end of a drain; this node's members are untouched. Harmless without other nodes.
    pub async fn shutdown(&self) {
        self.shared.adapter().shutdown().await;
    }
}

impl<M: Member> Clone for Rooms<M> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<M: Member> Default for Rooms<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Member> fmt::Debug for Rooms<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of rooms may be personal; their number is not.
        f.debug_struct("Rooms")
            .field("known", &self.known())
            .field("rooms", &self.shared.look(|it| it.rooms_len()))
            .finish_non_exhaustive()
    }
}

/// What rooms are made of; see [`Rooms::builder`].
///
/// # Example
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rooms/person.rs"));
/// # fn main() {
/// use sockeye_rooms::{JoinError, Rooms};
///
/// let rooms = Rooms::<Person>::builder().rooms_per_member(1).build();
/// let ann = Person::new("ann");
/// rooms.join("lobby", &ann).unwrap();
/// assert_eq!(rooms.join("garden", &ann), Err(JoinError::TooManyRooms { limit: 1 }));
/// # }
/// ```
#[must_use]
pub struct Builder<M: Member> {
    limits: Limits,
    adapter: Box<dyn Adapter<M>>,
    hear: Option<Hear<M>>,
    arrive: Option<Arrive<M>>,
    refused: Option<Refused>,
}

impl<M: Member> Builder<M> {
    /// Rooms that one member may be in at a time.
    ///
    /// Default: 1,024. Joining one more is [`JoinError::TooManyRooms`].
    pub fn rooms_per_member(mut self, rooms: usize) -> Self {
        self.limits.rooms_per_member = rooms;
        self
    }

    /// Bytes of a room's name.
    ///
    /// Default: 255. Joining a longer one is [`JoinError::NameTooLong`].
    pub fn room_name_bytes(mut self, bytes: usize) -> Self {
        self.limits.room_name_bytes = bytes;
        self
    }

    /// What joins these rooms with those of other nodes.
    ///
    /// Default: [`InMemory`], for one node.
    pub fn adapter(mut self, adapter: impl Adapter<M>) -> Self {
        self.adapter = Box::new(adapter);
        self
    }

    /// Who hears what [`Rooms::announce`] tells on other nodes.
    ///
    /// Called by the adapter's tasks, so it must not wait. Default: nobody.
    pub fn on_announcement(mut self, hear: impl Fn(&M::Packet) + Send + Sync + 'static) -> Self {
        self.hear = Some(Box::new(hear));
        self
    }

    /// Who sends to this node's members what the adapter brings for them, in place of the rooms.
    ///
    /// For who has to do something with each packet, such as to keep it, and then sends it to the
    /// selection by [`Select::local`]. Called by the adapter's tasks, so it must not wait.
    pub fn on_arrival(
        mut self,
        arrive: impl Fn(&Selection<M::Id>, &M::Packet) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.arrive = Some(Box::new(arrive));
        self
    }

    /// Who hears that a member did not join because of a limit, whoever wanted it to: a counter,
    /// say. Never of [`JoinError::Ended`].
    ///
    /// Called in the middle of joining, so it must not wait. Default: nobody.
    pub fn on_refused(mut self, refused: impl Fn(JoinError) + Send + Sync + 'static) -> Self {
        self.refused = Some(Box::new(refused));
        self
    }

    /// Makes the rooms, and attaches the adapter to them.
    pub fn build(self) -> Rooms<M> {
        let hooks = Hooks {
            hear: self.hear,
            arrive: self.arrive,
            refused: self.refused,
        };
        let shared = Shared::new(self.limits, self.adapter, hooks);
        shared.adapter().attach(Local::new(Arc::downgrade(&shared)));
        Rooms { shared }
    }
}

impl<M: Member> fmt::Debug for Builder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
