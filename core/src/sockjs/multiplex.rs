//! websocket-multiplex: many channels over the messages of one session.
//!
//! Topics stand in commands in JavaScript's [`escape`] form and are compared in that form, as the
//! reference server does.

use std::{borrow::Cow, collections::BTreeSet, fmt};

/// One message of the convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `sub`: the client opens a channel.
    Subscribe {
        /// The channel's name, escaped.
        topic: &'a str,
    },
    /// `msg`: a message on a channel, in either direction.
    Message {
        /// The channel's name, escaped.
        topic: &'a str,
        /// The message as it is.
        payload: &'a str,
    },
    /// `uns`: a channel is closed, by either side.
    Unsubscribe {
        /// The channel's name, escaped.
        topic: &'a str,
    },
}

impl<'a> Command<'a> {
    /// Reads a command; `None` if `message` is none.
    pub fn parse(message: &'a str) -> Option<Self> {
        let (kind, rest) = message.split_once(',')?;
        let (topic, payload) = rest.split_once(',').unwrap_or((rest, ""));
        match kind {
            "sub" => Some(Self::Subscribe { topic }),
            "msg" => Some(Self::Message { topic, payload }),
            "uns" => Some(Self::Unsubscribe { topic }),
            _ => None,
        }
    }
}

/// Writes the command as a message.
impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscribe { topic } => write!(f, "sub,{topic}"),
            Self::Message { topic, payload } => write!(f, "msg,{topic},{payload}"),
            Self::Unsubscribe { topic } => write!(f, "uns,{topic}"),
        }
    }
}

/// The channels of one session.
///
/// ```text
///            sub                      uns, close, end of the session
///  closed ---------> open (msg both ways) ------------------------> closed
/// ```
///
/// # Example
///
/// ```
/// use sockeye_core::sockjs::multiplex::{Event, Multiplexer};
///
/// let mut channels = Multiplexer::new(8);
/// let is_registered = |topic: &str| topic == "red";
/// assert_eq!(channels.handle_message("sub,red", is_registered), Some(Event::Opened { topic: "red" }));
/// assert_eq!(
///     channels.handle_message("msg,red,hello, world", is_registered),
///     Some(Event::Message { topic: "red", payload: "hello, world" }),
/// );
/// assert_eq!(channels.handle_message("sub,blue", is_registered), None);
/// ```
#[derive(Clone, Debug)]
pub struct Multiplexer {
    open: BTreeSet<Box<str>>,
    max_channels: usize,
}

/// What a client's message means for the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A channel was opened; nothing is sent back.
    Opened {
        /// The channel's name, escaped.
        topic: &'a str,
    },
    /// A message came on an open channel.
    Message {
        /// The channel's name, escaped.
        topic: &'a str,
        /// The message as it is.
        payload: &'a str,
    },
    /// The client closed an open channel; nothing is sent back.
    Closed {
        /// The channel's name, escaped.
        topic: &'a str,
    },
    /// One channel too many was not opened. The client takes it for open, so send it a
    /// [`Command::Unsubscribe`].
    Refused {
        /// The channel's name, escaped.
        topic: &'a str,
    },
}

impl Multiplexer {
    /// No channel is open; at most `max_channels` may be at a time ([`MAX_CHANNELS`] is a good
    /// number).
    pub fn new(max_channels: usize) -> Self {
        Self {
            open: BTreeSet::new(),
            max_channels,
        }
    }

    /// What a client's message means; `None` if it means nothing and is ignored.
    ///
    /// `is_registered` tells whether the application serves an (escaped) topic; it is asked only
    /// when a channel is about to be opened, and never for topics above [`MAX_TOPIC_LENGTH`].
    pub fn handle_message<'a>(
        &mut self,
        message: &'a str,
        is_registered: impl FnOnce(&str) -> bool,
    ) -> Option<Event<'a>> {
        match Command::parse(message)? {
            Command::Subscribe { topic } => {
                if topic.len() > MAX_TOPIC_LENGTH || self.is_open(topic) || !is_registered(topic) {
                    return None;
                }
                if self.open.len() >= self.max_channels {
                    return Some(Event::Refused { topic });
                }
                self.open.insert(topic.into());
                Some(Event::Opened { topic })
            }
            Command::Message { topic, payload } => self
                .is_open(topic)
                .then_some(Event::Message { topic, payload }),
            Command::Unsubscribe { topic } => {
                self.open.remove(topic).then_some(Event::Closed { topic })
            }
        }
    }

    /// The server closes a channel. If it was open (`true`), send the client a
    /// [`Command::Unsubscribe`].
    pub fn close(&mut self, topic: &str) -> bool {
        self.open.remove(topic)
    }

    /// Whether a channel is open, that is, whether the server may send on it.
    pub fn is_open(&self, topic: &str) -> bool {
        self.open.contains(topic)
    }

    /// How many channels are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no channel is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The session ended: closes all channels and tells which they were, in alphabetical order.
    pub fn handle_end(&mut self) -> impl Iterator<Item = Box<str>> + use<> {
        std::mem::take(&mut self.open).into_iter()
    }
}

/// Channels that one session may have open, unless the application says otherwise.
pub const MAX_CHANNELS: usize = 1024;

/// The longest topic that can be opened, escaped and in bytes; together with the number of
/// channels it bounds what a client can make the server remember.
pub const MAX_TOPIC_LENGTH: usize = 1024;

/// A channel's name as it stands in commands: JavaScript's legacy `escape`.
pub fn escape(name: &str) -> Cow<'_, str> {
    let is_kept = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'@' | b'*' | b'_' | b'+' | b'-' | b'.' | b'/')
    };
    if name.bytes().all(is_kept) {
        return Cow::Borrowed(name);
    }
    let mut escaped = String::with_capacity(name.len() * 2);
    for unit in name.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if is_kept(byte) => escaped.push(char::from(byte)),
            Ok(byte) => {
                escaped.push('%');
                push_hex(byte.into(), 2, &mut escaped);
            }
            Err(_) => {
                escaped.push_str("%u");
                push_hex(unit, 4, &mut escaped);
            }
        }
    }
    Cow::Owned(escaped)
}

/// The name that `escaped` stands for: JavaScript's legacy `unescape`.
///
/// What is no escape stands for itself; surrogates without their other half become U+FFFD.
pub fn unescape(escaped: &str) -> Cow<'_, str> {
    if !escaped.contains('%') {
        return Cow::Borrowed(escaped);
    }
    let mut units = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(first) = rest.chars().next() {
        let (unit, length) = match read_escape(rest) {
            Some(escape) => escape,
            None => {
                units.extend_from_slice(first.encode_utf16(&mut [0; 2]));
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        units.push(unit);
        rest = &rest[length..];
    }
    Cow::Owned(String::from_utf16_lossy(&units))
}

/// The UTF-16 unit of an escape at the start of `text`, and how long the escape is.
fn read_escape(text: &str) -> Option<(u16, usize)> {
    let hex = |digits: Option<&str>| {
        let digits =
            digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    if !text.starts_with('%') {
        return None;
    }
    if text.starts_with("%u") {
        return Some((hex(text.get(2..6))?, 6));
    }
    Some((hex(text.get(1..3))?, 3))
}

fn push_hex(unit: u16, digits: u16, out: &mut String) {
    for place in (0..digits).rev() {
        let digit = usize::from(unit >> (4 * place) & 0xF);
        out.push(char::from(b"0123456789ABCDEF"[digit]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_writes_commands() {
        use Command::*;
        #[rustfmt::skip]
        let cases = [
            // message         expected                                       written again
            ("sub,a",          Some(Subscribe { topic: "a" }),                "sub,a"),
            ("sub,",           Some(Subscribe { topic: "" }),                 "sub,"),
            ("sub,a,b",        Some(Subscribe { topic: "a" }),                "sub,a"),
            ("msg,a,b",        Some(Message { topic: "a", payload: "b" }),    "msg,a,b"),
            ("msg,a,b,c,,",    Some(Message { topic: "a", payload: "b,c,," }), "msg,a,b,c,,"),
            ("msg,a,",         Some(Message { topic: "a", payload: "" }),     "msg,a,"),
            ("msg,a",          Some(Message { topic: "a", payload: "" }),     "msg,a,"),
            ("msg,%2C,é",      Some(Message { topic: "%2C", payload: "é" }),  "msg,%2C,é"),
            ("uns,a",          Some(Unsubscribe { topic: "a" }),              "uns,a"),
            ("",               None,                                          ""),
            ("sub",            None,                                          ""),
            (",a",             None,                                          ""),
            ("SUB,a",          None,                                          ""),
            (" sub,a",         None,                                          ""),
            ("subs,a",         None,                                          ""),
        ];
        for (message, expected, written) in cases {
            assert_eq!(Command::parse(message), expected, "{message}");
            if let Some(command) = expected {
                assert_eq!(command.to_string(), written);
            }
        }
    }

    #[test]
    fn escapes_topics_as_javascript_does() {
        #[rustfmt::skip]
        let cases = [
            // name           escaped
            ("",              ""),
            ("aZ09@*_+-./",   "aZ09@*_+-./"),
            ("a b,c%",        "a%20b%2Cc%25"),
            ("\0\n\x7f",      "%00%0A%7F"),
            ("é\u{ff}",       "%E9%FF"),
            ("\u{100}€",      "%u0100%u20AC"),
            ("😀",            "%uD83D%uDE00"),
        ];
        for (name, escaped) in cases {
            assert_eq!(escape(name), escaped);
            assert_eq!(unescape(escaped), name);
        }
    }

    #[test]
    fn unescapes_whatever_it_is_given() {
        #[rustfmt::skip]
        let cases = [
            // escaped        expected
            ("%e9%u20ac",     "é€"),
            ("%",             "%"),
            ("%%41",          "%A"),
            ("%4",            "%4"),
            ("%4g",           "%4g"),
            ("%u",            "%u"),
            ("%u12",          "%u12"),
            ("%u123é",        "%u123é"),
            ("%+1",           "%+1"),
            ("%é",            "%é"),
            ("%uD800",        "\u{fffd}"),
            ("%uDE00%uD83D",  "\u{fffd}\u{fffd}"),
            ("%U0041",        "%U0041"),
        ];
        for (escaped, expected) in cases {
            assert_eq!(unescape(escaped), expected, "{escaped}");
        }
    }

    #[test]
    fn a_channel_lives_from_sub_to_uns() {
        let mut channels = Multiplexer::new(MAX_CHANNELS);
        let all = |_: &str| true;
        let message = Event::Message {
            topic: "a",
            payload: "x",
        };

        assert_eq!(
            channels.handle_message("msg,a,x", all),
            None,
            "not open yet"
        );
        assert_eq!(channels.handle_message("uns,a", all), None, "not open yet");
        assert_eq!(
            channels.handle_message("sub,b", |_| false),
            None,
            "not registered"
        );
        assert_eq!(channels.handle_message("nonsense", all), None);

        assert_eq!(
            channels.handle_message("sub,a", all),
            Some(Event::Opened { topic: "a" })
        );
        assert_eq!(channels.handle_message("sub,a", all), None, "open already");
        assert_eq!(channels.handle_message("msg,a,x", all), Some(message));
        assert_eq!(
            channels.handle_message("uns,a", all),
            Some(Event::Closed { topic: "a" })
        );
        assert_eq!(channels.handle_message("msg,a,x", all), None, "closed");

        assert_eq!(
            channels.handle_message("sub,a", all),
            Some(Event::Opened { topic: "a" })
        );
        assert!(channels.is_open("a"));
        assert!(channels.close("a"));
        assert!(!channels.close("a"));
        assert_eq!(
            channels.handle_message("msg,a,x", all),
            None,
            "closed by the server"
        );
    }

    #[test]
    fn the_end_of_the_session_closes_what_is_open() {
        let mut channels = Multiplexer::new(MAX_CHANNELS);
        for message in ["sub,b", "sub,a", "sub,c", "uns,c"] {
            channels.handle_message(message, |_| true);
        }
        assert_eq!(channels.len(), 2);
        assert_eq!(
            channels.handle_end().collect::<Vec<_>>(),
            ["a".into(), "b".into()]
        );
        assert!(channels.is_empty());
    }

    #[test]
    fn what_a_client_can_open_is_bounded() {
        let mut channels = Multiplexer::new(2);
        let all = |_: &str| true;
        assert_eq!(
            channels.handle_message("sub,a", all),
            Some(Event::Opened { topic: "a" })
        );
        assert_eq!(
            channels.handle_message("sub,b", all),
            Some(Event::Opened { topic: "b" })
        );
        assert_eq!(
            channels.handle_message("sub,c", all),
            Some(Event::Refused { topic: "c" })
        );
        assert_eq!(channels.handle_message("msg,c,x", all), None);
        assert_eq!(channels.handle_message("sub,a", all), None, "open already");
        channels.close("a");
        assert_eq!(
            channels.handle_message("sub,c", all),
            Some(Event::Opened { topic: "c" })
        );

        let mut channels = Multiplexer::new(2);
        for (length, is_opened) in [
            (MAX_TOPIC_LENGTH - 1, true),
            (MAX_TOPIC_LENGTH, true),
            (MAX_TOPIC_LENGTH + 1, false),
        ] {
            let message = format!("sub,{}", "x".repeat(length));
            assert_eq!(
                channels.handle_message(&message, all).is_some(),
                is_opened,
                "{length}"
            );
        }
    }
}
