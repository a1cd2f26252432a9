//! HTTP/2 with prior knowledge.

use crate::client::Server;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http2, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sockeye_tower::{Accept, ConnectRequest, Handle, Reject, Session, WebSocket, serve};
use std::{convert::Infallible, future::IntoFuture, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, split},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

type Sender = http2::SendRequest<Empty<Bytes>>;

async fn connect(address: SocketAddr) -> (Sender, JoinHandle<hyper::Result<()>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    (sender, tokio::spawn(connection))
}

fn get(target: &str) -> Request<Empty<Bytes>> {
    let uri = format!("http://example.com{target}");
    Request::get(uri).body(Empty::new()).unwrap()
}

fn tunnel_request() -> Request<Empty<Bytes>> {
    let mut request = get("/chat");
    *request.method_mut() = Method::CONNECT;
    let protocol = Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    request
}

async fn body_of(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn requests_are_answered_side_by_side() {
    let mut server = Server::start(|serve| serve).await;
    let (mut sender, _connection) = connect(server.address).await;
    let held = sender.send_request(get("/hold"));
    let held = tokio::spawn(held);
    server.hears("/hold").await;
    let response = sender.send_request(get("/quick")).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(body_of(response).await, "/quick");
    server.release.add_permits(1);
    assert_eq!(body_of(held.await.unwrap().unwrap()).await, "released");
}

#[tokio::test]
async fn requests_beyond_a_limit_are_refused_one_by_one() {
    let server = Server::start(|serve| serve.max_head_size(24_000)).await;
    let (mut sender, _connection) = connect(server.address).await;
    let target = |length: usize| get(&format!("/{}", "x".repeat(length - 1)));
    let fields = |count: usize| {
        let mut request = get("/");
        for n in 0..count {
            let name = http::HeaderName::try_from(format!("x-{n}")).unwrap();
            request.headers_mut().insert(name, "x".parse().unwrap());
        }
        request
    };
    let field = |length: usize| {
        let mut request = get("/");
        request
            .headers_mut()
            .insert("x", "x".repeat(length).parse().unwrap());
        request
    };
    #[rustfmt::skip]
    let cases = [
        ("target at the limit",      target(8_192), 200),
        ("target beyond it",         target(8_193), 414),
        ("as many fields as allowed", fields(100),  200),
        ("one more",                 fields(101),   431),
        ("a long field",             field(23_000), 200),
        ("a field beyond the head",  field(24_000), 431),
        ("and the connection lives", get("/"),      200),
    ];
    for (case, request, status) in cases {
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), status, "{case}");
    }
}

#[tokio::test]
async fn a_tunnel_can_be_opened_and_is_not_idle() {
    let service = tower::service_fn(async |mut request: Request<Incoming>| {
        if request.method() != Method::CONNECT {
            return Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()));
        }
        let protocol = request.extensions_mut().remove::<Protocol>().unwrap();
        assert_eq!(protocol.as_str(), "websocket");
        tokio::spawn(async move {
            let upgraded = hyper::upgrade::on(request).await.unwrap();
            let (mut reader, mut writer) = split(TokioIo::new(upgraded));
            copy(&mut reader, &mut writer).await
        });
        Ok(Response::new(Empty::new()))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limit = Duration::from_millis(30);
    tokio::spawn(serve(listener, service).idle_timeout(limit).into_future());

    let (mut sender, connection) = connect(address).await;
    let response = sender.send_request(tunnel_request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut tunnel = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    for text in [b"ping", b"pong"] {
        // Another connection becomes idle and is closed meanwhile: the limit has passed.
        let (mut idle, closed) = connect(address).await;
        idle.send_request(get("/")).await.unwrap();
        closed.await.unwrap().unwrap();
        tunnel.write_all(text).await.unwrap();
        let mut echoed = [0; 4];
        tunnel.read_exact(&mut echoed).await.unwrap();
        assert_eq!(&echoed, text);
        // No GOAWAY has come: the connection takes further requests.
        sender.send_request(get("/")).await.unwrap();
    }
    drop(tunnel);
    // Idle now; its sender is kept, so it is the server that ends it.
    connection.await.unwrap().unwrap();
    drop(sender);
}

#[tokio::test]
async fn a_drain_lets_streams_finish_and_answers_late_connections() {
    let handle = Handle::new();
    let never = Duration::from_secs(3600);
    let mut server = Server::start(|serve| serve.handle(&handle)).await;
    let (mut early, early_connection) = connect(server.address).await;
    let held = tokio::spawn(early.send_request(get("/hold")));
    server.hears("/hold").await;
    let (mut idle, idle_connection) = connect(server.address).await;
    idle.send_request(get("/")).await.unwrap();

    let _drained = handle.drain(sockeye_tower::DrainPolicy::new().bound(never));
    idle_connection.await.unwrap().unwrap();
    let (mut late, late_connection) = connect(server.address).await;
    let response = late.send_request(get("/health")).await.unwrap();
    assert_eq!(body_of(response).await, "/health");
    late_connection.await.unwrap().unwrap();

    server.release.add_permits(1);
    assert_eq!(body_of(held.await.unwrap().unwrap()).await, "released");
    early_connection.await.unwrap().unwrap();
    server.task.await.unwrap().unwrap();
}

/// To an extended CONNECT any 2xx means that the WebSocket is open (RFC 8441, section 5).
#[tokio::test]
async fn no_rejection_opens_a_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mount = WebSocket::new(async |_: Session| {}).on_connect(
        async |_: &ConnectRequest| -> Result<Accept, Reject> {
            Err(Reject::status(200).body("{}"))
        },
    );
    tokio::spawn(serve(listener, mount.service()).into_future());
    let (mut sender, _connection) = connect(address).await;
    let mut request = tunnel_request();
    *request.uri_mut() = "http://example.com/".parse().unwrap();
    let version = "13".parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-version", version);
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(body_of(response).await, "{}", "the hook's answer");
}
