//! Bodies of sending requests: slow ones, long ones, and ones that are nobody's.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use sockeye_core::limits::ENVELOPE_BYTES;
use sockeye_tower::{Body, Limit, Session};
use tokio::{
    sync::mpsc,
    time::{Instant, Sleep},
};

use crate::support::{RESPONSES, Server, rest, secs, since, target, to};

/// A body whose parts come after pauses; the last part may be followed by a pause without end.
struct Slow {
    parts: Vec<(u64, &'static str)>,
    pause: Option<Pin<Box<Sleep>>>,
    hangs: bool,
    /// Told the length of each part that was read.
    read: mpsc::UnboundedSender<usize>,
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(&(seconds, part)) = self.parts.first() else {
            return if self.hangs {
                Poll::Pending
            } else {
                Poll::Ready(None)
            };
        };
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(secs(seconds))));
        if pause.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.pause = None;
        self.parts.remove(0);
        let _ = self.read.send(part.len());
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(part.as_bytes())))))
    }
}

fn slow(parts: &[(u64, &'static str)], hangs: bool) -> (Slow, mpsc::UnboundedReceiver<usize>) {
    let (read, told) = mpsc::unbounded_channel();
    let body = Slow {
        parts: parts.to_vec(),
        pause: None,
        hangs,
        read,
    };
    (body, told)
}

async fn send<B>(server: &Server, headers: &[(&str, &str)], body: B) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    let mut request = to(Method::POST, "/0/s/xhr_send");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.request(request.body(body).unwrap()).await
}

/// A server with the open session `s`, which a stream keeps alive.
async fn started(
    options: impl FnOnce(
        sockeye_tower::SockJs<crate::support::HandOver>,
    ) -> sockeye_tower::SockJs<crate::support::HandOver>,
) -> (Server, Session, crate::support::Receiving) {
    let (server, mut sessions) =
        Server::handing_over(|mount| options(mount.disconnect_delay(Duration::from_secs(1000))));
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    let stream = server.receive("/0/s/xhr").await;
    (server, session, stream)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_slow_but_within_its_time_is_taken() {
    let (server, mut session, _stream) = started(|mount| mount.heartbeat_interval(secs(900))).await;
    let (body, _) = slow(&[(29, "[\"a"), (15, "b\""), (14, "]")], false);
    assert_eq!(send(&server, &[], body).await.status(), 204);
    assert_eq!(session.recv().await, Some("ab".into()));
    assert_eq!(server.hits(Limit::BodyTime), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_pauses_too_long_or_takes_too_long_is_refused_with_408() {
    #[rustfmt::skip]
    let cases = [
        // case               parts                                     after
        ("never begins",      &[][..],                                  30),
        ("pauses",            &[(10, "[\"a"), (31, "\"]")],             40),
        ("pauses at its end", &[(10, "[\"a\"]")],                       40),
        ("takes too long",    &[(20, "["), (20, " "), (20, " "), (5, " ")], 60),
    ];
    for (case, parts, seconds) in cases {
        let (server, session, _stream) = started(|mount| mount.heartbeat_interval(secs(900))).await;
        let start = Instant::now();
        let response = send(&server, &[], slow(parts, true).0).await;
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT, "{case}");
        assert_eq!(response.headers()["connection"], "close", "{case}");
        assert_eq!(since(start), seconds, "{case}");
        assert_eq!(server.hits(Limit::BodyTime), 1, "{case}");
        assert_eq!(session.close_reason(), None, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_bodys_times_are_settable() {
    let (server, _session, _stream) = started(|mount| mount.body_timeouts(secs(2), secs(3))).await;
    for (parts, seconds) in [(&[][..], 2), (&[(1, "["), (1, "["), (2, "[")], 3)] {
        let start = Instant::now();
        let response = send(&server, &[], slow(parts, true).0).await;
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(since(start), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_taken_up_to_the_limit_and_refused_beyond_it() {
    for announced in [true, false] {
        let (server, mut session, _stream) = started(|mount| mount.max_message_size(20)).await;
        let limit = 20 + ENVELOPE_BYTES;
        for (length, status) in [(limit - 1, 204), (limit, 204), (limit + 1, 413)] {
            let text = "x".repeat(length - 4);
            let body = Bytes::from(format!("[\"{text}\"]"));
            assert_eq!(body.len(), length);
            let length = length.to_string();
            let headers = [("content-length", length.as_str())];
            let headers = if announced { &headers[..] } else { &[] };
            let response = send(&server, headers, Full::new(body)).await;
            assert_eq!(response.status(), status, "{length}");
            if status == 204 {
                assert_eq!(session.recv().await, Some(text.into()));
            } else {
                assert_eq!(response.headers()["connection"], "close");
            }
        }
        assert_eq!(server.hits(Limit::MessageSize), 1);
        // The session lives.
        assert_eq!(server.send("s", r#"["on"]"#).await, 204);
        assert_eq!(session.recv().await, Some("on".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_announced_too_long_is_refused_before_it_is_read() {
    let (server, session, _stream) = started(|mount| mount.max_message_size(20)).await;
    let start = Instant::now();
    let (body, mut told) = slow(&[(1, "[\"")], true);
    let length = (20 + ENVELOPE_BYTES + 1).to_string();
    let response = send(&server, &[("content-length", &length)], body).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(told.try_recv().is_err());
    assert_eq!(since(start), 0);
    assert_eq!(session.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_grows_too_long_is_refused_where_it_does() {
    let (server, _session, _stream) = started(|mount| mount.max_message_size(20)).await;
    let text: &str = "x".repeat(10 + ENVELOPE_BYTES / 2).leak();
    let (body, mut told) = slow(&[(1, text); 5], true);
    let response = send(&server, &[], body).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let mut read = 0;
    while let Ok(length) = told.try_recv() {
        read += length;
    }
    assert_eq!(read, 3 * text.len());
}

#[tokio::test(start_paused = true)]
async fn a_compressed_body_is_read_and_refused_with_415() {
    let (server, mut session, _stream) = started(|mount| mount).await;
    for encoding in ["gzip", "br", "identity, gzip", "x"] {
        let (body, mut told) = slow(&[(0, "[\"a\"]")], false);
        let response = send(&server, &[("content-encoding", encoding)], body).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(told.recv().await, Some(5));
        assert!(response.headers().get("connection").is_none());
    }
    for encoding in ["identity", " IDENTITY "] {
        let body = Full::new(Bytes::from_static(b"[\"a\"]"));
        let response = send(&server, &[("content-encoding", encoding)], body).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{encoding}");
        assert_eq!(session.recv().await, Some("a".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_messages_in_one_array_are_refused_and_none_is_delivered() {
    let (server, mut session, _stream) = started(|mount| mount.max_messages(3)).await;
    for (messages, status) in [(2, 204), (3, 204), (4, 413)] {
        let body = format!("[{}]", vec!["\"x\""; messages].join(","));
        let response = send(&server, &[], Full::new(Bytes::from(body))).await;
        assert_eq!(response.status(), status, "{messages}");
        let is_closed = response.headers().get("connection").is_some();
        assert_eq!(is_closed, status == 413, "{messages}");
        if status == 204 {
            for _ in 0..messages {
                assert_eq!(session.recv().await, Some("x".into()));
            }
        }
    }
    assert_eq!(server.hits(Limit::Messages), 1);
    assert_eq!(server.send("s", "[\"on\"]").await, 204);
    assert_eq!(session.recv().await, Some("on".into()));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_reads_the_body_to_nowhere_so_that_the_connection_can_go_on() {
    let (server, _sessions) = Server::handing_over(|mount| mount.max_message_size(100));
    let cases = [
        ("/nothing", 404, false),
        ("/0/s/xhr_send", 405, true),
        ("/0/s/htmlfile", 500, true),
    ];
    for (target, status, is_get) in cases {
        let method = if is_get { Method::GET } else { Method::POST };
        let (body, mut told) = slow(&[(1, "0123456789"), (1, "0123456789")], false);
        let response = server.request(to(method, target).body(body).unwrap()).await;
        assert_eq!(response.status(), status, "{target}");
        assert_eq!(told.recv().await, Some(10), "{target}");
        assert_eq!(told.recv().await, Some(10), "{target}");
    }
    // It is read within the same limits.
    let (body, _told) = slow(&[], true);
    let response = server
        .request(to(Method::POST, "/nothing").body(body).unwrap())
        .await;
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    let body = Full::new(Bytes::from(vec![b'x'; 101 + ENVELOPE_BYTES]));
    let response = server
        .request(to(Method::POST, "/nothing").body(body).unwrap())
        .await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_receivers_body_is_read_before_its_session_opens() {
    for endpoint in RESPONSES {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        let request = crate::support::receiver(&target("s", endpoint));
        let (body, mut told) = slow(&[(3, "ignored")], false);
        let answering = tokio::spawn({
            let server = server.clone();
            async move { server.request(request.body(body).unwrap()).await }
        });
        rest().await;
        assert!(sessions.try_recv().is_err(), "{endpoint}");
        let response = answering.await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{endpoint}");
        assert_eq!(told.recv().await, Some(7), "{endpoint}");
        assert!(sessions.recv().await.is_some(), "{endpoint}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_without_a_session_is_404_once_its_body_is_read() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let response = send(&server, &[], Full::new(Bytes::from_static(b"[\"a\"]"))).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let text = response.collect().await.unwrap().to_bytes();
    assert_eq!(text, "404 Error: Page not found\n");
}
