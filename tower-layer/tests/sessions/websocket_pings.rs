//! Pings from the peer, and when their answers go out.

use sockeye_tower::SockJs;
use tokio::{io::AsyncWriteExt, time::Instant};

use crate::support::{Sent, Server, echo, masked, since, text};

/// The answer must not wait for what the peer, who waits for it, sends next.
#[tokio::test(start_paused = true)]
async fn a_ping_that_comes_with_a_message_is_answered_without_further_input() {
    let server = Server::new(SockJs::new(echo));
    for ping_first in [true, false] {
        let mut websocket = server.websocket("/websocket").await;
        let (ping, message) = (masked(0x89, b"now"), masked(0x81, b"hello"));
        let segment = if ping_first {
            [ping, message].concat()
        } else {
            [message, ping].concat()
        };
        let start = Instant::now();
        websocket.stream.write_all(&segment).await.unwrap();
        let both = [websocket.next().await, websocket.next().await];
        assert!(both.contains(&text("hello")), "{both:?}");
        assert!(both.contains(&Sent::Pong(b"now".to_vec())), "{both:?}");
        assert_eq!(since(start), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_is_answered_in_order_with_the_latest_and_not_queued() {
    let server = Server::new(SockJs::new(echo));
    let mut websocket = server.websocket("/websocket").await;
    websocket.send(0x89, b"one").await;
    assert_eq!(websocket.next().await, Sent::Pong(b"one".to_vec()));
    let start = Instant::now();
    let mut flood: Vec<u8> = (0..1000u16)
        .flat_map(|n| masked(0x89, &n.to_be_bytes()))
        .collect();
    flood.extend(masked(0x81, b"after"));
    websocket.stream.write_all(&flood).await.unwrap();
    let mut pongs = Vec::new();
    let mut is_echoed = false;
    while !is_echoed || pongs.last() != Some(&999) {
        match websocket.next().await {
            Sent::Pong(payload) => pongs.push(u16::from_be_bytes(payload.try_into().unwrap())),
            other => {
                assert_eq!(other, text("after"), "{pongs:?}");
                is_echoed = true;
            }
        }
    }
    assert_eq!(since(start), 0);
    assert!(pongs.is_sorted());
    assert!(pongs.len() < 1000, "{}", pongs.len());
}
