//! What a socket listens to.

use std::{future::Future, sync::Arc};

use sockeye_core::Text;

use super::Socket;
use crate::{
    EventError, ListenerId,
    call::{Call, Occasion},
    event::Event,
    handler::{Handler, Returned, Run, unheard},
    listeners::{For, Listeners, Matched, Times, keep, run_all},
};

impl Socket {
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
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::Socket;
    /// # fn f(socket: Socket) {
    /// let ready = socket.once("ready", async |socket: Socket| socket.emit("go", &()).await);
    /// // Before it came:
    /// socket.off_listener(ready);
    /// # }
    /// ```
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
        let taken = self.state().listeners.off(event);
        // Dropped with the lock released: it may use the socket as it goes.
        !taken.is_empty()
    }

    /// Takes one handler off; whether it was there.
    pub fn off_listener(&self, id: ListenerId) -> bool {
        let taken = {
            let mut state = self.state();
            let taken = state.listeners.off_id(id);
            self.note_outgoing(&state);
            taken
        };
        !taken.is_empty()
    }

    /// Calls `handler` for every event, before middlewares and the event's own handlers; an
    /// [`EventName`](crate::EventName) tells which.
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::{Arguments, EventName, Socket};
    /// # fn f(socket: Socket) {
    /// socket.on_any(async |EventName(name): EventName, Arguments(all): Arguments| {
    ///     println!("{name} with {} arguments", all.len());
    /// });
    /// # }
    /// ```
    pub fn on_any<H, A>(&self, handler: H) -> ListenerId
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        self.listen(keep(handler, None), |it, run| it.add(For::Any, run))
    }

    /// Calls `handler` for every event on its way to this client, by emit or broadcast; not for
    /// acks. It is called in the connection's task, soon after.
    ///
    /// Nothing that is sent waits for it. Handlers that wait are counted apart from those of the
    /// client's events: as many may wait at a time
    /// ([`max_waiting_handlers`](crate::Builder::max_waiting_handlers)), while what is sent meanwhile
    /// is kept for them, up to 4,096 events or 1 MiB. What is beyond goes out unheard, and is counted
    /// as [`Limit::OutgoingHandlers`](sockeye_tower::Limit::OutgoingHandlers); what they have not heard
    /// of when the socket disconnects goes unheard as well.
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
    /// Without one, errors are logged, at the level `warn`; so are those of error handlers.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use sockeye_socketio::{EventError, Socket};
    /// # fn f(socket: Socket) {
    /// socket.on_error(async |socket: Socket, error: Arc<EventError>| {
    ///     socket.emit("sorry", &(error.event(), error.to_string())).await
    /// });
    /// # }
    /// ```
    pub fn on_error<H, A>(&self, handler: H)
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        self.listen(keep(handler, None), |it, run| it.add(For::Error, run));
    }

    /// Calls `handler` when the socket disconnects, while it is still in its rooms: until the
    /// handler returns or first waits. Exactly once, as [`on_disconnect`](Self::on_disconnect).
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::Socket;
    /// # fn f(socket: Socket) {
    /// socket.on_disconnecting(async |socket: Socket| {
    ///     for room in socket.rooms() {
    ///         socket.to(room).emit("left", socket.id().as_str()).await?;
    ///     }
    ///     Ok::<_, sockeye_socketio::EmitError>(())
    /// });
    /// # }
    /// ```
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
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::{Reason, Socket};
    /// # fn f(socket: Socket) {
    /// socket.on_disconnect(async |socket: Socket, reason: Reason| {
    ///     println!("{} has gone: {reason}", socket.id());
    /// });
    /// # }
    /// ```
    pub fn on_disconnect<H, A>(&self, handler: H)
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        self.listen(keep(handler, None), |it, run| it.add(For::Disconnect, run));
    }

    pub(crate) fn matching(&self, name: &str) -> Matched {
        let mut state = self.state();
        state.listeners.matching(name)
    }

    pub(crate) fn take_named(&self, name: &str) -> Vec<Arc<dyn Run>> {
        self.state().listeners.take_named(name)
    }

    pub(crate) fn runs(&self, occasion: For) -> Vec<Arc<dyn Run>> {
        self.state().listeners.of(occasion)
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

    pub(crate) async fn report(&self, error: EventError) {
        let runs = self.runs(For::Error);
        if runs.is_empty() {
            unheard(&error);
            return;
        }
        let call = Call::of_socket(self, Occasion::Error(Arc::new(error)));
        run_all(runs, call).await;
    }
}
