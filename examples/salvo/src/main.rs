//! Salvo: a mount among its routes, served by its own server. Salvo 1.1 needs Rust 1.95.
//!
//!     cargo run --manifest-path examples/salvo/Cargo.toml
//!
//! Then, in another terminal, an ordinary route and a session by hand:
//!
//!     curl http://127.0.0.1:3000/
//!     curl -N -X POST http://127.0.0.1:3000/chat/000/me/xhr_streaming &
//!     curl http://127.0.0.1:3000/chat/000/me/xhr_send -H 'Content-Type: text/plain' -d '["hello"]'
//!
//! Timeouts for heads and for peers that read nothing, the size of a head, and what happens to open
//! connections at the end are salvo's business here: it has a server of its own. In place of it
//! `sockeye::serve(listener, service)` takes any service of hyper's.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program speaks to people through it")]

#[cfg(test)]
mod tests;

use salvo::{
    Handler, Listener, Request, Router, Server, conn::TcpListener, handler, http::ReqBody,
    prelude::TowerServiceCompat,
};
use sockeye::{ExactPath, MountService, PeerAddress, Session, SockJs};

const MOUNT: &str = "/chat";

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

#[handler]
async fn index() -> &'static str {
    "an ordinary route\n"
}

/// Tells the mount what it cannot know under salvo, which hands requests on with their whole path.
#[handler]
async fn prepare(request: &mut Request) {
    if let Some(rest) = request.uri().path().strip_prefix(MOUNT) {
        let rest = ExactPath(rest.into());
        request.extensions_mut().insert(rest);
    }
    if let Some(peer) = request.remote_addr().clone().into_std() {
        request.extensions_mut().insert(PeerAddress(peer));
    }
}

fn routes() -> Router {
    let mount = SockJs::new(echo).service();
    Router::new()
        .get(index)
        .push(
            Router::with_path("chat")
                .hoop(prepare)
                .goal(goal(mount.clone())),
        )
        .push(
            Router::with_path("chat/{**rest}")
                .hoop(prepare)
                .goal(goal(mount)),
        )
}

/// The mount takes bodies of any type, so salvo's has to be named.
fn goal(mount: MountService) -> impl Handler {
    TowerServiceCompat::<ReqBody, _, _, _>::compat(mount)
}

#[tokio::main]
async fn main() {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let acceptor = TcpListener::new(address).bind().await;
    for holding in salvo::conn::Acceptor::holdings(&acceptor) {
        println!("listening on {}", holding.local_addr);
    }
    Server::new(acceptor).serve(routes()).await;
}
