//! From polling to a WebSocket.

use std::time::Duration;

use sockeye_tower::{
    Close, ConnectRequest, EngineIo, Message, Reject, Transport,
    engineio::Revision,
    test::{Client, Error, TestSession},
};

use super::support::{clients, handing_over, manners};
use crate::support::echo;

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_doubled_or_reordered() {
    let (mount, mut sessions) = handing_over();
    for (manner, session, _, transport) in manners(&clients(mount)) {
        if transport == Transport::WebSocket {
            continue;
        }
        let session = session.open().await.unwrap();
        let mut server = sessions.recv().await.unwrap();
        let numbers = || (0..200).map(|number| Message::from(number.to_string()));
        let sender = server.sender();
        let down = async {
            for number in numbers() {
                sender.send(number).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let up = async {
            for number in numbers() {
                session.send(number).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let heard = async {
            for number in numbers() {
                assert_eq!(session.recv().await, Ok(number), "{manner}");
            }
        };
        let received = async {
            for number in numbers() {
                assert_eq!(server.recv().await, Some(number), "{manner}");
            }
        };
        let upgrade = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            session.upgrade().await.unwrap();
        };
        tokio::join!(down, up, heard, received, upgrade);
        assert_eq!(session.transport(), Transport::WebSocket, "{manner}");
        assert_eq!(server.transport(), Transport::WebSocket, "{manner}");
    }
}

/// A session that polls, and goes on doing so.
async fn assert_polls_on(session: &TestSession) {
    assert_eq!(session.transport(), Transport::Polling);
    session.send("on").await.unwrap();
    assert_eq!(session.recv().await, Ok("on".into()));
    // Also once a probe would have been given up.
    tokio::time::sleep(Duration::from_secs(60)).await;
    session.send("and on").await.unwrap();
    assert_eq!(session.recv().await, Ok("and on".into()));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_refused_leaves_the_session_polling() {
    let mount = EngineIo::new(echo).on_request(async |request: &ConnectRequest| {
        match request.transport() {
            Transport::WebSocket => Err(Reject::status(403).body("not here")),
            _ => Ok(sockeye_tower::Accept::new()),
        }
    });
    let [client, http2] = clients(mount);
    for client in [client, http2] {
        let session = client.engineio("/").open().await.unwrap();
        let Err(Error::Refused(answer)) = session.upgrade().await else {
            panic!("it was not refused");
        };
        assert_eq!((answer.status().as_u16(), answer.text()), (403, "not here"));
        assert_polls_on(&session).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_dropped_leaves_the_session_polling() {
    let [client, http2] = clients(EngineIo::new(echo));
    for client in [client, http2] {
        for steps in 0..200 {
            let session = client.engineio("/").open().await.unwrap();
            let is_over = {
                let mut upgrade = Box::pin(session.upgrade());
                let mut is_over = false;
                for step in 0..steps {
                    if let Some(upgraded) = futures_util::FutureExt::now_or_never(&mut upgrade) {
                        upgraded.unwrap();
                        is_over = true;
                        break;
                    }
                    // The clock stands still until every task waits, the server's timers included.
                    match step {
                        0..100 => tokio::task::yield_now().await,
                        _ => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
                is_over
            };
            if is_over {
                assert_eq!(session.transport(), Transport::WebSocket);
                assert!(steps > 3, "{steps} steps are few");
                break;
            }
            assert_polls_on(&session).await;
            assert!(steps < 199, "it was never over");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_one_of_two_at_once_wins() {
    let [client, _] = clients(EngineIo::new(echo));
    let session = client.engineio("/").open().await.unwrap();
    let (first, second) = tokio::join!(session.upgrade(), session.upgrade());
    let lost = Err(Error::NotUpgraded(Close::new(1005, "")));
    assert_eq!((first, second), (Ok(()), lost));
    session.send("hello").await.unwrap();
    assert_eq!(session.recv().await, Ok("hello".into()));
}

#[tokio::test(start_paused = true)]
async fn one_of_a_session_that_has_ended_tells_its_end() {
    let (mount, mut sessions) = handing_over();
    let [client, _] = clients(mount);
    let session = client.engineio("/").open().await.unwrap();
    sessions.recv().await.unwrap().close(1000, "");
    session.closed().await.unwrap();
    let Err(Error::Refused(answer)) = session.upgrade().await else {
        panic!("it was not refused");
    };
    let code = sockeye_tower::engineio::ErrorCode::SessionUnknown;
    assert_eq!(answer.engineio_error().unwrap().0, code);
}

#[tokio::test(start_paused = true)]
async fn a_client_of_either_revision_comes_over_http2_too() {
    let mount = EngineIo::new(echo).allow_eio3(true);
    let client = Client::new(mount.service()).http2();
    for revision in [Revision::V3, Revision::V4] {
        let session = client.engineio("/").revision(revision);
        let session = session.open().await.unwrap();
        session.upgrade().await.unwrap();
        assert_eq!(session.latest_received().status(), 200);
        session.send(vec![1, 2]).await.unwrap();
        assert_eq!(session.recv().await, Ok(vec![1, 2].into()));
        session.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "on a WebSocket already")]
async fn a_websocket_goes_nowhere() {
    let client = Client::new(EngineIo::new(echo).service());
    let session = client.engineio("/").transport(Transport::WebSocket);
    let session = session.open().await.unwrap();
    let _ = session.upgrade().await;
}
