//! The deploy guide's way to stop `axum::serve`: the drain first, then axum's own shutdown.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

use std::{fs, io, net::SocketAddr};

use axum::Router;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sockeye_axum::RouterExt;
use sockeye_tower::{DrainPolicy, Handle, Session, SockJs};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

const GOING_AWAY: &str = r#"c[1001,"Going away"]"#;

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

/// The guide's block, word for word.
async fn serve(
    listener: TcpListener,
    app: Router,
    handle: Handle,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let stop_signal = async move || drop(stopped.await);
    let drained = handle.clone();
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            stop_signal().await;
            drained.drain(DrainPolicy::new()).await;
        })
        .await
}

#[test]
fn this_is_what_the_guide_shows() {
    let lines = |file: &str| -> Vec<String> {
        let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        text.lines().map(|line| line.trim().to_owned()).collect()
    };
    let block = |lines: Vec<String>, begin: &str, end: &str| -> Vec<String> {
        let rest = lines.into_iter().skip_while(|line| line != begin);
        rest.take_while(|line| line != end).collect()
    };
    let begin = "let drained = handle.clone();";
    let shown = block(lines("../docs/deploy.md"), begin, "```");
    let run = block(lines("tests/graceful_shutdown.rs"), begin, "}");
    assert_eq!(shown, run);
    assert!(run.len() > 5, "{run:?}");
}

/// A kept-alive connection that polls.
struct Browser(http1::SendRequest<Empty<Bytes>>);

impl Browser {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// The answer's body, whose head has come.
    async fn post(&mut self, target: &str) -> hyper::body::Incoming {
        let request = Request::post(target).header("host", "a");
        let request = request.body(Empty::new()).unwrap();
        let response = self.0.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200, "{target}");
        response.into_body()
    }
}

async fn rest(body: hyper::body::Incoming) -> String {
    let bytes = body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}

async fn websocket(address: SocketAddr, target: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}{target}");
    client_async(url, stream).await.unwrap().0
}

/// Takes what comes until the server's close; answers it and tells texts and code.
async fn until_closed(mut socket: WebSocketStream<TcpStream>) -> (Vec<String>, CloseCode) {
    let mut texts = Vec::new();
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Close(close) => {
                // The answer is queued by the client itself.
                let _ = socket.flush().await;
                return (texts, close.unwrap().code);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn every_session_gets_its_goodbye_and_the_server_ends() {
    let handle = Handle::new();
    let app = Router::new().sockjs("/chat", SockJs::new(echo).handle(&handle));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve(listener, app, handle.clone(), stopped));

    let mut raw = websocket(address, "/chat/websocket").await;
    raw.send("hello".into()).await.unwrap();
    assert_eq!(raw.next().await.unwrap().unwrap(), "hello".into());
    let framed = websocket(address, "/chat/0/framed/websocket").await;
    let mut polling = Browser::connect(address).await;
    assert_eq!(rest(polling.post("/chat/0/poll/xhr").await).await, "o\n");
    let held = polling.post("/chat/0/poll/xhr").await;
    let mut between = Browser::connect(address).await;
    assert_eq!(rest(between.post("/chat/0/next/xhr").await).await, "o\n");
    let mut streaming = Browser::connect(address).await;
    let stream = streaming.post("/chat/0/stream/xhr_streaming").await;
    assert_eq!(handle.sessions(), 5);

    stop.send(()).unwrap();
    let polls_again = async {
        handle.draining().await;
        // Held until the goodbye, if it is not there yet.
        rest(between.post("/chat/0/next/xhr").await).await
    };
    let (raw, framed, held, again, stream) = tokio::join!(
        until_closed(raw),
        until_closed(framed),
        rest(held),
        polls_again,
        rest(stream),
    );
    assert_eq!(raw, (vec![], CloseCode::Away));
    assert_eq!(framed.0, ["o", GOING_AWAY]);
    assert_eq!(held, format!("{GOING_AWAY}\n"));
    assert_eq!(again, format!("{GOING_AWAY}\n"));
    assert!(stream.ends_with(&format!("o\n{GOING_AWAY}\n")), "{stream}");
    // With three connections that are kept alive.
    server.await.unwrap().unwrap();
    assert_eq!(handle.sessions(), 0);
}
