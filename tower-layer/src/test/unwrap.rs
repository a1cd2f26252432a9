//! Frames out of a response's bytes, however they are cut.

use bytes::{Buf, Bytes, BytesMut};
use sockeye_core::sockjs::{
    decode::{Decoded, decode_text_frame},
    framing::Framing,
};

use super::{Frame, Violation, client::LONGEST, error::excerpt, event, route::Dress};

/// Reads one response.
#[derive(Debug)]
pub(super) struct Unwrapper {
    dress: Dress,
    /// What of the prelude is still to come.
    prelude: Bytes,
    /// Whether something has come behind the prelude.
    is_begun: bool,
    buffer: BytesMut,
    /// Bytes at the start of the buffer that hold no frame's end.
    scanned: usize,
}

impl Unwrapper {
    /// For a response that begins with its transport's prelude.
    pub(super) fn streaming(dress: Dress) -> Self {
        let prelude = match &dress {
            Dress::Frames(framing) => framing.prelude(),
            // It has a choice there, and says by it that it is open: the first block.
            Dress::Events => Bytes::new(),
        };
        Self::new(dress, prelude)
    }

    /// For a response of one frame.
    pub(super) fn polling(dress: Dress) -> Self {
        Self::new(dress, Bytes::new())
    }

    fn new(dress: Dress, prelude: Bytes) -> Self {
        Self {
            dress,
            is_begun: false,
            prelude,
            buffer: BytesMut::new(),
            scanned: 0,
        }
    }

    /// Takes in the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        let length = self.prelude.len().min(bytes.len());
        let same = self
            .prelude
            .iter()
            .zip(bytes)
            .take_while(|(expected, got)| expected == got)
            .count();
        if same < length {
            return Err(Violation::Prelude {
                got: excerpt(&bytes[same..]),
            });
        }
        self.prelude.advance(length);
        bytes.advance(length);
        if self.buffer.len() + bytes.len() > LONGEST {
            return Err(Violation::TooLarge { limit: LONGEST });
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next frame that is there as a whole.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Violation> {
        let wrapping = Wrapping::of(&self.dress);
        let from = self.scanned.saturating_sub(wrapping.after.len());
        let Some(at) = find(&self.buffer[from..], wrapping.after) else {
            self.scanned = self.buffer.len();
            return Ok(None);
        };
        let wrapped = self.buffer.split_to(from + at + wrapping.after.len());
        self.scanned = 0;
        let inner = &wrapped[..from + at];
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let frame = match &self.dress {
            Dress::Events if is_first => event::parse_prelude(inner)?,
            Dress::Events => event::parse(inner)?,
            Dress::Frames(framing) => {
                let frame = inner
                    .strip_prefix(wrapping.before.as_bytes())
                    .and_then(|inner| unescape(framing, inner));
                let frame = frame.ok_or_else(|| Violation::Wrapping {
                    expected: wrapping.expected(),
                    got: excerpt(&wrapped),
                })?;
                Frame::parse(&frame)?
            }
        };
        Ok(Some(frame))
    }

    /// What has come and is no whole frame.
    pub(super) fn rest(&self) -> Option<String> {
        (!self.buffer.is_empty()).then(|| excerpt(&self.buffer))
    }

    /// The response has ended; it must not be in the middle of something.
    pub(super) fn finish(&self) -> Result<(), Violation> {
        match self.rest() {
            None if self.prelude.is_empty() => Ok(()),
            rest => Err(Violation::CutShort {
                got: rest.unwrap_or_default(),
            }),
        }
    }
}

/// What stands around a frame. Nothing inside a frame can look like its end, as no frame holds a
/// raw line break.
struct Wrapping {
    before: String,
    after: &'static [u8],
}

impl Wrapping {
    fn of(dress: &Dress) -> Self {
        let (before, after): (_, &[u8]) = match dress {
            Dress::Frames(Framing::Xhr) => (String::new(), b"\n"),
            Dress::Frames(Framing::EventSource) => ("data: ".into(), b"\r\n\r\n"),
            Dress::Frames(Framing::HtmlFile { .. }) => {
                ("<script>\np(".into(), b");\n</script>\r\n")
            }
            Dress::Frames(Framing::Jsonp { callback }) => (format!("/**/{callback}("), b");\r\n"),
            Dress::Events => (String::new(), b"\n\n"),
        };
        Self { before, after }
    }

    fn expected(&self) -> String {
        format!(
            "{}FRAME{}",
            self.before,
            String::from_utf8_lossy(self.after)
        )
    }
}

/// Undoes what the transport does to a frame's text.
fn unescape(framing: &Framing, inner: &[u8]) -> Option<Vec<u8>> {
    match framing {
        Framing::Xhr => Some(inner.to_vec()),
        Framing::EventSource => percent_decode(inner),
        // A raw `<` could end the script.
        Framing::HtmlFile { .. } if inner.contains(&b'<') => None,
        Framing::HtmlFile { .. } | Framing::Jsonp { .. } => literal(inner),
    }
}

/// Only what would break an event is encoded, so anything else behind a `%` is a mistake.
fn percent_decode(inner: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        decoded.push(match byte {
            b'%' => {
                let digits = rest.get(..2)?;
                rest = &rest[2..];
                match digits {
                    b"25" => b'%',
                    b"0D" => b'\r',
                    b"0A" => b'\n',
                    b"00" => 0,
                    _ => return None,
                }
            }
            b'\r' | b'\n' | 0 => return None,
            plain => plain,
        });
    }
    Some(decoded)
}

/// A JSON string literal's text.
fn literal(inner: &[u8]) -> Option<Vec<u8>> {
    if !inner.starts_with(b"\"") || !inner.ends_with(b"\"") {
        return None;
    }
    let mut decoded = Decoded::new();
    decode_text_frame(std::str::from_utf8(inner).ok()?, 1, &mut decoded).ok()?;
    let text = decoded.drain().next()?;
    Some(text.as_str().as_bytes().to_vec())
}

fn find(bytes: &[u8], end: &[u8]) -> Option<usize> {
    bytes.windows(end.len()).position(|window| window == end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Close, Message};

    fn framings() -> [Framing; 4] {
        [
            Framing::Xhr,
            Framing::EventSource,
            Framing::HtmlFile {
                callback: "cb".into(),
            },
            Framing::Jsonp {
                callback: "cb".into(),
            },
        ]
    }

    fn frames(unwrapper: &mut Unwrapper) -> Result<Vec<Frame>, Violation> {
        let mut frames = Vec::new();
        while let Some(frame) = unwrapper.next()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn every_cut_gives_the_same_frames() {
        let texts = ["o", "h", r#"a["100%\n</script>","é"]"#, r#"c[3000,"bye"]"#];
        let expected = vec![
            Frame::Open,
            Frame::Heartbeat,
            Frame::Messages(vec!["100%\n</script>".into(), Message::from("é")]),
            Frame::Close(Close::new(3000, "bye")),
        ];
        for framing in framings() {
            let mut bytes = framing.prelude().to_vec();
            for text in texts {
                framing.wrap(&mut bytes, |out| out.extend_from_slice(text.as_bytes()));
            }
            for cut in 0..=bytes.len() {
                let mut unwrapper = Unwrapper::streaming(Dress::Frames(framing.clone()));
                let mut seen = Vec::new();
                for part in [&bytes[..cut], &bytes[cut..]] {
                    unwrapper.feed(part).unwrap();
                    seen.extend(frames(&mut unwrapper).unwrap());
                }
                assert_eq!(seen, expected, "{framing:?} cut at {cut}");
                assert_eq!(unwrapper.finish(), Ok(()));
            }
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_prelude() {
        for framing in framings() {
            let prelude = framing.prelude();
            for at in 0..prelude.len() {
                let mut unwrapper = Unwrapper::streaming(Dress::Frames(framing.clone()));
                let mut wrong = prelude.to_vec();
                wrong[at] = if prelude[at] == b'!' { b'?' } else { b'!' };
                let Err(Violation::Prelude { got }) = unwrapper.feed(&wrong) else {
                    panic!("{framing:?}: a wrong byte {at} was taken");
                };
                assert_eq!(got.as_bytes()[0], wrong[at], "{got}");

                let mut unwrapper = Unwrapper::streaming(Dress::Frames(framing.clone()));
                unwrapper.feed(&prelude[..at]).unwrap();
                let cut = Violation::CutShort { got: String::new() };
                assert_eq!(unwrapper.finish(), Err(cut), "{framing:?} after {at}");
            }
        }
    }

    #[test]
    fn refuses_wrappings_of_its_own_kind_that_are_wrong() {
        let [xhr, event_source, html_file, jsonp] = framings();
        #[rustfmt::skip]
        let cases = [
            (&event_source, "data:o\r\n\r\n"),
            (&event_source, "data: %\r\n\r\n"),
            (&event_source, "data: a[\"%41\"]\r\n\r\n"),
            (&event_source, "data: a[\"100%\"]\r\n\r\n"),
            (&event_source, "data: o\ndata: h\r\n\r\n"),
            (&event_source, "event: x\r\ndata: o\r\n\r\n"),
            (&html_file,    "<script>\np('o');\n</script>\r\n"),
            (&html_file,    "<script>p(\"o\");\n</script>\r\n"),
            (&html_file,    "<script>\np(\"a[\\\"<\\\"]\");\n</script>\r\n"),
            (&html_file,    "<script>\np(o);\n</script>\r\n"),
            (&jsonp,        "cb(\"o\");\r\n"),
            (&jsonp,        "/**/other(\"o\");\r\n"),
            (&jsonp,        "/**/cb( \"o\");\r\n"),
            (&jsonp,        "/**/cb(\"o\"+\"\");\r\n"),
            (&jsonp,        "/**/cb([\"o\"]);\r\n"),
        ];
        for (framing, bytes) in cases {
            let mut unwrapper = Unwrapper::polling(Dress::Frames(framing.clone()));
            unwrapper.feed(bytes.as_bytes()).unwrap();
            let Err(Violation::Wrapping { got, .. }) = unwrapper.next() else {
                panic!("{framing:?}: {bytes:?} was taken");
            };
            assert_eq!(got, bytes);
        }
        for (framing, bytes) in [
            (&xhr, "o"),
            (&jsonp, "/**/cb(\"o\");"),
            (&event_source, "data: o\r\n"),
        ] {
            let mut unwrapper = Unwrapper::polling(Dress::Frames(framing.clone()));
            unwrapper.feed(bytes.as_bytes()).unwrap();
            assert_eq!(unwrapper.next(), Ok(None));
            let got = bytes.to_owned();
            assert_eq!(unwrapper.finish(), Err(Violation::CutShort { got }));
        }
    }

    #[test]
    fn takes_frames_up_to_its_limit() {
        let mut unwrapper = Unwrapper::polling(Dress::Frames(Framing::Xhr));
        unwrapper.feed(&vec![b'x'; LONGEST]).unwrap();
        let too_large = Violation::TooLarge { limit: LONGEST };
        assert_eq!(unwrapper.feed(b"x"), Err(too_large));
    }
}
