//! A connection's task, from the answer to its handshake on.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::{Timeout, timeout};

use super::{Driver, Wire};
use crate::{Handle, Limit, common::CommonConfig};

/// Waits for the connection, then drives the session that `start` begins on it.
///
/// By hand: an async block would keep the room of what came before the driver beside it, for as
/// long as the connection lives.
// The driver is what it is for, and nearly all the time it is there.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Task<W, S> {
    Waiting { connection: Taken, start: Option<S> },
    Driving(Driver<TokioIo<Upgraded>, W>),
}

impl<W, S> Task<W, S>
where
    W: Wire + Unpin,
    S: FnOnce(TokioIo<Upgraded>) -> Option<Driver<TokioIo<Upgraded>, W>> + Unpin,
{
    pub(crate) fn new(connection: Taken, start: S) -> Self {
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
                    // Without it no session begins.
                    let driver = upgraded.and_then(|upgraded| start(TokioIo::new(upgraded)));
                    let Some(driver) = driver else {
                        return Poll::Ready(());
                    };
                    *this = Self::Driving(driver);
                }
            }
        }
    }
}

/// The connection behind a handshake, once the peer has taken our answer to it; `None` if it does not.
///
/// A peer that takes nothing is not waited for beyond the stall timeout. It would keep its place for
/// as long as its connection lasts, as there is no heartbeat yet.
pub(crate) struct Taken {
    /// Boxed, to weigh nothing once the connection is there.
    connection: Pin<Box<Timeout<OnUpgrade>>>,
    handle: Handle,
}

impl Taken {
    pub(crate) fn new(connection: OnUpgrade, config: &CommonConfig) -> Self {
        Self {
            connection: Box::pin(timeout(config.stall_timeout, connection)),
            handle: config.handle.clone(),
        }
    }
}

impl Future for Taken {
    type Output = Option<Upgraded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.connection.as_mut().poll(cx)) {
            Ok(Ok(upgraded)) => Some(upgraded),
            // The peer went away before it had our answer.
            Ok(Err(error)) => {
                tracing::debug!(%error, "the connection ended within the handshake");
                None
            }
            Err(_) => {
                tracing::debug!("the answer to a handshake was not taken");
                self.handle.count(Limit::SlowPeer);
                None
            }
        })
    }
}
