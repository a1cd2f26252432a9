//! tokio-tungstenite without HTTP server: as it comes, and as it can be tuned from outside.

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Error, protocol::WebSocketConfig},
};

use super::control;
use crate::Result;

#[derive(Clone, Copy)]
pub(super) enum Tuning {
    /// Default settings, a flush per message.
    Default,
    /// A small read buffer, and one flush when no further message is there.
    Tuned,
}

pub(super) async fn serve(listener: TcpListener, tuning: Tuning) -> Result<()> {
    control::start(&[&listener])?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, tuning));
    }
}

// The end of a connection, orderly or not, is no concern here.
async fn connection(stream: TcpStream, tuning: Tuning) {
    let config = WebSocketConfig::default();
    let config = match tuning {
        Tuning::Default => config,
        Tuning::Tuned => config.read_buffer_size(4096),
    };
    let Ok(socket) = accept_async_with_config(stream, Some(config)).await else {
        return;
    };
    let _ = match tuning {
        Tuning::Default => echo(socket).await,
        Tuning::Tuned => echo_joined(socket).await,
    };
}

async fn echo(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn echo_joined(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(first) = socket.next().await {
        let mut next = Some(first);
        while let Some(message) = next.take() {
            let message = message?;
            if message.is_text() || message.is_binary() {
                socket.feed(message).await?;
            }
            next = socket.next().now_or_never().flatten();
        }
        socket.flush().await?;
    }
    Ok(())
}
