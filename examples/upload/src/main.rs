//! Files from the browser in binary chunks, each answered once it is written.
//!
//!     npm ci --prefix examples/upload && cargo run -p example-upload
//!
//! Then open the address it prints. On a fast machine there is little to see: with
//! `cargo run -p example-upload -- 127.0.0.1:3000 100` each chunk takes 100 ms more to write.
//!
//! What holds a fast sender back: the page has four chunks under way and sends the next when one is
//! answered, so its progress is what the server has, not what the browser has queued. And a page that
//! does not wait for answers gets no further: chunks are handled one after another, few of them wait,
//! and then its connection is not read.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

mod pages;
mod upload;

use std::{io, process::ExitCode, time::Duration};

use axum::Router;
use sockeye::{
    SocketIo,
    axum::RouterExt,
    socketio::{Ack, Binary, Data, EmitError, Extension, Socket, State},
};
use tokio::net::TcpListener;

use crate::upload::{Begin, Disk, Slot};

/// Bytes of one message: a chunk of 64 KiB, also where a poll carries it as base64.
const MAX_MESSAGE: usize = 128 * 1024;

async fn arrive(socket: Socket) {
    // What is under way is kept with the socket, and goes with it.
    socket.insert(Slot::default());
    socket.on("begin", begin);
    socket.on("chunk", chunk);
    socket.on("finish", finish);
}

async fn begin(
    State(disk): State<Disk>,
    Extension(slot): Extension<Slot>,
    Data(begin): Data<Begin>,
    ack: Ack,
) -> Result<(), EmitError> {
    ack.send(&slot.begin(&disk, begin).await)
}

async fn chunk(
    State(disk): State<Disk>,
    Extension(slot): Extension<Slot>,
    bytes: Binary,
    ack: Ack,
) -> Result<(), EmitError> {
    ack.send(&slot.write(&disk, &bytes).await)
}

async fn finish(Extension(slot): Extension<Slot>, ack: Ack) -> Result<(), EmitError> {
    ack.send(&slot.finish().await)
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("upload: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:3000".into());
    let delay = arguments.next().map_or(Ok(0), |it| it.parse());
    let delay =
        delay.map_err(|_| io::Error::other("the delay must be a number of milliseconds"))?;

    let io = SocketIo::builder()
        .engine_io(|engine| engine.max_message_size(MAX_MESSAGE))
        .max_attachments(1)
        .max_waiting_handlers(4)
        .state(Disk::new(Duration::from_millis(delay)))
        .client_files(pages::CLIENT_FOLDER)
        .map_err(pages::with_advice)?
        .build();
    // A chunk is written when the one before it is.
    io.of("/").sequential();
    io.of("/").on_connect(arrive);
    let app = Router::new()
        .merge(pages::routes())
        .socketio("/socket.io", &io);

    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    println!("open http://{address}/");
    sockeye::serve(listener, app).await
}
