//! Where a bus between nodes takes hold.

use std::{fmt, sync::Weak};

use async_trait::async_trait;
use sockeye_core::{Member, Text};

use crate::{FetchError, Fetched, Outcome, PublishError, Selection, shared::Shared};

/// Joins rooms of the same kind on several nodes.
///
/// Membership stays on the node that has the member; an adapter carries commands. It is told what
/// to publish, and applies what arrives from other nodes through [`Local`].
///
/// ```text
/// rooms.to("a").send(x)                                             local.apply(selection, Send(x))
///       │                                                                     ^
///       ├──> publish(selection, Send(x)) ──> queue ──> bus ──> task ──────────┘
///       └──> members of this node                              (on every other node)
/// ```
///
/// # Nothing waits
///
/// `publish`, `room_opened` and `room_closed` are called in the middle of a broadcast, join or
/// farewell: they put what is to do in a queue of the adapter, bounded in commands and bytes, and
/// return. When that queue is full, `publish` answers [`PublishError::Full`]. Changes of rooms are
/// not lost so: an adapter that cannot note one subscribes again to what [`Local::rooms`] says.
/// They may call back into the rooms.
///
/// # Order
///
/// An adapter publishes in the order of the calls; then a sender's messages reach each member on each
/// node in the order sent. It never brings a command back to the node it came from, except one that
/// it took upon itself by [`AppliedBy::Adapter`], so that each member is reached once.
///
/// # Example
///
/// An adapter for one node that writes a journal:
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rooms/person.rs"));
/// # fn main() {
/// use sockeye_rooms::{Adapter, AppliedBy, Command, Local, Member, PublishError, Rooms, Selection};
/// use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
///
/// struct Journal(SyncSender<String>);
///
/// impl<M: Member> Adapter<M> for Journal {
///     fn attach(&self, _: Local<M>) {}
///
///     fn publish(&self, to: &Selection<M::Id>, command: &Command<M::Packet>) -> Result<AppliedBy, PublishError> {
///         let what = if let Command::Send(_) = command { "a message" } else { "something else" };
///         let line = format!("{what} to {:?}", to.in_rooms());
///         self.0.try_send(line).map_err(|error| match error {
///             TrySendError::Full(_) => PublishError::Full,
///             TrySendError::Disconnected(_) => PublishError::Closed,
///         })?;
///         Ok(AppliedBy::Rooms)
///     }
/// }
///
/// let (journal, lines) = sync_channel(8);
/// let rooms = Rooms::<Person>::builder().adapter(Journal(journal)).build();
/// rooms.to("lobby").send("hello");
/// assert_eq!(lines.try_recv().unwrap(), r#"a message to ["lobby"]"#);
/// # }
/// ```
#[async_trait]
pub trait Adapter<M: Member>: Send + Sync + 'static {
    /// Hands over this node's members, once and before anything else.
    ///
    /// The handle keeps nothing alive; it reaches nobody once the last `Rooms` is dropped. The adapter
    /// is dropped with them, maybe by one of its own tasks that just used the handle: dropping it
    /// must not wait for its tasks.
    fn attach(&self, local: Local<M>);

    /// Notes a command for the other nodes, and says who applies it to this one's members.
    ///
    /// Called before the command is applied here. Not called for a selection that is local.
    ///
    /// # Errors
    ///
    /// The reason ends up in [`Outcome::unpublished`]; the command is applied here even so.
    fn publish(
        &self,
        selection: &Selection<M::Id>,
        command: &Command<M::Packet>,
    ) -> Result<AppliedBy, PublishError>;

    /// The first member of this node joined a room: a bus with a channel per room subscribes.
    ///
    /// For each room, openings and closings are told in turn, one call at a time.
    fn room_opened(&self, room: &Text) {
        let _ = room;
    }

    /// The last member of this node left a room.
    fn room_closed(&self, room: &Text) {
        let _ = room;
    }

    /// Asks the other nodes who of theirs is selected.
    ///
    /// A node that does not answer within the selection's time
    /// ([`answers_within`](Selection::answers_within)), or else the adapter's, is counted and fails
    /// nothing.
    ///
    /// # Errors
    ///
    /// When nobody could be asked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the answers up and harms nothing.
    async fn fetch(&self, selection: &Selection<M::Id>) -> Result<Fetched<M::Id>, FetchError> {
        let _ = selection;
        Ok(Fetched::default())
    }

    /// Hands a packet to the application on every other node, for
    /// [`Builder::on_announcement`](crate::Builder::on_announcement) there; never to this node's.
    ///
    /// # Errors
    ///
    /// When the other nodes are not told.
    fn announce(&self, packet: &M::Packet) -> Result<(), PublishError> {
        let _ = packet;
        Ok(())
    }

    /// How many nodes there are, this one included.
    ///
    /// # Errors
    ///
    /// When nobody could be asked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the answer up and harms nothing.
    async fn nodes(&self) -> Result<usize, FetchError> {
        Ok(1)
    }

    /// Publishes what is still queued, says goodbye to the other nodes and stops; see
    /// [`Rooms::shutdown`](crate::Rooms::shutdown).
    async fn shutdown(&self) {}
}

/// What is done to the members of a selection.
///
/// An adapter has to carry each of these, so a new one is a breaking change on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<P> {
    /// They are sent a packet.
    Send(P),
    /// They join rooms: all of them, or none where a limit is in the way.
    Join(Vec<Text>),
    /// They leave rooms.
    Leave(Vec<Text>),
    /// They are closed.
    Close {
        /// The close code for their peers.
        code: u16,
        /// The reason for their peers.
        reason: Text,
    },
}

/// Who applies a published command to the members of the node it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliedBy {
    /// The rooms, before the call that published it returns.
    Rooms,
    /// The adapter through [`Local::apply`], once the bus has answered: where a packet needs
    /// something that only the bus can give, such as an offset in a stream.
    Adapter,
}

/// The members of one node, for its adapter; cheap to clone.
///
/// What it does stays on this node and is never published. It does not keep the rooms alive: once
/// they are gone it finds nobody.
pub struct Local<M: Member> {
    shared: Weak<Shared<M>>,
}

impl<M: Member> Local<M> {
    pub(crate) fn new(shared: Weak<Shared<M>>) -> Self {
        Self { shared }
    }

    /// Applies a command to the selected members of this node.
    ///
    /// It waits for nobody, as a broadcast never does. A packet goes to
    /// [`Builder::on_arrival`](crate::Builder::on_arrival), if something is there.
    pub fn apply(&self, selection: &Selection<M::Id>, command: &Command<M::Packet>) -> Outcome {
        self.ask(|shared| shared.arrive(selection, command))
    }

    /// Hands a packet that another node announced to this node's application.
    pub fn announce(&self, packet: &M::Packet) {
        self.ask(|shared| shared.hear(packet));
    }

    /// The selected members of this node, each once.
    pub fn members(&self, selection: &Selection<M::Id>) -> Vec<M> {
        self.ask(|shared| shared.select(selection).members())
    }

    /// Whether a member of this node is in the room, or is [alone](Member::alone_in) in it: else a
    /// message to it need not be decoded.
    pub fn has_room(&self, room: &str) -> bool {
        self.ask(|shared| {
            shared.look(|membership| {
                let is_there = |id: M::Id| membership.contains(room, &id);
                membership.len(room) > 0 || M::alone_in(room).is_some_and(is_there)
            })
        })
    }

    /// The rooms with members on this node, in no order.
    pub fn rooms(&self) -> Vec<Text> {
        self.ask(|shared| shared.look(|membership| membership.rooms()))
    }

    /// The rooms of a member of this node, by name.
    pub fn rooms_of(&self, id: &M::Id) -> Vec<Text> {
        self.ask(|shared| shared.look(|membership| membership.rooms_of(id)))
    }

    /// Whether the rooms are gone: the time for the adapter's tasks to end.
    pub fn is_gone(&self) -> bool {
        self.shared.strong_count() == 0
    }

    fn ask<R: Default>(&self, ask: impl FnOnce(&Shared<M>) -> R) -> R {
        self.shared
            .upgrade()
            .map_or_else(R::default, |shared| ask(&shared))
    }
}

impl<M: Member> Clone for Local<M> {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl<M: Member> fmt::Debug for Local<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("is_gone", &self.is_gone())
            .finish_non_exhaustive()
    }
}

/// The adapter of a node that is alone, and the default: there is nobody else to tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct InMemory;

impl<M: Member> Adapter<M> for InMemory {
    fn attach(&self, _: Local<M>) {}

    fn publish(
        &self,
        _: &Selection<M::Id>,
        _: &Command<M::Packet>,
    ) -> Result<AppliedBy, PublishError> {
        Ok(AppliedBy::Rooms)
    }
}
