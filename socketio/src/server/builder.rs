//! What a server is made of.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::Arc,
    time::Duration,
};

use sockeye_core::{
    limits,
    socketio::{Config, Parser, ParserKind},
};
use sockeye_rooms::{Adapter, Rooms};
use sockeye_tower::EngineIo;

use super::{Runner, Server, SocketIo};
use crate::{Recovery, SessionStore, Socket};

/// What a server is made of; see [`SocketIo::builder`].
#[must_use]
pub struct Builder {
    parts: Parts,
}

pub(super) struct Parts {
    pub(super) engine: Vec<Box<Configure>>,
    pub(super) parser: ParserKind,
    pub(super) config: Config,
    pub(super) attachments: Option<usize>,
    pub(super) attachment_bytes: Option<usize>,
    pub(super) limits: Limits,
    pub(super) recovery: Option<Recovery>,
    pub(super) sessions: Option<Box<MakeSessions>>,
    pub(super) clean_up: bool,
    pub(super) state: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    pub(super) rooms: Option<Box<MakeRooms>>,
}

type Configure = dyn Fn(EngineIo<Runner>) -> EngineIo<Runner> + Send + Sync;
type MakeSessions = dyn Fn(&str) -> Box<dyn SessionStore> + Send + Sync;
type MakeRooms = dyn Fn(&str) -> sockeye_rooms::Builder<Socket> + Send + Sync;

/// What bounds a client and its sockets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Handlers of one connection that may wait at a time.
    pub(crate) waiting_handlers: usize,
    /// Events of one socket whose answers are waited for.
    pub(crate) pending_acks: usize,
    /// Attachments of one packet to a client.
    pub(crate) sent_attachments: usize,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            parts: Parts {
                engine: Vec::new(),
                parser: ParserKind::Text,
                config: Config::default(),
                attachments: None,
                attachment_bytes: None,
                limits: Limits {
                    waiting_handlers: 64,
                    pending_acks: 1024,
                    sent_attachments: limits::ATTACHMENTS,
                },
                recovery: None,
                sessions: None,
                clean_up: true,
                state: HashMap::new(),
                rooms: None,
            },
        }
    }

    /// Configures what is below: transports, heartbeats, limits, origins, CORS, cookies, hooks, drain.
    ///
    /// May be called several times. `options` is called once for each mount that is made, and once
    /// more when the server is.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use sockeye_socketio::SocketIo;
    ///
    /// let io = SocketIo::builder()
    ///     .engine_io(|engine| engine.ping_interval(Duration::from_secs(10)).allow_eio3(true))
    ///     .build();
    /// # let _ = io;
    /// ```
    pub fn engine_io(
        mut self,
        options: impl Fn(EngineIo<Runner>) -> EngineIo<Runner> + Send + Sync + 'static,
    ) -> Self {
        self.parts.engine.push(Box::new(options));
        self
    }

    /// How packets are written; the clients must use the same.
    ///
    /// Default: Socket.IO's own, text with attachments. [`MsgpackParser`](crate::MsgpackParser) speaks
    /// with clients that use `socket.io-msgpack-parser`; [`Parser`](crate::Parser) shows how to write
    /// another.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_socketio::{MsgpackParser, SocketIo};
    ///
    /// let io = SocketIo::builder().parser(MsgpackParser).build();
    /// # let _ = io;
    /// ```
    pub fn parser(mut self, parser: impl Parser) -> Self {
        self.parts.parser = ParserKind::other(parser);
        self
    }

    /// How long a client may take to join its first namespace; then its session is closed.
    ///
    /// Default: 45 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.parts.config.connect_timeout = timeout;
        self
    }

    /// How long the attachments of a packet may take to arrive; then the client's session is closed.
    ///
    /// Default: 60 seconds.
    pub fn attachments_timeout(mut self, timeout: Duration) -> Self {
        self.parts.config.attachments_timeout = timeout;
        self
    }

    /// Attachments of one packet from a client; one more closes its session.
    ///
    /// Default: 10, as Node's parser.
    pub fn max_attachments(mut self, attachments: usize) -> Self {
        self.parts.attachments = Some(attachments);
        self
    }

    /// Attachments of one packet to a client; one more is
    /// [`EmitError::TooManyAttachments`](crate::EmitError::TooManyAttachments).
    ///
    /// Default: 10, the most that clients take: since `socket.io-parser` 4.2.6 they close the connection
    /// at one more. Clients whose decoder was given another `maxAttachments`, older ones and those of
    /// other languages may take more. Parsers without attachments, as msgpack's, have no such limit.
    pub fn max_sent_attachments(mut self, attachments: usize) -> Self {
        self.parts.limits.sent_attachments = attachments;
        self
    }

    /// Bytes of all attachments of one packet from a client; one more closes its session.
    ///
    /// Default: four times the longest message, at most 10 MiB.
    pub fn max_attachment_bytes(mut self, bytes: usize) -> Self {
        self.parts.attachment_bytes = Some(bytes);
        self
    }

    /// Namespaces that one client may join; when it asks for one more its `connect_error` says
    /// `Too many namespaces`, and its session is closed.
    ///
    /// Default: 32.
    pub fn max_namespaces(mut self, namespaces: usize) -> Self {
        self.parts.config.namespaces = namespaces;
        self
    }

    /// Handlers of one connection that may wait at a time; at that number no further event is taken,
    /// and soon the socket is not read.
    ///
    /// A handler that waits for its client's answer ([`Socket::emit_with_ack`]) is one of them, and
    /// the answer may be behind events that are not taken: give such waits a timeout.
    ///
    /// Default: 64.
    pub fn max_waiting_handlers(mut self, handlers: usize) -> Self {
        self.parts.limits.waiting_handlers = handlers.max(1);
        self
    }

    /// Events of one socket whose answers are waited for; one more is
    /// [`EmitError::TooManyAcks`](crate::EmitError::TooManyAcks).
    ///
    /// Default: 1,024.
    pub fn pending_acks(mut self, acks: usize) -> Self {
        self.parts.limits.pending_acks = acks;
        self
    }

    /// Lets clients that lost their connection come back to where they were: same id, rooms and
    /// data, and the events that they missed. [`Recovery`] has an example.
    ///
    /// Default: they come back as new ones.
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.parts.recovery = Some(recovery);
        self
    }

    /// Where [`recovery`](Self::recovery) keeps clients and events instead of this node's memory, so
    /// that they can come back on any node. `make` is called with the name of each namespace that is
    /// made. Without `recovery` nothing is kept there.
    ///
    /// Of [`Recovery`] the time and the middlewares count, and `max_packets` and `max_bytes` for what
    /// comes while clients are on their way back; how much is kept is the store's to say.
    ///
    /// The adapter then brings also what [`Socket::emit`](crate::Socket::emit) sends: it keeps its order
    /// among events that are kept, while answers, volatile events and those that want answers may
    /// overtake it.
    ///
    /// Default: this node's memory.
    pub fn session_store<S: SessionStore>(
        mut self,
        make: impl Fn(&str) -> S + Send + Sync + 'static,
    ) -> Self {
        self.parts.sessions = Some(Box::new(move |namespace| Box::new(make(namespace))));
        self
    }

    /// Whether a namespace that [`SocketIo::dynamic`] made goes with its last socket.
    ///
    /// Default: it does, unless it was given handlers of its own. Its rooms are gone anyway then; what stays otherwise is its name, which
    /// clients choose.
    pub fn clean_up_namespaces(mut self, clean_up: bool) -> Self {
        self.parts.clean_up = clean_up;
        self
    }

    /// Something of the application's for handlers, which ask for it as
    /// [`State`](crate::State): one value for each type, the last one given.
    ///
    /// Default: none; a handler that asks for what is not there is not called, and the error goes to
    /// [`Socket::on_error`].
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_socketio::{Socket, SocketIo, State};
    ///
    /// #[derive(Clone)]
    /// struct Greeting(&'static str);
    ///
    /// let io = SocketIo::builder().state(Greeting("hello")).build();
    /// io.of("/").on_connect(async |socket: Socket, State(greeting): State<Greeting>| {
    ///     socket.emit("greeting", greeting.0).await
    /// });
    /// ```
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, state: T) -> Self {
        self.parts.state.insert(TypeId::of::<T>(), Box::new(state));
        self
    }

    /// What joins each namespace's rooms with those of other nodes. `make` is called with the name
    /// of each namespace that is made. In place of what [`rooms`](Self::rooms) was given.
    ///
    /// What an adapter of Socket.IO meets, by what it is asked to carry:
    ///
    /// | | sends | gets |
    /// |---|---|---|
    /// | an event | [`Packet::data`](crate::Packet::data), the [`Selection`](sockeye_rooms::Selection), [`may_be_compressed`](crate::Packet::may_be_compressed) | [`Packet::received`](crate::Packet::received), [`Local::apply`](sockeye_rooms::Local::apply) |
    /// | that is to be answered | [`Packet::answers`](crate::Packet::answers) | [`Answers::handed_over`](crate::Answers::handed_over), [`Packet::wanting`](crate::Packet::wanting) |
    /// | an event between servers | the same, of [`announce`](Adapter::announce) | [`Local::announce`](sockeye_rooms::Local::announce) |
    /// | sockets | [`Handshake::to_value`](crate::Handshake::to_value), [`Socket::rooms`], [`Socket::data`] of [`Local::members`](sockeye_rooms::Local::members) that are [connected](Socket::is_connected) | [`RemoteSocket::describe`](crate::RemoteSocket::describe) |
    /// | a disconnection | [`Command::Close`](sockeye_rooms::Command::Close): with the code [`Close::GOING_AWAY`](sockeye_tower::Close::GOING_AWAY) clients' connections are closed, with any other they stay | the same |
    ///
    /// With [`recovery`](Self::recovery) each node keeps what reaches it, under offsets of its own,
    /// unless there is a [`session_store`](Self::session_store).
    ///
    /// Default: rooms are this node's alone ([`InMemory`](sockeye_rooms::InMemory)).
    pub fn adapter<A: Adapter<Socket>>(
        self,
        make: impl Fn(&str) -> A + Send + Sync + 'static,
    ) -> Self {
        self.rooms(move |namespace| Rooms::builder().adapter(make(namespace)))
    }

    /// How the rooms of a namespace are made: with other limits, or an adapter.
    ///
    /// Default: a socket may be in 1,024 rooms, and a room's name may have 255 bytes.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_rooms::Rooms;
    /// use sockeye_socketio::SocketIo;
    ///
    /// let io = SocketIo::builder()
    ///     .rooms(|_namespace| Rooms::builder().rooms_per_member(10))
    ///     .build();
    /// # let _ = io;
    /// ```
    pub fn rooms(
        mut self,
        make: impl Fn(&str) -> sockeye_rooms::Builder<Socket> + Send + Sync + 'static,
    ) -> Self {
        self.parts.rooms = Some(Box::new(make));
        self
    }

    /// Makes the server, with the namespace `/`.
    pub fn build(self) -> SocketIo {
        let server = Arc::new(Server::new(self.parts));
        let io = SocketIo::of_server(server);
        io.settle();
        io.of("/");
        io
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("limits", &self.parts.limits)
            .finish_non_exhaustive()
    }
}
