//! The targets for Socket.IO's packets and its clients.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use sockeye_core::{
    Message,
    socketio::{
        Config, Connection, Data, Decoder, Incoming, MsgpackDecoder, MsgpackParser, Packet,
        PacketKind, Parser, ParserKind, ParserLimits, Protocol, TextDecoder, TextParser, Value,
        is_reserved,
    },
};

/// A header and its attachments, separated by bytes 1: what is read reads back as itself.
pub fn sio_text_packet(data: &[u8]) {
    let mut pieces = data.split(|&byte| byte == 1);
    let Some(Ok(header)) = pieces.next().map(std::str::from_utf8) else {
        return;
    };
    let mut decoder = TextDecoder::new(limits());
    let mut read = decoder.decode(header.into());
    while let (Ok(None), Some(piece)) = (&read, pieces.next()) {
        assert!(decoder.is_partial());
        read = decoder.decode(Bytes::copy_from_slice(piece).into());
    }
    if let Ok(Some(packet)) = read {
        assert!(!decoder.is_partial());
        check(&packet);
        // Attachments may have been named twice or not at all, so they may be more or fewer now.
        read_back(&packet, &TextParser);
        read_back(&packet, &MsgpackParser);
    }
}

/// Messages of msgpack clients.
pub fn sio_msgpack(data: &[u8]) {
    let mut decoder = MsgpackDecoder::new(limits());
    let read = decoder.decode(Bytes::copy_from_slice(data).into());
    if let Ok(packet) = read {
        let packet = packet.expect("a packet in each message");
        check(&packet);
        read_back(&packet, &MsgpackParser);
    }
}

/// What a client and its server do, one step a line: `a` accepts and `r` refuses what waits longest,
/// `l` leaves what was joined first, `b` is a binary message and anything else a text. With a first
/// line `v4` the client is an older one.
pub fn sio_connection(data: &[u8]) {
    let Ok(script) = std::str::from_utf8(data) else {
        return;
    };
    let (protocol, script) = match script.strip_prefix("v4\n") {
        Some(rest) => (Protocol::V4, rest),
        None => (Protocol::V5, script),
    };
    let now = Instant::now();
    let config = Arc::new(Config {
        namespaces: MAX_NAMESPACES,
        namespace_bytes: MAX_NAMESPACE_BYTES,
        parser: limits(),
        ..Config::default()
    });
    let mut client = Connection::new(protocol, &ParserKind::Text, config.clone(), now);
    let mut pending = Vec::new();
    if let Incoming::Connect { namespace, .. } = client.handle_open() {
        pending.push(namespace);
    }
    for step in script.lines() {
        let joined: Vec<_> = client.joined().map(|(place, _)| place).collect();
        assert!(joined.len() + pending.len() <= MAX_NAMESPACES);
        assert!(joined.iter().all(|place| place.index() < MAX_NAMESPACES));
        let message = match step {
            "a" | "r" if pending.is_empty() => continue,
            "a" => {
                let namespace = pending.remove(0);
                let place = client.accept(&namespace);
                assert!(place.is_some() && place == client.place(&namespace));
                continue;
            }
            "r" => {
                assert!(client.refuse(&pending.remove(0)));
                continue;
            }
            "l" => {
                if let Some(&place) = joined.first() {
                    assert!(client.leave(place) && !client.leave(place));
                }
                continue;
            }
            "b" => Message::Binary(Bytes::from_static(b"bytes")),
            text => text.into(),
        };
        match client.handle_message(message, now) {
            Ok(Incoming::Connect { namespace, .. }) => {
                assert!(!pending.contains(&namespace) && client.place(&namespace).is_none());
                assert!(namespace.len() <= MAX_NAMESPACE_BYTES);
                assert!(protocol == Protocol::V5 || !namespace.contains('?'));
                pending.push(namespace);
            }
            Ok(Incoming::Event { place, data, .. }) => {
                assert!(joined.contains(&place) && data.event_name().is_some());
            }
            Ok(Incoming::Ack { place, .. }) => assert!(joined.contains(&place)),
            Ok(Incoming::Disconnect { place }) => {
                assert!(joined.contains(&place) && !client.leave(place));
            }
            Ok(Incoming::Refused(_) | Incoming::Nothing) => {}
            Err(_) => return,
        }
        let due = client.poll_timeout();
        assert!(due.is_none_or(|due| due >= now + config.connect_timeout));
        assert!(client.handle_timeout(now).is_none());
    }
}

/// What holds for every packet that was let through.
fn check(packet: &Packet) {
    let Some(data) = &packet.data else {
        return;
    };
    match packet.kind {
        PacketKind::Event => {
            let name = data.event_name().expect("an event's name");
            assert!(!is_reserved(&name));
            assert!(data.argument_count() < MAX_ARGUMENTS);
        }
        PacketKind::Ack => assert!(data.argument_count() < MAX_ARGUMENTS),
        PacketKind::Connect | PacketKind::ConnectError => {}
        PacketKind::Disconnect => panic!("DISCONNECT with data"),
    }
    // Only a number that no `f64` has keeps a packet from being a value.
    let value = data.to_value();
    let json = data
        .as_json()
        .map(serde_json::from_str::<serde_json::Value>);
    assert!(json.is_none_or(|json| json.is_ok() == value.is_ok()));
    if let (Ok(value), PacketKind::Event | PacketKind::Ack) = (&value, packet.kind) {
        let elements = value.as_array().expect("an array");
        let same = Data::from_value(value.clone());
        for data in [data, &same] {
            assert_eq!(data.all::<Vec<Value>>().expect("values"), elements);
            let first = data.first_of_all::<Option<String>>().ok().flatten();
            let text = elements.first().and_then(Value::as_str);
            assert_eq!(first.as_deref(), text);
            let _ = data.arguments::<(Option<f64>, Option<Vec<bool>>)>();
        }
        assert_eq!(data.has_binary(), value.has_binary());
    }
}

/// What is written of a packet is the packet.
fn read_back(packet: &Packet, parser: &dyn Parser) {
    let value = packet.data.as_ref().map(Data::to_value).transpose();
    let (Ok(value), Ok(encoded)) = (value, parser.encode(packet)) else {
        return;
    };
    // Not so where there was no data, which msgpack has no packet for, or bytes that msgpack lets
    // into any; and an attachment that was named twice is two now.
    let generous = ParserLimits {
        attachments: usize::MAX,
        attachment_bytes: usize::MAX,
        ..limits()
    };
    let mut decoder = parser.decoder(generous);
    let mut again = None;
    for message in encoded.into_messages() {
        match decoder.decode(message) {
            Ok(packet) => again = packet,
            Err(error) => {
                assert!(packet.data.is_none(), "{error}");
                return;
            }
        }
    }
    let again = again.expect("a packet at its last message");
    assert_eq!(
        (again.kind, &again.namespace, again.id),
        (packet.kind, &packet.namespace, packet.id)
    );
    let again = again.data.map(|data| data.to_value().expect("a value"));
    assert_eq!(again, value);
}

fn limits() -> ParserLimits {
    ParserLimits {
        attachments: 4,
        attachment_bytes: 64,
        arguments: MAX_ARGUMENTS,
    }
}

/// Small, so that inputs of fuzzing size reach them.
const MAX_ARGUMENTS: usize = 16;
const MAX_NAMESPACES: usize = 3;
const MAX_NAMESPACE_BYTES: usize = 16;
