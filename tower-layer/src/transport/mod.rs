//! The ways to carry frames.

mod receiver;
mod sender;
pub(crate) mod websocket;

pub(crate) use receiver::{Dress, Mode, Receiver, refused};
pub(crate) use sender::{deliver, drain_body, read_body, turn};

use std::fmt;

/// A way to carry messages between browser and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A WebSocket with SockJS frames, or with Engine.IO's packets.
    WebSocket,
    /// A WebSocket without them: a mount of its own, or `/websocket` below a SockJS mount.
    RawWebSocket,
    /// One response for each frame.
    XhrPolling,
    /// A response that goes on.
    XhrStreaming,
    /// A response that goes on, as Server-Sent Events.
    EventSource,
    /// A page of scripts that goes on, in a hidden iframe.
    HtmlFile,
    /// A script for each frame.
    JsonpPolling,
    /// Server-Sent Events without SockJS frames: a mount of its own.
    EventStream,
    /// Engine.IO's requests, each with a payload of packets.
    Polling,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Self; 9] = [
        Self::WebSocket,
        Self::RawWebSocket,
        Self::XhrPolling,
        Self::XhrStreaming,
        Self::EventSource,
        Self::HtmlFile,
        Self::JsonpPolling,
        Self::EventStream,
        Self::Polling,
    ];

    /// Those of a SockJS mount.
    pub const SOCKJS: [Self; 7] = [
        Self::WebSocket,
        Self::RawWebSocket,
        Self::XhrPolling,
        Self::XhrStreaming,
        Self::EventSource,
        Self::HtmlFile,
        Self::JsonpPolling,
    ];

    /// The name sockjs-node gives it: `websocket`, `websocket-raw`, `xhr-polling`,
    /// `xhr-streaming`, `eventsource`, `htmlfile`, `jsonp-polling`; and `event-stream`, and Engine.IO's
    /// `polling`.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::RawWebSocket => "websocket-raw",
            Self::XhrPolling => "xhr-polling",
            Self::XhrStreaming => "xhr-streaming",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile",
            Self::JsonpPolling => "jsonp-polling",
            Self::EventStream => "event-stream",
            Self::Polling => "polling",
        }
    }

    /// This transport's place in a set of transports.
    pub(crate) fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
