//! Connections that are cut because their peer says nothing, or too little.

use crate::client::Server;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    select,
    time::interval,
};

const SHORT: Duration = Duration::from_millis(30);

#[tokio::test]
async fn a_connection_without_a_whole_head_is_cut() {
    #[rustfmt::skip]
    let cases: [(&str, &[u8]); 5] = [
        // case                          what was sent
        ("nothing",                      b""),
        ("part of the HTTP/2 preface",   b"PRI * HTTP/2"),
        ("the preface and no SETTINGS",  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("part of a request line",       b"GET /"),
        ("a head without its end",       b"GET / HTTP/1.1\r\nHost: a\r\n"),
    ];
    let server = Server::start(|serve| serve.head_timeout(SHORT)).await;
    for (case, sent) in cases {
        let mut client = server.connect().await;
        client.send(sent).await;
        // Over HTTP/2 the server's SETTINGS come first; then, in every case, the end.
        client
            .end()
            .await
            .unwrap_or_else(|error| panic!("{case}: {error}"));
    }
}

#[tokio::test]
async fn a_trickled_head_gains_no_time() {
    let server = Server::start(|serve| serve.head_timeout(SHORT)).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ").await;
    let (mut reader, mut writer) = client.stream.split();
    // Half the limit between two bytes: if each of them started it anew, this would never end.
    let mut pace = interval(SHORT / 2);
    let mut buffer = [0; 1];
    loop {
        select! {
            // An end or, when a byte crossed it, a reset; never an answer.
            read = reader.read(&mut buffer) => {
                assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
                break;
            }
            _ = pace.tick() => {
                // An error shows in the read as well.
                let _ = writer.write_all(b"x").await;
            }
        }
    }
}

#[tokio::test]
async fn a_second_head_on_a_connection_is_limited_as_the_first() {
    let server = Server::start(|serve| serve.head_timeout(SHORT)).await;
    let mut client = server.connect_saying("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().await.body, "/first");
    client.send("GET /second HTTP/1.1\r\n").await;
    // Long before the idle limit, which is at its default.
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_one_that_waits_for_its_answer_is_not() {
    let mut server = Server::start(|serve| serve.idle_timeout(SHORT)).await;
    let mut waiting = server.connect().await;
    waiting.get("/hold").await;
    server.hears("/hold").await;
    // Came later and is closed, twice over: the limit has passed for the first as well.
    for _ in 0..2 {
        let mut idle = server.connect().await;
        idle.get("/").await;
        idle.answer().await;
        assert_eq!(idle.rest().await, "");
    }
    server.release.add_permits(1);
    assert_eq!(waiting.answer().await.body, "released");
    assert_eq!(waiting.rest().await, "", "now it is idle");
}

#[tokio::test]
async fn a_connection_beyond_the_number_allowed_waits_for_another_to_end() {
    let mut server = Server::start(|serve| serve.max_connections(1)).await;
    let mut first = server.connect().await;
    first.get("/first").await;
    first.answer().await;
    server.hears("/first").await;
    let mut second = server.connect().await;
    second.get("/second").await;
    // Gives a server that lets it in the time to do so; a right one passes at any speed.
    tokio::time::timeout(SHORT, server.hears("/second"))
        .await
        .expect_err("the second connection must wait");
    drop(first);
    assert_eq!(second.answer().await.body, "/second");
}
