//! Connections behind an acceptor, which here is a stand-in for TLS.

use crate::{
    client::{Body, Client, Server},
    stall::connect_small,
    xor::{self, HELLO, WELCOME, Xor},
};
use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sockeye_tower::{DrainPolicy, Handle, Limit, Serve};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

const SHORT: Duration = Duration::from_millis(30);

/// Longer than any test: what ends within it did not wait for its limit.
const NEVER: Duration = Duration::from_secs(3600);

type App = crate::client::App;

async fn start(options: impl FnOnce(Serve<App, Body>) -> Serve<App, Body>) -> Server {
    Server::start(|serve| options(serve.acceptor(xor::accept))).await
}

async fn connect(server: &Server) -> Client<Xor<TcpStream>> {
    let Client { stream } = server.connect().await;
    Client {
        stream: xor::connect(stream).await,
    }
}

#[tokio::test]
async fn requests_come_through_and_say_that_they_are_secure() {
    let server = start(|serve| serve).await;
    let mut client = connect(&server).await;
    let address = client.stream.0.local_addr().unwrap().to_string();
    for (target, answer) in [
        ("/secure", "secure"),
        ("/version", "HTTP/1.1"),
        ("/peer", &*address),
    ] {
        client.get(target).await;
        assert_eq!(client.answer().await.body, answer, "{target}");
    }
    let plain = Server::start(|serve| serve).await;
    let mut client = plain.connect().await;
    client.get("/secure").await;
    assert_eq!(client.answer().await.body, "plain");
}

#[tokio::test]
async fn a_client_that_starts_with_the_http2_preface_gets_http2() {
    let server = start(|serve| serve).await;
    let stream = connect(&server).await.stream;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    for (target, expected) in [("/version", "HTTP/2.0"), ("/secure", "secure")] {
        let uri = format!("https://example.com{target}");
        let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_handshake_is_cut_after_the_head_timeout() {
    const LIMIT: Duration = Duration::from_secs(30);
    let handle = Handle::new();
    let server = start(|serve| serve.handle(&handle).head_timeout(LIMIT)).await;
    // With nobody at work the paused clock goes on to the next timer, which is this one.
    let begun = Instant::now();
    let mut silent = server.connect().await;
    assert_eq!(silent.rest().await, "");
    let waited = begun.elapsed();
    // Marks are whole milliseconds.
    let slack = Duration::from_millis(3);
    assert!(
        waited + slack >= LIMIT && waited <= LIMIT + slack,
        "{waited:?}"
    );
    assert_eq!(handle.limit_hits(Limit::HeadTime), 1);

    // A handshake that is done gains no time for the head that follows.
    let begun = Instant::now();
    let mut halfway = server.connect_saying([HELLO]);
    let mut said = Vec::new();
    halfway.stream.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, [WELCOME]);
    let waited = begun.elapsed();
    assert!(
        waited + slack >= LIMIT && waited <= LIMIT + slack,
        "{waited:?}"
    );
}

#[tokio::test]
async fn handshakes_that_hang_or_fail_harm_nobody() {
    let server = start(|serve| serve.head_timeout(NEVER)).await;
    let mut before = connect(&server).await;
    let _hanging = server.connect().await;
    for wrong in ["x", "P"] {
        let mut failing = server.connect().await;
        failing.send(wrong).await;
        assert_eq!(failing.rest().await, "", "{wrong}");
    }
    let mut vanished = server.connect().await;
    vanished.stream.shutdown().await.unwrap();
    assert_eq!(vanished.rest().await, "");

    before.get("/before").await;
    assert_eq!(before.answer().await.body, "/before");
    let mut after = connect(&server).await;
    after.get("/after").await;
    assert_eq!(after.answer().await.body, "/after");
}

#[tokio::test]
async fn a_handshake_counts_as_a_connection() {
    let server = start(|serve| serve.max_connections(1).head_timeout(NEVER)).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    second.send([HELLO]).await;
    // Gives a server that lets it in the time to do so; a right one passes at any speed.
    tokio::time::timeout(SHORT, second.stream.peek(&mut [0]))
        .await
        .expect_err("the second connection must wait");
    first.send("x").await;
    assert_eq!(first.rest().await, "");
    assert_eq!(second.stream.read_u8().await.unwrap(), WELCOME);
}

#[tokio::test]
async fn a_peer_that_never_reads_is_reset() {
    let mut server = start(|serve| serve.write_stall(SHORT)).await;
    let Client { stream } = connect_small(server.address).await;
    let mut stalled = Client {
        stream: xor::connect(stream).await,
    };
    stalled.get("/endless").await;
    server.hears("end of /endless").await;
    let error = stalled.end().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_drain_serves_one_more_answer_to_who_was_in_the_handshake() {
    let handle = Handle::new();
    let mut server = start(|serve| serve.handle(&handle)).await;
    let Client { stream: shaking } = server.connect().await;
    // Never gets further, and so must not keep the server.
    let _silent = server.connect().await;
    let mut waiting = connect(&server).await;
    waiting.get("/hold").await;
    server.hears("/hold").await;
    let mut idle = connect(&server).await;
    idle.get("/").await;
    idle.answer().await;

    let _drained = handle.drain(DrainPolicy::new().bound(NEVER));
    // Its end shows that the server has heard.
    assert_eq!(idle.rest().await, "");
    let mut shaking = Client {
        stream: xor::connect(shaking).await,
    };
    shaking.get("/health").await;
    let answer = shaking.answer().await;
    assert_eq!(answer.body, "/health");
    assert!(answer.closes(), "{answer:?}");
    assert_eq!(shaking.rest().await, "");

    server.release.add_permits(1);
    assert_eq!(waiting.answer().await.body, "released");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_end_of_a_drain_cuts_a_handshake() {
    let handle = Handle::new();
    let mut server = start(|serve| serve.handle(&handle)).await;
    let mut shaking = server.connect().await;
    let mut waiting = connect(&server).await;
    waiting.get("/hold").await;
    server.hears("/hold").await;
    let _drained = handle.drain(DrainPolicy::new().bound(SHORT));
    server.task.await.unwrap().unwrap();
    assert_eq!(shaking.rest().await, "");
    assert_eq!(waiting.rest().await, "");
}
