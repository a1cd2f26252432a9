//! A server to test and a client that sends exactly what it is told.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::Incoming;
use sockeye_tower::{PeerAddress, Secure, Serve, serve};
use std::{
    convert::Infallible,
    future::{Future, IntoFuture},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

pub(crate) type Body = BoxBody<Bytes, Infallible>;
type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The service under the server: what it does depends on the path.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// One permit lets one request for `/hold` go.
    pub(crate) release: Arc<Semaphore>,
    /// Told the path of every request that gets as far as the service, and `end of PATH` when an
    /// endless body is dropped.
    pub(crate) news: mpsc::UnboundedSender<String>,
}

impl tower::Service<Request<Incoming>> for App {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Answer {
        let app = self.clone();
        Box::pin(async move { Ok(app.answer(request).await) })
    }
}

impl App {
    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let _ = self.news.send(path.clone());
        match path.as_str() {
            "/hold" => {
                self.release.acquire().await.unwrap().forget();
                text("released")
            }
            "/peer" => {
                let PeerAddress(peer) = request.extensions().get().unwrap();
                text(&peer.to_string())
            }
            "/secure" => text(match request.extensions().get() {
                Some(Secure) => "secure",
                None => "plain",
            }),
            "/version" => text(&format!("{:?}", request.version())),
            "/panic" => panic!("the service of this test panics when asked to"),
            "/endless" => Response::new(endless(self.news)),
            _ => text(&path),
        }
    }
}

pub(crate) fn text(text: &str) -> Response<Body> {
    Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())).boxed())
}

fn endless(news: mpsc::UnboundedSender<String>) -> Body {
    struct Told(mpsc::UnboundedSender<String>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send("end of /endless".into());
        }
    }
    let told = Told(news);
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    StreamBody::new(futures_util::stream::repeat_with(move || {
        let _still_here = &told;
        Ok(Frame::data(chunk.clone()))
    }))
    .boxed()
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) task: JoinHandle<io::Result<()>>,
    pub(crate) release: Arc<Semaphore>,
    pub(crate) news: mpsc::UnboundedReceiver<String>,
}

impl Server {
    pub(crate) async fn start(options: impl FnOnce(Serve<App, Body>) -> Serve<App, Body>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let release = Arc::new(Semaphore::new(0));
        let (sender, news) = mpsc::unbounded_channel();
        let app = App {
            release: release.clone(),
            news: sender,
        };
        let task = tokio::spawn(options(serve(listener, app)).into_future());
        Self {
            address,
            task,
            release,
            news,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client {
            stream: TcpStream::connect(self.address).await.unwrap(),
        }
    }

    /// Connects and has said this before the server, which shares its thread with the test, can
    /// have accepted: no limit of time is too short for it.
    pub(crate) fn connect_saying(&self, bytes: impl AsRef<[u8]>) -> Client {
        let mut stream = std::net::TcpStream::connect(self.address).unwrap();
        std::io::Write::write_all(&mut stream, bytes.as_ref()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Client {
            stream: TcpStream::from_std(stream).unwrap(),
        }
    }

    /// Waits until the service tells this.
    pub(crate) async fn hears(&mut self, expected: &str) {
        while self.news.recv().await.expect("the server runs") != expected {}
    }
}

pub(crate) struct Client<T = TcpStream> {
    pub(crate) stream: T,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, target: &str) {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
    }

    /// The next answer, which must state its length.
    pub(crate) async fn answer(&mut self) -> Received {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.expect("an answer's head"));
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .expect("an answer with a length")
            .parse()
            .unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        let body = String::from_utf8(body).unwrap();
        Received { status, head, body }
    }

    /// Everything up to the connection's end, which must be a clean one.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).await.unwrap();
        rest
    }

    /// Reads to the end, however it looks.
    pub(crate) async fn end(&mut self) -> io::Result<usize> {
        self.stream.read_to_end(&mut Vec::new()).await
    }
}

#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn closes(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }
}
