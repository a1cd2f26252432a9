//! Whoever can be in the room: one kind of member for both protocols.

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::Value;
use sockeye::{
    Prepared, Sender, SessionId, Text,
    rooms::{Delivered, Delivery, Member},
    socketio::{self, Socket, SocketId},
};

use crate::wire::Tell;

/// The other end of a connection, by whatever protocol.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    SockJs(Sender),
    SocketIo(Socket),
}

/// A name that no two peers share.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum PeerId {
    SockJs(SessionId),
    SocketIo(SocketId),
}

/// Something to be told, written at most once for each protocol, however many it goes to.
#[derive(Clone, Debug)]
pub(crate) struct Packet(Arc<Writings>);

#[derive(Debug)]
struct Writings {
    name: &'static str,
    data: Value,
    sockjs: OnceLock<Prepared>,
    socketio: OnceLock<socketio::Packet>,
}

impl Peer {
    pub(crate) fn protocol(&self) -> &'static str {
        match self {
            Self::SockJs(_) => "SockJS",
            Self::SocketIo(_) => "Socket.IO",
        }
    }

    /// The transport in use at present.
    pub(crate) fn transport(&self) -> &'static str {
        match self {
            Self::SockJs(sender) => sender.transport().name(),
            Self::SocketIo(socket) => socket.transport().name(),
        }
    }

    /// Tells this one alone.
    pub(crate) fn tell(&self, tell: &Tell<'_>) {
        // Whether it arrives is no matter: who has gone need not know.
        let _ = self.deliver(&Packet::from(tell), Delivery::Reliable);
    }
}

/// What rooms ask of their members; both protocols' handles are members already.
impl Member for Peer {
    type Id = PeerId;
    type Packet = Packet;

    fn id(&self) -> PeerId {
        match self {
            Self::SockJs(sender) => PeerId::SockJs(sender.id()),
            Self::SocketIo(socket) => PeerId::SocketIo(socket.id().clone()),
        }
    }

    fn deliver(&self, packet: &Packet, delivery: Delivery) -> Delivered {
        match self {
            Self::SockJs(sender) => sender.deliver(packet.for_sockjs(), delivery),
            Self::SocketIo(socket) => socket.deliver(packet.for_socketio(socket), delivery),
        }
    }

    fn close(&self, code: u16, reason: Text) {
        match self {
            Self::SockJs(sender) => sender.close(code, reason),
            // Its page has this one namespace, so the whole connection may go.
            Self::SocketIo(socket) => socket.disconnect(true),
        }
    }

    fn on_end(&self, farewell: Box<dyn FnOnce() + Send>) {
        match self {
            Self::SockJs(sender) => sender.on_end(farewell),
            Self::SocketIo(socket) => socket.on_end(farewell),
        }
    }
}

impl AsRef<Self> for Peer {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl From<&Tell<'_>> for Packet {
    fn from(tell: &Tell<'_>) -> Self {
        Self(Arc::new(Writings {
            name: tell.name(),
            data: serde_json::to_value(tell).expect("strings and numbers are always JSON"),
            sockjs: OnceLock::new(),
            socketio: OnceLock::new(),
        }))
    }
}

impl Packet {
    /// A JSON text with its type in it.
    fn for_sockjs(&self) -> &Prepared {
        #[derive(Serialize)]
        struct Typed<'a> {
            r#type: &'static str,
            #[serde(flatten)]
            data: &'a Value,
        }
        let Writings { name, data, .. } = &*self.0;
        self.0.sockjs.get_or_init(|| {
            let text = serde_json::to_string(&Typed { r#type: name, data });
            Prepared::new(text.expect("strings and numbers are always JSON"))
        })
    }

    /// An event of that name. Everyone is in one namespace.
    fn for_socketio(&self, socket: &Socket) -> &socketio::Packet {
        let Writings { name, data, .. } = &*self.0;
        self.0.socketio.get_or_init(|| {
            let packet = socket.namespace().packet(name, data);
            packet.expect("no name of the room's is reserved")
        })
    }
}
