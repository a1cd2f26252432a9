//! What stands before a session (hooks, cookies, origins, trusted proxies) and what ends it, through
//! an axum router on every transport.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use http::{HeaderName, HeaderValue, StatusCode};
use sockeye_tower::{
    Accept, ConnectRequest, CookieHook, DrainPolicy, Handle, Reject, Session, SockJs, Transport,
    test::Client,
};
use tokio::time::Instant;

#[derive(Debug, PartialEq, Eq)]
struct User(String);

fn user_of(request: &ConnectRequest) -> Result<User, Reject> {
    let name = request.cookie("user");
    name.map(|name| User(name.into()))
        .ok_or(Reject::status(401).body("log in first"))
}

async fn admit(request: &ConnectRequest) -> Result<Accept, Reject> {
    Ok(Accept::new()
        .data(user_of(request)?)
        .header(
            HeaderName::from_static("x-hook"),
            HeaderValue::from_static("welcome"),
        )
        .until((Instant::now() + Duration::from_secs(600)).into_std()))
}

async fn owners_only(request: &ConnectRequest) -> Result<Accept, Reject> {
    let owner = request.session().and_then(|session| session.data::<User>());
    if owner.is_some_and(|owner| user_of(request).is_ok_and(|user| user == *owner)) {
        Ok(Accept::new())
    } else {
        Err(Reject::status(403).body("not yours"))
    }
}

/// Tells who it is and from where.
async fn greet(mut session: Session) {
    let name = session.data::<User>().map(|user| user.0.clone());
    let request = session.request();
    let place = request.peer_address().map(|peer| peer.ip());
    let greeting = format!("{name:?} {place:?} {}", request.is_secure());
    let _ = session.send(greeting).await;
    while let Some(message) = session.recv().await {
        let _ = session.send(message).await;
    }
}

fn clients(mount: SockJs<impl sockeye_tower::Handler>) -> [Client; 2] {
    let service: Router = Router::new().nest("/chat", sockeye_axum::sockjs_layer(mount));
    let patient = |client: Client| client.patience(Duration::from_secs(3600));
    [
        patient(Client::new(service.clone())),
        patient(Client::new(service).http2()),
    ]
}

#[tokio::test(start_paused = true)]
async fn hooks_admit_reject_and_end_sessions_on_every_transport() {
    for client in clients(
        SockJs::new(greet)
            .on_connect(admit)
            .on_request(owners_only)
            .cookie(CookieHook::sticky("node", "n1").http_only()),
    ) {
        for transport in Transport::SOCKJS {
            let session = || client.session("/chat").transport(transport);
            let refused = session().expect_refused().await;
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{transport}");
            assert_eq!(refused.text(), "log in first", "{transport}");

            let session = session().cookie("user", "ann").open().await.unwrap();
            let opening = session.opening();
            assert_eq!(opening.header("x-hook"), Some("welcome"), "{transport}");
            let is_websocket = matches!(transport, Transport::WebSocket | Transport::RawWebSocket);
            let node = (!is_websocket).then_some("n1");
            assert_eq!(opening.cookie("node"), node, "{transport}");
            let greeting = session.recv().await.unwrap();
            assert_eq!(greeting, "Some(\"ann\") None false".into(), "{transport}");
            session.send("mine").await.unwrap();
            assert_eq!(session.recv().await, Ok("mine".into()), "{transport}");
            if !is_websocket {
                let path = format!("/chat/000/{}/xhr_send", session.id());
                let stranger = http::Request::post(path)
                    .header("cookie", "user=bob")
                    .body(r#"["theirs"]"#)
                    .unwrap();
                let refused = client.request(stranger).await.unwrap();
                assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{transport}");
                assert_eq!(refused.text(), "not yours", "{transport}");
            }
            let close = session.closed().await.unwrap();
            assert_eq!(close.code, 4401, "{transport}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_pages_and_no_others_are_let_in_by_default() {
    for client in clients(SockJs::new(greet)) {
        let client = client.host("example.com:8080");
        for transport in Transport::SOCKJS {
            let from = |origin: &str| {
                let session = client.session("/chat").transport(transport);
                session.origin(origin)
            };
            from("http://example.com:8080").open().await.unwrap();
            for foreign in ["http://example.com", "https://evil.test", "null"] {
                let refused = from(foreign).expect_refused().await;
                assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{transport}");
                assert!(refused.text().contains("allowed_origins"), "{transport}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_trusted_proxy_is_believed_and_nobody_else() {
    let proxy = SocketAddr::from(([10, 0, 0, 7], 1));
    for (trusted, origin, expected) in [
        (
            "10.0.0.0/8",
            "https://example.com",
            "None Some(192.0.2.1) true",
        ),
        (
            "10.9.0.0/16",
            "http://localhost",
            "None Some(10.0.0.7) false",
        ),
    ] {
        for client in clients(SockJs::new(greet).trusted_proxies([trusted])) {
            let client = client.peer_address(proxy);
            for transport in Transport::SOCKJS {
                let session = client.session("/chat").transport(transport);
                let session = session
                    .origin(origin)
                    .header("x-forwarded-for", "198.51.100.1, 192.0.2.1")
                    .header("x-forwarded-proto", "https")
                    .header("x-forwarded-host", "example.com")
                    .open()
                    .await
                    .unwrap_or_else(|error| panic!("{transport} {trusted}: {error:?}"));
                assert_eq!(session.recv().await, Ok(expected.into()), "{transport}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_says_goodbye_and_refuses_on_every_transport() {
    for transport in Transport::SOCKJS {
        let handle = Handle::new();
        for client in clients(SockJs::new(greet).handle(&handle)) {
            if handle.is_draining() {
                break;
            }
            let session = client.session("/chat").transport(transport);
            let session = session.open().await.unwrap();
            let drained = handle.drain(DrainPolicy::new());
            assert_eq!(session.closed().await.unwrap().code, 1001, "{transport}");
            let late = client.session("/chat").transport(transport);
            let refused = late.expect_refused().await;
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(refused.header("retry-after"), Some("5"), "{transport}");
            drop(session);
            assert_eq!(drained.await, 0, "{transport}");
        }
    }
}
