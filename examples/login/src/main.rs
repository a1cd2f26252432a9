//! A login shared by ordinary routes and realtime handlers: who logs in on a page is known on every
//! transport, and is closed on every transport when the login ends.
//!
//!     npm ci --prefix examples/login && cargo run -p example-login
//!
//! Then open the address it prints, in two browsers. `docs/sessions.md` explains what it does.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

mod account;
mod clock;
mod live;
mod pages;
mod realtime;
#[cfg(test)]
mod tests;

use std::{io, process::ExitCode};

use axum::Router;
use sockeye::axum::sockjs_layer;
use tokio::net::TcpListener;
use tower_sessions::{MemoryStore, SessionManagerLayer, SessionStore, cookie::SameSite};

use crate::{clock::Clock, live::Live};

/// What routes and realtime handlers share.
#[derive(Clone)]
struct App {
    clock: Clock,
    live: Live,
}

impl App {
    fn new() -> Self {
        Self {
            clock: Clock::new(),
            live: Live::default(),
        }
    }

    /// A real app keeps its logins in a store that outlives the process: Redis, SQL.
    fn router(&self, store: impl SessionStore + Clone) -> Router {
        let logins = SessionManagerLayer::new(store)
            .with_name("login")
            // No page of another site can send this cookie, so none can log anybody in or out.
            .with_same_site(SameSite::Strict)
            // This example speaks plain HTTP. Behind TLS leave this line out: true is the default.
            .with_secure(false);
        Router::new()
            .merge(account::routes().with_state(self.clone()))
            .nest("/live", sockjs_layer(realtime::mount(self)))
            // Outside of both, so that the mount's hooks find the login where the routes do.
            .layer(logins)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("login: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let app = App::new()
        .router(MemoryStore::default())
        .merge(pages::routes()?);
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    println!("open http://{address}/ and log in as ann (salmon) or bob (trout)");
    sockeye::serve(listener, app).await
}
