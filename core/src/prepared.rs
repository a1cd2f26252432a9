//! A message encoded once for many receivers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::{Message, sockjs::escape::quote_into};

/// A message whose encoding is made once and shared by every session it is sent to.
///
/// The encoding is made when the first receiver that needs it takes the message; a broadcast to
/// raw WebSockets alone makes none.
#[derive(Debug)]
pub struct Prepared {
    message: Message,
    quoted: OnceLock<Bytes>,
}

impl Prepared {
    /// Prepares `message` for any number of receivers.
    pub fn new(message: impl Into<Message>) -> Arc<Self> {
        Arc::new(Self {
            message: message.into(),
            quoted: OnceLock::new(),
        })
    }

    /// The message as the application sent it.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The JSON string that stands for the text in a SockJS `a` frame; empty for binary.
    pub fn quoted(&self) -> &Bytes {
        self.quoted.get_or_init(|| match &self.message {
            Message::Text(text) => {
                let mut out = Vec::with_capacity(text.len() + 2);
                quote_into(text, &mut out);
                out.into()
            }
            Message::Binary(_) => Bytes::new(),
        })
    }
}
