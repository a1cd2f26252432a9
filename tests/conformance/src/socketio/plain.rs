//! `/` and `/custom`.

use sockeye::{
    SocketIo,
    socketio::{Ack, Arguments, Data, EmitError, Namespace, Socket, Value},
};

pub(super) fn serve(io: &SocketIo) {
    for name in ["/", "/custom"] {
        io.of(name).on_connect(connected);
    }
}

async fn connected(socket: Socket, Data(auth): Data<Value>) -> Result<(), EmitError> {
    socket.on("message", async |socket: Socket, Arguments(args)| {
        socket.emit("message-back", &args).await
    });
    socket.on("message-with-ack", async |Arguments(args), ack: Ack| {
        ack.send(&args)
    });
    socket.on("broadcast", async |all: Namespace, Arguments(args)| {
        all.emit("broadcast", &args).await
    });
    socket.emit("auth", &(auth,)).await
}
