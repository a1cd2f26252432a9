//! Heartbeats: answered, stopped, and missed.

use std::time::Duration;

use sockeye_tower::{
    CloseReason, EngineIo, Transport,
    engineio::Revision,
    test::{Error, Frame},
};
use tokio::time::{Instant, sleep};

use super::support::{clients, handing_over, manners};
use crate::support::echo;

#[tokio::test(start_paused = true)]
async fn they_keep_a_session_alive() {
    let clients = clients(EngineIo::new(echo));
    for (manner, session, _, transport) in manners(&clients) {
        let session = session.open().await.unwrap();
        sleep(Duration::from_secs(24)).await;
        assert_eq!(session.heartbeats(), 0, "{manner}");
        sleep(Duration::from_secs(2)).await;
        assert_eq!(session.heartbeats(), 1, "{manner}");
        // Long enough for one that is missed to end it.
        sleep(Duration::from_secs(25 * 9)).await;
        assert_eq!(session.heartbeats(), 10, "{manner}");
        if transport == Transport::Polling {
            session.upgrade().await.unwrap();
            sleep(Duration::from_secs(25 * 10)).await;
            assert_eq!(session.heartbeats(), 20, "{manner}");
        }
        session.send("alive").await.unwrap();
        assert_eq!(session.recv().await, Ok("alive".into()), "{manner}");
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_frames_to_those_who_look() {
    let clients = clients(EngineIo::new(echo));
    for (manner, session, _, _) in manners(&clients) {
        let session = session.open().await.unwrap();
        let start = Instant::now();
        assert_eq!(session.recv_frame().await, Ok(Frame::Open), "{manner}");
        assert_eq!(session.recv_frame().await, Ok(Frame::Heartbeat), "{manner}");
        assert_eq!(start.elapsed().as_secs(), 25, "{manner}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_them_is_given_up() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, _, _) in manners(&clients(mount)) {
        let start = Instant::now();
        let session = session.without_heartbeats().open().await.unwrap();
        let server = sessions.recv().await.unwrap();
        session.closed().await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 45, "{manner}");
        let reason = Some(CloseReason::NoHeartbeat);
        assert_eq!(server.close_reason(), reason, "{manner}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_is_given_up_unless_the_test_speaks_for_it() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, revision, transport) in manners(&clients(mount)) {
        let session = session.open().await.unwrap();
        let server = sessions.recv().await.unwrap();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(session.heartbeats(), 2, "{manner}");
        session.stop_heartbeats();
        // The last heartbeat was at 50 seconds; what the client has to say is due until 95.
        sleep(Duration::from_secs(34)).await;
        let own = match (revision, transport) {
            (Revision::V4, _) => "3",
            (Revision::V3, Transport::Polling) => "1:2",
            (Revision::V3, _) => "2",
        };
        session.send_frame(own).await.unwrap();
        let start = Instant::now();
        session.closed().await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 45, "{manner}");
        let reason = Some(CloseReason::NoHeartbeat);
        assert_eq!(server.close_reason(), reason, "{manner}");
    }
}

/// A reader that is behind hears no heartbeats, and does not say that there are none.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_read_is_a_slow_peer() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, _, _) in manners(&clients(mount)) {
        let session = session.open().await.unwrap();
        let server = sessions.recv().await.unwrap();
        let flood = tokio::spawn(async move {
            while server.send("x".repeat(100_000)).await.is_ok() {}
            server.close_reason()
        });
        let reason = flood.await.unwrap();
        assert!(
            matches!(
                reason,
                Some(CloseReason::TooSlow | CloseReason::NoHeartbeat)
            ),
            "{manner}: {reason:?}"
        );
        let end = loop {
            if let Err(error) = session.recv().await {
                break error;
            }
        };
        assert!(!matches!(end, Error::Violation(_)), "{manner}: {end:?}");
    }
}
