//! An event on its way through the middlewares of a socket.

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::{
    Text,
    socketio::{Data, EncodeError},
};

use crate::{Ack, ExtractError, Socket, call::AckSlot};

/// An event that a client sent, as a middleware sees it; see [`Socket::intercept`].
///
/// # Example
///
/// ```
/// # use sockeye_socketio::{BoxError, Event, Socket};
/// # fn f(socket: Socket) {
/// socket.intercept(async |mut event: Event| {
///     if event.name() == "message" {
///         let text: String = event.arguments()?;
///         event.set_arguments(text.trim())?;
///     }
///     Ok::<_, BoxError>(event)
/// });
/// # }
/// ```
#[derive(Debug)]
pub struct Event {
    pub(crate) socket: Socket,
    pub(crate) name: Text,
    pub(crate) data: Data,
    pub(crate) ack: Option<AckSlot>,
}

impl Event {
    /// Whose event it is.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its arguments, deserialized as [`Data`](crate::Data) does.
    ///
    /// # Errors
    ///
    /// When they are not of that type.
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, ExtractError> {
        Ok(self.data.arguments()?)
    }

    /// Puts other arguments in place of these: a tuple or a `Vec` is several, anything else one.
    ///
    /// # Errors
    ///
    /// When they cannot be serialized; the event is as it was then.
    pub fn set_arguments<T: Serialize + ?Sized>(
        &mut self,
        arguments: &T,
    ) -> Result<(), EncodeError> {
        self.data = Data::from_event(&self.name, arguments)?;
        Ok(())
    }

    /// The answer that the client waits for, if it does: to answer in the handlers' stead.
    pub fn ack(&self) -> Ack {
        Ack::new(Some(self.socket.clone()), self.ack.clone())
    }
}
