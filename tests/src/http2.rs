//! An HTTP/2 client (prior knowledge), extended CONNECT included.

use std::{future::Future, net::SocketAddr, rc::Rc};

use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
    ext::Protocol,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::{net::TcpStream, runtime::Runtime, time::timeout};

use crate::{PATIENCE, server::Server, websocket::Frame};

/// One HTTP/2 connection.
#[derive(Debug)]
pub struct Client {
    runtime: Rc<Runtime>,
    requests: SendRequest<Bytes>,
}

impl Client {
    /// Connects; the server's settings have arrived.
    ///
    /// # Panics
    ///
    /// When the server does not speak HTTP/2.
    pub fn connect(server: &Server) -> Self {
        Self::to(server.address())
    }

    /// Connects to an address, such as a proxy's.
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect).
    pub fn to(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let runtime = Rc::new(runtime);
        let requests = wait(&runtime, async {
            let stream = TcpStream::connect(address).await.expect("connects");
            let (requests, connection) =
                h2::client::handshake(stream).await.expect("speaks HTTP/2");
            tokio::spawn(async move {
                // An error here shows in each exchange as well.
                let _ = connection.await;
            });
            requests
        });
        let mut client = Self { runtime, requests };
        // An answer comes after the settings, and only they allow extended CONNECT.
        assert_eq!(
            client.ask("GET", "/healthz", &[], "").status,
            StatusCode::OK
        );
        client
    }

    /// Whether the server takes extended CONNECT (RFC 8441).
    pub fn takes_extended_connect(&self) -> bool {
        self.requests.is_extended_connect_protocol_enabled()
    }

    /// A request with a body, and its whole answer.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut exchange = self.start(request(method, path, headers), Some(body));
        let head = exchange.head();
        let mut bytes = Vec::new();
        while let Some(part) = exchange.data() {
            bytes.extend(part);
        }
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Starts an exchange; `body` ends our side, without one it stays open.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    #[track_caller]
    pub fn start(&mut self, request: Request<()>, body: Option<&str>) -> Exchange {
        let requests = self.requests.clone();
        let (response, mut send) = wait(&self.runtime, async move {
            let mut requests = requests.ready().await.expect("takes requests");
            requests
                .send_request(request, body == Some(""))
                .expect("a valid request")
        });
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            send.send_data(Bytes::copy_from_slice(body.as_bytes()), true)
                .expect("takes a body");
        }
        Exchange {
            runtime: self.runtime.clone(),
            response: Some(response),
            send,
            receive: None,
            ahead: Vec::new(),
        }
    }

    /// Starts an extended CONNECT for `protocol`.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    #[track_caller]
    pub fn connect_protocol(
        &mut self,
        path: &str,
        protocol: &'static str,
        headers: &[(&str, &str)],
    ) -> Exchange {
        let mut request = request("CONNECT", path, headers);
        request
            .extensions_mut()
            .insert(Protocol::from_static(protocol));
        self.start(request, None)
    }

    /// Opens a WebSocket.
    ///
    /// # Panics
    ///
    /// When it is refused.
    #[track_caller]
    pub fn web_socket(&mut self, path: &str) -> Exchange {
        let mut exchange =
            self.connect_protocol(path, "websocket", &[("sec-websocket-version", "13")]);
        let head = exchange.head();
        assert_eq!(head.status, StatusCode::OK, "{head:?}");
        assert!(
            !head.headers.contains_key("sec-websocket-accept"),
            "{head:?}"
        );
        exchange
    }
}

/// A request to this server.
///
/// # Panics
///
/// When the parts make no request.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let method: Method = method.parse().expect("a method");
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://sockeye.test{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a valid request")
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// Status and headers.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
}

/// One stream of the connection.
#[derive(Debug)]
pub struct Exchange {
    runtime: Rc<Runtime>,
    response: Option<ResponseFuture>,
    send: SendStream<Bytes>,
    receive: Option<RecvStream>,
    ahead: Vec<u8>,
}

impl Exchange {
    /// Reads the response head.
    ///
    /// # Panics
    ///
    /// When none comes.
    #[track_caller]
    pub fn head(&mut self) -> Head {
        let response = self.response.take().expect("read once");
        let response =
            wait(&self.runtime, response).unwrap_or_else(|error| panic!("no response: {error}"));
        let (parts, receive): (_, RecvStream) = Response::into_parts(response);
        self.receive = Some(receive);
        Head {
            status: parts.status,
            headers: parts.headers,
        }
    }

    /// Reads one DATA frame; `None` is the end.
    ///
    /// # Panics
    ///
    /// When the stream is reset.
    #[track_caller]
    pub fn data(&mut self) -> Option<Bytes> {
        let receive = self.receive.as_mut().expect("after the head");
        let part =
            wait(&self.runtime, receive.data())?.unwrap_or_else(|error| panic!("reset: {error}"));
        receive
            .flow_control()
            .release_capacity(part.len())
            .expect("what was taken can be released");
        Some(part)
    }

    /// Sends bytes.
    ///
    /// # Panics
    ///
    /// When the stream is closed.
    #[track_caller]
    pub fn send(&mut self, bytes: Vec<u8>) {
        self.send
            .send_data(bytes.into(), false)
            .expect("the stream is open");
    }

    /// Ends our side.
    ///
    /// # Panics
    ///
    /// When the stream is closed.
    #[track_caller]
    pub fn finish(&mut self) {
        self.send
            .send_data(Bytes::new(), true)
            .expect("the stream is open");
    }

    /// Gives the stream up, as an aborted request does.
    pub fn reset(mut self) {
        self.send.send_reset(h2::Reason::CANCEL);
    }

    /// Reads one WebSocket frame.
    ///
    /// # Panics
    ///
    /// When the stream ends before.
    #[track_caller]
    pub fn frame(&mut self) -> Frame {
        loop {
            if let Some((frame, used)) = Frame::decode(&self.ahead) {
                self.ahead.drain(..used);
                return frame;
            }
            let part = self.data().expect("a frame before the end");
            self.ahead.extend(part);
        }
    }
}

#[track_caller]
fn wait<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    let result = runtime.block_on(async { timeout(PATIENCE, future).await });
    result.unwrap_or_else(|_| panic!("nothing within {PATIENCE:?}"))
}
