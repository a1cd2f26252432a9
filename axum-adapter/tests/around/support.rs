//! A mount on both stacks with layers around it, and a client of it.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, client, server};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use sockeye_tower::{BoxFuture, Handler, Session, SockJs};
use tokio::{sync::mpsc, time::timeout};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
use tower::{BoxError, Service, ServiceExt, util::BoxCloneService};

pub(crate) const ORIGIN: &str = "http://b.example";
pub(crate) const NO_CACHE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

/// The mount at `/chat` beside an ordinary route `/plain`, with the layer around both: as an axum
/// router, and as a plain tower stack.
macro_rules! around {
    ($mount:expr, $layer:expr) => {
        [
            $crate::support::host(
                "axum",
                axum::Router::new()
                    .route(
                        "/plain",
                        axum::routing::get(|| async { $crate::support::PLAIN }),
                    )
                    .nest("/chat", sockeye_axum::sockjs_layer($mount))
                    .layer($layer),
            ),
            $crate::support::host(
                "tower",
                tower::ServiceBuilder::new()
                    .layer($layer)
                    .layer($mount.layer("/chat"))
                    .service($crate::support::Plain),
            ),
        ]
    };
}

/// What the ordinary route says: long enough to be worth compressing.
pub(crate) const PLAIN: &str = "an ordinary route, an ordinary route, an ordinary route";

/// The ordinary route of the tower stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl<B> Service<Request<B>> for Plain {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(PLAIN.into())))
    }
}

/// An application under test.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) name: &'static str,
    service: BoxCloneService<Request<Incoming>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>,
}

pub(crate) fn host<S, B>(name: &'static str, service: S) -> Host
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = service
        .map_response(|response| response.map(|body| body.map_err(Into::into).boxed_unsync()))
        .map_err(Into::into)
        .boxed_clone();
    Host { name, service }
}

impl Host {
    /// Asks on a connection of its own; an error if the connection ends without an answer.
    pub(crate) async fn try_ask<B>(
        &self,
        request: Request<B>,
    ) -> Result<Response<Incoming>, hyper::Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (near, far) = tokio::io::duplex(1 << 16);
        let service = TowerToHyperService::new(self.service.clone());
        tokio::spawn(
            server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(far), service)
                .with_upgrades(),
        );
        let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(near)).await?;
        let body = request.map(|body| Box::pin(body.map_err(Into::<BoxError>::into)));
        tokio::spawn(connection.with_upgrades());
        sender.send_request(body).await
    }

    pub(crate) async fn ask<B>(&self, request: Request<B>) -> Response<Incoming>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.try_ask(request).await.unwrap()
    }

    /// Opens a receiver, whose answer must be 200.
    pub(crate) async fn receive(&self, endpoint: &str) -> Receiving {
        let response = self.ask(receiver(endpoint)).await;
        assert_eq!(
            response.status(),
            StatusCode::OK,
            "{} {endpoint}",
            self.name
        );
        Receiving::new(response)
    }

    /// The status of an `xhr_send` to session `s`.
    pub(crate) async fn send(&self, body: &str) -> StatusCode {
        self.ask(sender("xhr_send", body)).await.status()
    }

    /// One poll of session `s`, in full.
    pub(crate) async fn poll(&self) -> String {
        self.receive("xhr").await.rest().await
    }

    pub(crate) async fn websocket(
        &self,
        path: &str,
    ) -> WebSocketStream<TokioIo<hyper::upgrade::Upgraded>> {
        let response = self.ask(handshake(path)).await;
        assert_eq!(
            response.status(),
            StatusCode::SWITCHING_PROTOCOLS,
            "{} {path}",
            self.name
        );
        let upgraded = hyper::upgrade::on(response).await.unwrap();
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await
    }
}

/// A request as a browser of another origin makes it.
pub(crate) fn to(method: Method, target: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", "a")
        .header("origin", ORIGIN)
        .header("accept-encoding", "gzip")
}

/// The request of session `s` for a receiver.
pub(crate) fn receiver(endpoint: &str) -> Request<Full<Bytes>> {
    let request = match endpoint {
        "xhr" | "xhr_streaming" => to(Method::POST, &format!("/chat/0/s/{endpoint}")),
        "jsonp" | "htmlfile" => to(Method::GET, &format!("/chat/0/s/{endpoint}?c=cb")),
        _ => to(Method::GET, &format!("/chat/0/s/{endpoint}")),
    };
    request.body(Full::default()).unwrap()
}

/// A request that brings messages to session `s`.
pub(crate) fn sender(endpoint: &str, body: &str) -> Request<Full<Bytes>> {
    to(Method::POST, &format!("/chat/0/s/{endpoint}"))
        .header("content-type", "text/plain")
        .body(Full::from(body.to_owned()))
        .unwrap()
}

pub(crate) fn handshake(path: &str) -> Request<Full<Bytes>> {
    to(Method::GET, &format!("/chat{path}"))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Full::default())
        .unwrap()
}

pub(crate) fn get(target: &str) -> Request<Full<Bytes>> {
    to(Method::GET, target).body(Full::default()).unwrap()
}

/// The answer of a receiver.
#[derive(Debug)]
pub(crate) struct Receiving {
    pub(crate) response: Response<Incoming>,
    text: String,
}

impl Receiving {
    pub(crate) fn new(response: Response<Incoming>) -> Self {
        let text = String::new();
        Self { response, text }
    }

    /// Reads until what came since the last call ends with `end`, which it must within a second.
    pub(crate) async fn until(&mut self, end: &str) {
        self.until_within(end, Duration::from_secs(1)).await;
    }

    pub(crate) async fn until_within(&mut self, end: &str, time: Duration) {
        let whole = timeout(time, async {
            while !self.text.ends_with(end) {
                let frame = self.response.body_mut().frame().await;
                let data = frame.unwrap().unwrap().into_data().unwrap();
                self.text.push_str(std::str::from_utf8(&data).unwrap());
            }
        });
        if whole.await.is_err() {
            panic!("no {end:?} came, but {:?}", self.text);
        }
        self.text.clear();
    }

    /// Everything up to the end; an error if the answer was cut.
    pub(crate) async fn try_rest(mut self) -> Result<String, hyper::Error> {
        let body = self.response.body_mut().collect().await?;
        Ok(String::from_utf8(body.to_bytes().into()).unwrap())
    }

    pub(crate) async fn rest(self) -> String {
        self.try_rest().await.unwrap()
    }
}

pub(crate) async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

/// A mount for pages of `ORIGIN`.
pub(crate) fn echoing() -> SockJs<impl Handler> {
    SockJs::new(echo).allowed_origins([ORIGIN])
}

/// A handler that hands its session to the test and returns.
#[derive(Clone, Debug)]
pub(crate) struct HandOver(mpsc::UnboundedSender<Session>);

impl Handler for HandOver {
    fn run(self, session: Session) -> BoxFuture<()> {
        let _ = self.0.send(session);
        Box::pin(async {})
    }
}

/// A mount that hands its sessions to the test.
pub(crate) fn handing_over() -> (SockJs<HandOver>, mpsc::UnboundedReceiver<Session>) {
    let (sender, sessions) = mpsc::unbounded_channel();
    let mount = SockJs::new(HandOver(sender)).allowed_origins([ORIGIN]);
    (mount, sessions)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
