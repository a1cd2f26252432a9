//! The page and its assets.

use std::io;

use axum::{Router, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};

const CLIENT_SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/node_modules/sockjs-client/dist/sockjs.min.js"
);

/// # Errors
///
/// When npm has not installed the client script.
pub(crate) fn routes() -> io::Result<Router> {
    let script = std::fs::read_to_string(CLIENT_SCRIPT).map_err(|error| {
        let advice = "`npm ci` in examples/rooms installs it";
        io::Error::new(
            error.kind(),
            format!("cannot read {CLIENT_SCRIPT}: {error}; {advice}"),
        )
    })?;
    Ok(Router::new()
        .route(
            "/",
            get(async || asset("text/html", include_str!("../assets/index.html"))),
        )
        .route(
            "/rooms.css",
            get(async || asset("text/css", include_str!("../assets/rooms.css"))),
        )
        .route(
            "/rooms.js",
            get(async || asset("text/javascript", include_str!("../assets/rooms.js"))),
        )
        .route(
            "/sockjs.min.js",
            get(async move || asset("text/javascript", script)),
        ))
}

fn asset(content_type: &'static str, body: impl IntoResponse) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, format!("{content_type}; charset=utf-8"))],
        body,
    )
}
