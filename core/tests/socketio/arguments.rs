//! Types out of what came: from JSON, and from values.

use serde::{Deserialize, de::DeserializeOwned};
use sockeye_core::socketio::{Binary, Data, Decoder, ParserLimits, TextDecoder, Value};

/// The same data twice: as JSON, and as a value.
fn both(json: &str) -> [Data; 2] {
    let mut decoder = TextDecoder::new(ParserLimits::default());
    let packet = decoder.decode(format!("2{json}").into());
    let packet = packet.expect("an event").expect("without attachments");
    let data = packet.data.expect("what was sent");
    assert_eq!(data.as_json(), Some(json));
    let value = Data::from_value(data.to_value().expect("a value"));
    [data, value]
}

fn taken<T: DeserializeOwned + PartialEq + std::fmt::Debug>(json: &str) -> Result<T, String> {
    let [first, second] =
        both(json).map(|data| data.arguments().map_err(|error| error.to_string()));
    match (&first, &second) {
        (Ok(first), Ok(second)) => assert_eq!(first, second, "{json}"),
        (Err(_), Err(_)) => {}
        _ => panic!("{json}: {first:?} from JSON, {second:?} from its value"),
    }
    first
}

#[derive(Debug, Deserialize, PartialEq)]
struct Point {
    x: u8,
    #[serde(default)]
    y: Option<u8>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Pair(u8, Option<String>);

#[derive(Debug, Deserialize, PartialEq)]
struct Of<T>(T);

#[derive(Debug, Deserialize, PartialEq)]
struct Nothing;

#[derive(Debug, Deserialize, PartialEq)]
enum Choice {
    Unit,
    New(u8),
    Tuple(u8, u8),
    Struct { x: u8 },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Either {
    Number(f64),
    Text(String),
    Point(Point),
}

#[test]
fn a_tuple_takes_several_arguments() {
    assert_eq!(taken(r#"["e"]"#), Ok(()));
    assert_eq!(taken(r#"["e",1,2]"#), Ok(()));
    assert_eq!(taken(r#"["e",1]"#), Ok((1,)));
    assert_eq!(taken(r#"["e",1,"a"]"#), Ok((1, "a".to_owned())));
    assert_eq!(taken(r#"["e",1,"a",null,[]]"#), Ok((1, "a".to_owned())));
    assert_eq!(taken(r#"["e",1,"a"]"#), Ok(Pair(1, Some("a".into()))));
    assert_eq!(
        taken(r#"["e",[1,2],{"x":3}]"#),
        Ok(([1, 2], Point { x: 3, y: None }))
    );
    assert_eq!(taken(r#"["e",1,2]"#), Ok([1, 2]));
    assert_eq!(taken(r#"["e",1,2]"#), Ok(Of((1, 2))));
    assert_eq!(taken(r#"["e",1,2,3]"#), Ok(vec![1, 2, 3]));
    assert_eq!(taken(r#"["e"]"#), Ok(Vec::<u8>::new()));
    assert_eq!(taken("[7,1]"), Ok((1,)));
}

#[test]
fn what_is_missing_is_none_or_an_error() {
    assert_eq!(taken(r#"["e","a"]"#), Ok(("a".to_owned(), None::<u32>)));
    assert_eq!(taken(r#"["e"]"#), Ok((None::<u8>, None::<u32>)));
    assert_eq!(taken(r#"["e",1]"#), Ok(Pair(1, None)));
    assert_eq!(taken(r#"["e",1]"#), Ok((1, Of(None::<u8>))));
    assert_eq!(taken(r#"["e",1]"#), Ok((1, ())));
    assert_eq!(taken(r#"["e"]"#), Ok(None::<u8>));
    assert_eq!(taken(r#"["e",null]"#), Ok(None::<u8>));
    assert_eq!(taken(r#"["e"]"#), Ok(Nothing));
    let missing = |error: Result<(u8, u8), String>| error.unwrap_err();
    assert!(missing(taken(r#"["e"]"#)).contains("argument 1 is missing"));
    assert!(missing(taken(r#"["e",1]"#)).contains("argument 2 is missing"));
    assert!(taken::<[u8; 2]>(r#"["e",1]"#).is_err());
    assert!(taken::<u8>(r#"["e"]"#).is_err());
    assert!(taken::<Value>(r#"["e"]"#).is_err());
}

#[test]
fn anything_else_is_the_first_argument() {
    assert_eq!(taken(r#"["e","a",1]"#), Ok("a".to_owned()));
    assert_eq!(taken(r#"["e",1.5]"#), Ok(1.5));
    assert_eq!(taken(r#"["e",3]"#), Ok(3.0));
    assert_eq!(taken(r#"["e",-3]"#), Ok(-3_i64));
    assert_eq!(taken(r#"["e",true]"#), Ok(true));
    assert_eq!(taken(r#"["e",1]"#), Ok(Some(1)));
    assert_eq!(taken(r#"["e",null]"#), Ok(Nothing));
    assert_eq!(taken(r#"["e",1]"#), Ok(Of(1)));
    assert_eq!(
        taken(r#"["e",{"x":1,"y":2,"z":3}]"#),
        Ok(Point { x: 1, y: Some(2) })
    );
    assert_eq!(taken(r#"["e","Unit"]"#), Ok(Choice::Unit));
    assert_eq!(taken(r#"["e",{"New":1}]"#), Ok(Choice::New(1)));
    assert_eq!(taken(r#"["e",{"Tuple":[1,2]}]"#), Ok(Choice::Tuple(1, 2)));
    assert_eq!(
        taken(r#"["e",{"Struct":{"x":1}}]"#),
        Ok(Choice::Struct { x: 1 })
    );
    assert_eq!(taken(r#"["e",1]"#), Ok(Either::Number(1.0)));
    assert_eq!(taken(r#"["e","a"]"#), Ok(Either::Text("a".into())));
    assert_eq!(
        taken(r#"["e",{"x":1}]"#),
        Ok(Either::Point(Point { x: 1, y: None }))
    );
    assert_eq!(
        taken(r#"["e",{"1":"a","2":"b"}]"#),
        Ok(std::collections::BTreeMap::from([
            (1, "a".to_owned()),
            (2, "b".to_owned())
        ]))
    );
    assert_eq!(taken(r#"["e",[1]]"#), Ok(Value::Array(vec![1.into()])));
    assert_eq!(
        taken(r#"["e",{"a":[1]}]"#),
        Ok(serde_json::json!({"a": [1]}))
    );
}

#[test]
fn what_does_not_fit_is_an_error() {
    assert!(taken::<u8>(r#"["e","a"]"#).is_err());
    assert!(taken::<u8>(r#"["e",256]"#).is_err());
    assert!(taken::<u8>(r#"["e",-1]"#).is_err());
    assert!(taken::<u8>(r#"["e",1.5]"#).is_err());
    assert!(taken::<(u8, u8)>(r#"["e",1,"a"]"#).is_err());
    assert!(taken::<Vec<u8>>(r#"["e",1,"a"]"#).is_err());
    assert!(taken::<Point>(r#"["e",{"y":1}]"#).is_err());
    assert!(taken::<Choice>(r#"["e","Other"]"#).is_err());
    assert!(taken::<Choice>(r#"["e",{"New":1,"Unit":null}]"#).is_err());
    assert!(taken::<Choice>(r#"["e",{"Tuple":1}]"#).is_err());
    assert!(taken::<Choice>(r#"["e",5]"#).is_err());
    assert!(taken::<([u8; 2],)>(r#"["e",[1,2,3]]"#).is_err());
    // A string's bytes are no binary.
    for json in [
        r#"["e","abc"]"#,
        r#"["e",[1,2]]"#,
        r#"["e",null]"#,
        r#"["e"]"#,
    ] {
        let error = taken::<Binary>(json).unwrap_err();
        assert!(
            error.contains("binary") || error.contains("missing"),
            "{error}"
        );
    }
}

#[test]
fn a_number_beyond_what_there_is_harms_no_other_argument() {
    let mut decoder = TextDecoder::new(ParserLimits::default());
    let event = decoder
        .decode(r#"2["e","a",1e999]"#.into())
        .unwrap()
        .unwrap();
    let data = event.data.unwrap();
    assert_eq!(data.arguments::<String>().unwrap(), "a");
    assert!(data.arguments::<(String, f64)>().is_err());
    assert!(data.to_value().is_err());
}

#[test]
fn the_first_argument_may_be_an_array() {
    for data in both(r#"["e",[1,2],3]"#) {
        assert_eq!(data.first::<Vec<u8>>().unwrap(), [1, 2]);
        assert_eq!(data.first::<(u8, u8)>().unwrap(), (1, 2));
        assert!(data.first::<(u8, u8, Option<u8>)>().is_err());
        assert_eq!(data.argument_count(), 2);
    }
    for data in both(r#"["e"]"#) {
        assert_eq!(data.first::<Option<u8>>().unwrap(), None);
        assert!(data.first::<u8>().is_err());
        assert_eq!(data.argument_count(), 0);
    }
}

#[test]
fn an_ack_has_no_name_before_its_arguments() {
    let mut decoder = TextDecoder::new(ParserLimits::default());
    let ack = decoder.decode(r#"31["a",2]"#.into()).unwrap().unwrap();
    let data = ack.data.unwrap();
    assert_eq!(data.all::<(String, u8)>().unwrap(), ("a".to_owned(), 2));
    assert_eq!(data.all::<String>().unwrap(), "a");
    assert_eq!(data.first_of_all::<String>().unwrap(), "a");
    assert_eq!(
        data.deserialize::<(String, u8)>().unwrap(),
        ("a".to_owned(), 2)
    );
    let ack = decoder.decode("31[]".into()).unwrap().unwrap();
    assert_eq!(ack.data.unwrap().all::<Option<u8>>().unwrap(), None);
}

#[test]
fn what_is_no_array_has_no_arguments() {
    let mut decoder = TextDecoder::new(ParserLimits::default());
    let connect = decoder.decode(r#"0{"x":1}"#.into()).unwrap().unwrap();
    let data = connect.data.unwrap();
    assert_eq!(
        data.deserialize::<Point>().unwrap(),
        Point { x: 1, y: None }
    );
    assert!(data.arguments::<Option<u8>>().is_err());
    assert_eq!(data.event_name(), None);
    assert_eq!(data.argument_count(), 0);
}

#[test]
fn names_are_text_or_numbers() {
    #[rustfmt::skip]
    let cases = [
        (r#"["a"]"#, "a"), (r#"["a\n"]"#, "a\n"), ("[3]", "3"), ("[-3]", "-3"), ("[1.5]", "1.5"), ("[1e2]", "100"),
    ];
    for (json, name) in cases {
        for data in both(json) {
            assert_eq!(data.event_name().as_deref(), Some(name), "{json}");
        }
    }
}

#[test]
fn bytes_come_as_binary() {
    let sent = (Binary::from(&b"abc"[..]), vec![Binary::default()]);
    let data = Data::from_event("e", &sent).unwrap();
    assert!(data.has_binary());
    assert_eq!(data.arguments::<(Binary, Vec<Binary>)>().unwrap(), sent);
    assert_eq!(data.arguments::<Binary>().unwrap(), sent.0);
    assert!(data.arguments::<String>().is_err());
    let value = data.to_value().unwrap();
    let (name, binary, _): (String, Binary, Value) = value.into_type().unwrap();
    assert_eq!((name.as_str(), binary), ("e", sent.0));
}

#[test]
fn plain_strings_of_any_length_are_had_as_any_type() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Name(String);

    for length in (0..10).chain(50..70).chain([1_000]) {
        let text = "é".repeat(length);
        let json = format!(r#"["e","{text}",{length}]"#);
        let of_text = Ok(text.clone());
        assert_eq!(taken::<String>(&json), of_text);
        assert_eq!(taken::<Option<String>>(&json), of_text.clone().map(Some));
        assert_eq!(taken::<Name>(&json), of_text.clone().map(Name));
        assert_eq!(taken::<Value>(&json), Ok(Value::from(text.as_str())));
        let both_of_them = taken::<(String, usize)>(&json);
        assert_eq!(both_of_them, Ok((text.clone(), length)));
        assert!(taken::<usize>(&json).is_err());
        for data in both(&json) {
            assert_eq!(data.first::<String>().ok(), of_text.clone().ok());
        }
        let behind_a_number = format!(r#"["e",{length},"{text}"]"#);
        assert_eq!(taken::<usize>(&behind_a_number), Ok(length));
        assert!(taken::<String>(&behind_a_number).is_err());
    }
}
