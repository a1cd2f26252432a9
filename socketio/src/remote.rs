//! Sockets that may be on another node.

use std::{fmt, future::Ready, ops::Deref, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::{
    Text,
    socketio::{Data, Value},
};
use sockeye_rooms::{Outcome, Remote};

use crate::{
    AckError, Broadcast, BroadcastWithAck, DataError, EmitError, EncodeError, Namespace, Socket,
    SocketId,
};

/// A socket as it was when it was fetched, on whatever node it is.
///
/// What is done to it is done by a broadcast to its own room: if it has gone, nobody is reached.
///
/// # Example
///
/// ```
/// # use sockeye_socketio::{BoxError, SocketIo};
/// # async fn f(io: SocketIo) -> Result<(), BoxError> {
/// for socket in io.to("lobby").fetch_sockets().await? {
///     if socket.rooms().len() > 10 {
///         socket.emit("too busy", &()).await?;
///         socket.leave("lobby");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RemoteSocket {
    namespace: Namespace,
    id: SocketId,
    rooms: Vec<Text>,
    data: Value,
    handshake: Value,
}

/// The sockets that were found: a slice of them, and an iterator over them.
///
/// # Example
///
/// ```
/// # use sockeye_socketio::{BoxError, SocketIo};
/// # async fn f(io: SocketIo) -> Result<(), BoxError> {
/// let found = io.to("lobby").fetch_sockets().await?;
/// if found.missing_nodes > 0 {
///     println!("at least {}", found.len());
/// }
/// for socket in found {
///     socket.emit("you were found", &()).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchedSockets {
    /// The sockets of this node, and of the others that answered.
    pub sockets: Vec<RemoteSocket>,
    /// Nodes that did not answer in time; their sockets are not among these.
    pub missing_nodes: usize,
}

impl Deref for FetchedSockets {
    type Target = [RemoteSocket];

    fn deref(&self) -> &[RemoteSocket] {
        &self.sockets
    }
}

impl IntoIterator for FetchedSockets {
    type Item = RemoteSocket;
    type IntoIter = std::vec::IntoIter<RemoteSocket>;

    fn into_iter(self) -> Self::IntoIter {
        self.sockets.into_iter()
    }
}

impl<'a> IntoIterator for &'a FetchedSockets {
    type Item = &'a RemoteSocket;
    type IntoIter = std::slice::Iter<'a, RemoteSocket>;

    fn into_iter(self) -> Self::IntoIter {
        self.sockets.iter()
    }
}

impl RemoteSocket {
    pub(crate) fn of(socket: &Socket) -> Self {
        Self {
            namespace: socket.namespace().clone(),
            id: socket.id().clone(),
            rooms: socket.rooms(),
            data: socket.data_value(),
            handshake: socket.handshake().to_value(),
        }
    }

    /// A socket as an adapter describes it in its answer to
    /// [`fetch`](sockeye_rooms::Adapter::fetch): id and rooms, and as [`Remote::data`] the
    /// [`handshake`](crate::Handshake::to_value) and the [data](Socket::data).
    ///
    /// # Errors
    ///
    /// When something in it is longer than 2^32-1 bytes.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_rooms::Remote;
    /// use sockeye_socketio::{EncodeError, RemoteSocket, SocketId, Value};
    ///
    /// /// What Node's adapters say of a socket.
    /// fn describe(told: &Value) -> Result<Remote<SocketId>, EncodeError> {
    ///     let field = |name| told.get(name).cloned().unwrap_or_default();
    ///     let (id, rooms) = (field("id"), field("rooms"));
    ///     let rooms = rooms.as_array().unwrap_or_default().iter();
    ///     let rooms = rooms.filter_map(|room| room.as_str()).map(Into::into);
    ///     let id = SocketId::from_text(id.as_str().unwrap_or_default());
    ///     RemoteSocket::describe(id, rooms.collect(), field("handshake"), field("data"))
    /// }
    /// ```
    pub fn describe(
        id: SocketId,
        rooms: Vec<Text>,
        handshake: Value,
        data: Value,
    ) -> Result<Remote<SocketId>, EncodeError> {
        let told = Value::Array(vec![handshake, data]);
        Ok(Remote {
            id,
            rooms,
            // Which has bytes, other than JSON.
            data: told.to_msgpack()?.into(),
        })
    }

    /// What [`describe`](Self::describe) wrote.
    pub(crate) fn read(namespace: &Namespace, remote: &Remote<SocketId>) -> Option<Self> {
        // Taken apart, not deserialized, which looks at the depth again: it is a client's and two more.
        let told = match Value::from_msgpack(remote.data.clone()) {
            Ok(Value::Array(told)) => <[Value; 2]>::try_from(told).ok(),
            _ => None,
        };
        let Some([handshake, data]) = told else {
            tracing::warn!("an adapter described a socket in a way that is not understood");
            return None;
        };
        Some(Self {
            namespace: namespace.clone(),
            id: remote.id.clone(),
            rooms: remote.rooms.clone(),
            data,
            handshake,
        })
    }

    /// Its public name.
    pub fn id(&self) -> &SocketId {
        &self.id
    }

    /// The rooms it was in, its own among them.
    pub fn rooms(&self) -> &[Text] {
        &self.rooms
    }

    /// The data that was attached to it, deserialized.
    ///
    /// # Errors
    ///
    /// When it is not of that type.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        Data::from_value(self.data.clone()).deserialize()
    }

    /// Its handshake: `headers`, `time`, `address`, `xdomain`, `secure`, `issued`, `url`, `query` and
    /// `auth`.
    pub fn handshake(&self) -> &Value {
        &self.handshake
    }

    /// Sends it an event, without waiting.
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> Ready<Result<Outcome, EmitError>> {
        self.broadcast().emit(event, arguments)
    }

    /// Sends it an event and waits for the first argument of its answer.
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit_with_ack`], and [`AckError::Timeout`] where none of that type came in
    /// time.
    pub async fn emit_with_ack<R, T>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
        timeout: Duration,
    ) -> Result<R, AckError>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        let asked: BroadcastWithAck<R> = self
            .broadcast()
            .timeout(timeout)
            .emit_with_ack(event, arguments);
        let mut responses = asked.await?;
        responses.received.pop().ok_or(AckError::Timeout)
    }

    /// Makes it join a room.
    pub fn join(&self, room: impl Into<Text>) -> Outcome {
        self.broadcast().join(room)
    }

    /// Makes it leave a room.
    pub fn leave(&self, room: impl Into<Text>) -> Outcome {
        self.broadcast().leave(room)
    }

    /// Disconnects it; with `close` its client's connection too.
    pub fn disconnect(&self, close: bool) -> Outcome {
        self.broadcast().disconnect(close)
    }

    fn broadcast(&self) -> Broadcast {
        self.namespace.to(self.id.as_str())
    }
}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The handshake holds cookies and tokens, which do not belong in a log.
        f.debug_struct("RemoteSocket")
            .field("id", &self.id)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}
