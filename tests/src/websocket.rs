//! WebSocket frames, well and ill formed, and a client over HTTP/1.1.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};

use crate::{
    http1::{Connection, Head, Request},
    server::Server,
};

/// Opcodes of RFC 6455, 5.2.
pub mod opcode {
    /// The rest of a fragmented message.
    pub const CONTINUATION: u8 = 0;
    /// A text message, or the first fragment of one.
    pub const TEXT: u8 = 1;
    /// A binary message, or the first fragment of one.
    pub const BINARY: u8 = 2;
    /// Close.
    pub const CLOSE: u8 = 8;
    /// Ping.
    pub const PING: u8 = 9;
    /// Pong.
    pub const PONG: u8 = 10;
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it ends its message.
    pub fin: bool,
    /// The reserved bits, 0 to 7.
    pub rsv: u8,
    /// What it is.
    pub opcode: u8,
    /// What it carries, unmasked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A whole message or control frame.
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self {
            fin: true,
            rsv: 0,
            opcode,
            payload: payload.as_ref().to_owned(),
        }
    }

    /// A whole text message.
    pub fn text(payload: impl AsRef<[u8]>) -> Self {
        Self::new(opcode::TEXT, payload)
    }

    /// A close with code and reason.
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(
            opcode::CLOSE,
            [&code.to_be_bytes(), reason.as_bytes()].concat(),
        )
    }

    /// The same, with its message going on in the next frame.
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// The same, with reserved bits set.
    pub fn with_rsv(mut self, rsv: u8) -> Self {
        self.rsv = rsv;
        self
    }

    /// As a client sends it.
    pub fn masked(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = self.head(0x80);
        bytes.extend(MASK);
        bytes.extend(
            self.payload
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    }

    /// As a server sends it, and a client must not.
    pub fn unmasked(&self) -> Vec<u8> {
        let mut bytes = self.head(0);
        bytes.extend(&self.payload);
        bytes
    }

    /// Reads one frame as servers send it; `None` while there is less than one.
    ///
    /// # Panics
    ///
    /// When a server must not send it: masked, or with a length in more bytes than needed.
    pub fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let [first, second, ..] = *bytes else {
            return None;
        };
        assert_eq!(second & 0x80, 0, "a server must not mask");
        let (length, begin) = match second & 0x7f {
            126 => (
                u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
                4,
            ),
            127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
            short => (u64::from(short), 2),
        };
        let shortest = if length < 126 {
            2
        } else if length < 65_536 {
            4
        } else {
            10
        };
        assert_eq!(
            begin, shortest,
            "a length of {length} in a head of {begin} bytes"
        );
        let end = begin + usize::try_from(length).expect("fits in memory");
        let payload = bytes.get(begin..end)?.to_owned();
        Some((
            Self {
                fin: first & 0x80 != 0,
                rsv: (first >> 4) & 7,
                opcode: first & 15,
                payload,
            },
            end,
        ))
    }

    /// Code and reason of a close frame; 1005 if it has none.
    ///
    /// # Panics
    ///
    /// When this is no close frame, or a malformed one.
    #[track_caller]
    pub fn close_code(&self) -> (u16, &str) {
        assert_eq!(self.opcode, opcode::CLOSE, "no close frame: {self:?}");
        match &*self.payload {
            [] => (1005, ""),
            [high, low, reason @ ..] => (
                u16::from_be_bytes([*high, *low]),
                std::str::from_utf8(reason).expect("a reason in UTF-8"),
            ),
            [_] => panic!("half a close code"),
        }
    }

    fn head(&self, mask_bit: u8) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let length = self.payload.len();
        if let Ok(length @ 0..126) = u8::try_from(length) {
            bytes.push(mask_bit | length);
        } else if let Ok(length) = u16::try_from(length) {
            bytes.push(mask_bit | 126);
            bytes.extend(length.to_be_bytes());
        } else {
            bytes.push(mask_bit | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
        bytes
    }
}

/// The key all our handshakes send: that of RFC 6455, 1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The answer RFC 6455 wants to a key.
pub fn accept(key: &str) -> String {
    BASE64_STANDARD.encode(
        Sha1::new()
            .chain_update(key)
            .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            .finalize(),
    )
}

/// A good handshake.
pub fn handshake(path: &str) -> Request {
    Request::get(path)
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", KEY)
}

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    connection: Connection,
    ahead: Vec<u8>,
}

impl WebSocket {
    /// Connects and shakes hands.
    ///
    /// # Panics
    ///
    /// When the answer is not 101.
    #[track_caller]
    pub fn open(server: &Server, path: &str) -> Self {
        Self::on(Connection::open(server), &handshake(path)).1
    }

    /// Goes on where the server's 101 was read.
    pub fn after_handshake(connection: Connection) -> Self {
        Self {
            connection,
            ahead: Vec::new(),
        }
    }

    /// Opens a framed session: the `o` is read.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn open_framed(server: &Server, mount: &str) -> Self {
        let mut socket = Self::open(
            server,
            &format!("{mount}/000/{}/websocket", crate::sockjs::session_id()),
        );
        socket.expect_text("o");
        socket
    }

    /// Shakes hands on a connection.
    ///
    /// # Panics
    ///
    /// When the answer is not 101.
    #[track_caller]
    pub fn on(mut connection: Connection, handshake: &Request) -> (Head, Self) {
        connection.send(handshake);
        let head = connection.head();
        assert_eq!(head.status, 101, "{head:?}");
        (head, Self::after_handshake(connection))
    }

    /// Sends a frame, masked.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    #[track_caller]
    pub fn send(&mut self, frame: &Frame) {
        self.connection.write(frame.masked());
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    #[track_caller]
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.connection.write(bytes);
    }

    /// Sends a text message.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    #[track_caller]
    pub fn text(&mut self, text: impl AsRef<[u8]>) {
        self.send(&Frame::text(text));
    }

    /// Reads the next frame.
    ///
    /// # Panics
    ///
    /// When none comes.
    #[track_caller]
    pub fn frame(&mut self) -> Frame {
        loop {
            if let Some((frame, used)) = Frame::decode(&self.ahead) {
                self.ahead.drain(..used);
                return frame;
            }
            let part = self.connection.some();
            assert!(
                !part.is_empty(),
                "the connection ended after {:?}",
                self.ahead
            );
            self.ahead.extend(part);
        }
    }

    /// Reads the next frame that is no ping; pings are answered, as every client does.
    ///
    /// # Panics
    ///
    /// When none comes.
    #[track_caller]
    pub fn frame_but_pings(&mut self) -> Frame {
        loop {
            let frame = self.frame();
            if frame.opcode != opcode::PING {
                return frame;
            }
            self.send(&Frame::new(opcode::PONG, frame.payload));
        }
    }

    /// Reads a text message and compares it.
    ///
    /// # Panics
    ///
    /// When something else comes.
    #[track_caller]
    pub fn expect_text(&mut self, text: &str) {
        let frame = self.frame();
        if frame != Frame::text(text) {
            let payload: String = String::from_utf8_lossy(&frame.payload)
                .chars()
                .take(200)
                .collect();
            let text: String = text.chars().take(200).collect();
            panic!(
                "opcode {} with {payload:?}, not the text {text:?}",
                frame.opcode
            );
        }
    }

    /// Reads a close frame with one of these codes, answers it, and sees the connection end.
    ///
    /// # Panics
    ///
    /// When something else comes.
    #[track_caller]
    pub fn expect_close(mut self, codes: &[u16]) -> (u16, String) {
        let frame = self.frame();
        let (code, reason) = frame.close_code();
        assert!(
            codes.contains(&code),
            "close {code} {reason:?}, not one of {codes:?}"
        );
        // The peer may have gone already, which is its right after an error.
        let _ = std::io::Write::write_all(&mut self.connection.writer(), &frame.masked());
        let more = self.connection.until_closed();
        assert!(
            self.ahead.is_empty() && more.is_empty(),
            "bytes after the close frame: {more:?}"
        );
        (code, reason.to_owned())
    }

    /// The connection below; frames that were read ahead are lost.
    pub fn into_connection(self) -> Connection {
        self.connection
    }

    /// A second handle on the socket, for a thread that only writes.
    pub fn writer(&self) -> std::net::TcpStream {
        self.connection.writer()
    }
}
