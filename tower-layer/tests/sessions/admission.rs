//! How many sessions a mount admits, and that each place is given back.

use http::{Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use sockeye_tower::{Body, Limit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Server, pass, peer, receiver, rest};

async fn open(server: &Server, session: &str, address: Option<&str>) -> Response<Body> {
    let mut request = receiver(&format!("/0/{session}/xhr"));
    if let Some(address) = address {
        request = request.extension(peer(address));
    }
    server.request(request.body(Empty::new()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn sessions_are_admitted_up_to_the_limit_and_again_when_one_has_gone() {
    for limit in 0..3 {
        let (server, mut sessions) = Server::handing_over(|mount| mount.max_sessions(limit));
        for n in 0..limit {
            let response = open(&server, &format!("s{n}"), None).await;
            assert_eq!(response.status(), StatusCode::OK, "{n} of {limit}");
        }
        assert_eq!(server.hits(Limit::Sessions), 0);
        for round in 1..3 {
            let response = open(&server, "late", None).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()["retry-after"], "5");
            assert_eq!(server.hits(Limit::Sessions), round);
        }
        assert_eq!(server.handle.sessions(), limit);
        if limit == 0 {
            continue;
        }
        // A known session is served, full or not.
        sessions.recv().await.unwrap().close(1000, "");
        assert_eq!(server.poll("s0").await, "c[1000,\"\"]\n");
        pass(6).await;
        assert_eq!(server.handle.sessions(), 0);
        for n in 0..limit {
            let response = open(&server, &format!("s{n}"), None).await;
            assert_eq!(response.status(), StatusCode::OK, "{n} of {limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_beyond_the_limit_is_refused_before_it_is_one() {
    let (server, _sessions) = Server::handing_over(|mount| mount.max_sessions(1));
    let first = server.websocket("/websocket").await;
    let mut stream = server.connect(10_000);
    let handshake = "GET /0/s/websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await.unwrap();
    let mut answer = [0; 13];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503 ");
    drop(first);
    rest().await;
    server.websocket("/0/s/websocket").await;
}

#[tokio::test(start_paused = true)]
async fn sessions_of_one_address_are_limited_and_others_are_not() {
    for limit in 1..3 {
        let (server, _sessions) =
            Server::handing_over(|mount| mount.max_sessions_per_address(limit));
        for n in 0..limit {
            let response = open(&server, &format!("a{n}"), Some("10.0.0.1")).await;
            assert_eq!(response.status(), StatusCode::OK);
        }
        let response = open(&server, "a", Some("10.0.0.1")).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(server.hits(Limit::SessionsPerAddress), 1);
        for (session, address) in [("b", Some("10.0.0.2")), ("c", None), ("d", None)] {
            let response = open(&server, session, address).await;
            assert_eq!(response.status(), StatusCode::OK, "{session}");
        }
        pass(6).await;
        assert_eq!(server.handle.sessions(), 0);
        let response = open(&server, "a", Some("10.0.0.1")).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}

/// A refusal for its address must give back the place in the whole.
#[tokio::test(start_paused = true)]
async fn a_refused_session_takes_no_place() {
    let (server, _sessions) =
        Server::handing_over(|mount| mount.max_sessions_per_address(1).max_sessions(2));
    open(&server, "a", Some("10.0.0.1")).await;
    for _ in 0..10 {
        let response = open(&server, "b", Some("10.0.0.1")).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    let response = open(&server, "c", Some("10.0.0.2")).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_whose_connection_broke_takes_no_place() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_sessions(1));
    for _ in 0..10 {
        let mut stream = server.connect(10);
        let handshake = "GET /websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(handshake.as_bytes()).await.unwrap();
        // The answer does not fit into the pipe, and nobody takes it.
        rest().await;
        drop(stream);
        rest().await;
    }
    assert!(sessions.try_recv().is_err());
    assert_eq!(server.handle.sessions(), 0);
    server.websocket("/websocket").await;
}

#[tokio::test(start_paused = true)]
async fn churn_leaves_nothing_behind() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_sessions(100));
    for n in 0..500 {
        let name = n.to_string();
        match n % 5 {
            0 => assert_eq!(server.poll(&name).await, "o\n"),
            1 => drop(server.receive(&format!("/0/{name}/xhr_streaming")).await),
            2 => drop(server.websocket("/websocket").await),
            3 => {
                let mut websocket = server.websocket(&format!("/0/{name}/websocket")).await;
                websocket.send_close(1000, "").await;
            }
            _ => {
                let mut receiving = server.receive(&format!("/0/{name}/eventsource")).await;
                receiving.next().await.unwrap();
            }
        }
        while let Ok(session) = sessions.try_recv() {
            drop(session);
        }
        if n % 50 == 0 {
            pass(6).await;
        }
    }
    pass(11).await;
    while sessions.try_recv().is_ok() {}
    pass(11).await;
    assert_eq!(server.handle.sessions(), 0);
    assert_eq!(server.hits(Limit::Sessions), 0);
    server
        .request(receiver("/0/s/xhr").body(Empty::new()).unwrap())
        .await
        .collect()
        .await
        .unwrap();
}
