//! Bare hyper with a streaming answer that sends what xhr_streaming sends first, and waits.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::{Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::control;
use crate::Result;

pub(super) async fn serve(listener: TcpListener) -> Result<()> {
    control::start(&[&listener])?;
    let mut first = vec![b'h'; 2048];
    first.extend_from_slice(b"\no\n");
    let first = Bytes::from(first);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let first = first.clone();
        let service = service_fn(move |_| {
            let body = Waiting(Some(first.clone()));
            async { Ok::<_, Infallible>(Response::new(body)) }
        });
        tokio::spawn(async move {
            // The end of a connection, orderly or not, is no concern here.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

struct Waiting(Option<Bytes>);

impl Body for Waiting {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Poll::Pending,
        }
    }
}
