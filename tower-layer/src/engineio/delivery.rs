//! The body of a poll's answer: dropped before its end, it ends the session.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use sockeye_core::engineio::TransportError;

use crate::session::Shared;

/// What a poll took, until the host has taken it in turn.
///
/// What was in it is lost when the connection breaks under it, and nothing may follow a gap. It is
/// handed over in pieces, as a host that takes it whole cannot tell any more.
pub(crate) struct Delivery {
    shared: Arc<Shared>,
    rest: Bytes,
}

/// Bytes of a piece: a frame of HTTP/2. Over HTTP/1 hyper keeps up to 16 pieces, or 400 KiB.
const PIECE: usize = 16 << 10;

impl Delivery {
    pub(super) fn new(shared: Arc<Shared>, body: Bytes) -> Self {
        Self { shared, rest: body }
    }

    pub(crate) fn next_piece(&mut self) -> Option<Bytes> {
        let length = self.rest.len().min(PIECE);
        (length > 0).then(|| self.rest.split_to(length))
    }

    /// Bytes that are still to be handed over.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.remaining() > 0 {
            self.shared.update(|state| {
                let now = state.now();
                if let Some(machine) = state.machine.engineio() {
                    machine.fail(TransportError::PollAborted, now);
                }
            });
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
