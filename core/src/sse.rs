//! Server-Sent Events: how frames of a session look in an event stream.
//!
//! HTML Living Standard, section 9.2.6: fields, comments, and an empty line after each event.

use crate::{
    Event, Message,
    session::{Close, Outgoing},
    sockjs::Frame,
};

/// The start of a stream: a comment, so that proxies pass the head on at once.
pub const PRELUDE: &[u8] = b":\n\n";

/// Appends what a frame says in an event stream.
///
/// Messages are events. A heartbeat is a comment, and so is a close, which the stream's end
/// follows.
pub fn encode_frame(frame: &Frame<'_>, out: &mut Vec<u8>) {
    match frame {
        Frame::Open => {}
        Frame::Heartbeat => out.extend_from_slice(b":\n\n"),
        Frame::Close(close) => encode_close(close, out),
        Frame::Messages(messages) => {
            out.reserve(messages.bytes() + 8 * messages.iter().len());
            for outgoing in messages.iter() {
                match outgoing {
                    Outgoing::Own(Message::Text(text)) => encode_data(text, out),
                    Outgoing::Shared(prepared) => out.extend_from_slice(prepared.event()),
                    // `Session::send` refuses binary where text alone is carried.
                    Outgoing::Own(Message::Binary(_)) => {}
                }
            }
        }
    }
}

/// Appends an event that has data alone.
pub fn encode_data(data: &str, out: &mut Vec<u8>) {
    push_data(data, out);
    out.push(b'\n');
}

/// Appends an event.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) {
    let (name, id, retry) = event.fields();
    if let Some(name) = name {
        push_field("event", name, out);
    }
    // The browser ignores an id with a NUL in it, and would keep the one before.
    if let Some(id) = id {
        push_field("id", id, out);
    }
    if let Some(retry) = retry {
        push_field("retry", &retry.as_millis().to_string(), out);
    }
    encode_data(event.data(), out);
}

/// For people who look at the stream: browsers do not show comments.
fn encode_close(close: &Close, out: &mut Vec<u8>) {
    let comment = format!(" {} {}", close.code, close.reason);
    push_field("", &comment, out);
    out.push(b'\n');
}

/// A field or, without a name, a comment: what cannot stand in a line is left out.
fn push_field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(if name.is_empty() { b":" } else { b": " });
    let kept = value
        .bytes()
        .filter(|byte| !matches!(byte, b'\r' | b'\n' | b'\0'));
    out.extend(kept);
    out.push(b'\n');
}

/// Each line of the data is a field of its own; CR, LF and CRLF end lines.
fn push_data(data: &str, out: &mut Vec<u8>) {
    let mut rest = data.as_bytes();
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
        out.push(b'\n');
        let Some(end) = end else { return };
        let is_pair = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(is_pair)..];
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn encoded(event: &Event) -> String {
        let mut out = Vec::new();
        encode_event(event, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn encodes_events() {
        let event = |data: &str| Event::new(data);
        #[rustfmt::skip]
        let cases = [
            // event                                             expected
            (event("x"),                                         "data: x\n\n"),
            (event(""),                                          "data: \n\n"),
            (event(" x"),                                        "data:  x\n\n"),
            (event("a\nb\rc\r\nd"),                              "data: a\ndata: b\ndata: c\ndata: d\n\n"),
            (event("\n"),                                        "data: \ndata: \n\n"),
            (event("a\r\n\r\nb"),                                "data: a\ndata: \ndata: b\n\n"),
            (event("event: x\n\ndata: y"),                       "data: event: x\ndata: \ndata: data: y\n\n"),
            (event("x").name("tick").id("7"),                    "event: tick\nid: 7\ndata: x\n\n"),
            (event("x").id(""),                                  "id: \ndata: x\n\n"),
            (event("x").retry(Duration::from_millis(1500)),      "retry: 1500\ndata: x\n\n"),
            (event("x").name("a\r\nevent: b\ndata").id("1\n\u{0}2"), "event: aevent: bdata\nid: 12\ndata: x\n\n"),
        ];
        for (event, expected) in cases {
            assert_eq!(encoded(&event), expected, "{event:?}");
        }
    }

    #[test]
    fn closes_with_a_comment() {
        let mut out = Vec::new();
        encode_frame(&Frame::Close(&Close::new(3000, "a\n\ndata: b")), &mut out);
        encode_frame(&Frame::Heartbeat, &mut out);
        encode_frame(&Frame::Open, &mut out);
        assert_eq!(out, b": 3000 adata: b\n\n:\n\n");
    }
}
