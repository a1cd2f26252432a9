//! The page and its assets.

use std::io;

use axum::{Router, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};

/// Where npm puts the client, which the page loads as `/socket.io/socket.io.min.js`.
pub(crate) const CLIENT_FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/node_modules/socket.io-client/dist"
);

/// Adds to an error what installs the client.
pub(crate) fn with_advice(error: io::Error) -> io::Error {
    let advice = "`npm ci` in examples/private-messaging installs it";
    io::Error::new(error.kind(), format!("{error}; {advice}"))
}

pub(crate) fn routes() -> Router {
    let page = || asset("text/html", include_str!("../assets/index.html"));
    let style = || asset("text/css", include_str!("../assets/style.css"));
    let script = || asset("text/javascript", include_str!("../assets/page.js"));
    Router::new()
        .route("/", get(async move || page()))
        .route("/style.css", get(async move || style()))
        .route("/page.js", get(async move || script()))
}

fn asset(content_type: &'static str, body: &'static str) -> impl IntoResponse {
    let content_type = format!("{content_type}; charset=utf-8");
    ([(CONTENT_TYPE, content_type)], body)
}
