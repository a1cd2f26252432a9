//! Under hyper by hand, in place of `sockeye::serve`: for a server that has its own accept loop already.
//!
//!     cargo run -p example-hyper
//!
//! Then, in another terminal, the app's own answer and a session by hand:
//!
//!     curl http://127.0.0.1:3000/anything
//!     curl -N -X POST http://127.0.0.1:3000/echo/000/me/xhr_streaming &
//!     curl http://127.0.0.1:3000/echo/000/me/xhr_send -H 'Content-Type: text/plain' -d '["hello"]'
//!
//! A mount asks three things of its host: HTTP/1.1 upgrades, extended CONNECT for WebSockets over HTTP/2, and the peer's
//! address in the request. What a mount cannot do from above HTTP is the host's own business here. `sockeye::serve` does it,
//! and this loop does as little of it as its comments say:
//!
//! - a limit of time for a request's head, and for connections that say nothing (here: HTTP/1.1 heads alone),
//! - limits on a head's size, on the number of its lines and on the target's length (here: hyper's defaults),
//! - the reset of a connection whose peer takes nothing (here: none; a session ends, its connection can stay),
//! - what to do when no descriptor is left (here: a pause),
//! - the end: waiting for answers in progress and for sessions (here: none. `Handle::drain` says goodbye on every session, and
//!   `Handle::idle` tells when all are gone).
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use sockeye::{PeerAddress, Session, SockJs};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

/// Everything that is not below the mount comes here, untouched.
async fn rest(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = format!(
        "{} {} is not below /echo\n",
        request.method(),
        request.uri().path()
    );
    Ok(Response::new(Full::from(answer)))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let service = ServiceBuilder::new()
        .layer(SockJs::new(echo).layer("/echo"))
        .service_fn(rest);

    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        // Without a timer hyper's limit is not in force.
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(30));
    server.http2().enable_connect_protocol();

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // That connection was lost already, or no descriptor is left: then the next try would fail at once.
                eprintln!("hyper: {error}");
                tokio::time::sleep(Duration::from_millis(75)).await;
                continue;
            }
        };
        // Without it, small messages wait for the peer's acknowledgement of the last one.
        let _ = stream.set_nodelay(true);
        let service = service
            .clone()
            .map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(PeerAddress(peer));
                request
            });
        let server = server.clone();
        tokio::spawn(async move {
            let service = TowerToHyperService::new(service);
            // The plain `serve_connection` would refuse every WebSocket over HTTP/1.1. An error is the peer's or the network's:
            // nobody is left to tell.
            let _ = server
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await;
        });
    }
}
