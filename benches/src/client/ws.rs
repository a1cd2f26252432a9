//! The client's side of WebSocket.

use crate::Result;

/// The key of RFC 6455's example, and what must be answered to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The request that opens a WebSocket.
pub fn handshake(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// The length of the answer's head, once it is complete.
pub fn handshake_answer(input: &[u8]) -> Result<Option<usize>> {
    let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = &input[..end];
    let accepted = head.windows(ACCEPT.len()).any(|bytes| bytes == ACCEPT);
    if head.starts_with(b"HTTP/1.1 101") && accepted {
        Ok(Some(end + 4))
    } else {
        Err(format!("handshake refused: {}", String::from_utf8_lossy(head)).into())
    }
}

/// A masked frame.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    // A fixed mask: the server has the same work with it as with a random one.
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// The frame that asks for a normal close.
pub fn close() -> Vec<u8> {
    frame(CLOSE, &1000_u16.to_be_bytes())
}

/// Opcodes.
pub const TEXT: u8 = 1;
/// A close frame's.
pub const CLOSE: u8 = 8;
/// A ping's.
pub const PING: u8 = 9;
/// A pong's.
pub const PONG: u8 = 10;

/// One frame from the server.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What kind.
    pub opcode: u8,
    /// Its bytes.
    pub payload: &'a [u8],
    /// How long it was in all.
    pub length: usize,
}

/// The first frame of `input`, once it is complete.
pub fn next_frame(input: &[u8]) -> Result<Option<Frame<'_>>> {
    let [first, second, ..] = *input else {
        return Ok(None);
    };
    if first & 0xf0 != 0x80 || second & 0x80 != 0 {
        return Err(format!("unexpected frame header {first:#x} {second:#x}").into());
    }
    let (header, payload) = match second {
        126 => {
            let Some(length) = input.get(2..4) else {
                return Ok(None);
            };
            (4, usize::from(u16::from_be_bytes([length[0], length[1]])))
        }
        127 => {
            let Some(length) = input.get(2..10).and_then(|bytes| bytes.first_chunk::<8>()) else {
                return Ok(None);
            };
            (10, usize::try_from(u64::from_be_bytes(*length))?)
        }
        short => (2, usize::from(short)),
    };
    let length = header + payload;
    Ok(input.get(header..length).map(|payload| Frame {
        opcode: first & 0x0f,
        payload,
        length,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_only_when_complete() {
        for length in [0_usize, 125, 126, 65_535, 65_536] {
            let mut bytes = vec![0x81];
            match length {
                0..=125 => bytes.push(length as u8),
                126..=65_535 => {
                    bytes.push(126);
                    bytes.extend_from_slice(&(length as u16).to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend_from_slice(&(length as u64).to_be_bytes());
                }
            }
            bytes.resize(bytes.len() + length, b'x');
            let whole = bytes.len();
            for cut in [0, 1, whole / 2, whole - 1] {
                assert!(
                    next_frame(&bytes[..cut]).expect("no error").is_none(),
                    "{length} {cut}"
                );
            }
            bytes.push(0x81);
            let frame = next_frame(&bytes).expect("no error").expect("a frame");
            assert_eq!(
                (frame.opcode, frame.payload.len(), frame.length),
                (TEXT, length, whole)
            );
        }
    }
}
