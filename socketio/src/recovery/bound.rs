//! How much may be sent again.

use sockeye_core::session::QueueLimits;

/// How much a client may have missed and still come back: half of what closes its session, so that its
/// queue is sure to take it at once. Who missed more comes back as a new one, as it would otherwise be
/// closed, and come back to the same again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MayMiss(QueueLimits);

impl MayMiss {
    /// `hard` is what closes a client's session.
    pub(crate) fn of(hard: QueueLimits) -> Self {
        Self(QueueLimits {
            messages: hard.messages / 2,
            bytes: hard.bytes / 2,
        })
    }

    /// Whether events of these weights are little enough.
    pub(super) fn allows(self, weights: impl Iterator<Item = usize>) -> bool {
        let (mut events, mut bytes) = (0_usize, 0_usize);
        for weight in weights {
            events += 1;
            bytes = bytes.saturating_add(weight);
        }
        events <= self.0.messages && bytes <= self.0.bytes
    }
}
