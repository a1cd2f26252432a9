//! Every transport through the filter, and what happens when a client goes.

use std::time::Duration;

use futures_util::FutureExt;
use http_body_util::BodyExt;
use sockeye_tower::Session;
use sockeye_warp::sockjs;
use tokio::time::Instant;
use warp::Filter;

use crate::support::{ask, echo, get, handing_over, post, text};

#[tokio::test(start_paused = true)]
async fn streams_bring_one_frame_after_the_other() {
    let (handler, mut sessions) = handing_over();
    let app = warp::service(warp::path("chat").and(sockjs(handler)));
    let h = "h".repeat(2048);
    #[rustfmt::skip]
    let cases = [
        ("POST", "xhr_streaming", format!("{h}\n"), "o\n",               "a[\"hi\"]\n"),
        ("GET",  "eventsource",   "\r\n".into(),    "data: o\r\n\r\n",   "data: a[\"hi\"]\r\n\r\n"),
    ];
    for (method, transport, prelude, open, message) in cases {
        let target = format!("/chat/0/{transport}/{transport}");
        let request = if method == "GET" {
            get(&target)
        } else {
            post(&target, "")
        };
        let mut stream = ask(&app, request).await.into_body();
        let session: Session = sessions.recv().await.unwrap();
        let mut next = async || {
            let frame = stream.frame().await.unwrap().unwrap();
            String::from_utf8(frame.into_data().unwrap().into()).unwrap()
        };
        let mut begin = next().await;
        while begin.len() < prelude.len() + open.len() {
            begin += &next().await;
        }
        assert_eq!(begin, prelude + open, "{transport}");
        for _ in 0..3 {
            // Each is there before the next is sent.
            session.send("hi").await.unwrap();
            assert_eq!(next().await, message, "{transport}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_ends_its_session_at_once() {
    let (handler, mut sessions) = handing_over();
    let app = warp::service(warp::path("chat").and(sockjs(handler)));
    let stream = ask(&app, post("/chat/0/s/xhr_streaming", "")).await;
    let mut session: Session = sessions.recv().await.unwrap();
    let second = ask(&app, post("/chat/0/s/xhr", "")).await;
    let refusal = "c[2010,\"Another connection still open\"]\n";
    assert_eq!(text(second).await, refusal);
    let begin = Instant::now();
    drop(stream);
    assert_eq!(session.recv().await, None);
    assert_eq!(begin.elapsed(), Duration::ZERO);
    // The id is free again.
    let poll = ask(&app, post("/chat/0/s/xhr", "")).await;
    assert_eq!(text(poll).await, "o\n");
}

#[tokio::test(start_paused = true)]
async fn jsonp_works_both_ways() {
    let app = warp::service(warp::path("chat").and(sockjs(echo)));
    let poll = || ask(&app, get("/chat/0/s/jsonp?c=f"));
    assert_eq!(text(poll().await).await, "/**/f(\"o\");\r\n");
    let mut send = post("/chat/0/s/jsonp_send", "d=%5B%22hello%22%5D");
    send.headers_mut().insert(
        "content-type",
        "application/x-www-form-urlencoded".parse().unwrap(),
    );
    assert_eq!(text(ask(&app, send).await).await, "ok");
    assert_eq!(text(poll().await).await, "/**/f(\"a[\\\"hello\\\"]\");\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_given_up_before_its_answer_is_noticed() {
    let (handler, mut sessions) = handing_over();
    let app = warp::service(warp::path("chat").and(sockjs(handler)));
    let poll = || ask(&app, post("/chat/0/s/xhr", ""));
    assert_eq!(text(poll().await).await, "o\n");
    let mut session: Session = sessions.recv().await.unwrap();
    // The answer's head is held back for a moment, within which the future is dropped.
    let mut held = Box::pin(poll());
    assert!((&mut held).now_or_never().is_none());
    let begin = Instant::now();
    drop(held);
    assert_eq!(session.recv().await, None);
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_session_between_two_polls_lives_for_its_delay() {
    let (handler, mut sessions) = handing_over();
    let app = warp::service(warp::path("chat").and(sockjs(handler)));
    let poll = ask(&app, post("/chat/0/s/xhr", "")).await;
    let mut session: Session = sessions.recv().await.unwrap();
    let begin = Instant::now();
    assert_eq!(text(poll).await, "o\n");
    assert_eq!(session.recv().await, None);
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
}
