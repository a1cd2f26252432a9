//! The one task of a session on polling and streaming transports: its handler and its timer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use sockeye_core::sockjs::CloseReason;

use super::{Timer, shared::Rest};
use crate::{clock, mount::Running};

/// Drives a session whose receivers are HTTP responses; those take what they need themselves.
pub(crate) struct PollingDriver {
    /// What other requests find the session by, if there can be any.
    id: Option<Box<str>>,
    timer: Timer,
    running: Running,
}

impl PollingDriver {
    pub(crate) fn new(running: Running, id: Option<Box<str>>) -> Self {
        Self {
            id,
            timer: Timer::default(),
            running,
        }
    }

    /// Lets the machine know when its time has come.
    fn fire(&mut self, cx: &mut Context<'_>) -> bool {
        let fired = self.timer.poll(cx).is_ready();
        if fired {
            let now = clock::now();
            self.running
                .shared
                .update(|state| state.machine.handle_timeout(now));
        }
        fired
    }

    fn forget(&self) {
        let Running {
            shared, admission, ..
        } = &self.running;
        if let Some(id) = &self.id {
            admission.mount().registry.remove(id, shared);
        }
    }
}

impl Future for PollingDriver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let shared = this.running.shared.clone();
        loop {
            if !shared.begin_driving(cx, clock::now()) {
                return Poll::Ready(());
            }
            this.fire(cx);
            this.running.handler.poll(cx, &shared);
            match shared.end_driving(this.timer.armed(), false, |_| false) {
                Rest::Busy => continue,
                Rest::Until(deadline) => this.timer.arm(deadline),
            }
            // A timer hears of its time only once it has been polled.
            if !this.fire(cx) {
                break;
            }
        }
        if shared.peek(|state| state.machine.is_closed()) {
            this.forget();
            if this.running.handler.is_done() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl Drop for PollingDriver {
    fn drop(&mut self) {
        self.forget();
        self.running.shared.abandon(CloseReason::Disconnected);
    }
}
