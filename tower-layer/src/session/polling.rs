//! The one task of a session on polling and streaming transports: its handler and its timer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use sockeye_core::session::CloseReason;

use super::{Shared, Timer, shared::Rest};
use crate::{clock, common::Running};

/// Drives a session whose receivers are HTTP responses; those take what they need themselves.
pub(crate) struct PollingDriver {
    timer: Timer,
    /// Gone once another driver has taken the session over.
    running: Option<Running>,
}

impl PollingDriver {
    pub(crate) fn new(running: Running) -> Self {
        Self {
            timer: Timer::default(),
            running: Some(running),
        }
    }

    /// Lets the machine know when its time has come.
    fn fire(timer: &mut Timer, shared: &Shared, cx: &mut Context<'_>) -> bool {
        let fired = timer.poll(cx).is_ready();
        if fired {
            let now = clock::now();
            shared.update(|state| state.machine.handle_timeout(now));
        }
        fired
    }
}

impl Future for PollingDriver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { timer, running } = &mut *self;
        let Some(session) = running else {
            return Poll::Ready(());
        };
        let shared = session.live.shared.clone();
        loop {
            if !shared.begin_driving(cx, clock::now()) {
                return Poll::Ready(());
            }
            Self::fire(timer, &shared, cx);
            session.handler.poll(cx, &shared);
            match shared.end_driving(timer.armed(), false, |_| false) {
                Rest::Busy => continue,
                Rest::Until(deadline) => timer.arm(deadline),
            }
            // A timer hears of its time only once it has been polled.
            if !Self::fire(timer, &shared, cx) {
                break;
            }
        }
        let is_closed = shared.peek(|state| state.machine.is_closed());
        if is_closed {
            session.leave();
        }
        // Even if the session is over: the successor has a connection to end in good order.
        if let Some(successor) = shared.take_successor() {
            // If it has gone, the session ends with what it gives back here.
            let given = running.take().map(|running| successor.send(running));
            *running = given.and_then(Result::err);
            return Poll::Ready(());
        }
        if is_closed && session.handler.is_done() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for PollingDriver {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.live.shared.abandon(CloseReason::Disconnected);
        }
    }
}
