//! What is kept with a socket.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::socketio::{Data, Value};

use super::Socket;

impl Socket {
    /// The data attached to the socket, deserialized; it goes with the socket to other nodes and
    /// into recovery.
    ///
    /// # Errors
    ///
    /// When it is not of that type. Before any was set it is an empty object.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, crate::DataError> {
        Data::from_value(self.data_value()).deserialize()
    }

    /// Attaches data in place of what was there.
    ///
    /// # Errors
    ///
    /// When it cannot be serialized.
    ///
    /// # Example
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Player { name: String, points: u32 }
    ///
    /// # use sockeye_socketio::{BoxError, Socket};
    /// # fn f(socket: Socket) -> Result<(), BoxError> {
    /// socket.set_data(&Player { name: "ann".into(), points: 0 })?;
    /// let player: Player = socket.data()?;
    /// # let _ = (player.name, player.points); Ok(())
    /// # }
    /// ```
    pub fn set_data<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), crate::EncodeError> {
        let value = Value::from_serialize(data)?;
        let old = self.state().data.replace(Box::new(value));
        drop(old);
        Ok(())
    }

    /// Changes the attached data in place, under the socket's lock: `change` must neither wait nor use
    /// the socket.
    pub fn update_data(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        let data = state
            .data
            .get_or_insert_with(|| Box::new(Value::Object(Vec::new())));
        change(data);
    }

    /// Takes the data over that it had when it came back, unless a middleware has changed what it was
    /// given when it asked. Gives back what was there.
    pub(crate) fn restore_data(
        &self,
        given: &Option<Box<Value>>,
        latest: Option<Box<Value>>,
    ) -> Option<Box<Value>> {
        let mut state = self.state();
        if state.data != *given {
            return latest;
        }
        std::mem::replace(&mut state.data, latest)
    }

    pub(crate) fn data_value(&self) -> Value {
        let state = self.state();
        let data = state.data.as_deref();
        data.cloned().unwrap_or(Value::Object(Vec::new()))
    }

    /// Keeps a value with the socket, by its type; gives back what was there.
    ///
    /// Handlers find it as [`Extension`](crate::Extension). It stays on this node, and is let go of
    /// when the last handler has ended that was told of the disconnection; after that nothing is
    /// kept.
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::{Ack, Extension, Socket};
    /// #[derive(Clone)]
    /// struct User(&'static str);
    ///
    /// # fn f(socket: Socket) {
    /// socket.insert(User("ann"));
    /// socket.on("who am I?", async |Extension(user): Extension<User>, ack: Ack| ack.send(user.0));
    /// # }
    /// ```
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        let mut state = self.state();
        if state.is_over {
            // The value may hold the socket, and its end may ask for it.
            drop(state);
            drop(value);
            return None;
        }
        let old = state.extensions.insert(Arc::new(value));
        drop(state);
        old.map(Arc::unwrap_or_clone)
    }

    /// A value that was kept with the socket, or else came with its request.
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        // Cloned where no lock is held: its `clone` is foreign, and may use the socket.
        let kept = self.state().extensions.get::<Arc<T>>().cloned();
        if let Some(kept) = kept {
            return Some(Arc::unwrap_or_clone(kept));
        }
        let sender = self.sender();
        let attached = sender.data::<T>().map(|data| T::clone(&data));
        attached.or_else(|| sender.request().extension::<T>().cloned())
    }
}
