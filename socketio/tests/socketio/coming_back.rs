//! Coming back past middlewares, in vain, and with much.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use sockeye_core::Text;
use sockeye_rooms::{
    Adapter, AppliedBy, Command, JoinError, Local, PublishError, Rooms, Selection,
};
use sockeye_socketio::{
    Decoder, EmitError, EncodeError, Encoded, Packet, ParseError, Parser, ParserLimits, Reason,
    Recovery, Refusal, Socket, SocketId, SocketIo, TextParser, Value, WirePacket,
};
use sockeye_tower::Message;
use tokio::sync::Semaphore;

use crate::{
    support::{Log, Peer, Server, settle},
    traveller::Traveller,
};

/// A server whose middleware waits for the gate before it lets anyone but the first in, and refuses
/// those who have `no` in their auth payload. It notes how its sockets leave.
fn guarded() -> (Server, Arc<Semaphore>, Log) {
    let options = Recovery::new().skip_middlewares(false);
    let server = Server::with(|builder| builder.recovery(options));
    let (gate, log) = (Arc::new(Semaphore::new(1)), Log::new());
    let (its_gate, its_log) = (gate.clone(), log.clone());
    server.root().middleware(async move |socket: Socket| {
        its_gate.acquire().await.unwrap().forget();
        let auth = socket.handshake().auth::<Value>().unwrap_or_default();
        match auth.get("no") {
            Some(_) => Err(Refusal::new("no")),
            None => Ok(()),
        }
    });
    server.root().on_connect(async move |socket: Socket| {
        let log = its_log.clone();
        socket.on_disconnect(async move |reason: Reason| log.note(reason));
    });
    (server, gate, log)
}

/// A client of that server, and its connection, whose end nobody has noticed.
async fn unnoticed(server: &Server) -> (Traveller, Peer) {
    let mut ann = Traveller::join(server).await;
    server.root().emit("n", &0).await.unwrap();
    ann.hear().await;
    let old = ann.peer.take().unwrap();
    (ann, old)
}

fn connect(ann: &Traveller, more: &str) -> String {
    let (pid, offset) = (&ann.pid, ann.offset.as_ref().unwrap());
    format!(r#"0{{"pid":"{pid}","offset":"{offset}"{more}}}"#)
}

#[tokio::test(start_paused = true)]
async fn the_old_connection_lives_until_a_middleware_has_let_the_new_one_in() {
    let (server, gate, log) = guarded();
    let (mut ann, old) = unnoticed(&server).await;
    let socket = server.root().socket(&ann.sid).unwrap();
    socket.join("room").unwrap();
    socket.set_data(&"before").unwrap();

    let refused = server.open().await;
    refused.say(&connect(&ann, r#","no":1"#)).await;
    gate.add_permits(1);
    assert_eq!(refused.hear().await, r#"4{"message":"no"}"#);
    assert!(socket.is_connected());
    server.root().to("room").emit("n", &1).await.unwrap();
    assert_eq!(ann.read(&old.hear().await), r#""n" 1"#);
    assert_eq!(log.all().await, [] as [&str; 0]);

    let back = server.open().await;
    back.say(&connect(&ann, "")).await;
    settle().await;
    // While the middleware thinks it goes on, and what it has changes.
    assert!(socket.is_connected());
    server.root().to("room").emit("n", &2).await.unwrap();
    socket.join("another").unwrap();
    socket.set_data(&"meanwhile").unwrap();
    gate.add_permits(1);
    assert_eq!(ann.let_in(back).await, (true, vec![r#""n" 2"#.into()]));
    assert_eq!(log.all().await, ["transport close"]);
    let socket = server.root().socket(&ann.sid).unwrap();
    let mut rooms = socket.rooms();
    rooms.sort_unstable();
    assert_eq!(rooms.len(), 3);
    assert_eq!(socket.data::<String>().unwrap(), "meanwhile");
    for (room, n) in [("room", 3), ("another", 4)] {
        let told = server.root().to(room).emit("n", &n).await.unwrap();
        assert_eq!(told.reached, 1);
        assert_eq!(ann.hear().await, format!(r#""n" {n}"#));
    }
    drop((ann, old));
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn rooms_of_a_middleware_are_those_of_who_was_let_in() {
    // The old connection and the new one have the same id, and only one of them was refused.
    let options = Recovery::new().skip_middlewares(false);
    let server = Server::with(|builder| {
        let builder = builder.rooms(|_| Rooms::builder().rooms_per_member(3).room_name_bytes(8));
        builder.recovery(options)
    });
    server.root().middleware(async |socket: Socket| {
        socket.join_all(["a", "b", "left"]).unwrap();
        socket.join("a").unwrap();
        assert!(socket.leave("left") && !socket.leave("left"));
        assert_eq!(socket.rooms()[1..], ["a", "b"]);
        let limit = JoinError::TooManyRooms { limit: 3 };
        assert_eq!(socket.join_all(["c", "d"]), Err(limit));
        let limit = JoinError::NameTooLong { limit: 8 };
        assert_eq!(socket.join("much too long"), Err(limit));
        let auth = socket.handshake().auth::<Value>().unwrap_or_default();
        match auth.get("no") {
            Some(_) => Err(Refusal::new("no")),
            None => Ok(()),
        }
    });
    let (mut ann, old) = unnoticed(&server).await;
    let socket = server.root().socket(&ann.sid).unwrap();
    socket.leave_all();
    socket.join("own").unwrap();
    let refused = server.open().await;
    refused.say(&connect(&ann, r#","no":1"#)).await;
    assert_eq!(refused.hear().await, r#"4{"message":"no"}"#);
    assert_eq!(socket.rooms()[1..], ["own"]);
    assert_eq!(server.root().rooms().rooms(), ["own"]);

    let back = server.open().await;
    back.say(&connect(&ann, "")).await;
    assert!(ann.let_in(back).await.0);
    let socket = server.root().socket(&ann.sid).unwrap();
    assert!(socket.is_recovered());
    assert_eq!(socket.rooms()[1..], ["a", "b", "own"]);
    drop((ann, old));
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn who_left_by_itself_while_a_middleware_thought_still_comes_back() {
    let (server, gate, _) = guarded();
    let (mut ann, old) = unnoticed(&server).await;
    let back = server.open().await;
    back.say(&connect(&ann, "")).await;
    settle().await;
    old.vanish();
    settle().await;
    server.root().emit("n", &1).await.unwrap();
    gate.add_permits(1);
    assert_eq!(ann.let_in(back).await, (true, vec![r#""n" 1"#.into()]));
    assert_eq!(server.root().sockets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_kept_any_more_costs_no_session_but_makes_a_new_socket() {
    // Node restores before its middlewares, and makes a new socket where it cannot.
    let options = Recovery::new().skip_middlewares(false).max_packets(2);
    let server = Server::with(|builder| builder.recovery(options));
    server.io.of("/other");
    let (gate, asked) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicUsize::new(0)));
    let (its_gate, its_asked) = (gate.clone(), asked.clone());
    server.root().middleware(async move || {
        its_asked.fetch_add(1, Ordering::Relaxed);
        its_gate.acquire().await.unwrap().forget();
        Ok::<_, Refusal>(())
    });
    let (mut ann, old) = unnoticed(&server).await;
    old.vanish();
    settle().await;
    let mut back = server.open().await;
    back.connect("/other").await;
    back.say(&connect(&ann, "")).await;
    settle().await;
    for n in 0..4 {
        server.root().emit("n", &n).await.unwrap();
    }
    gate.add_permits(2);
    let before = ann.sid.clone();
    assert_eq!(ann.let_in(back).await, (false, vec![]));
    assert_ne!(ann.sid, before);
    // The new socket was asked for itself, and is a whole one.
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert!(!server.root().sockets()[0].is_recovered());
    server.root().emit("n", &5).await.unwrap();
    assert_eq!(ann.hear().await, r#""n" 5"#);
    server.io.of("/other").emit("still", &()).await.unwrap();
    assert!(ann.peer().hear().await.starts_with(r#"2/other,["still""#));
    ann.vanish();
    settle().await;
    server.root().emit("n", &6).await.unwrap();
    gate.add_permits(1);
    assert_eq!(
        ann.come_back(&server).await,
        (true, vec![r#""n" 6"#.into()])
    );
    drop(ann);
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn rooms_and_data_of_those_away_are_counted_in_bytes() {
    let options = Recovery::new().max_session_bytes(10_000);
    let server = Server::with(|builder| builder.recovery(options));
    #[rustfmt::skip]
    let cases: [(&str, &[usize], &[bool]); 4] = [
        // case                      bytes each client has   who comes back
        ("all fit",                  &[3_000, 3_000, 3_000], &[true, true, true]),
        ("the first goes",           &[3_000, 4_000, 4_000], &[false, true, true]),
        ("the first ones go",        &[3_000, 3_000, 9_000], &[false, false, true]),
        ("one is too much by itself", &[3_000, 20_000],      &[true, false]),
    ];
    for in_rooms in [false, true] {
        for (case, sizes, expected) in cases {
            let mut all = Vec::new();
            for size in sizes {
                let mut one = Traveller::join(&server).await;
                let socket = server.root().socket(&one.sid).unwrap();
                if in_rooms {
                    for n in 0..size / 300 {
                        socket.join(format!("{n:0>250}")).unwrap();
                    }
                } else {
                    socket.set_data(&"x".repeat(*size)).unwrap();
                }
                socket.emit("n", &()).await.unwrap();
                one.hear().await;
                all.push(one);
            }
            for one in &mut all {
                one.vanish();
                settle().await;
            }
            let mut back = Vec::new();
            for one in &mut all {
                back.push(one.come_back(&server).await.0);
            }
            assert_eq!(back, expected, "{case}, in rooms: {in_rooms}");
            // What is given back makes room: those leave for good.
            for one in all {
                one.peer.unwrap().say("1").await;
            }
            settle().await;
        }
    }
}

/// An adapter that sends an event whenever it hears of a room.
#[derive(Clone, Default)]
struct Herald(Arc<OnceLock<SocketIo>>);

impl Adapter<Socket> for Herald {
    fn attach(&self, _: Local<Socket>) {}

    fn publish(
        &self,
        _: &Selection<SocketId>,
        _: &Command<Packet>,
    ) -> Result<AppliedBy, PublishError> {
        Ok(AppliedBy::Rooms)
    }

    fn room_opened(&self, room: &Text) {
        if let Some(io) = self.0.get() {
            let told = io.of("/").emit("opened", room.as_str());
            told.into_inner().unwrap();
        }
    }
}

/// A server with such an adapter, and a client that is away from as many rooms.
async fn heralded(rooms: usize, options: Recovery) -> (Server, Traveller) {
    let herald = Herald::default();
    let its_herald = herald.clone();
    let server = Server::with(move |builder| {
        let builder = builder.adapter(move |_| its_herald.clone());
        builder.recovery(options)
    });
    let mut ann = Traveller::join(&server).await;
    let socket = server.root().socket(&ann.sid).unwrap();
    socket.join_all((0..rooms).map(|n| n.to_string())).unwrap();
    server.root().emit("n", &0).await.unwrap();
    ann.hear().await;
    ann.vanish();
    settle().await;
    herald.0.set(server.io.clone()).ok().unwrap();
    (server, ann)
}

#[tokio::test(start_paused = true)]
async fn what_an_adapter_sends_as_it_hears_of_rooms_arrives_once() {
    let (server, mut ann) = heralded(1, Recovery::new()).await;
    let missed = vec![r#""opened" "0""#.into()];
    assert_eq!(ann.come_back(&server).await, (true, missed));
    assert_eq!(ann.heard().await, [] as [&str; 0]);
    assert_eq!(server.root().rooms().len("0"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_at_the_last_moment_makes_a_new_socket_without_the_rooms() {
    let (server, mut ann) = heralded(3, Recovery::new().max_packets(2)).await;
    assert_eq!(ann.come_back(&server).await, (false, vec![]));
    assert!(server.root().rooms().rooms().is_empty());
    assert_eq!(server.root().sockets().len(), 1);
    server.root().emit("n", &1).await.unwrap();
    assert_eq!(ann.hear().await, r#""n" 1"#);
}

/// A parser that reads clients, but not what it writes itself.
struct Forgetful;

struct NoEvents(Box<dyn Decoder>);

impl Parser for Forgetful {
    fn encode(&self, packet: &WirePacket) -> Result<Encoded, EncodeError> {
        TextParser.encode(packet)
    }

    fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
        Box::new(NoEvents(TextParser.decoder(limits)))
    }
}

impl Decoder for NoEvents {
    fn decode(&mut self, message: Message) -> Result<Option<WirePacket>, ParseError> {
        match message.as_text() {
            Some(text) if text.starts_with('2') => Err(ParseError::Malformed),
            _ => self.0.decode(message),
        }
    }

    fn is_partial(&self) -> bool {
        self.0.is_partial()
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_have_its_offset_is_no_disconnection() {
    let server = Server::with(|builder| builder.parser(Forgetful).recovery(Recovery::new()));
    let peer = server.join().await;
    let socket = server.root().socket(peer.sid()).unwrap();
    for told in [
        socket.emit("x", &1).await,
        server.root().emit("x", &1).await.map(drop),
    ] {
        let is_unreadable = matches!(told, Err(EmitError::Encode(EncodeError::Unreadable)));
        assert!(is_unreadable, "{told:?}");
    }
    assert!(socket.is_connected());
    // What has no offset goes out as ever.
    socket.volatile().emit("x", &1).await.unwrap();
    assert_eq!(peer.hear().await, r#"2["x",1]"#);
}
