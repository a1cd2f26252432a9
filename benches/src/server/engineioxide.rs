//! engineioxide under axum, with the handler of its documentation made to echo.

use std::sync::Arc;

use axum::{Router, routing::get, serve::ListenerExt};
use bytes::Bytes;
use engineioxide::{DisconnectReason, Socket, Str, handler::EngineIoHandler, layer::EngineIoLayer};
use tokio::net::TcpListener;

use super::control;
use crate::Result;

#[derive(Clone, Debug)]
struct Echo;

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<()>>) {
        // It errs when 128 messages wait, which the generator would see as one that never came.
        socket.emit(message).ok();
    }

    fn on_binary(self: &Arc<Self>, message: Bytes, socket: Arc<Socket<()>>) {
        socket.emit_binary(message).ok();
    }
}

pub(super) async fn serve(listener: TcpListener) -> Result<()> {
    let router = Router::<()>::new()
        .route("/hello", get(async || "hello"))
        .layer(EngineIoLayer::new(Arc::new(Echo)));
    control::start(&[&listener])?;
    let listener = listener.tap_io(|stream| {
        // Without it, small answers wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}
