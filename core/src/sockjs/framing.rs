//! How each HTTP transport wraps a frame.

use bytes::Bytes;

use crate::{
    escape::{Markup, quote_plain_into},
    scan,
};

/// The wrapping of one receiver's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// xhr and xhr_streaming: a line each.
    Xhr,
    /// eventsource: an event each.
    EventSource,
    /// htmlfile: a script block each, in a page that never ends.
    HtmlFile {
        /// The object in the parent window, checked by
        /// [`parse_callback`](super::callback::parse_callback).
        callback: Box<str>,
    },
    /// jsonp: a script that calls back.
    Jsonp {
        /// The function to call, checked by
        /// [`parse_callback`](super::callback::parse_callback).
        callback: Box<str>,
    },
}

impl Framing {
    /// What stands once at the start of a streaming response, before any frame. Polling responses
    /// have nothing there.
    pub fn prelude(&self) -> Bytes {
        match self {
            Self::Xhr => Bytes::from_static(&XHR_STREAMING_PRELUDE),
            Self::EventSource => Bytes::from_static(b"\r\n"),
            Self::HtmlFile { callback } => {
                let mut page = Vec::with_capacity(HTML_FILE_LENGTH + callback.len() + 4);
                page.extend_from_slice(BEFORE_CALLBACK.as_bytes());
                page.extend_from_slice(callback.as_bytes());
                page.extend_from_slice(AFTER_CALLBACK.as_bytes());
                page.extend_from_slice(&HTML_FILE_SPACES);
                page.extend_from_slice(b"\r\n\r\n");
                page.into()
            }
            Self::Jsonp { .. } => Bytes::new(),
        }
    }

    /// Appends one wrapped frame; `encode` appends the bare frame to what it is given.
    pub fn wrap(&self, out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::Xhr => {
                encode(out);
                out.push(b'\n');
            }
            Self::EventSource => {
                out.extend_from_slice(b"data: ");
                let start = out.len();
                encode(out);
                percent_encode_from(start, out);
                out.extend_from_slice(b"\r\n\r\n");
            }
            Self::HtmlFile { .. } => {
                out.extend_from_slice(b"<script>\np(");
                quote_frame(encode, Markup::Escape, out);
                out.extend_from_slice(b");\n</script>\r\n");
            }
            Self::Jsonp { callback } => {
                // The comment keeps a body that starts with the caller's bytes from being taken
                // for something else, such as a Flash file (CVE-2014-4671).
                out.extend_from_slice(b"/**/");
                out.extend_from_slice(callback.as_bytes());
                out.push(b'(');
                quote_frame(encode, Markup::Keep, out);
                out.extend_from_slice(b");\r\n");
            }
        }
    }
}

fn quote_frame(encode: impl FnOnce(&mut Vec<u8>), markup: Markup, out: &mut Vec<u8>) {
    let mut frame = Vec::new();
    encode(&mut frame);
    quote_plain_into(&frame, markup, out);
}

/// Percent-encodes what would break the event or be decoded by the client, in `out[start..]`.
fn percent_encode_from(start: usize, out: &mut Vec<u8>) {
    let is_encoded =
        |byte: u8| (byte == b'%') | (byte == b'\r') | (byte == b'\n') | (byte == b'\0');
    // Rare, so only then is the frame copied.
    let first = start + scan::find(&out[start..], is_encoded);
    let rest = out.split_off(first);
    for byte in rest {
        match byte {
            b'%' => out.extend_from_slice(b"%25"),
            b'\r' => out.extend_from_slice(b"%0D"),
            b'\n' => out.extend_from_slice(b"%0A"),
            b'\0' => out.extend_from_slice(b"%00"),
            _ => out.push(byte),
        }
    }
}

/// Browsers that show a response as it grows wait for some bytes first.
static XHR_STREAMING_PRELUDE: [u8; 2049] = {
    let mut prelude = [b'h'; 2049];
    prelude[2048] = b'\n';
    prelude
};

/// The page with its spaces, without callback and line ends; with them it exceeds the 1024 bytes
/// that browsers gather before they start.
const HTML_FILE_LENGTH: usize = 1023;

static HTML_FILE_SPACES: [u8; HTML_FILE_LENGTH - BEFORE_CALLBACK.len() - AFTER_CALLBACK.len()] =
    [b' '; HTML_FILE_LENGTH - BEFORE_CALLBACK.len() - AFTER_CALLBACK.len()];

const BEFORE_CALLBACK: &str = r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent."#;

const AFTER_CALLBACK: &str = ";
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>";

#[cfg(test)]
mod tests {
    use super::*;

    fn html_file() -> Framing {
        Framing::HtmlFile {
            callback: "_jp.a".into(),
        }
    }

    fn jsonp() -> Framing {
        Framing::Jsonp {
            callback: "_jp.a".into(),
        }
    }

    fn wrapped(framing: &Framing, frame: &str) -> String {
        let mut out = b"before:".to_vec();
        framing.wrap(&mut out, |out| out.extend_from_slice(frame.as_bytes()));
        let out = String::from_utf8(out).unwrap();
        out.strip_prefix("before:").unwrap().to_owned()
    }

    fn prelude(framing: &Framing) -> String {
        String::from_utf8(framing.prelude().to_vec()).unwrap()
    }

    #[test]
    fn wraps_frames() {
        use Framing::{EventSource, Xhr};
        #[rustfmt::skip]
        let cases = [
            // framing     frame                expected
            (Xhr,          "o",                 "o\n"),
            (Xhr,          r#"a["100%"]"#,      "a[\"100%\"]\n"),
            (EventSource,  "o",                 "data: o\r\n\r\n"),
            (EventSource,  r#"a["x"]"#,         "data: a[\"x\"]\r\n\r\n"),
            (EventSource,  r#"a["100%25"]"#,    "data: a[\"100%2525\"]\r\n\r\n"),
            (EventSource,  "%\r\n\0é<%",        "data: %25%0D%0A%00é<%25\r\n\r\n"),
            (html_file(),  "o",                 "<script>\np(\"o\");\n</script>\r\n"),
            (html_file(),  r#"a["x"]"#,         "<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n"),
            (html_file(),  r#"a["</script>"]"#, "<script>\np(\"a[\\\"\\u003c/script>\\\"]\");\n</script>\r\n"),
            (jsonp(),      "o",                 "/**/_jp.a(\"o\");\r\n"),
            (jsonp(),      r#"a["x"]"#,         "/**/_jp.a(\"a[\\\"x\\\"]\");\r\n"),
            (jsonp(),      r#"a["<\n"]"#,       "/**/_jp.a(\"a[\\\"<\\\\n\\\"]\");\r\n"),
        ];
        for (framing, frame, expected) in cases {
            assert_eq!(wrapped(&framing, frame), expected, "{framing:?}");
        }
    }

    #[test]
    fn starts_responses() {
        assert_eq!(prelude(&Framing::Xhr), format!("{}\n", "h".repeat(2048)));
        assert_eq!(prelude(&Framing::EventSource), "\r\n");
        assert_eq!(prelude(&jsonp()), "");
    }

    #[test]
    fn the_htmlfile_page_is_long_enough_for_browsers_to_start() {
        for callback in ["c", "_jp.abcdefg"] {
            let page = prelude(&Framing::HtmlFile {
                callback: callback.into(),
            });
            assert_eq!(page.len(), 1027 + callback.len());
            assert!(page.contains(&format!("    var c = parent.{callback};\n    c.start();\n")));
            let (html, spaces) = page.split_once("</script>").unwrap();
            assert!(
                html.starts_with("<!doctype html>\n<html><head>\n  <meta "),
                "{html}"
            );
            assert!(html.ends_with("{c.stop();};\n  "), "{html}");
            assert_eq!(spaces.trim_start_matches(' '), "\r\n\r\n");
        }
    }
}
