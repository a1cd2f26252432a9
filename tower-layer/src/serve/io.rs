//! A TCP stream that notices when its peer takes nothing.

use super::{
    activity::{Activity, after},
    preface::{PREFACE, Unread, read_preface},
};
use crate::Limit;
use socket2::SockRef;
use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until},
};

/// An accepted connection's socket, below HTTP, below TLS and below what an upgrade makes of it.
///
/// An [`Acceptor`](crate::Acceptor) gets it. Its writes fail when the peer has taken nothing for
/// [`write_stall`](crate::Serve::write_stall).
// Whoever writes has to try again when woken, as hyper, tungstenite and rustls do: the deadline of
// a stalled write is looked at by the next attempt.
#[derive(Debug)]
pub struct PlainStream {
    stream: TcpStream,
    activity: Arc<Activity>,
    /// There while a write waits; most connections never need one.
    stall: Option<Pin<Box<Sleep>>>,
    /// What was read to tell the version, until it is read again.
    unread: Option<Box<Unread>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl PlainStream {
    pub(super) fn new(
        stream: TcpStream,
        activity: Arc<Activity>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            stream,
            activity,
            stall: None,
            unread: None,
            _permit: permit,
        }
    }

    /// Waits until the HTTP/2 preface is complete or cannot be any more; says which.
    ///
    /// What was read or seen is there for the next read. An end of input counts as HTTP/1.1.
    pub(super) async fn has_preface(&mut self) -> io::Result<bool> {
        let mut bytes = [0; PREFACE.len()];
        // What is only looked at stays for hyper to read in one piece; after a first read of 24
        // bytes it would take twice the buffer for the rest.
        let seen = self.stream.peek(&mut bytes).await?;
        if bytes[..seen] != PREFACE[..seen] || seen == 0 {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        // Part of it: more is to come, which only reading waits for.
        let (is_preface, unread) = read_preface(&mut self.stream).await?;
        self.unread = unread;
        Ok(is_preface)
    }

    /// Judges a write that found no room: it waits, or has waited too long.
    ///
    /// epoll reports room only once a third of the send buffer is free, and that buffer can hold
    /// megabytes: a peer on a thin line takes bytes all the time and yet stays "blocked" for
    /// longer than the limit. So before it is given up the kernel itself is asked, with `send`,
    /// which takes bytes as soon as any of the buffer has been freed.
    fn poll_stalled(
        &mut self,
        cx: &mut Context<'_>,
        send: impl FnOnce(SockRef<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.stall.is_none() {
            self.activity.set_blocked(true);
        }
        let limit = self.activity.shared.limits.write_stall;
        let stall = self
            .stall
            .get_or_insert_with(|| Box::pin(sleep_until(after(Instant::now(), limit))));
        ready!(stall.as_mut().poll(cx));
        match send(SockRef::from(&self.stream)) {
            Ok(sent) => {
                self.moved();
                Poll::Ready(Ok(sent))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // `stall` stays: the drop that follows is to be a reset.
                self.activity.shared.handle.count(Limit::WriteStall);
                tracing::debug!("the peer takes nothing, its connection is reset");
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn moved(&mut self) {
        if self.stall.take().is_some() {
            self.activity.set_blocked(false);
        }
    }
}

impl Drop for PlainStream {
    fn drop(&mut self) {
        if self.stall.is_some() {
            // An error means that the socket is dead already.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Bytes of a write that are rather copied than handed over in pieces.
const JOINED: usize = 512;

/// All pieces in one, if they have room there.
fn join<'a>(slices: &[IoSlice<'_>], room: &'a mut [u8; JOINED]) -> Option<&'a [u8]> {
    let mut length = 0;
    for slice in slices {
        let end = length + slice.len();
        room.get_mut(length..end)?.copy_from_slice(slice);
        length = end;
    }
    Some(&room[..length])
}

impl AsyncRead for PlainStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(unread) = &mut self.unread {
            if unread.read(buffer) {
                self.unread = None;
            }
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.activity.saw_bytes();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PlainStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(written) => {
                self.moved();
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_stalled(cx, |socket| socket.send(bytes)),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A head and a small body: to join them is cheaper than to let the kernel collect them.
        let mut joined = [0; JOINED];
        if let Some(bytes) = join(slices, &mut joined) {
            return self.poll_write(cx, bytes);
        }
        match Pin::new(&mut self.stream).poll_write_vectored(cx, slices) {
            Poll::Ready(written) => {
                self.moved();
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_stalled(cx, |socket| socket.send_vectored(slices)),
        }
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
    use super::{
        super::{Limits, activity::Shared},
        *,
    };
    use std::{future::poll_fn, io::Read, net};
    use tokio::{net::TcpListener, task::yield_now, time::advance};

    const LIMIT: Duration = Duration::from_secs(30);

    async fn pair() -> (PlainStream, net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_nonblocking(true).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let limits = Limits {
            write_stall: LIMIT,
            ..Limits::default()
        };
        let activity = Activity::new(Arc::new(Shared::new(limits, None, crate::Handle::new())));
        (PlainStream::new(stream, Arc::new(activity), None), peer)
    }

    async fn try_write(io: &mut PlainStream) -> Poll<io::Result<usize>> {
        let chunk = [b'x'; 64 * 1024];
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *io).poll_write(cx, &chunk))).await
    }

    async fn fill(io: &mut PlainStream) {
        while let Poll::Ready(wrote) = try_write(io).await {
            wrote.unwrap();
        }
    }

    /// Takes what there is until the other side can write again. Yields all the while: a runtime
    /// at rest would let the paused clock run on.
    async fn make_room(io: &mut PlainStream, peer: &mut net::TcpStream) {
        let mut buffer = [0; 64 * 1024];
        loop {
            while peer.read(&mut buffer).is_ok() {}
            yield_now().await;
            if let Poll::Ready(wrote) = try_write(io).await {
                wrote.unwrap();
                return;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_may_stall_for_the_limit_and_no_longer() {
        let (mut io, peer) = pair().await;
        fill(&mut io).await;
        advance(LIMIT - Duration::from_millis(2)).await;
        assert!(try_write(&mut io).await.is_pending());
        advance(Duration::from_millis(4)).await;
        let Poll::Ready(Err(error)) = try_write(&mut io).await else {
            panic!("the limit has passed");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop((io, peer));
    }

    #[tokio::test]
    async fn pieces_arrive_whole_and_in_order_whatever_their_size() {
        for (head, body) in [
            (0, 1),
            (1, 0),
            (200, 40),
            (200, JOINED - 200),
            (200, JOINED - 199),
        ] {
            let (mut io, mut peer) = pair().await;
            let (head, body) = (vec![b'h'; head], vec![b'b'; body]);
            let slices = [IoSlice::new(&head), IoSlice::new(&[]), IoSlice::new(&body)];
            let wrote = poll_fn(|cx| Pin::new(&mut io).poll_write_vectored(cx, &slices)).await;
            let whole = [head, body].concat();
            assert_eq!(wrote.unwrap(), whole.len());
            drop(io);
            peer.set_nonblocking(false).unwrap();
            let mut read = Vec::new();
            peer.read_to_end(&mut read).unwrap();
            assert_eq!(read, whole);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn small_pieces_may_stall_for_the_limit_and_no_longer() {
        let (mut io, peer) = pair().await;
        fill(&mut io).await;
        let slices = [IoSlice::new(b"head"), IoSlice::new(b"body")];
        let mut write = async || {
            poll_fn(|cx| Poll::Ready(Pin::new(&mut io).poll_write_vectored(cx, &slices))).await
        };
        // The last bytes of room may be too few for a large write, and enough for these.
        while let Poll::Ready(wrote) = write().await {
            wrote.unwrap();
        }
        advance(LIMIT + Duration::from_millis(2)).await;
        let Poll::Ready(Err(error)) = write().await else {
            panic!("the limit has passed");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(peer);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_something_starts_the_limit_anew() {
        let (mut io, mut peer) = pair().await;
        for _ in 0..3 {
            fill(&mut io).await;
            assert!(io.stall.is_some());
            advance(LIMIT * 2 / 3).await;
            make_room(&mut io, &mut peer).await;
            assert!(io.stall.is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_took_something_unnoticed_is_not_given_up() {
        let (mut io, mut peer) = pair().await;
        fill(&mut io).await;
        // In a scope of tokio's own readiness this is not known yet: nothing yields.
        let mut buffer = [0; 64 * 1024];
        while peer.read(&mut buffer).is_ok() {}
        io.stall.as_mut().unwrap().as_mut().reset(Instant::now());
        let mut wrote = try_write(&mut io).await;
        while wrote.is_pending() {
            yield_now().await;
            wrote = try_write(&mut io).await;
        }
        assert!(matches!(wrote, Poll::Ready(Ok(1..))), "{wrote:?}");
    }
}
