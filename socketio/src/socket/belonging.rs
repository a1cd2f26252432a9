//! The rooms of a socket.

use std::sync::atomic::Ordering;

use sockeye_core::Text;
use sockeye_rooms::JoinError;

use super::{Apart, CONNECTING, GONE, Socket};

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
        let rooms: Vec<Text> = rooms.into_iter().map(Into::into).collect();
        let all = self.0.namespace.rooms();
        let Some(mut entering) = self.entering() else {
            return all.join_all(rooms, self).map(drop);
        };
        entering.extend(rooms.iter().cloned());
        all.check(&entering, self)?;
        if let Apart::Entering(entering) = &mut self.state().apart {
            entering.extend(rooms);
            entering.sort_unstable();
            entering.dedup();
            return Ok(());
        }
        // It was let in meanwhile.
        all.join_all(rooms, self).map(drop)
    }

    /// Leaves a room; `false` when it was not there.
    ///
    /// Out of its own room it is not found by its id any more: not by `to(id)`, nor on other nodes.
    pub fn leave(&self, room: &str) -> bool {
        if let Apart::Entering(entering) = &mut self.state().apart {
            let before = entering.len();
            entering.retain(|it| it != room);
            return entering.len() < before;
        }
        self.0.namespace.rooms().leave(room, self)
    }

    /// Leaves all rooms but its own.
    pub fn leave_all(&self) {
        if let Apart::Entering(entering) = &mut self.state().apart {
            return entering.clear();
        }
        self.0.namespace.rooms().leave_all(self);
    }

    /// The rooms that it is in, its own first.
    pub fn rooms(&self) -> Vec<Text> {
        let all = self.0.namespace.rooms();
        let id = self.0.id.as_str();
        let apart = match &self.state().apart {
            Apart::Not => None,
            Apart::Entering(rooms) | Apart::Former(rooms) => Some(rooms.clone()),
        };
        if let Some(mut apart) = apart {
            apart.insert(0, Text::from(id));
            return apart;
        }
        let mut rooms = all.rooms_of(self);
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

    /// The rooms where its middlewares had it join, if it comes back and was not let in yet: its name
    /// may be that of an old connection still, which is not to join them.
    fn entering(&self) -> Option<Vec<Text>> {
        match &self.state().apart {
            Apart::Entering(rooms) => Some(rooms.clone()),
            Apart::Not | Apart::Former(_) => None,
        }
    }

    /// It is let in: its name is its own, and it goes into the rooms that it comes back to, and then
    /// into those that its middlewares had it join, as many as it may be in.
    pub(crate) fn enter_rooms(&self, rooms: &[Text]) {
        let apart = std::mem::take(&mut self.state().apart);
        let all = self.0.namespace.rooms();
        // Its own end alone could refuse it, which is told elsewhere.
        let _ = all.add(self);
        let _ = all.join_all(rooms.iter().cloned(), self);
        if let Apart::Entering(entering) = apart {
            for room in entering {
                let _ = all.join(room, self);
            }
        }
    }
}
