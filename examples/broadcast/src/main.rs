//! Everybody hears everybody: one message to all sessions, encoded once.
//!
//!     cargo run -p example-broadcast
//!
//! Then open two sessions, each in a terminal of its own, and send through one of them from a third:
//!
//!     curl -N -X POST http://127.0.0.1:3000/all/000/ann/xhr_streaming
//!     curl -N -X POST http://127.0.0.1:3000/all/000/bob/xhr_streaming
//!     curl http://127.0.0.1:3000/all/000/ann/xhr_send -H 'Content-Type: text/plain' -d '["hello, all"]'
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program speaks to people through it")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::Router;
use sockeye::{Sender, Session, SessionId, axum::sockjs_layer, broadcast};
use tokio::net::TcpListener;

/// Who is connected.
#[derive(Clone, Default)]
struct Everybody(Arc<Mutex<BTreeMap<SessionId, Sender>>>);

impl Everybody {
    async fn visit(self, mut session: Session) {
        self.members().insert(session.id(), session.sender());
        while let Some(message) = session.recv().await {
            // It never waits, so holding the lock meanwhile is fine: a member that does not keep up is closed.
            let sent = broadcast(self.members().values(), message);
            println!("reached {}, closed {}", sent.reached, sent.closed);
        }
        self.members().remove(&session.id());
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<SessionId, Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let everybody = Everybody::default();
    let app = Router::new().nest(
        "/all",
        sockjs_layer(async move |session| everybody.visit(session).await),
    );

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    sockeye::serve(listener, app).await
}
