//! Events on their way to clients.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use sockeye_core::{
    Compression, Delivered, Delivery, Prepared, Text,
    session::Outgoing,
    socketio::{Data, EncodeError, Encoded, Packet as Wire, ParserKind, ParserLimits},
};

use sockeye_tower::TrySendError;

use crate::{EmitError, Socket, answers::Answers};

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

/// An event for many sockets, encoded once; cheap to clone.
#[derive(Clone)]
pub struct Packet(Arc<Inner>);

struct Inner {
    prepared: Prepared,
    parser: ParserKind,
    /// What answers carry, if they are wanted, and where they go.
    answers: Option<(u64, Answers)>,
}

impl Packet {
    pub(crate) fn new(
        encoded: Encoded,
        compression: Compression,
        parser: ParserKind,
        answers: Option<(u64, Answers)>,
    ) -> Self {
        Self(Arc::new(Inner {
            prepared: prepared(encoded, compression),
            parser,
            answers,
        }))
    }

    /// The event's name and arguments: for an adapter that writes them in another format.
    pub fn data(&self) -> Option<Data> {
        self.wire()?.data
    }

    /// The namespace.
    pub fn namespace(&self) -> Text {
        self.wire()
            .map_or_else(Text::default, |wire| wire.namespace)
    }

    /// Where answers go, if the event wants them.
    pub fn answers(&self) -> Option<&Answers> {
        self.0.answers.as_ref().map(|(_, answers)| answers)
    }

    /// What goes to each session: the same for all.
    pub(crate) fn prepared(&self) -> &Prepared {
        &self.0.prepared
    }

    /// Reads back what was written, which nobody needs on the way to clients of this node.
    fn wire(&self) -> Option<Wire> {
        let mut decoder = self.0.parser.decoder(ParserLimits::UNBOUNDED);
        let prepared = &self.0.prepared;
        let parts = std::iter::once(prepared).chain(prepared.attachments());
        let mut packet = None;
        for part in parts {
            packet = decoder.decode(part.message().clone()).ok()?;
        }
        packet
    }

    /// Queues it for one socket.
    pub(crate) fn deliver(&self, socket: &Socket, delivery: Delivery) -> Delivered {
        use sockeye_core::Member;
        if !socket.is_connected() {
            return Delivered::Closed;
        }
        if let Some((id, answers)) = &self.0.answers {
            if socket.expect_shared(*id, answers).is_err() {
                return Delivered::Skipped;
            }
        }
        if socket.hears_outgoing() {
            if let Some(data) = self.data() {
                socket.tell_outgoing(data);
            }
        }
        socket.sender().deliver(&self.0.prepared, delivery)
    }
}

impl PartialEq for Packet {
    fn eq(&self, other: &Self) -> bool {
        self.0.prepared == other.0.prepared
    }
}

impl Eq for Packet {}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("bytes", &self.0.prepared.weight())
            .finish_non_exhaustive()
    }
}
