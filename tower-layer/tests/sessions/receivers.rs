//! Receivers that come, go, meet and follow each other.

use http_body_util::{BodyExt, Empty};
use sockeye_tower::{CloseReason, Limit, Transport};
use tokio::time::Instant;

use crate::support::{RESPONSES, Server, pass, peer, receiver, rest, since, target};

#[tokio::test(start_paused = true)]
async fn a_session_without_a_receiver_expires_after_the_disconnect_delay() {
    for seconds in [5, 20] {
        let (server, mut sessions) = Server::handing_over(|mount| {
            mount.disconnect_delay(std::time::Duration::from_secs(seconds))
        });
        assert_eq!(server.poll("s").await, "o\n");
        let mut session = sessions.recv().await.unwrap();
        pass(seconds - 1).await;
        session.send("kept").await.unwrap();
        assert_eq!(server.poll("s").await, "a[\"kept\"]\n");
        // Counted from the end of the last receiver.
        let start = Instant::now();
        assert_eq!(session.recv().await, None);
        assert_eq!(since(start), seconds);
        assert_eq!(session.close_reason(), Some(CloseReason::Expired));
        drop(session);
        rest().await;
        assert_eq!(server.handle.sessions(), 0);
        assert_eq!(server.poll("s").await, "o\n");
        assert_eq!(server.send("other", "[]").await, 404);
    }
}

#[tokio::test(start_paused = true)]
async fn an_aborted_receiver_ends_its_session_at_once_and_frees_its_id() {
    for endpoint in RESPONSES {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        assert_eq!(server.poll("s").await, "o\n");
        let mut session = sessions.recv().await.unwrap();
        let mut receiving = server.receive(&target("s", endpoint)).await;
        let _ = receiving.next_now();
        rest().await;
        let start = Instant::now();
        drop(receiving);
        assert_eq!(session.recv().await, None, "{endpoint}");
        assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
        assert_eq!(since(start), 0, "{endpoint}");
        assert_eq!(server.send("s", r#"["late"]"#).await, 404, "{endpoint}");
        assert_eq!(server.poll("s").await, "o\n", "{endpoint}");
        assert!(sessions.recv().await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_dropped_before_its_first_poll_is_an_abort() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let receiving = server.receive("/0/s/xhr_streaming").await;
    let mut session = sessions.recv().await.unwrap();
    drop(receiving);
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_after_its_last_frame_is_no_abort() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.response_limit(0));
    for (n, endpoint) in RESPONSES.into_iter().enumerate() {
        let name = n.to_string();
        assert_eq!(server.poll(&name).await, "o\n");
        let session = sessions.recv().await.unwrap();
        let mut receiving = server.receive(&target(&name, endpoint)).await;
        session.send("last").await.unwrap();
        while !receiving.next().await.unwrap().contains("last") {}
        assert!(http_body::Body::is_end_stream(&receiving.0), "{endpoint}");
        drop(receiving);
        rest().await;
        assert_eq!(session.close_reason(), None, "{endpoint}");
        session.send("on").await.unwrap();
        assert_eq!(server.poll(&name).await, "a[\"on\"]\n", "{endpoint}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_whose_answer_was_dropped_unread_keeps_its_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    drop(server.receive("/0/s/xhr").await);
    let session = sessions.recv().await.unwrap();
    rest().await;
    assert_eq!(session.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_second_receiver_is_turned_away_on_every_transport_and_the_first_goes_on() {
    for first in RESPONSES {
        for second in RESPONSES {
            let (server, mut sessions) = Server::handing_over(|mount| mount);
            assert_eq!(server.poll("s").await, "o\n");
            let session = sessions.recv().await.unwrap();
            let mut receiving = server.receive(&target("s", first)).await;
            let refused = server.receive(&target("s", second)).await.rest().await;
            assert!(refused.contains("2010"), "{first}, {second}: {refused}");
            assert!(refused.contains("Another connection still open"));
            session.send("on").await.unwrap();
            while !receiving.next().await.unwrap().contains("on") {}
            assert_eq!(session.close_reason(), None, "{first}, {second}");
        }
    }
}

/// The first receiver does not take the goodbye; whoever comes next hears the same.
#[tokio::test(start_paused = true)]
async fn a_second_receiver_of_a_closing_session_is_told_of_its_close() {
    for first in RESPONSES {
        for second in RESPONSES {
            let (server, mut sessions) = Server::handing_over(|mount| mount);
            assert_eq!(server.poll("s").await, "o\n");
            let session = sessions.recv().await.unwrap();
            let mut receiving = server.receive(&target("s", first)).await;
            session.close(3001, "enough");
            for _ in 0..2 {
                let refused = server.receive(&target("s", second)).await.rest().await;
                assert!(refused.contains("3001"), "{first}, {second}: {refused}");
                assert!(refused.contains("enough"), "{first}, {second}: {refused}");
                assert!(!refused.contains("2010"), "{first}, {second}: {refused}");
            }
            while !receiving.next().await.unwrap().contains("3001") {}
            assert_eq!(receiving.next().await, None, "{first}, {second}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_first_requests_at_once_one_opens_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let (one, two) = tokio::join!(
        server.receive("/0/s/xhr_streaming"),
        server.receive("/0/s/xhr_streaming"),
    );
    let session = sessions.recv().await.unwrap();
    session.close(1000, "done");
    let (one, two) = tokio::join!(one.rest(), two.rest());
    assert!(one.ends_with("\no\nc[1000,\"done\"]\n"), "{one}");
    assert!(
        two.ends_with("\nc[2010,\"Another connection still open\"]\n"),
        "{two}"
    );
    assert_eq!(server.handle.limit_hits(Limit::Receivers), 1);
    assert_eq!(server.handle.sessions(), 1);
    assert!(sessions.try_recv().is_err());
}

/// As above, on threads: whoever comes first, there is one session and one `o`.
#[test]
fn of_many_first_requests_on_many_threads_one_opens_the_session() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        for round in 0..50 {
            let (server, mut sessions) = Server::handing_over(|mount| mount);
            let requests: Vec<_> = (0..8)
                .map(|_| {
                    let server = server.clone();
                    tokio::spawn(async move {
                        let mut receiving = server.receive("/0/s/xhr_streaming").await;
                        receiving.next().await.unwrap();
                        (receiving.next().await.unwrap(), receiving)
                    })
                })
                .collect();
            let mut opened = Vec::new();
            for request in requests {
                let (frame, receiving) = request.await.unwrap();
                match &*frame {
                    "o\n" => opened.push(receiving),
                    other => assert!(other.starts_with("c[2010,"), "{other}"),
                }
            }
            assert_eq!(opened.len(), 1, "{round}");
            let _session = sessions.recv().await.unwrap();
            assert!(sessions.try_recv().is_err());
            assert_eq!(server.handle.sessions(), 1);
        }
    });
}

#[tokio::test(start_paused = true)]
async fn receivers_of_different_kinds_carry_one_session_in_turn() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.response_limit(0));
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.transport(), Transport::XhrPolling);
    #[rustfmt::skip]
    let cases = [
        ("xhr_streaming", Transport::XhrStreaming, "a[\"1\"]\n"),
        ("eventsource",   Transport::EventSource,  "data: a[\"1\"]\r\n\r\n"),
        ("htmlfile",      Transport::HtmlFile,     "p(\"a[\\\"1\\\"]\");\n</script>\r\n"),
        ("jsonp",         Transport::JsonpPolling, "/**/cb(\"a[\\\"1\\\"]\");\r\n"),
        ("xhr",           Transport::XhrPolling,   "a[\"1\"]\n"),
    ];
    for (endpoint, transport, ending) in cases {
        session.send("1").await.unwrap();
        let received = server.receive(&target("s", endpoint)).await.rest().await;
        assert!(received.ends_with(ending), "{endpoint}: {received}");
        assert_eq!(session.transport(), transport);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_its_limit_and_the_next_goes_on() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.response_limit(30));
    let mut receiving = server.receive("/0/s/xhr_streaming").await;
    let session = sessions.recv().await.unwrap();
    receiving.next().await.unwrap();
    assert_eq!(receiving.next().await.unwrap(), "o\n");
    // 2 bytes so far; a frame of 14 makes 16, the next makes 30.
    for _ in 0..2 {
        session.send("x".repeat(9)).await.unwrap();
        assert_eq!(
            receiving.next().await.unwrap(),
            format!("a[\"{}\"]\n", "x".repeat(9))
        );
    }
    assert_eq!(receiving.next().await, None);
    session.send("next").await.unwrap();
    let mut receiving = server.receive("/0/s/xhr_streaming").await;
    receiving.next().await.unwrap();
    assert_eq!(receiving.next().await.unwrap(), "a[\"next\"]\n");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_from_another_address_is_turned_away_where_addresses_are_verified() {
    for verify in [true, false] {
        let (server, mut sessions) = Server::handing_over(|mount| mount.verify_address(verify));
        let poll = async |address: Option<&str>| {
            let mut request = receiver("/0/s/xhr");
            if let Some(address) = address {
                request = request.extension(peer(address));
            }
            let response = server.request(request.body(Empty::new()).unwrap()).await;
            String::from_utf8(response.collect().await.unwrap().to_bytes().into()).unwrap()
        };
        assert_eq!(poll(Some("10.0.0.1")).await, "o\n");
        let session = sessions.recv().await.unwrap();
        session.send("private").await.unwrap();
        let other = poll(Some("10.0.0.2")).await;
        if verify {
            assert_eq!(
                other,
                "c[2010,\"Attempted to connect to session from different IP\"]\n"
            );
            assert_eq!(poll(Some("10.0.0.1")).await, "a[\"private\"]\n");
        } else {
            assert_eq!(other, "a[\"private\"]\n");
        }
        assert_eq!(session.close_reason(), None);
    }
}
