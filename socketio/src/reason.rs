//! Why a socket disconnected.

use std::fmt;

use sockeye_core::{engineio, session::CloseReason};

/// Why a socket disconnected; its `Display` is the text that Node's server gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// [`Socket::disconnect`](crate::Socket::disconnect) was called.
    ServerNamespaceDisconnect,
    /// The client closed its connection, or lost it.
    TransportClose,
    /// The client, or the network, broke a rule of the transport.
    TransportError,
    /// A heartbeat did not come in time.
    PingTimeout,
    /// The client sent what is no Engine.IO packet.
    ParseError,
    /// The session was closed from this side: the client sent what is no Socket.IO, or broke its
    /// rules, or the application closed the session.
    ForcedClose,
    /// As `ForcedClose`, on polling while no request of the client waited.
    ForcedServerClose,
    /// The server is going away.
    ServerShuttingDown,
}

impl Reason {
    /// The text that Node's server gives.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ServerShuttingDown => "server shutting down",
        }
    }

    /// Whether the client may come back to where it was: it did not leave, nor was it told to.
    pub(crate) fn is_recoverable(self) -> bool {
        match self {
            Self::ClientNamespaceDisconnect
            | Self::ServerNamespaceDisconnect
            // As in Node: what broke Engine.IO's rules has no claim to go on where it was.
            | Self::ParseError => false,
            Self::TransportClose
            | Self::TransportError
            | Self::PingTimeout
            | Self::ForcedClose
            | Self::ForcedServerClose
            | Self::ServerShuttingDown => true,
        }
    }

    pub(crate) fn of_session(reason: Option<engineio::Reason>) -> Self {
        use engineio::Reason as Ended;
        match reason {
            Some(Ended::Transport(_)) => Self::TransportError,
            Some(Ended::PingTimeout) => Self::PingTimeout,
            Some(Ended::ParseError) => Self::ParseError,
            Some(Ended::Forced(CloseReason::GoingAway)) => Self::ServerShuttingDown,
            Some(Ended::Forced(_)) => Self::ForcedClose,
            // What a later version tells apart is the connection's end as well.
            Some(_) | None => Self::TransportClose,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
