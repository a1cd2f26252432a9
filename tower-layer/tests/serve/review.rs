//! What a review found: fails on main.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Empty;
use hyper::{client::conn::http2, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sockeye_tower::{Accept, ConnectRequest, Reject, Session, WebSocket, serve};
use std::future::IntoFuture;
use tokio::net::{TcpListener, TcpStream};

/// To an extended CONNECT any 2xx means that the WebSocket is open (RFC 8441, section 5).
#[tokio::test]
async fn no_rejection_opens_a_tunnel_over_http_2() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mount = WebSocket::new(async |_: Session| {}).on_connect(
        async |_: &ConnectRequest| -> Result<Accept, Reject> {
            Err(Reject::status(200)
                .header(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                )
                .body("{}"))
        },
    );
    tokio::spawn(serve(listener, mount.service()).into_future());
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = Request::get("http://example.com/")
        .header("sec-websocket-version", "13")
        .body(Empty::<Bytes>::new())
        .unwrap();
    *request.method_mut() = Method::CONNECT;
    request
        .extensions_mut()
        .insert(Protocol::from_static("websocket"));
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let tunnel = hyper::upgrade::on(response).await;
    assert!(!status.is_success(), "{status} {tunnel:?}");
}
