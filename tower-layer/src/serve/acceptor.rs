//! What may stand between TCP and HTTP: a TLS handshake, which is somebody else's code.

use super::{
    io::PlainStream,
    preface::{Unread, read_preface},
};
use std::{
    fmt,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Makes of an accepted connection the stream that HTTP is spoken on: the server's side of TLS.
///
/// A closure will do. With tokio-rustls it is `move |stream| tls.accept(stream)` (`examples/tls` has
/// all of it); here is the one that changes nothing:
///
/// ```
/// # use http_body_util::Empty;
/// # use hyper::{Request, Response, body::{Bytes, Incoming}};
/// # use std::convert::Infallible;
/// # let service = tower::service_fn(async |_: Request<Incoming>| {
/// #     Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
/// # });
/// # let _ = async move |listener| {
/// sockeye_tower::serve(listener, service).acceptor(async |stream| Ok(stream)).await
/// # };
/// ```
///
/// Which HTTP version a connection speaks is told by its first bytes, whatever ALPN has agreed on:
/// offer `h2` and `http/1.1`, and a client that took `h2` gets it.
pub trait Acceptor: Send + Sync + 'static {
    /// What carries HTTP once the handshake is done.
    ///
    /// A writer that was told to wait must try to write to the [`PlainStream`] again when it is
    /// polled again, or a peer that takes nothing is not noticed. TLS libraries do.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Does the handshake; the connection is served when this is done, and closed on an error.
    ///
    /// It runs in the connection's own task, within [`head_timeout`](crate::Serve::head_timeout)
    /// of the connection's start, and is dropped where it is when that has passed.
    ///
    /// # Errors
    ///
    /// Whatever made the handshake fail. It is logged at debug level and concerns nobody else.
    fn accept(&self, stream: PlainStream) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl<F, Fut, T> Acceptor for F
where
    F: Fn(PlainStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<T>> + Send,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Stream = T;

    fn accept(&self, stream: PlainStream) -> impl Future<Output = io::Result<T>> + Send {
        self(stream)
    }
}

/// An acceptor of any kind, so that [`Serve`](crate::Serve) is one type with and without.
#[derive(Clone)]
pub(super) struct AnyAcceptor(Arc<dyn Open>);

impl AnyAcceptor {
    pub(super) fn new(acceptor: impl Acceptor) -> Self {
        Self(Arc::new(acceptor))
    }

    /// Handshake and first bytes: the stream, and whether it speaks HTTP/2.
    pub(super) fn open(&self, stream: PlainStream) -> Opening {
        self.0.clone().open(stream)
    }
}

impl fmt::Debug for AnyAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

type Opening = Pin<Box<dyn Future<Output = io::Result<(Stream, bool)>> + Send>>;

trait Open: Send + Sync {
    fn open(self: Arc<Self>, stream: PlainStream) -> Opening;
}

impl<A: Acceptor> Open for A {
    fn open(self: Arc<Self>, stream: PlainStream) -> Opening {
        Box::pin(async move {
            let mut stream = self.accept(stream).await?;
            let (is_http2, unread) = read_preface(&mut stream).await?;
            let rewound = Rewound { stream, unread };
            Ok((Stream::Secured(Box::new(rewound)), is_http2))
        })
    }
}

/// What HTTP is spoken on.
///
/// An enum, with the rarer kind behind a pointer: a plain connection is no larger for it.
pub(super) enum Stream {
    Plain(PlainStream),
    Secured(Box<dyn Duplex>),
}

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Stream {
    pub(super) fn is_secured(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Secured(_) => true,
        }
    }

    fn pinned(&mut self) -> Pin<&mut dyn Duplex> {
        match self {
            Self::Plain(stream) => Pin::new(stream),
            Self::Secured(stream) => Pin::new(&mut **stream),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.pinned().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pinned().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pinned().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Secured(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_shutdown(cx)
    }
}

/// A stream whose first bytes have been looked at, which here only reading can do.
struct Rewound<T> {
    stream: T,
    unread: Option<Box<Unread>>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Rewound<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Some(unread) = &mut self.unread {
            if !unread.read(buffer) {
                return Poll::Ready(Ok(()));
            }
            self.unread = None;
        }
        // Also after what was unread, since the rest has mostly been decrypted with it: after a
        // first read of a few bytes alone hyper would take twice the buffer.
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending if buffer.filled().len() > before => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => {
                buffer.set_filled(before);
                Poll::Ready(Err(error))
            }
            polled => polled,
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Rewound<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;

    #[test]
    fn a_plain_connection_is_no_larger_for_the_other_kind() {
        assert_eq!(size_of::<Stream>(), size_of::<PlainStream>());
    }

    #[tokio::test]
    async fn what_was_looked_at_is_read_in_one_piece_with_what_follows() {
        let head = b"GET /a-target-beyond-the-preface's-length HTTP/1.1\r\n";
        let mut stream: &[u8] = head;
        let (is_http2, unread) = read_preface(&mut stream).await.unwrap();
        assert!(!is_http2);
        let mut rewound = Rewound { stream, unread };
        let mut taken = [0; 64];
        assert_eq!(rewound.read(&mut taken).await.unwrap(), head.len());
        assert_eq!(&taken[..head.len()], head);
    }

    #[tokio::test]
    async fn what_was_looked_at_does_not_wait_for_what_follows() {
        let (mut near, far) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut near, b"PRI * no")
            .await
            .unwrap();
        let mut stream = far;
        let (is_http2, unread) = read_preface(&mut stream).await.unwrap();
        assert!(!is_http2);
        let mut rewound = Rewound { stream, unread };
        for expected in ["PRI", " * ", "no"] {
            let mut bytes = [0; 3];
            let mut buffer = ReadBuf::new(&mut bytes);
            poll_fn(|cx| Pin::new(&mut rewound).poll_read(cx, &mut buffer))
                .await
                .unwrap();
            assert_eq!(buffer.filled(), expected.as_bytes());
        }
    }
}
