//! The Socket.IO application, which is the same on every mount of it, a file for each family of
//! namespaces.

mod admin;
mod admission;
mod broadcasts;
mod dynamic;
mod features;
mod journal;
mod mounts;
mod plain;

pub(crate) use mounts::all;

use std::sync::Arc;

use sockeye::{
    SocketIo,
    socketio::{Builder, Socket, Value},
};

use journal::Journal;

/// The name that this node has among others.
#[derive(Clone)]
struct Node(Arc<str>);

/// The server of one mount, with every namespace in it.
fn application(builder: Builder, journal: Journal, node: &str) -> SocketIo {
    let io = builder
        .max_waiting_handlers(WAITING_HANDLERS)
        .state(journal)
        .state(Node(node.into()))
        .build();
    plain::serve(&io);
    features::serve(&io);
    admission::serve(&io);
    dynamic::serve(&io);
    admin::serve(&io);
    io
}

/// As many as questions whose answers a socket may wait for: a suite may have them all asked before
/// it answers the first, and answers are behind events that wait to be taken.
const WAITING_HANDLERS: usize = 1024;

/// A field of an object that is told to a client.
fn field(name: &'static str, value: impl Into<Value>) -> (sockeye::Text, Value) {
    (sockeye::Text::from_static(name), value.into())
}

/// The socket's rooms, sorted.
fn sorted_rooms(socket: &Socket) -> Vec<String> {
    sorted(&socket.rooms())
}

fn sorted(rooms: &[sockeye::Text]) -> Vec<String> {
    let mut rooms: Vec<String> = rooms.iter().map(ToString::to_string).collect();
    rooms.sort_unstable();
    rooms
}
