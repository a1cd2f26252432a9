//! What is sent to the sockets of a namespace.

use std::{future::Ready, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::{Delivery, Text, socketio::Encoded};
use sockeye_rooms::{FetchError, Outcome, Rooms, Selection};

use super::Namespace;
use crate::{
    Broadcast, BroadcastWithAck, EmitError, FetchedSockets, Socket, SocketId, packet::Packet,
};

impl Namespace {
    /// Chooses the sockets of a room; the start of a broadcast.
    pub fn to(&self, room: impl Into<Text>) -> Broadcast {
        self.all().to(room)
    }

    /// As [`to`](Self::to).
    pub fn within(&self, room: impl Into<Text>) -> Broadcast {
        self.to(room)
    }

    /// Chooses the sockets of some rooms; of none, all.
    pub fn to_all(&self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Broadcast {
        self.all().to_all(rooms)
    }

    /// Chooses all sockets but those of a room.
    pub fn except(&self, room: impl Into<Text>) -> Broadcast {
        self.all().except(room)
    }

    /// Chooses all sockets of this node.
    pub fn local(&self) -> Broadcast {
        self.all().local()
    }

    /// Chooses all sockets, of whom those are left out that would have to be waited for.
    pub fn volatile(&self) -> Broadcast {
        self.all().volatile()
    }

    /// Chooses all sockets, and says whether the event may be compressed.
    pub fn compress(&self, may: bool) -> Broadcast {
        self.all().compress(may)
    }

    /// Chooses all sockets, and says how long answers are awaited.
    pub fn timeout(&self, timeout: Duration) -> Broadcast {
        self.all().timeout(timeout)
    }

    /// Chooses all sockets.
    pub fn all(&self) -> Broadcast {
        Broadcast::new(self.clone())
    }

    /// Sends an event to all sockets, on all nodes; see [`Broadcast::emit`].
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> Ready<Result<Outcome, EmitError>> {
        self.all().emit(event, arguments)
    }

    /// Sends an event to all sockets and waits for their answers; see [`Broadcast::emit_with_ack`].
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit_with_ack`].
    pub fn emit_with_ack<R, T>(&self, event: impl AsRef<str>, arguments: &T) -> BroadcastWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        self.all().emit_with_ack(event, arguments)
    }

    /// Writes an event once, to be handed to sockets of this namespace one by one.
    ///
    /// For memberships of the application's own, in which sockets are beside members of another
    /// kind; [`to`](Self::to) does this by itself. What is delivered so is not kept for recovery.
    ///
    /// # Errors
    ///
    /// When the name is reserved or the arguments cannot be serialized.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_rooms::{Delivery, Member};
    /// use sockeye_socketio::{EmitError, Namespace, Socket};
    ///
    /// fn tell(chess: &Namespace, players: &[Socket]) -> Result<(), EmitError> {
    ///     let packet = chess.packet("moved", &("e2", "e4"))?;
    ///     for player in players {
    ///         player.deliver(&packet, Delivery::Reliable);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn packet<T: Serialize + ?Sized>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> Result<Packet, EmitError> {
        let encoded = self.encode_event(None, event.as_ref(), arguments)?;
        let compression = sockeye_core::Compression::default();
        Ok(Packet::new(
            encoded,
            compression,
            self.parser().clone(),
            None,
        ))
    }

    /// An event as it goes to clients; `id` is what an answer must have, if one is wanted.
    pub(crate) fn encode_event<T: Serialize + ?Sized>(
        &self,
        id: Option<u64>,
        event: &str,
        arguments: &T,
    ) -> Result<Encoded, EmitError> {
        let parser = self.parser();
        self.sendable(parser.encode_event(self.name(), id, event, arguments, None)?)
    }

    /// What clients take: one packet too big for their parser would cost them the connection.
    pub(crate) fn sendable(&self, encoded: Encoded) -> Result<Encoded, EmitError> {
        let limit = self.limits().sent_attachments;
        if encoded.attachments.len() > limit {
            return Err(EmitError::TooManyAttachments { limit });
        }
        Ok(encoded)
    }

    /// Sends what another node sent, and keeps it for recovery as if it were this node's.
    pub(super) fn arrive(&self, selection: &Selection<SocketId>, packet: &Packet) -> Outcome {
        if let Some(sessions) = self.sessions() {
            return sessions.arrive(self, selection, packet);
        }
        let is_kept = selection.delivery() == Delivery::Reliable && packet.answers().is_none();
        match self.recovery().filter(|_| is_kept) {
            Some(store) => {
                let sent = store.send(self, selection.clone(), packet);
                let sent =
                    sent.inspect_err(|error| tracing::warn!(%error, "an event of another node"));
                sent.unwrap_or_default()
            }
            None => {
                let chosen = self.rooms().select(selection.clone());
                chosen.local().send(packet.clone())
            }
        }
    }

    /// The sockets of this node, in no order.
    pub fn sockets(&self) -> Vec<Socket> {
        self.all().sockets()
    }

    /// A socket of this node by its id.
    pub fn socket(&self, id: &str) -> Option<Socket> {
        let socket = self.0.rooms.member(&SocketId::from_text(id));
        socket.filter(Socket::is_admitted)
    }

    /// All sockets, on all nodes that answer; see [`Broadcast::fetch_sockets`].
    ///
    /// # Errors
    ///
    /// When the other nodes could not be asked.
    pub async fn fetch_sockets(&self) -> Result<FetchedSockets, FetchError> {
        self.all().fetch_sockets().await
    }

    /// Disconnects all sockets; with `close` the connections of their clients too.
    pub fn disconnect_sockets(&self, close: bool) -> Outcome {
        self.all().disconnect(close)
    }

    /// The membership itself: who is in which room on this node.
    pub fn rooms(&self) -> &Rooms<Socket> {
        &self.0.rooms
    }

    /// How many nodes there are, this one included.
    ///
    /// # Errors
    ///
    /// When nobody could be asked.
    pub async fn server_count(&self) -> Result<usize, FetchError> {
        self.0.rooms.nodes().await
    }
}
