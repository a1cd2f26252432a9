//! Going over from polling to WebSocket.

use std::sync::{Arc, Mutex};

use sockeye_tower::{CloseReason, EngineIo, Session, Transport};
use tokio::sync::mpsc;

use crate::{
    client::{Sent, WebSocket},
    support::{Server, as_text, drain, pass, rest, secs},
};

/// socketioxide 0.17.2, PR #487: packets lost or late in an upgrade.
#[tokio::test(start_paused = true)]
async fn what_waits_goes_along_in_order() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    session.try_send("at the start").unwrap();
    let mut socket = client.probe().await;
    session.try_send("as it probes").unwrap();
    socket.send_text("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    session.try_send("once answered").unwrap();
    rest().await;
    session.try_send(vec![1, 2, 3]).unwrap();
    assert_eq!(session.transport(), Transport::Polling);
    socket.expect_silence().await;
    socket.send_text("5").await;
    for expected in ["4at the start", "4as it probes", "4once answered"] {
        assert_eq!(socket.text().await, expected);
    }
    assert_eq!(socket.next().await, Sent::Binary(vec![1, 2, 3]));
    assert_eq!(session.transport(), Transport::WebSocket);
    session.try_send("behind").unwrap();
    assert_eq!(socket.text().await, "4behind");
    socket.send_text("4hello").await;
    assert_eq!(as_text(session.recv().await), "hello");
    assert_eq!(server.handle.sessions(), 1);
    // It ends as any other.
    session.close(1000, "");
    socket.expect_close(None).await;
    drop(session);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

/// socketioxide PR #487, #497: 25 seconds until an upgrade, or one without end; engine.io-client
/// #18.
#[tokio::test(start_paused = true)]
async fn polls_take_what_there_is_until_the_last_step() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    let mut socket = client.probe().await;
    poll.expect_silence().await;
    socket.send_text("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    // The client can stop polling.
    assert_eq!(poll.answer().await.text(), "6");
    // One that it had on its way takes what there is.
    session.try_send("one").unwrap();
    assert_eq!(client.poll_text().await, "4one");
    // Every 100 ms one that waits is let go.
    for _ in 0..3 {
        let start = tokio::time::Instant::now();
        assert_eq!(client.poll_text().await, "6");
        assert!(start.elapsed().as_millis() <= 101);
    }
    session.try_send("two").unwrap();
    socket.send_text("5").await;
    assert_eq!(socket.text().await, "4two");
}

/// socketioxide #809: the WebSocket was there before the last poll was gone.
#[tokio::test(start_paused = true)]
async fn everything_may_come_in_one_read() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    session.try_send("waiting").unwrap();
    let mut connection = server.connect();
    // The client does not wait for the 101 either.
    connection
        .send_handshake("GET", &client.upgrade_query(), "")
        .await;
    let mut socket = WebSocket::new(connection.stream);
    socket.send_texts(&["2probe", "5", "4one", "4two"]).await;
    socket.send(0x82, &[7]).await;
    let mut connection = crate::client::Connection::new(socket.stream);
    assert_eq!(connection.answer().await.status, 101);
    let mut socket = WebSocket::new(connection.stream);
    assert_eq!(socket.text().await, "3probe");
    assert_eq!(socket.text().await, "4waiting");
    assert_eq!(as_text(session.recv().await), "one");
    assert_eq!(as_text(session.recv().await), "two");
    assert_eq!(session.recv().await, Some(vec![7].into()));
    session.try_send("behind").unwrap();
    assert_eq!(socket.text().await, "4behind");
}

#[tokio::test(start_paused = true)]
async fn the_last_step_alone_is_enough() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut socket = client.probe().await;
    socket.send_text("5").await;
    rest().await;
    session.try_send("hello").unwrap();
    assert_eq!(socket.text().await, "4hello");
}

/// socketioxide #809: a panic where a poll was still about.
#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_at_the_last_step_is_let_go() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    let mut socket = client.probe().await;
    socket.send_text("5").await;
    assert_eq!(poll.answer().await.text(), "6");
    session.try_send("hello").unwrap();
    assert_eq!(socket.text().await, "4hello");

    // Or it is lost, which is nobody's matter any more.
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let poll = client.start_poll().await;
    let mut socket = client.probe().await;
    socket.send_text("5").await;
    drop(poll);
    rest().await;
    session.try_send("hello").unwrap();
    assert_eq!(socket.text().await, "4hello");
}

#[tokio::test(start_paused = true)]
async fn a_post_in_flight_comes_before_what_follows_on_websocket() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let mut socket = client.probed().await;
    let mut post = client.start_post(5, b"4po").await;
    socket.send_texts(&["5", "4behind"]).await;
    rest().await;
    socket.send_text("4last").await;
    rest().await;
    assert!(futures_util::FutureExt::now_or_never(session.recv()).is_none());
    post.write(b"st").await;
    assert_eq!(as_text(session.recv().await), "post");
    assert_eq!(post.answer().await.text(), "ok");
    assert_eq!(as_text(session.recv().await), "behind");
    assert_eq!(as_text(session.recv().await), "last");
    assert_eq!(session.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn nobody_polls_afterwards() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut socket = client.upgraded().await;
    client.poll().await.expect_error(400, 3, "Bad request");
    client
        .post("4late")
        .await
        .expect_error(400, 3, "Bad request");
    // Another WebSocket is let in and closed at once.
    client.probe().await.expect_close(None).await;
    session.try_send("hello").unwrap();
    assert_eq!(socket.text().await, "4hello");
    assert_eq!(session.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn the_handlers_future_moves_along() {
    // A channel and a timer of its own, both of them waited for while it moves.
    let (into, from) = mpsc::unbounded_channel::<String>();
    let from = Arc::new(Mutex::new(Some(from)));
    let handler = async move |mut session: Session| {
        let mut from = from.lock().unwrap().take().unwrap();
        let mut ticks = tokio::time::interval(secs(3));
        ticks.tick().await;
        loop {
            tokio::select! {
                Some(text) = from.recv() => session.send(text).await.unwrap(),
                _ = ticks.tick() => session.send("tick").await.unwrap(),
                message = session.recv() => match message {
                    Some(message) => session.send(message).await.unwrap(),
                    None => break,
                },
            }
        }
    };
    let server = Server::new(EngineIo::new(handler).ping_interval(secs(600)));
    let client = server.client().engineio("/").open().await.unwrap();
    into.send("by polling".into()).unwrap();
    assert_eq!(client.recv().await, Ok("by polling".into()));
    client.upgrade().await.unwrap();
    into.send("by channel".into()).unwrap();
    assert_eq!(client.recv().await, Ok("by channel".into()));
    let start = tokio::time::Instant::now();
    assert_eq!(client.recv().await, Ok("tick".into()));
    assert!(start.elapsed().as_secs() <= 3);
    client.send("echo").await.unwrap();
    assert_eq!(client.recv().await, Ok("echo".into()));
    drop(client);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_closes_meanwhile_says_so_on_its_websocket() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut socket = client.probed().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("last words").unwrap();
    session.close(1000, "");
    socket.send_text("5").await;
    // Either it has moved, and says all there, or it has stayed, and the next poll takes it.
    match socket.next().await {
        Sent::Text(text) => {
            assert_eq!(text, "4last words");
            socket.expect_close(None).await;
        }
        Sent::Close(None) => {
            let answer = client.poll_text().await;
            assert!(answer.contains("4last words"), "{answer}");
        }
        other => panic!("{other:?}"),
    }
    drop(session);
    pass(40).await;
    assert_eq!(server.handle.sessions(), 0);
    client.expect_unknown().await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_during_a_probe_is_told_once() {
    // On the WebSocket, if the session still moves there.
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("last words").unwrap();
    let mut socket = client.probed().await;
    drain(&server.handle);
    rest().await;
    assert_eq!(session.close_reason(), Some(CloseReason::GoingAway));
    socket.send_text("5").await;
    assert_eq!(socket.text().await, "4last words");
    socket.expect_close(Some(1001)).await;
    drop(session);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);

    // By polling otherwise.
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut socket = client.probed().await;
    drain(&server.handle);
    assert_eq!(client.poll_text().await, "6\u{1e}1");
    socket.expect_close(None).await;
    drop(session);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);

    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut socket = client.upgraded().await;
    drain(&server.handle);
    assert_eq!(socket.next().await, Sent::Close(Some(1001)));
    assert_eq!(session.close_reason(), Some(CloseReason::GoingAway));
}

#[tokio::test(start_paused = true)]
async fn messages_cross_it_once_and_in_order() {
    let server = Server::echoing(|mount| mount);
    for step in 0..6 {
        let client = server.open().await;
        let mut sent = 0;
        let mut received = Vec::new();
        let mut number = || {
            sent += 1;
            format!("4m{sent}")
        };
        client.send(number()).await;
        if step == 0 {
            received.extend(client.poll_text().await.split('\u{1e}').map(str::to_owned));
        }
        let mut socket = client.probe().await;
        client.send(number()).await;
        if step == 1 {
            received.extend(client.poll_text().await.split('\u{1e}').map(str::to_owned));
        }
        socket.send_text("2probe").await;
        client.send(number()).await;
        assert_eq!(socket.text().await, "3probe");
        if step == 2 {
            received.extend(client.poll_text().await.split('\u{1e}').map(str::to_owned));
        }
        client.send(number()).await;
        let (fifth, sixth) = (number(), number());
        socket.send_texts(&["5", &fifth, &sixth]).await;
        while received.len() < 6 {
            received.push(socket.text().await);
        }
        let expected: Vec<String> = (1..=6).map(|number| format!("4m{number}")).collect();
        assert_eq!(received, expected, "{step}");
        socket.expect_silence().await;
    }
}
