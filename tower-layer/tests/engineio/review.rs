//! What a review found.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Empty;
use sockeye_tower::{Accept, CloseReason, ConnectRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Service;

use crate::support::{Server, pass, rest};

#[tokio::test(start_paused = true)]
async fn a_poll_whose_answer_is_dropped_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("lost").unwrap();
    let request = Request::get(format!("/?{}", client.query))
        .header("host", "a")
        .body(Empty::<Bytes>::new())
        .unwrap();
    // A host whose connection breaks drops the answer.
    let response = server.service.clone().call(request).await.unwrap();
    drop(response.into_body());
    rest().await;
    let _ = session.try_send("next");
    let answer = client.poll().await;
    assert_ne!(answer.text(), "4next", "a gap");
    assert!(session.close_reason().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_connection_of_a_post_whose_session_ends_is_closed() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut first = client.start_post(6, b"4he").await;
    client.post("4x").await.expect_empty(400);
    assert!(matches!(
        session.close_reason(),
        Some(CloseReason::Violation(_))
    ));
    // What it brings is not taken, so it must not be told that it was.
    let _ = first.stream.write_all(b"llo").await;
    let mut told = [0; 12];
    let answer = first.stream.read_exact(&mut told);
    let _ = tokio::time::timeout(Duration::from_secs(600), answer).await;
    assert_ne!(&told, b"HTTP/1.1 200");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_polls_no_more_times_out_with_a_post_on_hold() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    client.send("4first").await;
    let _held = client.start_post(7, b"4second").await;
    // It vanishes: neither polls nor closes anything, and nobody takes its messages.
    pass(24 * 3600).await;
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
}

#[tokio::test(start_paused = true)]
async fn a_script_of_another_site_does_not_open_a_session() {
    let server = Server::echoing(|mount| mount);
    for (query, status) in [
        ("EIO=4&transport=polling", 200),
        ("EIO=4&transport=polling&j=0", 403),
    ] {
        let headers =
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n";
        let answer = server.ask_with("GET", query, headers, b"").await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
    }
}

#[tokio::test(start_paused = true)]
async fn clients_can_hold_the_times_that_they_are_told() {
    let server = Server::echoing(|mount| mount.ping_interval(Duration::MAX));
    let answer = server.get("EIO=4&transport=polling").await;
    let text = answer.text();
    let (_, rest) = text.split_once("pingInterval\":").unwrap();
    let told: u128 = rest.split(',').next().unwrap().parse().unwrap();
    // A browser's timer that is set longer fires at once.
    assert!(told + 20_000 < 1 << 31, "{told}");
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_a_hook_stand_on_no_error() {
    let (server, _sessions) = Server::handing_over(|mount| {
        mount.on_request(async |_: &ConnectRequest| {
            let name = HeaderName::from_static("x-every");
            Ok(Accept::new().header(name, HeaderValue::from_static("yes")))
        })
    });
    let client = server.open().await;
    assert_eq!(client.post("4x").await.all("x-every"), ["yes"]);
    let _waiting = client.start_poll().await;
    let overlap = client.poll().await;
    overlap.expect_empty(400);
    assert!(overlap.all("x-every").is_empty());
}
