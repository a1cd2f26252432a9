//! The mount under salvo: what a mount needs of its host, over a real socket.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use salvo::{
    Listener, Server,
    conn::{Acceptor, TcpListener},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{client_async, tungstenite::Message};

/// Serves the example's routes on a free port.
async fn serve() -> SocketAddr {
    let acceptor = TcpListener::new("127.0.0.1:0").bind().await;
    let address = acceptor.holdings()[0].local_addr.clone();
    tokio::spawn(Server::new(acceptor).serve(crate::routes()));
    address.into_std().unwrap()
}

/// Sends a request, after whose answer the connection is closed.
async fn send(address: SocketAddr, line: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{line}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The status and the body of an answer; to an HTTP/1.0 request, so that it comes in one piece.
async fn answer(address: SocketAddr, request: &str, body: &str) -> (u16, String) {
    let mut answer = String::new();
    let mut stream = send(address, &format!("{request} HTTP/1.0"), body).await;
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Reads until what was read ends like this.
async fn read_to(stream: &mut TcpStream, end: &str) {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let byte = stream.read_u8().await;
        read.push(byte.unwrap_or_else(|error| {
            panic!("{error} after {:?}", String::from_utf8_lossy(&read));
        }));
    }
}

#[tokio::test]
async fn the_mount_has_its_path_and_no_more() {
    let address = serve().await;
    let greeting = "Welcome to SockJS!\n";
    #[rustfmt::skip]
    let cases = [
        // request              status  body
        ("GET /",               200,    "an ordinary route\n"),
        ("GET /chat",           200,    greeting),
        ("GET /chat/",          200,    greeting),
        ("GET /chat/no/such",   404,    ""),
        ("POST /chat",          405,    ""),
    ];
    for (request, status, body) in cases {
        let (found, text) = answer(address, request, "").await;
        assert_eq!(found, status, "{request}: {text}");
        if status == 200 {
            assert_eq!(text, body, "{request}");
        }
    }
    let (status, _) = answer(address, "GET /chatter", "").await;
    assert_eq!(status, 404);
    let (status, info) = answer(address, "GET /chat/info", "").await;
    assert_eq!(status, 200);
    assert!(info.contains(r#""websocket":true"#), "{info}");
}

#[tokio::test]
async fn a_stream_brings_each_message_as_it_comes() {
    let address = serve().await;
    let mut stream = send(address, "POST /chat/000/me/xhr_streaming HTTP/1.1", "").await;
    read_to(&mut stream, "o\n").await;
    for text in ["hello", "again"] {
        let message = format!("[\"{text}\"]");
        let (status, _) = answer(address, "POST /chat/000/me/xhr_send", &message).await;
        assert_eq!(status, 204);
        read_to(&mut stream, &format!("a{message}\n")).await;
    }
}

#[tokio::test]
async fn a_websocket_is_upgraded() {
    let address = serve().await;
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/chat/000/me/websocket");
    let (mut socket, _) = client_async(url, stream).await.unwrap();
    socket.send(Message::text(r#"["hello"]"#)).await.unwrap();
    for expected in ["o", r#"a["hello"]"#] {
        let message = socket.next().await.unwrap().unwrap();
        assert_eq!(message, Message::text(expected));
    }
}
