//! A server in memory, and a client that speaks Socket.IO packet by packet.

use std::{
    collections::VecDeque,
    fmt::Display,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sockeye_socketio::{Builder, Namespace, Reason, Socket, SocketIo};
use sockeye_tower::{
    Close, Handle, Message, Transport,
    engineio::Revision,
    test::{Client, Error, SessionBuilder, TestSession},
};
use tokio::sync::Notify;

/// A server under test.
pub(crate) struct Server {
    pub(crate) io: SocketIo,
    pub(crate) handle: Handle,
    pub(crate) client: Client,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(options: impl FnOnce(Builder) -> Builder) -> Self {
        let handle = Handle::new();
        let own = handle.clone();
        let builder =
            SocketIo::builder().engine_io(move |engine| engine.handle(&own).allow_eio3(true));
        let io = options(builder).build();
        let client = Client::new(io.service());
        Self { io, handle, client }
    }

    pub(crate) fn root(&self) -> Namespace {
        self.io.of("/")
    }

    /// An Engine.IO session on a WebSocket, which has not joined anything.
    pub(crate) async fn open(&self) -> Peer {
        Peer::over(self.websocket()).await
    }

    pub(crate) async fn open_polling(&self) -> Peer {
        Peer::over(self.client.engineio("/")).await
    }

    pub(crate) fn websocket(&self) -> SessionBuilder {
        self.client.engineio("/").transport(Transport::WebSocket)
    }

    /// A client of revision 3, which is in `/` by itself.
    pub(crate) async fn open_v3(&self) -> Peer {
        Peer::over(self.websocket().revision(Revision::V3)).await
    }

    /// A client that is in `/`.
    pub(crate) async fn join(&self) -> Peer {
        let mut peer = self.open().await;
        peer.connect("/").await;
        peer
    }

    pub(crate) async fn join_polling(&self) -> Peer {
        let mut peer = self.open_polling().await;
        peer.connect("/").await;
        peer
    }

    /// Waits until sessions have ended and nobody has anything to do.
    pub(crate) async fn empty(&self) {
        self.handle.idle().await;
        settle().await;
    }

    /// Asserts that nothing is left of any client, dynamic namespaces included.
    pub(crate) async fn assert_empty(&self) {
        self.empty().await;
        assert_eq!(self.io.clients(), 0, "clients");
        for namespace in self.io.namespaces() {
            let name = namespace.name();
            let rooms = namespace.rooms();
            assert_eq!(namespace.sockets(), [], "sockets of {name}");
            assert!(rooms.is_empty(), "{rooms:?} of {name}");
        }
        let names: Vec<_> = self.io.namespaces();
        let dynamic: Vec<_> = names
            .iter()
            .filter(|it| it.name().starts_with("/dyn"))
            .collect();
        assert!(dynamic.is_empty(), "{dynamic:?}");
    }
}

/// A client, which says and hears packets as they are.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) session: TestSession,
    /// What it got for joining a namespace: names and ids.
    pub(crate) joined: Vec<(String, String)>,
    pub(crate) pid: Option<String>,
}

impl Peer {
    pub(crate) async fn over(builder: SessionBuilder) -> Self {
        Self {
            session: builder.open().await.unwrap(),
            joined: Vec::new(),
            pid: None,
        }
    }

    /// Joins a namespace and gives the socket's id.
    pub(crate) async fn connect(&mut self, namespace: &str) -> String {
        self.connect_with(namespace, "").await
    }

    pub(crate) async fn connect_with(&mut self, namespace: &str, auth: &str) -> String {
        self.say(&packet('0', namespace, auth)).await;
        self.connected(namespace).await
    }

    /// Waits for the answer to a CONNECT, which is the next packet.
    pub(crate) async fn connected(&mut self, namespace: &str) -> String {
        let answer = self.hear().await;
        let start = packet('0', namespace, "");
        let data = answer.strip_prefix(&start);
        let data = data.unwrap_or_else(|| panic!("{answer} is no answer for {namespace}"));
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        self.pid = data["pid"].as_str().map(str::to_owned);
        let sid = data["sid"].as_str().unwrap().to_owned();
        self.joined.push((namespace.to_owned(), sid.clone()));
        sid
    }

    pub(crate) fn sid(&self) -> &str {
        &self.joined[0].1
    }

    pub(crate) async fn say(&self, packet: &str) {
        self.session.send(packet).await.unwrap();
    }

    pub(crate) async fn say_bytes(&self, bytes: &[u8]) {
        self.session.send(bytes.to_vec()).await.unwrap();
    }

    /// Says more than a server may care to hear: it may have closed the session already.
    pub(crate) async fn try_say(&self, packet: &str) -> Result<(), Error> {
        self.session.send(packet).await
    }

    /// The next message, which is text.
    pub(crate) async fn hear(&self) -> String {
        match self.session.recv().await {
            Ok(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("a text was expected, not {other:?}"),
        }
    }

    /// The next message, which is binary.
    pub(crate) async fn hear_bytes(&self) -> Vec<u8> {
        match self.session.recv().await {
            Ok(Message::Binary(bytes)) => bytes.to_vec(),
            other => panic!("bytes were expected, not {other:?}"),
        }
    }

    /// All that has come, once nobody has anything to do.
    pub(crate) async fn heard(&self) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let next = tokio::time::timeout(A_MOMENT, self.session.recv()).await;
            match next {
                Ok(Ok(Message::Text(text))) => all.push(text.as_str().to_owned()),
                Ok(Ok(Message::Binary(bytes))) => all.push(format!("{bytes:?}")),
                Ok(Err(_)) | Err(_) => return all,
            }
        }
    }

    /// Asks the server's `sync` handler, so that all that was said before has been seen.
    pub(crate) async fn closed(&self) -> Close {
        self.session.closed().await.unwrap()
    }

    pub(crate) async fn leave(self) {
        self.session.close().await.unwrap();
    }

    pub(crate) fn vanish(self) {
        self.session.abort();
    }
}

/// A packet of text: its digit, `namespace,` unless that is `/`, and the rest.
pub(crate) fn packet(kind: char, namespace: &str, rest: &str) -> String {
    match namespace {
        "/" => format!("{kind}{rest}"),
        other => format!("{kind}{other},{rest}"),
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<VecDeque<String>>, Notify)>);

impl Log {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn note(&self, what: impl Display) {
        self.lock().push_back(what.to_string());
        self.0.1.notify_one();
    }

    /// The next note; waits for it.
    pub(crate) async fn next(&self) -> String {
        loop {
            if let Some(note) = self.lock().pop_front() {
                return note;
            }
            let waiting = tokio::time::timeout(PATIENCE, self.0.1.notified());
            waiting.await.expect("nothing more happened");
        }
    }

    /// Takes what was noted so far.
    pub(crate) fn take(&self) -> Vec<String> {
        self.lock().drain(..).collect()
    }

    /// Takes what was noted once nobody has anything to do.
    pub(crate) async fn all(&self) -> Vec<String> {
        settle().await;
        self.take()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.0.lock().unwrap()
    }
}

/// Counts how many of its values there are.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

/// One of those that a [`Count`] counts.
pub(crate) struct Counted(Count);

impl Count {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn one(&self) -> Arc<Counted> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Arc::new(Counted(self.clone()))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Notes each socket's departure: rooms while it disconnects, and the reason.
pub(crate) fn note_departures(socket: &Socket, log: &Log) {
    let (leaving, left) = (log.clone(), log.clone());
    socket.on_disconnecting(async move |socket: Socket| {
        leaving.note(format!("disconnecting from {} rooms", socket.rooms().len()));
    });
    socket.on_disconnect(async move |reason: Reason| left.note(reason));
}

/// On a paused clock no time passes while anyone can go on: all that could happen has happened.
pub(crate) async fn settle() {
    tokio::time::sleep(A_MOMENT).await;
}

pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(secs(seconds)).await;
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const A_MOMENT: Duration = Duration::from_millis(1);

const PATIENCE: Duration = Duration::from_secs(60);
