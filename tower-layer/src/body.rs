//! The body of our answers.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{engineio::Delivery, transport::Receiver};

/// The response body of sockeye's own answers.
pub struct Body(Kind);

enum Kind {
    Empty,
    /// An answer whose length is known.
    Full(Bytes),
    /// A stream that says all it has to say: its chunks, last one first.
    Chunks(Vec<Bytes>),
    /// The receiver of a session.
    Receiver(Box<Receiver>),
    /// What an Engine.IO poll took; its length is known.
    Delivery(Delivery),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// A stream of these chunks; its length is not announced.
    pub(crate) fn chunks(mut chunks: Vec<Bytes>) -> Self {
        chunks.reverse();
        Self(Kind::Chunks(chunks))
    }
}

impl Body {
    /// Whether this is a poll whose frame has not come yet.
    pub(crate) fn is_waiting_poll(&self) -> bool {
        matches!(&self.0, Kind::Receiver(receiver) if receiver.is_waiting_poll())
    }

    /// Takes a waiting poll's frame as soon as it comes; the body is then complete.
    pub(crate) fn poll_complete(&mut self, cx: &Context<'_>) -> Poll<()> {
        if let Kind::Receiver(receiver) = &mut self.0 {
            let chunk = ready!(receiver.poll_chunk(cx));
            *self = chunk.map_or_else(Self::empty, Self::from);
        }
        Poll::Ready(())
    }
}

/// An empty body, as layers need it that answer in our stead.
impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self(Kind::Empty)
        } else {
            Self(Kind::Full(bytes))
        }
    }
}

impl From<Receiver> for Body {
    fn from(receiver: Receiver) -> Self {
        Self(Kind::Receiver(Box::new(receiver)))
    }
}

impl From<Delivery> for Body {
    fn from(delivery: Delivery) -> Self {
        Self(Kind::Delivery(delivery))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut self.0 {
            Kind::Empty => None,
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Some(bytes)
            }
            Kind::Chunks(chunks) => chunks.pop(),
            Kind::Delivery(delivery) => delivery.next_piece(),
            Kind::Receiver(receiver) => match receiver.poll_chunk(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(chunk) => chunk,
            },
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(_) => false,
            Kind::Chunks(chunks) => chunks.is_empty(),
            Kind::Delivery(delivery) => delivery.remaining() == 0,
            Kind::Receiver(receiver) => receiver.is_done(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Delivery(delivery) => SizeHint::with_exact(delivery.remaining() as u64),
            Kind::Chunks(_) | Kind::Receiver(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Empty => "Body::Empty",
            Kind::Full(_) => "Body::Full",
            Kind::Chunks(_) => "Body::Chunks",
            Kind::Receiver(_) => "Body::Receiver",
            Kind::Delivery(_) => "Body::Delivery",
        })
    }
}

pin_project! {
    /// The body of an answer that is the mount's own or the inner service's.
    pub struct EitherBody<B> {
        #[pin]
        side: Side<B>,
    }
}

pin_project! {
    #[project = SideProjected]
    enum Side<B> {
        Own { body: Body },
        Inner { #[pin] body: B },
    }
}

impl<B> EitherBody<B> {
    pub(crate) fn own(body: Body) -> Self {
        Self {
            side: Side::Own { body },
        }
    }

    pub(crate) fn inner(body: B) -> Self {
        Self {
            side: Side::Inner { body },
        }
    }
}

/// An empty body, as layers need it that answer in the stack's stead.
impl<B> Default for EitherBody<B> {
    fn default() -> Self {
        Self::own(Body::empty())
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for EitherBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().side.project() {
            SideProjected::Own { body } => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
            SideProjected::Inner { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.side {
            Side::Own { body } => body.is_end_stream(),
            Side::Inner { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.side {
            Side::Own { body } => body.size_hint(),
            Side::Inner { body } => body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for EitherBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.side {
            Side::Own { body } => body.fmt(f),
            Side::Inner { .. } => f.write_str("EitherBody::Inner"),
        }
    }
}
