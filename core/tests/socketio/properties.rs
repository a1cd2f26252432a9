//! What holds for any packet and for any bytes.

use std::sync::Arc;

use bytes::Bytes;
use proptest::{
    collection::vec,
    option,
    prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof},
    proptest,
    sample::select,
};
use sockeye_core::{
    Message, Text,
    socketio::{
        Config, Connection, Data, Decoder, EncodeError, Incoming, MsgpackDecoder, MsgpackParser,
        Packet, PacketKind, Parser, ParserKind, ParserLimits, Protocol, TextDecoder, TextParser,
        Value,
    },
};

use crate::support::start;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn packets_read_back_as_themselves(packet in packet()) {
        let parsers: [&dyn Parser; 2] = [&TextParser, &MsgpackParser];
        for parser in parsers {
            let mut decoder = parser.decoder(generous());
            let encoded = parser.encode(&packet).unwrap();
            let mut read = None;
            for message in encoded.clone().into_messages() {
                prop_assert!(read.is_none());
                read = decoder.decode(message).unwrap();
            }
            let read = read.unwrap();
            prop_assert!(!decoder.is_partial());
            prop_assert_eq!(fields(&read), fields(&packet));
            // Written again it is the same bytes, also where it is still JSON.
            prop_assert_eq!(parser.encode(&read).unwrap(), encoded);
        }
    }

    #[test]
    fn values_go_through_types_and_json(value in value()) {
        prop_assert_eq!(&Value::from_serialize(&value).unwrap(), &value);
        prop_assert_eq!(&value.clone().into_type::<Value>().unwrap(), &value);
        if !value.has_binary() {
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Value>(&json).unwrap(), &value);
        }
    }

    #[test]
    fn both_forms_of_data_give_the_same(arguments in vec(plain_value(), 0..4)) {
        let sent = TextParser.encode(&event(Data::from_event("e", &arguments).unwrap())).unwrap();
        let read = TextDecoder::new(generous()).decode(sent.header).unwrap().unwrap();
        let json = read.data.unwrap();
        let value = Data::from_value(json.to_value().unwrap());
        prop_assert!(json.as_json().is_some());
        prop_assert_eq!(json.argument_count(), arguments.len());
        prop_assert_eq!(value.argument_count(), arguments.len());
        for data in [&json, &value] {
            prop_assert_eq!(&data.arguments::<Vec<Value>>().unwrap(), &arguments);
            let two = data.arguments::<(Option<Value>, Option<Value>)>().unwrap();
            let some = |index: usize| arguments.get(index).filter(|value| !value.is_null());
            prop_assert_eq!((two.0.as_ref(), two.1.as_ref()), (some(0), some(1)));
            prop_assert_eq!(data.first::<Value>().ok(), arguments.first().cloned());
            prop_assert_eq!(data.arguments::<Value>().ok(), arguments.first().cloned());
            prop_assert_eq!(data.arguments::<(u8,)>().ok(), data.first::<u8>().ok().map(|n| (n,)));
        }
    }

    #[test]
    fn texts_of_any_kind_are_judged_and_not_more(text in any_text()) {
        let mut decoder = TextDecoder::new(ParserLimits::default());
        if let Ok(Some(packet)) = decoder.decode(Message::Text(text.as_str().into())) {
            use_up(&packet);
            let written = TextParser.encode(&packet).unwrap();
            let again = TextDecoder::new(ParserLimits::default()).decode(written.header);
            prop_assert_eq!(fields(&again.unwrap().unwrap()), fields(&packet));
        }
    }

    #[test]
    fn every_cut_of_a_text_is_judged(packet in packet(), cut in any::<proptest::sample::Index>()) {
        let encoded = TextParser.encode(&packet).unwrap();
        let text = encoded.header.as_text().unwrap();
        let cut = (0..=cut.index(text.len() + 1)).rev().find(|&at| text.is_char_boundary(at));
        let mut decoder = TextDecoder::new(ParserLimits::default());
        if let Ok(Some(packet)) = decoder.decode(text[..cut.unwrap_or(0)].into()) {
            use_up(&packet);
        }
    }

    #[test]
    fn bytes_of_any_kind_are_judged_and_not_more(bytes in any_msgpack()) {
        let mut decoder = MsgpackDecoder::new(ParserLimits::default());
        if let Ok(Some(packet)) = decoder.decode(Bytes::from(bytes).into()) {
            use_up(&packet);
            let written = MsgpackParser.encode(&packet).unwrap();
            let again = MsgpackDecoder::new(ParserLimits::default()).decode(written.header);
            prop_assert_eq!(fields(&again.unwrap().unwrap()), fields(&packet));
        }
    }

    #[test]
    fn a_client_stays_within_its_bounds(
        protocol in select(vec![Protocol::V5, Protocol::V4]),
        steps in vec(step(), 0..40),
    ) {
        let now = start();
        let config = Arc::new(Config { namespaces: 2, ..Config::default() });
        let mut client = Connection::new(protocol, &ParserKind::Text, config, now);
        let mut pending: Vec<Text> = Vec::new();
        if let Incoming::Connect { namespace, .. } = client.handle_open() {
            pending.push(namespace);
        }
        for step in steps {
            let joined: Vec<_> = client.joined().map(|(place, name)| (place, name.clone())).collect();
            prop_assert!(joined.len() + pending.len() <= 2);
            for (place, name) in &joined {
                prop_assert_eq!(client.place(name), Some(*place));
                prop_assert!(place.index() < 2);
            }
            match step {
                Step::Message(message) => match client.handle_message(message, now) {
                    Ok(Incoming::Connect { namespace, .. }) => {
                        prop_assert!(joined.iter().all(|(_, name)| *name != namespace));
                        prop_assert!(!pending.contains(&namespace));
                        pending.push(namespace);
                    }
                    Ok(Incoming::Event { place, .. } | Incoming::Ack { place, .. }) => {
                        prop_assert!(joined.iter().any(|(joined, _)| *joined == place));
                    }
                    Ok(Incoming::Disconnect { place }) => {
                        prop_assert!(joined.iter().any(|(joined, _)| *joined == place));
                        prop_assert!(client.joined().all(|(joined, _)| joined != place));
                    }
                    Ok(Incoming::Refused(_) | Incoming::Nothing) => {}
                    Err(_) => return Ok(()),
                },
                Step::Accept => {
                    if let Some(name) = pending.pop() {
                        let place = client.accept(&name);
                        prop_assert!(place.is_some() && place == client.place(&name));
                    }
                }
                Step::Refuse => {
                    if let Some(name) = pending.pop() {
                        prop_assert!(client.refuse(&name));
                    }
                }
                Step::Leave => {
                    if let Some((place, _)) = joined.first() {
                        prop_assert!(client.leave(*place) && !client.leave(*place));
                    }
                }
            }
        }
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    }
}

fn generous() -> ParserLimits {
    ParserLimits {
        attachments: 1_000,
        ..ParserLimits::default()
    }
}

fn event(data: Data) -> Packet {
    let mut packet = Packet::new(PacketKind::Event);
    packet.data = Some(data);
    packet
}

type Fields = (PacketKind, String, Option<u64>, Option<Value>);

fn fields(packet: &Packet) -> Fields {
    let data = packet.data.as_ref();
    (
        packet.kind,
        packet.namespace.to_string(),
        packet.id,
        // A number beyond `f64` has no value, and then there is nothing to compare.
        data.and_then(|data| data.to_value().ok()),
    )
}

/// What a server may do with a packet.
fn use_up(packet: &Packet) {
    if let Some(data) = &packet.data {
        let _ = data.event_name();
        let _ = (data.argument_count(), data.has_binary(), data.weight());
        let _ = data.arguments::<(Option<String>, Option<u8>)>();
        let _ = data.all::<Vec<Value>>();
        let _ = data.first::<f64>();
        let _ = data.deserialize::<serde_json::Value>();
    }
}

fn packet() -> impl Strategy<Value = Packet> {
    let name = prop_oneof![
        any::<String>(),
        select(vec!["a".to_owned(), "message".to_owned()])
    ];
    let array = (name, vec(value(), 0..4), any::<bool>());
    let data = array.prop_map(|(name, arguments, is_event)| match is_event {
        true => (PacketKind::Event, Data::from_event(&name, &arguments)),
        false => (PacketKind::Ack, Data::from_arguments(&arguments)),
    });
    let carrying = data.prop_map(|(kind, data)| match data {
        Ok(data) => (kind, Some(data)),
        Err(EncodeError::ReservedEventName) => (PacketKind::Disconnect, None),
        Err(error) => panic!("{error}"),
    });
    let kinds = prop_oneof![
        6 => carrying,
        1 => vec((text(), plain_value()), 0..3).prop_map(|members| {
            (PacketKind::Connect, Some(Data::from_value(members.into())))
        }),
        1 => text().prop_map(|message| {
            (PacketKind::ConnectError, Some(Data::from_value(message.into())))
        }),
        1 => select(vec![(PacketKind::Connect, None), (PacketKind::Disconnect, None)]),
    ];
    let namespace = prop_oneof![
        select(vec!["/".to_owned(), "/ns".to_owned(), "/ns?a=1".to_owned()]),
        "/[^,]{0,10}",
    ];
    (kinds, namespace, option::of(any::<u64>())).prop_map(|((kind, data), namespace, id)| {
        let id = match kind {
            PacketKind::Event | PacketKind::Ack => id,
            _ => None,
        };
        Packet {
            kind,
            namespace: namespace.into(),
            id,
            data,
        }
    })
}

fn text() -> impl Strategy<Value = Text> {
    any::<String>().prop_map(Text::from)
}

fn plain_leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(vec![Value::Null, true.into(), false.into()]),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        text().prop_map(Value::from),
    ]
}

fn nested(leaf: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(Value::from),
        ]
    })
}

fn plain_value() -> impl Strategy<Value = Value> {
    nested(plain_leaf())
}

fn value() -> impl Strategy<Value = Value> {
    let bytes = vec(any::<u8>(), 0..8).prop_map(|bytes| Value::Binary(bytes.into()));
    nested(prop_oneof![3 => plain_leaf(), 1 => bytes])
}

/// Texts that are nearly packets.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "51-",
        "/ns",
        ",",
        "12",
        "[",
        "]",
        "{",
        "}",
        "\"a\"",
        "\"disconnect\"",
        ":",
        "1e999",
        "-",
        "null",
        " ",
        "\\ud800",
        "\"",
        "\\",
        "\u{e9}",
        r#"{"_placeholder":true,"num":0}"#,
    ];
    prop_oneof![
        vec(select(pieces), 0..12).prop_map(|pieces| pieces.concat()),
        ("[0-6]", any::<String>()).prop_map(|(kind, rest)| kind + &rest),
        any::<String>(),
    ]
}

/// Bytes that are nearly packets.
fn any_msgpack() -> impl Strategy<Value = Vec<u8>> {
    let start = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a";
    let broken = (packet(), any::<proptest::sample::Index>(), any::<u8>());
    prop_oneof![
        vec(any::<u8>(), 0..32),
        vec(any::<u8>(), 0..32).prop_map(move |rest| [&start[..], &rest].concat()),
        broken.prop_map(|(packet, index, byte)| {
            let encoded = MsgpackParser.encode(&packet).expect("a packet");
            let mut bytes = encoded.header.as_bytes().to_vec();
            let index = index.index(bytes.len());
            bytes[index] = byte;
            bytes
        }),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Message(Message),
    Accept,
    Refuse,
    Leave,
}

fn step() -> impl Strategy<Value = Step> {
    let messages = vec![
        "0",
        "0/a,",
        "0/b?x=1,",
        "0/c,",
        "1",
        "1/a,",
        "2[1]",
        "2/a,[1]",
        "2/b,7[1]",
        "31[]",
        "2/b?y,[1]",
        "3/a,1[]",
        "51-[1]",
        "2",
    ];
    prop_oneof![
        6 => select(messages).prop_map(|text| Step::Message(text.into())),
        1 => vec(any::<u8>(), 0..4).prop_map(|bytes| Step::Message(bytes.into())),
        3 => select(vec![Step::Accept, Step::Refuse, Step::Leave]),
    ]
}
