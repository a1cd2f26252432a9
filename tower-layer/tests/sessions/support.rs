//! A mount, its sessions in the test's own hands, and clients that show every byte.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use sockeye_tower::{
    Body, BoxFuture, DrainPolicy, EventStream, Handle, Handler, Limit, MountService, PeerAddress,
    Session, SockJs, test::Client,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    sync::mpsc,
    time::Instant,
};
use tower::ServiceExt;

/// A mount under test.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) service: MountService,
    pub(crate) handle: Handle,
}

/// Starts a drain that tells everyone at once.
pub(crate) fn drain(handle: &Handle) {
    let _drained = handle.drain(DrainPolicy::new().window(Duration::ZERO));
}

/// Sessions, as the mount's handler hands them to the test.
pub(crate) type Sessions = mpsc::UnboundedReceiver<Session>;

impl Server {
    pub(crate) fn new<H: Handler>(mount: SockJs<H>) -> Self {
        Self::around(|handle| mount.handle(handle).service())
    }

    /// A mount of whatever kind, with a handle of its own.
    pub(crate) fn around(mount: impl FnOnce(&Handle) -> MountService) -> Self {
        let handle = Handle::new();
        Self {
            service: mount(&handle),
            handle,
        }
    }

    /// A server whose handler hands each session to the test and returns.
    pub(crate) fn handing_over(
        options: impl FnOnce(SockJs<HandOver>) -> SockJs<HandOver>,
    ) -> (Self, Sessions) {
        let (handler, sessions) = hand_over();
        (Self::new(options(SockJs::new(handler))), sessions)
    }

    /// Plain WebSockets, whose handler hands each session to the test and returns.
    pub(crate) fn plain(
        options: impl FnOnce(sockeye_tower::WebSocket<HandOver>) -> sockeye_tower::WebSocket<HandOver>,
    ) -> (Self, Sessions) {
        let (sender, sessions) = mpsc::unbounded_channel();
        let mount = options(sockeye_tower::WebSocket::new(HandOver(sender)));
        let server = Self::around(|handle| mount.handle(handle).service());
        (server, sessions)
    }

    /// Event streams, whose handler hands each session to the test and returns.
    pub(crate) fn streaming(
        options: impl FnOnce(EventStream<HandOver>) -> EventStream<HandOver>,
    ) -> (Self, Sessions) {
        let (sender, sessions) = mpsc::unbounded_channel();
        let mount = options(EventStream::new(HandOver(sender)));
        let server = Self::around(|handle| mount.handle(handle).service());
        (server, sessions)
    }

    pub(crate) async fn request<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let Ok(response) = self.service.clone().oneshot(request).await;
        response
    }

    /// Opens a receiver at `target`, below the mount; POST where the transport asks for it.
    pub(crate) async fn receive(&self, target: &str) -> Receiving {
        let response = self.request(receiver(target).body(Empty::new()).unwrap());
        let response = response.await;
        assert_eq!(response.status(), StatusCode::OK, "{target}");
        Receiving(response.into_body())
    }

    /// One poll of a session, answered in full.
    pub(crate) async fn poll(&self, session: &str) -> String {
        self.receive(&format!("/0/{session}/xhr"))
            .await
            .rest()
            .await
    }

    /// One `xhr_send`.
    pub(crate) async fn send(&self, session: &str, body: &str) -> StatusCode {
        let target = format!("/0/{session}/xhr_send");
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        self.request(to(Method::POST, &target).body(body).unwrap())
            .await
            .status()
    }

    /// A connection whose pipes hold `buffer` bytes each.
    pub(crate) fn connect(&self, buffer: usize) -> DuplexStream {
        self.connect_from(buffer, None)
    }

    /// A connection that says where it comes from.
    pub(crate) fn connect_from(&self, buffer: usize, address: Option<PeerAddress>) -> DuplexStream {
        let (client, server) = tokio::io::duplex(buffer);
        let service = self.service.clone();
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            if let Some(address) = address {
                request.extensions_mut().insert(address);
            }
            service.clone().oneshot(request)
        });
        let service = TowerToHyperService::new(service);
        tokio::spawn(
            http1::Builder::new()
                .serve_connection(TokioIo::new(server), service)
                .with_upgrades(),
        );
        client
    }

    /// A WebSocket whose pipes hold more than a test sends.
    pub(crate) async fn websocket(&self, target: &str) -> WebSocket {
        self.websocket_over(target, 1 << 20).await
    }

    /// A WebSocket whose pipes hold `buffer` bytes each.
    pub(crate) async fn websocket_over(&self, target: &str, buffer: usize) -> WebSocket {
        let mut stream = self.connect(buffer);
        let handshake = format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(handshake.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{head:?}");
        WebSocket { stream }
    }

    /// A client that speaks the protocol, for tests in which its bytes do not matter.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.service.clone())
    }

    pub(crate) fn hits(&self, limit: Limit) -> u64 {
        self.handle.limit_hits(limit)
    }
}

/// A handler that hands its session over and returns.
#[derive(Clone, Debug)]
pub(crate) struct HandOver(mpsc::UnboundedSender<Session>);

pub(crate) fn hand_over() -> (HandOver, Sessions) {
    let (sender, sessions) = mpsc::unbounded_channel();
    (HandOver(sender), sessions)
}

impl Handler for HandOver {
    fn run(self, session: Session) -> BoxFuture<()> {
        let _ = self.0.send(session);
        Box::pin(async {})
    }
}

/// A request as HTTP/1.1 has it.
pub(crate) fn to(method: Method, target: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", "a")
}

/// A request for a receiver.
pub(crate) fn receiver(target: &str) -> http::request::Builder {
    let path = target.split('?').next().unwrap();
    let is_post = path.ends_with("/xhr") || path.ends_with("/xhr_streaming");
    to(if is_post { Method::POST } else { Method::GET }, target)
}

pub(crate) fn peer(address: &str) -> PeerAddress {
    PeerAddress(SocketAddr::new(address.parse().unwrap(), 1))
}

/// The response of a receiver, polled by hand.
pub(crate) struct Receiving(pub(crate) Body);

impl Receiving {
    /// The next chunk; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let Ok(frame) = self.0.frame().await?;
        Some(String::from_utf8(frame.into_data().unwrap().into()).unwrap())
    }

    /// The next chunk, if there is one already.
    pub(crate) fn next_now(&mut self) -> Option<Option<String>> {
        self.next().now_or_never()
    }

    /// Everything up to the end.
    pub(crate) async fn rest(mut self) -> String {
        let mut rest = String::new();
        while let Some(chunk) = self.next().await {
            rest.push_str(&chunk);
        }
        rest
    }
}

/// The target of a session's receiver on each transport that is an HTTP response.
pub(crate) const RESPONSES: [&str; 5] =
    ["xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp"];

/// The target of `endpoint` for a session, with a callback where it needs one.
pub(crate) fn target(session: &str, endpoint: &str) -> String {
    match endpoint {
        "htmlfile" | "jsonp" => format!("/0/{session}/{endpoint}?c=cb"),
        _ => format!("/0/{session}/{endpoint}"),
    }
}

/// The client's side of a WebSocket.
pub(crate) struct WebSocket<Io = DuplexStream> {
    pub(crate) stream: Io,
}

/// What the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(u16, String),
    /// The connection's end.
    End,
}

pub(crate) fn text(text: &str) -> Sent {
    Sent::Text(text.into())
}

pub(crate) fn close(code: u16, reason: &str) -> Sent {
    Sent::Close(code, reason.into())
}

impl<Io: AsyncRead + AsyncWrite + Unpin> WebSocket<Io> {
    pub(crate) async fn next(&mut self) -> Sent {
        let Ok(first) = self.stream.read_u8().await else {
            return Sent::End;
        };
        let length = match self.stream.read_u8().await.unwrap() {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            127 => usize::try_from(self.stream.read_u64().await.unwrap()).unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.unwrap();
        match first {
            0x81 => Sent::Text(String::from_utf8(payload).unwrap()),
            0x82 => Sent::Binary(payload),
            0x88 => Sent::Close(
                u16::from_be_bytes([payload[0], payload[1]]),
                String::from_utf8(payload[2..].to_vec()).unwrap(),
            ),
            0x89 => Sent::Ping,
            0x8a => Sent::Pong(payload),
            other => panic!("an unexpected frame: {other:#x}"),
        }
    }

    /// Sends one masked frame; `first` is its first byte.
    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = masked(first, payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send(0x81, text.as_bytes()).await;
    }

    pub(crate) async fn send_close(&mut self, code: u16, reason: &str) {
        let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
        self.send(0x88, &payload).await;
    }
}

pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    // A mask of zeroes: the payload stays readable in a failing test.
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Lets every task come to rest: the paused clock moves on only when all of them wait.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Moves the clock; what is due on the way happens at its own time.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Whole seconds since `start`.
pub(crate) fn since(start: Instant) -> u64 {
    start.elapsed().as_secs()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Echoes until the peer leaves.
pub(crate) async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}
