//! The page and the scripts it loads.

use std::io;

use axum::{
    Router,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{MethodRouter, get},
};

const CLIENT_SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/node_modules/sockjs-client/dist/sockjs.min.js"
);

pub(crate) fn routes() -> io::Result<Router> {
    let client = std::fs::read_to_string(CLIENT_SCRIPT).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot read {CLIENT_SCRIPT}: {error}; `npm ci` in examples/tls installs it"),
        )
    })?;
    Ok(Router::new()
        .route("/", file("text/html", include_str!("../assets/index.html")))
        .route(
            "/tls.js",
            file("text/javascript", include_str!("../assets/tls.js")),
        )
        .route(
            "/tls.css",
            file("text/css", include_str!("../assets/tls.css")),
        )
        .route("/sockjs.min.js", file("text/javascript", client)))
}

fn file(content_type: &str, body: impl Into<String>) -> MethodRouter {
    let content_type = format!("{content_type}; charset=utf-8");
    let body = body.into();
    get(async move || ([(CONTENT_TYPE, content_type)], body).into_response())
}
