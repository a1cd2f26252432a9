//! What is sent to a socket, and what it answers.

use std::{sync::atomic::Ordering, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::{
    Compression, Delivered, Delivery, Member, Text,
    socketio::{Data, Encoded},
};
use sockeye_tower::Limit;
use tokio::sync::oneshot;

use super::{Socket, State};
use crate::{
    Broadcast, EmitError, Unicast,
    ack::{EmitWithAck, Waiter},
    answers::Answers,
    emit::{Emit, outgoing},
    unicast::Flags,
};

impl Socket {
    /// Sends an event: a tuple or a `Vec` is several arguments, `()` none, and anything else one.
    ///
    /// It is queued by the call itself, in the order of the calls, among broadcasts and answers. Only
    /// where too much waits for the client already (4,096 messages or 1 MiB, see
    /// [`EngineIo::outbox_limits`](sockeye_tower::EngineIo::outbox_limits)) is it queued when it is
    /// awaited, once there is room; events that wait for it at the same time have no order. `Ok` says
    /// that the event is queued; that it has arrived is for an [answer](Self::emit_with_ack) to say.
    ///
    /// # Errors
    ///
    /// When the socket is not connected (not yet, in a middleware), the name is reserved, the arguments
    /// cannot be serialized, or there are more than ten [bytes](crate::Binary) in them
    /// ([`Builder::max_sent_attachments`](crate::Builder::max_sent_attachments)).
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, nothing was queued.
    ///
    /// # Protocol
    ///
    /// EVENT, or BINARY_EVENT if there are [bytes](crate::Binary) in the arguments. Reserved are
    /// `connect`, `connect_error`, `disconnect`, `disconnecting`, `newListener` and `removeListener`.
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::{Binary, EmitError, Socket};
    /// # async fn f(socket: Socket) -> Result<(), EmitError> {
    /// socket.emit("started", &()).await?;
    /// socket.emit("text", "one argument").await?;
    /// socket.emit("move", &(3, "left")).await?; // two
    /// socket.emit("list", &([1, 2, 3],)).await?; // one, which is a list
    /// socket.emit("file", &("a.bin", Binary(vec![1, 2].into()))).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit<T: Serialize + ?Sized>(&self, event: impl AsRef<str>, arguments: &T) -> Emit {
        self.emit_with(event.as_ref(), arguments, Flags::default())
    }

    /// Sends an event and waits for the client's answer, deserialized as [`Data`](crate::Data) does.
    ///
    /// It waits as long as the socket lives, unless
    /// [`EmitWithAck::timeout`](crate::EmitWithAck::timeout) says otherwise.
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit); and when no answer came in time, the socket disconnected before it, or
    /// the answer is of another type. More than [`Builder::pending_acks`](crate::Builder::pending_acks)
    /// at a time are [`EmitError::TooManyAcks`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, the answer is given up; the event may have been sent.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sockeye_socketio::{AckError, Socket};
    /// # async fn f(socket: Socket) -> Result<(), AckError> {
    /// let age: u32 = socket
    ///     .emit_with_ack("how old are you?", &())
    ///     .timeout(Duration::from_secs(5))
    ///     .await?;
    /// # let _ = age; Ok(())
    /// # }
    /// ```
    pub fn emit_with_ack<R, T>(&self, event: impl AsRef<str>, arguments: &T) -> EmitWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        self.emit_with_ack_with(event.as_ref(), arguments, Flags::default())
    }

    /// The next event is left out, with `Ok`, if it would have to wait: while a polling client has no
    /// request open, or a client does not take what is sent. Recovery does not keep it.
    pub fn volatile(&self) -> Unicast {
        Unicast::new(self.clone()).volatile()
    }

    /// Whether the next event may be compressed, where its transport does that. Default: it may.
    pub fn compress(&self, may: bool) -> Unicast {
        Unicast::new(self.clone()).compress(may)
    }

    /// The next event's answer is awaited for this time.
    pub fn timeout(&self, timeout: Duration) -> Unicast {
        Unicast::new(self.clone()).timeout(timeout)
    }

    /// Chooses the sockets of a room but this one; the start of a broadcast.
    ///
    /// A socket's [id](Self::id) is a room that it alone is in. More rooms are added by
    /// [`Broadcast::to`].
    ///
    /// # Example
    ///
    /// ```
    /// # use sockeye_socketio::{EmitError, Socket};
    /// # async fn f(socket: Socket, other: &str) -> Result<(), EmitError> {
    /// socket.to("lobby").to("garden").emit("message", "hello").await?;
    /// socket.to(other).emit("private message", &(socket.id().as_str(), "hello")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn to(&self, room: impl Into<Text>) -> Broadcast {
        self.0.namespace.to(room).except_socket(&self.0.id)
    }

    /// Chooses the sockets of a room, this one included if it is there.
    pub fn within(&self, room: impl Into<Text>) -> Broadcast {
        self.0.namespace.to(room)
    }

    /// Chooses all sockets of the namespace but this one and those of a room.
    pub fn except(&self, room: impl Into<Text>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// Chooses all sockets of the namespace but this one.
    pub fn broadcast(&self) -> Broadcast {
        self.0.namespace.all().except_socket(&self.0.id)
    }

    /// Chooses all sockets of the namespace on this node but this one.
    pub fn local(&self) -> Broadcast {
        self.broadcast().local()
    }

    pub(crate) fn answer(&self, id: u64, data: Data) {
        let waiter = self.state().pending.remove(id);
        match waiter {
            Some(Waiter::One(sender)) => drop(sender.send(data)),
            Some(Waiter::Shared(answers)) => answers.answer(data),
            // Late, or never asked.
            None => {}
        }
    }

    pub(crate) fn forget_ack(&self, id: u64) {
        let waiter = self.state().pending.remove(id);
        drop(waiter);
    }

    pub(crate) fn expect_shared(&self, id: u64, answers: &Answers) -> Result<(), EmitError> {
        let limit = self.0.namespace.limits().pending_acks;
        let waiter = Waiter::Shared(answers.clone());
        self.expect(id, waiter, limit)?;
        answers.expect_client();
        Ok(())
    }

    fn expect(&self, id: u64, waiter: Waiter, limit: usize) -> Result<(), EmitError> {
        let expected = self.state().expect(id, waiter, limit);
        if matches!(expected, Err(EmitError::TooManyAcks { .. })) {
            self.0.namespace.count(Limit::PendingAcks);
        }
        expected
    }

    pub(crate) fn encode_ack<T: Serialize + ?Sized>(
        &self,
        id: u64,
        arguments: &T,
    ) -> Result<Encoded, EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        let namespace = &self.0.namespace;
        namespace.sendable(self.parser().encode_ack(namespace.name(), id, arguments)?)
    }

    pub(crate) fn send_ack(&self, encoded: Encoded) -> Result<(), EmitError> {
        match self.0.client.send_now(encoded) {
            Delivered::Queued => Ok(()),
            Delivered::Skipped | Delivered::Closed => Err(EmitError::Disconnected),
        }
    }

    pub(crate) fn emit_with<T: Serialize + ?Sized>(
        &self,
        event: &str,
        arguments: &T,
        flags: Flags,
    ) -> Emit {
        if !self.is_connected() {
            return Emit::failed(EmitError::Disconnected);
        }
        let namespace = &self.0.namespace;
        let encoded = match namespace.encode_event(None, event, arguments) {
            Ok(encoded) => encoded,
            Err(error) => return Emit::failed(error),
        };
        // What is to be kept goes out as a broadcast does, and is told of there.
        let is_kept = flags.delivery == Delivery::Reliable && namespace.recovers();
        if self.hears_outgoing() && !is_kept {
            match Data::from_event(event, arguments) {
                Ok(data) => self.tell_outgoing(data),
                Err(error) => return Emit::failed(error.into()),
            }
        }
        match flags.delivery {
            Delivery::Volatile => {
                let prepared = crate::emit::prepared(encoded, flags.compression);
                match self.sender().deliver(&prepared, Delivery::Volatile) {
                    Delivered::Queued | Delivered::Skipped => Emit::done(),
                    Delivered::Closed => Emit::failed(EmitError::Disconnected),
                }
            }
            Delivery::Reliable => match namespace.recovers() {
                true => {
                    let event = crate::recovery::Unsent::new(encoded, flags.compression);
                    Emit::recoverable(self.clone(), event)
                }
                false => Emit::sending(self, outgoing(encoded, flags.compression)),
            },
        }
    }

    pub(crate) fn emit_with_ack_with<R, T>(
        &self,
        event: &str,
        arguments: &T,
        flags: Flags,
    ) -> EmitWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        let namespace = &self.0.namespace;
        let id = namespace.next_ack();
        let (sender, answer) = oneshot::channel();
        let emit = self.emit_wanting(id, sender, event, arguments, flags.compression);
        EmitWithAck::new(self.clone(), id, emit, answer, flags.timeout)
    }

    fn emit_wanting<T: Serialize + ?Sized>(
        &self,
        id: u64,
        sender: oneshot::Sender<Data>,
        event: &str,
        arguments: &T,
        compression: Compression,
    ) -> Emit {
        if !self.is_connected() {
            return Emit::failed(EmitError::Disconnected);
        }
        let namespace = &self.0.namespace;
        let encoded = match namespace.encode_event(Some(id), event, arguments) {
            Ok(encoded) => encoded,
            Err(error) => return Emit::failed(error),
        };
        let limit = namespace.limits().pending_acks;
        let waiter = Waiter::One(sender);
        if let Err(error) = self.expect(id, waiter, limit) {
            return Emit::failed(error);
        }
        if self.hears_outgoing() {
            if let Ok(data) = Data::from_event(event, arguments) {
                self.tell_outgoing(data);
            }
        }
        Emit::sending(self, outgoing(encoded, compression))
    }

    pub(crate) fn hears_outgoing(&self) -> bool {
        self.0.hears_outgoing.load(Ordering::Relaxed) != 0
    }

    /// Has the connection's task tell those who listen to what is sent.
    pub(crate) fn tell_outgoing(&self, data: Data) {
        self.0.client.tell_outgoing(self.clone(), data);
    }

    pub(super) fn note_outgoing(&self, state: &State) {
        let hears = u8::from(state.listeners.hears_outgoing());
        self.0.hears_outgoing.store(hears, Ordering::Relaxed);
    }
}
