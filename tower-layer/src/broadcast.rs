//! One message to many sessions.

use sockeye_core::{Prepared, session::Outgoing};

use crate::Sender;

/// What a broadcast did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broadcast {
    /// Sessions that the message was queued for.
    pub reached: usize,
    /// Sessions that had ended, or were closed just now because they do not keep up.
    pub closed: usize,
}

/// Sends one message to many sessions, encoding it once.
///
/// It is for a list at hand; where sessions come and go and some of them are meant, rooms
/// (`sockeye::Rooms`) keep the membership.
///
/// It never waits: each member's queue takes the message, and a member whose queue has reached the
/// hard limit (4 MiB or 16,384 messages) is closed with 1013 `Too slow`, harming no other. Members
/// that cannot carry the message (binary on a framed session) are neither reached nor closed.
///
/// # Example
///
/// ```
/// # fn example(members: &[sockeye_tower::Sender]) {
/// let told = sockeye_tower::broadcast(members, "the shop closes in ten minutes");
/// println!("{} people know", told.reached);
/// # }
/// ```
pub fn broadcast<'a>(
    members: impl IntoIterator<Item = &'a Sender>,
    message: impl Into<Prepared>,
) -> Broadcast {
    let prepared = message.into();
    let mut told = Broadcast::default();
    for member in members {
        match member
            .shared()
            .broadcast(Outgoing::Shared(prepared.clone()))
        {
            Ok(()) => told.reached += 1,
            Err(crate::SendError::Closed) => told.closed += 1,
            Err(
                crate::SendError::Binary
                | crate::SendError::Separator
                | crate::SendError::TooLarge { .. },
            ) => {}
        }
    }
    told
}
