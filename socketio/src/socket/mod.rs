//! The handle of one client in one namespace.

mod belonging;
mod emitting;
mod hearing;
mod keeping;
mod leaving;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
};

use http::Extensions;
use sockeye_core::{
    Delivered, Delivery, Member, Text,
    session::{Close, CloseReason},
    socketio::{Data, Place, Value},
};
use sockeye_tower::{Sender, Transport};

pub(crate) use self::leaving::End;
use crate::{
    EmitError, Handshake, Namespace, Reason, SocketId,
    ack::{Pending, Waiter},
    client::Shared as Client,
    listeners::Listeners,
    packet::Packet,
};

/// One client in one namespace; cheap to clone.
///
/// It may be kept and used from any task. Once the client has left, sending is an error and nothing
/// keeps the connection.
///
/// Handlers run in the connection's own task, started in the order in which events arrive; register
/// them before the connection's handler first waits, or the first events may find nobody.
///
/// # Example
///
/// ```
/// use sockeye_socketio::{Data, Socket, SocketIo};
///
/// let io = SocketIo::new();
/// io.of("/").on_connect(async |socket: Socket| {
///     socket.on("message", async |socket: Socket, Data(text): Data<String>| {
///         socket.emit("message-back", &text).await
///     });
/// });
/// ```
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    id: SocketId,
    namespace: Namespace,
    client: Arc<Client>,
    phase: AtomicU8,
    /// Whether somebody listens to what is sent: a flag, so that a broadcast takes no lock for it.
    hears_outgoing: AtomicU8,
    is_recovered: bool,
    /// Events that are being handled, where they are handled one after another.
    busy: AtomicU32,
    state: Mutex<State>,
}

/// One event that is being handled.
pub(crate) struct Busy(Socket);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct State {
    place: Option<Place>,
    listeners: Listeners,
    pending: Pending,
    extensions: Extensions,
    data: Option<Box<Value>>,
    auth: Option<Data>,
    apart: Apart,
    /// Who is told when the socket has left its rooms.
    farewells: Farewells,
    /// The secret by which it is recovered.
    pid: Option<Box<str>>,
    /// It has left its rooms and its namespace.
    is_cleared: bool,
    /// Its last handler has ended: what is given to it now is not kept.
    is_over: bool,
}

/// The rooms of a socket that shares its name with another one of its client, which has the name's
/// place among the namespace's rooms.
#[derive(Default)]
enum Apart {
    /// There is no other.
    #[default]
    Not,
    /// It comes back, and has not been let in: where its middlewares had it join.
    Entering(Vec<Text>),
    /// Its client came back by another connection, and it has not been told yet.
    Former(Vec<Text>),
}

type Farewell = Box<dyn FnOnce() + Send>;

/// That of its namespace's rooms, and seldom another.
#[derive(Default)]
struct Farewells {
    first: Option<Farewell>,
    /// Only behind a first.
    #[expect(clippy::box_collection, reason = "most sockets pay one word for it")]
    more: Option<Box<Vec<Farewell>>>,
}

impl Farewells {
    fn push(&mut self, farewell: Farewell) {
        if self.first.is_none() {
            self.first = Some(farewell);
        } else {
            self.more.get_or_insert_default().push(farewell);
        }
    }

    /// Tells them all.
    fn tell(self) {
        let more = self.more.into_iter().flat_map(|more| *more);
        for farewell in self.first.into_iter().chain(more) {
            farewell();
        }
    }
}

/// Where a socket is in its life.
const CONNECTING: u8 = 0;
const CONNECTED: u8 = 1;
/// It has left; nothing is sent any more.
const GONE: u8 = 2;

/// What a socket is made of.
pub(crate) struct Seed {
    pub(crate) id: SocketId,
    pub(crate) namespace: Namespace,
    pub(crate) client: Arc<Client>,
    pub(crate) auth: Option<Data>,
    pub(crate) pid: Option<Box<str>>,
    pub(crate) is_recovered: bool,
    pub(crate) data: Option<Box<Value>>,
}

impl Socket {
    pub(crate) fn new(seed: Seed) -> Self {
        Self(Arc::new(Inner {
            id: seed.id,
            namespace: seed.namespace,
            client: seed.client,
            phase: AtomicU8::new(CONNECTING),
            hears_outgoing: AtomicU8::new(0),
            is_recovered: seed.is_recovered,
            busy: AtomicU32::new(0),
            state: Mutex::new(State {
                auth: seed.auth,
                pid: seed.pid,
                data: seed.data,
                apart: match seed.is_recovered {
                    true => Apart::Entering(Vec::new()),
                    false => Apart::Not,
                },
                ..State::default()
            }),
        }))
    }

    /// The socket's public name, and that of the room which it alone is in.
    pub fn id(&self) -> &SocketId {
        &self.0.id
    }

    /// The namespace that it is connected to.
    pub fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// Whether it is connected: its connection's handler has been called, and it has not left.
    pub fn is_connected(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) == CONNECTED
    }

    /// Whether it is the same client as before a disconnection, its rooms and data restored.
    pub fn is_recovered(&self) -> bool {
        self.0.is_recovered
    }

    /// What the client came with: its first request, and its auth payload.
    pub fn handshake(&self) -> Handshake {
        let auth = self.state().auth.clone();
        Handshake::new(self.0.client.clone(), auth)
    }

    /// The transport that carries it at present.
    pub fn transport(&self) -> Transport {
        self.sender().transport()
    }

    /// The revision of Engine.IO that its client speaks: 3 for clients 1.x and 2.x, else 4.
    pub fn protocol(&self) -> u8 {
        self.0.client.revision_number()
    }

    /// Disconnects: what was emitted still goes out, then the client is told.
    ///
    /// With `close` every socket of the client disconnects, and its connection is closed; otherwise
    /// its other namespaces live on. Changes nothing once it has disconnected.
    ///
    /// The connection's task does it: [`is_connected`](Self::is_connected) is false at once without
    /// `close`, the handlers of the disconnection are called soon after.
    ///
    /// # Protocol
    ///
    /// DISCONNECT; clients call it `io server disconnect`, and do not come back by themselves.
    pub fn disconnect(&self, close: bool) {
        if self.0.phase.load(Ordering::Acquire) == GONE {
            return;
        }
        // At once, so that nothing is sent behind it; its task sees to the others.
        self.leave_namespace(Reason::ServerNamespaceDisconnect);
        if close {
            self.0.client.disconnect_all();
        }
    }

    // --- for the connection and the namespace

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.0.client
    }

    pub(crate) fn sender(&self) -> &Sender {
        self.0.client.sender()
    }

    /// Whether it is past the middlewares; in them it may be in rooms, and is nobody's to find.
    pub(crate) fn is_admitted(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) != CONNECTING
    }

    pub(crate) fn place(&self) -> Option<Place> {
        self.state().place
    }

    pub(crate) fn auth(&self) -> Option<Data> {
        self.state().auth.clone()
    }

    pub(crate) fn kept_data(&self) -> Option<Box<Value>> {
        self.state().data.clone()
    }

    /// It is busy with an event until the guard is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.0.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn pid(&self) -> Option<Box<str>> {
        self.state().pid.clone()
    }

    /// Where it will be, once it is connected.
    pub(crate) fn take_place(&self, place: Place) {
        self.state().place = Some(place);
    }

    /// It is connected from now on; `false` if it has gone before.
    pub(crate) fn connect(&self) -> bool {
        let phase = &self.0.phase;
        let connected =
            phase.compare_exchange(CONNECTING, CONNECTED, Ordering::AcqRel, Ordering::Acquire);
        connected.is_ok()
    }

    fn parser(&self) -> &sockeye_core::socketio::ParserKind {
        self.0.namespace.parser()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes who waits for an answer; nobody does once the socket has left.
    fn expect(&mut self, id: u64, waiter: Waiter, limit: usize) -> Result<(), EmitError> {
        if self.is_cleared {
            return Err(EmitError::Disconnected);
        }
        self.pending.insert(id, waiter, limit)
    }

    /// Whether the socket has not left its rooms.
    fn has_rooms(&self) -> bool {
        self.farewells.first.is_some()
    }
}

/// A socket is a member of rooms by itself.
impl Member for Socket {
    type Id = SocketId;
    type Packet = Packet;

    fn id(&self) -> SocketId {
        self.0.id.clone()
    }

    fn alone_in(room: &str) -> Option<SocketId> {
        SocketId::is_plausible(room).then(|| SocketId::from_text(room))
    }

    fn deliver(&self, packet: &Packet, delivery: Delivery) -> Delivered {
        packet.deliver(self, delivery)
    }

    /// Disconnects: with 1001 the whole connection closes.
    fn close(&self, code: u16, _: Text) {
        self.disconnect(code == Close::GOING_AWAY.code);
    }

    fn on_end(&self, farewell: Box<dyn FnOnce() + Send>) {
        {
            let mut state = self.state();
            if self.0.phase.load(Ordering::Acquire) != GONE {
                state.farewells.push(farewell);
                return;
            }
        }
        farewell();
    }
}

impl AsRef<Self> for Socket {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl PartialEq for Socket {
    /// Whether both are handles of the same connection.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.0.id)
            .field("namespace", &self.0.namespace.name())
            .finish_non_exhaustive()
    }
}

/// Ends a client's session because a handler of it panicked.
pub(crate) const PANICKED: CloseReason = CloseReason::HandlerPanicked;
