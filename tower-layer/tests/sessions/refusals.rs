//! A refused origin: whoever meets it is told which setting to change, on the page and in the log.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};

use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use sockeye_tower::Body;
use tracing_subscriber::{fmt::MakeWriter, util::SubscriberInitExt};

use crate::support::{RESPONSES, Server, peer, receiver, target, to};

/// The log's lines, kept.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// With a single listener, a place in the code that first logs on a thread where nobody listens is
/// silent for good; with another one about, all listeners are asked.
fn listen_beside() {
    static BESIDE: OnceLock<tracing::Dispatch> = OnceLock::new();
    BESIDE.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_writer(io::sink)
            .finish()
            .into()
    });
}

/// As an application sets it up: everything from `info` on.
fn log() -> (Log, impl Drop) {
    listen_beside();
    let log = Log::default();
    let guard = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .set_default();
    (log, guard)
}

async fn refused(server: &Server, request: http::request::Builder) -> Response<Body> {
    let response = server.request(request.body(Empty::new()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    response
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_setting_in_its_body_and_in_the_log() {
    let (log, _guard) = log();
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let receivers = RESPONSES.map(|endpoint| receiver(&target(endpoint, endpoint)));
    let others = [
        to(Method::GET, "/info"),
        to(Method::OPTIONS, "/info"),
        to(Method::GET, "/websocket"),
        to(Method::GET, "/0/s/websocket"),
        to(Method::POST, "/0/s/xhr_send"),
        to(Method::POST, "/0/s/jsonp_send"),
    ];
    for request in receivers.into_iter().chain(others) {
        let request = request
            .header("origin", "http://localhost:5173")
            .header("cookie", "login=secret");
        let response = refused(&server, request).await;
        for header in [
            "access-control-allow-origin",
            "access-control-allow-credentials",
        ] {
            assert_eq!(response.headers().get(header), None);
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.into()).unwrap();
        assert!(body.contains("allowed_origins"), "{body}");
        let line = log.take();
        assert_eq!(line.lines().count(), 1, "{line}");
        for word in [
            "INFO",
            "allowed_origins",
            "origin=http://localhost:5173",
            "host=a",
        ] {
            assert!(line.contains(word), "{word}: {line}");
        }
        assert!(!line.contains("secret"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_let_in_leaves_no_line() {
    let (log, _guard) = log();
    let (server, _sessions) = Server::handing_over(|mount| mount);
    for (session, origin) in [("a", "http://a"), ("b", "https://a")] {
        let request = receiver(&target(session, "xhr")).header("origin", origin);
        let response = server.request(request.body(Empty::new()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(log.take(), "");
}

#[tokio::test(start_paused = true)]
async fn nothing_that_a_peer_sends_makes_a_line_of_its_own_or_a_long_one() {
    let (log, _guard) = log();
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let long = "x".repeat(60_000);
    for origin in [&b"http://a\tb\xff\xc2\x85\""[..], long.as_bytes()] {
        let request = receiver(&target("s", "xhr")).header("origin", origin);
        refused(&server, request).await;
        let line = log.take();
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.len() < 1_000, "{}", line.len());
        let is_clean = line
            .trim_end()
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~'));
        assert!(is_clean, "{line:?}");
    }
}

/// A page that keeps its origin to itself is named by its referrer, without the path.
#[tokio::test(start_paused = true)]
async fn a_page_known_by_its_referrer_is_named_without_its_path() {
    let (log, _guard) = log();
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let request = receiver(&target("s", "jsonp"))
        .header("sec-fetch-site", "cross-site")
        .header("referer", "https://b.example/reset?token=secret");
    refused(&server, request).await;
    let line = log.take();
    assert!(line.contains("origin=https://b.example "), "{line}");
    assert!(!line.contains("secret"), "{line}");
}

/// A proxy that tells the wrong scheme is found in the log.
#[tokio::test(start_paused = true)]
async fn what_a_proxy_told_stands_beside_what_was_refused() {
    let (log, _guard) = log();
    let (server, _sessions) = Server::handing_over(|mount| mount.trusted_proxies(["10.0.0.1"]));
    let request = receiver(&target("s", "xhr"))
        .extension(peer("10.0.0.1"))
        .header("origin", "https://b.example:8443")
        .header("x-forwarded-host", "B.example:8443")
        .header("x-forwarded-proto", "http");
    refused(&server, request).await;
    let line = log.take();
    assert!(
        line.contains("told_host=b.example:8443 told_scheme=http"),
        "{line}"
    );
}
