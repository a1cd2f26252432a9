//! `/auth-required`, `/refused` and `/slow`: namespaces whose middlewares decide.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sockeye::{
    SocketIo,
    socketio::{
        Ack, Arguments, BoxError, Data, DataError, EncodeError, Refusal, Socket, State, Value,
    },
};

use super::{field, journal::Journal};

pub(super) fn serve(io: &SocketIo) {
    auth_required(io);

    let refused = io.of("/refused");
    refused.middleware(async || Err(Refusal::new("nope")));

    let slow = io.of("/slow");
    slow.middleware(async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok::<_, Refusal>(())
    });
    slow.on_connect(async |socket: Socket| {
        socket.on("ack", async |Arguments(args), ack: Ack| ack.send(&args));
    });
}

fn auth_required(io: &SocketIo) {
    let namespace = io.of("/auth-required");
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    namespace.middleware(async move |socket: Socket| {
        counted.fetch_add(1, Ordering::Relaxed);
        note(&socket, vec!["first".into()])
    });
    namespace.middleware(async |socket: Socket, Data(auth): Data<Value>| {
        if auth.get("token").and_then(Value::as_str) != Some("secret") {
            let hint = Value::Object(vec![field("code", 401), field("hint", "token")]);
            return Err(Refusal::new("unauthorized").data(&hint));
        }
        let mut seen = noted(&socket)?;
        seen.push("second".into());
        Ok(note(&socket, seen)?)
    });
    namespace.on_connect(
        async move |socket: Socket, Data(auth): Data<Value>, State(journal): State<Journal>| {
            journal.follow(&socket);
            socket.on("mw-count", async move |ack: Ack| {
                ack.send(&runs.load(Ordering::Relaxed))
            });
            let seen: Vec<Value> = noted(&socket)?.into_iter().map(Value::from).collect();
            let user = auth.get("user").cloned();
            let welcome = Value::Object(vec![field("mw", seen), field("user", user)]);
            socket.emit("welcome", &welcome).await?;
            Ok::<_, BoxError>(())
        },
    );
}

/// The middlewares that a socket has passed, kept in its data.
fn noted(socket: &Socket) -> Result<Vec<String>, DataError> {
    #[derive(serde::Deserialize)]
    struct Passed {
        mw: Vec<String>,
    }
    socket.data().map(|Passed { mw }| mw)
}

fn note(socket: &Socket, seen: Vec<String>) -> Result<(), EncodeError> {
    let seen: Vec<Value> = seen.into_iter().map(Value::from).collect();
    socket.set_data(&Value::Object(vec![field("mw", seen)]))
}
