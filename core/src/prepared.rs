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
    /// What few messages have.
    rare: Option<Box<Rare>>,
    quoted: OnceLock<Bytes>,
    event: OnceLock<Bytes>,
    /// Several that belong together, so apart: what goes to SockJS alone stays small.
    engineio: OnceLock<Box<Encodings>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Rare {
    /// What an event stream says around the message.
    fields: Option<Event>,
    /// What follows the message immediately.
    attachments: Vec<Prepared>,
    compression: Compression,
}

/// Whether a message may be compressed where its transport does that.
///
/// Only an Engine.IO mount compresses, answers to polls of some size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// It may.
    #[default]
    Allowed,
    /// It is not worth it: an image, or text that is mixed with secrets.
    Forbidden,
}

impl Prepared {
    /// Prepares `message` for any number of receivers.
    pub fn new(message: impl Into<Message>) -> Self {
        Self::with(message.into(), None)
    }

    /// Prepares a message with binary ones that follow it immediately: no other message comes
    /// between them, whoever else sends.
    ///
    /// It is queued, counted and refused as one. Only Engine.IO sessions carry attachments; where
    /// none are carried, the message goes alone.
    pub fn with_attachments(
        message: impl Into<Message>,
        attachments: impl IntoIterator<Item = Bytes>,
        compression: Compression,
    ) -> Self {
        let attachments: Vec<Self> = attachments.into_iter().map(Self::new).collect();
        let is_rare = !attachments.is_empty() || compression != Compression::Allowed;
        let rare = is_rare.then(|| {
            Box::new(Rare {
                fields: None,
                attachments,
                compression,
            })
        });
        Self::with(message.into(), rare)
    }

    fn with(message: Message, rare: Option<Box<Rare>>) -> Self {
        Self(Arc::new(Inner {
            message,
            rare,
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
            .get_or_init(|| match (&self.0.message, self.fields()) {
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

    /// What follows the message immediately.
    pub fn attachments(&self) -> &[Self] {
        self.0.rare.as_ref().map_or(&[], |rare| &rare.attachments)
    }

    /// Whether it may be compressed where its transport does that.
    pub fn compression(&self) -> Compression {
        let rare = self.0.rare.as_ref();
        rare.map_or(Compression::Allowed, |rare| rare.compression)
    }

    fn fields(&self) -> Option<&Event> {
        self.0.rare.as_ref()?.fields.as_ref()
    }

    /// Bytes that it weighs in a queue: the message and its attachments, and an event's name and id.
    pub fn weight(&self) -> usize {
        let Some(rare) = &self.0.rare else {
            return self.0.message.len();
        };
        let fields = rare.fields.as_ref().map_or(0, |event| {
            let (name, id, _) = event.fields();
            name.map_or(0, |name| name.len()) + id.map_or(0, |id| id.len())
        });
        let attachments: usize = rare.attachments.iter().map(Self::weight).sum();
        self.0.message.len() + attachments + fields
    }

    /// Whether both are the same preparation.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The same preparation, or one of the same message.
impl PartialEq for Prepared {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || (self.0.message == other.0.message && self.0.rare == other.0.rare)
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
        let message = Message::Text(event.data().clone());
        let rare = Rare {
            fields: Some(event),
            attachments: Vec::new(),
            compression: Compression::Allowed,
        };
        Self::with(message, Some(Box::new(rare)))
    }
}
