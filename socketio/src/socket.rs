//! The handle of one client in one namespace.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

use http::Extensions;
use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::{
    Compression, Delivered, Delivery, Member, Text,
    session::{Close, CloseReason},
    socketio::{Data, Place, Value},
};
use sockeye_rooms::JoinError;
use sockeye_tower::{Sender, Transport};
use tokio::sync::oneshot;

use crate::{
    Broadcast, EmitError, EventError, Handshake, ListenerId, Namespace, Reason, SocketId, Unicast,
    ack::{EmitWithAck, Pending, Waiter},
    answers::Answers,
    call::{Call, Occasion},
    client::Shared as Client,
    emit::{Emit, Packet, outgoing},
    event::Event,
    handler::{Handler, Returned, unheard},
    listeners::{For, Listeners, Matched, Times, keep, run_all},
    unicast::Flags,
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

/// The end of a socket; when the last handler that is told of it lets go, so does the socket.
pub(crate) struct End(Socket);

impl Drop for End {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

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
    /// Who is told when the socket has left its rooms.
    farewells: Vec<Box<dyn FnOnce() + Send>>,
    /// The secret by which it is recovered.
    pid: Option<Box<str>>,
    /// It has left its rooms and its namespace.
    is_cleared: bool,
    /// Its last handler has ended: what is given to it now is not kept.
    is_over: bool,
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

    // --- events from the client

    /// Calls `handler` for each event of this name.
    ///
    /// Several handlers of one event are started in the order in which they were registered.
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::{Ack, Data, Socket};
    /// async fn add(Data((a, b)): Data<(i64, i64)>, ack: Ack) {
    ///     let _ = ack.send(&(a + b));
    /// }
    /// # fn f(socket: Socket) {
    /// socket.on("add", add);
    /// # }
    /// ```
    pub fn on<H, A>(&self, event: impl Into<Text>, handler: H) -> ListenerId
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        let run = keep(handler, Some(event.into()));
        self.listen(run, |it, run| it.on(Times::Always, run))
    }

    /// As [`on`](Self::on), for the next event of this name alone.
    pub fn once<H, A>(&self, event: impl Into<Text>, handler: H) -> ListenerId
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        let run = keep(handler, Some(event.into()));
        self.listen(run, |it, run| it.on(Times::Once, run))
    }

    /// Takes all handlers of an event off; whether there was one.
    pub fn off(&self, event: &str) -> bool {
        self.state().listeners.off(event)
    }

    /// Takes one handler off; whether it was there.
    pub fn off_listener(&self, id: ListenerId) -> bool {
        let mut state = self.state();
        let was_there = state.listeners.off_id(id);
        self.note_outgoing(&state);
        was_there
    }

    /// Calls `handler` for every event, before middlewares and the event's own handlers; an
    /// [`EventName`](crate::EventName) tells which.
    pub fn on_any<H, A>(&self, handler: H) -> ListenerId
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        self.listen(keep(handler, None), |it, run| it.add(For::Any, run))
    }

    /// Calls `handler` for every event on its way to this client, by emit or broadcast; not for
    /// acks.
    pub fn on_any_outgoing<H, A>(&self, handler: H) -> ListenerId
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        let id = self.listen(keep(handler, None), |it, run| it.add(For::Outgoing, run));
        self.note_outgoing(&self.state());
        id
    }

    /// Puts a middleware before this socket's handlers: it lets each event pass, changed or not, or
    /// refuses it with an error, which [`on_error`](Self::on_error) gets. A refused event is not
    /// answered.
    ///
    /// Middlewares run in the order in which they were added.
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::{Event, Socket};
    /// # fn f(socket: Socket) {
    /// socket.intercept(async |event: Event| match event.name() {
    ///     "secret" => Err("not for you"),
    ///     _ => Ok(event),
    /// });
    /// # }
    /// ```
    pub fn intercept<F, Fut, E>(&self, middleware: F)
    where
        F: FnOnce(Event) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Event, E>> + Send + 'static,
        E: Into<crate::BoxError> + 'static,
    {
        let middleware = Arc::new(middleware);
        self.listen(middleware, |it, middleware| it.intercept(middleware));
    }

    /// Calls `handler` with each error of this socket's events: a middleware that refused, an
    /// argument that could not be had, a handler that returned an error.
    ///
    /// Without one, errors are logged.
    pub fn on_error<H, A>(&self, handler: H)
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        self.listen(keep(handler, None), |it, run| it.add(For::Error, run));
    }

    /// Calls `handler` when the socket disconnects, while it is still in its rooms: until the
    /// handler returns or first waits.
    pub fn on_disconnecting<H, A>(&self, handler: H)
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        self.listen(keep(handler, None), |it, run| {
            it.add(For::Disconnecting, run)
        });
    }

    /// Calls `handler` once the socket has disconnected and left its rooms: exactly once, whoever
    /// ended it and however, also when a handler panicked.
    ///
    /// The exception: what is still running at a drain's bound is dropped where it stands.
    pub fn on_disconnect<H, A>(&self, handler: H)
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        self.listen(keep(handler, None), |it, run| it.add(For::Disconnect, run));
    }

    // --- events to the client

    /// Sends an event: a tuple or a `Vec` is several arguments, `()` none, and anything else one.
    ///
    /// It is queued by the call itself, in the order of the calls. Only where too much waits for the
    /// client already is it queued when it is awaited, once there is room.
    ///
    /// # Errors
    ///
    /// When the socket has disconnected, the name is reserved or the arguments cannot be serialized.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, nothing was queued.
    pub fn emit<T: Serialize + ?Sized>(&self, event: impl AsRef<str>, arguments: &T) -> Emit {
        self.emit_with(event.as_ref(), arguments, Flags::default())
    }

    /// Sends an event and waits for the client's answer, deserialized as [`Data`](crate::Data) does.
    ///
    /// It waits as long as the socket lives, unless
    /// [`EmitWithAck::timeout`](crate::EmitWithAck::timeout) says otherwise.
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit); and when no answer came in time, or one of another type.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sockeye_socketio::{AckError, Socket};
    /// # async fn f(socket: Socket) -> Result<(), AckError> {
    /// let age: u32 = socket
    ///     .emit_with_ack("how old are you?", &())
    ///     .timeout(Duration::from_secs(5))
    ///     .await?;
    /// # let _ = age; Ok(())
    /// # }
    /// ```
    pub fn emit_with_ack<R, T>(&self, event: impl AsRef<str>, arguments: &T) -> EmitWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        self.emit_with_ack_with(event.as_ref(), arguments, Flags::default())
    }

    /// The next event is left out if it would have to wait: while a polling client has no request
    /// open, or does not take what is sent.
    pub fn volatile(&self) -> Unicast {
        Unicast::new(self.clone()).volatile()
    }

    /// Whether the next event may be compressed, where its transport does that. Default: it may.
    pub fn compress(&self, may: bool) -> Unicast {
        Unicast::new(self.clone()).compress(may)
    }

    /// The next event's answer is awaited for this time.
    pub fn timeout(&self, timeout: Duration) -> Unicast {
        Unicast::new(self.clone()).timeout(timeout)
    }

    /// Chooses the sockets of a room but this one; the start of a broadcast.
    pub fn to(&self, room: impl Into<Text>) -> Broadcast {
        self.0.namespace.to(room).except_socket(&self.0.id)
    }

    /// Chooses the sockets of a room, this one included if it is there.
    pub fn within(&self, room: impl Into<Text>) -> Broadcast {
        self.0.namespace.to(room)
    }

    /// Chooses all sockets of the namespace but this one and those of a room.
    pub fn except(&self, room: impl Into<Text>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// Chooses all sockets of the namespace but this one.
    pub fn broadcast(&self) -> Broadcast {
        self.0.namespace.all().except_socket(&self.0.id)
    }

    /// Chooses all sockets of the namespace on this node but this one.
    pub fn local(&self) -> Broadcast {
        self.broadcast().local()
    }

    // --- rooms

    /// Joins a room, which the socket leaves by itself when it disconnects.
    ///
    /// # Errors
    ///
    /// Beyond the limits of rooms (1,024 for each socket, 255 bytes for a name), and when the socket
    /// has disconnected.
    pub fn join(&self, room: impl Into<Text>) -> Result<(), JoinError> {
        self.join_all([room])
    }

    /// Joins all of some rooms, or none.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn join_all(
        &self,
        rooms: impl IntoIterator<Item = impl Into<Text>>,
    ) -> Result<(), JoinError> {
        // Its own room it is in already, by being there.
        let rooms = rooms.into_iter().map(Into::into);
        let rooms: Vec<Text> = rooms.filter(|room| *room != self.0.id.as_str()).collect();
        let joined = self.0.namespace.rooms().join_all(rooms, self);
        joined.map(drop)
    }

    /// Leaves a room; `false` when it was not there.
    pub fn leave(&self, room: &str) -> bool {
        self.0.namespace.rooms().leave(room, self)
    }

    /// Leaves all rooms but its own.
    pub fn leave_all(&self) {
        self.0.namespace.rooms().leave_all(self);
    }

    /// The rooms that it is in, its own first.
    pub fn rooms(&self) -> Vec<Text> {
        let mut rooms = self.0.namespace.rooms().rooms_of(self);
        if self.0.phase.load(Ordering::Acquire) != GONE || self.state().has_rooms() {
            rooms.insert(0, Text::from(self.0.id.as_str()));
        }
        rooms
    }

    // --- what is known about it

    /// The data attached to the socket, deserialized; it goes with the socket to other nodes and
    /// into recovery.
    ///
    /// # Errors
    ///
    /// When it is not of that type. Before any was set it is an empty object.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, crate::DataError> {
        Data::from_value(self.data_value()).deserialize()
    }

    /// Attaches data in place of what was there.
    ///
    /// # Errors
    ///
    /// When it cannot be serialized.
    pub fn set_data<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), crate::EncodeError> {
        let value = Value::from_serialize(data)?;
        let old = self.state().data.replace(Box::new(value));
        drop(old);
        Ok(())
    }

    /// Changes the attached data in place, under a lock: `change` must not wait.
    pub fn update_data(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        let data = state
            .data
            .get_or_insert_with(|| Box::new(Value::Object(Vec::new())));
        change(data);
    }

    pub(crate) fn data_value(&self) -> Value {
        let state = self.state();
        let data = state.data.as_deref();
        data.cloned().unwrap_or(Value::Object(Vec::new()))
    }

    /// Keeps a value with the socket, by its type; gives back what was there.
    ///
    /// Handlers find it as [`Extension`](crate::Extension). It stays on this node, and is let go of
    /// when the last handler has ended that was told of the disconnection; after that nothing is
    /// kept.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        let mut state = self.state();
        if state.is_over {
            // The value may hold the socket, and its end may ask for it.
            drop(state);
            drop(value);
            return None;
        }
        state.extensions.insert(value)
    }

    /// A value that was kept with the socket, or else came with its request.
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        if let Some(found) = self.state().extensions.get::<T>() {
            return Some(found.clone());
        }
        let sender = self.sender();
        let attached = sender.data::<T>().map(|data| T::clone(&data));
        attached.or_else(|| sender.request().extension::<T>().cloned())
    }

    /// Disconnects: what was emitted still goes out, then the client is told.
    ///
    /// With `close` every socket of the client disconnects, and its connection is closed; otherwise
    /// its other namespaces live on. Changes nothing once it has disconnected.
    pub fn disconnect(&self, close: bool) {
        if close {
            self.0.client.disconnect_all();
        } else {
            self.leave_namespace(Reason::ServerNamespaceDisconnect);
        }
    }

    // --- for the connection, the namespace and emits

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.0.client
    }

    pub(crate) fn sender(&self) -> &Sender {
        self.0.client.sender()
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

    /// The client is back by another connection: this one is over, whatever it has not noticed.
    pub(crate) fn supersede(&self) {
        self.0.client.expect_departure();
        if self.go() {
            self.leave_rooms();
            self.0.client.depart(self.clone(), Reason::TransportClose);
        } else {
            self.0.client.expect_no_departure();
        }
        self.sender().end(CloseReason::Disconnected);
    }

    pub(crate) fn pid(&self) -> Option<Box<str>> {
        self.state().pid.clone()
    }

    /// It is connected from now on; `false` if it has gone before.
    pub(crate) fn connect(&self, place: Place) -> bool {
        self.state().place = Some(place);
        let phase = &self.0.phase;
        let connected =
            phase.compare_exchange(CONNECTING, CONNECTED, Ordering::AcqRel, Ordering::Acquire);
        connected.is_ok()
    }

    /// It is gone from now on; `false` if it was already.
    pub(crate) fn go(&self) -> bool {
        self.0.phase.swap(GONE, Ordering::AcqRel) != GONE
    }

    /// Leaves on this side's wish, if it is connected: the client is told, and the connection's task
    /// does the rest.
    pub(crate) fn leave_namespace(&self, reason: Reason) -> bool {
        if !self.is_connected() {
            return false;
        }
        let phase = &self.0.phase;
        self.0.client.expect_departure();
        let left = phase.compare_exchange(CONNECTED, GONE, Ordering::AcqRel, Ordering::Acquire);
        if left.is_err() {
            self.0.client.expect_no_departure();
            return false;
        }
        if let Ok(encoded) = self.parser().encode_disconnect(self.0.namespace.name()) {
            self.0.client.send_now(encoded);
        }
        self.0.client.depart(self.clone(), reason);
        true
    }

    pub(crate) fn matching(&self, name: &str) -> Matched {
        let mut state = self.state();
        state.listeners.matching(name)
    }

    pub(crate) fn take_named(&self, name: &str) -> Vec<Arc<dyn crate::handler::Run>> {
        self.state().listeners.take_named(name)
    }

    pub(crate) fn runs(&self, occasion: For) -> Vec<Arc<dyn crate::handler::Run>> {
        self.state().listeners.of(occasion)
    }

    /// Leaves every room and the namespace, and tells those who wait for its answers; once, however
    /// often it is called. The guard is for the handlers that are told of it: until the last of them
    /// has ended they find what was kept with the socket.
    #[must_use = "what the socket holds may hold the socket"]
    pub(crate) fn clear(&self) -> Arc<End> {
        let (farewells, waiters, listeners, is_first) = {
            let mut state = self.state();
            (
                std::mem::take(&mut state.farewells),
                state.pending.take_all(),
                state.listeners.take_events(),
                !std::mem::replace(&mut state.is_cleared, true),
            )
        };
        for farewell in farewells {
            farewell();
        }
        for waiter in waiters {
            match waiter {
                // Whoever waits finds the other end gone.
                Waiter::One(_) => {}
                Waiter::Shared(answers) => answers.miss(),
            }
        }
        drop(listeners);
        if is_first {
            self.0.namespace.vacate();
        }
        Arc::new(End(self.clone()))
    }

    /// Lets go of what it holds, which may hold it.
    fn let_go(&self) {
        let held = {
            let mut state = self.state();
            state.is_over = true;
            (
                std::mem::take(&mut state.listeners),
                std::mem::take(&mut state.extensions),
            )
        };
        drop(held);
    }

    /// Registers a handler, unless it is too late for any.
    fn listen<H, R: Default>(&self, handler: H, add: impl FnOnce(&mut Listeners, H) -> R) -> R {
        let mut state = self.state();
        if state.is_over {
            // It may hold the socket, and its end may ask for it.
            drop(state);
            drop(handler);
            return R::default();
        }
        add(&mut state.listeners, handler)
    }

    /// Leaves every room.
    pub(crate) fn leave_rooms(&self) {
        let farewells = std::mem::take(&mut self.state().farewells);
        for farewell in farewells {
            farewell();
        }
    }

    pub(crate) async fn report(&self, error: EventError) {
        let runs = self.runs(For::Error);
        if runs.is_empty() {
            unheard(&error);
            return;
        }
        let call = Call::of_socket(self, Occasion::Error(Arc::new(error)));
        run_all(runs, call).await;
    }

    pub(crate) fn answer(&self, id: u64, data: Data) {
        let waiter = self.state().pending.remove(id);
        match waiter {
            Some(Waiter::One(sender)) => drop(sender.send(data)),
            Some(Waiter::Shared(answers)) => answers.answer(data),
            // Late, or never asked.
            None => {}
        }
    }

    pub(crate) fn forget_ack(&self, id: u64) {
        let waiter = self.state().pending.remove(id);
        drop(waiter);
    }

    pub(crate) fn expect_shared(&self, id: u64, answers: &Answers) -> Result<(), EmitError> {
        let limit = self.0.namespace.limits().pending_acks;
        let waiter = Waiter::Shared(answers.clone());
        self.state().pending.insert(id, waiter, limit)?;
        answers.expect_client();
        Ok(())
    }

    pub(crate) fn send_ack<T: Serialize + ?Sized>(
        &self,
        id: u64,
        arguments: &T,
    ) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        let encoded = self
            .parser()
            .encode_ack(self.0.namespace.name(), id, arguments)?;
        match self.0.client.send_now(encoded) {
            Delivered::Queued => Ok(()),
            Delivered::Skipped | Delivered::Closed => Err(EmitError::Disconnected),
        }
    }

    pub(crate) fn emit_with<T: Serialize + ?Sized>(
        &self,
        event: &str,
        arguments: &T,
        flags: Flags,
    ) -> Emit {
        if !self.is_connected() {
            return Emit::failed(EmitError::Disconnected);
        }
        let namespace = &self.0.namespace;
        let encoded = self
            .parser()
            .encode_event(namespace.name(), None, event, arguments, None);
        let encoded = match encoded {
            Ok(encoded) => encoded,
            Err(error) => return Emit::failed(error.into()),
        };
        // What is to be kept goes out as a broadcast does, and is told of there.
        let is_kept = flags.delivery == Delivery::Reliable && namespace.recovery().is_some();
        if self.hears_outgoing() && !is_kept {
            match Data::from_event(event, arguments) {
                Ok(data) => self.tell_outgoing(data),
                Err(error) => return Emit::failed(error.into()),
            }
        }
        match flags.delivery {
            Delivery::Volatile => {
                let prepared = crate::emit::prepared(encoded, flags.compression);
                match self.sender().deliver(&prepared, Delivery::Volatile) {
                    Delivered::Queued | Delivered::Skipped => Emit::done(),
                    Delivered::Closed => Emit::failed(EmitError::Disconnected),
                }
            }
            Delivery::Reliable => match namespace.recovery() {
                Some(_) => {
                    let event = crate::recovery::Unsent::new(encoded, flags.compression);
                    Emit::recoverable(self.clone(), event)
                }
                None => Emit::sending(self, outgoing(encoded, flags.compression)),
            },
        }
    }

    pub(crate) fn emit_with_ack_with<R, T>(
        &self,
        event: &str,
        arguments: &T,
        flags: Flags,
    ) -> EmitWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        let namespace = &self.0.namespace;
        let id = namespace.next_ack();
        let (sender, answer) = oneshot::channel();
        let emit = self.emit_wanting(id, sender, event, arguments, flags.compression);
        EmitWithAck::new(self.clone(), id, emit, answer, flags.timeout)
    }

    fn emit_wanting<T: Serialize + ?Sized>(
        &self,
        id: u64,
        sender: oneshot::Sender<Data>,
        event: &str,
        arguments: &T,
        compression: Compression,
    ) -> Emit {
        if !self.is_connected() {
            return Emit::failed(EmitError::Disconnected);
        }
        let namespace = &self.0.namespace;
        let parser = self.parser();
        let encoded = parser.encode_event(namespace.name(), Some(id), event, arguments, None);
        let encoded = match encoded {
            Ok(encoded) => encoded,
            Err(error) => return Emit::failed(error.into()),
        };
        let limit = namespace.limits().pending_acks;
        let waiter = Waiter::One(sender);
        if let Err(error) = self.state().pending.insert(id, waiter, limit) {
            return Emit::failed(error);
        }
        if self.hears_outgoing() {
            if let Ok(data) = Data::from_event(event, arguments) {
                self.tell_outgoing(data);
            }
        }
        Emit::sending(self, outgoing(encoded, compression))
    }

    pub(crate) fn hears_outgoing(&self) -> bool {
        self.0.hears_outgoing.load(Ordering::Relaxed) != 0
    }

    /// Has the connection's task tell those who listen to what is sent.
    pub(crate) fn tell_outgoing(&self, data: Data) {
        self.0.client.tell_outgoing(self.clone(), data);
    }

    fn note_outgoing(&self, state: &State) {
        let hears = u8::from(state.listeners.hears_outgoing());
        self.0.hears_outgoing.store(hears, Ordering::Relaxed);
    }

    fn parser(&self) -> &sockeye_core::socketio::ParserKind {
        self.0.namespace.parser()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the socket has not left its rooms.
    fn has_rooms(&self) -> bool {
        !self.farewells.is_empty()
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
                if state.farewells.is_empty() {
                    // That of its namespace's rooms, and seldom another.
                    state.farewells.reserve_exact(1);
                }
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
