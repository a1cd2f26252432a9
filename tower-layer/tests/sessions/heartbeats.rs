//! Heartbeats of every transport.

use sockeye_tower::{CloseReason, Limit};
use tokio::time::Instant;

use crate::support::{Sent, Server, close, pass, rest, secs, since, target, text};

#[tokio::test(start_paused = true)]
async fn every_receiver_gets_heartbeats_at_the_interval() {
    #[rustfmt::skip]
    let cases = [
        ("xhr_streaming", "h\n"),
        ("eventsource",   "data: h\r\n\r\n"),
        ("htmlfile",      "<script>\np(\"h\");\n</script>\r\n"),
    ];
    for (endpoint, heartbeat) in cases {
        let (server, _sessions) = Server::handing_over(|mount| mount);
        let mut receiving = server.receive(&target("s", endpoint)).await;
        receiving.next().await.unwrap();
        receiving.next().await.unwrap();
        let start = Instant::now();
        for beat in 1..=4 {
            assert_eq!(receiving.next().await.unwrap(), heartbeat);
            assert_eq!(since(start), beat * 25, "{endpoint}");
        }
    }
    #[rustfmt::skip]
    let cases = [
        ("xhr",   "h\n"),
        ("jsonp", "/**/cb(\"h\");\r\n"),
    ];
    for (endpoint, heartbeat) in cases {
        let (server, _sessions) = Server::handing_over(|mount| mount);
        server.receive(&target("s", endpoint)).await.rest().await;
        for _ in 0..3 {
            let start = Instant::now();
            let polled = server.receive(&target("s", endpoint)).await.rest().await;
            assert_eq!(polled, heartbeat);
            assert_eq!(since(start), 25, "{endpoint}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_interval_is_settable() {
    let (server, _sessions) = Server::handing_over(|mount| mount.heartbeat_interval(secs(3)));
    assert_eq!(server.poll("s").await, "o\n");
    let start = Instant::now();
    assert_eq!(server.poll("s").await, "h\n");
    assert_eq!(since(start), 3);
}

#[tokio::test(start_paused = true)]
async fn a_websocket_whose_peer_answers_pings_lives_on() {
    for framed in [true, false] {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        let path = if framed {
            "/0/s/websocket"
        } else {
            "/websocket"
        };
        let mut websocket = server.websocket(path).await;
        let session = sessions.recv().await.unwrap();
        if framed {
            assert_eq!(websocket.next().await, text("o"));
        }
        let start = Instant::now();
        for beat in 1..=5 {
            if framed {
                assert_eq!(websocket.next().await, text("h"));
            }
            assert_eq!(websocket.next().await, Sent::Ping, "{path}");
            assert_eq!(since(start), beat * 25, "{path}");
            pass(9).await;
            websocket.send(0x8a, b"").await;
        }
        assert_eq!(session.close_reason(), None, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_websocket_is_closed_after_the_heartbeat_timeout() {
    for framed in [true, false] {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        let path = if framed {
            "/0/s/websocket"
        } else {
            "/websocket"
        };
        let mut websocket = server.websocket(path).await;
        let mut session = sessions.recv().await.unwrap();
        let start = Instant::now();
        assert_eq!(session.recv().await, None);
        assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
        assert_eq!(since(start), 35, "{path}");
        if framed {
            for frame in ["o", "h"] {
                assert_eq!(websocket.next().await, text(frame));
            }
        }
        assert_eq!(websocket.next().await, Sent::Ping);
        if framed {
            let farewell = r#"c[3000,"No response from heartbeat"]"#;
            assert_eq!(websocket.next().await, text(farewell));
        }
        assert_eq!(
            websocket.next().await,
            close(3000, "No response from heartbeat")
        );
        assert_eq!(websocket.next().await, Sent::End);
        assert_eq!(since(start), 40, "{path}");
        drop(session);
        rest().await;
        assert_eq!(server.handle.sessions(), 0, "{path}");
        assert_eq!(server.hits(Limit::Heartbeat), 1, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_bytes_are_a_sign_of_life() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.heartbeat_timeout(secs(2)));
    let mut websocket = server.websocket("/websocket").await;
    let mut session = sessions.recv().await.unwrap();
    assert_eq!(websocket.next().await, Sent::Ping);
    pass(1).await;
    // One byte of a frame's header.
    tokio::io::AsyncWriteExt::write_all(&mut websocket.stream, &[0x81])
        .await
        .unwrap();
    assert_eq!(websocket.next().await, Sent::Ping);
    assert_eq!(session.close_reason(), None);
    let start = Instant::now();
    assert_eq!(session.recv().await, None);
    assert_eq!(since(start), 2);
}

#[tokio::test(start_paused = true)]
async fn responses_need_not_answer_heartbeats() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.heartbeat_timeout(secs(1)));
    let mut receiving = server.receive("/0/s/xhr_streaming").await;
    let session = sessions.recv().await.unwrap();
    for _ in 0..12 {
        receiving.next().await.unwrap();
    }
    assert_eq!(session.close_reason(), None);
}
