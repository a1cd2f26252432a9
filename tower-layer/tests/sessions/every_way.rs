//! Every way to open a session: the transports of a SockJS mount, and the mounts without SockJS.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use sockeye_tower::{EventStream, Handle, Hook, SockJs, Transport, WebSocket as WebSocketMount};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tower::ServiceExt;

use crate::support::{
    Receiving, Sent, Server, Sessions, WebSocket, close, hand_over, receiver, target, text, to,
};

/// A way to open a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Framed,
    Raw,
    /// Below a SockJS mount, by this endpoint.
    Response(&'static str, Transport),
    /// A mount of its own.
    PlainWebSocket,
    /// A mount of its own.
    PlainEvents,
}

pub(crate) const EVERY_WAY: [Way; 9] = [
    Way::Framed,
    Way::Raw,
    Way::Response("xhr", Transport::XhrPolling),
    Way::Response("xhr_streaming", Transport::XhrStreaming),
    Way::Response("eventsource", Transport::EventSource),
    Way::Response("htmlfile", Transport::HtmlFile),
    Way::Response("jsonp", Transport::JsonpPolling),
    Way::PlainWebSocket,
    Way::PlainEvents,
];

impl Way {
    /// A mount that has it, with a hook, whose sessions come into the test's hands.
    ///
    /// Below SockJS each response brings one frame, streams as well: they end in order, and the
    /// next one is a later request of the same session.
    pub(crate) fn server(self, hook: impl for<'a> Hook<'a>) -> (Server, Sessions) {
        self.crowded_server(100, hook)
    }

    /// The same with a limit on its sessions.
    pub(crate) fn crowded_server(
        self,
        max_sessions: usize,
        hook: impl for<'a> Hook<'a>,
    ) -> (Server, Sessions) {
        let (handler, sessions) = hand_over();
        let handle = Handle::new();
        let service = match self {
            Self::Framed | Self::Raw | Self::Response(..) => SockJs::new(handler)
                .response_limit(0)
                .max_sessions(max_sessions)
                .on_connect(hook)
                .handle(&handle)
                .service(),
            Self::PlainWebSocket => WebSocketMount::new(handler)
                .max_sessions(max_sessions)
                .on_connect(hook)
                .handle(&handle)
                .service(),
            Self::PlainEvents => EventStream::new(handler)
                .max_sessions(max_sessions)
                .on_connect(hook)
                .handle(&handle)
                .service(),
        };
        (Server { service, handle }, sessions)
    }

    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::Framed => Transport::WebSocket,
            Self::Raw | Self::PlainWebSocket => Transport::RawWebSocket,
            Self::Response(_, transport) => transport,
            Self::PlainEvents => Transport::EventStream,
        }
    }

    pub(crate) fn is_websocket(self) -> bool {
        matches!(self, Self::Framed | Self::Raw | Self::PlainWebSocket)
    }

    /// Whether its answers carry CORS headers.
    pub(crate) fn has_cors(self) -> bool {
        match self {
            Self::Framed | Self::Raw | Self::PlainWebSocket => false,
            Self::Response(endpoint, _) => !matches!(endpoint, "htmlfile" | "jsonp"),
            Self::PlainEvents => true,
        }
    }

    pub(crate) fn target(self, session: &str) -> String {
        match self {
            Self::Framed => format!("/0/{session}/websocket"),
            Self::Raw => "/websocket".into(),
            Self::Response(endpoint, _) => target(session, endpoint),
            Self::PlainWebSocket | Self::PlainEvents => format!("/room/{session}"),
        }
    }

    /// The request that opens a session.
    pub(crate) fn request(self, session: &str) -> http::request::Builder {
        let target = self.target(session);
        match self {
            Self::Framed | Self::Raw | Self::PlainWebSocket => to(Method::GET, &target)
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            Self::Response(..) => receiver(&target),
            Self::PlainEvents => to(Method::GET, &target),
        }
    }

    pub(crate) async fn open(self, server: &Server, session: &str) -> Answer {
        self.ask(server, self.request(session)).await
    }

    pub(crate) async fn ask(self, server: &Server, request: http::request::Builder) -> Answer {
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        if self.is_websocket() {
            let mut stream = connect(server, &request);
            stream.write_all(&head(&request)).await.unwrap();
            return Answer::read(stream).await;
        }
        let (parts, body) = server.request(request).await.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            peer: Peer::Response(Receiving(body)),
        }
    }
}

/// A connection to a server of hyper's, whose requests get the extensions of this one.
fn connect<B>(server: &Server, request: &Request<B>) -> DuplexStream {
    let (client, server_side) = tokio::io::duplex(1 << 20);
    let extensions = request.extensions().clone();
    let service = server
        .service
        .clone()
        .map_request(move |mut request: Request<_>| {
            request.extensions_mut().extend(extensions.clone());
            request
        });
    tokio::spawn(
        http1::Builder::new()
            .serve_connection(TokioIo::new(server_side), TowerToHyperService::new(service))
            .with_upgrades(),
    );
    client
}

fn head<B>(request: &Request<B>) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    (head + "\r\n").into_bytes()
}

/// What a client was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) peer: Peer,
}

pub(crate) enum Peer {
    Response(Receiving),
    Socket(WebSocket),
    /// The body of an answer that is no WebSocket.
    Refused(String),
}

impl Answer {
    /// Reads an answer off a connection; one that is no WebSocket tells its body's length.
    async fn read(mut stream: DuplexStream) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let status: StatusCode = status.parse().unwrap();
        let headers: HeaderMap = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let peer = if status == StatusCode::SWITCHING_PROTOCOLS {
            Peer::Socket(WebSocket { stream })
        } else {
            let length = headers["content-length"].to_str().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            Peer::Refused(String::from_utf8(body).unwrap())
        };
        Self {
            status,
            headers,
            peer,
        }
    }

    #[track_caller]
    pub(crate) fn expect_open(&self, way: Way) {
        let expected = if way.is_websocket() { 101 } else { 200 };
        assert_eq!(self.status, expected, "{way:?}");
    }

    /// Takes the opening; where that is a response of its own, it is at its end then.
    pub(crate) async fn take_opening(self, way: Way) {
        self.expect_open(way);
        if let Way::Response(..) = way {
            self.body().await;
        }
    }

    /// A session that has its opening behind it and a receiver attached.
    pub(crate) async fn settled(self, way: Way, server: &Server, session: &str) -> Self {
        self.expect_open(way);
        match way {
            Way::Response(..) => {
                self.body().await;
                let next = way.open(server, session).await;
                next.expect_open(way);
                next
            }
            _ => self,
        }
    }

    /// The body, up to its end.
    pub(crate) async fn body(self) -> String {
        match self.peer {
            Peer::Response(receiving) => receiving.rest().await,
            Peer::Refused(body) => body,
            Peer::Socket(_) => panic!("a WebSocket"),
        }
    }

    /// The session's end as its client sees it: the code and reason of its close.
    pub(crate) async fn expect_end(
        self,
        way: Way,
        server: &Server,
        session: &str,
        code: u16,
        reason: &str,
    ) {
        let frame = format!("c[{code},\"{reason}\"]");
        match (self.peer, way) {
            (Peer::Socket(mut socket), Way::Framed) => {
                assert_eq!(socket.next().await, text("o"));
                assert_eq!(socket.next().await, text(&frame));
                assert_eq!(socket.next().await, close(code, reason));
            }
            (Peer::Socket(mut socket), _) => {
                assert_eq!(socket.next().await, close(code, reason));
                socket.send_close(code, "").await;
                assert_eq!(socket.next().await, Sent::End);
            }
            (Peer::Response(receiving), Way::PlainEvents) => {
                // A comment, for people: no browser tells its page.
                let rest = receiving.rest().await;
                assert!(rest.ends_with(&format!(": {code} {reason}\n\n")), "{rest}");
            }
            (Peer::Response(receiving), _) => {
                let mut received = receiving.rest().await;
                if !received.contains("c[") {
                    received += &way.open(server, session).await.body().await;
                }
                let received = received.replace('\\', "");
                assert!(received.contains(&frame), "{way:?}: {received}");
            }
            (Peer::Refused(body), _) => panic!("{way:?}: refused, {body}"),
        }
    }
}

/// The paused clock's time, as hooks give it.
pub(crate) fn after(time: Duration) -> std::time::Instant {
    (tokio::time::Instant::now() + time).into_std()
}
