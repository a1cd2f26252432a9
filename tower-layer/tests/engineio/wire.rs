//! A client's end of a connection that never waits: what has come by now, and no more.

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

#[derive(Debug)]
pub(crate) struct Wire {
    stream: DuplexStream,
    bytes: Vec<u8>,
    is_switched: bool,
    has_ended: bool,
}

impl Wire {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self {
            stream,
            bytes: Vec::new(),
            is_switched: false,
            has_ended: false,
        }
    }

    /// Writes as long as the server listens; whoever has hung up is found out by reading.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    fn pump(&mut self) {
        let mut chunk = [0; 4096];
        while !self.has_ended {
            match self.stream.read(&mut chunk).now_or_never() {
                None => break,
                Some(Ok(0) | Err(_)) => self.has_ended = true,
                Some(Ok(length)) => self.bytes.extend_from_slice(&chunk[..length]),
            }
        }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.pump();
        self.has_ended
    }

    /// The status of an answer's head and the head's length, once it is whole.
    fn head(&mut self) -> Option<(u16, usize, usize)> {
        self.pump();
        let length = self.bytes.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&self.bytes[..length]).unwrap();
        let status = head[9..12].parse().unwrap();
        let body = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        Some((status, length, body))
    }

    /// A whole answer.
    pub(crate) fn answer(&mut self) -> Option<(u16, String)> {
        let (status, head, body) = self.head()?;
        let body = self.bytes.get(head..head + body)?.to_vec();
        Some((status, String::from_utf8(body).unwrap()))
    }

    /// Whether the answer was 101; what follows is frames.
    pub(crate) fn is_switched(&mut self) -> bool {
        if !self.is_switched {
            let Some((101, head, _)) = self.head() else {
                return false;
            };
            self.bytes.drain(..head);
            self.is_switched = true;
        }
        true
    }

    /// The next frame: its first byte and its payload.
    pub(crate) fn frame(&mut self) -> Option<(u8, String)> {
        self.pump();
        let length = usize::from(*self.bytes.get(1)?);
        assert!(length < 126, "frames are short here");
        let payload = self.bytes.get(2..2 + length)?.to_vec();
        let first = self.bytes[0];
        self.bytes.drain(..2 + length);
        Some((first, String::from_utf8(payload).unwrap()))
    }
}
