//! The server: its namespaces, and what makes it a mount.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, VecDeque},
    fmt,
    marker::PhantomData,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sockeye_core::{
    Text,
    socketio::{Config, Parser, ParserKind, ParserLimits},
};
use sockeye_rooms::{Adapter, Rooms};
use sockeye_tower::{BoxFuture, EngineIo, Handler, MountLayer, MountService, Session};

use crate::{
    Broadcast, Namespace, Recovery, Socket,
    client::Client,
    dynamic::{AnyMatcher, DynamicNamespace, Forgotten, Matcher},
    namespace::Behaviour,
};

/// A Socket.IO server; cheap to clone, all clones are the same one.
///
/// Keep a clone wherever something is to be sent from, a route's state for example.
///
/// # Example
///
/// ```
/// use sockeye_socketio::{Ack, Data, Socket, SocketIo};
///
/// let io = SocketIo::new();
/// io.of("/").on_connect(async |socket: Socket| {
///     let _ = socket.join("lobby");
///     socket.on("message", async |socket: Socket, Data(text): Data<String>, ack: Ack| {
///         socket.to("lobby").emit("message", &text).await?;
///         ack.send("stored")
///     });
/// });
/// let service = io.service();
/// # let _ = service;
/// ```
#[derive(Clone)]
pub struct SocketIo {
    server: Arc<Server>,
}

/// What a server is made of; see [`SocketIo::builder`].
#[must_use]
pub struct Builder {
    parts: Parts,
}

struct Parts {
    engine: Vec<Box<Configure>>,
    parser: ParserKind,
    config: Config,
    attachments: Option<usize>,
    attachment_bytes: Option<usize>,
    limits: Limits,
    recovery: Option<Recovery>,
    clean_up: bool,
    state: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    rooms: Option<Box<MakeRooms>>,
}

type Configure = dyn Fn(EngineIo<Runner>) -> EngineIo<Runner> + Send + Sync;
type MakeRooms = dyn Fn(&str) -> sockeye_rooms::Builder<Socket> + Send + Sync;

/// What bounds a client and its sockets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Handlers of one connection that may wait at a time.
    pub(crate) waiting_handlers: usize,
    /// Events of one socket whose answers are waited for.
    pub(crate) pending_acks: usize,
}

pub(crate) struct Server {
    parts: Parts,
    namespaces: RwLock<HashMap<Text, Entry>>,
    dynamic: RwLock<Vec<DynamicNamespace>>,
    /// Vacant children that are kept for those who may come back, and when nobody can any more.
    lingering: Mutex<VecDeque<(Instant, Text)>>,
    clients: AtomicUsize,
}

struct Entry {
    namespace: Namespace,
    origin: Origin,
    /// What it shares with others, if a pattern made it.
    parent: Option<Arc<Behaviour>>,
    /// When it is to be looked after, as nobody can come back any more.
    lingers: Option<Instant>,
}

/// Who asked for a namespace to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It goes with its last socket.
    Client,
    /// It stays: who made it may send by it, whatever clients do.
    Application,
}

/// Whether there is a namespace of a name.
pub(crate) enum Lookup {
    Found(Namespace),
    /// Someone is to be asked first.
    Ask(Vec<DynamicNamespace>),
}

impl SocketIo {
    /// A server with the defaults of Node's, and the namespace `/`.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A server of which something is to be otherwise.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use sockeye_socketio::{Recovery, SocketIo};
    ///
    /// let io = SocketIo::builder()
    ///     .engine_io(|engine| engine.allowed_origins(["https://example.com"]))
    ///     .connect_timeout(Duration::from_secs(10))
    ///     .recovery(Recovery::new())
    ///     .build();
    /// # let _ = io;
    /// ```
    pub fn builder() -> Builder {
        Builder {
            parts: Parts {
                engine: Vec::new(),
                parser: ParserKind::Text,
                config: Config::default(),
                attachments: None,
                attachment_bytes: None,
                limits: Limits {
                    waiting_handlers: 64,
                    pending_acks: 1024,
                },
                recovery: None,
                clean_up: true,
                state: HashMap::new(),
                rooms: None,
            },
        }
    }

    pub(crate) fn of_server(server: Arc<Server>) -> Self {
        Self { server }
    }

    /// The namespace of this name, made if it is new; a slash in front is added if it is missing.
    ///
    /// Clients can connect to it from now on. A name that a pattern of [`dynamic`](Self::dynamic)
    /// matches gives a child of that one: what is added to it comes behind what its parent has. A client is refused under a name of more than 255 bytes, and
    /// cannot ask for one with a comma unless it speaks msgpack.
    pub fn of(&self, name: impl AsRef<str>) -> Namespace {
        let name = name.as_ref();
        let name = match name.strip_prefix('/') {
            Some(_) => Text::from(name),
            None => Text::from(format!("/{name}")),
        };
        self.server.make(name)
    }

    /// Namespaces that come into being when a client asks for them: of every name that a
    /// [`Regex`](regex::Regex) matches, or that an async closure over the name and the auth payload
    /// lets in.
    ///
    /// Matchers are asked in the order in which they were added, and none for a name that is there.
    /// A namespace that was made this way goes with its last socket; see
    /// [`Builder::clean_up_namespaces`]. The whole of a name is to match if the pattern says so: `^`
    /// and `$`.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_socketio::{Socket, SocketIo, Value};
    ///
    /// let io = SocketIo::new();
    /// io.dynamic(regex::Regex::new(r"^/room-\d+$")?).on_connect(async |socket: Socket| {
    ///     socket.emit("you are in", socket.namespace().name()).await
    /// });
    /// io.dynamic(async |name: String, auth: Value| {
    ///     name.starts_with("/private-") && auth.get("token").is_some()
    /// });
    /// # Ok::<(), regex::Error>(())
    /// ```
    pub fn dynamic<Kind: 'static>(&self, matcher: impl Matcher<Kind>) -> DynamicNamespace {
        let matcher: Arc<dyn AnyMatcher> = Arc::new(Forgotten(matcher, PhantomData));
        let dynamic = DynamicNamespace {
            matcher,
            behaviour: Arc::default(),
            server: Arc::downgrade(&self.server),
        };
        let mut all = self.server.dynamic.write();
        let all = all.as_mut().unwrap_or_else(|error| error.get_mut());
        all.push(dynamic.clone());
        dynamic
    }

    /// Chooses the sockets of a room of `/`; as `io.of("/").to(room)`.
    pub fn to(&self, room: impl Into<Text>) -> Broadcast {
        self.of("/").to(room)
    }

    /// The namespaces there are, in no order.
    pub fn namespaces(&self) -> Vec<Namespace> {
        self.server.look_after();
        let all = self.server.lock();
        all.values().map(|entry| entry.namespace.clone()).collect()
    }

    /// Clients that are connected: Engine.IO sessions, whatever they have joined.
    pub fn clients(&self) -> usize {
        self.server.clients.load(Ordering::Relaxed)
    }

    /// The mount, to put under a path: `/socket.io` unless clients are told otherwise, who ask for it
    /// with a slash behind.
    ///
    /// # Panics
    ///
    /// When options contradict each other, as [`EngineIo::service`].
    pub fn service(&self) -> MountService {
        self.engine_io().service()
    }

    /// A layer that answers below `path` and passes the rest on.
    ///
    /// # Panics
    ///
    /// As [`EngineIo::layer`].
    pub fn layer(&self, path: &str) -> MountLayer {
        self.engine_io().layer(path)
    }

    fn engine_io(&self) -> EngineIo<Runner> {
        let parts = &self.server.parts;
        let runner = |config| Runner {
            server: self.server.clone(),
            config,
        };
        let configure = |config: Arc<Config>| {
            let engine = EngineIo::new(runner(config));
            let options = parts.engine.iter();
            options.fold(engine, |engine, configure| configure(engine))
        };
        // What one message may have bounds what a packet may, and is known when all is configured.
        let mut limits = ParserLimits::for_payload(configure(Arc::default()).max_payload());
        limits.attachments = parts.attachments.unwrap_or(limits.attachments);
        limits.attachment_bytes = parts.attachment_bytes.unwrap_or(limits.attachment_bytes);
        configure(Arc::new(Config {
            parser: limits,
            ..parts.config.clone()
        }))
    }
}

/// For what takes mounts of any kind.
impl From<&SocketIo> for MountService {
    fn from(io: &SocketIo) -> Self {
        io.service()
    }
}

impl Builder {
    /// Configures what is below: transports, heartbeats, limits, origins, CORS, cookies, hooks, drain.
    ///
    /// May be called several times. `options` is called once for each mount that is made, and once
    /// more.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use sockeye_socketio::SocketIo;
    ///
    /// let io = SocketIo::builder()
    ///     .engine_io(|engine| engine.ping_interval(Duration::from_secs(10)).allow_eio3(true))
    ///     .build();
    /// # let _ = io;
    /// ```
    pub fn engine_io(
        mut self,
        options: impl Fn(EngineIo<Runner>) -> EngineIo<Runner> + Send + Sync + 'static,
    ) -> Self {
        self.parts.engine.push(Box::new(options));
        self
    }

    /// How packets are written; the clients must use the same.
    ///
    /// Default: Socket.IO's own, text with attachments. [`MsgpackParser`](crate::MsgpackParser) speaks
    /// with clients that use `socket.io-msgpack-parser`; [`Parser`](crate::Parser) shows how to write
    /// another.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_socketio::{MsgpackParser, SocketIo};
    ///
    /// let io = SocketIo::builder().parser(MsgpackParser).build();
    /// # let _ = io;
    /// ```
    pub fn parser(mut self, parser: impl Parser) -> Self {
        self.parts.parser = ParserKind::other(parser);
        self
    }

    /// How long a client may take to join its first namespace; then its session is closed.
    ///
    /// Default: 45 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.parts.config.connect_timeout = timeout;
        self
    }

    /// How long the attachments of a packet may take to arrive; then the client's session is closed.
    ///
    /// Default: 60 seconds.
    pub fn attachments_timeout(mut self, timeout: Duration) -> Self {
        self.parts.config.attachments_timeout = timeout;
        self
    }

    /// Attachments of one packet from a client; one more closes its session.
    ///
    /// Default: 10, as Node's parser.
    pub fn max_attachments(mut self, attachments: usize) -> Self {
        self.parts.attachments = Some(attachments);
        self
    }

    /// Bytes of all attachments of one packet from a client; one more closes its session.
    ///
    /// Default: four times the longest message, at most 10 MiB.
    pub fn max_attachment_bytes(mut self, bytes: usize) -> Self {
        self.parts.attachment_bytes = Some(bytes);
        self
    }

    /// Namespaces that one client may join; when it asks for one more its `connect_error` says
    /// `Too many namespaces`, and its session is closed.
    ///
    /// Default: 32.
    pub fn max_namespaces(mut self, namespaces: usize) -> Self {
        self.parts.config.namespaces = namespaces;
        self
    }

    /// Handlers of one connection that may wait at a time; at that number no further event is taken,
    /// and soon the socket is not read.
    ///
    /// A handler that waits for its client's answer ([`Socket::emit_with_ack`]) is one of them, and
    /// the answer may be behind events that are not taken: give such waits a timeout.
    ///
    /// Default: 64.
    pub fn max_waiting_handlers(mut self, handlers: usize) -> Self {
        self.parts.limits.waiting_handlers = handlers.max(1);
        self
    }

    /// Events of one socket whose answers are waited for; one more is
    /// [`EmitError::TooManyAcks`](crate::EmitError::TooManyAcks).
    ///
    /// Default: 1,024.
    pub fn pending_acks(mut self, acks: usize) -> Self {
        self.parts.limits.pending_acks = acks;
        self
    }

    /// Lets clients that lost their connection come back to where they were: same id, rooms and
    /// data, and the events that they missed. [`Recovery`] has an example.
    ///
    /// Default: they come back as new ones.
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.parts.recovery = Some(recovery);
        self
    }

    /// Whether a namespace that [`SocketIo::dynamic`] made goes with its last socket.
    ///
    /// Default: it does, unless it was given handlers of its own. Its rooms are gone anyway then; what stays otherwise is its name, which
    /// clients choose.
    pub fn clean_up_namespaces(mut self, clean_up: bool) -> Self {
        self.parts.clean_up = clean_up;
        self
    }

    /// Something of the application's for handlers, which ask for it as
    /// [`State`](crate::State): one value for each type, the last one given.
    ///
    /// Default: none; a handler that asks for what is not there is not called, and the error goes to
    /// [`Socket::on_error`].
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_socketio::{Socket, SocketIo, State};
    ///
    /// #[derive(Clone)]
    /// struct Greeting(&'static str);
    ///
    /// let io = SocketIo::builder().state(Greeting("hello")).build();
    /// io.of("/").on_connect(async |socket: Socket, State(greeting): State<Greeting>| {
    ///     socket.emit("greeting", greeting.0).await
    /// });
    /// ```
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, state: T) -> Self {
        self.parts.state.insert(TypeId::of::<T>(), Box::new(state));
        self
    }

    /// What joins each namespace's rooms with those of other nodes. `make` is called with the name
    /// of each namespace that is made. In place of what [`rooms`](Self::rooms) was given.
    ///
    /// Default: rooms are this node's alone ([`InMemory`](sockeye_rooms::InMemory)).
    pub fn adapter<A: Adapter<Socket>>(
        self,
        make: impl Fn(&str) -> A + Send + Sync + 'static,
    ) -> Self {
        self.rooms(move |namespace| Rooms::builder().adapter(make(namespace)))
    }

    /// How the rooms of a namespace are made: with other limits, or an adapter.
    ///
    /// Default: a socket may be in 1,024 rooms, and a room's name may have 255 bytes.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_rooms::Rooms;
    /// use sockeye_socketio::SocketIo;
    ///
    /// let io = SocketIo::builder()
    ///     .rooms(|_namespace| Rooms::builder().rooms_per_member(10))
    ///     .build();
    /// # let _ = io;
    /// ```
    pub fn rooms(
        mut self,
        make: impl Fn(&str) -> sockeye_rooms::Builder<Socket> + Send + Sync + 'static,
    ) -> Self {
        self.parts.rooms = Some(Box::new(make));
        self
    }

    /// Makes the server, with the namespace `/`.
    pub fn build(self) -> SocketIo {
        let server = Arc::new(Server {
            parts: self.parts,
            namespaces: RwLock::default(),
            dynamic: RwLock::default(),
            lingering: Mutex::default(),
            clients: AtomicUsize::new(0),
        });
        let io = SocketIo { server };
        io.of("/");
        io
    }
}

impl Server {
    pub(crate) fn parser(&self) -> &ParserKind {
        &self.parts.parser
    }

    pub(crate) fn limits(&self) -> Limits {
        self.parts.limits
    }

    pub(crate) fn recovery(&self) -> Option<Recovery> {
        self.parts.recovery
    }

    pub(crate) fn rooms(&self, namespace: &str) -> sockeye_rooms::Builder<Socket> {
        match &self.parts.rooms {
            Some(make) => make(namespace),
            None => Rooms::builder(),
        }
    }

    pub(crate) fn state<T: Clone + 'static>(&self) -> Option<T> {
        let state = self.parts.state.get(&TypeId::of::<T>())?;
        state.downcast_ref().cloned()
    }

    /// One client more, until it is dropped.
    pub(crate) fn count(&self) -> &AtomicUsize {
        &self.clients
    }

    /// The namespace a client asks for; it is occupied then.
    pub(crate) fn find(&self, name: &str) -> Lookup {
        if let Some(entry) = self.lock().get(name) {
            entry.namespace.occupy();
            return Lookup::Found(entry.namespace.clone());
        }
        // Before one more comes into being, those go that nobody can come back to.
        self.look_after();
        let dynamic = self.dynamic.read().unwrap_or_else(PoisonError::into_inner);
        Lookup::Ask(dynamic.clone())
    }

    /// The child of a name; it is occupied then.
    pub(crate) fn child(self: &Arc<Self>, name: Text, parent: &DynamicNamespace) -> Namespace {
        let behaviour = &parent.behaviour;
        // Made before the lock is taken, as the application has a part in it.
        let made = Namespace::new(name.clone(), self, Some(behaviour.clone()));
        let mut all = self.lock_mut();
        let entry = all.entry(name).or_insert_with(|| Entry {
            namespace: made.clone(),
            parent: Some(behaviour.clone()),
            origin: Origin::Client,
            lingers: None,
        });
        entry.namespace.occupy();
        let found = entry.namespace.clone();
        drop(all);
        drop(made);
        found
    }

    pub(crate) fn children(&self, parent: &Arc<Behaviour>) -> Vec<Namespace> {
        self.look_after();
        let all = self.lock();
        let is_child = |entry: &&Entry| {
            let own = entry.parent.as_ref();
            own.is_some_and(|own| Arc::ptr_eq(own, parent))
        };
        let children = all.values().filter(is_child);
        children.map(|entry| entry.namespace.clone()).collect()
    }

    /// Lets a vacant child go, at once or when nobody can come back to it any more.
    pub(crate) fn clean_up(&self, namespace: &Namespace) {
        if !self.parts.clean_up {
            return;
        }
        let is_kept = namespace.recovery().is_some_and(|it| !it.is_empty());
        let mut all = self.lock_mut();
        let entry = all.get_mut(namespace.text());
        let child = entry.filter(|it| it.origin == Origin::Client && it.namespace == *namespace);
        let Some(child) = child else { return };
        // Whoever looked it up meanwhile has occupied it under this lock. What the application gave
        // handlers to is not the clients' to end.
        if !namespace.is_vacant() || namespace.has_own() {
            return;
        }
        if is_kept {
            if child.lingers.is_none() {
                let at = now() + self.parts.recovery.map_or(Duration::ZERO, Recovery::time);
                child.lingers = Some(at);
                self.lock_lingering()
                    .push_back((at, namespace.text().clone()));
            }
            return;
        }
        let gone = all.remove(namespace.text());
        drop(all);
        drop(gone);
    }

    /// Lets those children go that were kept for clients who cannot come back any more.
    fn look_after(&self) {
        loop {
            let due = {
                let mut lingering = self.lock_lingering();
                match lingering.front() {
                    Some((at, _)) if *at < now() => lingering.pop_front(),
                    _ => return,
                }
            };
            let Some((at, name)) = due else { return };
            let namespace = {
                let mut all = self.lock_mut();
                // It may have gone, and come again, since.
                let entry = all.get_mut(&name).filter(|it| it.lingers == Some(at));
                let Some(entry) = entry else { continue };
                entry.lingers = None;
                entry.namespace.clone()
            };
            // If someone left it later, it is kept for as long again.
            self.clean_up(&namespace);
        }
    }

    fn make(self: &Arc<Self>, name: Text) -> Namespace {
        if let Some(entry) = self.lock().get(&name) {
            return entry.namespace.clone();
        }
        let parent = {
            let dynamic = self.dynamic.read().unwrap_or_else(PoisonError::into_inner);
            let owner = dynamic.iter().find(|it| it.matcher.owns(&name));
            owner.map(|owner| owner.behaviour.clone())
        };
        // Made before the lock is taken, as the application has a part in it.
        let made = Namespace::new(name.clone(), self, parent.clone());
        let mut all = self.lock_mut();
        let entry = all.entry(name).or_insert_with(|| Entry {
            namespace: made.clone(),
            parent,
            origin: Origin::Application,
            lingers: None,
        });
        let found = entry.namespace.clone();
        drop(all);
        drop(made);
        found
    }

    fn lock_lingering(&self) -> std::sync::MutexGuard<'_, VecDeque<(Instant, Text)>> {
        self.lingering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Text, Entry>> {
        self.namespaces
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_mut(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<Text, Entry>> {
        self.namespaces
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What runs for each Engine.IO session of the server: what [`Builder::engine_io`] configures a mount
/// of.
#[derive(Clone)]
pub struct Runner {
    server: Arc<Server>,
    config: Arc<Config>,
}

impl Handler for Runner {
    fn run(self, session: Session) -> BoxFuture<()> {
        Box::pin(Client::new(session, self.server, self.config))
    }
}

impl Default for SocketIo {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SocketIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIo")
            .field("clients", &self.clients())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("limits", &self.parts.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
