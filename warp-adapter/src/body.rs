//! Bodies on their way through warp, which knows streams of bytes alone.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use warp::Reply;

/// The body of a request that came through warp.
pub struct RequestBody {
    /// What was there already when it was looked whether there is a body.
    first: Option<Result<Bytes, warp::Error>>,
    /// The rest, until its end.
    rest: Option<BoxStream>,
}

type BoxStream = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send + Sync>>;

impl RequestBody {
    pub(crate) async fn new<S, D>(headers: &HeaderMap, mut stream: S) -> Self
    where
        S: Stream<Item = Result<D, warp::Error>> + Send + Sync + Unpin + 'static,
        D: Buf,
    {
        // warp hides whether a body is over before it began, which a mount wants to know: of a
        // handshake, say. Where no header announces one, a look into it tells. One that is
        // announced is left alone, since the first look asks an expectant client to send it.
        let looked = if announces_body(headers) {
            Poll::Pending
        } else {
            poll_fn(|cx| Poll::Ready(Pin::new(&mut stream).poll_next(cx))).await
        };
        let (first, is_over) = match looked {
            Poll::Ready(None) => (None, true),
            Poll::Ready(Some(item)) => (Some(item.map(bytes)), false),
            Poll::Pending => (None, false),
        };
        Self {
            first,
            rest: (!is_over).then(|| Box::pin(BytesOf { stream }) as _),
        }
    }
}

/// Whether the head says that a body of at least one byte, or of an unknown length, follows.
fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length != "0")
}

/// warp's pieces are `Bytes` behind an opaque type; this does not copy them.
fn bytes(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = warp::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, warp::Error>>> {
        let item = match (self.first.take(), &mut self.rest) {
            (Some(first), _) => Some(first),
            (None, Some(rest)) => ready!(rest.as_mut().poll_next(cx)),
            (None, None) => None,
        };
        if item.is_none() {
            self.rest = None;
        }
        Poll::Ready(item.map(|item| item.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("is_end_stream", &self.is_end_stream())
            .finish_non_exhaustive()
    }
}

pin_project! {
    struct BytesOf<S> {
        #[pin]
        stream: S,
    }
}

impl<S, D> Stream for BytesOf<S>
where
    S: Stream<Item = Result<D, warp::Error>>,
    D: Buf,
{
    type Item = Result<Bytes, warp::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.project().stream.poll_next(cx));
        Poll::Ready(item.map(|item| item.map(bytes)))
    }
}

/// An answer as warp takes it.
///
/// A body whose length is known keeps it; every other one is a stream.
pub(crate) async fn reply<B>(response: Response<B>) -> warp::reply::Response
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    let (mut parts, body) = response.into_parts();
    let length = body.size_hint().exact();
    if body.is_end_stream() || length == Some(0) {
        return Response::from_parts(parts, Bytes::new()).into_response();
    }
    let mut chunks = Box::pin(Chunks { first: None, body });
    if let Some(length) = length {
        // Most often the whole body is one piece, which warp can take as it is.
        match poll_fn(|cx| Poll::Ready(chunks.as_mut().poll_next(cx))).await {
            Poll::Ready(Some(Ok(whole))) if whole.len() as u64 == length => {
                return Response::from_parts(parts, whole).into_response();
            }
            Poll::Ready(first) => *chunks.as_mut().project().first = first,
            Poll::Pending => {}
        }
        if may_have_length(parts.status) {
            parts
                .headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
    let chunks = Shareable(SyncWrapper::new(chunks));
    let body = warp::reply::stream(chunks).into_response().into_body();
    Response::from_parts(parts, body)
}

/// RFC 9110, section 8.6.
fn may_have_length(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT
}

pin_project! {
    /// The pieces of a body.
    struct Chunks<B: Body> {
        first: Option<Result<Bytes, B::Error>>,
        #[pin]
        body: B,
    }
}

impl<B> Stream for Chunks<B>
where
    B: Body<Data = Bytes>,
{
    type Item = Result<Bytes, B::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(first));
        }
        loop {
            return Poll::Ready(match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Some(Ok(data)),
                    // Trailers, which a stream of bytes has no place for.
                    Err(_) => continue,
                },
                Some(Err(error)) => Some(Err(error)),
                None => None,
            });
        }
    }
}

/// warp wants answers to be `Sync`, which what is polled by its owner alone has no use for.
struct Shareable<S>(SyncWrapper<Pin<Box<S>>>);

impl<S: Stream> Stream for Shareable<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.0.get_mut().as_mut().poll_next(cx)
    }
}
