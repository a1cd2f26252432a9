//! The room over Socket.IO: a socket, and a handler for each of its events.

use std::{io, sync::Arc};

use sockeye::{
    Handle, Origins, SocketIo,
    socketio::{Data, EventError, Extension, Socket},
};

use crate::{
    pages,
    peer::Peer,
    room::{Room, Seat},
    wire::{Join, Say, Tell},
};

/// The server: its options, and what it does with sockets.
///
/// # Errors
///
/// When the browser's client is not installed.
pub(crate) fn server(room: Arc<Room>, handle: &Handle) -> io::Result<SocketIo> {
    let handle = handle.clone();
    let io = SocketIo::builder()
        // As the SockJS mount: pages from elsewhere gain nothing here, and one drain ends both.
        .engine_io(move |engine| engine.allowed_origins(Origins::Any).handle(&handle))
        .client_files(pages::SOCKETIO_FOLDER)
        .map_err(pages::with_advice)?
        .build();
    io.of("/").on_connect(async move |socket: Socket| {
        socket.on(
            "join",
            async move |socket: Socket, Data(join): Data<Join>| {
                enter(&room, &socket, join);
            },
        );
        socket.on("say", say);
        socket.on("moved", moved);
        socket.on_error(async |socket: Socket, error: Arc<EventError>| {
            let reason = error.to_string();
            Peer::SocketIo(socket).tell(&Tell::Refused { reason: &reason });
        });
    });
    Ok(io)
}

/// The seat is kept with the socket, which lets go of it when it disconnects: so it leaves the room.
fn enter(room: &Arc<Room>, socket: &Socket, join: Join) {
    match socket.extension::<Arc<Seat>>() {
        Some(seat) => seat.refuse("you are in already"),
        None => {
            if let Some(seat) = room.seat(Peer::SocketIo(socket.clone()), join) {
                socket.insert(Arc::new(seat));
            }
        }
    }
}

async fn say(socket: Socket, seat: Option<Extension<Arc<Seat>>>, Data(say): Data<Say>) {
    match seat {
        Some(seat) => seat.say(say),
        None => Peer::SocketIo(socket).tell(&Tell::Refused {
            reason: "tell your name first",
        }),
    }
}

/// The page says this once its connection has gone over from polling to WebSocket.
async fn moved(Extension(seat): Extension<Arc<Seat>>) {
    seat.moved();
}
