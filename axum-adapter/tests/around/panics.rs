//! A layer that catches panics, and handlers that panic.

use http::StatusCode;
use sockeye_tower::{Session, SockJs};
use tower_http::catch_panic::CatchPanicLayer;

use crate::support::{ORIGIN, get};

/// A handler does not run inside a request, so what it breaks is its own session alone.
#[tokio::test(start_paused = true)]
async fn a_handlers_panic_ends_its_session_and_no_layer_sees_it() {
    async fn breaks(mut session: Session) {
        session.recv().await;
        panic!("on purpose");
    }
    let mount = SockJs::new(breaks).allowed_origins([ORIGIN]);
    for host in around!(mount.clone(), CatchPanicLayer::new()) {
        let stream = host.receive("xhr_streaming").await;
        assert_eq!(
            host.send("[\"x\"]").await,
            StatusCode::NO_CONTENT,
            "{}",
            host.name
        );
        let rest = stream.rest().await;
        assert!(rest.contains("\nc[1011,"), "{} {rest}", host.name);
        assert_eq!(host.ask(get("/plain")).await.status(), StatusCode::OK);
    }
}
