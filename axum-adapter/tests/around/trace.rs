//! Session ids are secrets, and they stand in the path that a trace writes down.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tower_http::trace::TraceLayer;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Host, echoing, get};

include!("session_span.rs");

/// What was logged.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(bytes.clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
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

/// A session with the id `0secret0` on every transport, everything logged that can be.
async fn logged(hosts: [Host; 2]) -> String {
    listen_beside();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    for host in hosts {
        for (endpoint, is_post) in [
            ("xhr_streaming", true),
            ("xhr", true),
            ("xhr_send", true),
            ("eventsource", false),
            ("htmlfile?c=cb", false),
            ("jsonp?c=cb", false),
            ("jsonp_send", true),
            ("websocket", false),
            ("xhr/?token=0secret0", true),
        ] {
            let mut request = get(&format!("/chat/0/0secret0/{endpoint}"));
            if is_post {
                *request.method_mut() = http::Method::POST;
            }
            drop(host.ask(request).await);
        }
        host.ask(get("/chat/0/0secret0")).await;
        host.ask(get("/chat/info?t=1")).await;
    }
    drop(guard);
    log.text()
}

#[tokio::test(start_paused = true)]
async fn a_span_of_ones_own_keeps_the_session_out_of_the_log() {
    let log = logged(around!(echoing(), TraceLayer::new_for_http())).await;
    assert!(log.contains("/chat/0/0secret0/xhr_streaming"), "{log}");

    let log = logged(around!(
        echoing(),
        TraceLayer::new_for_http().make_span_with(session_span)
    ))
    .await;
    for transport in [
        "xhr_streaming",
        "eventsource",
        "htmlfile",
        "jsonp",
        "websocket",
    ] {
        let path = format!("/chat/-/-/{transport}\"");
        assert!(log.contains(&path), "{path}: {log}");
    }
    assert!(log.contains("path=\"/chat/info\""), "{log}");
    assert!(!log.contains("0secret0"), "{log}");
}

/// The protocol answers what it cannot read with 500.
#[tokio::test(start_paused = true)]
async fn a_trace_takes_a_peers_broken_message_for_an_error_of_ours() {
    listen_beside();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::ERROR)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    for (count, host) in (1..).zip(around!(echoing(), TraceLayer::new_for_http())) {
        assert_eq!(host.poll().await, "o\n");
        assert_eq!(host.send("[\"fine\"]").await, 204);
        assert_eq!(log.text().lines().count(), count - 1, "{}", log.text());
        assert_eq!(host.send("{").await, 500);
        let text = log.text();
        assert_eq!(text.matches("response failed").count(), count, "{text}");
    }
}

#[test]
fn the_guide_shows_this_very_span() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/middleware.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(include_str!("session_span.rs")));
}
