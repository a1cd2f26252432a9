//! The frames a session brings, and no others.

use sockeye_core::sockjs::decode::{Decoded, decode_array};

use super::error::{Violation, excerpt};
use crate::{Close, Event, Message, Text};

/// What one frame says.
///
/// A raw WebSocket has no frames; there a message is shown as [`Messages`](Self::Messages) of one,
/// and a ping as [`Heartbeat`](Self::Heartbeat). An event stream is open with its first block,
/// and its comments are heartbeats or, with a code and a reason, the close.
///
/// Of Engine.IO's packets the open packet, messages, the close packet (code 1005, as it has none)
/// and the heartbeats that a server sends are shown: pings in revision 4, pongs in revision 3.
/// Messages that follow each other in one payload are one [`Messages`](Self::Messages).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// `o`: the session is open.
    Open,
    /// `h`: a heartbeat.
    Heartbeat,
    /// `a[...]`: messages, in order.
    Messages(Vec<Message>),
    /// An event of an event stream.
    Event(Event),
    /// `c[code,"reason"]`: the server closed the session.
    Close(Close),
}

impl Frame {
    /// Reads a frame as a server must write it: without blanks, and with everything escaped that
    /// some browser would mangle.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Violation> {
        parse(text).ok_or_else(|| Violation::Frame { got: excerpt(text) })
    }

    /// The bytes of its messages.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Messages(messages) => messages.iter().map(Message::len).sum(),
            Self::Event(event) => event.data().len(),
            Self::Open | Self::Heartbeat | Self::Close(_) => 0,
        }
    }
}

fn parse(text: &[u8]) -> Option<Frame> {
    match text {
        b"o" => Some(Frame::Open),
        b"h" => Some(Frame::Heartbeat),
        [b'a', array @ ..] => {
            let messages: Vec<_> = strings(array)?.into_iter().map(Message::Text).collect();
            (!messages.is_empty()).then_some(Frame::Messages(messages))
        }
        [b'c', b'[', close @ ..] => {
            let comma = close.iter().position(|&byte| byte == b',')?;
            let (code, reason) = (&close[..comma], &close[comma + 1..]);
            // A number as JSON has it: no sign, no zero in front.
            if !code.iter().all(u8::is_ascii_digit) || code.starts_with(b"0") {
                return None;
            }
            let code = std::str::from_utf8(code).ok()?.parse().ok()?;
            let mut reason = strings(&[b"[", reason].concat())?.into_iter();
            let close = Close::new(code, reason.next()?);
            reason.next().is_none().then_some(Frame::Close(close))
        }
        _ => None,
    }
}

/// A JSON array of strings as it stands in a frame.
fn strings(array: &[u8]) -> Option<Vec<Text>> {
    let text = std::str::from_utf8(array).ok()?;
    if has_blank(array) || text.chars().any(must_be_escaped) {
        return None;
    }
    let mut decoded = Decoded::new();
    decode_array(array, usize::MAX, &mut decoded).ok()?;
    Some(decoded.drain().collect())
}

/// Whether there is a blank outside the strings.
fn has_blank(json: &[u8]) -> bool {
    let mut in_string = false;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b' ' | b'\t' | b'\r' | b'\n' if !in_string => return true,
            _ => {}
        }
    }
    false
}

fn must_be_escaped(character: char) -> bool {
    matches!(
        character,
        '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_frames() {
        let messages = |texts: &[&str]| {
            Frame::Messages(texts.iter().map(|&text| Message::from(text)).collect())
        };
        #[rustfmt::skip]
        let cases = [
            ("o",                      Frame::Open),
            ("h",                      Frame::Heartbeat),
            (r#"a["x"]"#,              messages(&["x"])),
            (r#"a["",""]"#,            messages(&["", ""])),
            (r#"a[" , \" ]"]"#,        messages(&[" , \" ]"])),
            (r#"a["\ud83d\ude00é"]"#,  messages(&["😀é"])),
            (r#"a["\u2028\ufffd"]"#,   messages(&["\u{2028}\u{fffd}"])),
            (r#"c[3000,"Go away!"]"#,  Frame::Close(Close::new(3000, "Go away!"))),
            (r#"c[1000,""]"#,          Frame::Close(Close::new(1000, ""))),
        ];
        for (text, frame) in cases {
            assert_eq!(Frame::parse(text.as_bytes()), Ok(frame), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        #[rustfmt::skip]
        let cases = [
            "", "oo", "x", "H", "o ", "m\"x\"", "a", "a[", "a[]", "a{}", "a[1]", "a[\"x\"", "a[\"x\"]\n",
            "a [\"x\"]", "a[ \"x\"]", "a[\"x\", \"y\"]", "a[\"x\",]", "a[null]", "a[[\"x\"]]",
            "a[\"\n\"]", "a[\"\u{2028}\"]", "a[\"\u{200c}\"]", "a[\"\u{fffd}\"]", "a\"x\"",
            "c", "c[]", "c[3000]", "c[3000,]", "c[3000,\"\"", "c[\"3000\",\"\"]", "c[-1,\"\"]", "c[+1,\"\"]",
            "c[03,\"\"]", "c[70000,\"\"]", "c[3000, \"\"]", "c[3000,\"\",\"\"]", "c[3000,null]", "c[,\"\"]",
        ];
        for text in cases {
            let got = text.to_owned();
            assert_eq!(
                Frame::parse(text.as_bytes()),
                Err(Violation::Frame { got }),
                "{text:?}"
            );
        }
        assert!(Frame::parse(b"a[\"\xff\"]").is_err());
    }
}
