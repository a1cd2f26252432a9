//! The other direction: a tower layer outside `warp::service(filter)`.

use std::future::IntoFuture;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use sockeye_tower::{SockJs, serve};
use sockeye_warp::sockjs;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{client_async, tungstenite::Message};
use tower::{ServiceBuilder, ServiceExt};
use warp::{Filter, Rejection};

use crate::support::{Client, echo, get, post, text};

fn routes() -> impl Filter<Extract = (String,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::path("upload")
        .and(warp::body::bytes())
        .map(|body: Bytes| format!("{} bytes", body.len()))
}

#[tokio::test(start_paused = true)]
async fn the_layer_answers_below_its_path_and_warp_elsewhere() {
    let app = ServiceBuilder::new()
        .layer(SockJs::new(echo).layer("/chat"))
        .service(warp::service(routes()));
    let ask = |request: http::Request<Full<Bytes>>| app.clone().oneshot(request);
    assert_eq!(
        text(ask(get("/chat")).await.unwrap()).await,
        "Welcome to SockJS!\n"
    );
    assert_eq!(ask(get("/chat/nothing")).await.unwrap().status(), 404);
    let poll = || ask(post("/chat/0/s/xhr", ""));
    assert_eq!(text(poll().await.unwrap()).await, "o\n");
    let send = ask(post("/chat/0/s/xhr_send", "[\"x\"]"));
    assert_eq!(send.await.unwrap().status(), 204);
    assert_eq!(text(poll().await.unwrap()).await, "a[\"x\"]\n");
    let upload = ask(post("/upload", "five!"));
    assert_eq!(text(upload.await.unwrap()).await, "5 bytes");
    assert_eq!(ask(get("/chatty")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn upgrades_pass_the_layer_and_the_filter_behind_it() {
    let inner = warp::path("inner").and(sockjs(echo)).or(routes());
    let app = ServiceBuilder::new()
        .layer(SockJs::new(echo).layer("/outer"))
        .service(warp::service(inner));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app).into_future());
    for mount in ["outer", "inner"] {
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/{mount}/websocket");
        let (mut socket, _) = client_async(url, stream).await.unwrap();
        socket.send(mount.into()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(mount));
    }
    let mut client = Client::connect(address).await;
    client
        .send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        .await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
    assert_eq!(client.body(7).await, "3 bytes");
}
