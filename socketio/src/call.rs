//! What a handler is called with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sockeye_core::{Text, socketio::Data};

use crate::{
    EventError, EventErrorKind, Namespace, Reason, Socket, handler::unheard, server_side::Question,
};

/// One call of a handler, from which its arguments are taken.
#[derive(Clone, Debug)]
pub struct Call {
    pub(crate) namespace: Namespace,
    pub(crate) socket: Option<Socket>,
    /// The event's name, where it is known without looking: for errors.
    pub(crate) name: Text,
    pub(crate) occasion: Occasion,
}

/// What the call is about.
#[derive(Clone, Debug)]
pub(crate) enum Occasion {
    /// A socket connects; the data is its auth payload.
    Connect(Option<Data>),
    /// A client's event.
    Event {
        data: Data,
        ack: Option<AckSlot>,
    },
    /// An event on its way to the client.
    Outgoing(Data),
    Disconnect(Reason),
    Error(Arc<EventError>),
    /// Another node's word to this one's application.
    ServerSide(Question),
}

/// The place of an answer that may be given once.
#[derive(Clone, Debug)]
pub(crate) struct AckSlot {
    pub(crate) id: u64,
    pub(crate) is_taken: Arc<AtomicBool>,
}

impl AckSlot {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            is_taken: Arc::default(),
        }
    }

    /// Whether the answer is the first.
    pub(crate) fn take(&self) -> bool {
        !self.is_taken.swap(true, Ordering::Relaxed)
    }
}

impl Call {
    pub(crate) fn of_socket(socket: &Socket, occasion: Occasion) -> Self {
        Self {
            namespace: socket.namespace().clone(),
            socket: Some(socket.clone()),
            name: Text::default(),
            occasion,
        }
    }

    pub(crate) fn named(self, name: Text) -> Self {
        Self { name, ..self }
    }

    pub(crate) fn reporter(&self) -> Reporter {
        let socket = match self.occasion {
            // An error of what handles errors goes to the log alone.
            Occasion::Error(_) => None,
            _ => self.socket.clone(),
        };
        let event = self.name.clone();
        Reporter { socket, event }
    }
}

/// Whom the error of a call is told.
pub(crate) struct Reporter {
    socket: Option<Socket>,
    event: Text,
}

impl Reporter {
    pub(crate) async fn report(self, kind: EventErrorKind) {
        let event = self.event;
        let error = EventError { event, kind };
        match self.socket {
            Some(socket) => socket.report(error).await,
            None => unheard(&error),
        }
    }
}
