//! The one way in which a broadcast reaches anyone.

use std::{fmt::Debug, hash::Hash};

use crate::Text;

/// One end of a broadcast: a session of whatever protocol, as membership and fan-out see it.
///
/// Who keeps members (rooms, say) and who makes them (the driver of a protocol) meet in this trait
/// and need not know each other. A member is a handle: cheap to clone, keeping nothing open.
/// [`id`](Self::id) and `clone` may be called under a lock of the caller, so they are plain reads.
///
/// # Example
///
/// A member that keeps what it is given:
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use sockeye_core::{Delivered, Delivery, Member, Prepared, Text};
///
/// #[derive(Clone, Default)]
/// struct Log(Arc<Mutex<Vec<Prepared>>>);
///
/// impl AsRef<Log> for Log {
///     fn as_ref(&self) -> &Log { self }
/// }
///
/// impl Member for Log {
///     type Id = usize;
///     type Packet = Prepared;
///
///     fn id(&self) -> usize { Arc::as_ptr(&self.0) as usize }
///     fn deliver(&self, packet: &Prepared, _: Delivery) -> Delivered {
///         self.0.lock().unwrap().push(packet.clone());
///         Delivered::Queued
///     }
///     fn close(&self, _: u16, _: Text) {}
///     fn on_end(&self, _never: Box<dyn FnOnce() + Send>) {}
/// }
///
/// let (log, other) = (Log::default(), Log::default());
/// let packet = Prepared::new("encoded once");
/// for member in [&log, &other] {
///     assert_eq!(member.deliver(&packet, Delivery::Reliable), Delivered::Queued);
/// }
/// assert!(log.0.lock().unwrap()[0].is_same(&other.0.lock().unwrap()[0]));
/// ```
pub trait Member: AsRef<Self> + Clone + Send + Sync + 'static {
    /// Names the member among all of its kind, on every node; never the secret id of its transport.
    ///
    /// Two members of one id are one member. Who takes over another's id (a recovered session) joins
    /// only after the other has ended.
    type Id: Clone + Eq + Hash + Ord + Debug + Send + Sync + 'static;

    /// What is encoded once and handed to every member; a clone copies no payload.
    ///
    /// What users may send is what converts into it.
    type Packet: Clone + Send + Sync + 'static;

    /// The member's name: always the same one.
    fn id(&self) -> Self::Id;

    /// The member that is the only one in a room of this name, without having joined it.
    ///
    /// For protocols in which each member's id is a room. The member may leave it, and join it again.
    /// Default: no room is like that.
    fn alone_in(room: &str) -> Option<Self::Id> {
        let _ = room;
        None
    }

    /// Queues the packet without waiting.
    ///
    /// At the hard limit of its queue a member that does not keep up is closed; a volatile packet
    /// is left out instead. Called with no lock of the caller held.
    fn deliver(&self, packet: &Self::Packet, delivery: Delivery) -> Delivered;

    /// Ends the member after what was queued before; the code and the reason are for its peer.
    ///
    /// Changes nothing once the member has ended. Called with no lock of the caller held.
    fn close(&self, code: u16, reason: Text);

    /// Calls `farewell` exactly once when the member has ended; at once if it has already.
    ///
    /// It may be called from any thread, but with no lock of the member held: a farewell takes
    /// locks of its own, which are held around `id` and `clone`.
    fn on_end(&self, farewell: Box<dyn FnOnce() + Send>);
}

/// What a packet is worth when a member does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It is queued; at the hard limit the member is closed, so that nobody goes on with a gap.
    #[default]
    Reliable,
    /// It is left out where it would have to wait, and nobody is closed for it.
    Volatile,
}

/// What became of a packet at one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivered {
    /// It is in the member's queue.
    Queued,
    /// It was left out and the member lives on: it was volatile and would have had to wait, or it
    /// is of a kind that the member cannot carry (binary on a text protocol).
    Skipped,
    /// The member had ended, or was closed just now because it does not keep up.
    Closed,
}
