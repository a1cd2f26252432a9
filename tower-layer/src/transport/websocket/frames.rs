//! Between SockJS frames and WebSocket messages: what a read means, and what a frame looks like.

use std::{cell::RefCell, time::Instant};

use sockeye_core::{
    Message,
    session::{Close, CloseReason, Detach, Outgoing},
    sockjs::{
        Frame, ReceiverId, ReceiverKind,
        decode::{DecodeError, Decoded, decode_text_frame},
    },
};

use super::{
    codec::{Incoming, Limits, Payload, put_close, put_frame},
    wire::{Encoded, End, Wire},
};
use crate::{
    common::CommonConfig,
    session::{Shared, State},
};

/// What the messages look like on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// SockJS frames in text messages.
    Framed,
    /// The application's messages, text and binary, as they are.
    Raw,
}

/// A SockJS session's WebSocket, framed or raw.
#[derive(Debug)]
pub(crate) struct Frames {
    style: Style,
    receiver: ReceiverId,
}

impl Frames {
    /// Attaches the WebSocket of a new session.
    pub(crate) fn attach(shared: &Shared, style: Style) -> Self {
        let attached = shared.update(|state| {
            let now = state.now();
            let machine = state.machine.sockjs()?;
            machine.attach(ReceiverKind::WebSocket, now).ok()
        });
        Self {
            receiver: attached.expect("nobody else can have attached to a new session"),
            style,
        }
    }
}

impl Wire for Frames {
    type Batch = Batch;

    fn limits(&self, config: &CommonConfig) -> Limits {
        Limits {
            message_size: match self.style {
                Style::Framed => config.max_framed_size(),
                Style::Raw => config.max_message_size,
            },
            fragments: config.max_fragments,
        }
    }

    fn begin(&mut self, config: &CommonConfig) -> Batch {
        Batch::take(self.style, config.max_messages)
    }

    fn push(batch: &mut Batch, incoming: Incoming<'_>) {
        batch.push(incoming);
    }

    fn end(batch: &mut Batch) -> Option<End> {
        batch.end.take()
    }

    fn deliver(&mut self, state: &mut State, batch: &mut Batch) {
        state.machine.handle_messages(batch.messages.drain(..));
        let texts = batch.decoded.drain().map(Message::Text);
        state.machine.handle_messages(texts);
    }

    fn give_back(batch: Batch) {
        batch.give_back();
    }

    fn handle_activity(&self, state: &mut State) {
        if let Some(machine) = state.machine.sockjs() {
            machine.handle_activity();
        }
    }

    fn handle_peer_close(&self, state: &mut State, close: Option<Close>) {
        if let Some(machine) = state.machine.sockjs() {
            machine.handle_peer_close(close);
        }
    }

    fn handle_violation(&self, state: &mut State, close: Close) {
        let now = state.now();
        state.machine.close(CloseReason::Violation(close), now);
    }

    fn handle_loss(&self, state: &mut State) {
        let now = state.now();
        if let Some(machine) = state.machine.sockjs() {
            machine.detach(self.receiver, Detach::Aborted, now);
        }
    }

    fn has_transmit(&self, state: &State) -> bool {
        state.machine.has_transmit()
    }

    fn encode(&self, state: &mut State, now: Instant, out: &mut Vec<u8>) -> Encoded {
        let Some(machine) = state.machine.sockjs() else {
            return Encoded::Nothing;
        };
        let close = match machine.poll_transmit(self.receiver, now) {
            None => return Encoded::Nothing,
            Some(Frame::Close(close)) => close.clone(),
            Some(frame) => {
                put(out, self.style, &frame);
                return Encoded::Frames;
            }
        };
        put_farewell(out, self.style, &close, state.reason());
        Encoded::Farewell
    }
}

/// The messages of one read, in memory that the thread keeps.
pub(crate) struct Batch {
    style: Style,
    max_messages: usize,
    decoded: Decoded,
    messages: Vec<Message>,
    end: Option<End>,
}

thread_local! {
    static DECODED: RefCell<Decoded> = const { RefCell::new(Decoded::new()) };
    static MESSAGES: RefCell<Vec<Message>> = const { RefCell::new(Vec::new()) };
}

impl Batch {
    fn take(style: Style, max_messages: usize) -> Self {
        Self {
            style,
            max_messages,
            decoded: DECODED.take(),
            messages: MESSAGES.take(),
            end: None,
        }
    }

    fn push(&mut self, incoming: Incoming<'_>) {
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

    fn give_back(self) {
        DECODED.replace(self.decoded);
        MESSAGES.replace(self.messages);
    }
}

fn put(out: &mut Vec<u8>, style: Style, frame: &Frame<'_>) {
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
fn put_farewell(out: &mut Vec<u8>, style: Style, close: &Close, reason: Option<&CloseReason>) {
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
