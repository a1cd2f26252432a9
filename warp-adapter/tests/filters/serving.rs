//! Over TCP, under `sockeye::serve` and `warp::serve` alike.

use std::future::IntoFuture;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request};
use http_body_util::Empty;
use hyper::{client::conn::http2, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sockeye_tower::{DrainPolicy, EventStream, Handle, Session, SockJs, WebSocket};
use sockeye_warp::{event_stream, sockjs, websocket};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::Role},
};
use warp::Filter;

use crate::support::{Client, Host, echo, handing_over};

#[tokio::test]
async fn ordinary_answers_have_their_length() {
    for host in Host::ALL {
        let address = host.start(warp::path("chat").and(sockjs(echo))).await;
        let mut client = Client::connect(address).await;
        for _ in 0..2 {
            client.send("GET /chat HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let head = client.head().await;
            assert!(head.starts_with("http/1.1 200 "), "{host:?} {head}");
            assert!(
                head.contains("\r\ncontent-length: 19\r\n"),
                "{host:?} {head}"
            );
            assert!(!head.contains("\r\ntransfer-encoding:"), "{host:?} {head}");
            assert_eq!(client.body(19).await, "Welcome to SockJS!\n");
        }
        client
            .send("OPTIONS /chat/info HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 204 "), "{host:?} {head}");
        assert!(!head.contains("\r\ncontent-length:"), "{host:?} {head}");
        // The next answer begins where this one, which has no body, ended.
        client.send("HEAD /chat HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 405 "), "{host:?} {head}");
        client
            .send("GET /chat/nothing HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 404 "), "{host:?} {head}");
    }
}

#[tokio::test]
async fn chunks_go_both_ways_one_by_one() {
    for host in Host::ALL {
        let address = host.start(warp::path("chat").and(sockjs(echo))).await;
        let mut stream = Client::connect(address).await;
        stream
            .send("POST /chat/0/s/xhr_streaming HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            .await;
        let head = stream.head().await;
        assert!(
            head.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{host:?} {head}"
        );
        let mut begin = stream.chunk().await;
        while !begin.ends_with("o\n") {
            begin += &stream.chunk().await;
        }
        let mut sender = Client::connect(address).await;
        for _ in 0..2 {
            // The body comes in pieces, the last of which is not sent until the head was read.
            sender
                .send("POST /chat/0/s/xhr_send HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            sender.send("4\r\n[\"he\r\n").await;
            sender.send("5\r\nllo\"]\r\n0\r\n\r\n").await;
            assert!(sender.head().await.starts_with("http/1.1 204 "), "{host:?}");
            assert_eq!(stream.chunk().await, "a[\"hello\"]\n", "{host:?}");
        }
    }
}

#[tokio::test]
async fn a_body_is_asked_for_where_it_is_expected() {
    for host in Host::ALL {
        let address = host.start(warp::path("chat").and(sockjs(echo))).await;
        let mut client = Client::connect(address).await;
        client
            .send("POST /chat/0/none/xhr_send HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            .await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 100 "), "{host:?} {head}");
        client.send("[]").await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 404 "), "{host:?} {head}");

        // One that is too large is refused without.
        let mut client = Client::connect(address).await;
        client
            .send("POST /chat/0/none/xhr_send HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
            .await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 413 "), "{host:?} {head}");
    }
}

#[tokio::test]
async fn a_target_without_a_path_is_nobodys() {
    for host in Host::ALL {
        let address = host.start(sockjs(echo)).await;
        let mut client = Client::connect(address).await;
        client
            .send("CONNECT example.com:80 HTTP/1.1\r\nHost: example.com\r\n\r\n")
            .await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 404 "), "{host:?} {head}");
    }
}

#[tokio::test]
async fn web_sockets_open_over_http_1() {
    for host in Host::ALL {
        let address = host.start(warp::path("chat").and(sockjs(echo))).await;
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/chat/websocket");
        let (mut socket, response) = client_async(url, stream).await.unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers().get("content-length"), None, "{host:?}");
        for text in ["one", "two"] {
            socket.send(text.into()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
        }

        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/chat/0/s/websocket");
        let (mut socket, _) = client_async(url, stream).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("o"));
        socket.send(r#"["hello"]"#.into()).await.unwrap();
        let answer = socket.next().await.unwrap().unwrap();
        assert_eq!(answer, Message::text(r#"a["hello"]"#), "{host:?}");
    }
}

#[tokio::test]
async fn plain_mounts_are_filters_too() {
    let rooms = async |mut session: Session| {
        let uri = session.request().uri().to_owned();
        let _ = session.send(uri).await;
        // A plain WebSocket carries both kinds.
        while let Some(message) = session.recv().await {
            if session.send(message).await.is_err() {
                break;
            }
        }
    };
    let topics = async |session: Session| {
        let uri = session.request().uri().to_owned();
        let _ = session.send(uri).await;
    };
    for host in Host::ALL {
        let routes = warp::path("rooms")
            .and(websocket(rooms))
            .or(warp::path("configured").and(websocket(WebSocket::new(rooms))))
            .or(warp::path("events").and(event_stream(EventStream::new(topics).cors(false))));
        let address = host.start(routes.map(warp::Reply::into_response)).await;
        for target in ["/rooms/one?a", "/configured/two"] {
            let stream = TcpStream::connect(address).await.unwrap();
            let url = format!("ws://{address}{target}");
            let (mut socket, _) = client_async(url, stream).await.unwrap();
            let told = socket.next().await.unwrap().unwrap();
            assert_eq!(told, Message::text(target), "{host:?}");
            let binary = Message::binary(vec![0, 255]);
            socket.send(binary.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), binary, "{host:?}");
        }
        let mut client = Client::connect(address).await;
        client
            .send("GET /events/three HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let head = client.head().await;
        let kind = "\r\ncontent-type: text/event-stream\r\n";
        assert!(head.contains(kind), "{host:?} {head}");
        let mut stream = String::new();
        while !stream.contains("data: /events/three\n\n") {
            stream += &client.chunk().await;
        }
    }
}

#[tokio::test]
async fn a_drain_comes_before_warps_own_shutdown() {
    let handle = Handle::new();
    let chat = warp::path("chat").and(sockjs(SockJs::new(echo).handle(&handle)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = warp::serve(chat)
        .incoming(listener)
        .graceful(async move {
            let _ = stopped.await;
            handle.drain(DrainPolicy::new()).await;
        })
        .run();
    let server = tokio::spawn(server);
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/chat/websocket");
    let (mut socket, _) = client_async(url, stream).await.unwrap();
    socket.send("open".into()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("open"));
    stop.send(()).unwrap();
    let close = socket.next().await.unwrap().unwrap();
    let Message::Close(Some(close)) = close else {
        panic!("{close:?}");
    };
    assert_eq!(u16::from(close.code), 1001);
    while let Some(Ok(_)) = socket.next().await {}
    server.await.unwrap();
}

#[tokio::test]
async fn the_peers_address_is_known() {
    for host in Host::ALL {
        let (handler, mut sessions) = handing_over();
        let address = host.start(warp::path("chat").and(sockjs(handler))).await;
        let stream = TcpStream::connect(address).await.unwrap();
        let peer = stream.local_addr().unwrap();
        let url = format!("ws://{address}/chat/websocket");
        let _socket = client_async(url, stream).await.unwrap();
        let session = sessions.recv().await.unwrap();
        assert_eq!(session.request().peer_address(), Some(peer), "{host:?}");
    }
}

#[tokio::test]
async fn a_client_that_goes_is_noticed() {
    for host in Host::ALL {
        let (ends, mut ended) = mpsc::unbounded_channel();
        let handler = move |mut session: Session| {
            let ends = ends.clone();
            async move {
                assert_eq!(session.recv().await, None);
                let _ = ends.send(session.transport());
            }
        };
        let address = host.start(warp::path("chat").and(sockjs(handler))).await;
        for (method, target) in [
            ("POST", "xhr_streaming"),
            ("GET", "eventsource"),
            ("GET", "htmlfile?c=f"),
        ] {
            let mut client = Client::connect(address).await;
            let request = format!(
                "{method} /chat/0/{method}{}/{target} HTTP/1.1\r\nHost: a\r\n\r\n",
                target.len(),
            );
            client.send(&request).await;
            client.head().await;
            drop(client);
            let transport = ended.recv().await.unwrap();
            let name = transport.name().replace('-', "_");
            assert!(target.starts_with(&name), "{host:?} {name}");
        }
    }
}

fn connect_request(target: &str) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = format!("http://example.com{target}").parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-version", "13".parse().unwrap());
    let protocol = Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    request
}

async fn connect_h2(address: std::net::SocketAddr) -> http2::SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection.into_future());
    // An answer comes after the settings, which say whether extended CONNECT is there.
    let info = Request::get("http://example.com/chat/info?t=1");
    let response = sender
        .send_request(info.body(Empty::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    sender
}

#[tokio::test]
async fn web_sockets_open_over_http_2_under_sockeyes_own_server() {
    let address = Host::Sockeye
        .start(warp::path("chat").and(sockjs(echo)))
        .await;
    let mut sender = connect_h2(address).await;
    let response = sender
        .send_request(connect_request("/chat/0/s/websocket"))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("o"));
    socket.send(r#"["hello"]"#.into()).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text(r#"a["hello"]"#)
    );
}

/// As the crate's documentation says. When this fails, warp has learned it: say so there.
#[tokio::test]
async fn warps_own_server_does_not_take_extended_connect() {
    let address = Host::Warp.start(warp::path("chat").and(sockjs(echo))).await;
    let mut sender = connect_h2(address).await;
    let refused = sender
        .send_request(connect_request("/chat/0/s/websocket"))
        .await;
    assert!(refused.is_err(), "{refused:?}");
}
