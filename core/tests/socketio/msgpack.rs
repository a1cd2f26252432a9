//! The msgpack parser: bytes as notepack.io 2 has them.

use sockeye_core::{
    Message,
    limits::{NESTING_DEPTH, WRAPPED_NESTING_DEPTH},
    socketio::{
        Binary, Data, Decoder, EncodeError, Encoded, MsgpackDecoder, MsgpackParser, Packet,
        PacketKind, ParseError, Parser, ParserKind, ParserLimits, Protocol, Value,
    },
};

use crate::support::{binary, shown};

fn decode(bytes: &[u8]) -> Result<Packet, ParseError> {
    let mut decoder = MsgpackDecoder::new(ParserLimits::default());
    let packet = decoder.decode(binary(bytes));
    assert!(!decoder.is_partial());
    packet.map(|packet| packet.expect("a packet in each message"))
}

/// A map of `type`, `nsp` `/` and one more.
fn with(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x83\xa4type".to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(b"\xa3nsp\xa1/");
    bytes.push(0xa0 | name.len() as u8);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// An event `a` with one argument.
fn event(argument: &[u8]) -> Vec<u8> {
    with(2, "data", &[b"\x92\xa1a", argument].concat())
}

fn argument(bytes: &[u8]) -> Result<Value, ParseError> {
    let data = decode(&event(bytes))?.data.expect("an event's data");
    let elements = data.as_value().and_then(Value::as_array);
    Ok(elements.expect("an array")[1].clone())
}

#[test]
fn reads_packets() {
    #[rustfmt::skip]
    let cases: [(Vec<u8>, &str); 8] = [
        // What clients send without auth: `undefined`; and options, which are passed over.
        (with(0, "data", b"\xd4\0\0"),                          "Connect /"),
        (with(0, "options", b"\x81\xa8compress\xc3"),           "Connect /"),
        (with(0, "data", b"\x81\xa5token\x01"),                 r#"Connect / {"token":1}"#),
        (b"\x82\xa3nsp\xa9/features\xa4type\x01".to_vec(),      "Disconnect /features"),
        (with(2, "data", b"\x92\xa1a\x01"),                     r#"Event / ["a",1]"#),
        (b"\x84\xa2id\x05\xa4data\x91\x07\xa3nsp\xa3/ns\xa4type\x02".to_vec(), "Event /ns 5 [7]"),
        (b"\x84\xa2id\xcd\x01\x00\xa4data\x90\xa3nsp\xa1/\xa4type\x03".to_vec(), "Ack / 256 []"),
        (with(4, "data", b"\xa2no"),                            r#"ConnectError / "no""#),
    ];
    for (bytes, expected) in cases {
        let packet = decode(&bytes).unwrap();
        let data = packet.data.as_ref();
        let json = data.map(|data| serde_json::to_string(data.as_value().unwrap()).unwrap());
        let line = Packet {
            data: None,
            ..packet.clone()
        };
        let line = [Some(shown(&line)), json].into_iter().flatten();
        assert_eq!(line.collect::<Vec<_>>().join(" "), expected);
    }
}

#[test]
fn reads_every_form_of_a_value() {
    let bytes = |bytes: &'static [u8]| Value::Binary(bytes.into());
    let long = [b"\xda\x01\x00".to_vec(), vec![b'a'; 256]].concat();
    #[rustfmt::skip]
    let cases: [(&[u8], Value); 41] = [
        (b"\xc0",                                     Value::Null),
        (b"\xc2",                                     false.into()),
        (b"\xc3",                                     true.into()),
        (b"\x7f",                                     127.into()),
        (b"\xe0",                                     (-32).into()),
        (b"\xcc\xff",                                 255.into()),
        (b"\xcd\xff\xff",                             65_535.into()),
        (b"\xce\xff\xff\xff\xff",                     u32::MAX.into()),
        (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",     u64::MAX.into()),
        (b"\xd0\x80",                                 (-128).into()),
        (b"\xd1\x80\0",                               (-32_768).into()),
        (b"\xd2\x80\0\0\0",                           i32::MIN.into()),
        (b"\xd3\x80\0\0\0\0\0\0\0",                   i64::MIN.into()),
        (b"\xca\x3f\xc0\0\0",                         1.5.into()),
        (b"\xcb\x3f\xf8\0\0\0\0\0\0",                 1.5.into()),
        (b"\xcb\x7f\xf8\0\0\0\0\0\0",                 Value::Null),
        (b"\xa0",                                     "".into()),
        (b"\xa2\xc3\xa9",                             "é".into()),
        (b"\xd9\x01a",                                "a".into()),
        (b"\xda\0\x01a",                              "a".into()),
        (b"\xdb\0\0\0\x01a",                          "a".into()),
        (&long,                                       "a".repeat(256).into()),
        (b"\xc4\x01\xff",                             bytes(b"\xff")),
        (b"\xc5\0\x01\xff",                           bytes(b"\xff")),
        (b"\xc6\0\0\0\x01\xff",                       bytes(b"\xff")),
        (b"\x91\x01",                                 Value::Array(vec![1.into()])),
        (b"\xdc\0\x01\x01",                           Value::Array(vec![1.into()])),
        (b"\xdd\0\0\0\x01\x01",                       Value::Array(vec![1.into()])),
        (b"\x81\xa1a\x01",                            Value::Object(vec![("a".into(), 1.into())])),
        (b"\xde\0\x01\xa1a\x01",                      Value::Object(vec![("a".into(), 1.into())])),
        (b"\xdf\0\0\0\x01\x05\x01",                   Value::Object(vec![("5".into(), 1.into())])),
        // `undefined`, a date, an ArrayBuffer in its three forms, and what nobody knows.
        (b"\xd4\0\0",                                 Value::Null),
        (b"\xd7\0\x00\x00\x01\x8d\xf4\xdc\x54\x95", "2024-02-29T12:34:56.789Z".into()),
        (b"\xd7\0\xff\xff\xff\xff\xff\xff\xff\xff",   "1969-12-31T23:59:59.999Z".into()),
        (b"\xd7\0\x7f\xff\xff\xff\xff\xff\xff\xff",   Value::Null),
        (b"\xc7\x02\0\x01\x02",                       bytes(&[1, 2])),
        (b"\xc8\0\x02\0\x01\x02",                     bytes(&[1, 2])),
        (b"\xc9\0\0\0\x02\0\x01\x02",                 bytes(&[1, 2])),
        (b"\xd5\0\x01\x02",                           bytes(&[1, 2])),
        (b"\xd6\x01\0\0\0\x01",                       bytes(&[0, 0, 0, 1])),
        (b"\xd4\x07\x01",                             bytes(&[1])),
    ];
    for (input, expected) in cases {
        assert_eq!(argument(input), Ok(expected), "{input:x?}");
    }
    let sixteen = [&b"\xd8\x01"[..], &[7; 16]].concat();
    assert_eq!(argument(&sixteen), Ok(Value::Binary(vec![7; 16].into())));
}

#[test]
fn members_that_are_undefined_are_none() {
    // `{a: undefined, b: 1}`: with the text parser it is `{"b":1}`, and an array's is `null`.
    assert_eq!(
        argument(b"\x82\xa1a\xd4\0\0\xa1b\x01"),
        Ok(Value::Object(vec![("b".into(), 1.into())]))
    );
    assert_eq!(
        argument(b"\x91\xd4\0\0"),
        Ok(Value::Array(vec![Value::Null]))
    );
    // What is cut short is no `undefined`.
    assert_eq!(argument(b"\x81\xa1a\xd4\0"), Err(ParseError::Malformed));
}

#[test]
fn timestamps_are_dates() {
    // Each as notepack.io 3 and @msgpack/msgpack have it, and what `toJSON` gives.
    #[rustfmt::skip]
    let cases: [(&[u8], Value); 9] = [
        (b"\xd6\xff\0\0\0\0",                                     "1970-01-01T00:00:00.000Z".into()),
        (b"\xd6\xff\x65\xe0\x7a\x90",                             "2024-02-29T12:37:36.000Z".into()),
        (b"\xd7\xff\xbc\x1c\xbd\x00\x65\xe0\x7a\x90",             "2024-02-29T12:37:36.789Z".into()),
        // Beyond 32 bits of seconds, and of 34, and before 1970.
        (b"\xd7\xff\0\0\0\x01\0\0\0\0",                         "2106-02-07T06:28:16.000Z".into()),
        (b"\xc7\x0c\xff\0\0\0\0\0\0\0\x04\0\0\0\0",            "2514-05-30T01:53:04.000Z".into()),
        (b"\xc7\x0c\xff\x3b\x8b\x87\xc0\xff\xff\xff\xff\xff\xff\xff\xff", "1969-12-31T23:59:59.999Z".into()),
        // No such date.
        (b"\xc7\x0c\xff\0\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Value::Null),
        (b"\xc7\x0c\xff\0\0\0\0\x80\0\0\0\0\0\0\0",            Value::Null),
        // Of another length it is no timestamp.
        (b"\xc7\x01\xff\x07",                                     Value::Binary((&[7][..]).into())),
    ];
    for (input, expected) in cases {
        assert_eq!(argument(input), Ok(expected), "{input:x?}");
    }
}

#[test]
fn numbers_without_a_fraction_are_integers() {
    // JavaScript's `Number.isInteger`, whatever form an encoder chose: 2, `/`, 5.
    let five = b"\xcb\x40\x14\0\0\0\0\0\0";
    let kind = b"\xcb\x40\0\0\0\0\0\0\0";
    let bytes = [
        b"\x84\xa4type",
        &kind[..],
        b"\xa3nsp\xa1/\xa2id",
        five,
        b"\xa4data\x91\xa1a",
    ];
    let packet = decode(&bytes.concat()).unwrap();
    assert_eq!((packet.kind, packet.id), (PacketKind::Event, Some(5)));
    // As a member's name, too.
    assert_eq!(
        argument(&[b"\x81", &five[..], b"\x01"].concat()),
        Ok(Value::Object(vec![("5".into(), 1.into())]))
    );
    let half = [
        b"\x84\xa4type\x02\xa3nsp\xa1/\xa2id",
        &b"\xca\x3f\0\0\0"[..],
        b"\xa4data\x91\xa1a",
    ];
    assert_eq!(decode(&half.concat()).unwrap_err(), ParseError::BadAckId);
    let negative = [
        b"\x84\xa4type\x02\xa3nsp\xa1/\xa2id",
        &b"\xff"[..],
        b"\xa4data\x91\xa1a",
    ];
    assert_eq!(
        decode(&negative.concat()).unwrap_err(),
        ParseError::BadAckId
    );
}

#[test]
fn a_value_by_itself() {
    let bytes = |input: &'static [u8]| Value::from_msgpack(input.into());
    assert_eq!(
        bytes(b"\x92\xa1a\xc4\x01\x07"),
        Ok(Value::Array(vec![
            "a".into(),
            Value::Binary((&[7][..]).into())
        ]))
    );
    assert_eq!(bytes(b""), Err(ParseError::Malformed));
    assert_eq!(bytes(b"\x01\x01"), Err(ParseError::Malformed));
    assert_eq!(bytes(b"\x91"), Err(ParseError::Malformed));
    let limit = WRAPPED_NESTING_DEPTH;
    let nested = |depth| [vec![0x91; depth], vec![0xc0]].concat();
    assert!(Value::from_msgpack(nested(limit - 1).into()).is_ok());
    assert_eq!(
        Value::from_msgpack(nested(limit).into()),
        Err(ParseError::TooDeep { limit })
    );
    // Between integers of each size, in the shortest form.
    #[rustfmt::skip]
    let cases: [(Value, &[u8]); 12] = [
        (127.into(),                b"\x7f"),
        (128.into(),                b"\xcc\x80"),
        (256.into(),                b"\xcd\x01\0"),
        (65_536.into(),             b"\xce\0\x01\0\0"),
        ((1_u64 << 32).into(),      b"\xcf\0\0\0\x01\0\0\0\0"),
        ((-32).into(),              b"\xe0"),
        ((-33).into(),              b"\xd0\xdf"),
        ((-129).into(),             b"\xd1\xff\x7f"),
        ((-32_769).into(),          b"\xd2\xff\xff\x7f\xff"),
        (((-1_i64 << 31) - 1).into(), b"\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"),
        (1.5.into(),                b"\xcb\x3f\xf8\0\0\0\0\0\0"),
        (Value::Null,               b"\xc0"),
    ];
    for (value, expected) in cases {
        assert_eq!(value.to_msgpack().unwrap(), expected, "{value:?}");
    }
}

#[test]
fn reads_what_the_npm_package_wrote() {
    // `socket.io-msgpack-parser` 3.0.2 on Node, for an event with id 0 and these arguments: a
    // Buffer, a Uint8Array, an ArrayBuffer, a Date, undefined, null, 1.5, -1, 2^40, -2^40, 40
    // letters of two bytes, and [true, {x: "y"}].
    let hex = concat!(
        "84a47479706502a36e7370a12fa2696400a4646174619da161c4020102c702000304c7010005",
        "d7000000018df4dc5495d40000c0cb3ff8000000000000ffcf0000010000000000d3ffffff0000000000d950",
        "c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9",
        "c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9",
        "92c381a178a179",
    );
    let digits: Vec<u8> = hex
        .bytes()
        .filter_map(|digit| (digit as char).to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    let packet = decode(&bytes).unwrap();
    assert_eq!(packet.id, Some(0));
    let binary = |bytes: &'static [u8]| Value::Binary(bytes.into());
    let arguments = packet.data.unwrap().arguments::<Vec<Value>>().unwrap();
    assert_eq!(
        arguments,
        [
            binary(&[1, 2]),
            binary(&[3, 4]),
            binary(&[5]),
            "2024-02-29T12:34:56.789Z".into(),
            Value::Null,
            Value::Null,
            1.5.into(),
            (-1).into(),
            (1_u64 << 40).into(),
            (-(1_i64 << 40)).into(),
            "é".repeat(40).into(),
            Value::Array(vec![
                true.into(),
                Value::Object(vec![("x".into(), "y".into())])
            ]),
        ]
    );
}

#[test]
fn refuses_what_is_no_packet() {
    use ParseError::*;
    #[rustfmt::skip]
    let cases: [(Vec<u8>, ParseError); 36] = [
        (vec![],                                                Empty),
        (b"\xc0".to_vec(),                                      Malformed),
        (b"\x90".to_vec(),                                      Malformed),
        (b"\x81".to_vec(),                                      Malformed),
        (b"\x81\xa4type".to_vec(),                              Malformed),
        (b"\x80".to_vec(),                                      UnknownType),
        (b"\xdf\xff\xff\xff\xff".to_vec(),                      Malformed),
        (b"\x81\xa3nsp\xa1/".to_vec(),                          UnknownType),
        (b"\x81\xa4type\x01".to_vec(),                          BadNamespace),
        (b"\x82\xa4type\x01\xa3nsp\x01".to_vec(),               BadNamespace),
        (b"\x82\xa4type\x01\xa3nsp\xc0".to_vec(),               BadNamespace),
        (b"\x82\xa4type\x01\xa3nsp\xa1/\0".to_vec(),            Malformed),
        (b"\x81\x01\x01".to_vec(),                              Malformed),
        (with(5, "data", b"\x91\xa1a"),                         UnknownType),
        (with(6, "data", b"\x90"),                              UnknownType),
        (with(0xff, "data", b"\x90"),                           UnknownType),
        (with(0, "data", b"\xc0"),                              BadPayload),
        (with(0, "data", b"\x90"),                              BadPayload),
        (with(0, "data", b"\xa1a"),                             BadPayload),
        (with(1, "data", b"\x80"),                              BadPayload),
        (with(2, "data", b"\xd4\0\0"),                          BadPayload),
        (with(2, "data", b"\x80"),                              BadPayload),
        (with(3, "data", b"\x80"),                              BadPayload),
        (with(4, "data", b"\x90"),                              BadPayload),
        (with(2, "data", b"\x90"),                              BadEventName),
        (with(2, "data", b"\x91\xc0"),                          BadEventName),
        (with(2, "data", b"\x91\x80"),                          BadEventName),
        (with(2, "data", b"\x91\xaadisconnect"),                ReservedEventName),
        (with(0, "id", b"\xff"),                                BadAckId),
        (with(0, "id", b"\xa11"),                               BadAckId),
        (with(0, "id", b"\xcb\x3f\xf8\0\0\0\0\0\0"),            BadAckId),
        (event(b"\xc1"),                                        Malformed),
        (event(b"\xa1\xff"),                                    Malformed),
        (event(b"\xc6\xff\xff\xff\xff"),                        Malformed),
        (event(b"\xdd\xff\xff\xff\xff\x01"),                    Malformed),
        (event(b"\x81\xc0\x01"),                                Malformed),
    ];
    for (bytes, error) in cases {
        let decoded = decode(&bytes).map(|packet| shown(&packet));
        assert_eq!(decoded, Err(error), "{bytes:x?}");
    }
    let mut decoder = MsgpackDecoder::new(ParserLimits::default());
    let text = decoder.decode(r#"2["a"]"#.into());
    assert!(matches!(text, Err(UnexpectedText)));
}

#[test]
fn every_cut_of_a_packet_is_refused() {
    let whole = event(b"\x82\xa1a\xcb\x3f\xf8\0\0\0\0\0\0\xa1b\xc7\x02\0\x01\x02");
    assert!(decode(&whole).is_ok());
    for end in 0..whole.len() {
        assert!(decode(&whole[..end]).is_err(), "{end}");
    }
}

#[test]
fn depth_is_bounded() {
    let arrays = |depth: usize| with(3, "data", &[vec![0x91; depth - 1], vec![0x90]].concat());
    let limit = NESTING_DEPTH;
    let too_deep = || Some(ParseError::TooDeep { limit });
    assert_eq!(decode(&arrays(limit - 1)).err(), None);
    assert_eq!(decode(&arrays(limit)).err(), too_deep());
    assert_eq!(decode(&arrays(limit + 1)).err(), too_deep());
    assert_eq!(decode(&arrays(1_000_000)).err(), too_deep());
    let maps = |depth: usize| with(0, "data", &[b"\x81\xa1a".repeat(depth), vec![0]].concat());
    assert_eq!(decode(&maps(limit - 1)).err(), None);
    assert_eq!(decode(&maps(limit)).err(), too_deep());
    // Also where nobody looks at it.
    assert_eq!(decode(&with(1, "x", &[0x91; 1_000_000])).err(), too_deep());
}

#[test]
fn writes_packets() {
    let parser = ParserKind::other(MsgpackParser);
    let bytes = |encoded: Result<Encoded, EncodeError>| {
        let encoded = encoded.unwrap();
        assert!(encoded.attachments.is_empty() && encoded.header.as_text().is_none());
        encoded.header.as_bytes().to_vec()
    };
    let v5 = Protocol::V5;
    assert_eq!(
        bytes(parser.connect_answer(v5, "/", "id", None)),
        b"\x83\xa4type\0\xa3nsp\xa1/\xa4data\x81\xa3sid\xa2id"
    );
    assert_eq!(
        bytes(parser.encode_event("/ns", Some(300), "a", &(1, Binary::from(vec![9])), None)),
        b"\x84\xa4type\x02\xa3nsp\xa3/ns\xa2id\xcd\x01\x2c\xa4data\x93\xa1a\x01\xc4\x01\x09"
    );
    assert_eq!(
        bytes(parser.encode_event("/", None, "a", &(), Some("o"))),
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a\xa1o"
    );
    assert_eq!(
        bytes(parser.encode_ack("/", 3, &())),
        b"\x84\xa4type\x03\xa3nsp\xa1/\xa2id\x03\xa4data\x90"
    );
    assert_eq!(
        bytes(parser.encode_disconnect("/features")),
        b"\x82\xa4type\x01\xa3nsp\xa9/features"
    );
    assert_eq!(
        bytes(parser.invalid_namespace("/x")),
        b"\x83\xa4type\x04\xa3nsp\xa2/x\xa4data\x81\xa7message\xb1Invalid namespace"
    );
}

#[test]
fn json_of_another_parser_can_be_written() {
    let json = sockeye_core::socketio::TextDecoder::new(ParserLimits::default())
        .decode(r#"2["a",[1.5,-7,4294967296,-4294967296,{"b":null}]]"#.into());
    let packet = json.unwrap().unwrap();
    let encoded = MsgpackParser.encode(&packet).unwrap();
    let Message::Binary(bytes) = encoded.header else {
        panic!("no bytes");
    };
    let again = decode(&bytes).unwrap();
    let value = |data: Option<Data>| data.unwrap().to_value().unwrap();
    assert_eq!(value(again.data), value(packet.data));
}
