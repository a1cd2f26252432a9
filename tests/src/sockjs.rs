//! SockJS as its specification has it, written down a second time: nothing here is sockeye's.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{
    http1::{Connection, Request, Response},
    server::Server,
};

/// A session id that no other test uses.
pub fn session_id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("s{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The callback our JSONP and htmlfile requests name, shaped like the real client's.
pub const CALLBACK: &str = "_jp.a1b2c3";

/// A transport that brings frames to the client over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// `/xhr`
    Xhr,
    /// `/xhr_streaming`
    XhrStreaming,
    /// `/eventsource`
    EventSource,
    /// `/htmlfile`
    HtmlFile,
    /// `/jsonp`
    Jsonp,
}

impl Receiver {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Xhr,
        Self::XhrStreaming,
        Self::EventSource,
        Self::HtmlFile,
        Self::Jsonp,
    ];
    /// Those that bring frame after frame in one response.
    pub const STREAMING: [Self; 3] = [Self::XhrStreaming, Self::EventSource, Self::HtmlFile];
    /// Those that end with their first frame.
    pub const POLLING: [Self; 2] = [Self::Xhr, Self::Jsonp];

    /// The last segment of its URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xhr => "xhr",
            Self::XhrStreaming => "xhr_streaming",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile",
            Self::Jsonp => "jsonp",
        }
    }

    /// The request that attaches it.
    pub fn request(self, mount: &str, session: &str) -> Request {
        let path = format!("{mount}/000/{session}/{}", self.name());
        match self {
            Self::Xhr | Self::XhrStreaming => Request::post(path),
            Self::EventSource => Request::get(path),
            Self::HtmlFile | Self::Jsonp => Request::get(format!("{path}?c={CALLBACK}")),
        }
    }

    /// Whether one response brings many frames.
    pub fn is_streaming(self) -> bool {
        Self::STREAMING.contains(&self)
    }

    /// What a response begins with (section 4.3).
    pub fn prelude(self) -> Vec<u8> {
        match self {
            Self::Xhr | Self::Jsonp => Vec::new(),
            Self::XhrStreaming => [&[b'h'; 2048][..], b"\n"].concat(),
            Self::EventSource => b"\r\n".to_vec(),
            Self::HtmlFile => htmlfile_page(CALLBACK),
        }
    }

    /// A frame as this transport sends it (section 4.3).
    pub fn wrap(self, frame: &str) -> Vec<u8> {
        let wrapped = match self {
            Self::Xhr | Self::XhrStreaming => format!("{frame}\n"),
            Self::EventSource => format!("data: {}\r\n\r\n", frame.replace('%', "%25")),
            Self::HtmlFile => {
                let literal = json_string(frame).replace('<', "\\u003c");
                format!("<script>\np({literal});\n</script>\r\n")
            }
            Self::Jsonp => format!("/**/{CALLBACK}({});\r\n", json_string(frame)),
        };
        wrapped.into_bytes()
    }
}

/// The page htmlfile begins with, for a callback.
pub fn htmlfile_page(callback: &str) -> Vec<u8> {
    let page = format!(
        r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.{callback};
    c.start();
    function p(d) {{c.message(d);}};
    window.onload = function() {{c.stop();}};
  </script>"#
    );
    format!("{page:<width$}\r\n\r\n", width = 1023 + callback.len()).into_bytes()
}

/// An `a` frame.
pub fn message_frame<T: AsRef<str>>(messages: &[T]) -> String {
    let strings: Vec<_> = messages
        .iter()
        .map(|message| escape(message.as_ref()))
        .collect();
    format!("a[{}]", strings.join(","))
}

/// A string as it stands inside an `a` frame (section 4.1).
pub fn escape(text: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::from('"');
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\u{8}' => escaped.push_str("\\b"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\u{c}' => escaped.push_str("\\f"),
            '\r' => escaped.push_str("\\r"),
            '\0'..='\u{1f}'
            | '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{ffff}'
            | '\u{10000}'.. => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(escaped, "\\u{unit:04x}").expect("a String takes all");
                }
            }
            plain => escaped.push(plain),
        }
    }
    escaped.push('"');
    escaped
}

/// The messages of an `a` frame, of which there is at least one.
///
/// # Panics
///
/// When it is none.
#[track_caller]
pub fn unframe(frame: &str) -> Vec<String> {
    let messages = frame
        .strip_prefix('a')
        .and_then(|array| serde_json::from_str(array).ok());
    let messages: Vec<String> = messages.unwrap_or_else(|| panic!("no message frame: {frame:?}"));
    assert!(!messages.is_empty(), "an empty message frame");
    messages
}

/// A JSON array of strings, as a client sends it.
pub fn array<T: AsRef<str>>(messages: &[T]) -> String {
    let strings: Vec<_> = messages
        .iter()
        .map(|message| json_string(message.as_ref()))
        .collect();
    format!("[{}]", strings.join(","))
}

/// A JSON string by plain JSON rules.
pub fn json_string(text: &str) -> String {
    serde_json::to_string(text).expect("strings are JSON")
}

/// A session that is known by its mount and id.
#[derive(Clone, Debug)]
pub struct Client<'a> {
    /// Where the mount is.
    pub server: &'a Server,
    /// The mount's path.
    pub mount: String,
    /// The session's id.
    pub session: String,
}

impl<'a> Client<'a> {
    /// A client of a session that does not exist yet.
    pub fn new(server: &'a Server, mount: &str) -> Self {
        Self {
            server,
            mount: mount.to_owned(),
            session: session_id(),
        }
    }

    /// A client of a session opened by one poll.
    ///
    /// # Panics
    ///
    /// When it does not open.
    #[track_caller]
    pub fn open(server: &'a Server, mount: &str) -> Self {
        let client = Self::new(server, mount);
        client.expect_poll(Receiver::Xhr, "o");
        client
    }

    /// Polls (or streams) until the response ends; gives the whole of it.
    ///
    /// # Panics
    ///
    /// When it does not end.
    #[track_caller]
    pub fn receive(&self, receiver: Receiver) -> Response {
        self.server
            .ask(&receiver.request(&self.mount, &self.session))
    }

    /// One response that brings just this frame and ends.
    ///
    /// # Panics
    ///
    /// When it brings something else.
    #[track_caller]
    pub fn expect_poll(&self, receiver: Receiver, frame: &str) {
        let response = self.receive(receiver);
        assert_eq!(response.status(), 200, "{response:?}");
        let expected = [receiver.prelude(), receiver.wrap(frame)].concat();
        assert_same(&response.body, &expected, frame);
    }

    /// One xhr poll, whatever frame it brings, without its line feed.
    ///
    /// # Panics
    ///
    /// When it brings none.
    #[track_caller]
    pub fn poll(&self) -> String {
        let response = self.receive(Receiver::Xhr);
        assert_eq!(response.status(), 200, "{response:?}");
        let text = response.text();
        text.strip_suffix('\n')
            .unwrap_or_else(|| panic!("no line feed after {text:?}"))
            .to_owned()
    }

    /// The messages of the next polls, `count` in all.
    ///
    /// # Panics
    ///
    /// When another frame comes, or more messages.
    #[track_caller]
    pub fn messages(&self, count: usize) -> Vec<String> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.extend(unframe(&self.poll()));
        }
        assert_eq!(messages.len(), count, "more than was sent: {messages:?}");
        messages
    }

    /// The `xhr_send` with this body.
    pub fn send_request(&self, body: impl AsRef<[u8]>) -> Request {
        let path = format!("{}/000/{}/xhr_send", self.mount, self.session);
        Request::new("POST", path)
            .header("Content-Type", "text/plain")
            .body(body)
    }

    /// Sends messages by `xhr_send`.
    ///
    /// # Panics
    ///
    /// When they are not taken.
    #[track_caller]
    pub fn send<T: AsRef<str>>(&self, messages: &[T]) {
        let response = self.server.ask(&self.send_request(array(messages)));
        assert_eq!(response.status(), 204, "{response:?}");
    }

    /// Attaches a receiver: head and prelude are read.
    ///
    /// # Panics
    ///
    /// When it is refused.
    #[track_caller]
    pub fn attach(&self, receiver: Receiver) -> Attached {
        Attached::on(
            Connection::open(self.server),
            receiver,
            &receiver.request(&self.mount, &self.session),
        )
    }

    /// Opens the session with a receiver and leaves one of this kind attached.
    ///
    /// # Panics
    ///
    /// When that does not work.
    #[track_caller]
    pub fn open_attached(&self, receiver: Receiver) -> Attached {
        if receiver.is_streaming() {
            let mut attached = self.attach(receiver);
            attached.expect("o");
            attached
        } else {
            self.expect_poll(receiver, "o");
            self.attach(receiver)
        }
    }
}

/// A receiver whose response has begun.
#[derive(Debug)]
pub struct Attached {
    connection: Connection,
    receiver: Receiver,
    /// The length of a poll whose frame was there already, and which need not be chunked then.
    length: Option<usize>,
}

impl Attached {
    /// Sends the request and reads head and prelude.
    ///
    /// # Panics
    ///
    /// When the response is not a 200 with this prelude, or a stream not chunked.
    #[track_caller]
    pub fn on(mut connection: Connection, receiver: Receiver, request: &Request) -> Self {
        connection.send(request);
        let head = connection.head();
        assert_eq!(head.status, 200, "{head:?}");
        let length = head
            .header("content-length")
            .map(|length| length.parse().expect("a number"));
        assert!(
            head.is_chunked() || !receiver.is_streaming() && length.is_some(),
            "{receiver:?}: {head:?}"
        );
        let prelude = receiver.prelude();
        let mut seen = Vec::new();
        while seen.len() < prelude.len() {
            seen.extend(connection.chunk().expect("the response goes on"));
        }
        assert_same(&seen, &prelude, "prelude");
        Self {
            connection,
            receiver,
            length,
        }
    }

    /// The next frame, in one chunk of its own.
    ///
    /// # Panics
    ///
    /// When something else comes.
    #[track_caller]
    pub fn expect(&mut self, frame: &str) {
        let chunk = self
            .chunk()
            .unwrap_or_else(|| panic!("ended before {frame}"));
        assert_same(&chunk, &self.receiver.wrap(frame), frame);
    }

    /// The next chunk as it is; `None` is the response's end.
    ///
    /// # Panics
    ///
    /// When the connection breaks.
    #[track_caller]
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        match &mut self.length {
            None => self.connection.chunk(),
            Some(0) => None,
            Some(length) => Some(self.connection.exactly(std::mem::take(length))),
        }
    }

    /// The messages of the next frames, `count` in all, on a transport that leaves frames as they are.
    ///
    /// # Panics
    ///
    /// When another frame comes, or more messages.
    #[track_caller]
    pub fn messages(&mut self, count: usize) -> Vec<String> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.extend(self.messages_of_one_frame());
        }
        assert_eq!(messages.len(), count, "more than was sent: {messages:?}");
        messages
    }

    /// The messages of the next frame, on a transport that leaves frames as they are.
    ///
    /// # Panics
    ///
    /// When another frame comes.
    #[track_caller]
    pub fn messages_of_one_frame(&mut self) -> Vec<String> {
        let chunk = self.chunk().expect("the response goes on");
        unframe(&String::from_utf8_lossy(&chunk))
    }

    /// The response ends here, in order; gives back the connection.
    ///
    /// # Panics
    ///
    /// When it goes on.
    #[track_caller]
    pub fn expect_end(mut self) -> Connection {
        let chunk = self
            .chunk()
            .map(|chunk| String::from_utf8_lossy(&chunk).into_owned());
        assert_eq!(chunk, None, "the response should end");
        self.connection
    }

    /// The connection, in the middle of the response.
    pub fn into_connection(self) -> Connection {
        self.connection
    }
}

/// Compares bytes, and shows where they part.
#[track_caller]
fn assert_same(got: &[u8], expected: &[u8], what: &str) {
    if got != expected {
        let at = got
            .iter()
            .zip(expected)
            .take_while(|(got, expected)| got == expected)
            .count();
        let show = |bytes: &[u8]| {
            let end = bytes.len().min(at + 120);
            String::from_utf8_lossy(&bytes[at.saturating_sub(20).min(end)..end]).into_owned()
        };
        let what: String = what.chars().take(60).collect();
        panic!(
            "{what}: differs at byte {at}\n  expected {} bytes: {:?}\n       got {} bytes: {:?}",
            expected.len(),
            show(expected),
            got.len(),
            show(got)
        );
    }
}
