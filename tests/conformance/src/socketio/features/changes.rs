//! A socket's rooms and data, and its end.

use sockeye::socketio::{Ack, BoxError, Data, Socket, Value};

use crate::socketio::{broadcasts::Names, sorted_rooms};

pub(super) fn serve(socket: &Socket) {
    socket.on(
        "join",
        async |socket: Socket, Data(rooms): Data<(Names,)>, ack: Ack| {
            socket.join_all(rooms.0.into_vec())?;
            ack.send(&(sorted_rooms(&socket),))?;
            Ok::<_, BoxError>(())
        },
    );
    socket.on(
        "leave",
        async |socket: Socket, Data(room): Data<String>, ack: Ack| {
            socket.leave(&room);
            ack.send(&(sorted_rooms(&socket),))
        },
    );
    socket.on(
        "set-data",
        async |socket: Socket, Data(new): Data<Value>, ack: Ack| {
            socket.update_data(|data| merge(data, new));
            ack.send(&(socket.data::<Value>()?,))?;
            Ok::<_, BoxError>(())
        },
    );
    socket.on(
        "disconnect-me",
        async |socket: Socket, Data(close): Data<Option<bool>>| {
            socket.disconnect(close.unwrap_or(false));
        },
    );
}

/// Puts the members of an object in place of those of another, at the first level.
fn merge(data: &mut Value, new: Value) {
    let (Value::Object(members), Value::Object(new)) = (data, new) else {
        return;
    };
    for (name, value) in new {
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => members.push((name, value)),
        }
    }
}
