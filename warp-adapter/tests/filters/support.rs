//! A client for filters, with and without a socket.

use std::{convert::Infallible, fmt, future::IntoFuture, net::SocketAddr};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use sockeye_tower::{Session, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tower::{Service, ServiceExt};
use warp::{Filter, Rejection, Reply};

pub(crate) async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

/// A handler that hands its sessions to the test.
pub(crate) fn handing_over() -> (
    impl sockeye_tower::Handler,
    mpsc::UnboundedReceiver<Session>,
) {
    let (sender, sessions) = mpsc::unbounded_channel();
    let handler = move |session| {
        let _ = sender.send(session);
        std::future::ready(())
    };
    (handler, sessions)
}

pub(crate) fn to(method: Method, target: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", "a")
        .body(Full::default())
        .unwrap()
}

pub(crate) fn get(target: &str) -> Request<Full<Bytes>> {
    to(Method::GET, target)
}

pub(crate) fn post(target: &str, body: &'static str) -> Request<Full<Bytes>> {
    to(Method::POST, target).map(|_| Full::from(body))
}

pub(crate) async fn ask<S, B>(app: &S, request: Request<B>) -> warp::reply::Response
where
    S: Service<Request<B>, Response = warp::reply::Response, Error = Infallible> + Clone,
{
    let Ok(response) = app.clone().oneshot(request).await;
    response
}

pub(crate) async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Data: fmt::Debug, Error: fmt::Debug>,
{
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}

/// A session opens, carries a message both ways, and everything around it is found.
pub(crate) async fn serves<S>(app: &S, mount: &str)
where
    S: Service<Request<Full<Bytes>>, Response = warp::reply::Response, Error = Infallible> + Clone,
{
    let greeting = ask(app, get(mount)).await;
    assert_eq!(greeting.status(), 200, "{mount}");
    assert_eq!(text(greeting).await, "Welcome to SockJS!\n", "{mount}");
    let info = ask(app, get(&format!("{mount}/info?t=1"))).await;
    assert_eq!(info.status(), 200, "{mount}");
    let poll = || ask(app, post(&format!("{mount}/0/s/xhr"), ""));
    assert_eq!(text(poll().await).await, "o\n", "{mount}");
    let send = post(&format!("{mount}/0/s/xhr_send"), r#"["hello"]"#);
    assert_eq!(ask(app, send).await.status(), 204, "{mount}");
    assert_eq!(text(poll().await).await, "a[\"hello\"]\n", "{mount}");
}

/// What serves the filter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Host {
    /// `sockeye::serve(listener, warp::service(filter))`.
    Sockeye,
    /// `warp::serve(filter)`.
    Warp,
}

impl Host {
    pub(crate) const ALL: [Self; 2] = [Self::Sockeye, Self::Warp];

    pub(crate) async fn start<F, R>(self, routes: F) -> SocketAddr
    where
        F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
        R: Reply + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        match self {
            Self::Sockeye => {
                tokio::spawn(serve(listener, warp::service(routes)).into_future());
            }
            Self::Warp => {
                tokio::spawn(warp::serve(routes).incoming(listener).run());
            }
        }
        address
    }
}

/// An HTTP/1.1 connection that sends exactly what it is told.
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The head of the next answer, in lower case.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.expect("an answer's head"));
        }
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    }

    /// That many bytes of a body.
    pub(crate) async fn body(&mut self, length: usize) -> String {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        String::from_utf8(body).unwrap()
    }

    /// The next chunk of a chunked body; the last one is empty.
    pub(crate) async fn chunk(&mut self) -> String {
        let mut size = Vec::new();
        while !size.ends_with(b"\r\n") {
            size.push(self.stream.read_u8().await.expect("a chunk's size"));
        }
        let size = std::str::from_utf8(&size).unwrap().trim();
        let mut chunk = self
            .body(usize::from_str_radix(size, 16).unwrap() + 2)
            .await;
        assert_eq!(chunk.split_off(chunk.len() - 2), "\r\n");
        chunk
    }
}
