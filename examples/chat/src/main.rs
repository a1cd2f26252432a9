//! A chat room over SockJS and Socket.IO: one room, one page, one server, one port.
//!
//!     cargo xtask chat
//!
//! The page shows which transport is in use and lets you force another one, or the other protocol. Beside the room, `/` and `/api/room` are ordinary
//! routes of the same app: an axum router, or warp filters with `--host warp`.
//!
//! SIGTERM or ctrl-c drains: `/healthz` turns to 503, everyone gets a goodbye, and the program ends within 10 seconds.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

mod host;
mod options;
mod over_socketio;
mod over_sockjs;
mod pages;
mod peer;
mod room;
mod wire;

use std::{io, process::ExitCode, sync::Arc};

use sockeye::{DrainPolicy, Handle};
use tokio::net::TcpListener;

use crate::{host::App, options::Options, room::Room};

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> io::Result<()> {
    let handle = Handle::new();
    let room = Arc::new(Room::default());
    let app = App {
        assets: pages::assets()?,
        sockjs: over_sockjs::mount(Arc::clone(&room), &handle),
        socketio: over_socketio::server(Arc::clone(&room), &handle)?,
        room,
        handle: handle.clone(),
    };

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    println!("open http://{address}/ in two windows and talk; ctrl-c ends the chat");

    tokio::spawn(drain_on_signal(handle));
    host::serve(options.host, listener, app).await
}

/// Lets everyone go with a goodbye when the program is told to stop.
async fn drain_on_signal(handle: Handle) {
    match stop_signal().await {
        Ok(()) => println!("stopping: saying goodbye to {} sessions", handle.sessions()),
        Err(error) => eprintln!("chat: cannot wait for signals: {error}"),
    }
    handle.drain(DrainPolicy::new()).await;
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
