//! What every request passes on its way in: limits hyper does not know, and what only the connection knows.

use super::activity::{Activity, Busy, Shared};
use crate::{Limit, PeerAddress, Secure};
use http::{HeaderMap, Request, Response, StatusCode, Version, header::HOST};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// The user's service as hyper wants it.
#[derive(Debug)]
pub(super) struct Door<S> {
    pub(super) service: S,
    pub(super) peer: SocketAddr,
    pub(super) is_secure: bool,
    pub(super) activity: Arc<Activity>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Door<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body,
{
    type Response = Response<Answer<B>>;
    type Error = Infallible;
    type Future = Answering<S, S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.activity.saw_request();
        let state = match refusal(&request, &self.activity.shared) {
            Some(status) => State::Refused { status },
            None => {
                request.extensions_mut().insert(PeerAddress(self.peer));
                if self.is_secure {
                    request.extensions_mut().insert(Secure);
                }
                // Not called here, even if it is ready: hyper looks for a body once more before it
                // polls the answer. A service that drops the request at once would have it give the
                // connection up, with the body unread that came with the head.
                State::Waiting {
                    service: self.service.clone(),
                    request: Some(request),
                }
            }
        };
        Answering {
            state,
            busy: Some(Busy::new(&self.activity)),
        }
    }
}

fn refusal<B>(request: &Request<B>, shared: &Shared) -> Option<StatusCode> {
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |t| t.as_str().len());
    if target > shared.limits.max_target_length {
        shared.handle.count(Limit::TargetLength);
        return Some(StatusCode::URI_TOO_LONG);
    }
    // Over HTTP/1.1 hyper counted the lines before it built the map.
    if request.headers().len() > MAX_HEADER_LINES {
        shared.handle.count(Limit::HeaderLines);
        return Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    // RFC 9112, section 3.2: a request that two readers could take to be for different hosts.
    if request.version() == Version::HTTP_11 && !has_one_host(request.headers()) {
        return Some(StatusCode::BAD_REQUEST);
    }
    None
}

fn has_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    hosts.next().is_some() && hosts.next().is_none()
}

pin_project! {
    /// The future of one answer.
    pub(super) struct Answering<S, F> {
        #[pin]
        state: State<S, F>,
        busy: Option<Busy>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        Refused { status: StatusCode },
        Waiting { service: S, request: Option<Request<Incoming>> },
        Called { #[pin] future: F },
    }
}

impl<S, B> Future for Answering<S, S::Future>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body,
{
    type Output = Result<Response<Answer<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let response = match this.state.as_mut().project() {
                StateProjection::Refused { status } => {
                    let mut response = Response::new(None);
                    *response.status_mut() = *status;
                    response
                }
                StateProjection::Waiting { service, request } => {
                    match ready!(service.poll_ready(cx)) {
                        Ok(()) => {}
                        Err(never) => match never {},
                    }
                    let request = request.take().expect("a state is left with its request");
                    let future = service.call(request);
                    this.state.set(State::Called { future });
                    continue;
                }
                StateProjection::Called { future } => match ready!(future.poll(cx)) {
                    Ok(response) => response.map(Some),
                    Err(never) => match never {},
                },
            };
            let busy = this.busy.take();
            return Poll::Ready(Ok(response.map(|body| Answer { body, _busy: busy })));
        }
    }
}

pin_project! {
    /// An answer's body: the service's, or nothing if the request was refused at the door.
    pub(super) struct Answer<B> {
        #[pin]
        body: Option<B>,
        _busy: Option<Busy>,
    }
}

impl<B: Body> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().body.as_pin_mut() {
            Some(body) => body.poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

/// hyper's own limit for HTTP/1.1, kept for HTTP/2 as well.
const MAX_HEADER_LINES: usize = 100;
