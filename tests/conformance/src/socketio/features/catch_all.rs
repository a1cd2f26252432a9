//! Listeners to every event, in both directions.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use sockeye::socketio::{Ack, Arguments, EmitError, EventName, Extension, Socket};

/// Names of the last events on their way to a socket.
#[derive(Clone, Default)]
struct Outgoing(Arc<Mutex<VecDeque<String>>>);

const NAMES: usize = 20;

pub(super) fn serve(socket: &Socket) {
    socket.on_any(async |socket: Socket, EventName(name), Arguments(args)| {
        if name.starts_with("any:") {
            socket.emit("any-seen", &(&*name, args)).await?;
        }
        Ok::<_, EmitError>(())
    });
    socket.insert(Outgoing::default());
    socket.on_any_outgoing(
        async |EventName(name), Extension(outgoing): Extension<Outgoing>| {
            outgoing.note(&name);
        },
    );
    socket.on(
        "outgoing",
        async |Extension(outgoing): Extension<Outgoing>, ack: Ack| ack.send(&(outgoing.names(),)),
    );
}

impl Outgoing {
    fn note(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() == NAMES {
            names.pop_front();
        }
        names.push_back(name.to_owned());
    }

    fn names(&self) -> Vec<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().cloned().collect()
    }
}
