//! The smallest server: says back what it hears, beside an ordinary route.
//!
//!     cargo run -p example-echo
//!
//! Then, in another terminal, a session by hand: the first command opens it and shows what arrives, the second sends.
//!
//!     curl -N -X POST http://127.0.0.1:3000/echo/000/me/xhr_streaming &
//!     curl http://127.0.0.1:3000/echo/000/me/xhr_send -H 'Content-Type: text/plain' -d '["hello"]'
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program speaks to people through it")]

use axum::{Router, routing::get};
use sockeye::{Session, axum::sockjs_layer};
use tokio::net::TcpListener;

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new()
        .route("/", get(async || "an ordinary route\n"))
        .nest("/echo", sockjs_layer(echo));

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    sockeye::serve(listener, app).await
}
