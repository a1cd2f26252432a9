//! A channel of its own within every client's connection.

use std::{
    fmt,
    future::Ready,
    sync::{
        Arc, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::{
    Text,
    socketio::{Data, ParserKind},
};
use sockeye_rooms::{FetchError, Outcome, PublishError, Rooms};

use crate::{
    Broadcast, BroadcastWithAck, EmitError, RemoteSocket, Socket, SocketId, SocketIo,
    answers::Answers,
    call::{Call, Occasion, Of},
    emit::Packet,
    error::Refusal,
    handler::{Admit, Handler, Kept, Returned, Run},
    listeners::{keep, run_all},
    recovery::Store,
    server::{Limits, Server},
    server_side::Question,
};

/// A namespace; cheap to clone, all clones are the same one.
///
/// Get it from [`SocketIo::of`], in `main` or in any handler of any protocol.
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
    /// Sockets that are connected or on their way: a namespace that a pattern made goes with the last.
    occupants: AtomicUsize,
}

/// What a namespace does with connections; those of one pattern share it.
#[derive(Default)]
pub(crate) struct Behaviour {
    middlewares: RwLock<Arc<Vec<Arc<dyn Admit>>>>,
    on_connect: RwLock<Arc<Vec<Arc<dyn Run>>>>,
    server_side: RwLock<Vec<(Text, Arc<dyn Run>)>>,
    sequential: OnceLock<()>,
}

impl Namespace {
    pub(crate) fn new(name: Text, server: &Arc<Server>, parent: Option<Arc<Behaviour>>) -> Self {
        Self(Arc::new_cyclic(|this: &Weak<Inner>| {
            let this = this.clone();
            let rooms = server.rooms(&name).on_announcement(move |packet| {
                if let Some(inner) = this.upgrade() {
                    Self(inner).hear(packet);
                }
            });
            Inner {
                server: Arc::downgrade(server),
                parser: server.parser().clone(),
                limits: server.limits(),
                rooms: rooms.build(),
                own: Behaviour::default(),
                parent,
                acks: AtomicU64::new(0),
                recovery: server.recovery().map(Store::new),
                occupants: AtomicUsize::new(0),
                name,
            }
        }))
    }

    /// The name, with its slash.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    // --- connections

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
    /// the one before have ended. Acks and disconnections do not wait for it.
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

    // --- broadcasts

    /// Chooses the sockets of a room; the start of a broadcast.
    pub fn to(&self, room: impl Into<Text>) -> Broadcast {
        self.all().to(room)
    }

    /// As [`to`](Self::to).
    pub fn within(&self, room: impl Into<Text>) -> Broadcast {
        self.to(room)
    }

    /// Chooses the sockets of some rooms; of none, all.
    pub fn to_all(&self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Broadcast {
        self.all().to_all(rooms)
    }

    /// Chooses all sockets but those of a room.
    pub fn except(&self, room: impl Into<Text>) -> Broadcast {
        self.all().except(room)
    }

    /// Chooses all sockets of this node.
    pub fn local(&self) -> Broadcast {
        self.all().local()
    }

    /// Chooses all sockets, of whom those are left out that would have to be waited for.
    pub fn volatile(&self) -> Broadcast {
        self.all().volatile()
    }

    /// Chooses all sockets, and says whether the event may be compressed.
    pub fn compress(&self, may: bool) -> Broadcast {
        self.all().compress(may)
    }

    /// Chooses all sockets, and says how long answers are awaited.
    pub fn timeout(&self, timeout: Duration) -> Broadcast {
        self.all().timeout(timeout)
    }

    /// Chooses all sockets.
    pub fn all(&self) -> Broadcast {
        Broadcast::new(self.clone())
    }

    /// Sends an event to all sockets, on all nodes; see [`Broadcast::emit`].
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> Ready<Result<Outcome, EmitError>> {
        self.all().emit(event, arguments)
    }

    /// Sends an event to all sockets and waits for their answers; see [`Broadcast::emit_with_ack`].
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit_with_ack`].
    pub fn emit_with_ack<R, T>(&self, event: impl AsRef<str>, arguments: &T) -> BroadcastWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        self.all().emit_with_ack(event, arguments)
    }

    /// Writes an event once, to be handed to sockets of this namespace one by one.
    ///
    /// For memberships of the application's own, in which sockets are beside members of another
    /// kind; [`to`](Self::to) does this by itself. What is delivered so is not kept for recovery.
    ///
    /// # Errors
    ///
    /// When the name is reserved or the arguments cannot be serialized.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_rooms::{Delivery, Member};
    /// use sockeye_socketio::{EmitError, Namespace, Socket};
    ///
    /// fn tell(chess: &Namespace, players: &[Socket]) -> Result<(), EmitError> {
    ///     let packet = chess.packet("moved", &("e2", "e4"))?;
    ///     for player in players {
    ///         player.deliver(&packet, Delivery::Reliable);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn packet<T: Serialize + ?Sized>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> Result<Packet, EmitError> {
        let parser = self.parser();
        let encoded = parser.encode_event(self.name(), None, event.as_ref(), arguments, None)?;
        let compression = sockeye_core::Compression::default();
        Ok(Packet::new(encoded, compression, parser.clone(), None))
    }

    /// The sockets of this node, in no order.
    pub fn sockets(&self) -> Vec<Socket> {
        self.all().sockets()
    }

    /// A socket of this node by its id.
    pub fn socket(&self, id: &str) -> Option<Socket> {
        let socket = self.0.rooms.member(&SocketId::from_text(id));
        socket.filter(Socket::is_admitted)
    }

    /// All sockets, on all nodes that answer.
    ///
    /// # Errors
    ///
    /// When the other nodes could not be asked.
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, FetchError> {
        self.all().fetch_sockets().await
    }

    /// Disconnects all sockets; with `close` the connections of their clients too.
    pub fn disconnect_sockets(&self, close: bool) -> Outcome {
        self.all().disconnect(close)
    }

    /// The membership itself: who is in which room on this node.
    pub fn rooms(&self) -> &Rooms<Socket> {
        &self.0.rooms
    }

    /// How many nodes there are, this one included.
    ///
    /// # Errors
    ///
    /// When nobody could be asked.
    pub async fn server_count(&self) -> Result<usize, FetchError> {
        self.0.rooms.nodes().await
    }

    // --- between servers

    /// Calls `handler` for each event of this name that another node's
    /// [`server_side_emit`](Self::server_side_emit) sends.
    ///
    /// It may ask for [`Data`](crate::Data) and for an [`Ack`](crate::Ack); there is no socket.
    ///
    /// Handlers of one event are started in the order in which they were added, each event in a task
    /// of its own.
    ///
    /// # Panics
    ///
    /// The adapter that brings an event panics if it does so outside of a tokio runtime.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_socketio::{Ack, Data, Namespace, SocketIo};
    ///
    /// let io = SocketIo::new();
    /// io.of("/").on_server_side("count", async |namespace: Namespace, ack: Ack| {
    ///     ack.send(&namespace.sockets().len())
    /// });
    /// io.of("/").server_side_emit("count", &())?; // to the others, if there are any
    /// # Ok::<(), sockeye_socketio::EmitError>(())
    /// ```
    pub fn on_server_side<H, A>(&self, event: impl Into<Text>, handler: H)
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        let event = event.into();
        let run = keep(handler, Some(event.clone()));
        self.0.own.on_server_side(event, run);
    }

    /// Sends an event to the application on every other node; never to this one, nor to clients.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or the other nodes are not told.
    pub fn server_side_emit<T: Serialize + ?Sized>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> Result<(), EmitError> {
        self.announce(event.as_ref(), arguments, None)
    }

    /// As [`server_side_emit`](Self::server_side_emit), and waits for the answers of the other nodes,
    /// for 5 seconds at most. Alone there is none to wait for.
    ///
    /// # Errors
    ///
    /// As [`server_side_emit`](Self::server_side_emit).
    pub fn server_side_emit_with_ack<R, T>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> BroadcastWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        let answers = Answers::new();
        let sent = self.announce(event.as_ref(), arguments, Some(&answers));
        // This node is not asked.
        answers.node_asked(0);
        BroadcastWithAck::new(sent.map(|()| answers), Duration::from_secs(5))
    }

    fn announce<T: Serialize + ?Sized>(
        &self,
        event: &str,
        arguments: &T,
        answers: Option<&Answers>,
    ) -> Result<(), EmitError> {
        let parser = self.parser();
        let encoded = parser.encode_event(self.name(), None, event, arguments, None)?;
        let wanted = answers.map(|answers| (0, answers.clone()));
        let packet = Packet::new(encoded, Default::default(), parser.clone(), wanted);
        let told: Result<(), PublishError> = self.0.rooms.announce(packet);
        told.map_err(EmitError::Unpublished)
    }

    fn hear(&self, packet: &Packet) {
        let Some(data) = packet.data() else { return };
        let runs = match data.event_name() {
            Some(name) => self.0.own.server_side(&name),
            None => Vec::new(),
        };
        if runs.is_empty() {
            return;
        }
        let call = Call {
            of: Of::Namespace(self.clone()),
            occasion: Occasion::ServerSide(Question::new(data, packet.answers().cloned())),
        };
        tokio::spawn(run_all(runs, call));
    }

    // --- for connections

    pub(crate) fn parser(&self) -> &ParserKind {
        &self.0.parser
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn recovery(&self) -> Option<&Store> {
        self.0.recovery.as_ref()
    }

    pub(crate) fn server(&self) -> Option<SocketIo> {
        self.0.server.upgrade().map(SocketIo::of_server)
    }

    pub(crate) fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.server.upgrade()?.state()
    }

    pub(crate) fn next_ack(&self) -> u64 {
        self.0.acks.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_sequential(&self) -> bool {
        let parent = self.0.parent.as_ref();
        self.0.own.is_sequential() || parent.is_some_and(|parent| parent.is_sequential())
    }

    pub(crate) fn connect_runs(&self) -> Arc<Vec<Arc<dyn Run>>> {
        self.both(Behaviour::connect_runs)
    }

    pub(crate) fn has_middlewares(&self) -> bool {
        !self.middlewares().is_empty()
    }

    fn middlewares(&self) -> Arc<Vec<Arc<dyn Admit>>> {
        self.both(Behaviour::middlewares)
    }

    /// What the parent has, and behind it what is this namespace's own.
    fn both<T: Clone>(&self, part: impl Fn(&Behaviour) -> Arc<Vec<T>>) -> Arc<Vec<T>> {
        let own = part(&self.0.own);
        let Some(parent) = &self.0.parent else {
            return own;
        };
        let mut both = part(parent);
        if !own.is_empty() {
            Arc::make_mut(&mut both).extend(own.iter().cloned());
        }
        both
    }

    /// Whether the application gave it anything that others of its pattern have not.
    pub(crate) fn has_own(&self) -> bool {
        !self.0.own.is_empty()
    }

    /// Asks the middlewares, in order.
    pub(crate) async fn admit(self, socket: Socket, auth: Option<Data>) -> Result<(), Refusal> {
        let call = Call::of_socket(&socket, Occasion::Connect(auth));
        for middleware in self.middlewares().iter() {
            middleware.admit(&call).await?;
        }
        Ok(())
    }

    /// One socket more is on its way.
    pub(crate) fn occupy(&self) {
        self.0.occupants.fetch_add(1, Ordering::AcqRel);
    }

    /// One socket less; the last one may take the namespace with it.
    pub(crate) fn vacate(&self) {
        if self.0.occupants.fetch_sub(1, Ordering::AcqRel) == 1 {
            if let Some(server) = self.0.server.upgrade() {
                server.clean_up(self);
            }
        }
    }

    /// Lets it go if nobody is there nor can come back, and a pattern made it.
    pub(crate) fn tidy(&self) {
        if let Some(server) = self.0.server.upgrade().filter(|_| self.is_vacant()) {
            server.clean_up(self);
        }
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.0.occupants.load(Ordering::Acquire) == 0
    }

    pub(crate) fn text(&self) -> &Text {
        &self.0.name
    }
}

impl Behaviour {
    pub(crate) fn on_connect(&self, run: Arc<dyn Run>) {
        let mut runs = self
            .on_connect
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut runs).push(run);
    }

    pub(crate) fn middleware(&self, middleware: Arc<dyn Admit>) {
        let mut middlewares = self
            .middlewares
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut middlewares).push(middleware);
    }

    pub(crate) fn sequential(&self) {
        let _ = self.sequential.set(());
    }

    pub(crate) fn on_server_side(&self, event: Text, run: Arc<dyn Run>) {
        let mut runs = self
            .server_side
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        runs.push((event, run));
    }

    fn is_sequential(&self) -> bool {
        self.sequential.get().is_some()
    }

    fn connect_runs(&self) -> Arc<Vec<Arc<dyn Run>>> {
        let runs = self.on_connect.read();
        runs.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn middlewares(&self) -> Arc<Vec<Arc<dyn Admit>>> {
        let middlewares = self.middlewares.read();
        middlewares.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_empty(&self) -> bool {
        let server_side = self
            .server_side
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        server_side.is_empty()
            && !self.is_sequential()
            && self.connect_runs().is_empty()
            && self.middlewares().is_empty()
    }

    fn server_side(&self, event: &str) -> Vec<Arc<dyn Run>> {
        let runs = self
            .server_side
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let named = runs.iter().filter(|(name, _)| name == event);
        named.map(|(_, run)| run.clone()).collect()
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
