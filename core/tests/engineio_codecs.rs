//! What holds for any packet and for any bytes: Engine.IO's codecs agree with themselves and with
//! plain models of what Node does.

use base64::Engine as _;
use bytes::Bytes;
use proptest::{
    collection::vec,
    prelude::{
        ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_assume, prop_oneof,
    },
    proptest,
    sample::{Index, select},
};
use sockeye_core::{
    Message, Prepared, Text,
    engineio::{
        Binary, DecodeError, Handshake, Packet, PacketRef, Payload, Query, Revision, SessionParam,
        Transport, jsonp,
    },
    limits::{ID_LENGTH, MAX_PAYLOAD, PACKETS_PER_PAYLOAD},
};

const EVERY_FORM: [Payload; 3] = [Payload::V4, Payload::V3Text, Payload::V3Binary];
const REVISIONS: [Revision; 2] = [Revision::V3, Revision::V4];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn frames_read_back_as_themselves(packet in packet()) {
        let prepared = match &packet {
            Packet::Message(message) => Some(Prepared::from(message.clone())),
            _ => None,
        };
        for revision in REVISIONS {
            for binary in [Binary::Bytes, Binary::Base64] {
                let frame = PacketRef::from(&packet).frame(revision, binary);
                prop_assert!(binary == Binary::Bytes || frame.as_text().is_some());
                if let Some(prepared) = &prepared {
                    prop_assert_eq!(&PacketRef::from(prepared).frame(revision, binary), &frame);
                }
                let read = match &frame {
                    Message::Text(text) => Packet::decode_text(revision, text),
                    Message::Binary(bytes) => Packet::decode_binary(revision, bytes),
                };
                prop_assert_eq!(read.as_ref(), Ok(&packet));
            }
        }
    }

    #[test]
    fn payloads_read_back_as_themselves(packets in packets()) {
        for form in EVERY_FORM {
            let packets = carried_by(form, &packets);
            let body = encoded(form, &packets);
            let decoded = decoded(form, &body);
            if packets.is_empty() {
                // Nothing is written as an empty packet where there is a way to write it.
                let expected = match form {
                    Payload::V4 => vec![Err(DecodeError::Empty)],
                    _ => vec![],
                };
                prop_assert_eq!(decoded, expected);
            } else {
                prop_assert_eq!(decoded, packets.into_iter().map(Ok).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn shared_messages_are_written_like_any_other(messages in vec(message(), 0..8)) {
        let prepared: Vec<Prepared> = messages.iter().cloned().map(Prepared::from).collect();
        for form in EVERY_FORM {
            let mut own = Vec::new();
            form.encode(messages.iter().map(PacketRef::from), &mut own);
            // Twice: once to make the encodings, once from them.
            for _ in 0..2 {
                let mut shared = Vec::new();
                form.encode(prepared.iter().map(PacketRef::from), &mut shared);
                prop_assert_eq!(&shared, &own);
            }
        }
    }

    #[test]
    fn what_comes_before_a_cut_is_read(packets in packets(), cut in any::<Index>()) {
        for form in EVERY_FORM {
            let packets = carried_by(form, &packets);
            let body = encoded(form, &packets);
            let read = decoded(form, &body[..cut.index(body.len() + 1)]);
            let whole = read.iter().map_while(|item| item.as_ref().ok());
            // In revision 4 the last packet may be a shorter one.
            let is_exact = form != Payload::V4;
            let count = whole.clone().count() - usize::from(!is_exact && read.iter().all(Result::is_ok));
            prop_assert!(whole.take(count).eq(&packets[..count]));
            prop_assert!(read.len() <= packets.len().max(1));
        }
    }

    #[test]
    fn texts_of_revision_3_are_taken_apart_as_javascript_does(
        packets in packets(),
        changes in vec(change(), 0..4),
    ) {
        let mut body = encoded(Payload::V3Text, &packets);
        for change in &changes {
            change.apply(&mut body);
        }
        if let Ok(text) = std::str::from_utf8(&body) {
            let (expected, is_whole) = javascript_packets(text);
            let mut read = decoded(Payload::V3Text, &body).into_iter();
            for packet in expected {
                let packet = Packet::decode_text(Revision::V3, &Text::from(packet));
                let is_end = packet.is_err();
                prop_assert_eq!(read.next(), Some(packet));
                if is_end {
                    prop_assert_eq!(read.next(), None);
                    return Ok(());
                }
            }
            prop_assert!(read.next().is_some_and(|end| end.is_err()) != is_whole);
            prop_assert_eq!(read.next(), None);
        }
    }

    #[test]
    fn garbage_ends_in_one_error_at_most(
        packets in packets(),
        changes in vec(change(), 0..8),
        of in select(EVERY_FORM.to_vec()),
    ) {
        let mut body = encoded(of, &carried_by(of, &packets));
        for change in &changes {
            change.apply(&mut body);
        }
        for form in EVERY_FORM {
            let read = decoded(form, &body);
            prop_assert!(read.len() <= body.len() + 1);
            let errors = read.iter().filter(|item| item.is_err()).count();
            prop_assert!(errors <= 1 && read.iter().rev().skip(1).all(Result::is_ok));
            // What was taken is never more than what came.
            let data: usize = read.iter().flatten().map(data_len).sum();
            prop_assert!(data <= body.len());
        }
    }

    #[test]
    fn any_base64_is_read_as_node_reads_it(
        text in "[A-Za-z0-9+/_=!é-]{0,40}|[A-Za-z0-9+/]{0,40}={0,2}",
    ) {
        let kept: String = text
            .chars()
            .take_while(|&character| character != '=')
            .filter(|character| character.is_ascii_alphanumeric() || "+/-_".contains(*character))
            .map(|character| match character { '-' => '+', '_' => '/', other => other })
            .collect();
        // One character alone says nothing; unused bits are to be zero for a strict reader.
        let bits = kept.len() * 6 / 8 * 8;
        let mut expected = vec![0; kept.len()];
        let padded = format!("{kept}{}", "A".repeat((4 - kept.len() % 4) % 4));
        let all = base64::engine::general_purpose::STANDARD.decode(padded).unwrap();
        expected.truncate(bits / 8);
        expected.copy_from_slice(&all[..bits / 8]);
        let packet = Packet::decode_text(Revision::V4, &format!("b{text}").into());
        prop_assert_eq!(packet, Ok(expected.clone().into()));
        let packet = Packet::decode_text(Revision::V3, &format!("b4{text}").into());
        prop_assert_eq!(packet, Ok(expected.into()));
    }

    #[test]
    fn scripts_hand_on_the_payload(payload in text(), index in "[0-9]{0,3}") {
        let mut out = Vec::new();
        jsonp::wrap(&index, payload.as_bytes(), &mut out);
        let script = String::from_utf8(out).unwrap();
        let literal = script
            .strip_prefix(&format!("___eio[{index}]("))
            .and_then(|rest| rest.strip_suffix(");"))
            .unwrap();
        let is_line_end = |character: char| matches!(u32::from(character), 0x2028 | 0x2029);
        prop_assert!(!literal.contains(is_line_end));
        prop_assert_eq!(serde_json::from_str::<String>(literal).unwrap(), payload);
    }

    #[test]
    fn forms_hand_on_the_payload(payload in "[a-n\n\\\\&=+%é€]{0,20}") {
        // The client writes both in the same way (engine.io-client 3, polling-jsonp.js).
        prop_assume!(!payload.contains("\\\n"));
        let escaped = payload.replace(r"\n", "\\\n").replace('\n', r"\n");
        let mut form = "x=1&d=".to_owned();
        for byte in escaped.bytes() {
            form.push_str(&format!("%{byte:02x}"));
        }
        let read = jsonp::decode_form(form.as_bytes()).unwrap().unwrap();
        prop_assert_eq!(std::str::from_utf8(&read).unwrap(), payload);
    }

    #[test]
    fn known_parameters_are_what_is_kept(
        fields in vec((select(vec!["EIO", "transport", "sid", "j", "b64", "%73id", "x", ""]), value()), 0..8),
    ) {
        let raw: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let raw = raw.join("&");
        let query = Query::parse(raw.as_str());
        let last = |name: &str| query.pairs().filter(|(field, _)| field == name).last().map(|(_, value)| value);
        for name in ["EIO", "transport", "sid", "j", "b64", "x", ""] {
            prop_assert_eq!(query.get(name), last(name));
        }
        prop_assert_eq!(query.revision(), Revision::from_query(query.get("EIO").as_deref()));
        let transport = query.get("transport");
        prop_assert_eq!(query.transport(), transport.and_then(|name| Transport::from_name(&name)));
        prop_assert_eq!(query.b64(), query.get("b64").is_some_and(|value| !value.is_empty()));
        prop_assert_eq!(query.jsonp().is_some(), query.get("j").is_some());
        prop_assert!(query.jsonp().is_none_or(|index| index.bytes().all(|byte| byte.is_ascii_digit())));
        let sid = query.get("sid").unwrap_or_default();
        match query.session() {
            SessionParam::Absent => prop_assert_eq!(sid, ""),
            SessionParam::Id(id) => {
                prop_assert_eq!(sid, id.as_str());
                prop_assert!((1..=ID_LENGTH).contains(&id.len()));
                prop_assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            SessionParam::Malformed => {
                prop_assert!(sid.len() > ID_LENGTH || !sid.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }

    #[test]
    fn open_packets_are_json_whatever_the_id(sid in text()) {
        let handshake = Handshake {
            sid: &sid,
            upgrades: &[Transport::WebSocket],
            ping_interval: std::time::Duration::from_secs(25),
            ping_timeout: std::time::Duration::from_secs(20),
            max_payload: MAX_PAYLOAD,
        };
        let Packet::Open(json) = handshake.packet() else { panic!("no open packet") };
        let told: serde_json::Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&told["sid"], &sid);
        prop_assert_eq!(&told["maxPayload"], 1_000_000);
        prop_assert!(!json.as_bytes().contains(&0x1E));
    }
}

/// Were any of these quadratic, this test would not end.
#[test]
fn a_megabyte_of_anything_costs_a_megabyte() {
    #[rustfmt::skip]
    let payloads: [(Payload, &[(&str, &str)]); 2] = [
        // form            start and what is repeated behind it
        (Payload::V4,      &[("", "\x1e"), ("", "4\x1e"), ("", "bA\x1e"), ("b!", "!"), ("4", "é")]),
        (Payload::V3Text,  &[("", "0"), ("", ":"), ("", "0:"), ("", "1:4"), ("", "2:b4"), ("", "2:4é"), ("", "3:4😀"),
                             ("999999:4", "9"), ("499999:4", "é"), ("500000:4", "😀"), ("999999:b4", "!")]),
    ];
    for (form, bodies) in payloads {
        for (start, pattern) in bodies {
            count_packets(form, megabyte(start.as_bytes(), pattern.as_bytes()));
        }
    }
    let zeros = [&[0; 300][..], b"\x01\xff4"].concat();
    #[rustfmt::skip]
    let bytes: [(&[u8], &[u8]); 8] = [
        (b"", b"\0"), (b"", b"\x09"), (b"", b"\xff"), (b"", b"\0\x01\xff4"), (b"", b"\x01\x01\xff\x04"), (b"", &zeros),
        (b"\0\x09\x09\x09\x09\x09\x01\xff4", b"\xed\xa0\x80"), (b"\0\x09\x09\x09\x09\x09\x01\xff4", b"\xff"),
    ];
    for (start, pattern) in bytes {
        count_packets(Payload::V3Binary, megabyte(start, pattern));
    }

    for pattern in ["\\", r"\n", "%5Cn", "%", "%5", "+", "&", "&d"] {
        // Two fields `d` are refused, which is an answer too.
        let _ = jsonp::decode_form(&megabyte(b"d=", pattern.as_bytes()));
    }
    for pattern in ["&", "sid=&", "j=1&", "%73id=%ff&", "=", "%"] {
        let query = String::from_utf8_lossy(&megabyte(b"", pattern.as_bytes())).into_owned();
        let query = Query::parse(query);
        let _ = (query.get("sid"), query.pairs().count());
    }
    for pattern in ["\u{2028}", "€", "\0", "x"] {
        let payload = megabyte(b"", pattern.as_bytes());
        let mut script = Vec::new();
        jsonp::wrap("1", &payload, &mut script);
        assert!(script.len() <= 6 * payload.len() + 20);
    }
}

fn megabyte(start: &[u8], pattern: &[u8]) -> Bytes {
    let count = (MAX_PAYLOAD - start.len()) / pattern.len();
    [start, &pattern.repeat(count)].concat().into()
}

/// Reads a body with and without a limit to its packets.
fn count_packets(form: Payload, body: Bytes) {
    let all = form.decode(body.clone(), usize::MAX).count();
    let limit = PACKETS_PER_PAYLOAD;
    let mut limited = form.decode(body, limit);
    match limited.next() {
        Some(Err(DecodeError::TooManyPackets { .. })) => assert_eq!(limited.next(), None),
        first => assert!(all <= limit && usize::from(first.is_some()) + limited.count() == all),
    }
}

fn config() -> ProptestConfig {
    // No file of past failures: what it would hold belongs into a table of the codec's own tests.
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn encoded(form: Payload, packets: &[Packet]) -> Vec<u8> {
    let mut body = Vec::new();
    form.encode(packets.iter().map(PacketRef::from), &mut body);
    body
}

fn decoded(form: Payload, body: &[u8]) -> Vec<Result<Packet, DecodeError>> {
    form.decode(Bytes::copy_from_slice(body), PACKETS_PER_PAYLOAD)
        .collect()
}

fn carried_by(form: Payload, packets: &[Packet]) -> Vec<Packet> {
    let is_carried = |packet: &&Packet| form.can_carry(PacketRef::from(*packet));
    packets.iter().filter(is_carried).cloned().collect()
}

/// What engine.io-parser 2 makes of a text payload (its `decodePayload`), but that lengths are
/// plain digits: the packets before an error, and whether there was none.
fn javascript_packets(text: &str) -> (Vec<String>, bool) {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut packets = Vec::new();
    let (mut at, mut digits) = (0, String::new());
    if units.is_empty() {
        return (packets, false);
    }
    while at < units.len() {
        let unit = units[at];
        at += 1;
        if unit != u16::from(b':') {
            digits.push(char::from_u32(unit.into()).unwrap_or('?'));
            continue;
        }
        let length = match digits.bytes().all(|digit| digit.is_ascii_digit()) {
            true => digits.parse::<usize>(),
            false => return (packets, false),
        };
        let Some(packet) = length
            .ok()
            .and_then(|length| units.get(at..at.checked_add(length)?))
        else {
            return (packets, false);
        };
        // Half a character at the end, which text cannot hold; the other half is no length.
        let Ok(packet_text) = String::from_utf16(packet) else {
            return (packets, false);
        };
        if !packet.is_empty() {
            packets.push(packet_text);
        }
        at += packet.len();
        digits.clear();
    }
    (packets, digits.is_empty())
}

fn data_len(packet: &Packet) -> usize {
    match packet {
        Packet::Open(data) | Packet::Ping(data) | Packet::Pong(data) => data.len(),
        Packet::Message(message) => message.len(),
        Packet::Close | Packet::Upgrade | Packet::Noop => 0,
    }
}

fn packets() -> impl Strategy<Value = Vec<Packet>> {
    vec(packet(), 0..8)
}

fn packet() -> impl Strategy<Value = Packet> {
    prop_oneof![
        8 => message().prop_map(Packet::Message),
        1 => text().prop_map(|data| Packet::Open(data.into())),
        1 => text().prop_map(|data| Packet::Ping(data.into())),
        1 => text().prop_map(|data| Packet::Pong(data.into())),
        1 => select(vec![Packet::Close, Packet::Upgrade, Packet::Noop]),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        2 => text().prop_map(Message::from),
        1 => vec(any::<u8>(), 0..80).prop_map(Message::from),
    ]
}

/// Texts with many of the characters that codecs treat in their own way, short and long.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        6 => proptest::char::range(' ', '~'),
        2 => proptest::char::range('\0', '\u{ff}'),
        1 => proptest::char::range('\u{2000}', '\u{2070}'),
        1 => proptest::char::range('\u{ffe0}', '\u{1000f}'),
        1 => any::<char>(),
    ];
    vec(character, 0..150).prop_map(String::from_iter)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["3", "4", "polling", "websocket", "", "1", "__proto__"])
            .prop_map(str::to_owned),
        "[a-z0-9%+é._~-]{0,20}",
        "[a-z]{126,130}",
    ]
}

/// One change to a body: a byte put in, taken out or replaced, or the end cut off.
#[derive(Clone, Debug)]
enum Change {
    Insert(Index, u8),
    Remove(Index),
    Replace(Index, u8),
    Cut(Index),
}

impl Change {
    fn apply(&self, body: &mut Vec<u8>) {
        match self {
            Self::Insert(at, byte) => body.insert(at.index(body.len() + 1), *byte),
            _ if body.is_empty() => {}
            Self::Remove(at) => {
                body.remove(at.index(body.len()));
            }
            Self::Replace(at, byte) => {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            Self::Cut(at) => body.truncate(at.index(body.len())),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let special = b"0123456789:b\x1e\0\x01\x04\x09\n\x80\xc3\xed\xf0\xff";
    let byte = || prop_oneof![any::<u8>(), select(special.to_vec())];
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        any::<Index>().prop_map(Change::Remove),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        any::<Index>().prop_map(Change::Cut),
    ]
}
