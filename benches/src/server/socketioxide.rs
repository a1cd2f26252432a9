//! socketioxide under axum, as its README mounts it.

use axum::{Router, routing::get, serve::ListenerExt};
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
};
use tokio::net::TcpListener;

use super::control;
use crate::Result;

pub(super) async fn serve(listener: TcpListener) -> Result<()> {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", on_connect);
    let router = Router::<()>::new()
        .route("/hello", get(async || "hello"))
        .layer(layer);
    control::start(&[&listener])?;
    let listener = listener.tap_io(|stream| {
        // Without it, small answers wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

// What errs is not sent, which the generator would see as a message that never came.
async fn on_connect(socket: SocketRef) {
    socket.on("echo", async |socket: SocketRef, Data::<String>(text)| {
        socket.emit("echo", &text).ok();
    });
    socket.on("ack", async |Data::<String>(text), ack: AckSender| {
        ack.send(&text).ok();
    });
    socket.on("broadcast", async |io: SocketIo, Data::<String>(text)| {
        io.emit("broadcast", &text).await.ok();
    });
}
