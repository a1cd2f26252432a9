//! WebSockets: the handshake, checked, and both directions.

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use hyper::{ext::Protocol, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message as WsMessage,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use super::{
    Error, Frame, Violation,
    client::LONGEST,
    error::excerpt,
    session::Parts,
    visit::{Visit, check_absent, text_of},
};
use crate::{Close, Message, Text};

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// Opens a WebSocket; where frames are spoken, its `o` has come.
pub(super) async fn open(visit: &Visit, is_framed: bool) -> Result<Parts, Error> {
    const ENDPOINT: &str = "/websocket";
    let path = if is_framed {
        visit.in_session(ENDPOINT)
    } else if visit.mount.is_plain() {
        visit.path.clone()
    } else {
        visit.in_mount(ENDPOINT)
    };
    let (mut reader, mut writer) = connect(visit, &path, None).await?;
    let first = if is_framed {
        (reader.is_framed, reader.is_open) = (true, false);
        writer.is_framed = true;
        Some(reader.next().await?)
    } else {
        None
    };
    Ok(Parts::websocket(reader, first, writer))
}

/// A WebSocket whose messages are taken as they are; `field` stands before the session's query.
pub(super) async fn connect(
    visit: &Visit,
    path: &str,
    field: Option<String>,
) -> Result<(Reader, Writer), Error> {
    let (sink, stream) = switch(visit, path, field).await?.split();
    let reader = Reader {
        stream,
        is_framed: false,
        is_open: true,
        said: None,
        closed: None,
    };
    let is_framed = false;
    Ok((reader, Writer { sink, is_framed }))
}

async fn switch(visit: &Visit, path: &str, field: Option<String>) -> Result<Stream, Error> {
    let is_http2 = visit.client.is_http2();
    let method = if is_http2 {
        Method::CONNECT
    } else {
        Method::GET
    };
    let mut request = visit.request(method, path, field);
    let key = STANDARD.encode(format!("{:016.16}", visit.id));
    if is_http2 {
        let protocol = Protocol::from_static("websocket");
        request.extensions_mut().insert(protocol);
    }
    let headers = request.headers_mut();
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    if !is_http2 {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let value = HeaderValue::try_from(&key).expect("base64 is a header value");
        headers.insert(SEC_WEBSOCKET_KEY, value);
    }
    let offered = text_of(headers, &SEC_WEBSOCKET_PROTOCOL);
    let exchange = visit.client.exchange(request).await?;
    visit.note_received(&exchange.head);
    let expected = if is_http2 {
        StatusCode::OK
    } else {
        StatusCode::SWITCHING_PROTOCOLS
    };
    if exchange.head.status != expected {
        return Err(visit.refused(exchange).await);
    }
    check(
        &exchange.head.headers,
        (!is_http2).then_some(&*key),
        offered.as_deref(),
    )?;
    // The connection's task hands over what it has read already, so it must live until then.
    let _connection = exchange.connection;
    let mut response = http::Response::from_parts(exchange.head, exchange.body);
    let upgraded = hyper::upgrade::on(&mut response).await;
    let upgraded = upgraded.map_err(|_| Error::Disconnected)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    let stream = TokioIo::new(upgraded);
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
}

/// Checks the answer to a handshake (RFC 6455 section 4.1). Over HTTP/2 there is no key.
fn check(head: &HeaderMap, key: Option<&str>, offered: Option<&str>) -> Result<(), Violation> {
    if let Some(key) = key {
        let digest = Sha1::new()
            .chain_update(key)
            .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            .finalize();
        let accept = STANDARD.encode(digest);
        #[rustfmt::skip]
        let expected = [
            (UPGRADE,              "upgrade",              "websocket"),
            (CONNECTION,           "connection",           "upgrade"),
            (SEC_WEBSOCKET_ACCEPT, "sec-websocket-accept", &*accept),
        ];
        for (header, name, expected) in expected {
            let got = text_of(head, &header);
            let is_same = |got: &str| match name {
                "sec-websocket-accept" => got == expected,
                _ => got
                    .split(',')
                    .any(|token| token.trim().eq_ignore_ascii_case(expected)),
            };
            if !got.as_deref().is_some_and(is_same) {
                return Err(Violation::Header {
                    name,
                    expected: Some(expected.into()),
                    got,
                });
            }
        }
    } else {
        check_absent(head, &SEC_WEBSOCKET_ACCEPT, "sec-websocket-accept")?;
    }
    check_absent(head, &SEC_WEBSOCKET_EXTENSIONS, "sec-websocket-extensions")?;
    let chosen = text_of(head, &SEC_WEBSOCKET_PROTOCOL);
    let was_offered = |chosen: &String| {
        let mut offered = offered.unwrap_or_default().split(',');
        offered.any(|protocol| protocol.trim() == chosen)
    };
    if chosen.as_ref().is_none_or(was_offered) {
        return Ok(());
    }
    Err(Violation::Header {
        name: "sec-websocket-protocol",
        expected: offered.map(str::to_owned),
        got: chosen,
    })
}

#[derive(Debug)]
pub(super) struct Reader {
    stream: SplitStream<Stream>,
    is_framed: bool,
    /// Whether the session's `o` has come.
    is_open: bool,
    /// The `c` frame that came.
    said: Option<Close>,
    /// The WebSocket close that came.
    closed: Option<Close>,
}

impl Reader {
    /// The next frame. Reading also answers pings, and the server's close.
    pub(super) async fn next(&mut self) -> Result<Frame, Error> {
        loop {
            let message = match self.stream.next().await {
                Some(Ok(message)) => message,
                None => return Err(self.end()),
                Some(Err(error)) => return Err(self.failed(error)),
            };
            let frame = match message {
                WsMessage::Text(text) if self.is_framed => self.frame(text.as_str())?,
                WsMessage::Text(text) => {
                    Frame::Messages(vec![Message::Text(Text::from(text.as_str()))])
                }
                WsMessage::Binary(bytes) if self.is_framed => {
                    let got = excerpt(&bytes);
                    return Err(Violation::Frame { got }.into());
                }
                // A copy, as a slice would keep the codec's whole buffer.
                WsMessage::Binary(bytes) => {
                    let bytes = bytes::Bytes::copy_from_slice(&bytes);
                    Frame::Messages(vec![Message::Binary(bytes)])
                }
                WsMessage::Ping(_) if !self.is_framed => Frame::Heartbeat,
                WsMessage::Close(close) => {
                    self.closed = Some(close.map_or(NO_CODE, close_of));
                    continue;
                }
                WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => continue,
            };
            return Ok(frame);
        }
    }

    /// The next message on a WebSocket without frames.
    ///
    /// One that is waited for in vain loses nothing.
    pub(super) async fn message(&mut self) -> Result<Message, Error> {
        loop {
            if let Frame::Messages(messages) = self.next().await? {
                // There is one in each.
                if let Some(message) = messages.into_iter().next() {
                    return Ok(message);
                }
            }
        }
    }

    fn frame(&mut self, text: &str) -> Result<Frame, Violation> {
        if self.said.is_some() {
            let got = excerpt(text.as_bytes());
            return Err(Violation::AfterClose { got });
        }
        let frame = Frame::parse(text.as_bytes())?;
        match &frame {
            Frame::Close(close) => self.said = Some(close.clone()),
            Frame::Open if self.is_open => return Err(Violation::OpenedAgain),
            Frame::Open => self.is_open = true,
            Frame::Heartbeat | Frame::Messages(_) | Frame::Event(_) if !self.is_open => {
                let got = excerpt(text.as_bytes());
                return Err(Violation::NotOpened { got });
            }
            Frame::Heartbeat | Frame::Messages(_) | Frame::Event(_) => {}
        }
        Ok(frame)
    }

    /// What the connection's end in order means.
    fn end(&mut self) -> Error {
        match (self.said.take(), self.closed.take()) {
            // 1000 after an application's close; where the server itself ends the session, its code.
            (Some(said), Some(closed)) if [1000, said.code].contains(&closed.code) => {
                Error::Closed(said)
            }
            (Some(_), closed) => Violation::WebSocketClose {
                code: closed.map(|close| close.code),
            }
            .into(),
            (None, Some(closed)) => Error::Closed(closed),
            (None, None) => Error::Disconnected,
        }
    }

    fn failed(&mut self, error: WsError) -> Error {
        match error {
            WsError::ConnectionClosed | WsError::AlreadyClosed => self.end(),
            WsError::Io(_) | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                self.end()
            }
            WsError::Capacity(_) => Violation::TooLarge { limit: LONGEST }.into(),
            other => Violation::WebSocket {
                problem: other.to_string(),
            }
            .into(),
        }
    }
}

/// What RFC 6455 has for a close without a code.
pub(super) const NO_CODE: Close = Close {
    code: 1005,
    reason: Text::from_static(""),
};

fn close_of(frame: CloseFrame) -> Close {
    Close::new(frame.code.into(), frame.reason.as_str())
}

#[derive(Debug)]
pub(super) struct Writer {
    sink: SplitSink<Stream, WsMessage>,
    pub(super) is_framed: bool,
}

impl Writer {
    /// Sends one WebSocket message.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Error> {
        let message = match message {
            Message::Text(text) => WsMessage::text(text.as_str()),
            Message::Binary(bytes) => WsMessage::binary(bytes),
        };
        self.write(message).await
    }

    pub(super) async fn close(&mut self, close: &Close) -> Result<(), Error> {
        let close = CloseFrame {
            code: close.code.into(),
            reason: close.reason.as_str().into(),
        };
        self.write(WsMessage::Close(Some(close))).await
    }

    async fn write(&mut self, message: WsMessage) -> Result<(), Error> {
        let written = self.sink.send(message).await;
        written.map_err(|_| Error::Disconnected)
    }
}
