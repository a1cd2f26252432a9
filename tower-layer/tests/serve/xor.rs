//! A stand-in for TLS: one byte each way as handshake, then every byte turned over.

use sockeye_tower::PlainStream;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

pub(crate) const HELLO: u8 = b'?';
pub(crate) const WELCOME: u8 = b'!';

/// The server's side of the handshake.
pub(crate) async fn accept(mut stream: PlainStream) -> io::Result<Xor<PlainStream>> {
    match stream.read_u8().await? {
        HELLO => {
            stream.write_u8(WELCOME).await?;
            Ok(Xor(stream))
        }
        b'P' => panic!("this acceptor panics when asked to"),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The client's side of the handshake.
pub(crate) async fn connect<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T) -> Xor<T> {
    stream.write_u8(HELLO).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), WELCOME);
    Xor(stream)
}

pub(crate) struct Xor<T>(pub(crate) T);

const MASK: u8 = 0xff;

impl<T: AsyncRead + Unpin> AsyncRead for Xor<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(cx, buffer))?;
        for byte in &mut buffer.filled_mut()[before..] {
            *byte ^= MASK;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Xor<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let turned: Vec<u8> = bytes.iter().map(|byte| byte ^ MASK).collect();
        Pin::new(&mut self.0).poll_write(cx, &turned)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
