//! `/features`: everything that a socket can do.

mod basics;
mod catch_all;
mod changes;
mod information;
mod middleware;

use sockeye::{
    SocketIo,
    socketio::{Ack, Arguments, Data, Namespace, Socket, State, Value},
};

use super::{
    Node,
    broadcasts::{Choice, behind, gathered},
    field,
    journal::Journal,
};

pub(super) fn serve(io: &SocketIo) {
    let features = io.of("/features");
    features.on_connect(async |socket: Socket, State(journal): State<Journal>| {
        journal.follow(&socket);
        basics::serve(&socket);
        information::serve(&socket);
        changes::serve(&socket);
        broadcasts(&socket);
        middleware::serve(&socket);
        catch_all::serve(&socket);
    });
    between_servers(&features);
}

fn broadcasts(socket: &Socket) {
    socket.on(
        "bc",
        async |socket: Socket,
               Data((choice, event)): Data<(Choice, String)>,
               args: Arguments,
               ack: Ack| {
            choice.of(&socket).emit(event, &behind(2, args.0)).await?;
            ack.send(&true)
        },
    );
    socket.on(
        "bc-ack",
        async |socket: Socket,
               Data((choice, event)): Data<(Choice, String)>,
               args: Arguments,
               ack: Ack| {
            let asked = choice.of(&socket).emit_with_ack(event, &behind(2, args.0));
            ack.send(&gathered(asked).await)
        },
    );
}

/// What other nodes say to this one.
fn between_servers(features: &Namespace) {
    features.on_server_side(
        "ss-note",
        async |all: Namespace, Data(value): Data<Option<Value>>, State(Node(node)): State<Node>| {
            all.local().emit("ss-got", &(&*node, value)).await
        },
    );
    features.on_server_side(
        "ss-ask",
        async |Data(value): Data<Option<Value>>, State(Node(node)): State<Node>, ack: Ack| {
            ack.send(&Value::Object(vec![
                field("node", &*node),
                field("value", value),
            ]))
        },
    );
}
