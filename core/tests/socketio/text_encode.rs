//! The default parser's texts, as the server sends them.

use serde::Serialize;
use sockeye_core::{
    Compression,
    socketio::{
        Binary, Data, EncodeError, Encoded, Packet, PacketKind, Parser, ParserKind, Protocol,
        RESERVED_EVENTS, TextParser, Value,
    },
};

use crate::support::header;

const TEXT: ParserKind = ParserKind::Text;

fn event(namespace: &str, id: Option<u64>, args: &impl Serialize) -> String {
    let encoded = TEXT.encode_event(namespace, id, "a", args, None);
    let encoded = encoded.expect("an event");
    assert!(encoded.attachments.is_empty());
    header(&encoded).to_owned()
}

fn text(encoded: Result<Encoded, EncodeError>) -> String {
    header(&encoded.expect("a packet")).to_owned()
}

#[test]
fn writes_events() {
    assert_eq!(event("/", None, &()), r#"2["a"]"#);
    assert_eq!(event("/", Some(0), &()), r#"20["a"]"#);
    assert_eq!(event("/ns", None, &()), r#"2/ns,["a"]"#);
    let id = u64::MAX;
    assert_eq!(
        event("/ns", Some(id), &(1, "x")),
        format!(r#"2/ns,{id}["a",1,"x"]"#)
    );
}

#[test]
fn several_arguments_one_or_none() {
    #[derive(Serialize)]
    struct Point {
        x: u8,
        y: Option<u8>,
    }
    #[derive(Serialize)]
    struct Pair(u8, u8);
    #[derive(Serialize)]
    struct Of<T>(T);
    #[derive(Serialize)]
    struct Nothing;
    #[derive(Serialize)]
    enum Choice {
        Unit,
        New(u8),
        Tuple(u8, u8),
        Struct { x: u8 },
    }
    let point = || Point { x: 1, y: None };
    #[rustfmt::skip]
    let cases = [
        (event("/", None, &()),                     r#"2["a"]"#),
        (event("/", None, &(1, "b", [2, 3])),       r#"2["a",1,"b",[2,3]]"#),
        (event("/", None, &[1, 2]),                 r#"2["a",1,2]"#),
        (event("/", None, &vec!["b", "c"]),         r#"2["a","b","c"]"#),
        (event("/", None, &&[1_u8, 2][..]),         r#"2["a",1,2]"#),
        (event("/", None, &Vec::<u8>::new()),       r#"2["a"]"#),
        (event("/", None, &(vec![1, 2],)),          r#"2["a",[1,2]]"#),
        (event("/", None, &((1, 2),)),              r#"2["a",[1,2]]"#),
        (event("/", None, &((),)),                  r#"2["a",null]"#),
        (event("/", None, &Pair(1, 2)),             r#"2["a",1,2]"#),
        (event("/", None, &Of((1, 2))),             r#"2["a",1,2]"#),
        (event("/", None, &Of(1)),                  r#"2["a",1]"#),
        (event("/", None, &"b\"\u{e9}"),            "2[\"a\",\"b\\\"\u{e9}\"]"),
        (event("/", None, &true),                   r#"2["a",true]"#),
        (event("/", None, &-1.5),                   r#"2["a",-1.5]"#),
        (event("/", None, &f64::NAN),               r#"2["a",null]"#),
        (event("/", None, &'c'),                    r#"2["a","c"]"#),
        (event("/", None, &None::<u8>),             r#"2["a",null]"#),
        (event("/", None, &Some(1)),                r#"2["a",1]"#),
        (event("/", None, &Some((1, 2))),           r#"2["a",[1,2]]"#),
        (event("/", None, &Nothing),                r#"2["a",null]"#),
        (event("/", None, &point()),                r#"2["a",{"x":1,"y":null}]"#),
        (event("/", None, &Choice::Unit),           r#"2["a","Unit"]"#),
        (event("/", None, &Choice::New(1)),         r#"2["a",{"New":1}]"#),
        (event("/", None, &Choice::Tuple(1, 2)),    r#"2["a",{"Tuple":[1,2]}]"#),
        (event("/", None, &Choice::Struct { x: 1 }), r#"2["a",{"Struct":{"x":1}}]"#),
        (event("/", None, &serde_json::json!({"b": 1})), r#"2["a",{"b":1}]"#),
        (event("/", None, &serde_json::json!([1, 2])),   r#"2["a",1,2]"#),
        (event("/", None, &Value::from("b")),       r#"2["a","b"]"#),
    ];
    for (text, expected) in cases {
        assert_eq!(text, expected);
    }
    // msgpack, and data that is kept, follow the same rule.
    let data = Data::from_event("a", &Pair(1, 2)).unwrap();
    assert_eq!(data.argument_count(), 2);
    let data = Data::from_event("a", &point()).unwrap();
    assert_eq!(data.argument_count(), 1);
}

#[test]
fn an_offset_is_the_last_argument() {
    let offset = Some("Q816-AR");
    assert_eq!(
        text(TEXT.encode_event("/", None, "echo-back", &1, offset)),
        r#"2["echo-back",1,"Q816-AR"]"#
    );
    assert_eq!(
        text(TEXT.encode_event("/", None, "a", &(), offset)),
        r#"2["a","Q816-AR"]"#
    );
}

#[test]
fn bytes_anywhere_are_attached_in_their_order() {
    #[derive(Serialize)]
    struct Nested {
        a: (Binary, &'static str),
        b: Binary,
    }
    let bytes = |text: &str| Binary::from(text.as_bytes());
    let nested = Nested {
        a: (bytes("y"), "t"),
        b: bytes("z"),
    };
    let args = (bytes("x"), nested);
    let encoded = TEXT
        .encode_event("/features", None, "bin", &args, None)
        .unwrap();
    assert_eq!(
        header(&encoded),
        r#"53-/features,["bin",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1},"t"],"b":{"_placeholder":true,"num":2}}]"#
    );
    assert_eq!(encoded.attachments, ["x", "y", "z"]);
    let messages: Vec<_> = encoded.clone().into_messages().collect();
    assert_eq!(messages.len(), 4);
    assert_eq!(encoded.len(), header(&encoded).len() + 3);

    let prepared = encoded.clone().into_prepared(Compression::Forbidden);
    assert_eq!(prepared.message(), &encoded.header);
    assert_eq!(prepared.attachments().len(), 3);
    assert_eq!(prepared.compression(), Compression::Forbidden);

    let one = TEXT
        .encode_event("/", Some(3), "a", &bytes(""), Some("o"))
        .unwrap();
    assert_eq!(
        header(&one),
        r#"51-3["a",{"_placeholder":true,"num":0},"o"]"#
    );
    assert_eq!(one.attachments, [""]);

    let many = vec![bytes("x"); 11];
    let many = TEXT.encode_ack("/ns", 12, &many).unwrap();
    assert!(header(&many).starts_with(r#"611-/ns,12[{"_placeholder":true,"num":0},"#));
    assert_eq!(many.attachments.len(), 11);

    // A plain vector of bytes is what `serde` makes of it.
    let numbers = TEXT
        .encode_event("/", None, "a", &(vec![1_u8, 2],), None)
        .unwrap();
    assert_eq!(header(&numbers), r#"2["a",[1,2]]"#);
}

#[test]
fn writes_acks_and_what_opens_and_closes() {
    assert_eq!(text(TEXT.encode_ack("/ns", 3, &())), "3/ns,3[]");
    assert_eq!(text(TEXT.encode_ack("/", 0, &("a", 1))), r#"30["a",1]"#);
    assert_eq!(text(TEXT.encode_ack("/", 1, &"stored")), r#"31["stored"]"#);
    assert_eq!(text(TEXT.encode_disconnect("/")), "1");
    assert_eq!(text(TEXT.encode_disconnect("/features")), "1/features,");

    let v5 = Protocol::V5;
    assert_eq!(
        text(TEXT.connect_answer(v5, "/", "id", None)),
        r#"0{"sid":"id"}"#
    );
    assert_eq!(
        text(TEXT.connect_answer(v5, "/features", "id", Some("secret"))),
        r#"0/features,{"sid":"id","pid":"secret"}"#
    );
    assert_eq!(
        text(TEXT.connect_error(v5, "/ns", "not allowed", None)),
        r#"4/ns,{"message":"not allowed"}"#
    );
    let data = Value::from_serialize(&serde_json::json!({"code": 1})).unwrap();
    assert_eq!(
        text(TEXT.connect_error(v5, "/ns", "no", Some(&data))),
        r#"4/ns,{"message":"no","data":{"code":1}}"#
    );
    assert_eq!(
        text(TEXT.invalid_namespace("/name")),
        r#"4/name,{"message":"Invalid namespace"}"#
    );
}

#[test]
fn refuses_what_no_peer_would_take() {
    for name in RESERVED_EVENTS {
        let refused = TEXT.encode_event("/", None, name, &(), None);
        assert!(
            matches!(refused, Err(EncodeError::ReservedEventName)),
            "{name}"
        );
        let refused = Data::from_event(name, &());
        assert!(
            matches!(refused, Err(EncodeError::ReservedEventName)),
            "{name}"
        );
    }
    for namespace in ["", "ns", "/a,b", ","] {
        let refused = TEXT.encode_event(namespace, None, "a", &(), None);
        assert!(
            matches!(refused, Err(EncodeError::BadNamespace)),
            "{namespace}"
        );
    }
    let keyed = std::collections::BTreeMap::from([((1, 2), 3)]);
    let refused = TEXT.encode_event("/", None, "a", &keyed, None);
    assert!(matches!(refused, Err(EncodeError::Serialize(_))));
    let refused = Data::from_event("a", &keyed);
    assert!(matches!(refused, Err(EncodeError::Serialize(_))));
    let bytes = Value::Binary(b"x"[..].into());
    let refused = TEXT.connect_error(Protocol::V5, "/", "no", Some(&bytes));
    assert!(matches!(refused, Err(EncodeError::UnexpectedBinary)));
}

#[test]
fn an_error_within_one_argument_is_told() {
    struct Failing;
    impl Serialize for Failing {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("out of order"))
        }
    }
    let told = |encoded: Result<Encoded, EncodeError>| match encoded {
        Err(EncodeError::Serialize(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let cases = [
        told(TEXT.encode_event("/", None, "a", &Failing, None)),
        told(TEXT.encode_event("/", None, "a", &(1, Failing), None)),
        told(TEXT.encode_ack("/", 1, &vec![Failing])),
    ];
    assert!(
        cases.iter().all(|error| error.contains("out of order")),
        "{cases:?}"
    );
}

#[test]
fn a_packet_is_written_as_its_data_came() {
    let json = r#"2["a", 1.0]"#;
    let packet = sockeye_core::socketio::Decoder::decode(
        &mut *TextParser.decoder(Default::default()),
        json.into(),
    );
    let packet = packet.unwrap().unwrap();
    assert_eq!(header(&TextParser.encode(&packet).unwrap()), json);
    let mut packet = Packet::new(PacketKind::Event);
    packet.data = Some(Data::from_event("a", &Binary::from(vec![1])).unwrap());
    let encoded = TextParser.encode(&packet).unwrap();
    assert_eq!(
        header(&encoded),
        r#"51-["a",{"_placeholder":true,"num":0}]"#
    );
    assert_eq!(encoded.attachments, [&[1][..]]);
}

/// Strings in every place where one may be.
#[derive(Serialize)]
struct Everywhere<'a> {
    field: &'a str,
    bytes_are_numbers: &'a [u8],
    some: Option<&'a str>,
    list: Vec<&'a str>,
    pair: (&'a str, char),
    map: std::collections::BTreeMap<&'a str, &'a str>,
    variants: [Variant<'a>; 4],
}

#[derive(Serialize)]
enum Variant<'a> {
    Unit,
    Newtype(&'a str),
    Tuple(&'a str, u8),
    Struct { field: &'a str },
}

#[test]
fn strings_of_any_length_are_escaped_as_json_is() {
    let encode = |args: &Everywhere<'_>| {
        let encoded = TEXT.encode_event("/", None, "e", args, None);
        encoded.unwrap()
    };
    for length in (0..20).chain(60..68).chain(90..131) {
        let plain = "x".repeat(length);
        let places = (0..=length).step_by(7).chain([length]);
        let special = ['"', '\\', '\n', '\u{1}', '\u{1f}', '\u{7f}', ' ', 'é', '😀'];
        for (place, special) in places.zip(special.into_iter().cycle()) {
            let mut text = plain.clone();
            text.insert(place, special);
            let args = Everywhere {
                field: &text,
                bytes_are_numbers: text.as_bytes(),
                some: Some(&text),
                list: vec![&plain, &text],
                pair: (&text, special),
                map: [(text.as_str(), text.as_str())].into(),
                variants: [
                    Variant::Unit,
                    Variant::Newtype(&plain),
                    Variant::Tuple(&text, 1),
                    Variant::Struct { field: &text },
                ],
            };
            let encoded = encode(&args);
            let expected = format!(r#"2["e",{}]"#, serde_json::to_string(&args).unwrap());
            assert_eq!(encoded.header.as_text(), Some(expected.as_str()));
            assert!(encoded.attachments.is_empty());
        }
    }
}

#[test]
fn long_strings_and_bytes_stand_side_by_side() {
    let long = "x".repeat(100);
    let args = (&long, Binary(long.clone().into()), &long);
    let encoded = TEXT.encode_event("/", None, "e", &args, None);
    let encoded = encoded.unwrap();
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let expected = format!(r#"51-["e","{long}",{placeholder},"{long}"]"#);
    assert_eq!(encoded.header.as_text(), Some(expected.as_str()));
    assert_eq!(encoded.attachments, [long.as_bytes()]);
}
