//! The default parser's texts, as clients send them.

use sockeye_core::{
    Message, Text,
    socketio::{Decoder, Packet, ParseError, ParserLimits, RESERVED_EVENTS, TextDecoder, Value},
};

use crate::support::{binary, decoded, decoded_all, shown};

#[test]
fn reads_packets() {
    #[rustfmt::skip]
    let cases = [
        // text                            packet
        ("0",                              "Connect /"),
        ("0/,",                            "Connect /"),
        ("0/",                             "Connect /"),
        (r#"0{"token":1}"#,                r#"Connect / {"token":1}"#),
        ("0/ns",                           "Connect /ns"),
        ("0/ns,",                          "Connect /ns"),
        (r#"0/ns,{"a":{}}"#,               r#"Connect /ns {"a":{}}"#),
        ("0/ns?token=a%20b&x=1",           "Connect /ns?token=a%20b&x=1"),
        ("07",                             "Connect /"),
        ("1",                              "Disconnect /"),
        ("1/features,",                    "Disconnect /features"),
        ("1/features",                     "Disconnect /features"),
        ("1/features,8",                   "Disconnect /features"),
        (r#"2["a"]"#,                      r#"Event / ["a"]"#),
        (r#"2["a",1,{"b":[null]}]"#,       r#"Event / ["a",1,{"b":[null]}]"#),
        (r#"2/ns,["a"]"#,                  r#"Event /ns ["a"]"#),
        (r#"212["a"]"#,                    r#"Event / 12 ["a"]"#),
        (r#"2/ns,12["a"]"#,                r#"Event /ns 12 ["a"]"#),
        (r#"2/1,2["a"]"#,                  r#"Event /1 2 ["a"]"#),
        (r#"2007["a"]"#,                   r#"Event / 7 ["a"]"#),
        ("2[1,2]",                         "Event / [1,2]"),
        ("2[-1.5e2]",                      "Event / [-1.5e2]"),
        (r#"2["error"]"#,                  r#"Event / ["error"]"#),
        (r#"2["connection"]"#,             r#"Event / ["connection"]"#),
        (r#"2["message"]"#,                r#"Event / ["message"]"#),
        (r#"2["Connect"]"#,                r#"Event / ["Connect"]"#),
        (r#"2[ "a" , 1 ] "#,               r#"Event / [ "a" , 1 ] "#),
        ("2/features,",                    "Event /features"),
        ("2",                              "Event /"),
        ("23",                             "Event / 3"),
        ("3/features,",                    "Ack /features"),
        ("31[]",                           "Ack / 1 []"),
        (r#"31["connect",null]"#,          r#"Ack / 1 ["connect",null]"#),
        ("3[1]",                           "Ack / [1]"),
        ("4",                              "ConnectError /"),
        (r#"4/ns,"no""#,                   r#"ConnectError /ns "no""#),
        (r#"4{"message":"no"}"#,           r#"ConnectError / {"message":"no"}"#),
        // Placeholders where nothing is attached are data.
        (r#"2["a",{"_placeholder":true,"num":0}]"#, r#"Event / ["a",{"_placeholder":true,"num":0}]"#),
        // JavaScript has strings of half a character.
        (r#"2["a","\ud800"]"#,             r#"Event / ["a","\ufffd"]"#),
    ];
    for (text, packet) in cases {
        assert_eq!(decoded(text), Ok(Some(packet.to_owned())), "{text}");
    }
}

#[test]
fn refuses_what_is_no_packet() {
    use ParseError::*;
    #[rustfmt::skip]
    let cases = [
        // text                            error
        ("",                               Empty),
        ("7",                              UnknownType),
        ("9[1]",                           UnknownType),
        ("a",                              UnknownType),
        (" ",                              UnknownType),
        ("-1",                             UnknownType),
        ("\u{661}",                        UnknownType),
        (r#"5["a"]"#,                      BadAttachmentCount),
        (r#"50-["a"]"#,                    BadAttachmentCount),
        (r#"5-["a"]"#,                     BadAttachmentCount),
        (r#"5-1-["a"]"#,                   BadAttachmentCount),
        (r#"51.5-["a"]"#,                  BadAttachmentCount),
        (r#"5x-["a"]"#,                    BadAttachmentCount),
        (r#"5+1-["a"]"#,                   BadAttachmentCount),
        (r#"5 1-["a"]"#,                   BadAttachmentCount),
        (r#"501-["a"]"#,                   BadAttachmentCount),
        ("51",                             BadAttachmentCount),
        ("6",                              BadAttachmentCount),
        ("60-[]",                          BadAttachmentCount),
        (r#"511-["a"]"#,                   TooManyAttachments { limit: 10 }),
        (r#"55999999-["a"]"#,              TooManyAttachments { limit: 10 }),
        (r#"599999999999999999999999-[]"#, TooManyAttachments { limit: 10 }),
        (r#"218446744073709551616["a"]"#,  BadAckId),
        (r#"2000000000000000000001["a"]"#, BadAckId),
        (r#"1/ns,{}"#,                     BadPayload),
        ("1[]",                            BadPayload),
        ("0[]",                            BadPayload),
        (r#"0"a""#,                        BadPayload),
        ("0null",                          BadPayload),
        ("0/ns,true",                      BadPayload),
        ("4[]",                            BadPayload),
        ("4null",                          BadPayload),
        ("2{}",                            BadPayload),
        (r#"2"a""#,                        BadPayload),
        ("2null",                          BadPayload),
        ("3{}",                            BadPayload),
        ("3null",                          BadPayload),
        ("2[",                             Malformed),
        (r#"2["a"]]"#,                     Malformed),
        (r#"2["a",]"#,                     Malformed),
        (r#"2["a" 1]"#,                    Malformed),
        (r#"2["a",01]"#,                   Malformed),
        (r#"2["a",+1]"#,                   Malformed),
        (r#"2["a",NaN]"#,                  Malformed),
        (r#"2["a",'b']"#,                  Malformed),
        (r#"2["\x"]"#,                     Malformed),
        ("2[\"\u{1}\"]",                   Malformed),
        (r#"2["a",{"b"}]"#,                Malformed),
        (r#"2["a",undefined]"#,            Malformed),
        (r#"2x["a"]"#,                     Malformed),
        (r#"2-1["a"]"#,                    Malformed),
        ("2 ",                             Malformed),
        ("2/ns, 3",                        BadPayload),
        ("0{",                             Malformed),
        ("0{}{}",                          Malformed),
        ("2[]",                            BadEventName),
        ("2[null]",                        BadEventName),
        ("2[true]",                        BadEventName),
        (r#"2[{"toString":1}]"#,           BadEventName),
        (r#"2[["a"]]"#,                    BadEventName),
        (r#"51-[{"_placeholder":true,"num":0}]"#, BadEventName),
        (r#"2["\u0063onnect"]"#,           ReservedEventName),
    ];
    for (text, error) in cases {
        assert_eq!(decoded(text), Err(error), "{text}");
    }
    for name in RESERVED_EVENTS {
        let event = format!("2[\"{name}\",1]");
        assert_eq!(decoded(&event), Err(ReservedEventName), "{event}");
    }
    assert_eq!(
        decoded("218446744073709551615[1]"),
        Ok(Some(format!("Event / {} [1]", u64::MAX))),
    );
}

#[test]
fn puts_attachments_into_their_places() {
    #[rustfmt::skip]
    let cases = [
        // header                                                            attachments            arguments, as JSON with bytes as arrays
        (r#"51-["a",{"_placeholder":true,"num":0}]"#,                        vec!["x"],             r#"["a",[120]]"#),
        (r#"51-["a",{"num":0,"_placeholder":true,"more":1}]"#,               vec!["x"],             r#"["a",[120]]"#),
        (r#"52-/f,7["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#, vec!["x", "y"], r#"["a",[121],[120]]"#),
        (r#"53-/f,["bin",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1},"t"],"b":{"_placeholder":true,"num":2}}]"#,
                                                                             vec!["x", "y", "z"],   r#"["bin",[120],{"a":[[121],"t"],"b":[122]}]"#),
        // Twice is fine, and not at all.
        (r#"51-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#, vec!["x"],      r#"["a",[120],[120]]"#),
        (r#"52-["a",{"_placeholder":true,"num":0}]"#,                        vec!["x", "y"],        r#"["a",[120]]"#),
        (r#"51-["a"]"#,                                                      vec!["x"],             r#"["a"]"#),
        (r#"51-["a",{"_placeholder":true,"num":0}]"#,                        vec![""],              r#"["a",[]]"#),
        // What is not strictly one is none.
        (r#"51-["a",{"_placeholder":1,"num":0}]"#,                           vec!["x"],             r#"["a",{"_placeholder":1,"num":0}]"#),
        (r#"51-["a",{"_placeholder":"true","num":0}]"#,                      vec!["x"],             r#"["a",{"_placeholder":"true","num":0}]"#),
        (r#"51-["a",{"_placeholder":true,"_placeholder":false,"num":9}]"#,   vec!["x"],             r#"["a",{"_placeholder":true,"_placeholder":false,"num":9}]"#),
        (r#"61-/f,7[{"_placeholder":true,"num":0}]"#,                        vec!["x"],             r#"[[120]]"#),
    ];
    for (header, attachments, arguments) in cases {
        let packet = complete(header, &attachments).unwrap();
        let value = packet.data.unwrap().to_value().unwrap();
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(json, arguments, "{header}");
    }
    let nothing = complete("51-/features,3", &["x"]).unwrap();
    assert_eq!(shown(&nothing), "Event /features 3");
}

#[test]
fn refuses_placeholders_of_nothing() {
    let numbers = [
        "1",
        "-1",
        "-0.5",
        "0.5",
        "1e9",
        "\"0\"",
        "null",
        "true",
        "[0]",
        "{}",
        "\"length\"",
    ];
    for number in numbers {
        let header = format!(r#"51-["a",{{"_placeholder":true,"num":{number}}}]"#);
        let refused = complete(&header, &["x"]).map(|packet| shown(&packet));
        assert_eq!(refused, Err(ParseError::BadPlaceholder), "{number}");
    }
    let refused = complete(r#"51-["a",{"_placeholder":true}]"#, &["x"]);
    assert_eq!(
        refused.map(|packet| shown(&packet)),
        Err(ParseError::BadPlaceholder)
    );
}

#[test]
fn attachments_come_when_they_are_due_and_not_else() {
    let new = || TextDecoder::new(ParserLimits::default());
    let error = |result: Result<Option<Packet>, ParseError>| result.map(|_| ()).unwrap_err();
    assert_eq!(
        error(new().decode(binary(b"x"))),
        ParseError::UnexpectedBinary
    );

    let mut decoder = new();
    let header = r#"52-["a",{"_placeholder":true,"num":0}]"#;
    assert!(decoder.decode(header.into()).unwrap().is_none());
    assert!(decoder.is_partial());
    assert!(decoder.decode(binary(b"x")).unwrap().is_none());
    assert_eq!(
        error(decoder.decode(r#"2["b"]"#.into())),
        ParseError::TextInsteadOfAttachment
    );

    let mut decoder = new();
    let messages = [header.into(), binary(b"x"), binary(b"y")];
    decoded_all(&mut decoder, messages).unwrap();
    assert!(!decoder.is_partial());
    assert_eq!(
        error(decoder.decode(binary(b"z"))),
        ParseError::UnexpectedBinary
    );
}

#[test]
fn json_without_attachments_stays_in_the_message() {
    let message = Text::from(r#"2/ns,12["name","some argument"]"#);
    let start = message.as_ptr() as usize;
    let inside = start..start + message.len();
    let mut decoder = TextDecoder::new(ParserLimits::default());
    let packet = decoder.decode(Message::Text(message)).unwrap().unwrap();
    let data = packet.data.unwrap();
    assert!(inside.contains(&(data.as_json().unwrap().as_ptr() as usize)));
    assert!(inside.contains(&(data.event_name().unwrap().as_ptr() as usize)));
    assert!(!data.has_binary());
}

#[test]
fn what_waits_keeps_no_buffer_and_the_last_attachment_is_not_copied() {
    let placeholders = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
    let header = format!(r#"52-/ns,["a",{placeholders}]"#);
    // As a transport has them: parts of what one read brought.
    let buffer = bytes::Bytes::from([header.as_bytes(), b"first", b"second"].concat());
    let memory = buffer.as_ptr() as usize..buffer.as_ptr() as usize + buffer.len();
    let (header, first) = (header.len(), header.len() + 5);
    let text = Text::try_from(buffer.slice(..header)).unwrap();
    let attachments = [buffer.slice(header..first), buffer.slice(first..)];
    let messages = attachments.map(Message::from);
    let packet = decoded_all(
        &mut TextDecoder::new(ParserLimits::default()),
        std::iter::once(text.into()).chain(messages),
    );
    let packet = packet.unwrap();
    let inside = |start: *const u8| memory.contains(&(start as usize));
    assert!(!inside(packet.namespace.as_ptr()));
    let data = packet.data.unwrap();
    let arguments = data.as_value().and_then(Value::as_array).unwrap();
    assert_eq!(arguments[1].as_bytes().unwrap(), "first");
    assert!(!inside(arguments[1].as_bytes().unwrap().as_ptr()));
    assert!(inside(arguments[2].as_bytes().unwrap().as_ptr()));
}

#[test]
fn large_attachments_are_not_copied() {
    let attachment = binary(&[7; 100_000]);
    let start = attachment.as_bytes().as_ptr();
    let header = r#"52-["a",{"_placeholder":true,"num":0}]"#;
    let mut decoder = TextDecoder::new(ParserLimits::default());
    let messages = [header.into(), attachment, binary(b"last")];
    let packet = decoded_all(&mut decoder, messages).unwrap();
    let data = packet.data.unwrap();
    assert!(data.has_binary());
    let arguments = data.as_value().and_then(Value::as_array).unwrap();
    assert_eq!(arguments[1].as_bytes().unwrap().as_ptr(), start);
}

fn complete(header: &str, attachments: &[&str]) -> Result<Packet, ParseError> {
    let messages = attachments.iter().map(|bytes| binary(bytes.as_bytes()));
    decoded_all(
        &mut TextDecoder::new(ParserLimits::default()),
        std::iter::once(header.into()).chain(messages),
    )
}
