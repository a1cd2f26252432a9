//! A mount in front of another service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{EitherBody, MountService, ResponseFuture};

/// Puts a mount in front of a service: the mount owns its path and everything below it, and all
/// else reaches the inner service untouched.
///
/// # Example
///
/// ```
/// use tower::ServiceBuilder;
/// use sockeye_tower::{Session, SockJs};
///
/// # let app = tower::service_fn(|_: http::Request<http_body_util::Empty<bytes::Bytes>>| async {
/// #     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
/// # });
/// async fn echo(mut session: Session) {
///     while let Some(message) = session.recv().await {
///         if session.send(message).await.is_err() { break }
///     }
/// }
///
/// let app = ServiceBuilder::new().layer(SockJs::new(echo).layer("/chat")).service(app);
/// # fn is_service<S: tower::Service<http::Request<http_body_util::Empty<bytes::Bytes>>>>(_: S) {}
/// # is_service(app);
/// ```
#[derive(Clone)]
pub struct MountLayer {
    path: Arc<str>,
    service: MountService,
}

impl MountLayer {
    pub(crate) fn new(path: &str, service: MountService) -> Self {
        assert!(
            path.len() > 1 && path.starts_with('/') && !path.ends_with('/'),
            "layer: the path {path:?} must start with a slash, and not end with one"
        );
        Self {
            path: path.into(),
            service,
        }
    }
}

impl<S> Layer<S> for MountLayer {
    type Service = Mounted<S>;

    fn layer(&self, inner: S) -> Mounted<S> {
        Mounted {
            path: self.path.clone(),
            service: self.service.clone(),
            inner,
        }
    }
}

impl fmt::Debug for MountLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MountLayer")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A mount in front of the service `S`.
#[derive(Clone)]
pub struct Mounted<S> {
    path: Arc<str>,
    service: MountService,
    inner: S,
}

impl<S> Mounted<S> {
    /// Whether the path is the mount's own or below it.
    fn owns(&self, path: &str) -> bool {
        path.strip_prefix(&*self.path)
            .is_some_and(|rest| self.service.owns(rest))
    }
}

impl<S, B, R> Service<Request<B>> for Mounted<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body<Data = Bytes>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<EitherBody<R>>;
    type Error = S::Error;
    type Future = MountedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.owns(request.uri().path()) {
            let future = self.service.answer(request, self.path.len());
            MountedFuture {
                side: Side::Own { future },
            }
        } else {
            let future = self.inner.call(request);
            MountedFuture {
                side: Side::Inner { future },
            }
        }
    }
}

impl<S> fmt::Debug for Mounted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of an answer that is the mount's own or the inner service's.
    #[derive(Debug)]
    pub struct MountedFuture<F> {
        #[pin]
        side: Side<F>,
    }
}

pin_project! {
    #[project = SideProjected]
    #[derive(Debug)]
    enum Side<F> {
        Own { future: ResponseFuture },
        Inner { #[pin] future: F },
    }
}

impl<F, R, E> Future for MountedFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<EitherBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().side.project() {
            SideProjected::Own { future } => match ready!(Pin::new(future).poll(cx)) {
                Ok(response) => Poll::Ready(Ok(response.map(EitherBody::own))),
                Err(never) => match never {},
            },
            SideProjected::Inner { future } => {
                Poll::Ready(Ok(ready!(future.poll(cx))?.map(EitherBody::inner)))
            }
        }
    }
}
