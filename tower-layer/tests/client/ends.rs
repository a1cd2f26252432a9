//! The ends of a session, from both sides.

use sockeye_tower::{
    Close, CloseReason, Transport,
    test::{Error, Frame},
};

use crate::support::{clients, counted, handing_over, is_framed, is_websocket, ways};

#[tokio::test(start_paused = true)]
async fn a_close_by_the_server_is_told_on_every_transport() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount);
    let close = Close::new(3456, "bye, \"all\"");
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let server = sessions.recv().await.unwrap();
        server.send("last").await.unwrap();
        server.close(close.code, close.reason.clone());
        assert_eq!(session.recv().await, Ok("last".into()), "{transport}");
        let closed = Err(Error::Closed(close.clone()));
        assert_eq!(session.recv().await, closed, "{transport}");
        assert_eq!(session.recv().await, closed, "{transport}");
        assert_eq!(session.closed().await, Ok(close.clone()), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_is_shown_and_then_the_end() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount);
    let close = Close::new(3000, "Go away!");
    for (client, transport) in ways(&clients).filter(|&(_, transport)| is_framed(transport)) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        sessions.recv().await.unwrap().close(3000, "Go away!");
        assert_eq!(session.recv_frame().await, Ok(Frame::Open), "{transport}");
        let shown = Frame::Close(close.clone());
        assert_eq!(session.recv_frame().await, Ok(shown), "{transport}");
        let closed = Err(Error::Closed(close.clone()));
        assert_eq!(session.recv_frame().await, closed, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_is_noticed_by_the_handler_at_once() {
    let (mount, mut sessions) = handing_over();
    let (clients, handle) = counted(mount);
    for (client, transport) in ways(&clients) {
        for is_dropped in [true, false] {
            let session = client
                .session("/")
                .transport(transport)
                .open()
                .await
                .unwrap();
            let mut server = sessions.recv().await.unwrap();
            // A poll is under way before it is given up.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            let start = tokio::time::Instant::now();
            if is_dropped {
                drop(session);
            } else {
                session.abort();
            }
            assert_eq!(server.recv().await, None, "{transport}");
            assert_eq!(
                server.close_reason(),
                Some(CloseReason::Disconnected),
                "{transport}"
            );
            assert_eq!(start.elapsed().as_millis(), 0, "{transport}");
        }
    }
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_polite_close_is_a_websockets_close_and_elsewhere_the_requests_end() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount);
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let mut server = sessions.recv().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        session.send("last").await.unwrap();
        session.close_with(4001, "done").await.unwrap();
        assert_eq!(server.recv().await, Some("last".into()), "{transport}");
        assert_eq!(server.recv().await, None, "{transport}");
        let reason = if is_websocket(transport) {
            CloseReason::PeerClosed(Some(Close::new(4001, "done")))
        } else {
            CloseReason::Disconnected
        };
        assert_eq!(server.close_reason(), Some(reason), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn sending_into_a_session_that_has_ended_is_an_error() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount);
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        sessions.recv().await.unwrap().close(3000, "bye");
        session.closed().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        match session.send("late").await {
            Err(Error::Closed(close)) if is_websocket(transport) => {
                assert_eq!(close, Close::new(3000, "bye"), "{transport}");
            }
            Err(Error::Refused(response)) if !is_websocket(transport) => {
                assert_eq!(response.status(), 404, "{transport}");
            }
            other => panic!("{transport}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_protocol_can_be_sent() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount);
    for (client, transport) in ways(&clients).filter(|&(_, transport)| is_framed(transport)) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let mut server = sessions.recv().await.unwrap();
        let sent = session.send_frame("{}").await;
        if transport == Transport::WebSocket {
            assert_eq!(sent, Ok(()));
            assert_eq!(session.closed().await, Ok(Close::BROKEN_FRAMING));
        } else {
            let Err(Error::Refused(response)) = sent else {
                panic!("{transport}: {sent:?}");
            };
            assert_eq!(response.status(), 500, "{transport}");
            session.send("goes on").await.unwrap();
            assert_eq!(server.recv().await, Some("goes on".into()), "{transport}");
        }
    }
}
