//! How the next event of one socket is sent.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::{Compression, Delivery};

use crate::{Socket, ack::EmitWithAck, emit::Emit};

/// What is said about one event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) delivery: Delivery,
    pub(crate) compression: Compression,
    pub(crate) timeout: Option<Duration>,
}

/// One socket, with what is said about its next event.
///
/// # Example
///
/// ```
/// # use sockeye_socketio::{EmitError, Socket};
/// # async fn f(socket: Socket) -> Result<(), EmitError> {
/// socket.volatile().compress(false).emit("position", &(1.5, 2.5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until an event is emitted and awaited"]
pub struct Unicast {
    socket: Socket,
    flags: Flags,
}

impl Unicast {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket,
            flags: Flags::default(),
        }
    }

    /// As [`Socket::volatile`].
    pub fn volatile(mut self) -> Self {
        self.flags.delivery = Delivery::Volatile;
        self
    }

    /// As [`Socket::compress`].
    pub fn compress(mut self, may: bool) -> Self {
        self.flags.compression = compression(may);
        self
    }

    /// As [`Socket::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.flags.timeout = Some(timeout);
        self
    }

    /// As [`Socket::emit`].
    pub fn emit<T: Serialize + ?Sized>(self, event: impl AsRef<str>, arguments: &T) -> Emit {
        self.socket.emit_with(event.as_ref(), arguments, self.flags)
    }

    /// As [`Socket::emit_with_ack`]. An event that wants an answer is never left out.
    pub fn emit_with_ack<R, T>(self, event: impl AsRef<str>, arguments: &T) -> EmitWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        self.socket
            .emit_with_ack_with(event.as_ref(), arguments, self.flags)
    }
}

pub(crate) fn compression(may: bool) -> Compression {
    if may {
        Compression::Allowed
    } else {
        Compression::Forbidden
    }
}
