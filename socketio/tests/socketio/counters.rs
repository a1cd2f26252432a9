//! Each limit that a client runs into is counted, in its own counter: one row after another.

use sockeye_rooms::Rooms;
use sockeye_socketio::{Builder, Recovery, Socket};
use sockeye_tower::{Handle, Limit};

use crate::{
    support::{Server, pass, secs, settle},
    traveller::Traveller,
};

/// What a Socket.IO server counts beside what its mount counts.
const LIMITS: [Limit; 17] = [
    Limit::ConnectTime,
    Limit::Attachments,
    Limit::AttachmentBytes,
    Limit::AttachmentsTime,
    Limit::Placeholders,
    Limit::AckId,
    Limit::PendingAcks,
    Limit::NamespaceName,
    Limit::Namespaces,
    Limit::Rooms,
    Limit::Depth,
    Limit::Arguments,
    Limit::WaitingHandlers,
    Limit::OutgoingHandlers,
    Limit::RecoveryPackets,
    Limit::RecoverySessions,
    Limit::RecoveryMissed,
];

/// Asserts that these counters stand where they should, and all others at nothing.
fn assert_counted(handle: &Handle, expected: &[(Limit, u64)], case: &str) {
    for limit in LIMITS {
        let hits = expected.iter().find(|(found, _)| *found == limit);
        let hits = hits.map_or(0, |(_, hits)| *hits);
        assert_eq!(handle.limit_hits(limit), hits, "{limit:?} of {case}");
    }
}

#[tokio::test(start_paused = true)]
async fn packets_beyond_a_limit_are_counted() {
    let deep = format!(r#"2["x",{}{}]"#, "[".repeat(128), "]".repeat(128));
    let many = format!(r#"2["x",{}]"#, vec!["1"; 1_024].join(","));
    let placeholders = vec![r#"{"_placeholder":true,"num":0}"#; 1_000].join(",");
    let expanding = format!(r#"51-["x",{placeholders}]"#);
    #[rustfmt::skip]
    let cases: [(Option<Limit>, &str, usize); 9] = [
        // what counts                   what is said                    bytes of the attachment behind it
        (Some(Limit::Attachments),     r#"54-["x"]"#,                                     0),
        (Some(Limit::AttachmentBytes), r#"51-["x"]"#,                                     101),
        (Some(Limit::Placeholders),    r#"51-["x",{"_placeholder":true,"num":1}]"#,       1),
        (Some(Limit::Placeholders),    &expanding,                                        100),
        (Some(Limit::AckId),           r#"218446744073709551616["x"]"#,                   0),
        (Some(Limit::Depth),           &deep,                                             0),
        (Some(Limit::Arguments),       &many,                                             0),
        // What is wrong without being too much of anything is no limit's.
        (None,                         "7",                                               0),
        (None,                         r#"2/none,["x"]"#,                                 0),
    ];
    for (limit, packet, bytes) in cases {
        let server = Server::with(|builder| builder.max_attachments(3).max_attachment_bytes(100));
        let peer = server.join().await;
        peer.say(packet).await;
        if bytes > 0 {
            peer.say_bytes(&vec![7; bytes]).await;
        }
        peer.closed().await;
        let expected: Vec<_> = limit.map(|limit| (limit, 1)).into_iter().collect();
        assert_counted(&server.handle, &expected, packet);
    }
}

#[tokio::test(start_paused = true)]
async fn times_that_ran_out_are_counted() {
    let server = Server::new();
    let peer = server.join().await;
    peer.say(r#"51-["x"]"#).await;
    pass(61).await;
    peer.closed().await;
    assert_counted(
        &server.handle,
        &[(Limit::AttachmentsTime, 1)],
        "attachments",
    );

    let server = Server::new();
    let peer = server.open().await;
    pass(46).await;
    peer.closed().await;
    assert_counted(&server.handle, &[(Limit::ConnectTime, 1)], "no CONNECT");
}

#[tokio::test(start_paused = true)]
async fn namespaces_too_many_or_too_long_are_counted() {
    let server = Server::with(|builder| builder.max_namespaces(1));
    let peer = server.join().await;
    peer.say(&format!("0/{},", "n".repeat(255))).await;
    peer.hear().await;
    assert_counted(&server.handle, &[(Limit::NamespaceName, 1)], "its name");
    peer.say("0/a,").await;
    peer.closed().await;
    let both = [(Limit::NamespaceName, 1), (Limit::Namespaces, 1)];
    assert_counted(&server.handle, &both, "their number");
}

#[tokio::test(start_paused = true)]
async fn rooms_that_were_not_joined_are_counted_whoever_wanted_it() {
    let server = Server::with(|builder| {
        builder.rooms(|_| Rooms::builder().rooms_per_member(1).room_name_bytes(3))
    });
    let peer = server.join().await;
    let socket = server.root().socket(peer.sid()).unwrap();
    socket.join("a").unwrap();
    assert_counted(&server.handle, &[], "one room");
    socket.join("b").unwrap_err();
    assert_counted(&server.handle, &[(Limit::Rooms, 1)], "one more");
    socket.join("long").unwrap_err();
    assert_counted(&server.handle, &[(Limit::Rooms, 2)], "a long name");
    assert_eq!(server.root().all().join("b").skipped, 1);
    assert_counted(&server.handle, &[(Limit::Rooms, 3)], "a broadcast");
}

#[tokio::test(start_paused = true)]
async fn events_beyond_the_pending_acks_are_counted() {
    let server = Server::with(|builder| builder.pending_acks(1));
    let peer = server.join().await;
    let socket = server.root().socket(peer.sid()).unwrap();
    let first = socket.emit_with_ack::<(), _>("x", &());
    socket.emit_with_ack::<(), _>("x", &()).await.unwrap_err();
    assert_counted(&server.handle, &[(Limit::PendingAcks, 1)], "an emit");
    let asked = server.root().emit_with_ack::<(), _>("x", &());
    assert_counted(&server.handle, &[(Limit::PendingAcks, 2)], "a broadcast");
    drop((first, asked));
}

#[tokio::test(start_paused = true)]
async fn events_that_wait_as_too_many_handlers_do_are_counted() {
    let server = Server::with(|builder| builder.max_waiting_handlers(2));
    for namespace in ["/", "/sequential"] {
        server.io.of(namespace).on_connect(async |socket: Socket| {
            socket.on("x", async || std::future::pending::<()>().await);
        });
    }
    server.io.of("/sequential").sequential();
    let mut peer = server.join().await;
    peer.connect("/sequential").await;
    for _ in 0..3 {
        peer.say(r#"2/sequential,["x"]"#).await;
    }
    settle().await;
    assert_counted(&server.handle, &[], "turns that were asked for");
    peer.say(r#"2["x"]"#).await;
    settle().await;
    assert_counted(&server.handle, &[], "the last place");
    peer.say(r#"2["x"]"#).await;
    settle().await;
    assert_counted(&server.handle, &[(Limit::WaitingHandlers, 1)], "one more");
}

#[tokio::test(start_paused = true)]
async fn connections_whose_handlers_hold_their_client_back_are_counted_once() {
    let server = Server::with(|builder| builder.max_waiting_handlers(1));
    server
        .root()
        .on_connect(async || std::future::pending::<()>().await);
    let peer = server.join().await;
    for _ in 0..300 {
        peer.say("1").await;
        peer.say("0").await;
    }
    settle().await;
    assert_counted(
        &server.handle,
        &[(Limit::WaitingHandlers, 1)],
        "connections",
    );
}

#[tokio::test(start_paused = true)]
async fn events_that_nobody_heard_of_on_their_way_are_counted() {
    let server = Server::new();
    server.root().on_connect(async |socket: Socket| {
        socket.on_any_outgoing(async || std::future::pending::<()>().await);
    });
    let peer = server.join().await;
    settle().await;
    // 64 handlers wait, and 4,096 events wait for one.
    for sent in 1..=64 + 4_096 + 2 {
        server.root().emit("x", &()).await.unwrap();
        assert_eq!(peer.hear().await, r#"2["x"]"#);
        if sent == 64 + 4_096 {
            assert_counted(&server.handle, &[], "the last place");
        }
    }
    assert_counted(&server.handle, &[(Limit::OutgoingHandlers, 2)], "two more");
}

/// A server with recovery, and a client that has an offset.
async fn recovering(options: Recovery) -> (Server, Traveller) {
    let server = Server::with(|builder: Builder| builder.recovery(options));
    let mut ann = Traveller::join(&server).await;
    server.root().emit("first", &()).await.unwrap();
    ann.hear().await;
    (server, ann)
}

#[tokio::test(start_paused = true)]
async fn what_recovery_could_not_keep_is_counted() {
    let (server, ann) = recovering(Recovery::new().max_packets(2)).await;
    for _ in 0..3 {
        server.root().emit("x", &()).await.unwrap();
    }
    assert_counted(&server.handle, &[(Limit::RecoveryPackets, 2)], "packets");
    drop(ann);

    let (server, mut ann) = recovering(Recovery::new().max_sessions(1)).await;
    let mut ben = Traveller::join(&server).await;
    ann.vanish();
    settle().await;
    assert_counted(&server.handle, &[], "one away");
    ben.vanish();
    settle().await;
    assert_counted(&server.handle, &[(Limit::RecoverySessions, 1)], "two away");

    let (server, mut ann) = recovering(Recovery::new()).await;
    ann.vanish();
    settle().await;
    for _ in 0..5 {
        server.root().emit("x", &"x".repeat(500_000)).await.unwrap();
    }
    assert!(!ann.come_back(&server).await.0);
    assert_counted(&server.handle, &[(Limit::RecoveryMissed, 1)], "much missed");

    // Those whose time is over are no limit's doing.
    let (server, mut ann) = recovering(Recovery::new().max_disconnection(secs(5))).await;
    ann.vanish();
    pass(6).await;
    assert!(!ann.come_back(&server).await.0);
    assert_counted(&server.handle, &[], "time");
}

#[tokio::test(start_paused = true)]
async fn a_server_counts_by_a_handle_of_its_own_unless_its_mount_was_given_one() {
    let server = Server::new();
    let peer = server.join().await;
    peer.say(r#"511-["x"]"#).await;
    peer.closed().await;
    assert_eq!(server.io.handle().limit_hits(Limit::Attachments), 1);
    assert_eq!(server.handle.limit_hits(Limit::Attachments), 1);

    let io = sockeye_socketio::SocketIo::new();
    let client = sockeye_tower::test::Client::new(io.service());
    let session = client.engineio("/").open().await.unwrap();
    session.send(r#"511-["x"]"#).await.unwrap();
    session.closed().await.unwrap();
    assert_eq!(io.handle().limit_hits(Limit::Attachments), 1);
    // What the mount counts is beside it.
    let page = client
        .engineio("/")
        .origin("https://elsewhere.example")
        .open()
        .await;
    assert!(page.is_err());
    assert_eq!(io.handle().limit_hits(Limit::Origin), 1);
}
