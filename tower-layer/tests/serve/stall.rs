//! Peers that take nothing.

use crate::client::{Body, Client, Server, text};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use sockeye_tower::serve;
use std::{convert::Infallible, future::IntoFuture, io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    sync::mpsc,
};

const SHORT: Duration = Duration::from_millis(30);

/// A client that has room for little, so that the server's writes soon find none.
pub(crate) async fn connect_small(address: SocketAddr) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    let stream = socket.connect(address).await.unwrap();
    Client { stream }
}

#[tokio::test]
async fn a_peer_that_never_reads_is_reset_and_others_are_not_disturbed() {
    let mut server = Server::start(|serve| serve.write_stall(SHORT)).await;
    let mut other = server.connect().await;
    other.get("/before").await;
    assert_eq!(other.answer().await.body, "/before");

    let mut stalled = connect_small(server.address).await;
    stalled.get("/endless").await;
    server.hears("end of /endless").await;
    let error = stalled.end().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

    other.get("/after").await;
    assert_eq!(other.answer().await.body, "/after");
}

#[tokio::test]
async fn a_peer_that_reads_gets_on() {
    let mut server = Server::start(|serve| serve).await;
    let mut reader = connect_small(server.address).await;
    reader.get("/endless").await;
    // More than the buffers on the way hold, so that writes have waited and gone on.
    let mut taken = 0;
    let mut buffer = vec![0; 256 * 1024];
    while taken < 32 * 1024 * 1024 {
        let read = reader.stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "ended after {taken} bytes");
        taken += read;
    }
    drop(reader);
    server.hears("end of /endless").await;
}

/// What an upgraded connection's owner does with it.
#[derive(Clone, Copy)]
enum Owner {
    WritesOn,
    GivesUpOnceBlocked,
}

/// Serves an upgrade to a stream that `owner` fills, and tells how its last write ended.
async fn serve_upgrade(owner: Owner) -> (SocketAddr, mpsc::UnboundedReceiver<io::Result<()>>) {
    let (told, news) = mpsc::unbounded_channel();
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let told = told.clone();
        tokio::spawn(async move {
            let upgraded = hyper::upgrade::on(request).await.unwrap();
            let _ = told.send(fill(TokioIo::new(upgraded), owner).await);
        });
        let mut response: Response<Body> = Response::new(Empty::<Bytes>::new().boxed());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response
            .headers_mut()
            .insert("connection", "upgrade".parse().unwrap());
        response
            .headers_mut()
            .insert("upgrade", "bytes".parse().unwrap());
        async { Ok::<_, Infallible>(response) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, service).write_stall(match owner {
        Owner::WritesOn => SHORT,
        // Longer than this test can take: the reset must come from the drop.
        Owner::GivesUpOnceBlocked => Duration::from_secs(3600),
    });
    tokio::spawn(server.into_future());
    (address, news)
}

/// Writes until it is told off, or until a write has to wait.
async fn fill(mut stream: impl AsyncWrite + Unpin, owner: Owner) -> io::Result<()> {
    let chunk = vec![b'x'; 64 * 1024];
    loop {
        let mut write = std::pin::pin!(stream.write(&chunk));
        let wrote = std::future::poll_fn(|cx| match write.as_mut().poll(cx) {
            std::task::Poll::Ready(wrote) => std::task::Poll::Ready(Some(wrote)),
            std::task::Poll::Pending => match owner {
                Owner::WritesOn => std::task::Poll::Pending,
                Owner::GivesUpOnceBlocked => std::task::Poll::Ready(None),
            },
        })
        .await;
        match wrote {
            Some(wrote) => wrote?,
            None => return Ok(()),
        };
    }
}

async fn upgrade(address: SocketAddr) -> Client {
    let mut client = connect_small(address).await;
    let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: bytes\r\n\r\n";
    client.send(head).await;
    client
}

#[tokio::test]
async fn an_upgraded_connection_is_reset_too() {
    let (address, mut news) = serve_upgrade(Owner::WritesOn).await;
    let mut client = upgrade(address).await;
    let ended = news.recv().await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let error = client.end().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_connection_dropped_while_a_write_waits_is_reset() {
    let (address, mut news) = serve_upgrade(Owner::GivesUpOnceBlocked).await;
    let mut client = upgrade(address).await;
    news.recv().await.unwrap().unwrap();
    let error = client.end().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_connection_dropped_when_all_was_written_is_closed_cleanly() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = tower::service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("all")));
    tokio::spawn(serve(listener, service).into_future());
    let mut client = connect_small(address).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    assert!(client.rest().await.ends_with("\r\n\r\nall"));
}
