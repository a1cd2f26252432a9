//! One room whose members come over SockJS, plain WebSockets and event streams.
//!
//!     npm ci --prefix examples/rooms && cargo run -p example-rooms
//!
//! Then open the address it prints. The page is in the room three times, once over each; what is posted to `/say`, an ordinary
//! axum route, reaches all of them, and whatever else is connected:
//!
//!     curl -N localhost:3000/events
//!     curl -d text=hello localhost:3000/say
//!
//! ctrl-c or SIGTERM says goodbye to all and ends the program.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

mod options;
mod pages;
mod room;

use std::{io, process::ExitCode, time::Duration};

use axum::{Form, Json, Router, extract::State, http::StatusCode, routing::post};
use serde::Deserialize;
use sockeye::{
    DrainPolicy, EventStream, Handle, Handler, Session, SockJs, WebSocket, axum::RouterExt,
};
use tokio::net::TcpListener;

use crate::{options::Options, room::Room};

/// How long a browser waits before it comes back to a stream that ended.
const RETRY: Duration = Duration::from_millis(500);

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
            eprintln!("rooms: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> io::Result<()> {
    let pages = pages::routes()?;
    let handle = Handle::new();
    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    println!("open http://{address}/");

    tokio::spawn(drain_on_signal(handle.clone()));
    sockeye::serve(listener, app(&options, &handle).merge(pages))
        .handle(&handle)
        .await
}

fn app(options: &Options, handle: &Handle) -> Router {
    let room = Room::default();
    Router::new()
        .route("/say", post(say))
        .route("/end", post(end))
        .with_state(room.clone())
        .sockjs(
            "/sockjs",
            SockJs::new(visitor(&room))
                .allowed_origins(options.origins())
                .heartbeat_interval(options.heartbeat)
                .handle(handle),
        )
        .websocket(
            "/websocket",
            WebSocket::new(visitor(&room))
                .allowed_origins(options.origins())
                .heartbeat_interval(options.heartbeat)
                .handle(handle),
        )
        .event_stream(
            "/events",
            EventStream::new(visitor(&room))
                .allowed_origins(options.origins())
                .heartbeat_interval(options.heartbeat)
                .retry(RETRY)
                .handle(handle),
        )
}

/// The handler of all three mounts: a session is a session.
fn visitor(room: &Room) -> impl Handler + use<> {
    let room = room.clone();
    async move |session: Session| room.visit(session).await
}

#[derive(Deserialize)]
struct Said {
    text: String,
}

/// An ordinary route: what it is told, the room hears.
async fn say(State(room): State<Room>, Form(said): Form<Said>) -> Result<Json<usize>, StatusCode> {
    if said.text.is_empty() || said.text.len() > room::MAX_TEXT {
        return Err(StatusCode::UNPROCESSABLE_ENTITY);
    }
    Ok(Json(room.say("POST /say", &said.text)))
}

#[derive(Deserialize)]
struct End {
    transport: String,
}

/// Ends the sessions of one kind, as a logout would end those of one user. Their pages come back.
async fn end(State(room): State<Room>, Form(end): Form<End>) -> Json<usize> {
    Json(room.end(&end.transport))
}

/// Lets everyone go with a goodbye when the program is told to stop.
async fn drain_on_signal(handle: Handle) {
    match stop_signal().await {
        Ok(()) => println!("stopping: saying goodbye to {} sessions", handle.sessions()),
        Err(error) => eprintln!("rooms: cannot wait for signals: {error}"),
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
