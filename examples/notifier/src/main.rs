//! An ordinary HTTP route that reaches browsers: what is posted to a topic, its subscribers hear.
//!
//! ```text
//! npm ci --prefix examples/notifier && cargo run -p example-notifier
//! ```
//!
//! Then open the address it prints, subscribe, and post from the page or from anywhere:
//!
//! ```text
//! curl -H 'content-type: application/json' -d '{"text":"it is out"}' localhost:3000/notify/releases
//! ```
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

mod pages;

use std::{io, process::ExitCode};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use serde::{Deserialize, Serialize};
use sockeye::{
    SocketIo,
    axum::RouterExt,
    socketio::{Ack, Data, EmitError, Socket},
};
use tokio::net::TcpListener;

/// What can be subscribed to. Clients name rooms here, so they choose from a list.
const TOPICS: [&str; 3] = ["releases", "orders", "alerts"];

/// Characters of one notification.
const MAX_TEXT: usize = 500;

// ---- Socket.IO: who hears what

async fn subscriber(socket: Socket) {
    socket.on("subscribe", subscribe);
    socket.on("unsubscribe", unsubscribe);
}

/// A topic is a room. The answer says whether it worked; the socket leaves by itself when it goes.
async fn subscribe(socket: Socket, Data(topic): Data<String>, ack: Ack) -> Result<(), EmitError> {
    let is_in = TOPICS.contains(&topic.as_str()) && socket.join(topic).is_ok();
    ack.send(&is_in)
}

async fn unsubscribe(socket: Socket, Data(topic): Data<String>, ack: Ack) -> Result<(), EmitError> {
    ack.send(&socket.leave(&topic))
}

// ---- HTTP: who says what

#[derive(Deserialize)]
struct Posted {
    text: String,
}

#[derive(Serialize)]
struct Notification<'a> {
    topic: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Told {
    reached: usize,
}

/// `io` is ordinary state of the app. In front of this route belongs whatever says who may post;
/// pages of other sites cannot, as JSON takes a preflight that nobody answers.
async fn notify(
    State(io): State<SocketIo>,
    Path(topic): Path<String>,
    Json(posted): Json<Posted>,
) -> Result<Json<Told>, StatusCode> {
    if !TOPICS.contains(&topic.as_str()) {
        return Err(StatusCode::NOT_FOUND);
    }
    let text = posted.text.trim();
    if text.is_empty() || text.chars().count() > MAX_TEXT {
        return Err(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let notification = Notification {
        topic: &topic,
        text,
    };
    let told = io.to(topic.as_str()).emit("notification", &notification);
    match told.await {
        Ok(outcome) => Ok(Json(Told {
            reached: outcome.reached,
        })),
        Err(error) => {
            eprintln!("notifier: {error}");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

// ---- the program

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("notifier: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let io = SocketIo::builder()
        .client_files(pages::CLIENT_FOLDER)
        .map_err(pages::with_advice)?
        .build();
    io.of("/").on_connect(subscriber);
    let app = Router::new()
        .route("/notify/{topic}", post(notify))
        .with_state(io.clone())
        .merge(pages::routes())
        .socketio("/socket.io", &io);

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    println!("open http://{address}/");
    sockeye::serve(listener, app).await
}
