//! API stubs: the shapes that are fixed.
#![allow(missing_docs, missing_debug_implementations, clippy::unimplemented, unused_variables, async_fn_in_trait)]

use std::{fmt, future::Future, marker::PhantomData, net::SocketAddr, pin::Pin, sync::Arc, task::{Context, Poll}, time::Duration, convert::Infallible};
pub use sockeye_core::{Message, Text};
use bytes::Bytes;

pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// A handler of sessions.
pub trait Handler: Clone + Send + Sync + 'static {
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
pub trait IntoSockJs {
    type Handler: Handler;
    fn into_sockjs(self) -> SockJs<Self::Handler>;
}
impl<H: Handler> IntoSockJs for H {
    type Handler = H;
    fn into_sockjs(self) -> SockJs<H> { SockJs::new(self) }
}
impl<H: Handler> IntoSockJs for SockJs<H> {
    type Handler = H;
    fn into_sockjs(self) -> SockJs<H> { self }
}

pub struct SockJs<H> { handler: H }
impl<H: Handler> SockJs<H> {
    pub fn new(handler: H) -> Self { Self { handler } }
    pub fn service(self) -> SockJsService { unimplemented!() }
    pub fn layer(self, path: &str) -> SockJsLayer { unimplemented!() }
}
impl SockJs<EventsHandler> {
    /// Mounts the callback form.
    pub fn events<E: SessionEvents>(events: E) -> Self { unimplemented!() }
}
impl<H> SockJs<H> {
    pub fn heartbeat_interval(self, interval: Duration) -> Self { self }
    pub fn disconnect_delay(self, delay: Duration) -> Self { self }
    pub fn response_limit(self, bytes: usize) -> Self { self }
    /// Both websocket URLs on or off.
    pub fn websocket(self, enabled: bool) -> Self { self }
    pub fn raw_websocket(self, enabled: bool) -> Self { self }
    pub fn transports(self, transports: impl IntoIterator<Item = Transport>) -> Self { self }
    pub fn cookie(self, hook: CookieHook) -> Self { self }
    pub fn cors(self, enabled: bool) -> Self { self }
    pub fn sockjs_url(self, url: impl Into<String>) -> Self { self }
    pub fn base_url(self, url: impl Into<String>) -> Self { self }
    pub fn allowed_origins<O: Into<Origins>>(self, origins: O) -> Self { self }
    pub fn max_message_size(self, bytes: usize) -> Self { self }
    pub fn max_sessions(self, sessions: usize) -> Self { self }
    pub fn handle(self, handle: &Handle) -> Self { self }
}

#[derive(Clone)]
pub struct EventsHandler(());
impl Handler for EventsHandler { fn run(self, session: Session) -> BoxFuture<()> { unimplemented!() } }

#[async_trait::async_trait]
pub trait SessionEvents: Send + Sync + 'static {
    async fn on_open(&self, session: &Sender) {}
    async fn on_message(&self, session: &Sender, message: Message) {}
    async fn on_close(&self, session: &Sender, reason: CloseReason) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport { WebSocket, RawWebSocket, XhrPolling, XhrStreaming, EventSource, HtmlFile, JsonpPolling }
impl Transport { pub fn name(self) -> &'static str { unimplemented!() } }
impl fmt::Display for Transport { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.name()) } }

/// Which origins are let in.
pub enum Origins { SameOrigin, List(Vec<String>), Any }
impl<const N: usize> From<[&str; N]> for Origins { fn from(l: [&str; N]) -> Self { unimplemented!() } }
impl From<Vec<String>> for Origins { fn from(l: Vec<String>) -> Self { unimplemented!() } }

pub struct CookieHook(());
impl CookieHook { pub fn jsessionid() -> Self { unimplemented!() } }

#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason { Other }

#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError { Closed, Binary, TooLarge { limit: usize } }
impl fmt::Display for SendError { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
impl std::error::Error for SendError {}
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError { Full(Message), Closed, Binary, TooLarge { limit: usize } }
impl fmt::Display for TrySendError { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
impl std::error::Error for TrySendError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u128);
impl fmt::Display for SessionId { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }

/// The handle of one session. Dropping it closes the session normally. Also a `Stream<Item = Message>` and `Sink<Message>`.
pub struct Session(());
impl Session {
    pub async fn recv(&mut self) -> Option<Message> { unimplemented!() }
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> { unimplemented!() }
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> { unimplemented!() }
    pub fn close(&self, code: u16, reason: impl Into<Text>) { unimplemented!() }
    pub fn sender(&self) -> Sender { unimplemented!() }
    pub fn id(&self) -> SessionId { unimplemented!() }
    pub fn transport(&self) -> Transport { unimplemented!() }
    pub fn request(&self) -> Arc<Request> { unimplemented!() }
    pub fn close_reason(&self) -> Option<CloseReason> { unimplemented!() }
}

/// A cheap cloneable handle with which other tasks send to a session; never keeps it open.
#[derive(Clone)]
pub struct Sender(());
impl Sender {
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> { unimplemented!() }
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> { unimplemented!() }
    pub fn close(&self, code: u16, reason: impl Into<Text>) { unimplemented!() }
    pub fn id(&self) -> SessionId { unimplemented!() }
    pub fn transport(&self) -> Transport { unimplemented!() }
    pub fn request(&self) -> Arc<Request> { unimplemented!() }
    pub fn is_closed(&self) -> bool { unimplemented!() }
}

/// What a broadcast did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broadcast { pub reached: usize, pub closed: usize }
/// Sends one message to many sessions, encoding it once. Never waits.
pub fn broadcast<'a>(members: impl IntoIterator<Item = &'a Sender>, message: impl Into<Message>) -> Broadcast { unimplemented!() }

/// The latest request of a session.
pub struct Request(());
impl Request {
    pub fn header(&self, name: &str) -> Option<&[u8]> { unimplemented!() }
    pub fn headers(&self) -> http::HeaderMap { unimplemented!() }
    pub fn uri(&self) -> &str { unimplemented!() }
    pub fn peer_address(&self) -> Option<SocketAddr> { unimplemented!() }
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> { unimplemented!() }
}

/// websocket-multiplex: many channels over one session. A `Handler`.
#[derive(Clone)]
pub struct Multiplex(());
impl Multiplex {
    pub fn new() -> Self { unimplemented!() }
    /// Registers a channel.
    pub fn channel<F, Fut>(self, topic: &str, handler: F) -> Self
    where F: FnOnce(Channel) -> Fut + Clone + Send + Sync + 'static, Fut: Future<Output = ()> + Send + 'static { self }
}
impl Handler for Multiplex { fn run(self, session: Session) -> BoxFuture<()> { unimplemented!() } }
pub struct Channel(());
impl Channel {
    pub async fn recv(&mut self) -> Option<Text> { unimplemented!() }
    pub async fn send(&self, message: impl Into<Text>) -> Result<(), SendError> { unimplemented!() }
    pub fn topic(&self) -> &str { unimplemented!() }
    pub fn session(&self) -> &Sender { unimplemented!() }
}

/// Drains every mount and server it was given to.
#[derive(Clone, Default)]
pub struct Handle(());
impl Handle {
    pub fn new() -> Self { unimplemented!() }
    /// Starts the drain: new sessions get 503, live ones their goodbye. Idempotent, returns at once.
    pub fn drain(&self) { unimplemented!() }
    pub fn is_draining(&self) -> bool { unimplemented!() }
    /// Resolves when the drain has been started.
    pub async fn draining(&self) { unimplemented!() }
    /// Live sessions of all its mounts.
    pub fn sessions(&self) -> usize { unimplemented!() }
}

/// The peer's address, put in the request's extensions by `serve` (or by you under another host).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// The response body of our own answers.
pub struct Body(());
impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> { unimplemented!() }
}

#[derive(Clone)]
pub struct SockJsService(());
impl<B> tower_service::Service<http::Request<B>> for SockJsService
where B: http_body::Body<Data = Bytes> + Send + 'static, B::Error: Into<Box<dyn std::error::Error + Send + Sync>>
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<http::Response<Body>, Infallible>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> { Poll::Ready(Ok(())) }
    fn call(&mut self, request: http::Request<B>) -> Self::Future { unimplemented!() }
}
#[derive(Clone)]
pub struct SockJsLayer(());
impl<S> tower_layer::Layer<S> for SockJsLayer { type Service = Mounted<S>; fn layer(&self, inner: S) -> Mounted<S> { unimplemented!() } }
/// Our mount in front of an inner service.
#[derive(Clone)]
pub struct Mounted<S>(S);
pub struct EitherBody<B>(PhantomData<B>);
impl<B: http_body::Body<Data = Bytes>> http_body::Body for EitherBody<B> {
    type Data = Bytes;
    type Error = B::Error;
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<http_body::Frame<Bytes>, B::Error>>> { unimplemented!() }
}
impl<S, B, R> tower_service::Service<http::Request<B>> for Mounted<S>
where
    S: tower_service::Service<http::Request<B>, Response = http::Response<R>>,
    R: http_body::Body<Data = Bytes>,
    B: http_body::Body<Data = Bytes> + Send + 'static, B::Error: Into<Box<dyn std::error::Error + Send + Sync>>
{
    type Response = http::Response<EitherBody<R>>;
    type Error = S::Error;
    type Future = std::future::Ready<Result<Self::Response, S::Error>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> { Poll::Ready(Ok(())) }
    fn call(&mut self, request: http::Request<B>) -> Self::Future { unimplemented!() }
}

mod serve;
pub use serve::{serve, Serve};
