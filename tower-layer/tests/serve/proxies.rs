//! A connection's address, told by the server, is what decides whether a proxy is believed.

use std::{future::IntoFuture, net::SocketAddr};

use sockeye_tower::{Session, SockJs, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// What handlers saw of their clients: address and safety.
type Seen = mpsc::UnboundedReceiver<(Option<SocketAddr>, bool)>;

async fn start(proxies: &[&str]) -> (SocketAddr, Seen) {
    let (sender, seen) = mpsc::unbounded_channel();
    let mount = SockJs::new(async move |session: Session| {
        let request = session.request();
        let _ = sender.send((request.peer_address(), request.is_secure()));
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, mount.trusted_proxies(proxies).service());
    tokio::spawn(server.into_future());
    (address, seen)
}

/// Asks as a proxy would; gives the answer's status and the connection's own address.
async fn ask(server: SocketAddr, head: &str) -> (String, SocketAddr) {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let forwarded = "X-Forwarded-For: 6.6.6.6, 203.0.113.5\r\nX-Forwarded-Proto: https\r\n";
    let request = format!("{head}Host: a\r\n{forwarded}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    let status = String::from_utf8(status[9..].to_vec()).unwrap();
    (status, stream.local_addr().unwrap())
}

const POLL: &str = "POST /0/s/xhr HTTP/1.1\r\nContent-Length: 0\r\n";
const STREAM: &str = "GET /0/t/eventsource HTTP/1.1\r\n";
const HANDSHAKE: &str = "GET /websocket HTTP/1.1\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn what_a_trusted_proxy_says_reaches_handlers_on_every_kind_of_transport() {
    let (server, mut seen) = start(&["127.0.0.0/8"]).await;
    for (head, status) in [(POLL, "200"), (STREAM, "200"), (HANDSHAKE, "101")] {
        assert_eq!(ask(server, head).await.0, status);
        let client = Some("203.0.113.5:0".parse().unwrap());
        assert_eq!(seen.recv().await.unwrap(), (client, true), "{head}");
    }
}

#[tokio::test]
async fn what_anyone_else_says_does_not() {
    let (server, mut seen) = start(&["10.0.0.0/8", "::1"]).await;
    for (head, status) in [(POLL, "200"), (STREAM, "200"), (HANDSHAKE, "101")] {
        let (answered, client) = ask(server, head).await;
        assert_eq!(answered, status);
        assert_eq!(seen.recv().await.unwrap(), (Some(client), false), "{head}");
    }
}
