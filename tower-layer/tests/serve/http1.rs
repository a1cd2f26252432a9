//! Requests over HTTP/1: what is answered, what is refused.

use crate::client::Server;
use sockeye_tower::serve;
use std::future::IntoFuture;
use tokio::{io::AsyncReadExt, net::TcpListener};

/// A head of exactly `size` bytes.
fn head_of(size: usize) -> String {
    let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    format!("{start}{}\r\n\r\n", "x".repeat(size - start.len() - 4))
}

fn head_with_lines(lines: usize) -> String {
    let more: String = (1..lines).map(|n| format!("X-{n}: x\r\n")).collect();
    format!("GET / HTTP/1.1\r\nHost: a\r\n{more}\r\n")
}

fn target_of(length: usize) -> String {
    let target = format!("/?{}", "x".repeat(length - 2));
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[tokio::test]
async fn requests_beyond_a_limit_or_without_one_host_are_refused() {
    #[rustfmt::skip]
    let cases = [
        // case                          head                                              status
        ("head at the default limit",    head_of(65_536),                                  200),
        ("head beyond it",               head_of(65_537),                                  431),
        ("as many lines as allowed",     head_with_lines(100),                             200),
        ("one more",                     head_with_lines(101),                             431),
        ("target at the default limit",  target_of(8_192),                                 200),
        ("target beyond it",             target_of(8_193),                                 414),
        ("target near hyper's limit",    target_of(65_000),                                414),
        ("no Host",                      "GET / HTTP/1.1\r\n\r\n".into(),                  400),
        ("two Hosts",                    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(), 400),
        ("the same Host twice",          "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n".into(), 400),
        ("an empty Host",                "GET / HTTP/1.1\r\nHost:\r\n\r\n".into(),         200),
        ("no Host, HTTP/1.0",            "GET / HTTP/1.0\r\n\r\n".into(),                  200),
        ("no request at all",            "hello\r\n\r\n".into(),                           400),
    ];
    let server = Server::start(|serve| serve).await;
    for (case, head, status) in cases {
        let mut client = server.connect().await;
        client.send(head).await;
        assert_eq!(client.answer().await.status, status, "{case}");
    }
}

#[tokio::test]
async fn limits_can_be_set() {
    let server = Server::start(|serve| serve.max_head_size(512).max_target_length(64)).await;
    #[rustfmt::skip]
    let cases = [
        (head_of(511), 200), (head_of(512), 200), (head_of(513), 431),
        (target_of(63), 200), (target_of(64), 200), (target_of(65), 414),
    ];
    for (head, status) in cases {
        let mut client = server.connect().await;
        client.send(&head).await;
        assert_eq!(client.answer().await.status, status, "{head}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused_at_the_limit_and_the_connection_closed() {
    let server = Server::start(|serve| serve.max_head_size(512)).await;
    let mut client = server.connect().await;
    client.send(&head_of(1_000)[..512]).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 431);
    assert!(answer.closes(), "{answer:?}");
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_refused_request_does_not_reach_the_service_and_the_next_one_does() {
    let mut server = Server::start(|serve| serve).await;
    let mut client = server.connect().await;
    client.send("GET /hostless HTTP/1.1\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 400);
    client.send(target_of(9_000)).await;
    assert_eq!(client.answer().await.status, 414);
    client.get("/next").await;
    assert_eq!(client.answer().await.body, "/next");
    assert_eq!(server.news.recv().await.unwrap(), "/next");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(|serve| serve).await;
    let mut client = server.connect().await;
    let requests: String = ["/hold", "/2", "/3", "/4"]
        .map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .concat();
    client.send(requests).await;
    server.release.add_permits(1);
    for expected in ["released", "/2", "/3", "/4"] {
        assert_eq!(client.answer().await.body, expected);
    }
}

#[tokio::test]
async fn an_http_1_0_connection_is_closed_after_its_answer_unless_asked_otherwise() {
    let server = Server::start(|serve| serve).await;
    let mut client = server.connect().await;
    client
        .send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.body, "/a");
    client.send("GET /b HTTP/1.0\r\n\r\n").await;
    assert_eq!(client.answer().await.body, "/b");
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_request_that_comes_byte_by_byte_is_answered() {
    let server = Server::start(|serve| serve).await;
    let mut client = server.connect().await;
    client.stream.set_nodelay(true).unwrap();
    // Begins as the HTTP/2 preface does.
    for byte in "PRI /slow HTTP/1.1\r\nHost: a\r\n\r\n".bytes() {
        client.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.answer().await.body, "/slow");
}

#[tokio::test]
async fn the_service_is_told_the_peer() {
    let server = Server::start(|serve| serve).await;
    let mut client = server.connect().await;
    client.get("/peer").await;
    let address = client.stream.local_addr().unwrap();
    assert_eq!(client.answer().await.body, address.to_string());
}

#[tokio::test]
async fn a_panic_in_the_service_ends_that_connection_alone() {
    let server = Server::start(|serve| serve).await;
    let mut other = server.connect().await;
    other.get("/before").await;
    other.answer().await;
    let mut client = server.connect().await;
    client.get("/panic").await;
    assert_eq!(client.rest().await, "");
    other.get("/after").await;
    assert_eq!(other.answer().await.body, "/after");
}

#[tokio::test]
async fn an_axum_router_is_a_service() {
    let router = axum::Router::new().route(
        "/hello/{name}",
        axum::routing::get(async |axum::extract::Path(name): axum::extract::Path<String>| name),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router).into_future());
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = b"GET /hello/sockeye HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request)
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nsockeye"), "{answer}");
}
