//! The socket of one WebSocket: reads in bursts, writes everything at once, keeps no buffers.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use sockeye_core::session::Close;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::codec::{Codec, Incoming, Limits};

#[derive(Debug)]
pub(crate) struct Socket<Io> {
    io: Io,
    codec: Codec,
    /// What is to be written. The thread's own buffer is borrowed for it, and only a part that the
    /// socket did not take stays here.
    out: Vec<u8>,
    written: usize,
    /// Whether `out` is what the socket did not take before.
    is_rest: bool,
    /// Whether the socket took something since this was last asked.
    has_progress: bool,
}

/// What one read brought.
#[derive(Debug)]
pub(crate) enum Read {
    /// Bytes, which have been handed on.
    Some,
    /// The peer has closed its side, or the connection is lost.
    End,
    /// Bytes that break the protocol; the peer is to be told this.
    Violation(Close),
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Socket<Io> {
    pub(crate) fn new(io: Io) -> Self {
        Self {
            io,
            codec: Codec::default(),
            out: Vec::new(),
            written: 0,
            is_rest: false,
            has_progress: false,
        }
    }

    /// Reads once and hands on what it brought.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        limits: Limits,
        each: impl FnMut(Incoming<'_>),
    ) -> Poll<Read> {
        with_scratch(&READ, |scratch| {
            scratch.resize(READ_SIZE, 0);
            let Ok(input) = ready!(poll_read(&mut self.io, cx, scratch)) else {
                return Poll::Ready(Read::End);
            };
            if input.is_empty() {
                return Poll::Ready(Read::End);
            }
            Poll::Ready(match self.codec.feed(input, limits, each) {
                Ok(()) => Read::Some,
                Err(close) => Read::Violation(close),
            })
        })
    }

    /// Reads once to nowhere; `Ready(false)` when the peer has closed its side.
    pub(crate) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        with_scratch(&READ, |scratch| {
            scratch.resize(READ_SIZE, 0);
            let read = ready!(poll_read(&mut self.io, cx, scratch));
            Poll::Ready(read.is_ok_and(|input| !input.is_empty()))
        })
    }

    /// Whether everything put so far is written, so that more may be put.
    pub(crate) fn has_room(&self) -> bool {
        self.out.is_empty()
    }

    /// The buffer to append frames to, while `has_room`.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        if self.out.capacity() == 0 {
            self.out = WRITE.take();
        }
        &mut self.out
    }

    /// Writes what is there, replies of the codec included.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // What is put ends with a whole frame, so an answer may follow it. While a rest waits,
            // the answer waits in the codec, where the next one may replace it.
            if !self.is_rest && self.codec.has_replies() {
                self.out();
                self.codec.take_replies(&mut self.out);
            }
            ready!(self.poll_write_out(cx))?;
            if !self.codec.has_replies() {
                break;
            }
        }
        // Below may be a TLS stream with a buffer of its own.
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Whether the socket took something since this was last asked.
    pub(crate) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.has_progress)
    }

    /// Drops the codec's answers: our last word has been said.
    pub(crate) fn forget_replies(&mut self) {
        self.codec.forget_replies();
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    /// Writes all of `out`, or keeps the rest.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            match Pin::new(&mut self.io).poll_write(cx, &self.out[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.has_progress = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.keep_rest();
                    return Poll::Pending;
                }
            }
        }
        self.written = 0;
        self.is_rest = false;
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        give_back(&WRITE, out);
        Poll::Ready(Ok(()))
    }

    /// Keeps what the socket did not take in memory of its own size.
    fn keep_rest(&mut self) {
        self.is_rest = true;
        if self.written > 0 || self.out.capacity() > 2 * self.out.len() {
            let rest = self.out[self.written..].to_vec();
            let mut out = std::mem::replace(&mut self.out, rest);
            self.written = 0;
            out.clear();
            give_back(&WRITE, out);
        }
    }
}

type Scratch = std::thread::LocalKey<RefCell<Vec<u8>>>;

thread_local! {
    static READ: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static WRITE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Bytes asked for in one read.
const READ_SIZE: usize = 64 << 10;

/// Capacity up to which a thread keeps its buffer for writing.
const KEPT_WRITE: usize = 256 << 10;

fn with_scratch<R>(scratch: &'static Scratch, use_it: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = scratch.take();
    let result = use_it(&mut buffer);
    scratch.replace(buffer);
    result
}

fn give_back(scratch: &'static Scratch, buffer: Vec<u8>) {
    if buffer.capacity() > 0 && buffer.capacity() <= KEPT_WRITE {
        scratch.replace(buffer);
    }
}

fn poll_read<'a>(
    io: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    scratch: &'a mut [u8],
) -> Poll<io::Result<&'a mut [u8]>> {
    let mut buffer = ReadBuf::new(scratch);
    ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
    let length = buffer.filled().len();
    Poll::Ready(Ok(&mut scratch[..length]))
}
