//! Tells HTTP/2 from HTTP/1.1 by a connection's first bytes.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// RFC 9113, section 3.4.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What was read to tell the version, until it is read again.
#[derive(Debug)]
pub(super) struct Unread {
    bytes: [u8; PREFACE.len()],
    from: usize,
    to: usize,
}

impl Unread {
    /// Hands on as much as there is room for; `true` when that was all.
    pub(super) fn read(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = &self.bytes[self.from..self.to];
        let taken = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..taken]);
        self.from += taken;
        self.from == self.to
    }
}

/// Reads until the HTTP/2 preface is complete or cannot be any more; says which, and what it read.
///
/// An end of input counts as HTTP/1.1.
pub(super) async fn read_preface(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<(bool, Option<Box<Unread>>)> {
    let mut bytes = [0; PREFACE.len()];
    let mut to = 0;
    let is_preface = loop {
        let read = stream.read(&mut bytes[to..]).await?;
        to += read;
        if read == 0 || bytes[..to] != PREFACE[..to] {
            break false;
        }
        if to == PREFACE.len() {
            break true;
        }
    };
    let unread = (to > 0).then(|| Box::new(Unread { bytes, from: 0, to }));
    Ok((is_preface, unread))
}
