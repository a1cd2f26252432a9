//! Frames from server to client: `o`, `h`, `a[...]` and `c[...]`.

use crate::{
    Message,
    escape::quote_into,
    session::{Close, Drain, Outgoing},
};

/// One frame that a receiver takes; borrowed from the session it comes from.
#[derive(Debug)]
pub enum Frame<'a> {
    /// `o`: the session is open; the first frame of every session, exactly once.
    Open,
    /// `h`: a heartbeat.
    Heartbeat,
    /// `a[...]`: every message that waited, in order. Dropping it takes them from the session.
    Messages(Drain<'a>),
    /// `c[code,"reason"]`: the session is over.
    Close(&'a Close),
}

impl Frame<'_> {
    /// Appends the frame's text.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Open => out.push(b'o'),
            Self::Heartbeat => out.push(b'h'),
            Self::Messages(messages) => encode_messages(messages, out),
            Self::Close(close) => encode_close(close, out),
        }
    }
}

/// Appends `c[code,"reason"]`.
pub fn encode_close(close: &Close, out: &mut Vec<u8>) {
    out.extend_from_slice(b"c[");
    out.extend_from_slice(close.code.to_string().as_bytes());
    out.push(b',');
    quote_into(&close.reason, out);
    out.push(b']');
}

fn encode_messages(messages: &Drain<'_>, out: &mut Vec<u8>) {
    out.reserve(messages.bytes() + 3 * messages.iter().len() + 3);
    out.extend_from_slice(b"a[");
    for (index, outgoing) in messages.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match outgoing {
            Outgoing::Own(Message::Text(text)) => quote_into(text, out),
            Outgoing::Shared(prepared) => out.extend_from_slice(prepared.quoted()),
            // `Session::send` refuses binary where frames are spoken, so none can wait here; an
            // empty string keeps the array well-formed if that is ever broken.
            Outgoing::Own(Message::Binary(_)) => out.extend_from_slice(b"\"\""),
        }
    }
    out.push(b']');
}
