//! What the open packet tells.

use std::time::Duration;

use sockeye_core::{
    engineio::{Handshake as Written, Packet, Transport as Carrier},
    sockjs::decode::{Decoded, decode_array},
};

use crate::Transport;

/// What the server announced when it opened an Engine.IO session; see
/// [`TestSession::handshake`](super::super::TestSession::handshake).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// The session's id, which is a secret between it and its client.
    pub sid: String,
    /// What the session may go over to: [`Transport::WebSocket`], or nothing.
    pub upgrades: Vec<Transport>,
    /// Time from one heartbeat to the next.
    pub ping_interval: Duration,
    /// How long the answer to a heartbeat may take.
    pub ping_timeout: Duration,
    /// Bytes of one message, and of one POST.
    pub max_payload: usize,
}

impl Handshake {
    /// Reads the open packet's data, which must be what a server writes: five keys in their order.
    pub(super) fn parse(data: &str) -> Option<Self> {
        let (sid, rest) = data
            .strip_prefix(r#"{"sid":"#)?
            .split_once(r#","upgrades":["#)?;
        let (upgrades, rest) = rest.split_once(r#"],"pingInterval":"#)?;
        let (interval, rest) = rest.split_once(r#","pingTimeout":"#)?;
        let (timeout, rest) = rest.split_once(r#","maxPayload":"#)?;
        let max_payload = rest.strip_suffix('}')?.parse().ok()?;
        let sid = strings(sid)?.pop().filter(|sid| !sid.is_empty())?;
        let carriers = strings(upgrades)?
            .iter()
            .map(|name| Carrier::from_name(name))
            .collect::<Option<Vec<_>>>()?;
        let milliseconds = |number: &str| number.parse().ok().map(Duration::from_millis);
        let (ping_interval, ping_timeout) = (milliseconds(interval)?, milliseconds(timeout)?);
        let written = Written {
            sid: &sid,
            upgrades: &carriers,
            ping_interval,
            ping_timeout,
            max_payload,
        };
        // Whatever else a number or a string could look like is no server's.
        (written.packet() == Packet::Open(data.into())).then_some(())?;
        let upgrades = carriers.iter().map(|carrier| match carrier {
            Carrier::Polling => Transport::Polling,
            Carrier::WebSocket => Transport::WebSocket,
        });
        Some(Self {
            upgrades: upgrades.collect(),
            sid,
            ping_interval,
            ping_timeout,
            max_payload,
        })
    }
}

/// The strings of a JSON array, given without its brackets.
pub(super) fn strings(list: &str) -> Option<Vec<String>> {
    let mut decoded = Decoded::new();
    decode_array(format!("[{list}]").as_bytes(), usize::MAX, &mut decoded).ok()?;
    Some(decoded.drain().map(|text| text.to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_server_announces() {
        let data = r#"{"sid":"a\"é","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let expected = Handshake {
            sid: "a\"é".into(),
            upgrades: vec![Transport::WebSocket],
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: 1_000_000,
        };
        assert_eq!(Handshake::parse(data), Some(expected.clone()));
        let data = data.replace("\"websocket\"", "");
        let expected = Handshake {
            upgrades: Vec::new(),
            ..expected
        };
        assert_eq!(Handshake::parse(&data), Some(expected));
    }

    #[test]
    fn refuses_everything_else() {
        #[rustfmt::skip]
        let cases = [
            "", "{}", "x",
            r#"{"sid":"","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":"a","b","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":a,"upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":["webtransport"],"pingInterval":1,"pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":[websocket],"pingInterval":1,"pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":[ ],"pingInterval":1,"pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":[],"pingInterval":01,"pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":[],"pingInterval":+1,"pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":[],"pingInterval":"1","pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":[],"pingInterval":1.5,"pingTimeout":1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":-1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1}"#,
            r#"{"sid":"a","upgrades":[],"pingTimeout":1,"pingInterval":1,"maxPayload":1}"#,
            r#"{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":1,"x":1}"#,
            r#"{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":1} "#,
        ];
        for data in cases {
            assert_eq!(Handshake::parse(data), None, "{data}");
        }
    }
}
