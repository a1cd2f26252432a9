//! Events back and forth, with and without answers, and bytes.

use std::time::Duration;

use bytes::Bytes;
use sockeye::socketio::{
    Ack, AckError, Arguments, BoxError, Data, EmitError, EmitWithAck, Socket, Value,
};
use tokio::time::{Instant, interval_at, sleep};

use crate::socketio::field;

pub(super) fn serve(socket: &Socket) {
    socket.on("echo", async |socket: Socket, Arguments(args)| {
        socket.emit("echo-back", &args).await
    });
    answers(socket);
    emits(socket);
    bytes(socket);
}

fn answers(socket: &Socket) {
    socket.on("ack", async |Arguments(args), ack: Ack| ack.send(&args));
    socket.on("ack-none", async |ack: Ack| ack.send(&()));
    socket.on("ack-double", async |ack: Ack| {
        ack.send("first")?;
        ack.send("second")
    });
    socket.on(
        "ack-later",
        async |Data((ms, value)): Data<(u64, Option<Value>)>, ack: Ack| {
            sleep(Duration::from_millis(ms)).await;
            ack.send(&(value,))
        },
    );
    socket.on("never", async || {});
    socket.on("ask", ask);
}

/// Asks the client, for as long as it says, and tells it what it answered.
async fn ask(
    socket: Socket,
    Data((event, args, timeout)): Data<(String, Vec<Value>, u64)>,
) -> Result<(), BoxError> {
    let mut asked: EmitWithAck<Vec<Value>> = socket.emit_with_ack(event, &args);
    if timeout > 0 {
        asked = asked.timeout(Duration::from_millis(timeout));
    }
    let result = match asked.await {
        Ok(args) => vec![field("ok", true), field("args", args)],
        Err(error @ AckError::Timeout) => {
            vec![field("ok", false), field("error", error.to_string())]
        }
        Err(error) => return Err(error.into()),
    };
    Ok(socket.emit("ask-result", &Value::Object(result)).await?)
}

fn emits(socket: &Socket) {
    socket.on(
        "send-many",
        async |socket: Socket, Data(n): Data<u64>, ack: Ack| {
            for i in 0..n {
                socket.emit("n", &i).await?;
            }
            ack.send(&n)
        },
    );
    socket.on(
        "ticks",
        async |socket: Socket, Data((count, ms)): Data<(u64, u64)>| {
            let period = Duration::from_millis(ms.max(1));
            let mut ticks = interval_at(Instant::now() + period, period);
            for i in 0..count {
                ticks.tick().await;
                match socket.emit("tick", &i).await {
                    Err(EmitError::Disconnected) => break,
                    sent => sent?,
                }
            }
            Ok::<_, EmitError>(())
        },
    );
    socket.on(
        "volatile-burst",
        async |socket: Socket, Data(n): Data<u64>| {
            for i in 0..n {
                socket.volatile().emit("v", &i).await?;
            }
            socket.emit("v-done", &n).await
        },
    );
    socket.on(
        "big",
        async |socket: Socket, Data((size, compress)): Data<(usize, Option<bool>)>| {
            let compressible = socket.compress(compress.unwrap_or(false));
            compressible.emit("blob", &"x".repeat(size)).await
        },
    );
}

fn bytes(socket: &Socket) {
    socket.on("bin-out", async |socket: Socket| {
        let binary = |bytes: &'static [u8]| Value::Binary(Bytes::from_static(bytes));
        let object = Value::Object(vec![
            field("a", vec![binary(&[0xaa]), "t".into()]),
            field("b", vec![field("c", binary(&[0xbb, 0xcc]))]),
            field("n", Value::Null),
        ]);
        socket
            .emit("bin", &(binary(&[0, 1, 2, 0xff]), object))
            .await
    });
    socket.on(
        "bin-len",
        async |Data(value): Data<Option<Value>>, ack: Ack| {
            let bytes = value.as_ref().and_then(Value::as_bytes);
            match bytes {
                Some(bytes) => ack.send(&bytes.len()),
                None => ack.send(&-1),
            }
        },
    );
}
