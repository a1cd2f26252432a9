//! What the server tells a client first.

use std::{fmt::Write as _, time::Duration};

use super::{Packet, Transport};
use crate::escape::{Markup, quote_plain_into};

/// The data of the open packet.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    /// The session's id, a secret between it and its client.
    pub sid: &'a str,
    /// What a session that polls may go over to; empty otherwise.
    pub upgrades: &'a [Transport],
    /// Time from one heartbeat to the next; told in whole milliseconds.
    pub ping_interval: Duration,
    /// How long the answer to a heartbeat may take; told in whole milliseconds.
    pub ping_timeout: Duration,
    /// Bytes of one message, and of one POST.
    pub max_payload: usize,
}

impl Handshake<'_> {
    /// The packet that opens the session, in either revision.
    ///
    /// # Protocol
    ///
    /// The keys stand in the order in which the reference server has them.
    pub fn packet(&self) -> Packet {
        let mut quoted = Vec::with_capacity(self.sid.len() + 2);
        quote_plain_into(self.sid.as_bytes(), Markup::Keep, &mut quoted);
        let mut json = String::with_capacity(128);
        // Writing to a String never fails.
        let _ = write!(
            json,
            r#"{{"sid":{},"upgrades":["#,
            String::from_utf8_lossy(&quoted)
        );
        for (index, upgrade) in self.upgrades.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = write!(json, r#"{comma}"{upgrade}""#);
        }
        let _ = write!(
            json,
            r#"],"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
            self.ping_interval.as_millis(),
            self.ping_timeout.as_millis(),
            self.max_payload
        );
        Packet::Open(json.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_the_reference_server_tells() {
        let polling = Handshake {
            sid: "lv_VI97HAXpY6yYWAAAC",
            upgrades: &[Transport::WebSocket],
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: 1_000_000,
        };
        let websocket = Handshake {
            upgrades: &[],
            ping_interval: Duration::from_millis(300),
            ping_timeout: Duration::from_micros(200_900),
            ..polling
        };
        let odd = Handshake {
            sid: "\"\\\u{1e}é",
            upgrades: &[Transport::WebSocket, Transport::Polling],
            ..polling
        };
        #[rustfmt::skip]
        let cases = [
            (polling,   r#"{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#),
            (websocket, r#"{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#),
            (odd,       r#"{"sid":"\"\\\u001eé","upgrades":["websocket","polling"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#),
        ];
        for (handshake, expected) in cases {
            assert_eq!(handshake.packet(), Packet::Open(expected.into()));
        }
    }
}
