//! What can go wrong, one enum per boundary.

use std::{error::Error, fmt};

use sockeye_core::{
    Text,
    socketio::{DataError, EncodeError},
};
use sockeye_tower::SendError;

/// Any error, as handlers and middlewares return them.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why an event was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// The socket has disconnected.
    Disconnected,
    /// The event's name is reserved, or its arguments cannot be written.
    Encode(EncodeError),
    /// The socket waits for as many acks as it may; see
    /// [`Builder::pending_acks`](crate::Builder::pending_acks).
    TooManyAcks {
        /// The limit in force.
        limit: usize,
    },
    /// There are more [bytes](crate::Binary) in the arguments than clients take in one packet; see
    /// [`Builder::max_sent_attachments`](crate::Builder::max_sent_attachments).
    TooManyAttachments {
        /// The limit in force.
        limit: usize,
    },
    /// The other nodes were not told.
    Unpublished(sockeye_rooms::PublishError),
}

/// Why an event was not answered.
#[derive(Debug)]
#[non_exhaustive]
pub enum AckError {
    /// No answer came in time.
    Timeout,
    /// The event was not sent.
    Emit(EmitError),
    /// The socket disconnected before it answered.
    Disconnected,
    /// The answer is not of the type asked for.
    Data(DataError),
}

/// Why what a handler asks for could not be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExtractError {
    /// The arguments are not of that type.
    Data(DataError),
    /// There is no such thing where the handler is called: an ack outside an event, say.
    Unavailable(&'static str),
    /// No value of that type was put there.
    Missing(&'static str),
}

/// What went wrong with one event of a socket.
#[derive(Debug)]
pub struct EventError {
    pub(crate) event: Text,
    pub(crate) kind: EventErrorKind,
}

/// What it was that went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventErrorKind {
    /// A middleware refused the event.
    Middleware(BoxError),
    /// A handler was not called, as what it asks for could not be had.
    Extract(ExtractError),
    /// A handler returned an error.
    Handler(BoxError),
}

impl EventError {
    /// The event's name; empty where it was no event (a connection, say).
    pub fn event(&self) -> &str {
        &self.event
    }

    /// What it was.
    pub fn kind(&self) -> &EventErrorKind {
        &self.kind
    }
}

/// A middleware's "no" to a connection: what the client's `connect_error` gets.
///
/// Any error becomes one, by `?`: mind that the client then sees the error's text.
///
/// # Example
///
/// ```
/// use sockeye_socketio::{Refusal, Socket, SocketIo};
///
/// let io = SocketIo::new();
/// io.of("/").middleware(async |socket: Socket| {
///     let room = socket.handshake().parameter("room").ok_or(Refusal::new("no room"))?;
///     let number: u32 = room.parse().map_err(|_| {
///         Refusal::new("no such room").data(&[("room", room.as_str())]) // `err.data.room` there
///     })?;
///     if number > 9 { Err(Refusal::new("no such room")) } else { Ok(()) }
/// });
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub(crate) message: Text,
    pub(crate) data: Option<sockeye_core::socketio::Value>,
}

impl Refusal {
    /// A refusal with the message that the client gets.
    pub fn new(message: impl Into<Text>) -> Self {
        Self {
            message: message.into(),
            data: None,
        }
    }

    /// Adds details: `err.data` at the client. What cannot be serialized is left out, and logged as an
    /// error.
    #[must_use]
    pub fn data<T: serde::Serialize + ?Sized>(mut self, data: &T) -> Self {
        match sockeye_core::socketio::Value::from_serialize(data) {
            Ok(data) => self.data = Some(data),
            Err(error) => tracing::error!(%error, "a refusal's data cannot be serialized"),
        }
        self
    }
}

impl<E: Error> From<E> for Refusal {
    /// The client sees the error's message.
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

impl From<SendError> for EmitError {
    fn from(error: SendError) -> Self {
        match error {
            // Packets hold neither separators nor more than is carried.
            SendError::Closed => Self::Disconnected,
            other => Self::Encode(EncodeError::Serialize(other.into())),
        }
    }
}

impl From<EncodeError> for EmitError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<EmitError> for AckError {
    fn from(error: EmitError) -> Self {
        Self::Emit(error)
    }
}

impl From<DataError> for ExtractError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected => f.write_str("the socket has disconnected"),
            Self::Encode(_) => f.write_str("the event cannot be written"),
            Self::TooManyAcks { limit } => write!(f, "{limit} acks are waited for already"),
            Self::TooManyAttachments { limit } => {
                write!(
                    f,
                    "more than {limit} attachments, which clients do not take"
                )
            }
            Self::Unpublished(_) => f.write_str("the other nodes were not told"),
        }
    }
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("operation has timed out"),
            Self::Emit(error) => error.fmt(f),
            Self::Disconnected => f.write_str("the socket disconnected before it answered"),
            Self::Data(_) => f.write_str("the answer is not of the type asked for"),
        }
    }
}

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::Unavailable(what) => write!(f, "there is no {what} here"),
            Self::Missing(what) => write!(f, "no {what} was put there"),
        }
    }
}

impl fmt::Display for EventError {
    /// The error itself, as Node's `error` event has it; the event's name is apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            EventErrorKind::Middleware(error) | EventErrorKind::Handler(error) => error.fmt(f),
            EventErrorKind::Extract(error) => error.fmt(f),
        }
    }
}

impl Error for EmitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Disconnected | Self::TooManyAcks { .. } | Self::TooManyAttachments { .. } => None,
            Self::Encode(error) => Some(error),
            Self::Unpublished(error) => Some(error),
        }
    }
}

impl Error for AckError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Timeout | Self::Disconnected => None,
            Self::Emit(error) => error.source(),
            Self::Data(error) => Some(error),
        }
    }
}

impl Error for ExtractError {}
impl Error for EventError {}
