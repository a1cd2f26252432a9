//! Events out of the blocks of an event stream.

use std::time::Duration;

use super::{Frame, Violation, error::excerpt};
use crate::{Close, Event};

/// Reads the first block of a stream, without the empty line behind it: a comment, or the time
/// after which to reconnect.
pub(super) fn parse_prelude(block: &[u8]) -> Result<Frame, Violation> {
    let text = std::str::from_utf8(block).unwrap_or_default();
    match text.strip_prefix("retry: ").map(milliseconds) {
        Some(Some(_)) => Ok(Frame::Open),
        None if text == ":" => Ok(Frame::Open),
        _ => Err(Violation::Prelude {
            got: excerpt(block),
        }),
    }
}

/// Reads a later block as a server of ours must write it.
pub(super) fn parse(block: &[u8]) -> Result<Frame, Violation> {
    let frame = std::str::from_utf8(block)
        .ok()
        .and_then(|text| match text.strip_prefix(':') {
            Some("") => Some(Frame::Heartbeat),
            Some(comment) => close(comment).map(Frame::Close),
            None => event(text).map(Frame::Event),
        });
    frame.ok_or_else(|| Violation::Frame {
        got: excerpt(block),
    })
}

/// ` code reason`.
fn close(comment: &str) -> Option<Close> {
    let (code, reason) = comment.strip_prefix(' ')?.split_once(' ')?;
    let is_line = !reason.contains(['\r', '\n']);
    is_line.then_some(Close::new(digits(code)?.parse().ok()?, reason))
}

fn event(block: &str) -> Option<Event> {
    let (mut name, mut id, mut retry) = (None, None, None);
    let mut data: Vec<&str> = Vec::new();
    for line in block.split('\n') {
        let (field, value) = line.split_once(": ")?;
        let is_again = match field {
            "data" => {
                data.push(value);
                false
            }
            "event" => name.replace(value).is_some(),
            "id" => id.replace(value).is_some(),
            "retry" => retry.replace(milliseconds(value)?).is_some(),
            _ => return None,
        };
        // A raw CR ends a line too, and would part a field.
        if is_again || value.contains('\r') {
            return None;
        }
    }
    if data.is_empty() {
        return None;
    }
    let mut event = Event::new(data.join("\n"));
    if let Some(name) = name {
        event = event.name(name);
    }
    if let Some(id) = id {
        event = event.id(id);
    }
    if let Some(retry) = retry {
        event = event.retry(retry);
    }
    Some(event)
}

fn milliseconds(value: &str) -> Option<Duration> {
    Some(Duration::from_millis(digits(value)?.parse().ok()?))
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_blocks() {
        let event = |data: &str| Event::new(data);
        #[rustfmt::skip]
        let cases = [
            (":",                                    Frame::Heartbeat),
            (": 3000 Go away!",                      Frame::Close(Close::new(3000, "Go away!"))),
            (": 1000 ",                              Frame::Close(Close::new(1000, ""))),
            ("data: x",                              Frame::Event(event("x"))),
            ("data: ",                               Frame::Event(event(""))),
            ("data: a\ndata: \ndata: b",           Frame::Event(event("a\n\nb"))),
            ("data:  : x",                           Frame::Event(event(" : x"))),
            ("event: e\nid: \nretry: 1500\ndata: x", Frame::Event(event("x").name("e").id("").retry(Duration::from_millis(1500)))),
        ];
        for (block, frame) in cases {
            assert_eq!(parse(block.as_bytes()), Ok(frame), "{block:?}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let cases = [
            "",
            "data",
            "data:x",
            "x: y",
            "id: 1",
            "retry: 5",
            "retry: x\ndata: x",
            "retry: -1\ndata: x",
            "id: 1\nid: 2\ndata: x",
            "data: a\rb",
            "event: a\rdata: b\ndata: x",
            ": comment",
            ":3000 x",
            ": 70000 x",
            ": 3000",
            ": 3000 a\nb",
            "\ndata: x",
        ];
        for block in cases {
            let got = block.to_owned();
            assert_eq!(
                parse(block.as_bytes()),
                Err(Violation::Frame { got }),
                "{block:?}"
            );
        }
        assert!(parse(b"data: \xff").is_err());
    }

    #[test]
    fn a_stream_begins_with_a_comment_or_a_time() {
        for block in [":", "retry: 0", "retry: 5000"] {
            assert_eq!(
                parse_prelude(block.as_bytes()),
                Ok(Frame::Open),
                "{block:?}"
            );
        }
        for block in [
            "",
            "data: x",
            "retry: ",
            "retry: x",
            ": x",
            "retry: 5\ndata: x",
        ] {
            let got = block.to_owned();
            assert_eq!(
                parse_prelude(block.as_bytes()),
                Err(Violation::Prelude { got }),
                "{block:?}"
            );
        }
    }
}
