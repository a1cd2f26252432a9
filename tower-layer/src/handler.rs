//! What runs for each session.

use std::{future::Future, pin::Pin};

use crate::{EngineIo, EventStream, Session, SockJs, WebSocket};

/// A boxed future that can move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// The application's side of a session.
///
/// Implemented by every `async fn(Session)` and every closure that returns such a future. A
/// closure's captures are cloned once for each session, so capture cheap handles (`Arc`, channels).
/// Implement it yourself for a type that carries configuration.
///
/// The session ends normally when its [`Session`] is dropped; a handler that returns without
/// having moved it elsewhere drops it. A handler that panics ends its own session with 1011 and
/// harms no other.
///
/// # Example
///
/// ```
/// use sockeye_tower::{BoxFuture, Handler, Session, SockJs};
///
/// #[derive(Clone)]
/// struct Greeter { greeting: &'static str }
///
/// impl Handler for Greeter {
///     fn run(self, session: Session) -> BoxFuture<()> {
///         Box::pin(async move {
///             let _ = session.send(self.greeting).await;
///         })
///     }
/// }
///
/// let service = SockJs::new(Greeter { greeting: "hello" }).service();
/// # let _ = service;
/// ```
pub trait Handler: Clone + Send + Sync + 'static {
    /// Runs until the application has nothing more to do with the session.
    fn run(self, session: Session) -> BoxFuture<()>;
}

impl<F, Fut> Handler for F
where
    F: FnOnce(Session) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn run(self, session: Session) -> BoxFuture<()> {
        Box::pin(self(session))
    }
}

/// What a framework's mount function takes: a handler, or a configured [`SockJs`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be mounted",
    label = "expected an `async fn(Session)`, a closure returning a future, a `Handler`, or `SockJs`",
    note = "a handler must be `Clone + Send + Sync + 'static`, and its future `Send`"
)]
pub trait IntoSockJs {
    /// The handler inside.
    type Handler: Handler;

    /// The mount's configuration.
    fn into_sockjs(self) -> SockJs<Self::Handler>;
}

impl<H: Handler> IntoSockJs for H {
    type Handler = H;

    fn into_sockjs(self) -> SockJs<H> {
        SockJs::new(self)
    }
}

impl<H: Handler> IntoSockJs for SockJs<H> {
    type Handler = H;

    fn into_sockjs(self) -> SockJs<H> {
        self
    }
}

/// What a framework's mount function for WebSockets takes: a handler, or a configured
/// [`WebSocket`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be mounted",
    label = "expected an `async fn(Session)`, a closure returning a future, a `Handler`, or `WebSocket`",
    note = "a handler must be `Clone + Send + Sync + 'static`, and its future `Send`"
)]
pub trait IntoWebSocket {
    /// The handler inside.
    type Handler: Handler;

    /// The mount's configuration.
    fn into_websocket(self) -> WebSocket<Self::Handler>;
}

impl<H: Handler> IntoWebSocket for H {
    type Handler = H;

    fn into_websocket(self) -> WebSocket<H> {
        WebSocket::new(self)
    }
}

impl<H: Handler> IntoWebSocket for WebSocket<H> {
    type Handler = H;

    fn into_websocket(self) -> WebSocket<H> {
        self
    }
}

/// What a framework's mount function for event streams takes: a handler, or a configured
/// [`EventStream`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be mounted",
    label = "expected an `async fn(Session)`, a closure returning a future, a `Handler`, or `EventStream`",
    note = "a handler must be `Clone + Send + Sync + 'static`, and its future `Send`"
)]
pub trait IntoEventStream {
    /// The handler inside.
    type Handler: Handler;

    /// The mount's configuration.
    fn into_event_stream(self) -> EventStream<Self::Handler>;
}

impl<H: Handler> IntoEventStream for H {
    type Handler = H;

    fn into_event_stream(self) -> EventStream<H> {
        EventStream::new(self)
    }
}

impl<H: Handler> IntoEventStream for EventStream<H> {
    type Handler = H;

    fn into_event_stream(self) -> EventStream<H> {
        self
    }
}

/// What a framework's mount function for Engine.IO takes: a handler, or a configured [`EngineIo`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be mounted",
    label = "expected an `async fn(Session)`, a closure returning a future, a `Handler`, or `EngineIo`",
    note = "a handler must be `Clone + Send + Sync + 'static`, and its future `Send`"
)]
pub trait IntoEngineIo {
    /// The handler inside.
    type Handler: Handler;

    /// The mount's configuration.
    fn into_engineio(self) -> EngineIo<Self::Handler>;
}

impl<H: Handler> IntoEngineIo for H {
    type Handler = H;

    fn into_engineio(self) -> EngineIo<H> {
        EngineIo::new(self)
    }
}

impl<H: Handler> IntoEngineIo for EngineIo<H> {
    type Handler = H;

    fn into_engineio(self) -> EngineIo<H> {
        self
    }
}
