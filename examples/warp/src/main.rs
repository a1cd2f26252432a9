//! A page and an echo beside each other, as warp filters; a signal ends both with a goodbye.
//!
//!     cargo run -p example-warp
//!
//! Then open the address it prints, or, in another terminal, hold a session by hand:
//!
//!     curl -N -X POST http://127.0.0.1:3000/chat/000/me/xhr_streaming &
//!     curl http://127.0.0.1:3000/chat/000/me/xhr_send -H 'Content-Type: text/plain' -d '["hello"]'
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program speaks to people through it")]

use std::io;

use sockeye::{DrainPolicy, Handle, Session, SockJs, warp::sockjs};
use tokio::net::TcpListener;
use warp::Filter;

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let handle = Handle::new();
    let index = warp::path::end().map(|| warp::reply::html(include_str!("../assets/index.html")));
    let chat = warp::path("chat").and(sockjs(SockJs::new(echo).handle(&handle)));
    let routes = index.or(chat);

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    println!("open http://{address}/ in a browser; ctrl-c ends it");

    tokio::spawn(drain_on_signal(handle.clone()));
    // Rather than `warp::serve`: it has the drain, and WebSocket over HTTP/2.
    sockeye::serve(listener, warp::service(routes))
        .handle(&handle)
        .await
}

/// Lets everyone go with a goodbye when the program is told to stop.
async fn drain_on_signal(handle: Handle) {
    // Where signals cannot be waited for, nothing asks for a drain.
    if stop_signal().await.is_ok() {
        println!("stopping: saying goodbye to {} sessions", handle.sessions());
        handle.drain(DrainPolicy::new()).await;
    }
}

#[cfg(unix)]
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
