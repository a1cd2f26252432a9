//! What a session tells of its request, and its name.

use std::{collections::HashSet, sync::Arc};

use http_body_util::{BodyExt, Empty};

use crate::support::{Server, peer, receiver};

/// What middleware might put into a request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Login(&'static str);

#[tokio::test(start_paused = true)]
async fn a_session_shows_its_latest_receivers_request() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.response_limit(0));
    let requests = [
        ("/0/s/xhr?t=1", "10.0.0.1", "one"),
        ("/0/s/eventsource", "10.0.0.2", "two"),
        ("/0/s/xhr_streaming?t=2&u", "::1", "three"),
    ];
    let mut session = None;
    for (target, address, login) in requests {
        let request = receiver(target)
            .header("X-Token", login)
            .header("x-many", "a")
            .header("x-many", "b")
            .extension(peer(address))
            .extension(Login(login))
            .body(Empty::new())
            .unwrap();
        let response = server.request(request).await;
        let session = match &mut session {
            Some(session) => session,
            none => none.insert(sessions.recv().await.unwrap()),
        };
        let request = session.request();
        assert_eq!(request.uri(), target);
        assert_eq!(request.header("x-token"), Some(login.as_bytes()));
        assert_eq!(request.header("HOST"), Some(&b"a"[..]));
        assert_eq!(request.headers().get_all("x-many").iter().count(), 2);
        assert_eq!(request.peer_address(), Some(peer(address).0));
        assert_eq!(request.extension::<Login>(), Some(&Login(login)));
        assert_eq!(request.extensions().get(), Some(&Login(login)));
        assert_eq!(request.extension::<u8>(), None);
        assert!(Arc::ptr_eq(&request, &session.sender().request()));
        session.send("next").await.unwrap();
        response.collect().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_receiver_and_a_sender_do_not_change_the_request() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let _stream = server.receive("/0/s/xhr_streaming?first").await;
    let session = sessions.recv().await.unwrap();
    server.receive("/0/s/xhr?second").await.rest().await;
    assert_eq!(server.send("s", r#"["x"]"#).await, 204);
    assert_eq!(session.request().uri(), "/0/s/xhr_streaming?first");
}

#[tokio::test(start_paused = true)]
async fn a_websocket_shows_its_handshake() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let _websocket = server.websocket("/0/s/websocket?token=x").await;
    let request = sessions.recv().await.unwrap().request();
    assert_eq!(request.uri(), "/0/s/websocket?token=x");
    assert_eq!(request.header("upgrade"), Some(&b"websocket"[..]));
    assert_eq!(request.peer_address(), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_printed_of_a_session_keeps_its_secrets() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let request = receiver("/0/secret/xhr")
        .header("cookie", "token=secret")
        .body(Empty::new())
        .unwrap();
    server.request(request).await;
    let session = sessions.recv().await.unwrap();
    let printed = format!("{session:?} {:?} {:?}", session.sender(), session.request());
    assert!(!printed.contains("secret"), "{printed}");
}

#[tokio::test(start_paused = true)]
async fn names_are_unique_and_not_the_urls() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut names = HashSet::new();
    for n in 0..1000 {
        server.poll(&n.to_string()).await;
        let session = sessions.recv().await.unwrap();
        let shown = session.id().to_string();
        assert_eq!(shown.len(), 32);
        assert!(shown.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(names.insert(session.id()));
    }
    // One URL, another session, another name.
    for _ in 0..2 {
        drop(server.websocket("/0/s/websocket").await);
        let session = sessions.recv().await.unwrap();
        assert_ne!(session.id().to_string(), "s");
        assert!(names.insert(session.id()));
    }
}
