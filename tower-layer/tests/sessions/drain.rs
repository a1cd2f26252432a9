//! One handle over several mounts: the drain, and who is there.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::StatusCode;
use http_body_util::Empty;
use sockeye_tower::{CloseReason, DrainPolicy, Handle, Limit, Session, SockJs};
use tokio::{sync::oneshot, task::JoinSet, time::Instant};

use crate::support::{
    RESPONSES, Sent, Server, close, drain, echo, pass, receiver, rest, since, target, text, to,
};

#[tokio::test(start_paused = true)]
async fn a_drain_says_goodbye_on_every_transport() {
    for endpoint in RESPONSES {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        assert_eq!(server.poll("s").await, "o\n");
        let session = sessions.recv().await.unwrap();
        session.send("sent before").await.unwrap();
        drain(&server.handle);
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
    drain(&server.handle);
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
    drain(&server.handle);
    assert_eq!(waiting.await.unwrap(), "c[1001,\"Going away\"]\n");
    assert_eq!(since(start), 0);
}

#[tokio::test(start_paused = true)]
async fn new_sessions_are_refused_during_a_drain_and_all_else_is_served() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    assert_eq!(server.poll("old").await, "o\n");
    drain(&server.handle);
    // Once more changes nothing.
    drain(&server.handle);
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
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
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
    drain(&handle);
    for server in &servers {
        assert_eq!(server.poll("s").await, "c[1001,\"Going away\"]\n");
    }
    handle.idle().await;
    assert_eq!(since(start), 6);
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
    drain(&handle);
    for task in waiting {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_under_way_when_the_drain_starts_is_greeted_and_sent_away() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/0/s/websocket").await;
    // The answer is here; the session's task has not run yet.
    drain(&server.handle);
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

#[tokio::test(start_paused = true)]
async fn goodbyes_are_spread_over_the_window() {
    const SESSIONS: u32 = 50;
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let start = Instant::now();
    let mut told = JoinSet::new();
    let mut held = Vec::new();
    for session in 0..SESSIONS {
        let receiving = server
            .receive(&target(&session.to_string(), "xhr_streaming"))
            .await;
        held.push(sessions.recv().await.unwrap());
        told.spawn(async move {
            let received = receiving.rest().await;
            assert!(received.contains("c[1001,"), "{received}");
            start.elapsed()
        });
    }
    let window = Duration::from_secs(10);
    let policy = DrainPolicy::new().window(window).bound(2 * window);
    let drained = server.handle.drain(policy);
    let mut times: Vec<Duration> = told.join_all().await;
    times.sort_unstable();
    // Each in a slot of its own; timers tell whole milliseconds.
    for (slot, time) in (0..SESSIONS).zip(&times) {
        let slot = window / SESSIONS * slot;
        let end = slot + window / SESSIONS + Duration::from_millis(1);
        assert!((slot..=end).contains(time), "{times:?}");
    }
    drop(held);
    assert_eq!(drained.await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_bound_is_cut_and_its_handler_with_it() {
    for transport in ["/0/s/xhr_streaming", "websocket"] {
        let handle = Handle::new();
        let (dropped, is_dropped) = oneshot::channel::<()>();
        let dropped = Arc::new(Mutex::new(Some(dropped)));
        let stuck = SockJs::new(async move |session: Session| {
            let _held = (dropped.lock().unwrap().take(), session);
            pending::<()>().await;
        });
        let server = Server {
            service: stuck.handle(&handle).service(),
            handle: handle.clone(),
        };
        let mut peers = Vec::new();
        if transport == "websocket" {
            let mut websocket = server.websocket("/0/s/websocket").await;
            assert_eq!(websocket.next().await, text("o"));
            peers.push(websocket);
        } else {
            server.receive(transport).await.next().await;
        }
        let start = Instant::now();
        let policy = DrainPolicy::new().bound(Duration::from_secs(4));
        let again = handle.drain(policy);
        // The first call's policy holds.
        assert_eq!(handle.drain(DrainPolicy::new()).await, 1, "{transport}");
        assert_eq!(again.await, 1, "{transport}");
        assert_eq!(since(start), 4, "{transport}");
        assert!(is_dropped.await.is_err());
        rest().await;
        assert_eq!(handle.sessions(), 0, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_without_sessions_is_over_at_once() {
    let handle = Handle::new();
    let start = Instant::now();
    assert_eq!(handle.drain(DrainPolicy::new()).await, 0);
    assert_eq!(since(start), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_as_soon_as_everyone_has_had_the_goodbye() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let streaming = server.receive("/0/s/xhr_streaming").await;
    let start = Instant::now();
    let drained = server.handle.drain(DrainPolicy::new());
    assert!(streaming.rest().await.contains("Going away"));
    assert_eq!(drained.await, 0);
    assert_eq!(since(start), 0);
}

#[tokio::test(start_paused = true)]
async fn the_policy_says_when_to_try_again() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let policy = DrainPolicy::new().retry_after(Duration::from_millis(1500));
    let _drained = server.handle.drain(policy);
    let request = receiver("/0/s/xhr").body(Empty::new()).unwrap();
    let response = server.request(request).await;
    assert_eq!(response.headers()["retry-after"], "2");
}

#[test]
fn any_time_can_be_told_in_retry_after() {
    let _ = DrainPolicy::new().retry_after(Duration::MAX);
}
