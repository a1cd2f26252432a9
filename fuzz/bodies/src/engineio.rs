//! The targets for Engine.IO's codecs.

use bytes::Bytes;
use sockeye_core::{
    Message, Text,
    engineio::{
        Binary, DecodeError, Packet, PacketRef, Payload, Query, Revision, SessionParam, jsonp,
    },
    limits::ID_LENGTH,
};

/// WebSocket frames of revision 3: what is read reads back as itself.
pub fn eio_packet_v3(data: &[u8]) {
    packet(Revision::V3, data);
    let expected = matches!(data, [0..=6, ..]);
    let frame = Bytes::copy_from_slice(data);
    let read = Packet::decode_binary(Revision::V3, &frame);
    assert_eq!(read.is_ok(), expected);
}

/// The same in revision 4.
pub fn eio_packet_v4(data: &[u8]) {
    packet(Revision::V4, data);
    let frame = Bytes::copy_from_slice(data);
    let read = Packet::decode_binary(Revision::V4, &frame);
    assert_eq!(read, Ok(frame.into()));
}

/// Polling bodies of revision 4.
pub fn eio_payload_v4(data: &[u8]) {
    payload(Payload::V4, data);
}

/// Polling bodies of revision 3, as text.
pub fn eio_payload_v3_text(data: &[u8]) {
    payload(Payload::V3Text, data);
}

/// Polling bodies of revision 3, as bytes.
pub fn eio_payload_v3_binary(data: &[u8]) {
    payload(Payload::V3Binary, data);
}

/// JSONP, both ways: a payload survives a form and a script.
pub fn eio_form(data: &[u8]) {
    if let Ok(Some(payload)) = jsonp::decode_form(data) {
        assert!(payload.len() <= data.len());
        // A line feed behind a backslash is written like an escaped one.
        if !payload.windows(2).any(|pair| pair == b"\\\n") {
            let mut form = b"x&d=".to_vec();
            for byte in escaped_by_client(&payload) {
                form.extend_from_slice(format!("%{byte:02x}").as_bytes());
            }
            assert_eq!(jsonp::decode_form(&form), Ok(Some(payload)));
        }
    }
    if let Ok(payload) = std::str::from_utf8(data) {
        let mut script = Vec::new();
        jsonp::wrap("7", data, &mut script);
        let script = String::from_utf8(script).expect("a script of text");
        let literal = script.strip_prefix("___eio[7](");
        let literal = literal.and_then(|rest| rest.strip_suffix(");"));
        let literal = literal.expect("a call of the callback");
        assert!(!literal.contains(['\u{2028}', '\u{2029}']));
        assert_eq!(
            serde_json::from_str::<String>(literal).ok().as_deref(),
            Some(payload)
        );
    }
}

/// Queries: what is known is the last of its name, and an id is one that could be.
pub fn eio_query(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else {
        return;
    };
    let query = Query::parse(raw);
    for name in ["EIO", "transport", "sid", "j", "b64", "t"] {
        let last = query.pairs().filter(|(field, _)| field == name).last();
        assert_eq!(query.get(name), last.map(|(_, value)| value));
    }
    let value = |name| query.get(name).unwrap_or_default();
    assert_eq!(query.revision() == Revision::V4, value("EIO") == "4");
    assert_eq!(
        query.transport().map_or("", |transport| transport.name()),
        match &*value("transport") {
            name @ ("polling" | "websocket") => name,
            _ => "",
        }
    );
    assert_eq!(query.b64(), !value("b64").is_empty());
    let is_index = |index: &str| index.len() <= 10 && index.bytes().all(|b| b.is_ascii_digit());
    assert!(query.jsonp().is_none_or(is_index));
    let sid = value("sid");
    let is_id = sid.len() <= ID_LENGTH && sid.bytes().all(|byte| byte.is_ascii_graphic());
    match query.session() {
        SessionParam::Absent => assert!(sid.is_empty()),
        SessionParam::Id(id) => assert!(is_id && !sid.is_empty() && sid == id.as_str()),
        SessionParam::Malformed => assert!(!is_id),
    }
}

fn packet(revision: Revision, data: &[u8]) {
    let mut read = vec![Packet::decode_binary(
        revision,
        &Bytes::copy_from_slice(data),
    )];
    if let Ok(text) = std::str::from_utf8(data) {
        let packet = Packet::decode_text(revision, &Text::from(text));
        let expected = match (data, revision) {
            ([b'b', ..], Revision::V4) | ([b'b', b'0'..=b'6', ..], Revision::V3) => true,
            ([first, ..], _) => (b'0'..=b'6').contains(first),
            ([], _) => false,
        };
        assert_eq!(packet.is_ok(), expected);
        read.push(packet);
    }
    for packet in read.into_iter().flatten() {
        assert!(data_len(&packet) <= data.len());
        for binary in [Binary::Bytes, Binary::Base64] {
            let again = match PacketRef::from(&packet).frame(revision, binary) {
                Message::Text(text) => Packet::decode_text(revision, &text),
                Message::Binary(bytes) => Packet::decode_binary(revision, &bytes),
            };
            assert_eq!(again.as_ref(), Ok(&packet));
        }
    }
}

fn payload(form: Payload, data: &[u8]) {
    let read: Vec<_> = form
        .decode(Bytes::copy_from_slice(data), MAX_PACKETS)
        .collect();
    let packets: Vec<_> = read.iter().map_while(|item| item.as_ref().ok()).collect();
    assert!(packets.len() <= MAX_PACKETS && read.len() <= packets.len() + 1);
    if let Some(Err(DecodeError::TooManyPackets { limit })) = read.last() {
        assert!(*limit == MAX_PACKETS && packets.is_empty());
    }
    assert!(packets.iter().map(|packet| data_len(packet)).sum::<usize>() <= data.len());
    if !packets.is_empty() {
        let mut body = Vec::new();
        let refs = packets.iter().map(|&packet| PacketRef::from(packet));
        form.encode(refs.clone(), &mut body);
        assert!(refs.clone().all(|packet| form.can_carry(packet)));
        let again = form.decode(body.into(), MAX_PACKETS);
        let again: Vec<_> = again.map(|item| item.expect("what was written")).collect();
        assert!(again.iter().eq(packets.iter().copied()));
    }
}

/// What engine.io-client 3 makes of a payload before it puts it into a form.
fn escaped_by_client(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, &byte) in payload.iter().enumerate() {
        match byte {
            b'\n' => out.extend_from_slice(br"\n"),
            b'\\' if payload.get(at + 1) == Some(&b'n') => out.extend_from_slice(br"\\"),
            _ => out.push(byte),
        }
    }
    out
}

fn data_len(packet: &Packet) -> usize {
    match packet {
        Packet::Open(data) | Packet::Ping(data) | Packet::Pong(data) => data.len(),
        Packet::Message(message) => message.len(),
        Packet::Close | Packet::Upgrade | Packet::Noop => 0,
    }
}

/// Small, so that inputs of fuzzing size reach it.
const MAX_PACKETS: usize = 100;
