//! The parts every driver has: the handler's future and the one timer.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use sockeye_core::session::CloseReason;
use tokio::time::Sleep;

use super::Shared;
use crate::BoxFuture;

/// The handler's future, until it is done.
pub(crate) struct HandlerSlot(Option<BoxFuture<()>>);

impl HandlerSlot {
    /// Calls the handler; its future runs when it is polled.
    pub(crate) fn start(shared: &Shared, start: impl FnOnce() -> BoxFuture<()>) -> Self {
        match catch_unwind(AssertUnwindSafe(start)) {
            Ok(future) => Self(Some(future)),
            Err(_) => {
                panicked(shared);
                Self(None)
            }
        }
    }

    /// Polls the handler. One that panics ends its session, and no other.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, shared: &Shared) {
        let Some(future) = &mut self.0 else { return };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(())) => self.0 = None,
            Err(_) => {
                // The reason must be there before the future's `Session` is dropped, which would
                // close normally.
                panicked(shared);
                self.discard();
            }
        }
    }

    /// Drops what a panic left behind; a destructor that panics as well is contained too.
    fn discard(&mut self) {
        let future = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for HandlerSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerSlot")
            .field("is_done", &self.is_done())
            .finish()
    }
}

fn panicked(shared: &Shared) {
    tracing::error!(session = %shared.id(), "the session's handler panicked");
    shared.close(CloseReason::HandlerPanicked);
}

/// The session's one timer. It may fire early, so it is only ever moved forward.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether it has not been heard of since it was set.
    is_armed: bool,
    /// Whether it has been polled since then, and so knows whom to wake: a driver stays in its task.
    is_told_whom: bool,
}

impl Timer {
    /// When it fires, if it is armed.
    pub(crate) fn armed(&self) -> Option<Instant> {
        let sleep = self.sleep.as_ref().filter(|_| self.is_armed)?;
        Some(sleep.deadline().into_std())
    }

    /// Makes sure that it fires at `deadline` or earlier.
    pub(crate) fn arm(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if self.armed().is_some_and(|armed| armed <= deadline) {
            return;
        }
        self.is_armed = true;
        self.is_told_whom = false;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline.into()),
            none => *none = Some(Box::pin(tokio::time::sleep_until(deadline.into()))),
        }
    }

    /// Ready once, when the armed time has come.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_armed {
            return Poll::Pending;
        }
        let Some(sleep) = &mut self.sleep else {
            return Poll::Pending;
        };
        if self.is_told_whom && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.is_told_whom = true;
        let poll = sleep.as_mut().poll(cx);
        if poll.is_ready() {
            self.is_armed = false;
        }
        poll
    }
}
