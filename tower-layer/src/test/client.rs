//! The client: a browser, as far as a server can tell.

use std::{
    error::Error as StdError,
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Uri,
    header::{COOKIE, HOST},
    uri::{Authority, PathAndQuery},
};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::{
    Error, Response, SessionBuilder, Violation,
    host::{Exchange, Hosted, Line},
    jar::Jar,
};
use crate::{PeerAddress, Transport};

/// A client of a service in the same process.
///
/// It keeps cookies like a browser. Clones share them and the service, and can be
/// [patient](Self::patience) or [come from somewhere](Self::peer_address) in their own ways; for
/// another browser make another client of a clone of the service.
///
/// Needs a tokio runtime, real or paused; no socket is opened.
#[derive(Clone, Debug)]
pub struct Client {
    line: Line,
    jar: Arc<Mutex<Jar>>,
    authority: Authority,
    patience: Duration,
}

impl Client {
    /// A client of `service`: a mount, a `Layer`'s service, an axum `Router`, a `warp::service`, or
    /// any tower service that hyper could serve. It is cloned for each connection.
    ///
    /// hyper serves it over HTTP/1.1, with upgrades, at the other end of a pipe in memory.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_tower::{Session, SockJs, test::Client};
    ///
    /// let mount = SockJs::new(async |_session: Session| {});
    /// let client = Client::new(mount.service());
    /// ```
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = http::Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self {
            line: Line::new(Hosted::new(service)),
            jar: Arc::default(),
            authority: Authority::from_static("localhost"),
            patience: PATIENCE,
        }
    }

    /// Speaks HTTP/2, on one connection for everything; WebSockets open by extended CONNECT.
    pub fn http2(mut self) -> Self {
        self.line = self.line.over_http2();
        self
    }

    /// How long any call waits, by tokio's clock, before it is [`Error::TimedOut`].
    ///
    /// Default: 60 seconds. On the paused clock they pass as soon as nothing else can happen, so
    /// a test that waits for what never comes fails at once.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The host that requests name. Default: `localhost`.
    ///
    /// # Panics
    ///
    /// When `host` is not a host, with or without a port.
    pub fn host(mut self, host: &str) -> Self {
        self.authority = host
            .parse()
            .unwrap_or_else(|_| panic!("host: {host:?} is not a host or host:port"));
        self
    }

    /// Bytes that a connection holds in each direction while nobody reads. Default: 65 536.
    ///
    /// With a small one a [session that is not read](super::TestSession) becomes a slow peer soon.
    ///
    /// # Panics
    ///
    /// When it is 0.
    pub fn pipe(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "pipe: nothing passes through 0 bytes");
        self.line.pipe = bytes;
        self.line = self.line.renewed();
        self
    }

    /// Puts a value into the extensions of every request, as a server or an outer layer would.
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.line.extensions.insert(value);
        self.line = self.line.renewed();
        self
    }

    /// Comes from this address: requests carry it as [`PeerAddress`].
    pub fn peer_address(self, address: SocketAddr) -> Self {
        self.extension(PeerAddress(address))
    }

    /// Prepares a session of the [`SockJs`](crate::SockJs) mount at `path`; its
    /// [`open`](SessionBuilder::open) asks for it.
    ///
    /// A service that is a mount itself is at `/`. A query behind the path goes with every request
    /// of the session.
    pub fn session(&self, path: &str) -> SessionBuilder {
        SessionBuilder::new(self.clone(), path)
    }

    /// Prepares a session of the [`EngineIo`](crate::EngineIo) mount at `path`, which has a slash
    /// at its end for this protocol's clients, written or not.
    ///
    /// It opens by polling, as clients do, or on a WebSocket where
    /// [`transport`](SessionBuilder::transport) says so. Unlike them it goes over to a WebSocket
    /// only when it is told to: [`upgrade`](super::TestSession::upgrade).
    ///
    /// # Example
    ///
    /// ```test_harness
    /// # use sockeye_tower as sockeye;
    /// use sockeye::{EngineIo, Session, Transport, test::Client};
    ///
    /// async fn echo(mut session: Session) {
    ///     while let Some(message) = session.recv().await {
    ///         let _ = session.send(message).await;
    ///     }
    /// }
    ///
    /// #[tokio::test(start_paused = true)]
    /// async fn echoes_before_and_after_the_upgrade() {
    ///     let client = Client::new(EngineIo::new(echo).service());
    ///     let session = client.engineio("/").open().await.unwrap();
    ///     assert_eq!(session.handshake().upgrades, [Transport::WebSocket]);
    ///     session.send_all(["one", "two"]).await.unwrap();
    ///     assert_eq!(session.recv().await, Ok("one".into()));
    ///
    ///     session.upgrade().await.unwrap();
    ///     assert_eq!(session.transport(), Transport::WebSocket);
    ///     assert_eq!(session.recv().await, Ok("two".into()));
    ///     session.send(vec![3]).await.unwrap();
    ///     assert_eq!(session.recv().await, Ok(vec![3].into()));
    ///     session.close().await.unwrap();
    /// }
    /// ```
    pub fn engineio(&self, path: &str) -> SessionBuilder {
        self.session(path).over_engineio()
    }

    /// Prepares a session at `path` of a mount that is a [`WebSocket`](crate::WebSocket) itself.
    pub fn websocket(&self, path: &str) -> SessionBuilder {
        self.session(path).plain(Transport::RawWebSocket)
    }

    /// Prepares a session at `path` of an [`EventStream`](crate::EventStream) mount.
    ///
    /// Unlike a browser it does not come back by itself when the stream ends.
    pub fn event_stream(&self, path: &str) -> SessionBuilder {
        self.session(path).plain(Transport::EventStream)
    }

    /// Asks for an ordinary route and takes the whole answer, whatever its status.
    ///
    /// # Errors
    ///
    /// When there is no whole answer in time, or it is longer than 64 MiB.
    ///
    /// # Panics
    ///
    /// When `target` is not a path, with or without a query.
    pub async fn get(&self, target: &str) -> Result<Response, Error> {
        let request = Request::get(target).body(());
        let request = request.unwrap_or_else(|_| panic!("get: {target:?} is not a path"));
        self.request(request.map(|()| Bytes::new())).await
    }

    /// Sends an ordinary request and takes the whole answer, whatever its status.
    ///
    /// The URI's path and query count, its host does not. The jar's cookies go along unless the
    /// request has a `Cookie` header. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// When there is no whole answer in time, or it is longer than 64 MiB.
    pub async fn request<B: Into<Bytes>>(&self, request: Request<B>) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let mut request = self.prepare(parts.method, path_of(&parts.uri), parts.headers);
        *request.body_mut() = Full::new(body.into());
        self.in_time(async { self.whole(self.exchange(request).await?).await })
            .await
    }

    /// The value of a cookie in the jar, whatever its path.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar().value(name, Instant::now()).map(str::to_owned)
    }

    /// Puts a cookie into the jar, for every path.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.jar().set(name, value, Instant::now());
    }

    /// Empties the jar.
    pub fn clear_cookies(&self) {
        self.jar().clear();
    }

    /// A request without body. Cookies of the jar are added unless `headers` have some.
    pub(super) fn prepare(
        &self,
        method: http::Method,
        target: PathAndQuery,
        headers: HeaderMap,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        if !request.headers().contains_key(COOKIE) {
            let pairs = self.jar().pairs(target.path(), Instant::now());
            if let Some(cookies) = cookie_header(&pairs) {
                request.headers_mut().insert(COOKIE, cookies);
            }
        }
        let mut uri = http::uri::Parts::default();
        uri.path_and_query = Some(target);
        if self.line.is_http2() {
            uri.scheme = Some(http::uri::Scheme::HTTP);
            uri.authority = Some(self.authority.clone());
        } else if !request.headers().contains_key(HOST) {
            let host = HeaderValue::from_str(self.authority.as_str());
            request
                .headers_mut()
                .insert(HOST, host.expect("an authority is a header value"));
        }
        *request.uri_mut() = Uri::from_parts(uri).expect("these parts go together");
        request
    }

    /// Sends a request; its answer's cookies go into the jar.
    pub(super) async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Exchange, Error> {
        let path = request.uri().path().to_owned();
        let exchange = self.line.send(request).await?;
        self.jar()
            .take(&exchange.head.headers, &path, Instant::now());
        Ok(exchange)
    }

    /// Reads an answer to its end.
    pub(super) async fn whole(&self, exchange: Exchange) -> Result<Response, Error> {
        let body = Limited::new(exchange.body, LONGEST).collect().await;
        let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => Violation::TooLarge { limit: LONGEST }.into(),
            Err(_) => Error::Disconnected,
        })?;
        Ok(Response::new(&exchange.head, body.to_bytes()))
    }

    /// Waits for as long as this client is patient.
    pub(super) async fn in_time<T>(
        &self,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let after = self.patience;
        match timeout(after, future).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut { after }),
        }
    }

    pub(super) fn cookies_for(&self, path: &str) -> Vec<(String, String)> {
        self.jar().pairs(path, Instant::now())
    }

    pub(super) fn is_http2(&self) -> bool {
        self.line.is_http2()
    }

    fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path_of(uri: &Uri) -> PathAndQuery {
    let target = uri.path_and_query().cloned();
    target.unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// A `Cookie` header; `None` without cookies, or where one cannot stand in a header.
pub(super) fn cookie_header(pairs: &[(String, String)]) -> Option<HeaderValue> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let header = HeaderValue::try_from(pairs.join("; ")).ok()?;
    (!header.is_empty()).then_some(header)
}

/// Longer than two heartbeats, shorter than anybody waits at a desk.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of one body or frame that a client takes: 64 MiB.
pub(super) const LONGEST: usize = 64 << 20;
