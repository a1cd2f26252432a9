//! The client's side of connections: requests, their answers, and WebSocket frames.

use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use crate::support::rest;

/// One connection to the server.
pub(crate) struct Connection {
    pub(crate) stream: DuplexStream,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, method: &str, query: &str, headers: &str, body: &[u8]) {
        let length = match method {
            "GET" | "HEAD" | "OPTIONS" => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = format!("{method} /?{query} HTTP/1.1\r\nHost: a\r\n{length}{headers}\r\n");
        self.write(&[head.as_bytes(), body].concat()).await;
    }

    pub(crate) async fn send_handshake(&mut self, method: &str, query: &str, headers: &str) {
        let head = format!(
            "{method} /?{query} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        self.write(head.as_bytes()).await;
    }

    /// The next answer, whose length is told or nothing.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to("GET").await
    }

    pub(crate) async fn answer_to(&mut self, method: &str) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers: HeaderMap = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        assert!(!headers.contains_key("transfer-encoding"), "{head}");
        let length = headers.get("content-length");
        let length = length.map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; if method == "HEAD" { 0 } else { length }];
        self.stream.read_exact(&mut body).await.unwrap();
        Answer {
            status: status.parse().unwrap(),
            headers,
            body,
        }
    }

    /// That nothing comes while nothing happens.
    pub(crate) async fn expect_silence(&mut self) {
        rest().await;
        let read = self.stream.read_u8().now_or_never();
        assert!(read.is_none(), "{read:?}");
    }

    /// That the server hangs up without another byte.
    pub(crate) async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    /// The id in an open packet, wherever that stands.
    pub(crate) fn sid(&self) -> String {
        let text = String::from_utf8_lossy(&self.body).replace('\\', "");
        let (_, rest) = text.split_once(r#""sid":""#).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// An error of the protocol, as plain requests get it.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: u8, message: &str) {
        let json = format!(r#"{{"code":{code},"message":"{message}"}}"#);
        assert_eq!((self.status, self.text()), (status, json));
        assert_eq!(self.all("content-type"), ["application/json"]);
        assert!(self.all("cache-control").is_empty());
    }

    /// An error of the protocol, as upgrade requests get it.
    #[track_caller]
    pub(crate) fn expect_refused(&self, status: u16, message: &str) {
        assert_eq!((self.status, &*self.text()), (status, message));
        assert_eq!(self.all("connection"), ["close"]);
        assert!(self.all("content-type")[0].starts_with("text/"));
    }

    /// The empty answer of a request that breaks its transport.
    #[track_caller]
    pub(crate) fn expect_empty(&self, status: u16) {
        assert_eq!((self.status, &*self.text()), (status, ""));
    }
}

/// The client's side of a WebSocket.
pub(crate) struct WebSocket<Io = DuplexStream> {
    pub(crate) stream: Io,
}

/// What the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
    /// The connection's end.
    End,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> WebSocket<Io> {
    pub(crate) fn new(stream: Io) -> Self {
        Self { stream }
    }

    pub(crate) async fn next(&mut self) -> Sent {
        let Ok(first) = self.stream.read_u8().await else {
            return Sent::End;
        };
        let length = match self.stream.read_u8().await.unwrap() {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            127 => usize::try_from(self.stream.read_u64().await.unwrap()).unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.unwrap();
        match first {
            0x81 => Sent::Text(String::from_utf8(payload).unwrap()),
            0x82 => Sent::Binary(payload),
            0x88 => Sent::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            0x8a => Sent::Pong(payload),
            other => panic!("an unexpected frame: {other:#x}"),
        }
    }

    /// The next frame, which is a text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Sent::Text(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    /// The server's close, and its end once that is answered.
    pub(crate) async fn expect_close(&mut self, code: Option<u16>) {
        assert_eq!(self.next().await, Sent::Close(code));
        // The server may have hung up already.
        let _ = self.stream.write_all(&masked(0x88, b"")).await;
        assert_eq!(self.next().await, Sent::End);
    }

    pub(crate) async fn expect_silence(&mut self) {
        rest().await;
        let read = self.stream.read_u8().now_or_never();
        assert!(read.is_none(), "{read:?}");
    }

    /// Sends one masked frame; `first` is its first byte.
    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = masked(first, payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send(0x81, text.as_bytes()).await;
    }

    /// Sends texts in one write.
    pub(crate) async fn send_texts(&mut self, texts: &[&str]) {
        let frames: Vec<u8> = texts
            .iter()
            .flat_map(|text| masked(0x81, text.as_bytes()))
            .collect();
        self.stream.write_all(&frames).await.unwrap();
    }
}

pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    // A mask of zeroes: the payload stays readable in a failing test.
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
