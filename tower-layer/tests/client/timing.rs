//! The paused clock.

use std::time::Duration;

use sockeye_tower::{
    SockJs,
    test::{Client, Error, Frame, OpenError, SessionBuilder, TestSession},
};
use tokio::time::Instant;

use crate::support::{clients, echo, handing_over, is_framed, is_websocket, ways};

#[tokio::test(start_paused = true)]
async fn heartbeats_come_when_they_are_due_and_are_answered() {
    let clients = clients(SockJs::new(echo));
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(24)).await;
        assert_eq!(session.heartbeats(), 0, "{transport}");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(session.heartbeats(), 1, "{transport}");
        // Long enough for an unanswered ping to end a WebSocket.
        tokio::time::sleep(Duration::from_secs(25 * 9)).await;
        assert_eq!(session.heartbeats(), 10, "{transport}");
        session.send("alive").await.unwrap();
        assert_eq!(session.recv().await, Ok("alive".into()), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_frames_to_those_who_look() {
    let clients = clients(SockJs::new(echo));
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        if is_framed(transport) {
            assert_eq!(session.recv_frame().await, Ok(Frame::Open), "{transport}");
        }
        let start = Instant::now();
        assert_eq!(
            session.recv_frame().await,
            Ok(Frame::Heartbeat),
            "{transport}"
        );
        assert_eq!(start.elapsed().as_secs(), 25, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_comes_is_not_waited_for_for_ever() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount);
    for (client, transport) in ways(&clients) {
        for seconds in [10, 60] {
            let after = Duration::from_secs(seconds);
            let client = client.clone().patience(after);
            let session = client
                .session("/")
                .transport(transport)
                .open()
                .await
                .unwrap();
            let server = sessions.recv().await.unwrap();
            let start = Instant::now();
            let timed_out = Error::TimedOut { after };
            assert_eq!(session.recv().await, Err(timed_out.clone()), "{transport}");
            assert_eq!(start.elapsed().as_secs(), seconds, "{transport}");
            assert_eq!(session.closed().await, Err(timed_out), "{transport}");
            // It goes on if the test does.
            server.send("late").await.unwrap();
            assert_eq!(session.recv().await, Ok("late".into()), "{transport}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_held_is_given_up_and_the_session_lives() {
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount.inbox_limits(1, 1 << 20));
    for (client, transport) in ways(&clients).filter(|&(_, transport)| !is_websocket(transport)) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let mut server = sessions.recv().await.unwrap();
        session.send("taken").await.unwrap();
        let after = Duration::from_secs(60);
        assert_eq!(
            session.send("held").await,
            Err(Error::TimedOut { after }),
            "{transport}"
        );
        assert_eq!(server.recv().await, Some("taken".into()), "{transport}");
        // Whether the one that was given up arrives is the connection's to know.
        let receiving = tokio::spawn(async move {
            while server.recv().await.expect("the session lives") != "next".into() {}
            server.send("on").await.unwrap();
        });
        session.send("next").await.unwrap();
        assert_eq!(session.recv().await, Ok("on".into()), "{transport}");
        receiving.await.unwrap();
    }
}

/// Tests hand clients and sessions to tasks on other threads, and share them.
#[test]
fn clients_and_sessions_can_be_shared() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Client>();
    is_shared::<SessionBuilder>();
    is_shared::<TestSession>();
    is_shared::<Error>();
    is_shared::<OpenError>();
}
