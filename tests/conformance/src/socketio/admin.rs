//! `/admin`: acts on the mount it belongs to.

use std::time::Duration;

use sockeye::{
    SocketIo,
    socketio::{Ack, AckError, Arguments, BoxError, Data, RemoteSocket, Socket, State, Value},
};

use super::{
    broadcasts::{Names, Sel, behind, gathered},
    field,
    journal::Journal,
    sorted,
};

pub(super) fn serve(io: &SocketIo) {
    io.of("/admin").on_connect(async |socket: Socket| {
        acts(&socket);
        asks(&socket);
        tells(&socket);
    });
}

/// What is done to sockets.
fn acts(socket: &Socket) {
    socket.on(
        "emit",
        async |io: SocketIo, Data((sel, event)): Data<(Sel, String)>, args: Arguments, ack: Ack| {
            sel.of(&io).emit(event, &behind(2, args.0)).await?;
            ack.send(&true)
        },
    );
    socket.on(
        "join",
        async |io: SocketIo, Data((sel, rooms)): Data<(Sel, Names)>, ack: Ack| {
            sel.of(&io).join_all(rooms.into_vec());
            ack.send(&true)
        },
    );
    socket.on(
        "leave",
        async |io: SocketIo, Data((sel, rooms)): Data<(Sel, Names)>, ack: Ack| {
            sel.of(&io).leave_all(rooms.into_vec());
            ack.send(&true)
        },
    );
    socket.on(
        "kick",
        async |io: SocketIo, Data((sel, close)): Data<(Sel, Option<bool>)>, ack: Ack| {
            sel.of(&io).disconnect(close.unwrap_or(false));
            ack.send(&true)
        },
    );
    socket.on(
        "ss-emit",
        async |io: SocketIo,
               Data((nsp, event)): Data<(String, String)>,
               args: Arguments,
               ack: Ack| {
            io.of(nsp).server_side_emit(event, &behind(2, args.0))?;
            ack.send(&true)
        },
    );
}

/// What clients and other nodes are asked.
fn asks(socket: &Socket) {
    socket.on(
        "emit-ack",
        async |io: SocketIo,
               Data((sel, timeout, event)): Data<(Sel, u64, String)>,
               args: Arguments,
               ack: Ack| {
            let chosen = sel.of(&io).timeout(Duration::from_millis(timeout));
            let asked = chosen.emit_with_ack(event, &behind(3, args.0));
            ack.send(&gathered(asked).await)
        },
    );
    socket.on(
        "ss-ask",
        async |io: SocketIo,
               Data((nsp, event)): Data<(String, String)>,
               args: Arguments,
               ack: Ack| {
            let asked = io
                .of(nsp)
                .server_side_emit_with_ack(event, &behind(2, args.0));
            ack.send(&gathered(asked).await)
        },
    );
    socket.on(
        "to-id",
        async |io: SocketIo,
               Data((nsp, id, event)): Data<(String, String, String)>,
               args: Arguments,
               ack: Ack| {
            let answer = match ask_one(&io, &nsp, &id, &event, behind(3, args.0)).await {
                Ok(value) => vec![field("ok", true), field("value", value)],
                Err(error) => vec![field("ok", false), field("error", error.to_string())],
            };
            ack.send(&Value::Object(answer))
        },
    );
}

/// What is known of the mount.
fn tells(socket: &Socket) {
    socket.on(
        "fetch",
        async |io: SocketIo, Data(sel): Data<Sel>, ack: Ack| {
            let answer = match sel.of(&io).fetch_sockets().await {
                Ok(mut found) => {
                    found.sockets.sort_unstable_by(|a, b| a.id().cmp(b.id()));
                    let described: Result<Vec<Value>, _> = found.iter().map(described).collect();
                    Value::Array(described?)
                }
                Err(error) => Value::Object(vec![field("error", error.to_string())]),
            };
            ack.send(&(answer,))?;
            Ok::<_, BoxError>(())
        },
    );
    socket.on(
        "log",
        async |Data(id): Data<String>, State(journal): State<Journal>, ack: Ack| {
            ack.send(&(journal.of(&id),))
        },
    );
    socket.on(
        "errors",
        async |State(journal): State<Journal>, ack: Ack| {
            let errors = journal.errors().into_iter();
            let errors = errors.map(|(code, message)| {
                Value::Object(vec![field("code", code), field("message", message)])
            });
            ack.send(&(errors.collect::<Vec<Value>>(),))
        },
    );
    socket.on("stats", async |io: SocketIo, ack: Ack| {
        ack.send(&stats(&io))
    });
    socket.on("server-count", async |io: SocketIo, ack: Ack| {
        ack.send(&io.of("/features").server_count().await?)?;
        Ok::<_, BoxError>(())
    });
}

async fn ask_one(
    io: &SocketIo,
    nsp: &str,
    id: &str,
    event: &str,
    args: Vec<Value>,
) -> Result<Option<Value>, BoxError> {
    let found = io.of(nsp).to(id).fetch_sockets().await?;
    let socket = found.first().ok_or("no such socket")?;
    let answer: Result<_, AckError> = socket
        .emit_with_ack(event, &args, Duration::from_secs(2))
        .await;
    Ok(answer?)
}

/// A socket of any node, as `fetch` tells of it.
fn described(socket: &RemoteSocket) -> Result<Value, BoxError> {
    let handshake = |name| socket.handshake().get(name).cloned();
    let rooms: Vec<Value> = sorted(socket.rooms())
        .into_iter()
        .map(Value::from)
        .collect();
    Ok(Value::Object(vec![
        field("id", socket.id().as_str()),
        field("rooms", rooms),
        field("data", socket.data::<Value>()?),
        field("auth", handshake("auth")),
        field("query", handshake("query")),
    ]))
}

fn stats(io: &SocketIo) -> Value {
    let namespaces = io.namespaces().into_iter();
    let counts = namespaces.map(|it| (it.name().into(), Value::from(it.rooms().known())));
    let features = io.of("/features");
    // Each socket is in a room of its own, besides those that have been joined.
    let rooms = features.rooms().rooms().len() + features.rooms().known();
    Value::Object(vec![
        field("clients", io.clients()),
        field("nsps", counts.collect::<Vec<_>>()),
        field("rooms", rooms),
    ])
}
