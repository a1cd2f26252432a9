//! The rooms of a socket.

use std::sync::atomic::Ordering;

use sockeye_core::Text;
use sockeye_rooms::JoinError;

use super::{CONNECTING, GONE, Socket};

impl Socket {
    /// Joins a room, which the socket leaves by itself when it disconnects.
    ///
    /// Rooms come into being with their first member, and go with their last. A room it is in already
    /// is joined again without effect.
    ///
    /// # Errors
    ///
    /// Beyond the limits of rooms (1,024 for each socket, 255 bytes for a name), and when the socket
    /// has disconnected.
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::{BoxError, Data, Socket};
    /// # fn f(socket: Socket) {
    /// socket.on("enter", async |socket: Socket, Data(room): Data<String>| {
    ///     socket.join(room.as_str())?;
    ///     socket.to(room.as_str()).emit("entered", socket.id().as_str()).await?;
    ///     Ok::<_, BoxError>(())
    /// });
    /// # }
    /// ```
    pub fn join(&self, room: impl Into<Text>) -> Result<(), JoinError> {
        self.join_all([room])
    }

    /// Joins all of some rooms, or none.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn join_all(
        &self,
        rooms: impl IntoIterator<Item = impl Into<Text>>,
    ) -> Result<(), JoinError> {
        let joined = self.0.namespace.rooms().join_all(rooms, self);
        joined.map(drop)
    }

    /// Leaves a room; `false` when it was not there.
    ///
    /// Out of its own room it is not found by its id any more: not by `to(id)`, nor on other nodes.
    pub fn leave(&self, room: &str) -> bool {
        self.0.namespace.rooms().leave(room, self)
    }

    /// Leaves all rooms but its own.
    pub fn leave_all(&self) {
        self.0.namespace.rooms().leave_all(self);
    }

    /// The rooms that it is in, its own first.
    pub fn rooms(&self) -> Vec<Text> {
        let all = self.0.namespace.rooms();
        let mut rooms = all.rooms_of(self);
        let id = self.0.id.as_str();
        let is_in_own = match self.0.phase.load(Ordering::Acquire) {
            CONNECTING => true,
            GONE if !self.state().has_rooms() => false,
            _ => all.contains(id, self),
        };
        if is_in_own {
            rooms.insert(0, Text::from(id));
        }
        rooms
    }
}
