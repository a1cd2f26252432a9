//! From an event to its handlers.

use std::sync::Arc;

use sockeye_core::{Text, socketio::Data};

use crate::{
    EventError, EventErrorKind, Socket,
    call::{AckSlot, Call, Occasion, Of},
    event::Event,
    listeners::{Intercept, Matched, Several, run_all},
    start::Starter,
};

/// An event that may have to wait for its turn.
pub(crate) struct Held {
    socket: Socket,
    data: Data,
    ack: Option<AckSlot>,
    /// Its handlers, once they have been found.
    matched: Option<Matched>,
}

impl Held {
    /// Finds the handlers: what was registered when the event arrived. Where events are handled one
    /// after another they are found later, as those before it may register them.
    pub(crate) fn new(socket: Socket, data: Data, ack: Option<AckSlot>) -> Self {
        let mut held = Self {
            socket,
            data,
            ack,
            matched: None,
        };
        if !held.socket.namespace().is_sequential() {
            held.find();
        }
        held
    }

    /// Finds the handlers now: the socket is about to let go of them.
    pub(crate) fn find(&mut self) {
        if self.matched.is_none() {
            self.matched = Some(matching(&self.socket, &self.data));
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Bytes that it holds, about.
    pub(crate) fn weight(&self) -> usize {
        self.data.weight()
    }

    /// Starts the handlers: those of every event, then behind the middlewares those of this one.
    pub(crate) fn start(self, starter: &mut Starter<'_, '_>) {
        let Self {
            socket,
            data,
            ack,
            matched,
        } = self;
        let is_sequential = socket.namespace().is_sequential();
        let several = match matched.unwrap_or_else(|| matching(&socket, &data)) {
            Matched::Nobody => return tracing::debug!("nobody listens to an event"),
            Matched::One(run) if !is_sequential => {
                // All of it moves along: a clone of the data would cost the event an allocation.
                let occasion = Occasion::Event { data, ack };
                let of = Of::Socket(socket);
                return run.start(Call { of, occasion }, starter);
            }
            Matched::One(run) => Several {
                named: vec![run],
                ..Several::default()
            },
            Matched::Several(several) => *several,
        };
        let busy = is_sequential.then(|| socket.busy());
        if several.middlewares.is_empty() {
            let call = Call::of_socket(&socket, Occasion::Event { data, ack });
            let runs = several.any.into_iter().chain(several.named);
            match busy {
                None => runs.for_each(|run| run.start(call.clone(), starter)),
                Some(busy) => {
                    let runs: Vec<_> = runs.collect();
                    starter.start(async move {
                        let _busy = busy;
                        run_all(runs, call).await;
                    });
                }
            }
            return;
        }
        let name = data.event_name();
        let name = name.map_or_else(Text::default, |name| Text::from(&*name));
        for run in several.any {
            let (data, ack) = (data.clone(), ack.clone());
            let call = Call::of_socket(&socket, Occasion::Event { data, ack });
            run.start(call, starter);
        }
        let event = Event {
            socket,
            name,
            data,
            ack,
        };
        starter.start(async move {
            let _busy = busy;
            intercept(several.middlewares, event).await;
        });
    }
}

fn matching(socket: &Socket, data: &Data) -> Matched {
    match data.event_name() {
        Some(name) => socket.matching(&name),
        None => Matched::Nobody,
    }
}

/// Asks the middlewares, in order; if all let the event pass, its handlers run.
async fn intercept(middlewares: Vec<Arc<dyn Intercept>>, mut event: Event) {
    let (socket, name) = (event.socket.clone(), event.name.clone());
    for middleware in middlewares {
        match middleware.intercept(event).await {
            Ok(passed) => event = passed,
            Err(error) => {
                let kind = EventErrorKind::Middleware(error);
                return socket.report(EventError { event: name, kind }).await;
            }
        }
    }
    let runs = socket.take_named(&name);
    let (data, ack) = (event.data, event.ack);
    run_all(
        runs,
        Call::of_socket(&socket, Occasion::Event { data, ack }),
    )
    .await;
}
