//! What is kept with a socket, to its end.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use sockeye_socketio::{Extension, Socket, SocketIo};
use sockeye_tower::test::Client;
use tokio::sync::mpsc;

/// Something that holds the socket that it is kept with.
struct Seat {
    number: u32,
    _socket: Socket,
}

/// A server that keeps a seat with each socket and tells of those whose sockets have left, and a
/// client with one.
async fn seated() -> (Client, SocketIo, mpsc::UnboundedReceiver<(u32, Weak<Seat>)>) {
    let (left, leaving) = mpsc::unbounded_channel();
    let io = SocketIo::new();
    io.of("/").on_connect(async move |socket: Socket| {
        socket.insert(Arc::new(Seat {
            number: 7,
            _socket: socket.clone(),
        }));
        socket.on_disconnect(async move |Extension(seat): Extension<Arc<Seat>>| {
            left.send((seat.number, Arc::downgrade(&seat)))
        });
        socket.on("leave", async |socket: Socket| socket.disconnect(false));
    });
    (Client::new(io.service()), io, leaving)
}

#[tokio::test(start_paused = true)]
async fn handlers_of_the_disconnection_find_it_and_then_it_goes() {
    let (client, io, mut leaving) = seated().await;
    for leave in ["1", "41", "42[\"leave\"]"] {
        let session = client.engineio("/").open().await.unwrap();
        session.send("0").await.unwrap();
        session.recv().await.unwrap();
        match leave {
            // By the connection's end, by the client's word, by the server's.
            "1" => session.close().await.unwrap(),
            packet => session.send(&packet[1..]).await.unwrap(),
        }
        let told = tokio::time::timeout(Duration::from_secs(60), leaving.recv()).await;
        let (number, seat) = told.unwrap().unwrap();
        assert_eq!(number, 7, "{leave}");
        assert!(seat.upgrade().is_none(), "{leave}");
    }
    drop(io);
}
