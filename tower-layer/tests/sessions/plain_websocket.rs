//! A mount of plain WebSockets: what it answers, what it carries, how it ends.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::{client::conn::http2, ext::Protocol, server::conn::http2 as server};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use sockeye_tower::{
    Accept, Close, CloseReason, ConnectRequest, Message, Reject, Session, SessionEvents, Transport,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::Instant,
};

use crate::support::{Sent, Server, WebSocket, close, drain, echo, rest, since, text, to};

const HANDSHAKE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn echoing() -> Server {
    let mount = sockeye_tower::WebSocket::new(echo);
    Server::around(|handle| mount.handle(handle).service())
}

#[tokio::test(start_paused = true)]
async fn text_and_binary_are_carried_as_they_are() {
    let server = echoing();
    let mut websocket = server.websocket("/").await;
    for message in ["", "hello", "[\"not\", \"an array\"]", "\u{feff}\0\u{2028}"] {
        websocket.send_text(message).await;
        assert_eq!(websocket.next().await, text(message));
    }
    for message in [&b""[..], b"\x00\xff\xfe", &[7; 70_000]] {
        websocket.send(0x82, message).await;
        assert_eq!(websocket.next().await, Sent::Binary(message.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn it_answers_at_every_path_below_and_the_handler_sees_which() {
    let (server, mut sessions) = Server::plain(|mount| mount);
    for target in [
        "/",
        "/info",
        "/0/s/websocket",
        "/rooms/a%2Fb?token=x",
        "//",
        "/iframe.html",
    ] {
        let mut websocket = server.websocket(target).await;
        let session = sessions.recv().await.unwrap();
        assert_eq!(session.request().uri(), target);
        assert_eq!(session.transport(), Transport::RawWebSocket);
        session.send("welcome").await.unwrap();
        assert_eq!(websocket.next().await, text("welcome"), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_refused_with_the_one_that_is_allowed() {
    let (server, _sessions) = Server::plain(|mount| mount);
    for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "X"] {
        let mut request = to(method.parse().unwrap(), "/");
        for (name, value) in HANDSHAKE {
            request = request.header(name, value);
        }
        let response = server.request(request.body(Empty::new()).unwrap()).await;
        assert_eq!(
            response.status(),
            StatusCode::METHOD_NOT_ALLOWED,
            "{method}"
        );
        assert_eq!(response.headers()["allow"], "GET", "{method}");
    }
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_handshake_is_refused_and_nothing_begins() {
    let (server, mut sessions) = Server::plain(|mount| mount);
    #[rustfmt::skip]
    let cases: [(&str, Option<&str>, u16); 9] = [
        // header                changed to                        status
        ("connection",            None,                             400),
        ("connection",            Some("keep-alive"),               400),
        ("upgrade",               None,                             400),
        ("upgrade",               Some("h2c"),                      400),
        ("sec-websocket-version", None,                             426),
        ("sec-websocket-version", Some("8"),                        426),
        ("sec-websocket-key",     None,                             400),
        ("sec-websocket-key",     Some("c2hvcnQ="),                 400),
        // A host that cannot switch protocols: there is no connection behind this request.
        ("x-nothing",             None,                             500),
    ];
    for (changed, value, status) in cases {
        let mut request = to(Method::GET, "/");
        for (name, usual) in HANDSHAKE {
            let value = if name == changed { value } else { Some(usual) };
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = server.request(request.body(Empty::new()).unwrap()).await;
        assert_eq!(response.status(), status, "{changed} {value:?}");
        if status == 426 {
            assert_eq!(response.headers()["sec-websocket-version"], "13");
        }
    }
    let plain = to(Method::GET, "/").body(Empty::new()).unwrap();
    assert_eq!(server.request(plain).await.status(), 400);
    assert!(sessions.try_recv().is_err());
    assert_eq!(server.handle.sessions(), 0);
}

/// An HTTP/2 connection.
pub(crate) async fn over_http2(server: &Server) -> http2::SendRequest<Empty<Bytes>> {
    let (client, end) = tokio::io::duplex(1 << 20);
    let service = TowerToHyperService::new(server.service.clone());
    tokio::spawn(
        server::Builder::new(TokioExecutor::new())
            .enable_connect_protocol()
            .serve_connection(TokioIo::new(end), service),
    );
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test(start_paused = true)]
async fn over_http2_it_is_opened_by_extended_connect() {
    let server = echoing();
    let mut sender = over_http2(&server).await;
    let request = |protocol: &'static str, version: &str| {
        Request::builder()
            .method(Method::CONNECT)
            .uri("http://a/room")
            .header("sec-websocket-version", version)
            .extension(Protocol::from_static(protocol))
            .body(Empty::<Bytes>::new())
            .unwrap()
    };
    // The server's settings, which allow it, have come with the first answer.
    let get = Request::get("http://a/").body(Empty::new()).unwrap();
    assert_eq!(sender.send_request(get).await.unwrap().status(), 400);
    for (protocol, version, status) in [("connect-udp", "13", 405), ("websocket", "8", 426)] {
        let response = sender.send_request(request(protocol, version)).await;
        assert_eq!(response.unwrap().status(), status, "{protocol} {version}");
    }
    let response = sender.send_request(request("websocket", "13")).await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    let mut websocket = WebSocket {
        stream: TokioIo::new(upgraded),
    };
    websocket.send_text("over one stream").await;
    assert_eq!(websocket.next().await, text("over one stream"));
    drain(&server.handle);
    assert_eq!(websocket.next().await, close(1001, "Going away"));
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_pings_and_silence_after_one_is_the_end() {
    let (server, mut sessions) = Server::plain(|mount| mount);
    let mut websocket = server.websocket("/").await;
    let mut session = sessions.recv().await.unwrap();
    let start = Instant::now();
    for beat in 1..=3 {
        assert_eq!(websocket.next().await, Sent::Ping);
        assert_eq!(since(start), 25 * beat);
        websocket.send(0x8a, b"").await;
    }
    assert_eq!(websocket.next().await, Sent::Ping);
    assert_eq!(session.recv().await, None);
    assert_eq!(since(start), 110);
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
    assert_eq!(
        websocket.next().await,
        close(3000, "No response from heartbeat")
    );
}

#[tokio::test(start_paused = true)]
async fn the_close_says_why_whoever_ends_it() {
    let closed = |code, reason: &str| Some(CloseReason::Application(Close::new(code, reason)));
    let (server, mut sessions) = Server::plain(|mount| mount);
    // The application, with a word of its own.
    let mut websocket = server.websocket("/").await;
    let session = sessions.recv().await.unwrap();
    session.send("last").await.unwrap();
    session.close(4321, "enough");
    session.close(3000, "too late to change it");
    assert_eq!(websocket.next().await, text("last"));
    assert_eq!(websocket.next().await, close(4321, "enough"));
    assert_eq!(session.close_reason(), closed(4321, "enough"));
    // By dropping the session.
    let mut websocket = server.websocket("/").await;
    drop(sessions.recv().await.unwrap());
    assert_eq!(websocket.next().await, close(1000, "Normal closure"));
    // The peer, with a word or without.
    let mut websocket = server.websocket("/").await;
    let mut session = sessions.recv().await.unwrap();
    websocket.send_close(3999, "bye").await;
    assert_eq!(session.recv().await, None);
    assert_eq!(
        session.close_reason(),
        Some(CloseReason::PeerClosed(Some(Close::new(3999, "bye"))))
    );
    assert_eq!(websocket.next().await, close(3999, "bye"));
    assert_eq!(websocket.next().await, Sent::End);
    let mut websocket = server.websocket("/").await;
    let mut session = sessions.recv().await.unwrap();
    websocket.send(0x88, b"").await;
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::PeerClosed(None)));
    // The connection, without a word.
    let websocket = server.websocket("/").await;
    let mut session = sessions.recv().await.unwrap();
    drop(websocket);
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_ends_its_session_alone() {
    let mount = sockeye_tower::WebSocket::new(async |mut session: Session| {
        while let Some(message) = session.recv().await {
            assert_ne!(message, Message::from("panic"), "as this test wants it");
            session.send(message).await.unwrap();
        }
    });
    let server = Server::around(|handle| mount.handle(handle).service());
    let (mut one, mut two) = (server.websocket("/").await, server.websocket("/").await);
    one.send_text("panic").await;
    assert_eq!(one.next().await, close(1011, "Internal error"));
    two.send_text("still here").await;
    assert_eq!(two.next().await, text("still here"));
}

#[tokio::test(start_paused = true)]
async fn a_drain_says_1001_and_new_handshakes_are_answered_503() {
    let (server, mut sessions) = Server::plain(|mount| mount);
    let mut websocket = server.websocket("/").await;
    let session = sessions.recv().await.unwrap();
    session.send("sent before").await.unwrap();
    drain(&server.handle);
    assert_eq!(websocket.next().await, text("sent before"));
    assert_eq!(websocket.next().await, close(1001, "Going away"));
    assert_eq!(session.close_reason(), Some(CloseReason::GoingAway));
    let head = handshake_answer(&server, "").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("\r\nretry-after: 5\r\n"), "{head}");
    drop((websocket, session));
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

/// The head of the answer to a handshake with some more header lines.
pub(crate) async fn handshake_answer(server: &Server, more: &str) -> String {
    let (head, _connection) = handshake_with(server.connect(1 << 20), more).await;
    head
}

/// The head of the answer to a handshake, and the connection.
pub(crate) async fn handshake_over(stream: DuplexStream) -> (String, DuplexStream) {
    handshake_with(stream, "").await
}

async fn handshake_with(mut stream: DuplexStream, more: &str) -> (String, DuplexStream) {
    let mut handshake = String::from("GET /room HTTP/1.1\r\nHost: a\r\n");
    for (name, value) in HANDSHAKE {
        handshake.push_str(&format!("{name}: {value}\r\n"));
    }
    handshake.push_str(&format!("{more}\r\n"));
    stream.write_all(handshake.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (String::from_utf8(head).unwrap(), stream)
}

#[tokio::test(start_paused = true)]
async fn a_hook_lets_in_or_turns_away_before_the_protocol_is_switched() {
    #[derive(Debug, PartialEq)]
    struct User(String);
    let (server, mut sessions) = Server::plain(|mount| {
        mount.on_connect(async |request: &ConnectRequest| {
            assert_eq!(request.transport(), Transport::RawWebSocket);
            assert_eq!(request.uri().path(), "/room");
            let user = request.cookie("user").ok_or(Reject::status(401))?;
            Ok(Accept::new()
                .data(User(user.into()))
                .header("x-seen".parse().unwrap(), "yes".parse().unwrap()))
        })
    });
    let head = handshake_answer(&server, "").await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert!(sessions.try_recv().is_err());
    let head = handshake_answer(&server, "Cookie: user=ann\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("\r\nx-seen: yes\r\n"), "{head}");
    let session = sessions.recv().await.unwrap();
    assert_eq!(*session.data::<User>().unwrap(), User("ann".into()));
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_are_turned_away_unless_the_policy_admits_them() {
    let origin = |origin: &str| format!("Origin: {origin}\r\n");
    let (server, _sessions) = Server::plain(|mount| mount);
    for (from, status) in [
        (String::new(), "101"),
        (origin("http://a"), "101"),
        (origin("https://evil.example"), "403"),
        (origin("null"), "403"),
    ] {
        let head = handshake_answer(&server, &from).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{from}");
    }
    let (server, _sessions) = Server::plain(|mount| mount.allowed_origins(["https://app.example"]));
    for (from, status) in [
        (origin("https://app.example"), "101"),
        (origin("http://app.example"), "403"),
    ] {
        let head = handshake_answer(&server, &from).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{from}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_callback_form_serves_it_too() {
    struct Shout;
    #[async_trait::async_trait]
    impl SessionEvents for Shout {
        async fn on_message(&self, session: &sockeye_tower::Sender, message: Message) {
            if let Message::Text(text) = message {
                let _ = session.send(text.to_uppercase()).await;
            }
        }
    }
    let mount = sockeye_tower::WebSocket::events(Shout);
    let server = Server::around(|handle| mount.handle(handle).service());
    let mut websocket = server.websocket("/").await;
    websocket.send_text("hello").await;
    assert_eq!(websocket.next().await, text("HELLO"));
}
