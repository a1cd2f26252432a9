//! A connection's task, from the answer to its handshake on.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;

use super::{Driver, Wire};

/// Waits for the connection, then drives the session that `start` begins on it.
///
/// By hand: an async block would keep the room of what came before the driver beside it, for as
/// long as the connection lives.
// The driver is what it is for, and nearly all the time it is there.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Task<W, S> {
    Waiting {
        connection: OnUpgrade,
        start: Option<S>,
    },
    Driving(Driver<TokioIo<Upgraded>, W>),
}

impl<W, S> Task<W, S>
where
    W: Wire + Unpin,
    S: FnOnce(TokioIo<Upgraded>) -> Option<Driver<TokioIo<Upgraded>, W>> + Unpin,
{
    pub(crate) fn new(connection: OnUpgrade, start: S) -> Self {
        Self::Waiting {
            connection,
            start: Some(start),
        }
    }
}

impl<W, S> Future for Task<W, S>
where
    W: Wire + Unpin,
    S: FnOnce(TokioIo<Upgraded>) -> Option<Driver<TokioIo<Upgraded>, W>> + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            match this {
                Self::Driving(driver) => return Pin::new(driver).poll(cx),
                Self::Waiting { connection, start } => {
                    let upgraded = ready!(Pin::new(connection).poll(cx));
                    let Some(start) = mem::take(start) else {
                        return Poll::Ready(());
                    };
                    let driver = match upgraded {
                        Ok(upgraded) => start(TokioIo::new(upgraded)),
                        // The peer went away before it had our answer: no session began.
                        Err(error) => {
                            tracing::debug!(%error, "the connection ended within the handshake");
                            None
                        }
                    };
                    let Some(driver) = driver else {
                        return Poll::Ready(());
                    };
                    *this = Self::Driving(driver);
                }
            }
        }
    }
}
