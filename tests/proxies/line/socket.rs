//! WebSockets, framed and raw.

use std::{
    io::{self, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
};

use sockeye_tests::websocket::{Frame, handshake, opcode};

use super::{Seen, Shared, Transport, http};

/// Shakes hands and reads frame after frame to the end; what ended it.
pub(super) fn read(shared: &Shared) -> Option<Seen> {
    let last = shared
        .connect()?
        .and_then(|stream| socket(shared, stream))
        .unwrap_or_else(|error| Seen::Cut(error.to_string()));
    Some(last)
}

fn socket(shared: &Shared, mut stream: TcpStream) -> io::Result<Seen> {
    let request = shared.dress(handshake(&shared.target.path("websocket")));
    stream.write_all(&request.bytes())?;
    let mut stream = BufReader::new(stream);
    let head = http::head(&mut stream)?;
    shared.note(&head);
    if head.status != 101 {
        return Ok(Seen::Refused(head.status));
    }
    let is_raw = shared.target.transport == Transport::RawWebSocket;
    if is_raw {
        // It has no opening frame; the 101 stands for it.
        shared.saw(Seen::Frame("o".to_owned()));
    }
    let mut bytes = Vec::new();
    let mut part = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut part)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&part[..count]),
        }
        while let Some((frame, used)) = Frame::decode(&bytes) {
            bytes.drain(..used);
            let seen = match frame.opcode {
                opcode::PING => {
                    shared.write(&Frame::new(opcode::PONG, &frame.payload))?;
                    // The framed protocol's heartbeat is its `h`, next to this.
                    is_raw.then_some(Seen::Beat)
                }
                opcode::CLOSE => {
                    let code = frame.close_code().0;
                    // The other side may be gone, which is its right.
                    let _ = shared.write(&frame);
                    return Ok(Seen::Closed(code));
                }
                _ if !is_raw && frame == Frame::text("h") => Some(Seen::Beat),
                _ => Some(Seen::Frame(
                    String::from_utf8_lossy(&frame.payload).into_owned(),
                )),
            };
            seen.into_iter().for_each(|seen| shared.saw(seen));
        }
    }
}

impl Shared {
    /// Sends a frame, whole whoever else sends one.
    pub(super) fn write(&self, frame: &Frame) -> io::Result<()> {
        match &mut self.facts().stream {
            Some(stream) => stream.write_all(&frame.masked()),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }
}
