//! Messages in both directions.

use sockeye_tower::{
    Message, SockJs, Transport,
    test::{Error, Frame},
};

use crate::support::{clients, echo, handing_over, is_framed, is_websocket, ways};

#[tokio::test(start_paused = true)]
async fn every_transport_carries_any_text_both_ways() {
    let clients = clients(SockJs::new(echo));
    let texts = [
        "hello",
        "",
        " ",
        "\"\\/",
        "100%41",
        "</script><script>",
        "a\r\n\0b",
        "é\u{2028}\u{200c}😀\u{fffd}",
        "[\"x\"]",
        "o",
        "a+b&c=d",
        "\u{feff}",
    ];
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        assert_eq!(session.transport(), transport);
        for text in texts {
            session.send(text).await.unwrap();
            assert_eq!(session.recv().await, Ok(text.into()), "{transport}");
        }
    }
}

/// Nothing depends on the paused clock, nor on one thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_transport_works_on_threads_and_in_real_time() {
    let clients = clients(SockJs::new(echo));
    let sessions: Vec<_> = ways(&clients)
        .map(|(client, transport)| {
            let session = client.session("/").transport(transport);
            tokio::spawn(async move {
                let session = session.open().await.unwrap();
                for n in 0..100 {
                    session.send(n.to_string()).await.unwrap();
                    let received = session.recv().await;
                    assert_eq!(received, Ok(n.to_string().into()), "{transport}");
                }
                session.close().await.unwrap();
            })
        })
        .collect();
    for session in sessions {
        session.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn many_messages_keep_their_order() {
    const MESSAGES: usize = 3000;
    let clients = clients(SockJs::new(echo));
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let sending = async {
            for first in (0..MESSAGES).step_by(100) {
                let messages = (first..first + 100).map(|n| n.to_string());
                session.send_all(messages).await.unwrap();
            }
        };
        let receiving = async {
            for n in 0..MESSAGES {
                assert_eq!(
                    session.recv().await,
                    Ok(n.to_string().into()),
                    "{transport}"
                );
            }
        };
        tokio::join!(sending, receiving);
    }
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_call_go_out_in_one_array() {
    let clients = clients(SockJs::new(echo));
    for (client, transport) in ways(&clients).filter(|&(_, transport)| is_framed(transport)) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        assert_eq!(session.recv_frame().await, Ok(Frame::Open));
        session.send_all(["one", "two"]).await.unwrap();
        let both = Frame::Messages(vec!["one".into(), "two".into()]);
        assert_eq!(session.recv_frame().await, Ok(both), "{transport}");
        session.send_all(["three", "four"]).await.unwrap();
        assert_eq!(session.recv().await, Ok("three".into()));
        assert_eq!(session.recv().await, Ok("four".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn binary_is_for_raw_websockets() {
    let clients = clients(SockJs::new(echo));
    let bytes = Message::from(vec![0, 255]);
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        if is_framed(transport) {
            assert_eq!(
                session.send(bytes.clone()).await,
                Err(Error::Binary),
                "{transport}"
            );
        } else {
            session.send(bytes.clone()).await.unwrap();
            assert_eq!(session.recv().await, Ok(bytes.clone()));
        }
        session.send("and it lives").await.unwrap();
        assert_eq!(
            session.recv().await,
            Ok("and it lives".into()),
            "{transport}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn large_messages_pass() {
    let clients = clients(SockJs::new(echo));
    let large = "x\u{2028}".repeat(100_000);
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        session.send(&large).await.unwrap();
        assert_eq!(
            session.recv().await,
            Ok(Message::from(&large)),
            "{transport}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_at_its_limit_is_opened_again() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount.response_limit(100));
    for (client, transport) in ways(&clients).filter(|&(_, transport)| !is_websocket(transport)) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let server = sessions.recv().await.unwrap();
        for n in 0..20 {
            server.send(format!("{n:050}")).await.unwrap();
            assert_eq!(
                session.recv().await,
                Ok(format!("{n:050}").into()),
                "{transport}"
            );
        }
        assert_eq!(server.close_reason(), None, "{transport}");
        // One session all the time.
        assert!(sessions.try_recv().is_err(), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_read_is_a_slow_peer() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount.outbox_limits(4, 1 << 20));
    for client in clients {
        for transport in Transport::SOCKJS {
            let client = client.clone().pipe(1024);
            let session = client
                .session("/")
                .transport(transport)
                .open()
                .await
                .unwrap();
            let server = sessions.recv().await.unwrap();
            let text = "x".repeat(100_000);
            let mut sent = 0;
            while server.try_send(text.as_str()).is_ok() {
                sent += 1;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            assert!((15..50).contains(&sent), "{transport}: {sent}");
            for _ in 0..sent {
                assert_eq!(
                    session.recv().await,
                    Ok(text.as_str().into()),
                    "{transport}"
                );
            }
            server.send("on").await.unwrap();
            assert_eq!(session.recv().await, Ok("on".into()), "{transport}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_recv_that_is_dropped_loses_nothing() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount);
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let server = sessions.recv().await.unwrap();
        let second = std::time::Duration::from_secs(1);
        assert!(tokio::time::timeout(second, session.recv()).await.is_err());
        server.send("one").await.unwrap();
        server.send("two").await.unwrap();
        assert_eq!(session.recv().await, Ok("one".into()), "{transport}");
        assert_eq!(session.recv().await, Ok("two".into()), "{transport}");
    }
}
