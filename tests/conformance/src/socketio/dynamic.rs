//! `/dyn-*` and `/fn-*`: namespaces that come into being when a client asks for them.

use regex::Regex;
use sockeye::{
    SocketIo,
    socketio::{Ack, BoxError, Data, Namespace, Refusal, Socket, State, Value},
};

use super::{field, journal::Journal};

pub(super) fn serve(io: &SocketIo) {
    // `\d` of this crate would also match digits that are none in JavaScript.
    let numbered = Regex::new(r"^/dyn-[0-9]+$").expect("a valid pattern");
    let parent = io.dynamic(numbered);
    parent.middleware(async |socket: Socket| {
        socket.update_data(|data| *data = Value::Object(vec![field("parent", true)]));
        Ok::<_, Refusal>(())
    });
    let family = parent.clone();
    parent.on_connect(
        async move |socket: Socket, State(journal): State<Journal>| {
            journal.follow(&socket);
            socket.on(
                "parent-bc",
                async move |Data(value): Data<Option<Value>>| {
                    family.emit("from-parent", &(value,)).await
                },
            );
            socket.on(
                "sib",
                async |siblings: Namespace, Data(value): Data<Option<Value>>| {
                    siblings.emit("from-ns", &(value,)).await
                },
            );
            socket.on("get-data", async |socket: Socket, ack: Ack| {
                ack.send(&(socket.data::<Value>()?,))?;
                Ok::<_, BoxError>(())
            });
            welcome(socket).await
        },
    );

    let invited = io.dynamic(async |name: String, auth: Value| {
        name.starts_with("/fn-") && auth.get("allow") == Some(&Value::Bool(true))
    });
    invited.on_connect(welcome);
}

async fn welcome(socket: Socket) -> Result<(), BoxError> {
    socket.emit("ns", socket.namespace().name()).await?;
    Ok(())
}
