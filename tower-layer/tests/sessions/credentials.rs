//! A session lives no longer than the credentials it was admitted with.

use std::time::Duration;

use futures_util::FutureExt;
use sockeye_tower::{Accept, CloseReason, ConnectRequest, Reject, Session};
use tokio::time::Instant;

use crate::{
    every_way::{EVERY_WAY, after},
    support::{Server, close, pass, secs, since, text},
};

const CODE: u16 = 4401;
const REASON: &str = "Credentials expired";

async fn for_ten_seconds(_: &ConnectRequest) -> Result<Accept, Reject> {
    Ok(Accept::new().until(after(secs(10))))
}

#[tokio::test(start_paused = true)]
async fn every_way_ends_at_that_time_with_its_code() {
    for way in EVERY_WAY {
        let (server, mut sessions) = way.server(for_ten_seconds);
        let start = Instant::now();
        let answer = way.open(&server, "s").await;
        answer.expect_open(way);
        let mut session = sessions.recv().await.unwrap();
        let handler = tokio::spawn(async move {
            assert!(session.recv().await.is_none());
            (session.close_reason(), since(start))
        });
        answer.expect_end(way, &server, "s", CODE, REASON).await;
        assert_eq!(since(start), 10, "{way:?}");
        let ended = handler.await.unwrap();
        assert_eq!(
            ended,
            (Some(CloseReason::CredentialsExpired), 10),
            "{way:?}"
        );
        pass(10).await;
        assert_eq!(server.handle.sessions(), 0, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_open_brings_the_close_and_ends() {
    for endpoint in ["xhr_streaming", "eventsource", "htmlfile"] {
        let (server, _sessions) = Server::handing_over(|mount| mount.on_connect(for_ten_seconds));
        let start = Instant::now();
        let target = crate::support::target("s", endpoint);
        let received = server.receive(&target).await.rest().await;
        assert_eq!(since(start), 10, "{endpoint}");
        let received = received.replace('\\', "");
        assert!(received.contains(r#"c[4401,"Credentials expired"]"#));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_goes_first() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.on_connect(for_ten_seconds));
    let mut socket = server.websocket("/0/s/websocket").await;
    let session = sessions.recv().await.unwrap();
    session.admit_until(after(Duration::ZERO));
    session.try_send("last words").unwrap();
    assert_eq!(socket.next().await, text("o"));
    assert_eq!(socket.next().await, text(r#"a["last words"]"#));
    assert_eq!(
        socket.next().await,
        text(r#"c[4401,"Credentials expired"]"#)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refresh_extends_it_on_every_way() {
    for way in EVERY_WAY {
        let (server, mut sessions) = way.server(for_ten_seconds);
        let start = Instant::now();
        let answer = way
            .open(&server, "s")
            .await
            .settled(way, &server, "s")
            .await;
        let session = sessions.recv().await.unwrap();
        pass(9).await;
        // The handle for other tasks does it as well: a login route's, say.
        session.sender().admit_until(after(secs(10)));
        pass(9).await;
        assert_eq!(session.close_reason(), None, "{way:?}");
        answer.expect_end(way, &server, "s", CODE, REASON).await;
        assert_eq!(since(start), 19, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shorter_time_counts_as_well_on_every_way() {
    for way in EVERY_WAY {
        let (server, mut sessions) = way.server(for_ten_seconds);
        let start = Instant::now();
        let answer = way
            .open(&server, "s")
            .await
            .settled(way, &server, "s")
            .await;
        let session = sessions.recv().await.unwrap();
        pass(1).await;
        session.admit_until(after(secs(2)));
        answer.expect_end(way, &server, "s", CODE, REASON).await;
        assert_eq!(since(start), 3, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_time_it_lives_as_long_as_it_likes_on_every_way() {
    for way in EVERY_WAY {
        let (server, mut sessions) = way.server(for_ten_seconds);
        let answer = way
            .open(&server, "s")
            .await
            .settled(way, &server, "s")
            .await;
        let session = sessions.recv().await.unwrap();
        session.admit_until(None);
        pass(20).await;
        assert_eq!(session.close_reason(), None, "{way:?}");
        drop(answer);
    }
}

/// Tokens come with all kinds of times in them.
#[tokio::test(start_paused = true)]
async fn a_time_that_has_passed_or_never_comes_is_no_harm() {
    async fn just_now(_: &ConnectRequest) -> Result<Accept, Reject> {
        Ok(Accept::new().until(after(Duration::ZERO)))
    }
    async fn a_century_ahead(_: &ConnectRequest) -> Result<Accept, Reject> {
        Ok(Accept::new().until(after(secs(100 * 365 * 86_400))))
    }
    for way in EVERY_WAY {
        let (server, mut sessions) = way.server(just_now);
        let start = Instant::now();
        let answer = way.open(&server, "s").await;
        answer.expect_open(way);
        answer.expect_end(way, &server, "s", CODE, REASON).await;
        assert_eq!(since(start), 0, "{way:?}");
        let mut session = sessions.recv().await.unwrap();
        assert!(session.recv().await.is_none(), "{way:?}");

        let (server, mut sessions) = way.server(a_century_ahead);
        let answer = way
            .open(&server, "s")
            .await
            .settled(way, &server, "s")
            .await;
        let session = sessions.recv().await.unwrap();
        pass(20).await;
        assert_eq!(session.close_reason(), None, "{way:?}");
        drop(answer);
    }
}

#[tokio::test(start_paused = true)]
async fn one_between_polls_tells_the_next_poll() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount.on_connect(async |_: &ConnectRequest| Ok(Accept::new().until(after(secs(2)))))
    });
    assert_eq!(server.poll("s").await, "o\n");
    let mut session = sessions.recv().await.unwrap();
    let start = Instant::now();
    assert!(session.recv().await.is_none());
    assert_eq!(since(start), 2);
    // Its peer may still be on its way; what it brings finds no session.
    assert_eq!(server.send("s", r#"["too late"]"#).await, 204);
    assert_eq!(server.poll("s").await, "c[4401,\"Credentials expired\"]\n");
    assert!(session.recv().now_or_never().unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_first_end_counts_and_a_refresh_brings_nobody_back() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.on_connect(for_ten_seconds));
    let mut raw = server.websocket("/websocket").await;
    let session: Session = sessions.recv().await.unwrap();
    session.close(3000, "Go away!");
    session.admit_until(after(secs(1)));
    assert_eq!(raw.next().await, close(3000, "Go away!"));
    pass(2).await;
    assert!(matches!(
        session.close_reason(),
        Some(CloseReason::Application(_))
    ));

    let mut raw = server.websocket("/websocket").await;
    let session = sessions.recv().await.unwrap();
    pass(11).await;
    session.admit_until(after(secs(100)));
    assert_eq!(
        session.close_reason(),
        Some(CloseReason::CredentialsExpired)
    );
    assert_eq!(raw.next().await, close(CODE, REASON));
}
