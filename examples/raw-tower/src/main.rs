//! Without a framework: a tower layer in front of a plain function, served over HTTP/1.1 and HTTP/2.
//!
//!     cargo run -p example-raw-tower
//!
//! Then, in another terminal, the function's own answer and a session by hand:
//!
//!     curl http://127.0.0.1:3000/anything
//!     curl -N -X POST http://127.0.0.1:3000/echo/000/me/xhr_streaming &
//!     curl http://127.0.0.1:3000/echo/000/me/xhr_send -H 'Content-Type: text/plain' -d '["hello"]'
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program speaks to people through it")]

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use sockeye::{Session, SockJs};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

/// Everything that is not below the mount comes here, untouched.
async fn rest(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = format!(
        "{} {} is not below /echo\n",
        request.method(),
        request.uri().path()
    );
    Ok(Response::new(Full::from(answer)))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let service = ServiceBuilder::new()
        .layer(SockJs::new(echo).layer("/echo"))
        .service_fn(rest);

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    sockeye::serve(listener, service).await
}
