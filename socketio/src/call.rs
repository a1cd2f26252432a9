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
    pub(crate) of: Of,
    pub(crate) occasion: Occasion,
}

/// Whom the call is about.
#[derive(Clone, Debug)]
pub(crate) enum Of {
    Socket(Socket),
    /// A namespace as a whole.
    Namespace(Namespace),
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
            of: Of::Socket(socket.clone()),
            occasion,
        }
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        match &self.of {
            Of::Socket(socket) => socket.namespace(),
            Of::Namespace(namespace) => namespace,
        }
    }

    pub(crate) fn socket(&self) -> Option<&Socket> {
        match &self.of {
            Of::Socket(socket) => Some(socket),
            Of::Namespace(_) => None,
        }
    }

    /// The event's name, if it is about one.
    pub(crate) fn event_name(&self) -> Text {
        let data = match &self.occasion {
            Occasion::Event { data, .. } | Occasion::Outgoing(data) => data,
            Occasion::ServerSide(question) => &question.data,
            Occasion::Connect(_) | Occasion::Disconnect(_) | Occasion::Error(_) => {
                return Text::default();
            }
        };
        let name = data.event_name();
        name.map_or_else(Text::default, |name| Text::from(&*name))
    }

    /// Whom errors are told; the rest is let go of, so that a handler that waits does not keep it.
    pub(crate) fn into_reporter(self) -> Reporter {
        Reporter(match (self.of, self.occasion) {
            // An error of what handles errors goes to the log alone.
            (_, Occasion::Error(_)) | (Of::Namespace(_), _) => None,
            (Of::Socket(socket), _) => Some(socket),
        })
    }
}

/// Whom the error of a call is told.
pub(crate) struct Reporter(Option<Socket>);

impl Reporter {
    pub(crate) async fn report(self, event: Text, kind: EventErrorKind) {
        let error = EventError { event, kind };
        match self.0 {
            Some(socket) => socket.report(error).await,
            None => unheard(&error),
        }
    }
}
