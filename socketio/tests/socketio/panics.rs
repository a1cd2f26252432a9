//! A handler that panics costs its client the session, and nobody else anything.

use sockeye_socketio::{Event, Refusal, Socket};

use crate::support::{Log, Server, note_departures, settle};

/// Panics as a handler does that trusts its input.
fn oops() {
    panic!("a handler of this test panics");
}

/// Where a handler panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Connecting,
    ConnectingLater,
    AtOnce,
    Later,
    InAny,
    InMiddleware,
    Outgoing,
    OnError,
}

const EVERYWHERE: [Where; 8] = [
    Where::Connecting,
    Where::ConnectingLater,
    Where::AtOnce,
    Where::Later,
    Where::InAny,
    Where::InMiddleware,
    Where::Outgoing,
    Where::OnError,
];

fn panicking(socket: &Socket, at: Where) {
    match at {
        Where::Connecting | Where::ConnectingLater => {}
        Where::AtOnce => drop(socket.on("go", async || oops())),
        Where::Later => drop(socket.on("go", async || {
            settle().await;
            oops();
        })),
        Where::InAny => drop(socket.on_any(async || oops())),
        Where::InMiddleware => socket.intercept(async |event: Event| {
            oops();
            Ok::<_, Refusal2>(event)
        }),
        Where::Outgoing => {
            socket.on_any_outgoing(async || oops());
            socket.on("go", async |socket: Socket| socket.emit("out", &()).await);
        }
        Where::OnError => {
            socket.on_error(async || oops());
            socket.on("go", async || Err::<(), _>("no"));
        }
    }
}

type Refusal2 = std::fmt::Error;

#[tokio::test(start_paused = true)]
async fn a_panic_closes_the_session_and_its_sockets_leave_exactly_once() {
    for at in EVERYWHERE {
        let server = Server::new();
        let log = Log::new();
        let its_log = log.clone();
        server.root().on_connect(async move |socket: Socket| {
            socket.join("room").unwrap();
            if socket.handshake().parameter("victim").is_none() {
                return;
            }
            note_departures(&socket, &its_log);
            panicking(&socket, at);
            if at == Where::ConnectingLater {
                settle().await;
            }
            if matches!(at, Where::Connecting | Where::ConnectingLater) {
                oops();
            }
        });
        let others = Log::new();
        let its_log = others.clone();
        server
            .io
            .of("/other")
            .on_connect(async move |socket: Socket| {
                note_departures(&socket, &its_log);
            });
        let witness = server.join().await;
        let mut victim = crate::support::Peer::over(server.websocket().query("victim", "1")).await;
        if at != Where::Connecting {
            victim.connect("/other").await;
        }
        victim.say("0").await;
        let _ = victim.try_say(r#"2["go"]"#).await;
        settle().await;
        settle().await;
        let close = victim.closed().await;
        assert_eq!(close.code, 1011, "{at:?}");
        let left = ["disconnecting from 2 rooms", "forced close"];
        assert_eq!(log.all().await, left, "{at:?}");
        if at != Where::Connecting {
            let left = ["disconnecting from 1 rooms", "forced close"];
            assert_eq!(others.all().await, left, "{at:?}");
        }
        // The others live on.
        assert_eq!(server.root().sockets().len(), 1, "{at:?}");
        let told = server
            .root()
            .to("room")
            .emit("still", "here")
            .await
            .unwrap();
        assert_eq!(told.reached, 1, "{at:?}");
        assert_eq!(witness.hear().await, r#"2["still","here"]"#);
        witness.leave().await;
        server.assert_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_at_the_end_takes_nothing_from_the_other_handlers() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.on_disconnecting(async || oops());
        socket.on_disconnect(async || oops());
        socket.on_disconnect(async || {
            settle().await;
            oops();
        });
        note_departures(&socket, &its_log);
        socket.join("room").unwrap();
    });
    for vanishes in [true, false] {
        let peer = server.join().await;
        if vanishes {
            peer.vanish();
        } else {
            peer.say("1").await;
            settle().await;
            settle().await;
            assert_eq!(peer.closed().await.code, 1011);
        }
        let notes = log.all().await;
        assert_eq!(notes.len(), 2, "{notes:?}");
        server.assert_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_middleware_that_panics_refuses_and_closes_the_session() {
    for later in [false, true] {
        let server = Server::new();
        let log = Log::new();
        let its_log = log.clone();
        server.root().middleware(async move |socket: Socket| {
            socket.join("room").unwrap();
            if later {
                settle().await;
            }
            oops();
            Ok::<_, Refusal>(())
        });
        server
            .root()
            .on_connect(async move || its_log.note("connected"));
        let peer = server.open().await;
        peer.say("0").await;
        settle().await;
        assert_eq!(peer.closed().await.code, 1011);
        server.assert_empty().await;
        assert_eq!(log.take(), [] as [&str; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_that_wait_go_on_when_another_one_panics() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.on("wait", async move || {
            settle().await;
            settle().await;
            its_log.note("ended");
        });
        socket.on("go", async || oops());
    });
    let peer = server.join().await;
    peer.say(r#"2["wait"]"#).await;
    peer.say(r#"2["go"]"#).await;
    assert_eq!(peer.closed().await.code, 1011);
    assert_eq!(log.next().await, "ended");
    server.assert_empty().await;
}
