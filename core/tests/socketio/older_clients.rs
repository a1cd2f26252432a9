//! Clients 1.x and 2.x, whose CONNECT is another.

use std::{sync::Arc, time::Instant};

use sockeye_core::{
    engineio::Revision,
    socketio::{Config, Connection, EncodeError, Encoded, Incoming, ParserKind, Protocol, Value},
};

use crate::support::{header, start};

fn client(now: Instant) -> Connection {
    let protocol = Protocol::from(Revision::V3);
    Connection::new(
        protocol,
        &ParserKind::Text,
        Arc::new(Config::default()),
        now,
    )
}

fn handle(client: &mut Connection, message: &str, now: Instant) -> Incoming {
    let outcome = client.handle_message(message.into(), now);
    outcome.unwrap_or_else(|violation| panic!("{message}: {violation}"))
}

#[test]
fn they_are_joined_to_the_root_without_asking() {
    let now = start();
    let mut client = client(now);
    assert_eq!(client.protocol(), Protocol::V4);
    assert_eq!(Protocol::from(Revision::V4), Protocol::V5);
    let Incoming::Connect { namespace, auth } = client.handle_open() else {
        panic!("not joined");
    };
    assert_eq!((namespace.as_str(), auth.as_json()), ("/", Some("{}")));
    assert!(matches!(client.handle_open(), Incoming::Nothing), "once");
    let root = client.accept("/").unwrap();
    let Incoming::Event { place, .. } = handle(&mut client, r#"2["a"]"#, now) else {
        panic!("no event");
    };
    assert_eq!(place, root);
}

#[test]
fn a_query_is_their_auth_and_no_part_of_the_name() {
    let now = start();
    for connect in ["0/ns?token=a%20b&x=1", "0/ns?token=a%20b&x=1,"] {
        let mut client = client(now);
        let Incoming::Connect { namespace, auth } = handle(&mut client, connect, now) else {
            panic!("no CONNECT");
        };
        assert_eq!(namespace, "/ns");
        let auth = serde_json::to_string(&auth.to_value().unwrap()).unwrap();
        assert_eq!(auth, r#"{"token":"a b","x":"1"}"#);
        let place = client.accept("/ns").unwrap();
        // A query is stripped wherever it is.
        for event in [r#"2/ns,["a"]"#, r#"2/ns?token=1,["a"]"#] {
            let Incoming::Event { place: of, .. } = handle(&mut client, event, now) else {
                panic!("no event");
            };
            assert_eq!(of, place);
        }
        let Incoming::Disconnect { place: of } = handle(&mut client, "1/ns?token=1,", now) else {
            panic!("no DISCONNECT");
        };
        assert_eq!(of, place);
    }
    let mut plain = client(now);
    let Incoming::Connect { auth, .. } = handle(&mut plain, "0/ns", now) else {
        panic!("no CONNECT");
    };
    assert_eq!(auth.as_json(), Some("{}"));
}

#[test]
fn a_long_query_is_no_long_name() {
    let now = start();
    let mut client = client(now);
    let connect = format!("0/ns?token={}", "t".repeat(1_000));
    assert!(matches!(
        handle(&mut client, &connect, now),
        Incoming::Connect { .. }
    ));
}

#[test]
fn they_are_answered_in_their_way() {
    let text = |encoded: Result<Encoded, EncodeError>| header(&encoded.unwrap()).to_owned();
    let (parser, v4) = (ParserKind::Text, Protocol::V4);
    assert_eq!(text(parser.connect_answer(v4, "/", "id", None)), "0");
    assert_eq!(
        text(parser.connect_answer(v4, "/ns", "/ns#id", Some("pid"))),
        "0/ns,"
    );
    assert_eq!(
        text(parser.connect_error(v4, "/", "message", None)),
        r#"4"message""#
    );
    assert_eq!(
        text(parser.connect_error(v4, "/refused", "nope", None)),
        r#"4/refused,"nope""#
    );
    let data = Value::from_serialize(&serde_json::json!({"code": 1})).unwrap();
    assert_eq!(
        text(parser.connect_error(v4, "/ns", "nope", Some(&data))),
        r#"4/ns,{"code":1}"#
    );
    assert_eq!(
        text(parser.invalid_namespace("/none")),
        r#"4/none,{"message":"Invalid namespace"}"#
    );
}
