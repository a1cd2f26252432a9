//! A message encoded once for many receivers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::{Event, Message, engineio::Encodings, escape::quote_into, sse};

/// A message whose encodings are made once and shared by every session it is sent to.
///
/// Each encoding is made when the first receiver that needs it takes the message; a broadcast to
/// raw WebSockets alone makes none. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    message: Message,
    /// What an event stream says around the message.
    fields: Option<Box<Event>>,
    quoted: OnceLock<Bytes>,
    event: OnceLock<Bytes>,
    /// Several that belong together, so apart: what goes to SockJS alone stays small.
    engineio: OnceLock<Box<Encodings>>,
}

impl Prepared {
    /// Prepares `message` for any number of receivers.
    pub fn new(message: impl Into<Message>) -> Self {
        Self::with(message.into(), None)
    }

    fn with(message: Message, fields: Option<Box<Event>>) -> Self {
        Self(Arc::new(Inner {
            message,
            fields,
            quoted: OnceLock::new(),
            event: OnceLock::new(),
            engineio: OnceLock::new(),
        }))
    }

    /// The message as the application sent it.
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// The JSON string that stands for the text in a SockJS `a` frame; empty for binary.
    pub fn quoted(&self) -> &Bytes {
        self.0.quoted.get_or_init(|| match &self.0.message {
            Message::Text(text) => {
                let mut out = Vec::with_capacity(text.len() + 2);
                quote_into(text, &mut out);
                out.into()
            }
            Message::Binary(_) => Bytes::new(),
        })
    }

    /// The event that stands for the text in an event stream; empty for binary.
    pub fn event(&self) -> &Bytes {
        self.0
            .event
            .get_or_init(|| match (&self.0.message, &self.0.fields) {
                (_, Some(event)) => {
                    let mut out = Vec::new();
                    sse::encode_event(event, &mut out);
                    out.into()
                }
                (Message::Text(text), None) => {
                    let mut out = Vec::with_capacity(text.len() + 8);
                    sse::encode_data(text, &mut out);
                    out.into()
                }
                (Message::Binary(_), None) => Bytes::new(),
            })
    }

    /// What Engine.IO's transports say around the message.
    pub(crate) fn engineio(&self) -> &Encodings {
        self.0.engineio.get_or_init(Box::default)
    }

    /// Bytes that it weighs in a queue: the message, and an event's name and id.
    pub fn weight(&self) -> usize {
        let fields = self.0.fields.as_ref().map_or(0, |event| {
            let (name, id, _) = event.fields();
            name.map_or(0, |name| name.len()) + id.map_or(0, |id| id.len())
        });
        self.0.message.len() + fields
    }

    /// Whether both are the same preparation.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The same preparation, or one of the same message.
impl PartialEq for Prepared {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other)
            || (self.0.message == other.0.message && self.0.fields == other.0.fields)
    }
}

impl Eq for Prepared {}

impl<M: Into<Message>> From<M> for Prepared {
    fn from(message: M) -> Self {
        Self::new(message)
    }
}

impl From<Event> for Prepared {
    fn from(event: Event) -> Self {
        Self::with(Message::Text(event.data().clone()), Some(Box::new(event)))
    }
}
