//! One TCP connection.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

use socket2::SockRef;

use super::{Head, Request, Response};
use crate::{PATIENCE, server::Server};

/// A connection with what was read ahead of need.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    ///
    /// When the server does not let us.
    pub fn open(server: &Server) -> Self {
        Self::to(server.address())
    }

    /// Connects to an address, such as a proxy's.
    ///
    /// # Panics
    ///
    /// When nobody listens there.
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connects");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a positive timeout");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a positive timeout");
        stream.set_nodelay(true).expect("a TCP socket");
        Self {
            stream,
            ahead: Vec::new(),
        }
    }

    /// Keeps the receive buffer small, for clients that do not read.
    ///
    /// # Panics
    ///
    /// When the system refuses.
    pub fn with_small_receive_buffer(self) -> Self {
        SockRef::from(&self.stream)
            .set_recv_buffer_size(16 * 1024)
            .expect("a size the system takes");
        self
    }

    /// A second handle on the same socket, for a thread that only writes.
    ///
    /// # Panics
    ///
    /// When the system has no descriptors left.
    pub fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("a descriptor")
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// When they cannot be sent.
    #[track_caller]
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("takes what we send");
    }

    /// Sends a request.
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write).
    #[track_caller]
    pub fn send(&mut self, request: &Request) {
        self.write(request.bytes());
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn ask(&mut self, request: &Request) -> Response {
        // A server may refuse before it took a long body; then the answer tells more than the error.
        let _ = self.stream.write_all(&request.bytes());
        self.response(request.method())
    }

    /// Reads the whole answer to a request with `method`.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn response(&mut self, method: &str) -> Response {
        let head = self.head();
        let body = self.body(&head, method);
        Response { head, body }
    }

    /// Reads a response head.
    ///
    /// # Panics
    ///
    /// When none comes.
    #[track_caller]
    pub fn head(&mut self) -> Head {
        let bytes = self.until(b"\r\n\r\n");
        Head::parse(&String::from_utf8_lossy(&bytes))
    }

    /// Reads the body that belongs to `head`.
    ///
    /// # Panics
    ///
    /// When it is cut short.
    #[track_caller]
    pub fn body(&mut self, head: &Head, method: &str) -> Vec<u8> {
        let length = head
            .header("content-length")
            .map(|length| length.parse::<usize>().expect("a number"));
        if method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304 {
            Vec::new()
        } else if head.is_chunked() {
            assert_eq!(length, None, "chunked and Content-Length: {head:?}");
            std::iter::from_fn(|| self.chunk()).flatten().collect()
        } else if let Some(length) = length {
            self.exactly(length)
        } else {
            self.rest()
        }
    }

    /// Reads one chunk of a chunked body; `None` is its end.
    ///
    /// # Panics
    ///
    /// When what comes is no chunk.
    #[track_caller]
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.until(b"\r\n");
        let line = String::from_utf8_lossy(&line).into_owned();
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16)
            .unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
        let part = self.exactly(size);
        assert_eq!(
            self.exactly(2),
            b"\r\n",
            "a chunk of {size} bytes does not end where it says"
        );
        (size > 0).then_some(part)
    }

    /// Reads `count` bytes.
    ///
    /// # Panics
    ///
    /// When the connection ends before.
    #[track_caller]
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.ahead.len() < count {
            self.more();
        }
        self.take(count)
    }

    /// Reads what is there, waiting for the first byte; empty at the end of the connection.
    ///
    /// # Panics
    ///
    /// When nothing comes, or an error.
    #[track_caller]
    pub fn some(&mut self) -> Vec<u8> {
        if self.ahead.is_empty() {
            self.fill()
                .unwrap_or_else(|error| panic!("{error} instead of bytes"));
        }
        std::mem::take(&mut self.ahead)
    }

    /// Reads to the end of the connection.
    ///
    /// # Panics
    ///
    /// When it does not end, or ends in an error.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        while self
            .fill()
            .unwrap_or_else(|error| panic!("{error} after {}", show(&self.ahead)))
            > 0
        {}
        std::mem::take(&mut self.ahead)
    }

    /// Reads until the connection is over, cleanly or by a reset.
    ///
    /// # Panics
    ///
    /// When it does not end.
    #[track_caller]
    pub fn until_closed(&mut self) -> Vec<u8> {
        loop {
            match self.fill() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                    ) =>
                {
                    break;
                }
                Err(error) => panic!("not closed: {error} after {}", show(&self.ahead)),
            }
        }
        std::mem::take(&mut self.ahead)
    }

    /// Sends no more, but still reads.
    pub fn finish_writing(&mut self) {
        // Fails only when the server was faster to end the connection.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Vanishes with a reset, as a killed client does; dropping closes in order.
    ///
    /// # Panics
    ///
    /// When the system refuses the option.
    pub fn reset(self) {
        SockRef::from(&self.stream)
            .set_linger(Some(std::time::Duration::ZERO))
            .expect("a TCP socket");
    }

    #[track_caller]
    fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut searched = 0;
        loop {
            let found = self.ahead[searched..]
                .windows(end.len())
                .position(|window| window == end);
            if let Some(position) = found {
                let bytes = self.take(searched + position);
                self.take(end.len());
                return bytes;
            }
            searched = self.ahead.len().saturating_sub(end.len() - 1);
            self.more();
        }
    }

    #[track_caller]
    fn more(&mut self) {
        match self.fill() {
            Ok(0) => panic!("the connection ended after {}", show(&self.ahead)),
            Ok(_) => {}
            Err(error) => panic!("{error} after {}", show(&self.ahead)),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut part = [0; 16 * 1024];
        let count = loop {
            match self.stream.read(&mut part) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.ahead.extend_from_slice(&part[..count]);
        Ok(count)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.ahead.split_off(count);
        std::mem::replace(&mut self.ahead, rest)
    }
}

/// The last of what was read, short enough for a message.
fn show(bytes: &[u8]) -> String {
    let tail = &bytes[bytes.len().saturating_sub(300)..];
    format!(
        "{} unread bytes, the last being {:?}",
        bytes.len(),
        String::from_utf8_lossy(tail)
    )
}

impl Server {
    /// Asks on a connection of its own.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    #[track_caller]
    pub fn ask(&self, request: &Request) -> Response {
        Connection::open(self).ask(request)
    }
}
