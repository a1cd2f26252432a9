//! What sockets, namespaces and their rooms owe to those who use them in unforeseen moments.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::Poll,
    time::Duration,
};

use regex::Regex;
use sockeye_rooms::{Adapter, AppliedBy, Command, Local, PublishError, Rooms, Selection};
use sockeye_socketio::{
    Ack, AckError, Decoder, EmitError, EncodeError, Encoded, Packet, PacketKind, Parser,
    ParserLimits, Refusal, Socket, SocketId, SocketIo, TextParser, Value, WirePacket,
};

use crate::{
    acks::only,
    support::{Log, Server, secs, settle},
};

/// Whether other threads get through with `call` while the caller goes on with what it is doing.
///
/// It waits only where they do not.
fn others_may(call: impl FnOnce() + Send + 'static) -> bool {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        call();
        let _ = done.send(());
    });
    is_done.recv_timeout(Duration::from_secs(5)).is_ok()
}

#[tokio::test(start_paused = true)]
async fn what_one_child_is_given_is_not_its_siblings() {
    let server = Server::new();
    let log = Log::new();
    server.io.dynamic(Regex::new(r"^/dyn-\d+$").unwrap());
    let first = server.io.of("/dyn-1");
    first.middleware(async |socket: Socket| match socket.namespace().name() {
        "/dyn-1" => Ok(()),
        _ => Err(Refusal::new("the first one's middleware")),
    });
    let its_log = log.clone();
    first.on_connect(async move |socket: Socket| its_log.note(socket.namespace().name()));
    let mut peer = server.open().await;
    peer.connect("/dyn-1").await;
    peer.connect("/dyn-2").await;
    assert_eq!(log.all().await, ["/dyn-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_the_application_made_outlives_its_sockets() {
    let server = Server::new();
    server.io.dynamic(Regex::new(r"^/dyn-\d+$").unwrap());
    let made = server.io.of("/dyn-1");
    let mut peer = server.open().await;
    peer.connect("/dyn-1").await;
    peer.say("1/dyn-1,").await;
    settle().await;
    peer.connect("/dyn-1").await;
    assert_eq!(made.emit("hello", &()).await.unwrap().reached, 1);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_has_gone_does_not_close_its_clients_connection() {
    let server = Server::new();
    server.io.of("/other");
    let mut peer = server.join().await;
    peer.connect("/other").await;
    let socket = only(&server);
    socket.disconnect(false);
    settle().await;
    socket.disconnect(true);
    settle().await;
    assert_eq!(server.io.of("/other").sockets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn disconnected_with_its_connection_it_is_so_at_once() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.on("go", async move |socket: Socket| {
            socket.disconnect(true);
            its_log.note(socket.is_connected());
            its_log.note(matches!(
                socket.emit("late", &()).await,
                Err(EmitError::Disconnected)
            ));
        });
    });
    let peer = server.join().await;
    peer.say(r#"2["go"]"#).await;
    assert_eq!(log.all().await, ["false", "true"]);
    assert_eq!(peer.heard().await, ["1"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_admitted_yet_is_not_among_the_sockets() {
    let server = Server::new();
    server.root().middleware(async |socket: Socket| {
        socket.join("a").unwrap();
        std::future::pending::<Result<(), Refusal>>().await
    });
    let peer = server.open().await;
    peer.say("0").await;
    settle().await;
    assert_eq!(server.root().sockets(), []);
    assert!(server.root().fetch_sockets().await.unwrap().is_empty());
}

/// Sends to a room while the answer to a CONNECT is written, as another thread could.
struct Early(Arc<OnceLock<SocketIo>>);

impl Parser for Early {
    fn encode(&self, packet: &WirePacket) -> Result<Encoded, EncodeError> {
        if let (PacketKind::Connect, Some(io)) = (packet.kind, self.0.get()) {
            drop(io.to("a").emit("early", &()));
        }
        TextParser.encode(packet)
    }

    fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
        TextParser.decoder(limits)
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_answer_to_connect() {
    let io = Arc::new(OnceLock::new());
    let its_io = io.clone();
    let server = Server::with(move |builder| builder.parser(Early(its_io)));
    let middleware = async |socket: Socket| socket.join("a");
    server.root().middleware(middleware);
    assert!(io.set(server.io.clone()).is_ok());
    let peer = server.open().await;
    peer.say("0").await;
    let heard = peer.heard().await;
    assert!(heard[0].starts_with(r#"0{"sid""#), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_shows_no_secrets() {
    let server = Server::new();
    let mut peer = server.open().await;
    peer.connect_with("/", r#"{"token":"a-secret"}"#).await;
    let fetched = server.root().fetch_sockets().await.unwrap();
    let handshake = only(&server).handshake();
    for shown in [format!("{fetched:?}"), format!("{handshake:?}")] {
        assert!(!shown.contains("a-secret"), "{shown}");
    }
}

struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it cannot be"))
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_could_not_be_written_is_none() {
    let server = Server::new();
    server.root().on_connect(async |socket: Socket| {
        socket.on("ask", async |ack: Ack| {
            assert!(ack.send(&Unwritable).is_err());
            ack.send(&"sorry")
        });
    });
    let peer = server.join().await;
    peer.say(r#"21["ask"]"#).await;
    assert_eq!(peer.heard().await, [r#"31["sorry"]"#]);
}

/// Arguments that take so long to write that the socket has left meanwhile.
struct Slow(Socket, Mutex<mpsc::Receiver<()>>);

impl serde::Serialize for Slow {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.disconnect(false);
        self.1.lock().unwrap().recv().unwrap();
        serializer.serialize_unit()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_of_one_that_leaves_meanwhile_is_not_awaited() {
    let server = Server::new();
    let (left, has_left) = mpsc::channel();
    server.root().on_connect(async move |socket: Socket| {
        socket.on_disconnect(async move || left.send(()));
    });
    let _peer = server.join().await;
    let socket = only(&server);
    let arguments = Slow(socket.clone(), Mutex::new(has_left));
    let asked = socket.emit_with_ack::<(), _>("ask", &arguments);
    let answer = tokio::time::timeout(secs(5), asked).await;
    let is_told = matches!(
        answer,
        Ok(Err(
            AckError::Emit(EmitError::Disconnected) | AckError::Disconnected
        ))
    );
    assert!(is_told, "{answer:?}");
}

/// Uses the socket when it is dropped, as what cleans up after itself may.
struct CleansUp(Socket, Log);

impl Drop for CleansUp {
    fn drop(&mut self) {
        let socket = self.0.clone();
        let used = others_may(move || drop(socket.data::<Value>()));
        self.1.note(used);
    }
}

/// Something that is kept with a socket and looks at it whenever it is cloned.
struct Looks(Socket, Log);

impl Clone for Looks {
    fn clone(&self) -> Self {
        let socket = self.0.clone();
        let used = others_may(move || drop(socket.data::<Value>()));
        self.1.note(used);
        Self(self.0.clone(), self.1.clone())
    }
}

#[tokio::test]
async fn what_is_kept_with_a_socket_may_use_it_while_it_is_cloned() {
    let server = Server::new();
    let _peer = server.join().await;
    let (socket, log) = (only(&server), Log::new());
    socket.insert(Looks(socket.clone(), log.clone()));
    drop(socket.extension::<Looks>());
    assert_eq!(log.take(), ["true"]);
    // What is given back is the value itself, if nobody else has it at the moment.
    let before = socket.insert(Looks(socket.clone(), log.clone()));
    assert!(before.is_some());
    assert_eq!(log.take(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_handler_that_is_taken_off_may_use_the_socket_as_it_goes() {
    let server = Server::new();
    let _peer = server.join().await;
    let socket = only(&server);
    let log = Log::new();
    let kept = Arc::new(CleansUp(socket.clone(), log.clone()));
    socket.on("x", async move || drop(kept.clone()));
    socket.off("x");
    assert_eq!(log.take(), ["true"]);
}

/// Lets others send while it publishes.
struct Metered(Arc<OnceLock<SocketIo>>, Log, AtomicBool);

impl Adapter<Socket> for Metered {
    fn attach(&self, _: Local<Socket>) {}

    fn publish(
        &self,
        _: &Selection<SocketId>,
        _: &Command<Packet>,
    ) -> Result<AppliedBy, PublishError> {
        if let (Some(io), false) = (self.0.get(), self.2.swap(true, Ordering::Relaxed)) {
            let io = io.clone();
            self.1
                .note(others_may(move || drop(io.of("/").emit("metrics", &()))));
        }
        Ok(AppliedBy::Rooms)
    }
}

#[tokio::test]
async fn no_lock_is_held_while_an_adapter_publishes() {
    for recovers in [false, true] {
        let (io, log) = (Arc::new(OnceLock::new()), Log::new());
        let (its_io, its_log) = (io.clone(), log.clone());
        let server = Server::with(move |builder| {
            let builder =
                builder.adapter(move |_| Metered(its_io.clone(), its_log.clone(), false.into()));
            match recovers {
                true => builder.recovery(Default::default()),
                false => builder,
            }
        });
        assert!(io.set(server.io.clone()).is_ok());
        server.root().emit("hello", &()).await.unwrap();
        assert_eq!(log.take(), ["true"], "recovers: {recovers}");
    }
}

#[tokio::test]
async fn no_lock_is_held_while_rooms_are_made() {
    let (io, log) = (Arc::new(OnceLock::<SocketIo>::new()), Log::new());
    let (its_io, its_log) = (io.clone(), log.clone());
    let server = Server::with(move |builder| {
        builder.rooms(move |_| {
            if let Some(io) = its_io.get().cloned() {
                its_log.note(others_may(move || drop(io.namespaces())));
            }
            Rooms::builder()
        })
    });
    assert!(io.set(server.io.clone()).is_ok());
    server.io.of("/new");
    assert_eq!(log.take(), ["true"]);
}

#[tokio::test(start_paused = true)]
async fn the_room_that_a_socket_alone_is_in_is_a_room() {
    let server = Server::new();
    let peer = server.join().await;
    let root = server.root();
    let rooms = root.rooms();
    assert_eq!(rooms.members(peer.sid()).len(), 1);
    assert_eq!(rooms.len(peer.sid()), 1);
    assert!(rooms.local().has_room(peer.sid()));
}

/// Holds each DISCONNECT back until the gate opens.
#[derive(Clone, Default)]
struct Gate(Arc<(AtomicBool, AtomicBool)>);

impl Parser for Gate {
    fn encode(&self, packet: &WirePacket) -> Result<Encoded, EncodeError> {
        let (is_held, is_open) = &*self.0;
        if packet.kind == PacketKind::Disconnect {
            is_held.store(true, Ordering::SeqCst);
            while !is_open.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        TextParser.encode(packet)
    }

    fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
        TextParser.decoder(limits)
    }
}

/// The session ends between a socket's going and the word of it, while its task is woken again and
/// again: wherever the task is when the word comes, the departure is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_departure_that_meets_the_end_of_the_session_is_told() {
    let gate = Gate::default();
    let its_gate = gate.clone();
    let server = Server::with(move |builder| builder.parser(its_gate));
    let told = Arc::new(AtomicUsize::new(0));
    let count = told.clone();
    let waker = Arc::new(Mutex::new(None));
    let its_waker = waker.clone();
    server.root().on_connect(async move |socket: Socket| {
        let count = count.clone();
        // It is polled in line, so this is the waker of the connection's own task.
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        *its_waker.lock().unwrap() = Some(waker);
        socket.on_disconnect(async move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
    });
    let (is_held, is_open) = &*gate.0;
    for trial in 1..=400 {
        is_held.store(false, Ordering::SeqCst);
        is_open.store(false, Ordering::SeqCst);
        let peer = server.join().await;
        let leaving = only(&server);
        let leaving = std::thread::spawn(move || leaving.disconnect(false));
        while !is_held.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        peer.vanish();
        while server.io.clients() > 0 {
            tokio::task::yield_now().await;
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let its_end = is_over.clone();
        let waker = waker.lock().unwrap().take().unwrap();
        let noise = std::thread::spawn(move || {
            while !its_end.load(Ordering::SeqCst) {
                waker.wake_by_ref();
            }
        });
        is_open.store(true, Ordering::SeqCst);
        leaving.join().unwrap();
        server.handle.idle().await;
        is_over.store(true, Ordering::SeqCst);
        noise.join().unwrap();
        assert_eq!(told.load(Ordering::SeqCst), trial);
    }
}
