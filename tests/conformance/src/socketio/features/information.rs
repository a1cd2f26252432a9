//! What a socket knows of itself, told by answers.

use std::sync::{Arc, Mutex, PoisonError};

use sockeye::{
    Text,
    socketio::{Ack, BoxError, Extension, Socket, State, Value},
};

use crate::socketio::{Node, field, sorted_rooms};

/// The transports that a socket has been seen on. There is one way to go, from polling to a
/// WebSocket, so that looking when it is asked for sees all.
#[derive(Clone)]
struct Seen(Arc<Mutex<Vec<&'static str>>>);

pub(super) fn serve(socket: &Socket) {
    socket.insert(Seen(Arc::new(Mutex::new(vec![socket.transport().name()]))));
    socket.on("handshake", async |socket: Socket, ack: Ack| {
        ack.send(&handshake(&socket))
    });
    socket.on("transport", async |socket: Socket, ack: Ack| {
        ack.send(socket.transport().name())
    });
    socket.on(
        "transports-seen",
        async |socket: Socket, Extension(Seen(seen)): Extension<Seen>, ack: Ack| {
            let seen = {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                let now = socket.transport().name();
                if seen.last() != Some(&now) {
                    seen.push(now);
                }
                seen.clone()
            };
            ack.send(&(seen,))
        },
    );
    socket.on("rooms", async |socket: Socket, ack: Ack| {
        ack.send(&(sorted_rooms(&socket),))
    });
    socket.on("get-data", async |socket: Socket, ack: Ack| {
        ack.send(&(socket.data::<Value>()?,))?;
        Ok::<_, BoxError>(())
    });
    socket.on("node", async |State(Node(node)): State<Node>, ack: Ack| {
        ack.send(&*node)
    });
}

fn handshake(socket: &Socket) -> Value {
    let of_socket = vec![
        field("id", socket.id().as_str()),
        field("nsp", socket.namespace().name()),
        field("protocol", socket.protocol()),
        field("recovered", socket.is_recovered()),
        field("connected", socket.is_connected()),
    ];
    let of_client: Vec<(Text, Value)> = match socket.handshake().to_value() {
        Value::Object(fields) => fields,
        _ => Vec::new(),
    };
    Value::Object(of_socket.into_iter().chain(of_client).collect())
}
