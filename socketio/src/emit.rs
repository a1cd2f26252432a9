//! Events on their way to clients.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use sockeye_core::{
    Compression, Prepared,
    session::Outgoing,
    socketio::{EncodeError, Encoded},
};

use sockeye_tower::TrySendError;

use crate::{EmitError, Socket};

/// A packet, as it goes to a session.
pub(crate) fn outgoing(encoded: Encoded, compression: Compression) -> Outgoing {
    if encoded.attachments.is_empty() && compression == Compression::Allowed {
        return Outgoing::Own(encoded.header);
    }
    Outgoing::Shared(prepared(encoded, compression))
}

pub(crate) fn prepared(encoded: Encoded, compression: Compression) -> Prepared {
    Prepared::with_attachments(encoded.header, encoded.attachments, compression)
}

/// An event for one socket, on its way; see [`Socket::emit`].
///
/// # Cancel safety
///
/// Dropped while it waits for room, nothing was queued.
#[must_use = "where much waits for the client already, nothing is sent until it is awaited"]
#[derive(Debug)]
pub struct Emit(Stage);

#[derive(Debug)]
enum Stage {
    Failed(EmitError),
    /// Waits for room in the queue.
    Sending {
        socket: Socket,
        outgoing: Option<Outgoing>,
    },
    /// Waits for room, and is then noted for who comes back for it.
    Recoverable {
        socket: Socket,
        event: Box<crate::recovery::Unsent>,
    },
    Done,
}

impl Emit {
    pub(crate) fn failed(error: EmitError) -> Self {
        Self(Stage::Failed(error))
    }

    pub(crate) fn done() -> Self {
        Self(Stage::Done)
    }

    /// Queues the event if there is room, and waits for room otherwise.
    pub(crate) fn sending(socket: &Socket, outgoing: Outgoing) -> Self {
        Self(match socket.sender().try_send(outgoing) {
            Ok(()) => Stage::Done,
            Err(TrySendError::Full(outgoing)) => Stage::Sending {
                socket: socket.clone(),
                outgoing: Some(outgoing),
            },
            Err(TrySendError::Closed) => Stage::Failed(EmitError::Disconnected),
            Err(error) => Stage::Failed(EmitError::Encode(EncodeError::Serialize(error.into()))),
        })
    }

    /// As [`sending`](Self::sending), for an event that is noted when it is queued.
    pub(crate) fn recoverable(socket: Socket, mut event: crate::recovery::Unsent) -> Self {
        let nobody = Context::from_waker(Waker::noop());
        if socket.sender().poll_room(&nobody).is_ready() {
            let sent = event.send(&socket);
            return Self(sent.map_or_else(Stage::Failed, |()| Stage::Done));
        }
        Self(Stage::Recoverable {
            socket,
            event: Box::new(event),
        })
    }
}

impl Future for Emit {
    type Output = Result<(), EmitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.0 {
            Stage::Sending { socket, outgoing } => {
                if socket.is_connected() {
                    let sent = ready!(socket.sender().poll_send(cx, outgoing));
                    sent.map_err(EmitError::from)
                } else {
                    Err(EmitError::Disconnected)
                }
            }
            Stage::Recoverable { socket, event } => {
                if socket.is_connected() {
                    ready!(socket.sender().poll_room(cx));
                }
                event.send(socket)
            }
            Stage::Failed(_) | Stage::Done => match std::mem::replace(&mut self.0, Stage::Done) {
                Stage::Failed(error) => Err(error),
                _ => Ok(()),
            },
        };
        self.0 = Stage::Done;
        Poll::Ready(result)
    }
}
