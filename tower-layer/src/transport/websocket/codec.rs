//! The WebSocket codec behind one small seam: tungstenite's sans-I/O context for what comes in, and
//! unmasked frames written in place for what goes out.
//!
//! Messages of one frame that a read brought whole, which is nearly all, are taken apart where they
//! lie. From the first bytes that are anything else the context has its say.
//!
//! An idle connection holds no context. When all bytes so far were whole messages and the context
//! has asked for more, it is empty; it then goes back to a small pool of its thread.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
};

use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::CapacityError,
    protocol::{
        Role, WebSocketConfig, WebSocketContext,
        frame::{CloseFrame, coding::CloseCode},
    },
};

use super::{
    walker::{TooManyFragments, Walker},
    whole,
};
use crate::Text;
use sockeye_core::session::Close;

/// What a peer's bytes amount to.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    Text(&'a str),
    Binary(bytes::Bytes),
    /// The peer closed, or answered our close.
    Close(Option<Close>),
}

/// The limits of a mount on what comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) message_size: usize,
    pub(crate) fragments: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Codec {
    walker: Walker,
    context: Option<Box<WebSocketContext>>,
    /// Whether the context has made its buffer longer than one in the pool may be.
    has_grown: bool,
    /// Whether the peer's bytes have come to their end: its close, or what was refused. What a
    /// context makes of bytes behind that is unknown, so none sees them.
    is_over: bool,
    /// Answers the codec owes: the latest pong, or the reply to a close. Never more than one of
    /// each, however many pings come.
    replies: Option<Box<Replies>>,
}

#[derive(Debug, Default)]
struct Replies {
    pong: Vec<u8>,
    close: Vec<u8>,
}

impl Codec {
    /// Takes in what one read brought and tells `each` what it means, in order. What is masked is
    /// unmasked in place.
    ///
    /// What comes behind the peer's close, or behind an error, is ignored.
    ///
    /// # Errors
    ///
    /// The close to send when the peer broke the protocol or a limit.
    pub(crate) fn feed(
        &mut self,
        input: &mut [u8],
        limits: Limits,
        mut each: impl FnMut(Incoming<'_>),
    ) -> Result<(), Close> {
        // Over, unless this comes to its good end.
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(());
        }
        let context = self.context.take();
        let taken = match context {
            // It is between messages.
            None => whole::take_messages(input, limits, &mut each)?,
            Some(_) => 0,
        };
        let input = &input[taken..];
        if input.is_empty() {
            self.is_over = false;
            self.context = context;
            return Ok(());
        }
        let longest = self
            .walker
            .walk(input, limits.fragments)
            .map_err(|TooManyFragments| Close::TOO_MANY_FRAGMENTS)?;
        self.has_grown |= longest > LARGEST_POOLED;
        let mut context = context.unwrap_or_else(|| checkout(limits));
        let mut stream = Feed {
            input,
            replies: &mut self.replies,
        };
        loop {
            match context.read(&mut stream) {
                Ok(Message::Text(text)) => each(Incoming::Text(text.as_str())),
                Ok(Message::Binary(bytes)) => {
                    // A slice would pin the context's whole buffer for as long as the application
                    // keeps it.
                    each(Incoming::Binary(bytes::Bytes::copy_from_slice(&bytes)));
                }
                Ok(Message::Close(frame)) => each(Incoming::Close(frame.map(close_of))),
                // Pongs are a sign of life, as any bytes are; pings are answered by the context.
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                // After a close in both directions; its reply has been written to `replies`.
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Ok(()),
                Err(error) => return Err(violation(&error)),
            }
        }
        if self.walker.is_between_messages() {
            // A buffer that grew for a long frame goes with its context.
            if !std::mem::take(&mut self.has_grown) {
                checkin(context);
            }
        } else {
            self.context = Some(context);
        }
        self.is_over = false;
        Ok(())
    }

    /// Appends the answers that the codec owes to `out`.
    pub(crate) fn take_replies(&mut self, out: &mut Vec<u8>) {
        if let Some(replies) = self.replies.take() {
            out.extend_from_slice(&replies.pong);
            out.extend_from_slice(&replies.close);
        }
    }

    /// Drops the answers that the codec owes.
    pub(crate) fn forget_replies(&mut self) {
        self.replies = None;
    }

    pub(crate) fn has_replies(&self) -> bool {
        self.replies.is_some()
    }
}

/// The two directions of a context: what was read, and what it answers by itself.
struct Feed<'a> {
    input: &'a [u8],
    replies: &'a mut Option<Box<Replies>>,
}

impl Read for Feed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Feed<'_> {
    /// The context writes each control frame by itself and all at once.
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        const PONG: u8 = 0x8a;
        let replies = self.replies.get_or_insert_default();
        let kept = if frame.first() == Some(&PONG) {
            &mut replies.pong
        } else {
            &mut replies.close
        };
        kept.clear();
        kept.extend_from_slice(frame);
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Boxed, since a context moves between its connection and the pool and a box moves cheaply.
type Pool = Vec<Box<WebSocketContext>>;

thread_local! {
    /// Contexts that hold nothing. A few are enough: one is in use at a time, by a connection that
    /// is in the middle of a message when it keeps it.
    static POOL: RefCell<Pool> = const { RefCell::new(Vec::new()) };
}

const POOLED: usize = 4;

/// Longest frame, in bytes, after which a context may still go back to the pool.
const LARGEST_POOLED: u64 = 16 << 10;

/// Bytes that a context takes from its input at a time, and the size its buffer begins with.
const CONTEXT_BUFFER: usize = 1024;

fn checkout(limits: Limits) -> Box<WebSocketContext> {
    let config = |config: WebSocketConfig| {
        config
            .read_buffer_size(CONTEXT_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(limits.message_size))
            .max_frame_size(Some(limits.message_size))
    };
    match POOL.with_borrow_mut(Vec::pop) {
        Some(mut context) => {
            context.set_config(|current| *current = config(*current));
            context
        }
        None => Box::new(WebSocketContext::new(
            Role::Server,
            Some(config(WebSocketConfig::default())),
        )),
    }
}

/// Takes a context back that holds nothing of its connection: the walker has seen only whole
/// messages, the context has taken them all and asked for more, and a reply it wrote went to the
/// connection's own `replies`.
fn checkin(context: Box<WebSocketContext>) {
    if !context.can_write() {
        return;
    }
    POOL.with_borrow_mut(|pool| {
        if pool.len() < POOLED {
            pool.push(context);
        }
    });
}

/// How many contexts the thread's pool holds.
#[cfg(test)]
pub(super) fn pooled() -> usize {
    POOL.with_borrow(Vec::len)
}

/// What the peer is told when the codec refuses its bytes.
fn violation(error: &Error) -> Close {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Close::TOO_BIG,
        Error::Utf8(_) => Close::INVALID_UTF8,
        _ => Close::PROTOCOL_ERROR,
    }
}

fn close_of(frame: CloseFrame) -> Close {
    Close {
        code: frame.code.into(),
        reason: Text::from(frame.reason.as_str()),
    }
}

/// What a frame of ours carries: the first byte of its header (RFC 6455 section 5.2), final and
/// with its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Payload {
    Text = 0x81,
    Binary = 0x82,
    Close = 0x88,
    Ping = 0x89,
}

/// Appends one unmasked frame whose payload `encode` writes in place, about `hint` bytes long.
pub(crate) fn put_frame(
    out: &mut Vec<u8>,
    payload: Payload,
    hint: usize,
    encode: impl FnOnce(&mut Vec<u8>),
) {
    let (_, reserved) = header(payload, hint);
    let start = out.len();
    out.reserve(reserved + hint);
    out.extend_from_slice(&[0; HEADER][..reserved]);
    encode(out);
    let (header, length) = header(payload, out.len() - start - reserved);
    if length == reserved {
        out[start..start + reserved].copy_from_slice(&header[..length]);
    } else {
        // The payload moves; a good hint spares that.
        out.splice(start..start + reserved, header[..length].iter().copied());
    }
}

/// Appends a close frame; the reason is cut to the 123 bytes that fit.
pub(crate) fn put_close(out: &mut Vec<u8>, close: &Close) {
    const REASON: usize = 123;
    let mut end = close.reason.len().min(REASON);
    while !close.reason.is_char_boundary(end) {
        end -= 1;
    }
    // Codes that stand for "none given" or "connection lost" are not allowed on the wire.
    let code = match CloseCode::from(close.code) {
        code if code.is_allowed() => close.code,
        _ => 1000,
    };
    put_frame(out, Payload::Close, 2 + end, |out| {
        out.extend_from_slice(&code.to_be_bytes());
        out.extend_from_slice(&close.reason.as_bytes()[..end]);
    });
}

/// Bytes of the longest header that is not masked.
const HEADER: usize = 10;

/// The header of a final, unmasked frame, and how many bytes of it count.
fn header(payload: Payload, length: usize) -> ([u8; HEADER], usize) {
    let mut header = [0; HEADER];
    header[0] = payload as u8;
    // Each length is in the range of the type it is cast to.
    let end = match length {
        0..=125 => {
            header[1] = length as u8;
            2
        }
        126..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    (header, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        message_size: 1000,
        fragments: 100,
    };

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        frame.extend_from_slice(b"mask");
        frame.extend(
            payload
                .iter()
                .zip(b"mask".iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        frame
    }

    fn feed(codec: &mut Codec, bytes: &[u8]) -> Result<Vec<String>, Close> {
        let mut seen = Vec::new();
        let mut bytes = bytes.to_vec();
        codec.feed(&mut bytes, LIMITS, |incoming| {
            seen.push(format!("{incoming:?}"))
        })?;
        Ok(seen)
    }

    #[test]
    fn every_cut_gives_the_same_messages() {
        let bytes = [
            masked(0x81, b"one"),
            masked(0x01, b"t"),
            masked(0x89, b"ping"),
            masked(0x80, b"wo"),
            masked(0x82, &[7; 300]),
        ]
        .concat();
        let whole = feed(&mut Codec::default(), &bytes).unwrap();
        assert_eq!(whole[..2], [r#"Text("one")"#, r#"Text("two")"#]);
        assert_eq!(whole.len(), 3);
        for cut in 0..bytes.len() {
            let mut codec = Codec::default();
            let mut seen = feed(&mut codec, &bytes[..cut]).unwrap();
            // Another connection uses the pool in between.
            assert_eq!(
                feed(&mut Codec::default(), &masked(0x81, b"other")).unwrap(),
                [r#"Text("other")"#]
            );
            seen.extend(feed(&mut codec, &bytes[cut..]).unwrap());
            assert_eq!(seen, whole, "cut at {cut}");
            assert!(
                codec.context.is_none(),
                "an idle connection keeps no context"
            );
            let mut out = Vec::new();
            codec.take_replies(&mut out);
            assert_eq!(out, b"\x8a\x04ping");
        }
    }

    #[test]
    fn a_flood_of_pings_owes_one_pong() {
        let mut codec = Codec::default();
        let pings: Vec<u8> = (0..1000)
            .flat_map(|n: u32| masked(0x89, &n.to_be_bytes()))
            .collect();
        feed(&mut codec, &pings).unwrap();
        let mut out = Vec::new();
        codec.take_replies(&mut out);
        assert_eq!(out, [0x8a, 4, 0, 0, 3, 231]);
    }

    #[test]
    fn says_what_was_wrong() {
        let huge_header = [
            0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4,
        ];
        let open = masked(0x01, b"");
        let flood: Vec<u8> = [open, masked(0x00, b"").repeat(100)].concat();
        #[rustfmt::skip]
        let cases = [
            ("unmasked",          b"\x81\x01a".to_vec(),       Close::PROTOCOL_ERROR),
            ("reserved bits",     masked(0xc1, b"a"),          Close::PROTOCOL_ERROR),
            ("reserved opcode",   masked(0x83, b"a"),          Close::PROTOCOL_ERROR),
            ("lone continuation", masked(0x80, b"a"),          Close::PROTOCOL_ERROR),
            ("long ping",         masked(0x89, &[0; 126]),     Close::PROTOCOL_ERROR),
            ("cut ping",          masked(0x09, b"a"),          Close::PROTOCOL_ERROR),
            ("bad UTF-8",         masked(0x81, b"\xff"),       Close::INVALID_UTF8),
            ("too big",           masked(0x81, &[b'a'; 1001]), Close::TOO_BIG),
            ("header of 2^63",    huge_header.to_vec(),        Close::TOO_BIG),
            ("too many pieces",   flood,                       Close::TOO_MANY_FRAGMENTS),
        ];
        for (case, bytes, expected) in cases {
            assert_eq!(
                feed(&mut Codec::default(), &bytes).unwrap_err(),
                expected,
                "{case}"
            );
        }
        assert!(feed(&mut Codec::default(), &masked(0x81, &[b'a'; 1000])).is_ok());
    }

    #[test]
    fn what_comes_behind_the_end_is_ignored() {
        let close = masked(0x88, b"");
        let flood = [masked(0x01, b""), masked(0x00, b"").repeat(100)].concat();
        for end in [close, masked(0xf1, b""), masked(0x03, b""), flood] {
            let mut codec = Codec::default();
            let _ = feed(&mut codec, &end);
            let mut out = Vec::new();
            codec.take_replies(&mut out);
            for behind in [masked(0x81, b"a"), masked(0x89, b"a"), masked(0x88, b"")] {
                assert_eq!(feed(&mut codec, &behind), Ok(vec![]), "behind {end:?}");
                assert!(codec.context.is_none() && !codec.has_replies());
            }
        }
    }

    #[test]
    fn writes_frames_of_every_length_whatever_the_hint() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            for hint in [0, 125, 126, 70_000] {
                let mut out = b"before".to_vec();
                put_frame(&mut out, Payload::Binary, hint, |out| {
                    out.resize(out.len() + length, 7)
                });
                let header: Vec<u8> = match length {
                    0..=125 => vec![0x82, length as u8],
                    126..=65_535 => [&[0x82, 126][..], &(length as u16).to_be_bytes()].concat(),
                    _ => [&[0x82, 127][..], &(length as u64).to_be_bytes()].concat(),
                };
                assert_eq!(out, [b"before".to_vec(), header, vec![7; length]].concat());
            }
        }
    }

    #[test]
    fn a_close_reason_is_cut_at_a_character() {
        let mut out = Vec::new();
        put_close(&mut out, &Close::new(3000, format!("{}é", "x".repeat(122))));
        assert_eq!(out[..4], [0x88, 124, 0x0b, 0xb8]);
        assert_eq!(out.len(), 2 + 2 + 122);
        out.clear();
        put_close(&mut out, &Close::new(1006, ""));
        assert_eq!(out, [0x88, 2, 0x03, 0xe8]);
    }
}
