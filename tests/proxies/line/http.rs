//! Receivers over HTTP.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

use flate2::read::GzDecoder;
use sockeye_tests::{
    http1::{Head, Request},
    sockjs::{CALLBACK, Receiver},
};

use super::{Seen, Shared};

/// Reads response after response until one ends the session; what ended it.
pub(super) fn read(shared: &Shared, receiver: Receiver) -> Option<Seen> {
    loop {
        let ended = shared.connect()?.and_then(|mut stream| {
            stream.write_all(&shared.dress(request(shared, receiver)).bytes())?;
            response(shared, receiver, stream)
        });
        match ended {
            Ok(Ended::InOrder) => {}
            Ok(Ended::ForGood) => return None,
            Ok(Ended::Refused(status)) => return Some(Seen::Refused(status)),
            Err(error) => return Some(Seen::Cut(error.to_string())),
        }
    }
}

fn request(shared: &Shared, receiver: Receiver) -> Request {
    let path = shared.target.path(receiver.name());
    match receiver {
        Receiver::Xhr | Receiver::XhrStreaming => Request::post(path),
        Receiver::EventSource => Request::get(path),
        Receiver::HtmlFile | Receiver::Jsonp => Request::get(format!("{path}?c={CALLBACK}")),
    }
}

enum Ended {
    /// The client's turn to ask again.
    InOrder,
    /// The session is closed.
    ForGood,
    Refused(u16),
}

fn response(shared: &Shared, receiver: Receiver, stream: std::net::TcpStream) -> io::Result<Ended> {
    let mut stream = BufReader::new(stream);
    let head = head(&mut stream)?;
    shared.note(&head);
    if head.status != 200 {
        return Ok(Ended::Refused(head.status));
    }
    let mut body = Body::of(&head, stream);
    match head.header("content-encoding") {
        None => frames(shared, receiver, &mut body),
        Some("gzip") => frames(shared, receiver, &mut GzDecoder::new(body)),
        Some(other) => Err(wrong(format!("coded as {other}"))),
    }
}

/// Reads a response head.
pub(super) fn head(stream: &mut impl BufRead) -> io::Result<Head> {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        if stream.read_line(&mut text)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Head::parse(text.trim_end()))
}

/// Reads frame after frame to the body's end.
fn frames(shared: &Shared, receiver: Receiver, body: &mut impl Read) -> io::Result<Ended> {
    let mut prelude = Some(receiver.prelude());
    let mut bytes = Vec::new();
    // How much of them was searched for a frame's end in vain.
    let mut searched = 0;
    // So large that it takes all that a decoder has: with some of it left, the decoder's next read
    // would first wait for more from the network.
    let mut part = vec![0; 64 * 1024];
    let mut ended = Ended::InOrder;
    loop {
        match body.read(&mut part)? {
            0 if bytes.is_empty() && prelude.is_none() => return Ok(ended),
            0 => return Err(wrong(format!("ends with {} bytes", bytes.len()))),
            count => bytes.extend_from_slice(&part[..count]),
        }
        if let Some(expected) = prelude.take_if(|expected| bytes.len() >= expected.len()) {
            if !bytes.starts_with(&expected) {
                return Err(wrong(format!("begins with {bytes:?}")));
            }
            bytes.drain(..expected.len());
        }
        if prelude.is_some() {
            continue;
        }
        while let Some((frame, used)) = unwrap(receiver, &bytes, searched)? {
            bytes.drain(..used);
            searched = 0;
            if frame.starts_with('c') {
                ended = Ended::ForGood;
            }
            shared.saw(if frame == "h" {
                Seen::Beat
            } else {
                Seen::Frame(frame)
            });
        }
        searched = bytes.len();
    }
}

/// The first frame as it was before it was wrapped, and the length it has here. It does not end in the
/// bytes that were `searched`.
fn unwrap(
    receiver: Receiver,
    bytes: &[u8],
    searched: usize,
) -> io::Result<Option<(String, usize)>> {
    let (begin, end) = match receiver {
        Receiver::Xhr | Receiver::XhrStreaming => (String::new(), "\n"),
        Receiver::EventSource => ("data: ".to_owned(), "\r\n\r\n"),
        Receiver::HtmlFile => ("<script>\np(".to_owned(), ");\n</script>\r\n"),
        Receiver::Jsonp => (format!("/**/{CALLBACK}("), ");\r\n"),
    };
    let begin_search = searched.saturating_sub(end.len() - 1);
    let found = bytes[begin_search..]
        .windows(end.len())
        .position(|window| window == end.as_bytes());
    let Some(position) = found.map(|position| begin_search + position) else {
        return Ok(None);
    };
    let used = position + end.len();
    let text = String::from_utf8_lossy(&bytes[..position]);
    let frame = match (text.strip_prefix(&begin), receiver) {
        (Some(literal), Receiver::HtmlFile | Receiver::Jsonp) => serde_json::from_str(literal).ok(),
        (Some(frame), _) => Some(frame.replace("%25", "%")),
        (None, _) => None,
    };
    match frame {
        Some(frame) if receiver.wrap(&frame) == bytes[..used] => Ok(Some((frame, used))),
        _ => Err(wrong(format!("no frame of {receiver:?}: {text}"))),
    }
}

/// A response body, whose end is told from a cut.
struct Body<R> {
    stream: R,
    rest: Rest,
}

enum Rest {
    /// Bytes until the body's end.
    Length(u64),
    /// Bytes until the chunk's end.
    Chunk(u64),
    /// Before a chunk's size; the first chunk has no line end of another before it.
    ChunkSize { is_first: bool },
    /// Until the connection ends.
    Connection,
}

impl<R: BufRead> Body<R> {
    fn of(head: &Head, stream: R) -> Self {
        let length = head
            .header("content-length")
            .and_then(|length| length.parse().ok());
        let rest = match length {
            _ if head.is_chunked() => Rest::ChunkSize { is_first: true },
            Some(length) => Rest::Length(length),
            None => Rest::Connection,
        };
        Self { stream, rest }
    }

    fn chunk_size(&mut self, is_first: bool) -> io::Result<u64> {
        let mut line = String::new();
        if !is_first {
            self.stream.read_line(&mut line)?;
            line.clear();
        }
        self.stream.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        u64::from_str_radix(line.trim(), 16).map_err(|_| wrong(format!("no chunk size: {line:?}")))
    }
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        if let Rest::ChunkSize { is_first } = self.rest {
            self.rest = match self.chunk_size(is_first)? {
                0 => Rest::Length(0),
                size => Rest::Chunk(size),
            };
        }
        let left = match self.rest {
            Rest::Connection => return self.stream.read(part),
            Rest::Length(0) => return Ok(0),
            Rest::Length(left) | Rest::Chunk(left) => left,
            Rest::ChunkSize { .. } => 0,
        };
        let most = part.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = self.stream.read(&mut part[..most])?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let left = left - count as u64;
        self.rest = match self.rest {
            Rest::Chunk(_) if left == 0 => Rest::ChunkSize { is_first: false },
            Rest::Chunk(_) => Rest::Chunk(left),
            _ => Rest::Length(left),
        };
        Ok(count)
    }
}

fn wrong(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
