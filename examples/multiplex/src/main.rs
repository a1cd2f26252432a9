//! Many channels over one connection, as the websocket-multiplex client does it.
//!
//!     npm ci --prefix examples/multiplex && cargo run -p example-multiplex
//!
//! Then open the address it prints: three channels, one connection. `bob` and `carl` answer, `ann` counts.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

use std::{io, process::ExitCode};

use axum::{Router, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use sockeye::{
    axum::sockjs_layer,
    multiplex::{Channel, Multiplex},
};
use tokio::net::TcpListener;

async fn count(mut channel: Channel) {
    let mut messages = 0;
    while let Some(text) = channel.recv().await {
        messages += 1;
        if channel
            .send(format!(
                "message {messages} has {} characters",
                text.chars().count()
            ))
            .await
            .is_err()
        {
            break;
        }
    }
}

async fn echo(mut channel: Channel) {
    let name = channel.topic().to_owned();
    while let Some(text) = channel.recv().await {
        if channel
            .send(format!("{name} heard: {}", text.as_str()))
            .await
            .is_err()
        {
            break;
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("multiplex: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let channels = Multiplex::new()
        .channel("ann", count)
        .channel("bob", echo)
        .channel("carl", echo);
    let app = Router::new()
        .route(
            "/",
            get(async || page("text/html", include_str!("../assets/index.html"))),
        )
        .route(
            "/multiplex.js",
            get(async || page("text/javascript", include_str!("../assets/multiplex.js"))),
        )
        .route(
            "/multiplex.css",
            get(async || page("text/css", include_str!("../assets/multiplex.css"))),
        )
        .route(
            "/sockjs.min.js",
            installed("sockjs-client/dist/sockjs.min.js")?,
        )
        .route(
            "/multiplex_client.js",
            installed("websocket-multiplex/multiplex_client.js")?,
        )
        .nest("/multiplex", sockjs_layer(channels));

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    println!("open http://{address}/");
    sockeye::serve(listener, app).await
}

/// A client script, as npm installed it.
fn installed(script: &str) -> io::Result<axum::routing::MethodRouter> {
    let path = format!(
        concat!(env!("CARGO_MANIFEST_DIR"), "/node_modules/{}"),
        script
    );
    let text = std::fs::read_to_string(&path).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot read {path}: {error}; `npm ci` in examples/multiplex installs it"),
        )
    })?;
    Ok(get(async move || page("text/javascript", text)))
}

fn page(content_type: &'static str, body: impl IntoResponse) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, format!("{content_type}; charset=utf-8"))],
        body,
    )
}
