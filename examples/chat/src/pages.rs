//! The page and what it loads, all from this server: the chat works without internet.

use std::io;

use axum::{
    Router,
    body::Bytes,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    response::IntoResponse,
    routing::get,
};

/// Where the page and SockJS's iframe page find the client: both must run the very same version.
pub(crate) const CLIENT_SCRIPT_PATH: &str = "/assets/sockjs.min.js";

const CLIENT_SCRIPT_FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/node_modules/sockjs-client/dist/sockjs.min.js"
);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Everything comes from here; the frames are the ones SockJS's legacy transports need.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws: wss:; \
                      frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Reads sockjs-client as npm installed it.
///
/// # Errors
///
/// When it is not there; the message says what installs it.
pub(crate) fn client_script() -> io::Result<Bytes> {
    std::fs::read(CLIENT_SCRIPT_FILE)
        .map(Bytes::from)
        .map_err(|error| {
            let advice = "`cargo xtask chat` installs it, and so does `npm ci` in examples/chat";
            io::Error::new(
                error.kind(),
                format!("cannot read {CLIENT_SCRIPT_FILE}: {error}; {advice}"),
            )
        })
}

/// The routes of the page and its assets.
pub(crate) fn routes(client_script: Bytes) -> Router {
    Router::new()
        .route(
            "/",
            get(async || {
                (
                    [(CONTENT_SECURITY_POLICY, POLICY)],
                    asset(HTML, include_str!("../assets/index.html")),
                )
            }),
        )
        .route(
            "/assets/chat.css",
            get(async || asset(CSS, include_str!("../assets/chat.css"))),
        )
        .route(
            "/assets/chat.js",
            get(async || asset(JAVASCRIPT, include_str!("../assets/chat.js"))),
        )
        .route(
            "/assets/connection.js",
            get(async || asset(JAVASCRIPT, include_str!("../assets/connection.js"))),
        )
        .route(
            "/assets/view.js",
            get(async || asset(JAVASCRIPT, include_str!("../assets/view.js"))),
        )
        .route(
            "/assets/icon.svg",
            get(async || asset(SVG, include_str!("../assets/icon.svg"))),
        )
        .route(
            CLIENT_SCRIPT_PATH,
            get(async move || asset(JAVASCRIPT, client_script)),
        )
}

fn asset(content_type: &'static str, body: impl IntoResponse) -> impl IntoResponse {
    // No validators: a page that is edited and rebuilt is seen at the next reload.
    (
        [
            (CONTENT_TYPE, content_type),
            (CACHE_CONTROL, "no-cache"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        body,
    )
}
