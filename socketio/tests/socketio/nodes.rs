//! Events, answers and sockets of other nodes.

use std::sync::atomic::Ordering;

use sockeye_rooms::{AppliedBy, Command, Selection};
use sockeye_socketio::{
    Ack, Answers, Binary, Data, MsgpackParser, Packet, Recovery, Responses, Socket, Value, WireData,
};

use crate::{
    bus::two_servers,
    counting::Counting,
    support::{Log, Server, pass, secs, settle},
    traveller::Traveller,
};

fn event(value: &impl serde::Serialize) -> WireData {
    WireData::from_value(Value::from_serialize(value).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_event_of_another_node_is_as_its_own() {
    let [(a, bus), (b, _)] = two_servers(AppliedBy::Rooms, |builder| builder);
    let (here, there, apart) = (a.join().await, b.join().await, b.join().await);
    b.root().socket(there.sid()).unwrap().join("x").unwrap();

    let sent = (1, "é", Binary::from(vec![7]), [None::<u8>]);
    a.root().emit("event", &sent).await.unwrap();
    assert_eq!(bus.carry(), [2]);
    for peer in [&here, &there, &apart] {
        let header = r#"51-["event",1,"é",{"_placeholder":true,"num":0},[null]]"#;
        assert_eq!(peer.hear().await, header);
        assert_eq!(peer.hear_bytes().await, [7]);
    }

    a.root().to("x").emit("to x", &()).await.unwrap();
    a.root().except("x").emit("not to x", &()).await.unwrap();
    a.root().to(apart.sid()).emit("to one", &()).await.unwrap();
    assert_eq!(bus.carry(), [1, 1, 1]);
    assert_eq!(here.heard().await, [r#"2["not to x"]"#]);
    assert_eq!(there.heard().await, [r#"2["to x"]"#]);
    assert_eq!(apart.heard().await, [r#"2["not to x"]"#, r#"2["to one"]"#]);

    a.root()
        .compress(false)
        .emit("as it is", &())
        .await
        .unwrap();
    assert!(!bus.published()[0].compress);
    // What nobody on this node may hear.
    a.root().local().emit("psst", &()).await.unwrap();
    assert_eq!(bus.carry(), [2]);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_another_node_is_written_once_for_all_and_not_for_nobody() {
    let counting = Counting::default();
    let its = counting.clone();
    let server = Server::with(move |builder| builder.parser(its));
    let local = server.root().rooms().local();
    let peers = [
        server.join().await,
        server.join().await,
        server.join_polling().await,
    ];
    let packet = || Command::Send(Packet::received("/", event(&("n", 1))).unwrap());

    assert_eq!(
        local.apply(&Selection::room("nobody"), &packet()).reached,
        0
    );
    assert_eq!(counting.0.swap(0, Ordering::Relaxed), 0);
    let packet = packet();
    for _ in 0..2 {
        assert_eq!(local.apply(&Selection::everyone(), &packet).reached, 3);
    }
    assert_eq!(counting.0.swap(0, Ordering::Relaxed), 1);
    for peer in &peers {
        assert_eq!(peer.heard().await, [r#"2["n",1]"#, r#"2["n",1]"#]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_of_another_node_is_in_the_servers_own_format() {
    let server = Server::with(|builder| builder.parser(MsgpackParser));
    let mut peer = server.open().await;
    peer.say_bytes(b"\x82\xa4type\x00\xa3nsp\xa1/").await;
    peer.hear_bytes().await;
    let packet = Packet::received("/", event(&("n", 1))).unwrap();
    let local = server.root().rooms().local();
    local.apply(&Selection::everyone(), &Command::Send(packet));
    assert_eq!(
        peer.hear_bytes().await,
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1n\x01"
    );
    peer.joined.clear();
}

#[tokio::test(start_paused = true)]
async fn nonsense_of_another_node_reaches_nobody() {
    for value in [
        Value::Null,
        "event".into(),
        Value::Array(vec![]),
        Value::Array(vec![true.into()]),
    ] {
        let data = WireData::from_value(value);
        assert!(Packet::received("/", data.clone()).is_err(), "{data:?}");
    }
    let server = Server::new();
    let peer = server.join().await;
    let packet = Packet::received("/", event(&("disconnect",))).unwrap();
    let local = server.root().rooms().local();
    let told = local.apply(&Selection::everyone(), &Command::Send(packet));
    assert_eq!((told.reached, told.skipped), (0, 1));
    assert_eq!(peer.heard().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn clients_of_both_nodes_answer_a_broadcast() {
    let [(a, bus), (b, _)] = two_servers(AppliedBy::Rooms, |builder| builder);
    let (here, there, silent) = (a.join().await, b.join().await, b.join().await);
    // So that ids of both nodes differ.
    let asked = b
        .root()
        .socket(silent.sid())
        .unwrap()
        .emit_with_ack::<(), _>("one", &());
    drop(asked);
    assert_eq!(silent.hear().await, r#"20["one"]"#);

    let root = a.root();
    let asked = root.timeout(secs(2)).emit_with_ack::<u8, _>("many", &"?");
    assert_eq!(bus.times(), [Some(secs(2))]);
    let asked = tokio::spawn(asked);
    assert_eq!(here.hear().await, r#"20["many","?"]"#);
    here.say("30[1]").await;
    settle().await;
    assert!(!asked.is_finished(), "the other node was not asked yet");
    assert_eq!(bus.carry(), [2]);
    for peer in [&there, &silent] {
        assert_eq!(peer.hear().await, r#"21["many","?"]"#);
    }
    there.say("31[2]").await;
    settle().await;
    assert!(!asked.is_finished(), "one did not answer yet");
    pass(2).await;
    let Responses {
        received, missing, ..
    } = asked.await.unwrap().unwrap();
    assert_eq!((received, missing), (vec![1, 2], 1));
    // The late one's answer is dropped.
    silent.say("31[3]").await;
    settle().await;

    // Nobody on any node: at once.
    let asked = tokio::spawn(root.to("nobody").emit_with_ack::<u8, _>("many", &()));
    settle().await;
    assert_eq!(bus.carry(), [0]);
    settle().await;
    assert!(asked.is_finished());
}

#[tokio::test(start_paused = true)]
async fn answers_for_another_node_end_when_it_gave_up() {
    let server = Server::with(|builder| builder.pending_acks(1));
    let peer = server.join().await;
    let local = server.root().rooms().local();
    let log = Log::new();
    let ask = |answers: &Answers| {
        let packet = Packet::received("/", event(&("q",))).unwrap();
        let packet = packet.wanting(answers.clone());
        local.apply(&Selection::everyone(), &Command::Send(packet))
    };
    let (its_log, late) = (log.clone(), log.clone());
    let first = Answers::handed_over(move |data| its_log.note(format!("first {data:?}")));
    let second = Answers::handed_over(move |data| late.note(format!("second {data:?}")));
    assert_eq!(ask(&first).reached, 1);
    assert!(!first.is_over());
    assert_eq!(
        ask(&second).skipped,
        1,
        "one is all that the socket waits for"
    );
    first.end();
    assert!(first.is_over());
    assert_eq!(ask(&second).reached, 1);
    assert_eq!(peer.heard().await, [r#"20["q"]"#, r#"22["q"]"#]);
    peer.say(r#"30["late"]"#).await;
    peer.say(r#"32["in time",1]"#).await;
    let noted = log.next().await;
    assert!(
        noted.starts_with("second") && noted.contains("in time"),
        "{noted}"
    );
    assert_eq!(log.all().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn applications_of_other_nodes_are_asked() {
    let [(a, bus), (b, _)] = two_servers(AppliedBy::Rooms, |builder| builder);
    b.root()
        .on_server_side("add", async |Data((x, y)): Data<(u8, u8)>, ack: Ack| {
            ack.send(&(x + y))
        });
    let asked = tokio::spawn(a.root().server_side_emit_with_ack::<u8, _>("add", &(1, 2)));
    settle().await;
    assert_eq!(bus.times(), [Some(secs(5))]);
    bus.carry();
    let responses = asked.await.unwrap().unwrap();
    assert_eq!((responses.received, responses.missing), (vec![3], 0));
}

#[tokio::test(start_paused = true)]
async fn sockets_of_other_nodes_are_described_with_their_bytes() {
    let [(a, bus), (b, _)] = two_servers(AppliedBy::Rooms, |builder| builder);
    let mut there = b.open().await;
    there.connect_with("/", r#"{"token":"secret"}"#).await;
    let socket = b.root().socket(there.sid()).unwrap();
    socket.join("x").unwrap();
    socket
        .set_data(&("data", Binary::from(vec![1, 2])))
        .unwrap();
    let found = a
        .root()
        .to("x")
        .timeout(secs(1))
        .fetch_sockets()
        .await
        .unwrap();
    let found: Vec<_> = found.into_iter().collect();
    let [found] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        (found.id(), found.rooms()),
        (socket.id(), &socket.rooms()[..])
    );
    assert_eq!(
        found.data::<(String, Binary)>().unwrap(),
        ("data".into(), vec![1, 2].into())
    );
    assert_eq!(*found.handshake(), socket.handshake().to_value());
    a.root().fetch_sockets().await.unwrap();
    assert_eq!(bus.times(), [Some(secs(1)), None]);
}

#[tokio::test(start_paused = true)]
async fn no_auth_payload_hides_a_socket_from_other_nodes() {
    let [(a, _), (b, _)] = two_servers(AppliedBy::Rooms, |builder| builder);
    for depth in [1, 125, 126] {
        let mut there = b.open().await;
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let auth = format!(r#"{{"deep":{open}{close}}}"#);
        there.connect_with("/", &auth).await;
        let found = a.root().fetch_sockets().await.unwrap();
        assert_eq!(found.len(), 1, "{depth}");
        there.vanish();
        settle().await;
    }
    // One more is too deep for any packet.
    let there = b.open().await;
    let (open, close) = ("[".repeat(127), "]".repeat(127));
    there.say(&format!(r#"0{{"deep":{open}{close}}}"#)).await;
    there.closed().await;
}

#[tokio::test(start_paused = true)]
async fn events_of_another_node_are_kept_with_this_nodes_offsets() {
    for applied_by in [AppliedBy::Rooms, AppliedBy::Adapter] {
        let [(a, bus), (b, _)] =
            two_servers(applied_by, |builder| builder.recovery(Recovery::new()));
        let (mut here, mut there) = (Traveller::join(&a).await, Traveller::join(&b).await);
        let send = async |n: u8| {
            a.root().emit("n", &n).await.unwrap();
            bus.carry();
        };
        send(1).await;
        // Once each, and with one offset.
        assert_eq!(here.heard().await, [r#""n" 1"#]);
        assert_eq!(there.heard().await, [r#""n" 1"#]);
        there.vanish();
        here.vanish();
        settle().await;
        send(2).await;
        a.root().volatile().emit("n", &"volatile").await.unwrap();
        bus.carry();
        let (is_same, missed) = there.come_back(&b).await;
        assert_eq!((is_same, missed), (true, vec![r#""n" 2"#.into()]));
        let (is_same, missed) = here.come_back(&a).await;
        assert_eq!((is_same, missed), (true, vec![r#""n" 2"#.into()]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_adapter_may_give_the_offsets() {
    let server = Server::new();
    let peer = server.join().await;
    let root = server.root();
    let local = root.rooms().local();
    let written = root.packet("n", &Binary::from(vec![1])).unwrap();
    let received = Packet::received("/", event(&("n", 2))).unwrap();
    for packet in [written, received] {
        let packet = packet.with_offset("7-0").unwrap();
        assert_eq!(packet.data().unwrap().argument_count(), 2);
        local.apply(&Selection::everyone(), &Command::Send(packet));
    }
    assert_eq!(
        peer.hear().await,
        r#"51-["n",{"_placeholder":true,"num":0},"7-0"]"#
    );
    assert_eq!(peer.hear_bytes().await, [1]);
    assert_eq!(peer.hear().await, r#"2["n",2,"7-0"]"#);
}

#[tokio::test(start_paused = true)]
async fn who_hears_what_is_sent_hears_what_other_nodes_send() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        let log = its_log.clone();
        socket.on_any_outgoing(async move |Data(value): Data<u8>| log.note(value));
    });
    let _peer = server.join().await;
    let packet = Packet::received("/", event(&("n", 1))).unwrap();
    let local = server.root().rooms().local();
    local.apply(&Selection::everyone(), &Command::Send(packet));
    assert_eq!(log.next().await, "1");
}
