//! The client's side of HTTP/1.1: requests as bytes, responses piece by piece.

use crate::Result;

/// A GET.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// A POST with a body, which may be empty.
pub fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// Reads one response at a time.
#[derive(Debug, Default)]
pub struct Reader {
    state: State,
    status: u16,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Length(usize),
    ChunkSize,
    Chunk(usize),
    ChunkEnd,
    Trailer,
    Done,
}

impl Reader {
    /// Takes what it can up to the end of the response; says how many bytes that were.
    pub fn feed(&mut self, input: &[u8]) -> Result<usize> {
        let mut used = 0;
        while self.state != State::Done {
            let rest = &input[used..];
            let Some(n) = self.step(rest)? else { break };
            used += n;
        }
        Ok(used)
    }

    /// Whether the response is complete.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Its status, as soon as the head was read.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body as far as it was read and not drained.
    pub fn body(&mut self) -> &mut Vec<u8> {
        &mut self.body
    }

    /// Makes ready for the next response.
    pub fn reset(&mut self) {
        self.state = State::Head;
        self.status = 0;
        self.body.clear();
    }

    // `None`: more input is needed.
    fn step(&mut self, input: &[u8]) -> Result<Option<usize>> {
        Ok(match self.state {
            State::Head => self.head(input)?,
            State::Length(0) | State::Done => {
                self.state = State::Done;
                Some(0)
            }
            State::Length(left) => self
                .take(input, left)
                .inspect(|n| self.state = State::Length(left - n)),
            State::ChunkSize => match line(input) {
                None => None,
                Some(line) => {
                    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
                    let size = usize::from_str_radix(std::str::from_utf8(digits)?.trim(), 16)?;
                    self.state = if size == 0 {
                        State::Trailer
                    } else {
                        State::Chunk(size)
                    };
                    Some(line.len() + 2)
                }
            },
            State::Chunk(0) => {
                self.state = State::ChunkEnd;
                Some(0)
            }
            State::Chunk(left) => self
                .take(input, left)
                .inspect(|n| self.state = State::Chunk(left - n)),
            State::ChunkEnd => line(input).map(|line| {
                self.state = State::ChunkSize;
                line.len() + 2
            }),
            State::Trailer => line(input).map(|line| {
                if line.is_empty() {
                    self.state = State::Done;
                }
                line.len() + 2
            }),
        })
    }

    fn head(&mut self, input: &[u8]) -> Result<Option<usize>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(input)? else {
            return Ok(None);
        };
        self.status = response.code.unwrap_or_default();
        self.state = State::Length(0);
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                self.state = State::Length(std::str::from_utf8(header.value)?.parse()?);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                self.state = State::ChunkSize;
            }
        }
        Ok(Some(length))
    }

    fn take(&mut self, input: &[u8], left: usize) -> Option<usize> {
        let n = input.len().min(left);
        self.body.extend_from_slice(&input[..n]);
        (n > 0).then_some(n)
    }
}

// The first line without its CR LF.
fn line(input: &[u8]) -> Option<&[u8]> {
    let end = input.windows(2).position(|bytes| bytes == b"\r\n")?;
    Some(&input[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bodies_of_every_kind_wherever_they_are_cut() {
        let responses: [(&[u8], u16, &[u8]); 3] = [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
                200,
                b"hello",
            ),
        ];
        for (bytes, status, body) in responses {
            for cut in 0..=bytes.len() {
                let mut reader = Reader::default();
                let used = reader.feed(&bytes[..cut]).expect("valid");
                let rest = [&bytes[used..], b"HTTP/1.1 next"].concat();
                let end = used + reader.feed(&rest).expect("valid");
                assert!(reader.is_done());
                assert_eq!((end, reader.status()), (bytes.len(), status));
                assert_eq!(reader.body(), body);
            }
        }
    }
}
