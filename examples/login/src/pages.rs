//! The page and what it loads, all from this server.

use std::io;

use axum::{
    Router,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};

const CLIENT_SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/node_modules/sockjs-client/dist/sockjs.min.js"
);

/// # Errors
///
/// When npm has not installed the client script.
pub(crate) fn routes() -> io::Result<Router> {
    let client = std::fs::read_to_string(CLIENT_SCRIPT).map_err(|error| {
        let advice = "`npm ci` in examples/login installs it";
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
            "/login.css",
            get(async || asset("text/css", include_str!("../assets/login.css"))),
        )
        .route(
            "/login.js",
            get(async || asset("text/javascript", include_str!("../assets/login.js"))),
        )
        .route(
            "/sockjs.min.js",
            get(async move || asset("text/javascript", client)),
        ))
}

fn asset(content_type: &'static str, body: impl IntoResponse) -> impl IntoResponse {
    let content_type = format!("{content_type}; charset=utf-8");
    (
        [
            (CONTENT_TYPE, content_type),
            (CACHE_CONTROL, "no-cache".into()),
        ],
        body,
    )
}
