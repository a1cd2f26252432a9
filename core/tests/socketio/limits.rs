//! Each limit of a packet, just below it, at it and above it, and what is made to be slow.

use sockeye_core::{
    limits::{ATTACHMENT_BYTES, MAX_PAYLOAD, NESTING_DEPTH},
    socketio::{Decoder, MsgpackDecoder, Packet, ParseError, ParserLimits, TextDecoder},
};

use crate::support::{binary, decoded};

fn decode(limits: ParserLimits, header: &str, attachments: &[usize]) -> Result<bool, ParseError> {
    let mut decoder = TextDecoder::new(limits);
    let mut last = decoder.decode(header.into())?;
    for &length in attachments {
        last = decoder.decode(binary(&vec![0; length]))?;
    }
    Ok(last.is_some())
}

#[test]
fn attachments_of_a_packet() {
    let limits = ParserLimits::default();
    let limit = limits.attachments;
    assert_eq!(limit, 10);
    for count in [limit - 1, limit] {
        let header = format!("5{count}-[1]");
        assert_eq!(decode(limits, &header, &vec![1; count]), Ok(true));
    }
    let refused = Err(ParseError::TooManyAttachments { limit });
    assert_eq!(decode(limits, &format!("5{}-[1]", limit + 1), &[]), refused);
    let many = ParserLimits {
        attachments: 1_000,
        ..limits
    };
    assert_eq!(decode(many, "51000-[1]", &[0; 1_000]), Ok(true));
    // Nothing is reserved for what was only announced.
    let endless = ParserLimits {
        attachments: usize::MAX,
        ..limits
    };
    assert_eq!(
        decode(endless, &format!("5{}-[1]", usize::MAX), &[1]),
        Ok(false)
    );
}

#[test]
fn bytes_of_attachments() {
    let limit = 100;
    let limits = ParserLimits {
        attachment_bytes: limit,
        ..ParserLimits::default()
    };
    assert_eq!(decode(limits, "52-[1]", &[50, 49]), Ok(true));
    assert_eq!(decode(limits, "52-[1]", &[50, 50]), Ok(true));
    let refused = Err(ParseError::AttachmentsTooLarge { limit });
    assert_eq!(decode(limits, "52-[1]", &[50, 51]), refused);
    assert_eq!(decode(limits, "53-[1]", &[101]), refused);
    // Each packet starts anew.
    let mut decoder = TextDecoder::new(limits);
    for _ in 0..3 {
        decoder.decode("51-[1]".into()).unwrap();
        assert!(decoder.decode(binary(&[0; 100])).unwrap().is_some());
    }
    assert_eq!(ParserLimits::default().attachment_bytes, 4 * MAX_PAYLOAD);
    let of = |max_payload| ParserLimits::for_payload(max_payload).attachment_bytes;
    assert_eq!(
        (of(10), of(ATTACHMENT_BYTES), of(usize::MAX)),
        (40, ATTACHMENT_BYTES, ATTACHMENT_BYTES)
    );
}

#[test]
fn elements_of_an_array() {
    let limits = ParserLimits::default();
    let limit = limits.arguments;
    let array = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let refused = Err(ParseError::TooManyArguments { limit });
    for kind in ["2", "3", "2/ns,7"] {
        assert!(decoded(&format!("{kind}{}", array(limit - 1))).is_ok());
        assert!(decoded(&format!("{kind}{}", array(limit))).is_ok());
        assert_eq!(decoded(&format!("{kind}{}", array(limit + 1))), refused);
        assert_eq!(decoded(&format!("{kind}{}", array(200_000))), refused);
    }
    // Within an argument there may be more.
    assert!(decoded(&format!("2[1,{}]", array(limit + 1))).is_ok());
    let msgpack = |count: usize| {
        let mut bytes = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdc".to_vec();
        bytes.extend_from_slice(&(count as u16).to_be_bytes());
        bytes.resize(bytes.len() + count, 1);
        let packet = MsgpackDecoder::new(limits).decode(binary(&bytes));
        packet.map(|_| None::<String>)
    };
    assert_eq!(msgpack(limit - 1), Ok(None));
    assert_eq!(msgpack(limit), Ok(None));
    assert_eq!(msgpack(limit + 1), refused);
}

#[test]
fn depth_of_what_is_nested() {
    let limit = NESTING_DEPTH;
    let refused = Err(ParseError::TooDeep { limit });
    let arrays = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(decoded(&format!("3{}", arrays(limit - 1))).is_ok());
    assert_eq!(decoded(&format!("3{}", arrays(limit))), refused);
    assert_eq!(decoded(&format!("3{}", arrays(limit + 1))), refused);
    assert_eq!(decoded(&format!("3{}", arrays(1_000_000))), refused);
    assert_eq!(decoded(&format!("2[1,{}", "[".repeat(1_000_000))), refused);
    assert_eq!(
        decoded(&format!("2[1,{}", r#"{"a":"#.repeat(1_000_000))),
        refused
    );
    assert_eq!(
        decoded(&format!("0{}", r#"{"a":"#.repeat(1_000_000))),
        refused
    );
    // What is let through is read into a value, whatever attachments it has.
    let deepest = format!("51-[1,{}]", arrays(limit - 2));
    assert_eq!(decode(ParserLimits::default(), &deepest, &[1]), Ok(true));
}

#[test]
fn what_becomes_of_attachments() {
    let limits = ParserLimits::default();
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let refused = Err(ParseError::PlaceholderExpansion);
    let header = |times: usize| format!("51-[1,{}]", vec![placeholder; times].join(","));
    for times in [1, 2] {
        assert_eq!(decode(limits, &header(times), &[100_000]), Ok(true));
    }
    assert_eq!(decode(limits, &header(3), &[100_000]), refused);
    // Exactly twice the bytes of header and attachment: 3 * n = 2 * (h + n).
    let exact = 2 * header(3).len();
    assert_eq!(decode(limits, &header(3), &[exact - 1]), Ok(true));
    assert_eq!(decode(limits, &header(3), &[exact]), Ok(true));
    assert_eq!(decode(limits, &header(3), &[exact + 1]), refused);
    assert_eq!(decode(limits, &header(1_000), &[4_000_000]), refused);
}

#[test]
fn ten_million_digits_are_read_once() {
    // Read once, each is a matter of a moment; where it is read again for each digit, of days.
    let digits = "1".repeat(10_000_000);
    let is_err = |text: String| assert!(decoded(&text).is_err());
    is_err(format!("2{digits}[1]"));
    is_err(format!("5{digits}-[1]"));
    is_err(format!("5{digits}"));
    is_err(digits.clone());
    assert!(decoded(&format!("2[1,{digits}]")).is_ok());
    assert!(decoded(&format!("0/{digits}")).is_ok());
    assert!(decoded(&format!("2/{digits}[1]")).is_ok());
    let escapes = r"\ud800".repeat(1_000_000);
    let mended = decoded(&format!(r#"2["{escapes}"]"#)).unwrap().unwrap();
    assert!(mended.starts_with(r#"Event / ["\ufffd\ufffd"#));
    let number = TextDecoder::new(ParserLimits::default())
        .decode(format!("2[{digits}]").into())
        .unwrap();
    let data = number.and_then(|packet: Packet| packet.data).unwrap();
    assert_eq!(data.event_name().map(|name| name.len()), Some(digits.len()));
}
