//! How a socket ends.

use std::sync::{Arc, atomic::Ordering};

use sockeye_core::{Text, session::CloseReason};

use super::{Apart, CONNECTED, GONE, Socket};
use crate::{Reason, ack::Waiter};

/// The end of a socket; when the last handler that is told of it lets go, so does the socket.
pub(crate) struct End(Socket);

impl Drop for End {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

impl Socket {
    /// It is gone from now on; `false` if it was already.
    pub(crate) fn go(&self) -> bool {
        self.0.phase.swap(GONE, Ordering::AcqRel) != GONE
    }

    /// Leaves on this side's wish, if it is connected: the client is told, and the connection's task
    /// does the rest.
    pub(crate) fn leave_namespace(&self, reason: Reason) -> bool {
        if !self.is_connected() {
            return false;
        }
        let phase = &self.0.phase;
        self.0.client.expect_departure();
        let left = phase.compare_exchange(CONNECTED, GONE, Ordering::AcqRel, Ordering::Acquire);
        if left.is_err() {
            self.0.client.expect_no_departure();
            return false;
        }
        let told = self.parser().encode_disconnect(self.0.namespace.name());
        // Before the client is told: it may ask for the namespace again at once.
        self.0.client.depart(self.clone(), reason);
        if let Ok(encoded) = told {
            self.0.client.send_now(encoded);
        }
        true
    }

    /// Leaves every room and the namespace, and tells those who wait for its answers; once, however
    /// often it is called. The guard is for the handlers that are told of it: until the last of them
    /// has ended they find what was kept with the socket.
    #[must_use = "what the socket holds may hold the socket"]
    pub(crate) fn clear(&self) -> Arc<End> {
        let (farewells, waiters, _, listeners, is_first) = {
            let mut state = self.state();
            (
                std::mem::take(&mut state.farewells),
                state.pending.take_all(),
                std::mem::take(&mut state.apart),
                state.listeners.take_events(),
                !std::mem::replace(&mut state.is_cleared, true),
            )
        };
        farewells.tell();
        for waiter in waiters {
            match waiter {
                // Whoever waits finds the other end gone.
                Waiter::One(_) => {}
                Waiter::Shared(answers) => answers.miss(),
            }
        }
        drop(listeners);
        if is_first {
            self.0.namespace.vacate();
        }
        Arc::new(End(self.clone()))
    }

    /// Lets go of what it holds, which may hold it.
    fn let_go(&self) {
        let held = {
            let mut state = self.state();
            state.is_over = true;
            (
                std::mem::take(&mut state.listeners),
                std::mem::take(&mut state.extensions),
            )
        };
        drop(held);
    }

    /// Leaves every room.
    pub(crate) fn leave_rooms(&self) {
        let farewells = std::mem::take(&mut self.state().farewells);
        farewells.tell();
    }

    /// The client is back by another connection: this one is over, whatever it has not noticed.
    /// Gives its rooms, which its last handlers will see still; `None` if it had gone before.
    pub(crate) fn supersede(&self) -> Option<Vec<Text>> {
        self.0.client.expect_departure();
        if !self.go() {
            self.0.client.expect_no_departure();
            return None;
        }
        let rooms = self.0.namespace.rooms().rooms_of(self);
        self.state().apart = Apart::Former(rooms.clone());
        Some(rooms)
    }

    /// Leaves its seat to who took its place.
    pub(crate) fn make_way(&self) {
        self.leave_rooms();
        self.0.client.depart(self.clone(), Reason::TransportClose);
        self.sender().end(CloseReason::Disconnected);
    }
}
