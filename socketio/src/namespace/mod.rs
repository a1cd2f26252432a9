//! A channel of its own within every client's connection.

mod behaviour;
mod between;
mod occupancy;
mod sending;

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize},
    },
};

use sockeye_core::{Text, socketio::ParserKind};
use sockeye_rooms::{Outcome, Rooms};
use sockeye_tower::{Handle, Limit};

pub(crate) use self::behaviour::Behaviour;
use crate::{
    Socket,
    error::Refusal,
    handler::{Handler, Kept, Returned},
    listeners::keep,
    recovery::{Shared, Store},
    server::{Limits, Server},
};

/// A namespace; cheap to clone, all clones are the same one.
///
/// Get it from [`SocketIo::of`](crate::SocketIo::of), in `main` or in any handler of any protocol.
///
/// # Example
///
/// ```
/// use sockeye_socketio::{Data, Refusal, Socket, SocketIo};
///
/// #[derive(serde::Deserialize)]
/// struct Auth { token: String }
///
/// let io = SocketIo::new();
/// let admin = io.of("/admin");
/// admin.middleware(async |Data(auth): Data<Auth>| match auth.token.as_str() {
///     "secret" => Ok(()),
///     _ => Err(Refusal::new("unauthorized")),
/// });
/// admin.on_connect(async |socket: Socket| socket.emit("welcome", &()).await);
/// ```
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

struct Inner {
    name: Text,
    server: Weak<Server>,
    parser: ParserKind,
    limits: Limits,
    rooms: Rooms<Socket>,
    /// What the application gave to this one.
    own: Behaviour,
    /// What it gave to the pattern that this one is a child of.
    parent: Option<Arc<Behaviour>>,
    /// The id of the next event that wants an answer.
    acks: AtomicU64,
    recovery: Option<Store>,
    /// In its stead, what keeps sessions for all nodes.
    sessions: Option<Shared>,
    /// Counts the limits that clients run into.
    handle: Handle,
    /// Sockets that are connected or on their way: a namespace that a pattern made goes with the last.
    occupants: AtomicUsize,
}

impl Namespace {
    pub(crate) fn new(name: Text, server: &Arc<Server>, parent: Option<Arc<Behaviour>>) -> Self {
        Self(Arc::new_cyclic(|this: &Weak<Inner>| {
            let (here, there) = (this.clone(), this.clone());
            let mut rooms = server.rooms(&name).on_announcement(move |packet| {
                if let Some(inner) = here.upgrade() {
                    Self(inner).hear(packet);
                }
            });
            let counting = server.handle().clone();
            rooms = rooms.on_refused(move |_| counting.count(Limit::Rooms));
            let sessions = server.sessions(&name);
            let recovery = server.recovery().filter(|_| sessions.is_none());
            if recovery.is_some() || sessions.is_some() {
                rooms = rooms.on_arrival(move |selection, packet| {
                    let namespace = there.upgrade().map(Self);
                    namespace.map_or_else(Outcome::default, |it| it.arrive(selection, packet))
                });
            }
            Inner {
                server: Arc::downgrade(server),
                parser: server.parser().clone(),
                limits: server.limits(),
                rooms: rooms.build(),
                own: Behaviour::default(),
                parent,
                acks: AtomicU64::new(0),
                recovery: recovery.map(|it| Store::new(it, server.may_miss(), server.handle())),
                sessions,
                handle: server.handle().clone(),
                occupants: AtomicUsize::new(0),
                name,
            }
        }))
    }

    /// The name, with its slash.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Calls `handler` for each socket that connects, after the client has been told.
    ///
    /// What the handler registers before it first waits hears every event. Several handlers are
    /// started in the order in which they were added; later ones than a connection do not see it.
    /// [`Data`](crate::Data) is the auth payload there.
    ///
    /// # Protocol
    ///
    /// The client's CONNECT has been answered with the socket's id, so that what the handler emits
    /// comes behind it.
    pub fn on_connect<H, A>(&self, handler: H)
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        self.0.own.on_connect(keep(handler, None));
    }

    /// Puts a middleware before connections: it lets each in, or refuses it with a message and data
    /// for the client's `connect_error`.
    ///
    /// Middlewares run in the order in which they were added, one after another. Besides the socket
    /// they can ask for the auth payload ([`Data`](crate::Data)), the [`Handshake`](crate::Handshake)
    /// and extensions; a socket in a middleware is not connected yet, but may join rooms and keep data.
    /// One that asks for what is not there refuses, with the error's text. One that panics closes the
    /// client's session. For a client's first namespace they have as long as
    /// [`Builder::connect_timeout`](crate::Builder::connect_timeout), and later no bound.
    ///
    /// # Protocol
    ///
    /// A refusal is a CONNECT_ERROR; the client may ask again on the same session.
    pub fn middleware<H, A, E>(&self, middleware: H)
    where
        H: Handler<A, Output = Result<(), E>>,
        A: 'static,
        E: Into<Refusal> + 'static,
    {
        self.0.own.middleware(Arc::new(Kept::new(middleware, None)));
    }

    /// Has each socket's events handled one after another: the next is started when the handlers of
    /// the one before have ended. Acks and disconnections do not wait for it. What a handler registers
    /// before it ends hears the next event.
    ///
    /// Default: events are started in the order in which they arrive, and those that wait go on side
    /// by side. It cannot be taken back.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_socketio::{Data, Socket, SocketIo};
    ///
    /// let io = SocketIo::new();
    /// let bank = io.of("/bank");
    /// bank.sequential();
    /// bank.on_connect(async |socket: Socket| {
    ///     socket.on("transfer", async |Data(cents): Data<u64>| {
    ///         tokio::task::yield_now().await; // the next transfer waits for this one
    ///         println!("{cents} on their way");
    ///     });
    /// });
    /// ```
    pub fn sequential(&self) {
        self.0.own.sequential();
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Namespace {}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}
