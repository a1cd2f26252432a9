//! Choosing many sockets, and what is done to them.

use std::{future::Ready, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::{Compression, Delivery, Text, session::Close};
use sockeye_rooms::{FetchError, Outcome, Select, Selection};

use crate::{
    BroadcastWithAck, EmitError, FetchedSockets, Namespace, RemoteSocket, Socket, SocketId,
    answers::Answers, packet::Packet, unicast::compression,
};

/// Some sockets of a namespace, on all nodes: chosen by rooms, less the exceptions, each once.
///
/// Several rooms are those who are in any of them; no room is all. What is excepted is left out be it
/// in the rooms or not.
///
/// # Example
///
/// ```
/// # use sockeye_socketio::{EmitError, SocketIo};
/// # async fn f(io: SocketIo) -> Result<(), EmitError> {
/// io.of("/").to("chess").to("go").except("banned").emit("closing", &"in five minutes").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is done until an event is emitted, or another method called"]
pub struct Broadcast {
    namespace: Namespace,
    /// Rooms; of none, all sockets.
    rooms: Vec<Text>,
    excepted: Vec<Text>,
    delivery: Delivery,
    is_local: bool,
    compression: Compression,
    /// How long answers are awaited, if that was said.
    timeout: Option<Duration>,
}

/// How long a broadcast's answers are awaited unless it says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Broadcast {
    pub(crate) fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            rooms: Vec::new(),
            excepted: Vec::new(),
            delivery: Delivery::Reliable,
            is_local: false,
            compression: Compression::Allowed,
            timeout: None,
        }
    }

    /// Adds the sockets of a room.
    pub fn to(mut self, room: impl Into<Text>) -> Self {
        self.rooms.push(room.into());
        self
    }

    /// As [`to`](Self::to).
    pub fn within(self, room: impl Into<Text>) -> Self {
        self.to(room)
    }

    /// Adds the sockets of some rooms.
    pub fn to_all(mut self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.rooms.extend(rooms.into_iter().map(Into::into));
        self
    }

    /// Leaves the sockets of a room out; a socket's id is a room too.
    pub fn except(mut self, room: impl Into<Text>) -> Self {
        self.excepted.push(room.into());
        self
    }

    /// Leaves the sockets of some rooms out.
    pub fn except_all(mut self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.excepted.extend(rooms.into_iter().map(Into::into));
        self
    }

    pub(crate) fn except_socket(self, id: &SocketId) -> Self {
        self.except(id.as_str())
    }

    /// Only the sockets of this node.
    pub fn local(mut self) -> Self {
        self.is_local = true;
        self
    }

    /// Leaves out whom the event would have to wait for: a polling client without an open request,
    /// or one that does not take what is sent.
    pub fn volatile(mut self) -> Self {
        self.delivery = Delivery::Volatile;
        self
    }

    /// Whether the event may be compressed, where a transport does that. Default: it may.
    pub fn compress(mut self, may: bool) -> Self {
        self.compression = compression(may);
        self
    }

    /// How long answers are awaited: those of clients, default 5 seconds, and in
    /// [`fetch_sockets`](Self::fetch_sockets) those of other nodes, default the adapter's.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends an event to all of them, encoded once: a tuple or a `Vec` is several arguments, `()`
    /// none, and anything else one.
    ///
    /// It is sent by the call and waits for nobody; what is returned is ready, and says how many of
    /// this node's sockets were reached. A client that does not keep up is closed at its queue's hard
    /// limit, and counted. What one task sends reaches each client in the order of the calls.
    ///
    /// # Errors
    ///
    /// When the name is reserved, the arguments cannot be serialized, or clients do not take as many
    /// [bytes](crate::Binary) in one packet; nothing was sent then. That
    /// other nodes were not told is no error: [`Outcome::unpublished`] says so.
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::{EmitError, Namespace};
    /// # async fn f(namespace: Namespace) -> Result<(), EmitError> {
    /// let outcome = namespace.to("lobby").volatile().emit("position", &(1.5, 2.5)).await?;
    /// println!("{} reached, {} left out", outcome.reached, outcome.skipped);
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit<T: Serialize + ?Sized>(
        self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> Ready<Result<Outcome, EmitError>> {
        std::future::ready(self.send(event.as_ref(), arguments))
    }

    fn send<T: Serialize + ?Sized>(self, event: &str, arguments: &T) -> Result<Outcome, EmitError> {
        let namespace = &self.namespace;
        let encoded = namespace.encode_event(None, event, arguments)?;
        match (namespace.recovery(), self.delivery) {
            (Some(recovery), Delivery::Reliable) => {
                let selection = self.selection();
                recovery.broadcast(namespace, selection, encoded, self.compression)
            }
            _ => {
                let parser = namespace.parser().clone();
                let packet = Packet::new(encoded, self.compression, parser, None);
                Ok(self.select().send(packet))
            }
        }
    }

    /// Sends an event to all of them and waits for each one's answer, deserialized as
    /// [`Data`](crate::Data) does, until all have come or the [`timeout`](Self::timeout) has passed.
    ///
    /// The event is sent by the call, and not kept for recovery.
    ///
    /// # Errors
    ///
    /// When the event was not sent. Answers that do not come in time, or are of another type, are no
    /// error: [`Responses::missing`](crate::Responses::missing) counts them.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sockeye_socketio::{AckError, Namespace, Responses};
    /// # async fn f(namespace: Namespace) -> Result<(), AckError> {
    /// let votes: Responses<bool> = namespace
    ///     .to("council")
    ///     .timeout(Duration::from_secs(10))
    ///     .emit_with_ack("vote", &"lunch at one")
    ///     .await?;
    /// let ayes = votes.received.iter().filter(|vote| **vote).count();
    /// println!("{ayes} for it, {} did not say", votes.missing);
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_with_ack<R, T>(self, event: impl AsRef<str>, arguments: &T) -> BroadcastWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        BroadcastWithAck::new(self.ask(event.as_ref(), arguments, timeout), timeout)
    }

    fn ask<T: Serialize + ?Sized>(
        self,
        event: &str,
        arguments: &T,
        timeout: Duration,
    ) -> Result<Answers, EmitError> {
        let namespace = &self.namespace;
        let id = namespace.next_ack();
        let parser = namespace.parser();
        let encoded = namespace.encode_event(Some(id), event, arguments)?;
        let answers = Answers::new(timeout);
        let wanted = Some((id, answers.clone()));
        let packet = Packet::new(encoded, self.compression, parser.clone(), wanted);
        self.select().send(packet);
        // Whoever is on this node has been counted.
        answers.node_asked(0);
        Ok(answers)
    }

    /// The sockets of this node that are chosen.
    pub fn sockets(self) -> Vec<Socket> {
        let mut sockets = self.select().members();
        sockets.retain(Socket::is_admitted);
        sockets
    }

    /// The sockets that are chosen, on all nodes that answer.
    ///
    /// A node that does not answer in time is no error: [`FetchedSockets::missing_nodes`] counts those.
    ///
    /// # Errors
    ///
    /// When the other nodes could not be asked.
    pub async fn fetch_sockets(self) -> Result<FetchedSockets, FetchError> {
        let namespace = self.namespace.clone();
        let found = namespace.rooms().select(self.selection()).fetch().await?;
        let here = found.here.iter().filter(|socket| socket.is_admitted());
        let here = here.map(RemoteSocket::of);
        let elsewhere = found.elsewhere.iter();
        let elsewhere = elsewhere.filter_map(|remote| RemoteSocket::read(&namespace, remote));
        Ok(FetchedSockets {
            sockets: here.chain(elsewhere).collect(),
            missing_nodes: found.missing_nodes,
        })
    }

    /// Makes them join a room. Those for whom it would be one too many are
    /// [`skipped`](Outcome::skipped).
    pub fn join(self, room: impl Into<Text>) -> Outcome {
        self.select().join(room)
    }

    /// Makes them join some rooms.
    pub fn join_all(self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Outcome {
        self.select().join_all(rooms)
    }

    /// Makes them leave a room.
    pub fn leave(self, room: impl Into<Text>) -> Outcome {
        self.select().leave(room)
    }

    /// Makes them leave some rooms.
    pub fn leave_all(self, rooms: impl IntoIterator<Item = impl Into<Text>>) -> Outcome {
        self.select().leave_all(rooms)
    }

    /// Disconnects them; with `close` the connections of their clients too.
    pub fn disconnect(self, close: bool) -> Outcome {
        let close = if close {
            Close::GOING_AWAY
        } else {
            Close::NORMAL
        };
        self.select().close(close.code, close.reason)
    }

    fn select(&self) -> Select<'_, Socket> {
        self.namespace.rooms().select(self.selection())
    }

    fn selection(&self) -> Selection<SocketId> {
        let mut selection = if self.rooms.is_empty() {
            Selection::everyone()
        } else {
            Selection::rooms(self.rooms.iter().cloned())
        };
        selection = selection.except_rooms(self.excepted.iter().cloned());
        if self.delivery == Delivery::Volatile {
            selection = selection.volatile();
        }
        if self.is_local {
            selection = selection.local();
        }
        if let Some(timeout) = self.timeout {
            selection = selection.timeout(timeout);
        }
        selection
    }
}
