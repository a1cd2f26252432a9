//! What is said inside WebSocket frames and polls, protocol by protocol.

use super::{
    session_path,
    ws::{self, TEXT},
};
use crate::Result;

/// What is said on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A message is a WebSocket message.
    Raw,
    /// Messages go as `["..."]` and come as `a["...","..."]`.
    SockJs,
    /// A message is a packet: `4...`.
    EngineIo,
    /// A message is an event, or is asked for and comes as its ack.
    SocketIo(Event),
}

/// The Socket.IO event that carries the messages, with one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `echo` comes back as `echo`.
    Echo,
    /// `ack` comes back as its ack.
    Ack,
    /// `broadcast` comes to everyone as `broadcast`.
    Broadcast,
}

/// Where Engine.IO is mounted, with the slash that clients put behind it.
pub(super) const ENGINE_IO: &str = "/engine.io/";

/// Where Socket.IO is mounted.
pub(super) const SOCKET_IO: &str = "/socket.io/";

impl Framing {
    /// The URL of a WebSocket on `mount`. In Engine.IO and Socket.IO there is but one.
    pub fn websocket(self, mount: &str) -> String {
        match self {
            Self::Raw => format!("{mount}/websocket"),
            Self::SockJs => format!("{mount}/{}/websocket", session_path()),
            Self::EngineIo => format!("{ENGINE_IO}?EIO=4&transport=websocket"),
            Self::SocketIo(_) => format!("{SOCKET_IO}?EIO=4&transport=websocket"),
        }
    }

    /// How many frames or packets the server says before messages may go.
    pub fn greetings(self) -> usize {
        match self {
            Self::Raw => 0,
            Self::SockJs | Self::EngineIo => 1,
            Self::SocketIo(_) => 2,
        }
    }

    /// Checks the `step`th greeting; what the client answers to it.
    pub fn greet(self, step: usize, payload: &[u8]) -> Result<Option<&'static [u8]>> {
        match (self, step, payload) {
            (Self::SockJs, 0, b"o") => Ok(None),
            (Self::EngineIo, 0, [b'0', b'{', ..]) => Ok(None),
            // The connect packet for the main namespace, and its answer.
            (Self::SocketIo(_), 0, [b'0', b'{', ..]) => Ok(Some(b"40")),
            (Self::SocketIo(_), 1, [b'4', b'0', b'{', ..]) => Ok(None),
            _ => Err(unexpected("greeting", payload).into()),
        }
    }

    /// What the client must say to this, if it is a heartbeat that wants an answer.
    pub fn heartbeat_answer(self, payload: &[u8]) -> Option<&'static [u8]> {
        match self {
            Self::Raw | Self::SockJs => None,
            Self::EngineIo | Self::SocketIo(_) => (payload == b"2").then_some(b"3"),
        }
    }

    /// What sends `text` as one message.
    pub fn message(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Raw => text.to_vec(),
            Self::SockJs => [b"[\"", text, b"\"]"].concat(),
            Self::EngineIo => [b"4", text].concat(),
            Self::SocketIo(event) => {
                let (sent, _) = event.prefixes();
                [sent, text, b"\"]"].concat()
            }
        }
    }

    /// The WebSocket frame that sends `text` as one message.
    pub fn frame(self, text: &[u8]) -> Vec<u8> {
        ws::frame(TEXT, &self.message(text))
    }

    /// How many copies of `text` came with this; everything else is an error.
    pub fn count_messages(self, payload: &[u8], text: &[u8]) -> Result<u64> {
        let once = |found: Option<&[u8]>| (found? == text).then_some(1);
        let count = match self {
            Self::Raw => once(Some(payload)),
            Self::SockJs => match payload {
                [b'h'] => Some(0),
                [b'a', b'[', array @ .., b']'] => count_array(array, text),
                _ => None,
            },
            Self::EngineIo => once(payload.strip_prefix(b"4")),
            Self::SocketIo(event) => {
                let (_, came) = event.prefixes();
                let rest = payload.strip_prefix(came);
                once(rest.and_then(|rest| rest.strip_suffix(b"\"]")))
            }
        };
        count.ok_or_else(|| unexpected("message", payload).into())
    }
}

impl Event {
    /// What stands before the text where it is sent, and where it comes back. One id is enough for
    /// all acks: a server only hands it back.
    fn prefixes(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Echo => (b"42[\"echo\",\"", b"42[\"echo\",\""),
            Self::Ack => (b"427[\"ack\",\"", b"437[\""),
            Self::Broadcast => (b"42[\"broadcast\",\"", b"42[\"broadcast\",\""),
        }
    }
}

fn unexpected(what: &str, payload: &[u8]) -> String {
    let start = &payload[..payload.len().min(80)];
    let start = String::from_utf8_lossy(start);
    format!("not the {what} that is due: {start}")
}

fn count_array(mut array: &[u8], text: &[u8]) -> Option<u64> {
    let mut count = 0;
    loop {
        let rest = array
            .strip_prefix(b"\"")?
            .strip_prefix(text)?
            .strip_prefix(b"\"")?;
        count += 1;
        if rest.is_empty() {
            return Some(count);
        }
        array = rest.strip_prefix(b",")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_messages_and_refuses_altered_ones() {
        use Framing::{EngineIo, Raw, SockJs, SocketIo};
        let (echo, ack) = (SocketIo(Event::Echo), SocketIo(Event::Ack));
        #[rustfmt::skip]
        let cases: [(Framing, &[u8], Option<u64>); 18] = [
            (SockJs,   b"h",                    Some(0)),
            (SockJs,   b"a[\"xy\"]",            Some(1)),
            (SockJs,   b"a[\"xy\",\"xy\"]",     Some(2)),
            (SockJs,   b"a[\"xy\",\"xz\"]",     None),
            (SockJs,   b"a[\"xy\",]",           None),
            (SockJs,   b"a[]",                  None),
            (SockJs,   b"c[3000,\"Go away!\"]", None),
            (Raw,      b"xy",                   Some(1)),
            (Raw,      b"xyxy",                 None),
            (EngineIo, b"4xy",                  Some(1)),
            (EngineIo, b"4xz",                  None),
            (EngineIo, b"xy",                   None),
            (echo,     b"42[\"echo\",\"xy\"]",  Some(1)),
            (echo,     b"42[\"echo\",\"xz\"]",  None),
            (echo,     b"42[\"echo\",\"xy\"",   None),
            (echo,     b"42[\"other\",\"xy\"]", None),
            (ack,      b"437[\"xy\"]",          Some(1)),
            (ack,      b"438[\"xy\"]",          None),
        ];
        for (framing, payload, expected) in cases {
            let counted = framing.count_messages(payload, b"xy").ok();
            let payload = String::from_utf8_lossy(payload);
            assert_eq!(counted, expected, "{framing:?} {payload}");
        }
    }

    #[test]
    fn greetings_are_checked_and_answered() {
        type Expected = Option<Option<&'static [u8]>>;
        let socket_io = Framing::SocketIo(Event::Echo);
        #[rustfmt::skip]
        let cases: [(Framing, usize, &[u8], Expected); 7] = [
            (Framing::SockJs,   0, b"o",               Some(None)),
            (Framing::SockJs,   0, b"h",               None),
            (Framing::EngineIo, 0, b"0{\"sid\":\"s\"}", Some(None)),
            (Framing::EngineIo, 0, b"4hello",          None),
            (socket_io,         0, b"0{\"sid\":\"s\"}", Some(Some(b"40"))),
            (socket_io,         1, b"40{\"sid\":\"p\"}", Some(None)),
            (socket_io,         1, b"44{\"message\":\"no\"}", None),
        ];
        for (framing, step, payload, expected) in cases {
            let answer = framing.greet(step, payload).ok();
            let payload = String::from_utf8_lossy(payload);
            assert_eq!(answer, expected, "{framing:?} {payload}");
        }
    }
}
