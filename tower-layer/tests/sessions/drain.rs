//! One handle over several mounts: the drain, and who is there.

use http::StatusCode;
use http_body_util::Empty;
use sockeye_tower::{CloseReason, Handle, Limit, Session, SockJs};
use tokio::time::Instant;

use crate::support::{
    RESPONSES, Sent, Server, close, echo, pass, receiver, rest, since, target, text, to,
};

#[tokio::test(start_paused = true)]
async fn a_drain_says_goodbye_on_every_transport() {
    for endpoint in RESPONSES {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        assert_eq!(server.poll("s").await, "o\n");
        let session = sessions.recv().await.unwrap();
        session.send("sent before").await.unwrap();
        server.handle.drain();
        assert_eq!(session.close_reason(), Some(CloseReason::GoingAway));
        let mut received = server.receive(&target("s", endpoint)).await.rest().await;
        if matches!(endpoint, "xhr" | "jsonp") {
            assert!(received.contains("sent before"), "{endpoint}: {received}");
            received = server.receive(&target("s", endpoint)).await.rest().await;
        }
        assert!(received.contains("1001"), "{endpoint}: {received}");
        assert!(received.contains("Going away"), "{endpoint}: {received}");
    }
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut framed = server.websocket("/0/s/websocket").await;
    let mut raw = server.websocket("/websocket").await;
    let held = [
        sessions.recv().await.unwrap(),
        sessions.recv().await.unwrap(),
    ];
    for session in &held {
        session.send("sent before").await.unwrap();
    }
    server.handle.drain();
    assert_eq!(framed.next().await, text("o"));
    assert_eq!(framed.next().await, text(r#"a["sent before"]"#));
    assert_eq!(framed.next().await, text(r#"c[1001,"Going away"]"#));
    assert_eq!(framed.next().await, close(1001, "Going away"));
    assert_eq!(raw.next().await, text("sent before"));
    assert_eq!(raw.next().await, close(1001, "Going away"));
    // A drain does not wait long for answers.
    let start = Instant::now();
    assert_eq!(framed.next().await, Sent::End);
    assert_eq!(raw.next().await, Sent::End);
    assert_eq!(since(start), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_poll_is_answered_by_the_drain_at_once() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    assert_eq!(server.poll("s").await, "o\n");
    let waiting = tokio::spawn({
        let server = server.clone();
        async move { server.poll("s").await }
    });
    rest().await;
    let start = Instant::now();
    server.handle.drain();
    assert_eq!(waiting.await.unwrap(), "c[1001,\"Going away\"]\n");
    assert_eq!(since(start), 0);
}

#[tokio::test(start_paused = true)]
async fn new_sessions_are_refused_during_a_drain_and_all_else_is_served() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    assert_eq!(server.poll("old").await, "o\n");
    server.handle.drain();
    // Once more changes nothing.
    server.handle.drain();
    assert!(server.handle.is_draining());
    server.handle.draining().await;
    for endpoint in RESPONSES {
        let request = receiver(&target("new", endpoint)).body(Empty::new());
        let response = server.request(request.unwrap()).await;
        assert_eq!(
            response.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{endpoint}"
        );
        assert_eq!(response.headers()["retry-after"], "5", "{endpoint}");
    }
    let request = to(http::Method::GET, "/info").body(Empty::new()).unwrap();
    assert_eq!(server.request(request).await.status(), StatusCode::OK);
    assert_eq!(server.poll("old").await, "c[1001,\"Going away\"]\n");
    assert_eq!(server.hits(Limit::Sessions), 0);
}

#[tokio::test(start_paused = true)]
async fn idle_waits_for_the_last_handler_of_every_mount() {
    let handle = Handle::new();
    // With no session, it is idle already.
    handle.idle().await;
    let slow = SockJs::new(async |mut session: Session| {
        assert_eq!(session.recv().await, None);
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    });
    let servers = [
        Server {
            service: slow.handle(&handle).service(),
            handle: handle.clone(),
        },
        Server {
            service: SockJs::new(echo).handle(&handle).service(),
            handle: handle.clone(),
        },
    ];
    for server in &servers {
        assert_eq!(server.poll("s").await, "o\n");
    }
    assert_eq!(handle.sessions(), 2);
    let start = Instant::now();
    handle.drain();
    for server in &servers {
        assert_eq!(server.poll("s").await, "c[1001,\"Going away\"]\n");
    }
    handle.idle().await;
    assert_eq!(since(start), 60);
    assert_eq!(handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn draining_resolves_for_every_clone_when_the_drain_starts() {
    let handle = Handle::new();
    assert!(!handle.is_draining());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.draining().await })
        })
        .collect();
    rest().await;
    assert!(waiting.iter().all(|task| !task.is_finished()));
    handle.drain();
    for task in waiting {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_under_way_when_the_drain_starts_is_greeted_and_sent_away() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/0/s/websocket").await;
    // The answer is here; the session's task has not run yet.
    server.handle.drain();
    assert_eq!(websocket.next().await, text("o"));
    assert_eq!(websocket.next().await, text(r#"c[1001,"Going away"]"#));
    assert_eq!(
        sessions.recv().await.unwrap().close_reason(),
        Some(CloseReason::GoingAway)
    );
}

#[tokio::test(start_paused = true)]
async fn refused_origins_are_counted() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    for (origin, status) in [("http://a", 200), ("http://b", 403), ("null", 403)] {
        let request = receiver("/0/s/xhr").header("origin", origin);
        let response = server.request(request.body(Empty::new()).unwrap()).await;
        assert_eq!(response.status(), status, "{origin}");
        pass(6).await;
    }
    assert_eq!(server.hits(Limit::Origin), 2);
}
