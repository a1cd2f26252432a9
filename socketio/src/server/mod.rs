//! The server: its namespaces, and what makes it a mount.

mod builder;
mod registry;
mod runner;

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, atomic::Ordering},
};

use sockeye_core::{
    Text,
    socketio::{Config, ParserLimits},
};
use sockeye_tower::{EngineIo, Handle, MountLayer, MountService};

use self::registry::Settled;
pub use self::{builder::Builder, runner::Runner};
pub(crate) use self::{
    builder::Limits,
    registry::{Lookup, Server},
};
use crate::{
    Broadcast, Namespace,
    dynamic::{AnyMatcher, DynamicNamespace, Forgotten, Matcher},
    recovery::MayMiss,
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
        Builder::new()
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

    /// The handle of the mounts, which drains them and counts the limits that clients ran into: the
    /// one that [`EngineIo::handle`] was given in [`Builder::engine_io`], or else the server's own.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_socketio::SocketIo;
    /// use sockeye_tower::Limit;
    ///
    /// let io = SocketIo::new();
    /// let counters = io.handle().clone();
    /// let metrics = move || {
    ///     [Limit::Attachments, Limit::Namespaces, Limit::MessageSize].map(|it| counters.limit_hits(it))
    /// };
    /// assert_eq!(metrics(), [0, 0, 0]);
    /// ```
    pub fn handle(&self) -> &Handle {
        self.server.handle()
    }

    fn engine_io(&self) -> EngineIo<Runner> {
        let settled = self.server.settled();
        self.configured(settled.config.clone(), &settled.handle)
    }

    fn configured(&self, config: Arc<Config>, handle: &Handle) -> EngineIo<Runner> {
        let engine = EngineIo::new(Runner {
            server: self.server.clone(),
            config,
        });
        let options = self.server.parts.engine.iter();
        options.fold(engine.handle(handle), |engine, configure| configure(engine))
    }

    /// Looks at what the mounts will be.
    fn settle(&self) {
        let parts = &self.server.parts;
        let engine = self.configured(Arc::default(), &Handle::new());
        // What one message may have bounds what a packet may, and is known when all is configured.
        let mut limits = ParserLimits::for_payload(engine.max_payload());
        limits.attachments = parts.attachments.unwrap_or(limits.attachments);
        limits.attachment_bytes = parts.attachment_bytes.unwrap_or(limits.attachment_bytes);
        let settled = Settled {
            handle: engine.mount_handle().clone(),
            may_miss: MayMiss::of(engine.hard_outbox_limits()),
            config: Arc::new(Config {
                parser: limits,
                ..parts.config.clone()
            }),
        };
        // It is the first time: the server has just been made.
        let _ = self.server.settled.set(settled);
    }
}

/// For what takes mounts of any kind.
impl From<&SocketIo> for MountService {
    fn from(io: &SocketIo) -> Self {
        io.service()
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
