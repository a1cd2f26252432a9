//! What is sent and received.

use std::time::Duration;

use bytes::Bytes;
use sockeye_tower::{
    EngineIo, Message, Transport,
    test::{Client, Error, Frame, TestSession},
};
use tokio::sync::oneshot;

use super::support::{clients, handing_over, manners};
use crate::support::echo;

#[tokio::test(start_paused = true)]
async fn text_and_binary_go_there_and_back_in_every_manner() {
    let clients = clients(EngineIo::new(echo));
    let long = "long €😀".repeat(10_000);
    let messages: [Message; 8] = [
        "hello".into(),
        "".into(),
        "€😀\u{2028}\r\n\\n\\\\n\"<+&=%".into(),
        vec![0, 255, 30, 128].into(),
        Bytes::new().into(),
        vec![7; 100_000].into(),
        "40/admin,{\"a\":1}".into(),
        long.into(),
    ];
    for (manner, session, _, transport) in manners(&clients) {
        let session = session.open().await.unwrap();
        assert_eq!(session.transport(), transport, "{manner}");
        for message in &messages {
            session.send(message.clone()).await.unwrap();
            assert_eq!(session.recv().await.as_ref(), Ok(message), "{manner}");
        }
        session.send_all(messages.clone()).await.unwrap();
        for message in &messages {
            assert_eq!(session.recv().await.as_ref(), Ok(message), "{manner}");
        }
        session.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_comes_in_one_payload() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, _, transport) in manners(&clients(mount)) {
        let session = session.open().await.unwrap();
        let server = sessions.recv().await.unwrap();
        let sent: [Message; 3] = ["one".into(), vec![2].into(), "three".into()];
        for message in &sent {
            server.try_send(message.clone()).unwrap();
        }
        assert_eq!(session.recv_frame().await, Ok(Frame::Open), "{manner}");
        if transport == Transport::Polling {
            let payload = Frame::Messages(sent.into());
            assert_eq!(session.recv_frame().await, Ok(payload), "{manner}");
        } else {
            for message in sent {
                let frame = Frame::Messages(vec![message]);
                assert_eq!(session.recv_frame().await, Ok(frame), "{manner}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_messages_are_one_post() {
    let (mount, mut sessions) = handing_over();
    let [client, _] = clients(mount.max_message_size(20));
    let session = client.engineio("/").open().await.unwrap();
    let mut server = sessions.recv().await.unwrap();
    session.send_all(["a"; 7]).await.unwrap();
    for _ in 0..7 {
        assert_eq!(server.recv().await, Some("a".into()));
    }
    // That is twenty bytes, and this would be three more.
    let Err(Error::Refused(answer)) = session.send_all(["a"; 8]).await else {
        panic!("it went in one POST");
    };
    assert_eq!(answer.status(), 413);
    assert_eq!(session.latest_sent(), Some(*answer));
    session.send_all([""; 0]).await.unwrap();
    session.send("alive").await.unwrap();
    assert_eq!(server.recv().await, Some("alive".into()));
}

#[tokio::test(start_paused = true)]
async fn what_a_payload_cannot_carry_is_not_sent() {
    let clients = clients(EngineIo::new(echo));
    for (manner, session, revision, transport) in manners(&clients) {
        let session = session.open().await.unwrap();
        let sent = session.send("a\u{1e}b").await;
        if transport == Transport::Polling && revision == sockeye_tower::engineio::Revision::V4 {
            assert_eq!(sent, Err(Error::Separator), "{manner}");
            session.send("a").await.unwrap();
            assert_eq!(session.recv().await, Ok("a".into()), "{manner}");
        } else {
            assert_eq!(sent, Ok(()), "{manner}");
            assert_eq!(session.recv().await, Ok("a\u{1e}b".into()), "{manner}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_handshake_tells_what_the_options_say() {
    let second = Duration::from_secs(1);
    let mount = EngineIo::new(echo)
        .ping_interval(3 * second)
        .ping_timeout(2 * second)
        .max_message_size(5000)
        .initial_packet("hi");
    for (manner, session, _, transport) in manners(&clients(mount)) {
        let session = session.open().await.unwrap();
        let handshake = session.handshake();
        assert_eq!(handshake.sid, session.id(), "{manner}");
        assert_eq!(handshake.ping_interval, 3 * second, "{manner}");
        assert_eq!(handshake.ping_timeout, 2 * second, "{manner}");
        assert_eq!(handshake.max_payload, 5000, "{manner}");
        let upgrades: &[_] = match transport {
            Transport::Polling => &[Transport::WebSocket],
            _ => &[],
        };
        assert_eq!(handshake.upgrades, upgrades, "{manner}");
        assert_eq!(session.recv().await, Ok("hi".into()), "{manner}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_of_any_id_is_found_again() {
    let mount = EngineIo::new(echo).generate_id(|_| "a+&=%#?\"\\~".into());
    let [client, _] = clients(mount);
    let session = client.engineio("/").open().await.unwrap();
    assert_eq!(session.id(), "a+&=%#?\"\\~");
    session.send("hello").await.unwrap();
    assert_eq!(session.recv().await, Ok("hello".into()));
    session.upgrade().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn cookies_headers_and_the_query_go_with_every_request() {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mount = EngineIo::new(echo)
        .cookie(sockeye_tower::CookieHook::sticky("io", "node1"))
        .on_request(
            async move |request: &sockeye_tower::ConnectRequest| -> Result<_, _> {
                let _ = told.send((
                    request.method().clone(),
                    request.cookie("io").map(str::to_owned),
                    request.cookie("mine").map(str::to_owned),
                    request.header("x-mine").map(str::to_owned),
                    request
                        .query()
                        .is_some_and(|query| query.contains("room=a%26b")),
                ));
                Ok::<_, sockeye_tower::Reject>(sockeye_tower::Accept::new())
            },
        );
    let client = Client::new(mount.service());
    let builder = client
        .engineio("/")
        .cookie("mine", "1")
        .query("room", "a&b");
    let session = builder.header("x-mine", "2").open().await.unwrap();
    let io = session.opening().cookie("io").map(str::to_owned);
    assert!(io.is_some());
    assert_eq!(client.cookie("io"), io);
    session.send("hello").await.unwrap();
    session.recv().await.unwrap();
    session.upgrade().await.unwrap();
    let mut methods = Vec::new();
    while let Ok((method, sticky, mine, header, is_asked)) = heard.try_recv() {
        assert_eq!((sticky, mine.as_deref()), (io.clone(), Some("1")));
        assert_eq!((header.as_deref(), is_asked), (Some("2"), true));
        methods.push(method);
    }
    assert!(methods.contains(&http::Method::POST), "{methods:?}");
    assert!(methods.contains(&http::Method::GET), "{methods:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_holds_what_is_sent_and_not_what_is_received() {
    let (mount, mut sessions) = handing_over();
    let [client, _] = clients(mount.inbox_limits(1, 1 << 20));
    let session = client.engineio("/").open().await.unwrap();
    let mut server = sessions.recv().await.unwrap();
    session.send("taken").await.unwrap();
    let held = async {
        session.send("held").await.unwrap();
        server_has_read(&session).await;
    };
    let reading = async {
        server.try_send("while it waits").unwrap();
        assert_eq!(session.recv().await, Ok("while it waits".into()));
        assert_eq!(server.recv().await, Some("taken".into()));
        assert_eq!(server.recv().await, Some("held".into()));
        server.try_send("read").unwrap();
    };
    tokio::join!(held, reading);
}

async fn server_has_read(session: &TestSession) {
    assert_eq!(session.recv().await, Ok("read".into()));
}

/// A call that is dropped while it waits takes nothing away.
#[tokio::test(start_paused = true)]
async fn a_dropped_call_loses_no_message() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, _, _) in manners(&clients(mount)) {
        let session = session.open().await.unwrap();
        let server = sessions.recv().await.unwrap();
        let (ready, is_ready) = oneshot::channel::<()>();
        tokio::select! {
            biased;
            message = session.recv() => panic!("{manner}: {message:?}"),
            _ = is_ready => {}
            () = async { drop(ready) } => {}
        }
        server.try_send("kept").unwrap();
        assert_eq!(session.recv().await, Ok("kept".into()), "{manner}");
    }
}
