//! Values: from types, to types, and as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sockeye_core::{
    Text,
    limits::NESTING_DEPTH,
    socketio::{Binary, EncodeError, Value},
};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Everything {
    yes: bool,
    small: i8,
    large: u64,
    negative: i64,
    fraction: f64,
    single: f32,
    letter: char,
    text: String,
    none: Option<u8>,
    some: Option<u8>,
    unit: (),
    bytes: Binary,
    tuple: (u8, String),
    list: Vec<Value>,
    numbered: BTreeMap<u16, bool>,
    flags: BTreeMap<bool, char>,
    choices: Vec<Choice>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
enum Choice {
    Unit,
    New(Option<u8>),
    Tuple(u8, u8),
    Struct { x: u8 },
}

fn everything() -> Everything {
    Everything {
        yes: true,
        small: -8,
        large: u64::MAX,
        negative: i64::MIN,
        fraction: 1.25,
        single: 0.5,
        letter: 'é',
        text: "a\"b".into(),
        none: None,
        some: Some(1),
        unit: (),
        bytes: Binary::from(&[0, 255][..]),
        tuple: (1, "b".into()),
        list: vec![Value::Null, 1.into(), "c".into(), Value::Array(vec![])],
        numbered: BTreeMap::from([(1, true), (2, false)]),
        flags: BTreeMap::from([(false, 'a'), (true, 'b')]),
        choices: vec![
            Choice::Unit,
            Choice::New(None),
            Choice::New(Some(2)),
            Choice::Tuple(3, 4),
            Choice::Struct { x: 5 },
        ],
    }
}

#[test]
fn types_go_through_values_and_back() {
    let value = Value::from_serialize(&everything()).unwrap();
    assert_eq!(
        value.get("bytes"),
        Some(&Value::Binary(vec![0, 255].into()))
    );
    assert_eq!(value.get("numbered").unwrap().get("2"), Some(&false.into()));
    assert_eq!(value.get("letter").and_then(Value::as_str), Some("é"));
    assert_eq!(Everything::deserialize(&value).unwrap(), everything());
    assert_eq!(
        value.clone().into_type::<Everything>().unwrap(),
        everything()
    );
    // A value is also a type.
    assert_eq!(Value::from_serialize(&value).unwrap(), value);
    assert_eq!(value.clone().into_type::<Value>().unwrap(), value);
}

#[test]
fn json_is_as_from_the_type_itself() {
    let mut without_bytes = everything();
    without_bytes.bytes = Binary::default();
    let value = Value::from_serialize(&without_bytes).unwrap();
    let json = serde_json::to_string(&value).unwrap();
    assert_eq!(json, serde_json::to_string(&without_bytes).unwrap());
    let again: Value = serde_json::from_str(&json.replace("\"bytes\":[]", "\"bytes\":0")).unwrap();
    assert_eq!(again.get("large").and_then(Value::as_u64), Some(u64::MAX));
    assert_eq!(
        again.get("negative").and_then(Value::as_i64),
        Some(i64::MIN)
    );
    assert_eq!(again.get("fraction").and_then(Value::as_f64), Some(1.25));
    assert_eq!(again.get("missing"), None);
}

#[test]
fn accessors_tell_one_kind_from_another() {
    let object: Value = serde_json::from_str(r#"{"a":1,"b":[true],"a":2}"#).unwrap();
    assert_eq!(object.get("a").and_then(Value::as_u64), Some(2));
    assert_eq!(object.as_object().map(<[_]>::len), Some(3));
    assert_eq!(
        object.get("b").and_then(Value::as_array).unwrap()[0].as_bool(),
        Some(true)
    );
    assert_eq!(object.as_array(), None);
    assert_eq!(object.as_str(), None);
    assert!(Value::default().is_null() && !object.is_null());
    assert_eq!(Value::from(f64::INFINITY), Value::Null);
    assert_eq!(Value::from(None::<u8>), Value::Null);
    assert_eq!(Value::from(Text::from("a")), Value::from(String::from("a")));
    assert!(Value::from(vec![object, Value::from(Binary::default())]).has_binary());
}

#[test]
fn what_json_writes_in_its_own_way_is_understood() {
    // What `serde_json`'s `RawValue` hands to a serializer.
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::RawValue")]
    struct Raw {
        #[serde(rename = "$serde_json::private::RawValue")]
        json: &'static str,
    }
    let value = Value::from_serialize(&(Raw {
        json: r#"{"a":[1]}"#,
    },))
    .unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), r#"[{"a":[1]}]"#);
    let refused = Value::from_serialize(&Raw { json: "{" });
    assert!(matches!(refused, Err(EncodeError::Serialize(_))));
    // From a peer, its names are names.
    let json = r#"{"$serde_json::private::Number":"1"}"#;
    let value: Value = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
}

#[test]
fn integers_of_more_than_64_bits_are_refused() {
    let largest = i128::from(u64::MAX);
    assert_eq!(Value::from_serialize(&largest).unwrap(), u64::MAX.into());
    assert!(Value::from_serialize(&(largest + 1)).is_err());
    assert!(Value::from_serialize(&i128::MIN).is_err());
    assert_eq!(Value::from_serialize(&7_u128).unwrap(), 7.into());
    assert!(Value::from_serialize(&u128::MAX).is_err());
}

#[test]
fn a_value_of_values_is_bounded_in_depth() {
    let nested = |depth: usize| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    let read = |value: &Value| Value::deserialize(value).is_ok();
    assert!(read(&nested(NESTING_DEPTH - 1)));
    assert!(!read(&nested(NESTING_DEPTH)));
    // What was let through is written and dropped without ado.
    let deepest = nested(NESTING_DEPTH - 1);
    assert_eq!(
        serde_json::to_string(&deepest).unwrap().len(),
        2 * (NESTING_DEPTH - 1) + 4
    );
    drop(deepest);
}
