//! A middleware of a socket's events, which refuses one and changes another.

use std::sync::Arc;

use sockeye::socketio::{
    Ack, BoxError, Data, EmitError, Event, EventError, EventErrorKind, Socket, Value,
};

pub(super) fn serve(socket: &Socket) {
    socket.intercept(async |mut event: Event| match event.name() {
        "blocked" => Err(BLOCKED.into()),
        "mutate" => {
            let mut args: Vec<Value> = event.arguments()?;
            let value = text(args.first());
            if args.is_empty() {
                args.push(Value::Null);
            }
            args[0] = format!("mutated:{value}").into();
            event.set_arguments(&args)?;
            Ok::<_, BoxError>(event)
        }
        _ => Ok(event),
    });
    socket.on_error(async |socket: Socket, error: Arc<EventError>| {
        if matches!(error.kind(), EventErrorKind::Middleware(refusal) if refusal.to_string() == BLOCKED) {
            socket.emit("mw-error", BLOCKED).await?;
        }
        Ok::<_, EmitError>(())
    });
    // The middleware stands before it, so it must never run.
    socket.on("blocked", async |socket: Socket, ack: Ack| {
        socket.emit("blocked-back", &()).await?;
        ack.send("dispatched")
    });
    socket.on(
        "mutate",
        async |socket: Socket, Data(value): Data<Value>| {
            socket.emit("mutate-back", &(value,)).await
        },
    );
}

/// As JavaScript puts it into text.
fn text(value: Option<&Value>) -> String {
    match value {
        None => "undefined".into(),
        Some(Value::Null) => "null".into(),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.to_string(),
        Some(Value::Binary(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Object(_)) => "[object Object]".into(),
        Some(Value::Array(elements)) => {
            let texts = elements.iter().map(|element| match element {
                Value::Null => String::new(),
                other => text(Some(other)),
            });
            texts.collect::<Vec<_>>().join(",")
        }
    }
}

const BLOCKED: &str = "blocked by middleware";
