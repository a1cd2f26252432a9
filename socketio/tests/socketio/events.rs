//! Events: who hears them, and who does not any more.

use sockeye_socketio::{Arguments, Data, EventName, Socket, Value};

use crate::{
    acks::only,
    support::{Log, Server},
};

#[tokio::test(start_paused = true)]
async fn handlers_are_called_in_their_order_until_they_are_taken_off() {
    let server = Server::new();
    let peer = server.join().await;
    let socket = only(&server);
    let log = Log::new();
    let noting = |tag: &'static str| {
        let log = log.clone();
        async move || log.note(tag)
    };
    let first = socket.on("x", noting("on 1"));
    socket.once("x", noting("once"));
    socket.on("x", noting("on 2"));
    socket.on("y", noting("y"));
    let any = socket.on_any(noting("any"));
    let say = async |event: &str| {
        peer.say(&format!(r#"2["{event}"]"#)).await;
        log.all().await
    };
    assert_eq!(say("x").await, ["any", "on 1", "once", "on 2"]);
    assert_eq!(say("x").await, ["any", "on 1", "on 2"]);
    assert!(socket.off_listener(first));
    assert!(!socket.off_listener(first));
    assert_eq!(say("x").await, ["any", "on 2"]);
    assert!(socket.off_listener(any));
    assert_eq!(say("y").await, ["y"]);
    assert!(socket.off("x"));
    assert!(!socket.off("x"));
    assert_eq!(say("x").await, [] as [&str; 0]);
    assert_eq!(say("y").await, ["y"]);
}

#[tokio::test(start_paused = true)]
async fn once_means_once_also_for_two_events_that_arrive_together() {
    let server = Server::new();
    let peer = server.join_polling().await;
    let socket = only(&server);
    let log = Log::new();
    let its_log = log.clone();
    socket.once("x", async move |Data(n): Data<u32>| {
        crate::support::settle().await;
        its_log.note(n);
    });
    peer.session
        .send_all([r#"2["x",1]"#, r#"2["x",2]"#])
        .await
        .unwrap();
    assert_eq!(log.next().await, "1");
    assert_eq!(log.all().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_take_itself_off_and_put_others_on() {
    let server = Server::new();
    let peer = server.join().await;
    let log = Log::new();
    let its_log = log.clone();
    only(&server).on("x", async move |socket: Socket| {
        its_log.note("first");
        socket.off("x");
        let next = its_log.clone();
        socket.on("x", async move || next.note("second"));
    });
    for _ in 0..2 {
        peer.say(r#"2["x"]"#).await;
    }
    assert_eq!(log.all().await, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn who_hears_what_goes_out_hears_emits_and_broadcasts_but_no_answers() {
    for recovers in [false, true] {
        let server = Server::with(|builder| match recovers {
            false => builder,
            true => builder.recovery(sockeye_socketio::Recovery::new()),
        });
        let peer = server.join().await;
        let socket = only(&server);
        let log = Log::new();
        let its_log = log.clone();
        let id = socket.on_any_outgoing(
            async move |EventName(name): EventName, Arguments(all): Arguments| {
                its_log.note(format!("{name} {:?}", all.first()));
            },
        );
        socket.on("q", async |ack: sockeye_socketio::Ack| ack.send("answer"));
        socket.emit("own", &1).await.unwrap();
        socket.volatile().emit("volatile", &2).await.unwrap();
        server.root().emit("all", &3).await.unwrap();
        server
            .root()
            .to("elsewhere")
            .emit("nobody", &4)
            .await
            .unwrap();
        drop(socket.emit_with_ack::<u32, _>("asked", &5));
        peer.say(r#"21["q"]"#).await;
        let expected = ["own", "volatile", "all", "asked"]
            .into_iter()
            .zip([1, 2, 3, 5]);
        let expected: Vec<_> = expected
            .map(|(name, n)| format!("{name} {:?}", Some(Value::from(n))))
            .collect();
        assert_eq!(log.all().await, expected, "recovers: {recovers}");
        socket.off_listener(id);
        socket.emit("own", &1).await.unwrap();
        assert_eq!(log.all().await, [] as [&str; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_the_protocol_has_for_itself_cannot_be_emitted() {
    // CVE-2024-38355; spec 12, step 5.
    let server = Server::new();
    let _peer = server.join().await;
    let socket = only(&server);
    #[rustfmt::skip]
    let reserved = [
        "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
    ];
    for name in reserved {
        assert!(socket.emit(name, &()).await.is_err(), "{name}");
        assert!(server.root().emit(name, &()).await.is_err(), "{name}");
    }
    for name in ["error", "connection", "message", ""] {
        socket.emit(name, &()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_a_client_may_not_emit_close_its_session() {
    // CVE-2024-38355, CVE-2023-32695.
    #[rustfmt::skip]
    let refused = [
        r#"2["connect"]"#, r#"2["connect_error"]"#, r#"2["disconnect"]"#, r#"2["disconnecting"]"#,
        r#"2["newListener"]"#, r#"2["removeListener"]"#,
        r#"2[{}]"#, "2[null]", "2[true]", "2[[]]", "2[]", r#"2{"0":"x"}"#, r#"2"x""#,
    ];
    for packet in refused {
        let server = Server::new();
        let log = Log::new();
        let its_log = log.clone();
        server.root().on_connect(async move |socket: Socket| {
            crate::support::note_departures(&socket, &its_log);
        });
        let peer = server.join().await;
        peer.say(packet).await;
        peer.closed().await;
        server.assert_empty().await;
        assert_eq!(log.take()[1], "forced close", "{packet}");
    }
    // These are ordinary.
    let server = Server::new();
    let peer = server.join().await;
    let log = Log::new();
    let heard = log.clone();
    only(&server).on_any(async move |EventName(name): EventName| heard.note(name));
    for packet in [
        r#"2["error"]"#,
        "2[1]",
        r#"2["connection"]"#,
        r#"2["__proto__"]"#,
        r#"2[""]"#,
    ] {
        peer.say(packet).await;
    }
    assert_eq!(
        log.all().await,
        ["error", "1", "connection", "__proto__", ""]
    );
}
