//! Why packets are refused, from the peer and from the application.

use std::fmt;

/// Why what a client sent is not Socket.IO; the session is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// A message was empty.
    Empty,
    /// A packet was of no known type.
    UnknownType,
    /// A number of attachments was missing, zero or no plain integer.
    BadAttachmentCount,
    /// A packet announced more attachments than allowed.
    TooManyAttachments {
        /// The limit in force.
        limit: usize,
    },
    /// The attachments of a packet had more bytes than allowed.
    AttachmentsTooLarge {
        /// The limit in force, in bytes.
        limit: usize,
    },
    /// A text came while attachments were due.
    TextInsteadOfAttachment,
    /// Bytes came while no attachment was due, or to a parser that knows none.
    UnexpectedBinary,
    /// A text came to a parser that knows only bytes.
    UnexpectedText,
    /// An ack id was above 2^64-1, written with more than 20 digits, or no integer.
    BadAckId,
    /// The rest of a packet was no JSON, or its msgpack was none.
    Malformed,
    /// Arrays and objects were within each other too deep.
    TooDeep {
        /// The depth at which it is refused.
        limit: usize,
    },
    /// The payload was not what packets of its type carry.
    BadPayload,
    /// An event's name was neither text nor a number, or there was none.
    BadEventName,
    /// An event had the name of one of Socket.IO's own.
    ReservedEventName,
    /// An event or ack had more elements than allowed.
    TooManyArguments {
        /// The limit in force, the event's name included.
        limit: usize,
    },
    /// A placeholder named no attachment.
    BadPlaceholder,
    /// Placeholders named attachments so often that too much would become of them.
    PlaceholderExpansion,
    /// A msgpack packet had no namespace, or one that is no text.
    BadNamespace,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty message"),
            Self::UnknownType => f.write_str("packet of an unknown type"),
            Self::BadAttachmentCount => f.write_str("packet without a proper attachment count"),
            Self::TooManyAttachments { limit } => {
                write!(f, "packet with more than {limit} attachments")
            }
            Self::AttachmentsTooLarge { limit } => {
                write!(f, "attachments of more than {limit} bytes")
            }
            Self::TextInsteadOfAttachment => f.write_str("text where an attachment was due"),
            Self::UnexpectedBinary => f.write_str("binary message where none was due"),
            Self::UnexpectedText => f.write_str("text message where none can be"),
            Self::BadAckId => f.write_str("packet without a proper ack id"),
            Self::Malformed => f.write_str("malformed payload"),
            Self::TooDeep { limit } => write!(f, "payload nested {limit} deep or deeper"),
            Self::BadPayload => f.write_str("payload that does not fit the packet's type"),
            Self::BadEventName => f.write_str("event without a name"),
            Self::ReservedEventName => f.write_str("event of a reserved name"),
            Self::TooManyArguments { limit } => {
                write!(f, "packet with more than {limit} arguments")
            }
            Self::BadPlaceholder => f.write_str("placeholder of no attachment"),
            Self::PlaceholderExpansion => f.write_str("attachments used too often"),
            Self::BadNamespace => f.write_str("packet without a namespace"),
        }
    }
}

impl std::error::Error for ParseError {}

/// Why the application's packet was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event's name is one of Socket.IO's own.
    ReservedEventName,
    /// A namespace's name does not start with `/`, or has a comma, which the text parser cannot
    /// write.
    BadNamespace,
    /// There are bytes in what is neither an event nor an ack.
    UnexpectedBinary,
    /// The arguments cannot be serialized.
    Serialize(Box<dyn std::error::Error + Send + Sync>),
    /// A parser of the application's own does not read what it wrote, which has to be changed before
    /// it is sent: recovery adds an offset.
    Unreadable,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedEventName => f.write_str("reserved event name"),
            Self::BadNamespace => f.write_str("namespace that cannot be written"),
            Self::UnexpectedBinary => f.write_str("binary in neither an event nor an ack"),
            Self::Serialize(_) => f.write_str("arguments that cannot be serialized"),
            Self::Unreadable => f.write_str("packet that its own parser does not read"),
        }
    }
}

impl std::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Serialize(error) => Some(&**error),
            Self::ReservedEventName
            | Self::BadNamespace
            | Self::UnexpectedBinary
            | Self::Unreadable => None,
        }
    }
}

impl From<serde_json::Error> for EncodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Serialize(error.into())
    }
}
