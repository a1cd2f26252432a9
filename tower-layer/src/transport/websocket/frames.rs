//! Between SockJS frames and WebSocket messages: what a read means, and what a frame looks like.

use std::cell::RefCell;

use sockeye_core::{
    Message,
    session::Outgoing,
    sockjs::{
        Close, CloseReason, Frame,
        decode::{DecodeError, Decoded, decode_text_frame},
    },
};

use super::codec::{Incoming, Payload, put_close, put_frame};

/// What the messages look like on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// SockJS frames in text messages.
    Framed,
    /// The application's messages, text and binary, as they are.
    Raw,
}

/// Why the peer's bytes were the last.
pub(super) enum End {
    Peer(Option<Close>),
    Violation(Close),
    Lost,
}

/// The messages of one read, in memory that the thread keeps.
pub(super) struct Batch {
    style: Style,
    max_messages: usize,
    pub(super) decoded: Decoded,
    pub(super) messages: Vec<Message>,
    pub(super) end: Option<End>,
}

thread_local! {
    static DECODED: RefCell<Decoded> = const { RefCell::new(Decoded::new()) };
    static MESSAGES: RefCell<Vec<Message>> = const { RefCell::new(Vec::new()) };
}

impl Batch {
    pub(super) fn take(style: Style, max_messages: usize) -> Self {
        Self {
            style,
            max_messages,
            decoded: DECODED.take(),
            messages: MESSAGES.take(),
            end: None,
        }
    }

    pub(super) fn push(&mut self, incoming: Incoming<'_>) {
        if self.end.is_some() {
            return;
        }
        match (incoming, self.style) {
            (Incoming::Text(text), Style::Framed) => {
                if let Err(error) = decode_text_frame(text, self.max_messages, &mut self.decoded) {
                    self.end = Some(End::Violation(match error {
                        DecodeError::TooManyMessages { .. } => Close::TOO_MANY_MESSAGES,
                        DecodeError::PayloadExpected | DecodeError::BrokenJson => {
                            Close::BROKEN_FRAMING
                        }
                    }));
                }
            }
            (Incoming::Binary(_), Style::Framed) => {
                self.end = Some(End::Violation(Close::UNSUPPORTED));
            }
            // Short texts share memory, long ones are copied once.
            (Incoming::Text(text), Style::Raw) if text.len() <= SHARED_TEXT => {
                self.decoded.push(text);
            }
            (Incoming::Text(text), Style::Raw) => self.push_after(Message::Text(text.into())),
            (Incoming::Binary(bytes), Style::Raw) => self.push_after(Message::Binary(bytes)),
            (Incoming::Close(close), _) => self.end = Some(End::Peer(close)),
        }
    }

    /// Adds a message behind the texts that came before it.
    fn push_after(&mut self, message: Message) {
        self.messages
            .extend(self.decoded.drain().map(Message::Text));
        self.messages.push(message);
    }

    pub(super) fn give_back(self) {
        DECODED.replace(self.decoded);
        MESSAGES.replace(self.messages);
    }
}

pub(super) fn put(out: &mut Vec<u8>, style: Style, frame: &Frame<'_>) {
    match (style, frame) {
        (Style::Framed, Frame::Messages(messages)) => {
            let hint = messages.bytes() + 3 * messages.iter().len() + 2;
            put_frame(out, Payload::Text, hint, |out| frame.encode_into(out));
        }
        (Style::Framed, Frame::Open | Frame::Close(_)) => {
            put_frame(out, Payload::Text, 1, |out| frame.encode_into(out));
        }
        (Style::Framed, Frame::Heartbeat) => {
            // `h` is what JavaScript sees; the ping is what the peer's stack must answer.
            put_frame(out, Payload::Text, 1, |out| frame.encode_into(out));
            put_frame(out, Payload::Ping, 0, |_| {});
        }
        (Style::Raw, Frame::Heartbeat) => put_frame(out, Payload::Ping, 0, |_| {}),
        (Style::Raw, Frame::Messages(messages)) => {
            for message in messages.iter().map(Outgoing::message) {
                let payload = match message {
                    Message::Text(_) => Payload::Text,
                    Message::Binary(_) => Payload::Binary,
                };
                put_frame(out, payload, message.len(), |out| {
                    out.extend_from_slice(message.as_bytes());
                });
            }
        }
        (Style::Raw, Frame::Open | Frame::Close(_)) => {}
    }
}

/// The last words: the `c` frame where SockJS is spoken, and the WebSocket close.
pub(super) fn put_farewell(
    out: &mut Vec<u8>,
    style: Style,
    close: &Close,
    reason: Option<&CloseReason>,
) {
    match (style, reason) {
        // Whoever breaks the framing cannot be expected to read frames.
        (Style::Framed, Some(CloseReason::Violation(_))) | (Style::Raw, _) => put_close(out, close),
        (Style::Framed, reason) => {
            put(out, style, &Frame::Close(close));
            match reason {
                Some(CloseReason::Application(_)) => put_close(out, &Close::NORMAL),
                _ => put_close(out, close),
            }
        }
    }
}

/// Bytes of the longest text that shares memory with others of the same read.
const SHARED_TEXT: usize = 1 << 10;
