//! All of it over one HTTP/2 connection; WebSockets by extended CONNECT (RFC 8441).

use std::convert::Infallible;

use futures_util::{StreamExt, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Bytes, Frame, Incoming},
    client::conn::http2,
    ext::Protocol,
    server::conn::http2 as server,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use sockeye_tower::{
    Accept, Close, CloseReason, ConnectRequest, Reject, Transport, engineio::ErrorCode,
};

use crate::support::{Server, as_text, rest};

type Sender = http2::SendRequest<BoxBody<Bytes, Infallible>>;

async fn connect(server: &Server) -> Sender {
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

async fn ask(sender: &Sender, method: Method, query: &str, body: &'static str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://a/?{query}"))
        .body(Full::new(Bytes::from_static(body.as_bytes())).boxed())
        .unwrap();
    read(sender.clone().send_request(request).await.unwrap()).await
}

async fn read(response: Response<Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

async fn websocket(sender: &Sender, query: &str) -> Response<Incoming> {
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://a/?{query}"))
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"))
        .body(Full::default().boxed())
        .unwrap();
    sender.clone().send_request(request).await.unwrap()
}

/// A session that begins on polling: the query of its polls.
async fn open(sender: &Sender) -> String {
    let query = "EIO=4&transport=polling";
    let (status, open) = ask(sender, Method::GET, query, "").await;
    assert_eq!(status, 200);
    let sid = open[9..].split('"').next().unwrap();
    format!("{query}&sid={sid}")
}

#[tokio::test(start_paused = true)]
async fn polling_and_its_upgrade() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.client().http2().engineio("/").open().await.unwrap();
    let mut session = sessions.recv().await.unwrap();
    client.send("one").await.unwrap();
    assert_eq!(as_text(session.recv().await), "one");
    session.try_send("two").unwrap();
    assert_eq!(client.recv().await, Ok("two".into()));

    session.try_send("three").unwrap();
    client.upgrade().await.unwrap();
    client.send("four").await.unwrap();
    assert_eq!(client.recv().await, Ok("three".into()));
    assert_eq!(as_text(session.recv().await), "four");
    session.close(1000, "");
    assert_eq!(client.closed().await, Ok(Close::new(1005, "")));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_begins_on_websocket() {
    let server = Server::echoing(|mount| mount);
    let client = server.client().http2();
    // The server's settings have come with the first answer.
    client.engineio("/").open().await.unwrap();
    let session = client.engineio("/").transport(Transport::WebSocket);
    let session = session.open().await.unwrap();
    assert_eq!(session.opening().status(), 200);
    session.send("hello").await.unwrap();
    assert_eq!(session.recv().await, Ok("hello".into()));
}

#[tokio::test(start_paused = true)]
async fn a_poll_whose_stream_is_reset_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.client().http2();
    let polling = client.engineio("/").open().await.unwrap();
    let session = sessions.recv().await.unwrap();
    rest().await;
    let target = format!("/?EIO=4&transport=polling&sid={}", polling.id());
    polling.abort();
    rest().await;
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    let unknown = client.get(&target).await.unwrap().engineio_error();
    assert_eq!(unknown.unwrap().0, ErrorCode::SessionUnknown);
}

#[tokio::test(start_paused = true)]
async fn the_first_of_two_posts_is_not_waited_for() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let sender = connect(&server).await;
    let query = open(&sender).await;
    let mut session = sessions.recv().await.unwrap();
    let begun = stream::iter([Ok(Frame::data(Bytes::from_static(b"4he")))]);
    let request = Request::post(format!("http://a/?{query}"))
        .body(BodyExt::boxed(StreamBody::new(
            begun.chain(stream::pending()),
        )))
        .unwrap();
    let first = tokio::spawn(sender.clone().send_request(request));
    rest().await;
    let second = ask(&sender, Method::POST, &query, "4two").await;
    assert_eq!(second, (400, String::new()));
    let first = first.await.unwrap().unwrap();
    assert_eq!(read(first).await, (400, String::new()));
    assert_eq!(session.recv().await, None);
    // The connection is not theirs alone.
    open(&sender).await;
}

#[tokio::test(start_paused = true)]
async fn refusals_open_no_websocket() {
    let (server, _sessions) = Server::handing_over(|mount| {
        mount.on_connect(async |request: &ConnectRequest| match request.query() {
            Some(query) if query.contains("refused") => Err(Reject::status(200).body("no")),
            _ => Ok(Accept::new()),
        })
    });
    let sender = connect(&server).await;
    open(&sender).await;
    for (query, status, text) in [
        ("EIO=4&transport=tcp", 400, "Transport unknown"),
        ("EIO=4&transport=websocket&sid=x", 400, "Session ID unknown"),
        (
            "EIO=3&transport=websocket",
            400,
            "Unsupported protocol version",
        ),
        // Any success would open it.
        ("EIO=4&transport=websocket&refused", 403, "no"),
    ] {
        let response = websocket(&sender, query).await;
        // This header is HTTP/1's alone.
        assert!(!response.headers().contains_key("connection"));
        assert_eq!(read(response).await, (status, text.to_owned()), "{query}");
    }
    assert_eq!(server.handle.sessions(), 1);
}
