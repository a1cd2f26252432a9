//! The transports of Engine.IO that start with an HTTP request.

use std::fmt;

/// What carries a session's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// `polling`: a GET waits for packets, a POST brings them.
    Polling,
    /// `websocket`.
    WebSocket,
}

impl Transport {
    /// The transport of this name, as in the query parameter `transport`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "polling" => Some(Self::Polling),
            "websocket" => Some(Self::WebSocket),
            _ => None,
        }
    }

    /// The name in queries and in the open packet.
    pub fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_themselves() {
        for transport in [Transport::Polling, Transport::WebSocket] {
            assert_eq!(Transport::from_name(transport.name()), Some(transport));
        }
        for other in ["", "Polling", "webtransport", "__proto__", "constructor"] {
            assert_eq!(Transport::from_name(other), None, "{other}");
        }
    }
}
