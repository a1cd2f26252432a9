//! A mount whose sessions come into the test's own hands.

use std::time::Duration;

use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use sockeye_tower::{
    BoxFuture, DrainPolicy, EngineIo, Handle, Handler, Message, MountService, PeerAddress, Session,
    test::Client,
};
use tokio::{runtime, sync::mpsc};
use tower::ServiceExt;

use crate::client::{Answer, Connection, WebSocket};

/// A mount under test.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) service: MountService,
    pub(crate) handle: Handle,
    /// Where its connections come from, if that is told.
    address: Option<PeerAddress>,
}

/// Sessions, as the mount's handler hands them to the test.
pub(crate) type Sessions = mpsc::UnboundedReceiver<Session>;

impl Server {
    pub(crate) fn new<H: Handler>(mount: EngineIo<H>) -> Self {
        Self::with_handle(mount, Handle::new())
    }

    pub(crate) fn with_handle<H: Handler>(mount: EngineIo<H>, handle: Handle) -> Self {
        Self {
            service: mount.handle(&handle).service(),
            handle,
            address: None,
        }
    }

    /// The same server, to which everything comes from `address` from now on.
    pub(crate) fn seen_from(&self, address: &str) -> Self {
        Self {
            address: Some(PeerAddress(
                (address.parse::<std::net::IpAddr>().unwrap(), 1).into(),
            )),
            ..self.clone()
        }
    }

    /// A server whose handler hands each session to the test and returns.
    pub(crate) fn handing_over(
        options: impl FnOnce(EngineIo<HandOver>) -> EngineIo<HandOver>,
    ) -> (Self, Sessions) {
        let (sender, sessions) = mpsc::unbounded_channel();
        let mount = options(EngineIo::new(HandOver(sender)));
        (Self::new(mount), sessions)
    }

    pub(crate) fn echoing(
        options: impl FnOnce(
            EngineIo<fn(Session) -> BoxFuture<()>>,
        ) -> EngineIo<fn(Session) -> BoxFuture<()>>,
    ) -> Self {
        let handler: fn(Session) -> BoxFuture<()> = |session| Box::pin(echo(session));
        Self::new(options(EngineIo::new(handler)))
    }

    /// The client of applications' own tests, for what is not about bytes.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.service.clone())
    }

    /// A connection whose pipes hold more than a test sends.
    pub(crate) fn connect(&self) -> Connection {
        self.connect_over(1 << 22)
    }

    /// A connection whose pipes hold `buffer` bytes each.
    pub(crate) fn connect_over(&self, buffer: usize) -> Connection {
        let (client, server) = tokio::io::duplex(buffer);
        let (service, address) = (self.service.clone(), self.address);
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
        Connection::new(client)
    }

    /// A request without a body, on a connection of its own.
    pub(crate) async fn ask(&self, method: &str, query: &str) -> Answer {
        self.ask_with(method, query, "", b"").await
    }

    /// A request with more header lines (each with its end) and a body.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        query: &str,
        headers: &str,
        body: &[u8],
    ) -> Answer {
        let mut connection = self.connect();
        connection.send(method, query, headers, body).await;
        connection.answer_to(method).await
    }

    pub(crate) async fn get(&self, query: &str) -> Answer {
        self.ask("GET", query).await
    }

    pub(crate) async fn post(&self, query: &str, body: impl AsRef<[u8]>) -> Answer {
        self.ask_with("POST", query, "", body.as_ref()).await
    }

    /// What a WebSocket handshake is answered.
    pub(crate) async fn handshake(&self, query: &str) -> (Answer, Connection) {
        self.handshake_with(query, "").await
    }

    pub(crate) async fn handshake_with(&self, query: &str, headers: &str) -> (Answer, Connection) {
        let mut connection = self.connect();
        connection.send_handshake("GET", query, headers).await;
        (connection.answer().await, connection)
    }

    /// A WebSocket that was let in.
    pub(crate) async fn websocket(&self, query: &str) -> WebSocket {
        let (answer, connection) = self.handshake(query).await;
        assert_eq!(answer.status, 101, "{query}: {answer:?}");
        WebSocket::new(connection.stream)
    }

    /// A session that begins on WebSocket, its open packet taken.
    pub(crate) async fn open_websocket(&self) -> WebSocket {
        let mut socket = self.websocket("EIO=4&transport=websocket").await;
        let open = socket.text().await;
        assert!(open.starts_with("0{\"sid\":\""), "{open}");
        socket
    }

    /// A session of revision 4 that begins on polling, its open packet taken.
    pub(crate) async fn open(&self) -> Polling {
        self.open_with("EIO=4").await
    }

    pub(crate) async fn open_with(&self, query: &str) -> Polling {
        let query = format!("{query}&transport=polling");
        let answer = self.get(&query).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let sid = answer.sid();
        Polling {
            server: self.clone(),
            query: format!("{query}&sid={sid}"),
            sid,
        }
    }
}

/// A session's client on polling.
#[derive(Clone, Debug)]
pub(crate) struct Polling {
    pub(crate) server: Server,
    pub(crate) query: String,
    pub(crate) sid: String,
}

impl Polling {
    pub(crate) async fn poll(&self) -> Answer {
        self.server.get(&self.query).await
    }

    /// A poll's payload.
    pub(crate) async fn poll_text(&self) -> String {
        let answer = self.poll().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text()
    }

    /// A poll that is on its way to wait.
    pub(crate) async fn start_poll(&self) -> Connection {
        let mut connection = self.server.connect();
        connection.send("GET", &self.query, "", b"").await;
        connection.expect_silence().await;
        connection
    }

    pub(crate) async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        self.server.post(&self.query, body).await
    }

    /// A POST that is answered `ok`.
    pub(crate) async fn send(&self, body: impl AsRef<[u8]>) {
        let answer = self.post(body).await;
        assert_eq!((answer.status, &*answer.text()), (200, "ok"));
    }

    /// A POST whose body of `length` bytes has only begun.
    pub(crate) async fn start_post(&self, length: usize, begun: &[u8]) -> Connection {
        let mut connection = self.server.connect();
        let target = &self.query;
        let head =
            format!("POST /?{target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        connection.write(head.as_bytes()).await;
        connection.write(begun).await;
        rest().await;
        connection
    }

    /// The WebSocket of an upgrade.
    pub(crate) async fn probe(&self) -> WebSocket {
        self.server.websocket(&self.upgrade_query()).await
    }

    pub(crate) fn upgrade_query(&self) -> String {
        self.query.replace("=polling", "=websocket")
    }

    /// A WebSocket up to where the client has to stop polling.
    pub(crate) async fn probed(&self) -> WebSocket {
        let mut socket = self.probe().await;
        socket.send_text("2probe").await;
        assert_eq!(socket.text().await, "3probe");
        socket
    }

    /// An upgrade with nothing else going on.
    pub(crate) async fn upgraded(&self) -> WebSocket {
        let mut socket = self.probed().await;
        socket.send_text("5").await;
        rest().await;
        socket
    }

    /// That no session has the id any more.
    pub(crate) async fn expect_unknown(&self) {
        let answer = self.poll().await;
        assert_eq!(
            (answer.status, &*answer.text()),
            (400, r#"{"code":1,"message":"Session ID unknown"}"#),
        );
    }
}

/// A handler that hands its session over and returns.
#[derive(Clone, Debug)]
pub(crate) struct HandOver(mpsc::UnboundedSender<Session>);

impl Handler for HandOver {
    fn run(self, session: Session) -> BoxFuture<()> {
        let _ = self.0.send(session);
        Box::pin(async {})
    }
}

/// Echoes until the peer leaves.
pub(crate) async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

/// Starts a drain that tells everyone at once.
pub(crate) fn drain(handle: &Handle) {
    let _drained = handle.drain(DrainPolicy::new().window(Duration::ZERO));
}

/// Lets every task come to rest: the paused clock moves on only when all of them wait.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// How many tasks the test's runtime has.
pub(crate) fn tasks() -> usize {
    runtime::Handle::current().metrics().num_alive_tasks()
}

/// Moves the clock; what is due on the way happens at its own time.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(secs(seconds)).await;
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A message as text.
#[track_caller]
pub(crate) fn as_text(message: Option<Message>) -> String {
    message.unwrap().as_text().unwrap().to_owned()
}
