//! Rooms and broadcasts: who gets what, and how often.

use sockeye_socketio::{Data, Socket};

use crate::support::{Peer, Server, settle};

/// Joins a client, and its socket some rooms.
async fn member(server: &Server, rooms: &[&'static str]) -> (Peer, Socket) {
    let peer = server.join().await;
    let socket = server.root().socket(peer.sid()).unwrap();
    socket.join_all(rooms.iter().copied()).unwrap();
    (peer, socket)
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_the_union_of_its_rooms_but_for_the_excepted() {
    let server = Server::new();
    let (a, a_socket) = member(&server, &["x"]).await;
    let (b, _) = member(&server, &["x", "y"]).await;
    let (c, c_socket) = member(&server, &["y"]).await;
    let (d, _) = member(&server, &[]).await;
    let root = server.root();
    #[rustfmt::skip]
    let cases = [
        ("everyone",      root.all(),                               "abcd"),
        ("a room",        root.to("x"),                             "ab"),
        ("another name",  root.within("y"),                         "bc"),
        ("two rooms",     root.to("x").to("y"),                     "abc"),
        ("some rooms",    root.to_all(["x", "y", "none"]),          "abc"),
        ("no room",       root.to("none"),                          ""),
        ("but a room",    root.except("x"),                         "cd"),
        ("but rooms",     root.all().except_all(["x", "y"]),        "d"),
        ("both",          root.to("x").except("y"),                 "a"),
        ("but one",       root.to("x").except(a.sid()),             "b"),
        ("one",           root.to(c.sid()),                         "c"),
        ("one and rooms", root.to(d.sid()).to("x").to(a.sid()),     "abd"),
        ("local",         root.local().to("y"),                     "bc"),
        ("volatile",      root.volatile().to("y"),                  "bc"),
        ("compress",      root.compress(false).to("y"),             "bc"),
        ("from a",        a_socket.to("x"),                         "b"),
        ("within from a", a_socket.within("x"),                     "ab"),
        ("all but a",     a_socket.broadcast(),                     "bcd"),
        ("but a and x",   a_socket.except("x"),                     "cd"),
        ("local from a",  a_socket.local(),                         "bcd"),
        ("to oneself",    c_socket.to(c.sid()),                     ""),
    ];
    for (n, (case, broadcast, expected)) in cases.into_iter().enumerate() {
        let told = broadcast.emit("n", &n).await.unwrap();
        let mut reached = String::new();
        for (name, peer) in [("a", &a), ("b", &b), ("c", &c), ("d", &d)] {
            // socketioxide #813: who was in several of the rooms got it several times.
            let heard = peer.heard().await;
            assert!(heard.len() <= 1, "{case}: {name} got {heard:?}");
            if !heard.is_empty() {
                assert_eq!(heard, [format!(r#"2["n",{n}]"#)]);
                reached.push_str(name);
            }
        }
        assert_eq!(reached, expected, "{case}");
        assert_eq!(told.reached, expected.len(), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_in_many_rooms_of_a_broadcast_gets_it_once() {
    // socketioxide #813.
    let server = Server::new();
    let (peer, socket) = member(&server, &[]).await;
    let rooms: Vec<String> = (0..100).map(|n| format!("room {n}")).collect();
    socket.join_all(rooms.clone()).unwrap();
    let told = server
        .root()
        .to_all(rooms.clone())
        .to(peer.sid())
        .emit("x", &())
        .await;
    assert_eq!(told.unwrap().reached, 1);
    let asked = server.root().to_all(rooms).timeout(crate::support::secs(1));
    let (asked, ()) = tokio::join!(asked.emit_with_ack::<u32, _>("q", &()), async {
        assert_eq!(peer.hear().await, r#"2["x"]"#);
        assert_eq!(peer.hear().await, r#"20["q"]"#);
        peer.say("30[1]").await;
    });
    let asked = asked.unwrap();
    assert_eq!((asked.received, asked.missing), (vec![1], 0));
    assert_eq!(peer.heard().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn rooms_come_and_go_with_their_members() {
    // socket.io #1736 #1599 #4067 #2427 #1904 #516: rooms left behind.
    let server = Server::new();
    let (peer, socket) = member(&server, &["a", "b"]).await;
    let rooms = server.root().rooms().clone();
    assert_eq!(socket.rooms()[0], peer.sid());
    assert_eq!(socket.rooms().len(), 3);
    assert_eq!(rooms.rooms().len(), 2, "one's own is no room that is kept");
    assert!(socket.leave("a"));
    assert!(!socket.leave("a"));
    assert_eq!((rooms.len("a"), rooms.len("b")), (0, 1));
    assert_eq!(rooms.rooms(), ["b"]);
    // One's own room is there without joining it.
    socket.join(peer.sid()).unwrap();
    assert_eq!(socket.rooms().len(), 2);
    socket.leave_all();
    assert_eq!(socket.rooms(), [peer.sid()]);
    assert_eq!(
        server
            .root()
            .to(peer.sid())
            .emit("x", &())
            .await
            .unwrap()
            .reached,
        1
    );
    socket.join("c").unwrap();
    peer.vanish();
    server.assert_empty().await;
    assert_eq!(rooms.rooms(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn namespaces_have_rooms_of_their_own() {
    let server = Server::new();
    server
        .io
        .of("/other")
        .on_connect(async |socket: Socket| socket.join("x"));
    let (mut peer, _) = member(&server, &["x"]).await;
    peer.connect("/other").await;
    server
        .io
        .of("/other")
        .to("x")
        .emit("there", &())
        .await
        .unwrap();
    server.io.to("x").emit("here", &()).await.unwrap();
    assert_eq!(peer.heard().await, [r#"2/other,["there"]"#, r#"2["here"]"#]);
}

#[tokio::test(start_paused = true)]
async fn rooms_of_a_socket_and_their_names_are_bounded() {
    // Row 26 of the limits: 1,024 rooms, 255 bytes.
    let server = Server::new();
    let (_peer, socket) = member(&server, &[]).await;
    for length in [254, 255] {
        socket.join("x".repeat(length)).unwrap();
    }
    assert!(socket.join("x".repeat(256)).is_err());
    for n in 2..1_023 {
        socket.join(n.to_string()).unwrap();
    }
    assert!(socket.join_all(["one", "two"]).is_err(), "all or none");
    assert_eq!(server.root().rooms().len("one"), 0);
    socket.join("one").unwrap();
    assert!(socket.join("two").is_err());
    // One that it is in already costs nothing, and its own is not counted.
    socket.join("one").unwrap();
    assert_eq!(socket.rooms().len(), 1_025);
    assert!(socket.leave("one"));
    socket.join("two").unwrap();
    assert!(socket.is_connected());
}

#[tokio::test(start_paused = true)]
async fn sockets_are_found_and_moved_by_their_rooms() {
    let server = Server::new();
    let (a, a_socket) = member(&server, &["x"]).await;
    let (b, _) = member(&server, &["x", "y"]).await;
    let (c, _) = member(&server, &[]).await;
    a_socket.set_data(&("ann", 7)).unwrap();
    let root = server.root();
    let found = root.to("x").except("y").fetch_sockets().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id(), a_socket.id());
    assert_eq!(found[0].rooms(), [a.sid(), "x"]);
    assert_eq!(found[0].data::<(String, u8)>().unwrap(), ("ann".into(), 7));
    let query = found[0].handshake().get("query").unwrap();
    assert_eq!(
        query.get("transport").and_then(|it| it.as_str()),
        Some("websocket")
    );
    assert_eq!(root.fetch_sockets().await.unwrap().len(), 3);

    assert_eq!(root.to("x").join("z").reached, 2);
    assert_eq!(root.all().join_all(["all", "too"]).reached, 3);
    assert_eq!(root.to("y").leave("z").reached, 1);
    assert!(root.rooms().contains("z", &a_socket));
    assert_eq!(root.rooms().len("z"), 1);
    assert_eq!(root.rooms().len("too"), 3);
    found[0].join("remote");
    found[0].emit("hello", &1).await.unwrap();
    assert_eq!(a.hear().await, r#"2["hello",1]"#);
    assert_eq!(root.rooms().len("remote"), 1);
    found[0].leave("remote");
    assert_eq!(root.rooms().len("remote"), 0);

    found[0].disconnect(false);
    assert_eq!(a.hear().await, "1");
    assert_eq!(root.to("y").disconnect(true).reached, 1);
    assert_eq!(b.hear().await, "1");
    b.closed().await;
    settle().await;
    assert_eq!(root.sockets().len(), 1);
    assert_eq!(root.socket(c.sid()).unwrap().id().as_str(), c.sid());
    assert_eq!(
        server.handle.sessions(),
        2,
        "the first one's session lives on"
    );
    drop((a, c));
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_from_a_socket_that_has_left_still_passes_it_by() {
    let server = Server::new();
    let (leaves, socket) = member(&server, &["x"]).await;
    let (stays, _) = member(&server, &["x"]).await;
    let log = crate::support::Log::new();
    let its_log = log.clone();
    socket.on_disconnect(async move |socket: Socket| {
        let told = socket
            .to("x")
            .emit("left", socket.id().as_str())
            .await
            .unwrap();
        its_log.note(told.reached);
    });
    let id = leaves.sid().to_owned();
    leaves.vanish();
    assert_eq!(log.next().await, "1");
    assert_eq!(stays.hear().await, format!(r#"2["left","{id}"]"#));
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_route_may_broadcast_with_nobody_there() {
    let server = Server::new();
    let told = server.io.to("x").emit("news", &("a", 1)).await.unwrap();
    assert_eq!(told.reached, 0);
    assert_eq!(server.root().fetch_sockets().await.unwrap().len(), 0);
    assert_eq!(server.root().server_count().await.unwrap(), 1);
    // Alone there is nobody to tell, and nobody to wait for.
    let log = crate::support::Log::new();
    let its_log = log.clone();
    server
        .root()
        .on_server_side("x", async move |Data(n): Data<u32>| its_log.note(n));
    server.root().server_side_emit("x", &1).unwrap();
    let asked = server
        .root()
        .server_side_emit_with_ack::<u32, _>("x", &1)
        .await;
    assert_eq!(asked.unwrap().missing, 0);
    assert_eq!(log.all().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_looks_like_an_id_is_a_room_as_well() {
    let server = Server::new();
    let (peer, socket) = member(&server, &[]).await;
    let other = server.join().await;
    // As long as an id, and one that begins as those of revision 3 do.
    for room in ["exactly-twenty-chars", "/chat"] {
        socket.join(room).unwrap();
        assert_eq!(
            server
                .root()
                .to(room)
                .emit("x", room)
                .await
                .unwrap()
                .reached,
            1
        );
        assert_eq!(peer.hear().await, format!(r#"2["x","{room}"]"#));
        assert!(socket.leave(room));
        assert_eq!(
            server.root().to(room).emit("x", &()).await.unwrap().reached,
            0
        );
    }
    // In the room of another, both hear.
    socket.join(other.sid()).unwrap();
    assert_eq!(
        server
            .root()
            .to(other.sid())
            .emit("x", &())
            .await
            .unwrap()
            .reached,
        2
    );
    assert_eq!(
        server
            .root()
            .except(other.sid())
            .emit("x", &())
            .await
            .unwrap()
            .reached,
        0
    );
}
