//! Ends, from both sides.

use sockeye_tower::{
    Close, CloseReason, Transport,
    test::{Error, Frame},
};

use super::support::{clients, counted, handing_over, manners};

const NO_CODE: u16 = 1005;

#[tokio::test(start_paused = true)]
async fn a_close_by_the_server_is_told_in_every_manner() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, _, transport) in manners(&clients(mount)) {
        let session = session.open().await.unwrap();
        let server = sessions.recv().await.unwrap();
        server.try_send("last").unwrap();
        server.close(1000, "");
        assert_eq!(session.recv_frame().await, Ok(Frame::Open), "{manner}");
        assert_eq!(session.recv().await, Ok("last".into()), "{manner}");
        let close = Close::new(NO_CODE, "");
        if transport == Transport::Polling {
            let shown = Ok(Frame::Close(close.clone()));
            assert_eq!(session.recv_frame().await, shown, "{manner}");
        }
        let closed = Err(Error::Closed(close.clone()));
        assert_eq!(session.recv().await, closed, "{manner}");
        assert_eq!(session.closed().await, Ok(close), "{manner}");
        let sent = session.send("late").await;
        if transport == Transport::Polling {
            assert!(matches!(sent, Err(Error::Refused(_))), "{manner}: {sent:?}");
        } else {
            assert_eq!(
                sent,
                Err(Error::Closed(Close::new(NO_CODE, ""))),
                "{manner}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_heard_and_answered() {
    let (mount, mut sessions) = handing_over();
    let (clients, handle) = counted(mount);
    for is_upgraded in [false, true] {
        for (manner, session, _, transport) in manners(&clients) {
            let session = session.open().await.unwrap();
            let mut server = sessions.recv().await.unwrap();
            if is_upgraded && transport == Transport::Polling {
                // The goodbye may come in one read with the last word of the upgrade.
                session.upgrade().await.unwrap();
            }
            let is_websocket = session.transport() == Transport::WebSocket;
            session.send("last").await.unwrap();
            let closed = session.close_with(4001, "done").await;
            assert_eq!(closed, Ok(()), "{manner}, {is_upgraded}");
            assert_eq!(server.recv().await, Some("last".into()), "{manner}");
            assert_eq!(server.recv().await, None, "{manner}");
            let close = is_websocket.then(|| Close::new(4001, "done"));
            let reason = Some(CloseReason::PeerClosed(close));
            assert_eq!(server.close_reason(), reason, "{manner}");
        }
    }
    drop(sessions);
    handle.idle().await;
    assert_eq!(handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn two_goodbyes_at_once_are_one() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, _, _) in manners(&clients(mount)) {
        let session = session.open().await.unwrap();
        sessions.recv().await.unwrap().close(1000, "");
        assert_eq!(session.close().await, Ok(()), "{manner}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_is_noticed_by_the_handler_at_once() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, _, _) in manners(&clients(mount)) {
        let session = session.open().await.unwrap();
        let mut server = sessions.recv().await.unwrap();
        // A poll is under way before it is given up.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let start = tokio::time::Instant::now();
        session.abort();
        assert_eq!(server.recv().await, None, "{manner}");
        let reason = Some(CloseReason::Disconnected);
        assert_eq!(server.close_reason(), reason, "{manner}");
        assert_eq!(start.elapsed().as_millis(), 0, "{manner}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_protocol_can_be_sent() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, _, transport) in manners(&clients(mount)) {
        let session = session.open().await.unwrap();
        let mut server = sessions.recv().await.unwrap();
        // A session that polls hears of its end if a poll is under way.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let sent = session.send_frame("x").await;
        if transport == Transport::Polling {
            let Err(Error::Refused(answer)) = sent else {
                panic!("{manner}: {sent:?}");
            };
            assert_eq!(answer.status(), 400, "{manner}");
        } else {
            assert_eq!(sent, Ok(()), "{manner}");
        }
        session.closed().await.unwrap();
        assert_eq!(server.recv().await, None, "{manner}");
        let reason = server.close_reason();
        assert!(
            matches!(reason, Some(CloseReason::Violation(_))),
            "{manner}: {reason:?}"
        );
    }
}
