//! Sockeye, under its own loop and under axum's.

use std::sync::{Arc, Mutex, PoisonError};

use ::sockeye::{
    EngineIo, Sender, Session, SockJs, SocketIo,
    axum::RouterExt,
    socketio::{Ack, Data, Socket},
};
use axum::{Router, routing::get, serve::ListenerExt};
use tokio::net::TcpListener;
use tower_layer::Layer;

use super::control;
use crate::Result;

/// The mounts in front of a plain application, and on the second listener that application alone.
pub(super) async fn serve(listener: TcpListener, twin: TcpListener) -> Result<()> {
    let members = Members::default();
    let mounted = SockJs::new(move |session| broadcast(session, members.clone()))
        .max_sessions(MANY)
        .layer("/broadcast")
        .layer(application());
    let mounted = SockJs::new(echo)
        .max_sessions(MANY)
        .layer("/echo")
        .layer(mounted);
    let mounted = EngineIo::new(echo)
        .max_sessions(MANY)
        .layer("/engine.io")
        .layer(mounted);
    let mounted = socketio().layer("/socket.io").layer(mounted);
    control::start(&[&listener, &twin])?;
    tokio::spawn(::sockeye::serve(twin, application()).into_future());
    Ok(::sockeye::serve(listener, mounted).await?)
}

/// The same application under `axum::serve`.
pub(super) async fn serve_on_axum(listener: TcpListener) -> Result<()> {
    let members = Members::default();
    let broadcast = SockJs::new(move |session| broadcast(session, members.clone()));
    let router = application()
        .sockjs("/echo", SockJs::new(echo).max_sessions(MANY))
        .sockjs("/broadcast", broadcast.max_sessions(MANY))
        .engineio("/engine.io", EngineIo::new(echo).max_sessions(MANY));
    let router = router.socketio("/socket.io", &socketio());
    control::start(&[&listener])?;
    let listener = listener.tap_io(|stream| {
        // Without it, small answers wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

/// More sessions than the harness ever opens.
const MANY: usize = 1_000_000;

/// Socket.IO: in the main namespace `echo` is answered with `echo`, `ack` by its ack, and `broadcast`
/// goes to everyone, each with its one text argument.
fn socketio() -> SocketIo {
    let io = SocketIo::builder()
        .engine_io(|engine| engine.max_sessions(MANY))
        .build();
    io.of("/").on_connect(async |socket: Socket| {
        socket.on("echo", async |socket: Socket, Data(text): Data<String>| {
            socket.emit("echo", &text).await
        });
        socket.on("ack", async |Data(text): Data<String>, ack: Ack| {
            ack.send(&text)
        });
        socket.on(
            "broadcast",
            async |socket: Socket, Data(text): Data<String>| {
                socket.namespace().emit("broadcast", &text).await.map(drop)
            },
        );
    });
    io
}

fn application() -> Router {
    Router::new().route("/hello", get(async || "hello"))
}

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

type Members = Arc<Mutex<Vec<Sender>>>;

async fn broadcast(mut session: Session, members: Members) {
    let lock = || members.lock().unwrap_or_else(PoisonError::into_inner);
    lock().push(session.sender());
    while let Some(message) = session.recv().await {
        ::sockeye::broadcast(lock().iter(), message);
    }
    lock().retain(|member| member.id() != session.id());
}
