//! Sessions as members of rooms.

use sockeye_core::{
    Delivered, Delivery, Member, Prepared, Text,
    session::{Close, CloseReason, Outgoing},
};

use super::{Sender, Session};
use crate::{SendError, SessionId, TrySendError};

/// A session is a member through its sender; rooms hear of its end by themselves.
impl Member for Sender {
    type Id = SessionId;
    type Packet = Prepared;

    fn id(&self) -> SessionId {
        self.shared().id()
    }

    fn deliver(&self, packet: &Prepared, delivery: Delivery) -> Delivered {
        let outgoing = Outgoing::Shared(packet.clone());
        match delivery {
            Delivery::Reliable => match self.shared().broadcast(outgoing) {
                Ok(()) => Delivered::Queued,
                Err(SendError::Closed) => Delivered::Closed,
                Err(SendError::Binary | SendError::Separator | SendError::TooLarge { .. }) => {
                    Delivered::Skipped
                }
            },
            Delivery::Volatile => match self.shared().offer(outgoing) {
                Ok(()) => Delivered::Queued,
                Err(TrySendError::Closed) => Delivered::Closed,
                Err(
                    TrySendError::Full(_)
                    | TrySendError::Binary
                    | TrySendError::Separator
                    | TrySendError::TooLarge { .. },
                ) => Delivered::Skipped,
            },
        }
    }

    fn close(&self, code: u16, reason: Text) {
        self.end(CloseReason::Application(Close::new(code, reason)));
    }

    fn on_end(&self, farewell: Box<dyn FnOnce() + Send>) {
        self.shared().on_end(farewell);
    }
}

impl AsRef<Self> for Sender {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsRef<Sender> for Session {
    fn as_ref(&self) -> &Sender {
        self.sender_ref()
    }
}
