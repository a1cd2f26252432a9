//! From an event to its handlers.

use sockeye_core::{Text, socketio::Data};

use crate::{
    EventError, EventErrorKind, Socket,
    call::{AckSlot, Call, Occasion},
    event::Event,
    listeners::{Matched, run_all},
    start::Starter,
};

/// An event whose handlers have been found, and may have to wait for its turn.
pub(crate) struct Held {
    socket: Socket,
    data: Data,
    ack: Option<AckSlot>,
    matched: Matched,
}

impl Held {
    /// Finds the handlers: what was registered when the event arrived.
    pub(crate) fn new(socket: &Socket, data: Data, ack: Option<AckSlot>) -> Self {
        let matched = match data.event_name() {
            Some(name) => socket.matching(&name),
            None => Matched::default(),
        };
        Self {
            socket: socket.clone(),
            data,
            ack,
            matched,
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Bytes that it holds, about.
    pub(crate) fn weight(&self) -> usize {
        self.data.weight()
    }
}

/// Starts the handlers: those of every event, then behind the middlewares those of this one.
pub(crate) fn dispatch(held: Held, starter: &mut Starter<'_, '_>) {
    let Held {
        socket,
        data,
        ack,
        mut matched,
    } = held;
    if matched.is_empty() {
        tracing::debug!("nobody listens to an event");
        return;
    }
    let is_sequential = socket.namespace().is_sequential();
    if !matched.middlewares.is_empty() {
        let middlewares = std::mem::take(&mut matched.middlewares);
        let name = data.event_name();
        let name = name.map_or_else(Text::default, |name| Text::from(&*name));
        let any = std::mem::take(&mut matched.any);
        if !any.is_empty() {
            let call = call(&socket, &data, ack.clone());
            for run in any {
                run.start(&call, starter);
            }
        }
        let busy = is_sequential.then(|| socket.busy());
        starter.start(async move {
            let _busy = busy;
            let called = name.clone();
            let mut event = Event {
                socket: socket.clone(),
                name,
                data,
                ack,
            };
            for middleware in middlewares {
                match middleware.intercept(event).await {
                    Ok(passed) => event = passed,
                    Err(error) => {
                        let kind = EventErrorKind::Middleware(error);
                        let event = called;
                        socket.report(EventError { event, kind }).await;
                        return;
                    }
                }
            }
            let matched = socket.matching_behind(&event.name);
            let runs = matched.into_named();
            let occasion = Occasion::Event {
                data: event.data,
                ack: event.ack,
            };
            let call = Call::of_socket(&socket, occasion).named(event.name);
            run_all(runs, call).await;
        });
        return;
    }
    // The data moves along: a clone would cost the ordinary event an allocation.
    let busy = is_sequential.then(|| socket.busy());
    let name = std::mem::take(&mut matched.name);
    let call = Call::of_socket(&socket, Occasion::Event { data, ack }).named(name);
    if let Some(busy) = busy {
        let runs: Vec<_> = std::mem::take(&mut matched.any)
            .into_iter()
            .chain(matched.into_named())
            .collect();
        starter.start(async move {
            let _busy = busy;
            run_all(runs, call).await;
        });
        return;
    }
    for run in std::mem::take(&mut matched.any)
        .into_iter()
        .chain(matched.into_named())
    {
        run.start(&call, starter);
    }
}

fn call(socket: &Socket, data: &Data, ack: Option<AckSlot>) -> Call {
    let data = data.clone();
    Call::of_socket(socket, Occasion::Event { data, ack })
}
