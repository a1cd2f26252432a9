//! axum's own `ws`, as its documentation and its chat example use it.

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::{any, get},
    serve::ListenerExt,
};
use tokio::{
    net::TcpListener,
    sync::broadcast::{self, error::RecvError},
};

use super::control;
use crate::Result;

pub(super) async fn serve(listener: TcpListener) -> Result<()> {
    let (everyone, _) = broadcast::channel::<Message>(1024);
    let router = Router::new()
        .route("/hello", get(async || "hello"))
        .route(
            "/echo/websocket",
            any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)),
        )
        .route(
            "/broadcast/websocket",
            any(async move |upgrade: WebSocketUpgrade| {
                upgrade.on_upgrade(move |socket| member(socket, everyone))
            }),
        );
    control::start(&[&listener])?;
    let listener = listener.tap_io(|stream| {
        // Without it, small answers wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_))
            && socket.send(message).await.is_err()
        {
            break;
        }
    }
}

async fn member(mut socket: WebSocket, everyone: broadcast::Sender<Message>) {
    let mut messages = everyone.subscribe();
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => {
                    if socket.send(message).await.is_err() {
                        break;
                    }
                }
                Err(RecvError::Lagged(_) | RecvError::Closed) => break,
            },
            message = socket.recv() => match message {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    // There is a receiver: this task.
                    let _ = everyone.send(message);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
        }
    }
}
