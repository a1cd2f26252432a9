//! What the machine allows: a bare tokio loop with the least codec that can echo.
//!
//! No HTTP server, no limits, no timers, no checks; for comparison only.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::control;
use crate::{
    Result,
    client::framing::{Event, Framing},
};

pub(super) async fn serve(listener: TcpListener) -> Result<()> {
    control::start(&[&listener])?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream));
    }
}

thread_local! {
    // Shared by all connections: an idle one owns no buffer.
    static SCRATCH: RefCell<(Vec<u8>, Vec<u8>)> =
        RefCell::new((vec![0; 64 * 1024], Vec::new()));
}

async fn connection(mut stream: TcpStream) {
    // The end of a connection, orderly or not, is no concern here.
    let Ok(Some(framing)) = handshake(&mut stream).await else {
        return;
    };
    let _ = echo(&mut stream, framing).await;
}

async fn handshake(stream: &mut TcpStream) -> io::Result<Option<Framing>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.readable().await?;
        match stream.try_read_buf(&mut head) {
            Ok(0) => return Ok(None),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
    let head = String::from_utf8_lossy(&head);
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let Some(key) = key else { return Ok(None) };
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    )
    .into_bytes();
    let (framing, greeting): (_, &[u8]) = if head.starts_with("GET /echo/websocket ") {
        (Framing::Raw, b"")
    } else if head.starts_with("GET /engine.io/") {
        (Framing::EngineIo, b"\x81\x030{}")
    } else if head.starts_with("GET /socket.io/") {
        // Which event comes is told apart message by message.
        (Framing::SocketIo(Event::Echo), b"\x81\x030{}")
    } else {
        (Framing::SockJs, b"\x81\x01o")
    };
    answer.extend_from_slice(greeting);
    stream.write_all(&answer).await?;
    Ok(Some(framing))
}

async fn echo(stream: &mut TcpStream, framing: Framing) -> io::Result<()> {
    let mut partial = Vec::new();
    loop {
        let left = poll_fn(|context| poll_echo(stream, framing, &mut partial, context)).await?;
        if !left.is_empty() {
            stream.write_all(&left).await?;
        }
    }
}

// One read and one write; gives what could not be written.
//
// `poll_read` rather than `try_read`: it knows that a short read has emptied the socket, and saves
// the call that would find that out.
fn poll_echo(
    stream: &mut TcpStream,
    framing: Framing,
    partial: &mut Vec<u8>,
    context: &mut Context<'_>,
) -> Poll<io::Result<Vec<u8>>> {
    SCRATCH.with_borrow_mut(|(input, output)| {
        let mut read = ReadBuf::new(input);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut read))?;
        let n = read.filled().len();
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        output.clear();
        if partial.is_empty() {
            let used = answer(&mut input[..n], framing, output);
            partial.extend_from_slice(&input[used..n]);
        } else {
            partial.extend_from_slice(&input[..n]);
            let used = answer(partial, framing, output);
            partial.drain(..used);
            if partial.is_empty() {
                *partial = Vec::new();
            }
        }
        let written = match stream.try_write(output) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Poll::Ready(Err(error)),
        };
        Poll::Ready(Ok(output[written..].to_vec()))
    })
}

// Answers every complete frame in `input`; says how many bytes they were.
fn answer(input: &mut [u8], framing: Framing, output: &mut Vec<u8>) -> usize {
    let mut used = 0;
    loop {
        let rest = &mut input[used..];
        let (header, length) = match *rest {
            [_, second, ..] if second & 0x7f < 126 => (2, usize::from(second & 0x7f)),
            [_, _, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
            _ => return used,
        };
        let Some(frame) = rest.get_mut(..header + 4 + length) else {
            return used;
        };
        used += frame.len();
        let opcode = frame[0];
        let (mask, payload) = frame[header..].split_at_mut(4);
        unmask([mask[0], mask[1], mask[2], mask[3]], payload);
        let (prefix, payload): (&[u8], &[u8]) = match framing {
            Framing::SockJs if opcode == 0x81 => (b"a", payload),
            Framing::SocketIo(_) => answer_packet(payload),
            _ => (b"", payload),
        };
        let length = prefix.len() + payload.len();
        output.push(opcode);
        if length < 126 {
            output.push(length as u8);
        } else {
            output.push(126);
            output.extend_from_slice(&(length as u16).to_be_bytes());
        }
        output.extend_from_slice(prefix);
        output.extend_from_slice(payload);
    }
}

// What goes out for a packet of Socket.IO: an echo comes back as it is, a connect with an object
// behind it, and for an event with one digit of an id its ack.
fn answer_packet(payload: &[u8]) -> (&'static [u8], &[u8]) {
    match payload {
        b"40" => (b"40{}", b""),
        [b'4', b'2', id @ b'0'..=b'9', ..] => {
            const ACKS: [&[u8]; 10] = [
                b"430[", b"431[", b"432[", b"433[", b"434[", b"435[", b"436[", b"437[", b"438[",
                b"439[",
            ];
            let comma = payload.iter().position(|&byte| byte == b',');
            let arguments = comma.map_or(&b"]"[..], |comma| &payload[comma + 1..]);
            (ACKS[usize::from(id - b'0')], arguments)
        }
        _ => (b"", payload),
    }
}

fn unmask(mask: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = [a, b, c, d, a, b, c, d];
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        for (byte, mask) in word.iter_mut().zip(wide) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(wide) {
        *byte ^= mask;
    }
}
