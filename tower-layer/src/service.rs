//! The tower-facing shell: a mount as a service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use crate::{
    answer::{Answer, answer},
    body::Body,
    engineio,
    mount::Mount,
};

/// A mount that answers every request: it takes the path as the path below the mount.
///
/// Cheap to clone. Mount it where the framework strips the prefix (axum's `nest_service`), or use
/// [`SockJs::layer`](crate::SockJs::layer).
#[derive(Clone)]
pub struct MountService {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    SockJs(Arc<Mount>),
    EngineIo(Arc<engineio::Mount>),
}

impl MountService {
    pub(crate) fn new(mount: Arc<Mount>) -> Self {
        Self {
            kind: Kind::SockJs(mount),
        }
    }

    pub(crate) fn engineio(mount: Arc<engineio::Mount>) -> Self {
        Self {
            kind: Kind::EngineIo(mount),
        }
    }

    /// Whether a path below the mount's is the mount's own, be it for a refusal.
    pub(crate) fn owns(&self, rest: &str) -> bool {
        match self.kind {
            Kind::SockJs(_) => rest.is_empty() || rest.starts_with('/'),
            // Its clients' paths have the slash; the rest is the application's.
            Kind::EngineIo(_) => rest.starts_with('/'),
        }
    }

    /// Answers a request whose path below the mount begins at `offset` of its URI's path.
    pub(crate) fn answer<B>(&self, request: Request<B>, offset: usize) -> ResponseFuture
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        ResponseFuture(Some(match &self.kind {
            Kind::SockJs(mount) => answer(mount, request, offset),
            Kind::EngineIo(mount) => engineio::answer(mount, request, offset),
        }))
    }
}

impl<B> Service<Request<B>> for MountService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        self.answer(request, 0)
    }
}

impl fmt::Debug for MountService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MountService").finish_non_exhaustive()
    }
}

/// The future of a mount's answer.
pub struct ResponseFuture(Option<Answer>);

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(Answer::Later(future)) = &mut self.0 {
            return future.as_mut().poll(cx).map(Ok);
        }
        match self.0.take() {
            Some(Answer::Now(response)) => Poll::Ready(Ok(response)),
            Some(Answer::Later(_)) | None => panic!("polled after it was ready"),
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
