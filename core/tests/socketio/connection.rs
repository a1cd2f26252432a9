//! A client of protocol 5, from its first packet to its last.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sockeye_core::{
    Message,
    socketio::{
        Config, Connection, Data, Incoming, MsgpackParser, ParseError, ParserKind, Place, Protocol,
        Violation,
    },
};

use crate::support::{binary, header, start};

fn client(now: Instant) -> Connection {
    Connection::new(
        Protocol::V5,
        &ParserKind::Text,
        Arc::new(Config::default()),
        now,
    )
}

fn handle(client: &mut Connection, message: &str, now: Instant) -> Incoming {
    let outcome = client.handle_message(message.into(), now);
    outcome.unwrap_or_else(|violation| panic!("{message}: {violation}"))
}

fn violation(client: &mut Connection, message: impl Into<Message>, now: Instant) -> Violation {
    match client.handle_message(message.into(), now) {
        Err(violation) => violation,
        Ok(incoming) => panic!("{incoming:?}"),
    }
}

/// Asks for a namespace and gets it.
fn join(client: &mut Connection, namespace: &str, now: Instant) -> Place {
    let Incoming::Connect { namespace, .. } = handle(client, &format!("0{namespace},"), now) else {
        panic!("no CONNECT");
    };
    client.accept(&namespace).expect("a pending namespace")
}

fn json(data: &Data) -> &str {
    data.as_json().expect("JSON")
}

#[test]
fn a_client_connects_sends_and_leaves() {
    let now = start();
    let mut client = client(now);
    assert!(matches!(client.handle_open(), Incoming::Nothing));
    let Incoming::Connect { namespace, auth } = handle(&mut client, "0", now) else {
        panic!("no CONNECT");
    };
    assert_eq!((namespace.as_str(), json(&auth)), ("/", "{}"));
    assert_eq!(client.place("/"), None);
    let root = client.accept("/").unwrap();
    assert_eq!(client.place("/"), Some(root));

    let Incoming::Connect { namespace, auth } = handle(&mut client, r#"0/ns,{"token":1}"#, now)
    else {
        panic!("no CONNECT");
    };
    assert_eq!((namespace.as_str(), json(&auth)), ("/ns", r#"{"token":1}"#));
    let ns = client.accept("/ns").unwrap();
    assert_ne!(root.index(), ns.index());

    let Incoming::Event { place, id, data } = handle(&mut client, r#"2/ns,4["a"]"#, now) else {
        panic!("no event");
    };
    assert_eq!((place, id, json(&data)), (ns, Some(4), r#"["a"]"#));
    let Incoming::Ack { place, id, data } = handle(&mut client, "34[1]", now) else {
        panic!("no ack");
    };
    assert_eq!((place, id, json(&data)), (root, 4, "[1]"));
    for nothing in ["2/ns,", "3/ns,", "3/ns,[1]", "35"] {
        assert!(matches!(
            handle(&mut client, nothing, now),
            Incoming::Nothing
        ));
    }

    let Incoming::Disconnect { place } = handle(&mut client, "1/ns,", now) else {
        panic!("no DISCONNECT");
    };
    assert_eq!(place, ns);
    assert!(!client.leave(ns));
    // The client may come back, to the same index and another place.
    let again = join(&mut client, "/ns", now);
    assert_eq!(again.index(), ns.index());
    assert_ne!(again, ns);
    assert!(
        !client.leave(ns),
        "a socket of before cannot end the one of now"
    );
    let joined: Vec<_> = client
        .joined()
        .map(|(place, name)| (place, name.as_str()))
        .collect();
    assert_eq!(joined, [(root, "/"), (again, "/ns")]);
    assert!(client.leave(again) && !client.leave(again));
}

#[test]
fn binary_events_arrive_when_complete() {
    let now = start();
    let mut client = client(now);
    let root = join(&mut client, "/", now);
    let event = r#"51-["a",{"_placeholder":true,"num":0}]"#;
    assert!(matches!(handle(&mut client, event, now), Incoming::Nothing));
    let complete = client.handle_message(binary(b"x"), now);
    let Ok(Incoming::Event { place, data, .. }) = complete else {
        panic!("no event");
    };
    assert!(place == root && data.has_binary());
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn a_refused_client_may_ask_again() {
    let now = start();
    let mut client = client(now);
    handle(&mut client, "0/ns,", now);
    assert!(client.refuse("/ns") && !client.refuse("/ns"));
    assert_eq!(client.accept("/ns"), None);
    // The name is as in the packet, with a query if it has one.
    join(&mut client, "/ns", now);
    join(&mut client, "/ns?a=1", now);
    assert_eq!(client.joined().count(), 2);
    assert!(!client.refuse("/ns"), "joined, not pending");
}

#[test]
fn what_breaks_the_rules_ends_the_session() {
    let now = start();
    let joined = || {
        let mut client = client(now);
        join(&mut client, "/", now);
        client
    };
    let pending = || {
        let mut client = client(now);
        handle(&mut client, "0", now);
        client
    };
    use Violation::*;
    assert!(matches!(
        violation(&mut joined(), "0", now),
        AlreadyConnected
    ));
    assert!(matches!(
        violation(&mut pending(), "0", now),
        AlreadyConnected
    ));
    for packet in [r#"2["a"]"#, "31[]", "1", "2", "3"] {
        assert!(matches!(
            violation(&mut client(now), packet, now),
            NotConnected
        ));
        assert!(matches!(
            violation(&mut pending(), packet, now),
            NotConnected
        ));
        let other = packet.replacen(|_: char| true, &format!("{}/other,", &packet[..1]), 1);
        assert!(matches!(violation(&mut joined(), other, now), NotConnected));
    }
    for packet in ["4", r#"4{"message":"a"}"#, "4/other,"] {
        assert!(matches!(
            violation(&mut joined(), packet, now),
            UnexpectedConnectError
        ));
        assert!(matches!(
            violation(&mut client(now), packet, now),
            UnexpectedConnectError
        ));
    }
    let broken = violation(&mut joined(), "2[", now);
    assert!(matches!(broken, Parse(ParseError::Malformed)));
    let broken = violation(&mut joined(), binary(b"x"), now);
    assert!(matches!(broken, Parse(ParseError::UnexpectedBinary)));
    let mut half = joined();
    handle(&mut half, r#"51-["a"]"#, now);
    let broken = violation(&mut half, "1", now);
    assert!(matches!(broken, Parse(ParseError::TextInsteadOfAttachment)));
    // After leaving, a namespace is as if never joined.
    let mut left = joined();
    handle(&mut left, "1", now);
    assert!(matches!(
        violation(&mut left, r#"2["a"]"#, now),
        NotConnected
    ));
}

#[test]
fn long_names_are_refused_and_the_session_goes_on() {
    let now = start();
    let mut client = client(now);
    let limit = Config::default().namespace_bytes;
    for length in [limit - 1, limit] {
        let name = format!("/{}", "n".repeat(length - 1));
        join(&mut client, &name, now);
    }
    let long = format!("/{}", "n".repeat(limit));
    let Incoming::Refused(answer) = handle(&mut client, &format!("0{long},"), now) else {
        panic!("not refused");
    };
    assert_eq!(
        header(&answer),
        format!(r#"4{long},{{"message":"Invalid namespace"}}"#)
    );
    assert_eq!(client.joined().count(), 2);
    // It was not joined.
    assert!(matches!(
        violation(&mut client, format!("2{long},[1]"), now),
        Violation::NotConnected
    ));
}

#[test]
fn one_namespace_too_many_ends_the_session() {
    let now = start();
    let mut client = client(now);
    let limit = Config::default().namespaces;
    for index in 0..limit - 1 {
        join(&mut client, &format!("/{index}"), now);
    }
    // Pending ones count, left ones do not.
    handle(&mut client, "0/pending,", now);
    handle(&mut client, "1/3,", now);
    let place = join(&mut client, "/last", now);
    assert_eq!(place.index(), 3);
    let Violation::TooManyNamespaces { answer } = violation(&mut client, "0/more,", now) else {
        panic!("another violation");
    };
    assert!(header(&answer).starts_with(r#"4/more,{"message":"#));
}

#[test]
fn a_client_that_joins_nothing_is_ended() {
    let now = start();
    let mut client = client(now);
    let timeout = Config::default().connect_timeout;
    assert_eq!(client.poll_timeout(), Some(now + timeout));
    // Asking is not joining.
    handle(&mut client, "0", now);
    client.refuse("/");
    handle(&mut client, "0", now);
    assert!(
        client
            .handle_timeout(now + timeout - Duration::from_millis(1))
            .is_none()
    );
    let ended = client.handle_timeout(now + timeout);
    assert!(matches!(ended, Some(Violation::ConnectTimeout)));
    assert!(client.handle_timeout(now + timeout).is_none() && client.poll_timeout().is_none());
}

#[test]
fn the_first_join_drops_the_timer_for_good() {
    let now = start();
    let mut client = client(now);
    let place = join(&mut client, "/", now);
    assert_eq!(client.poll_timeout(), None);
    client.leave(place);
    assert_eq!(client.poll_timeout(), None);
    assert!(
        client
            .handle_timeout(now + Duration::from_secs(1_000))
            .is_none()
    );
}

#[test]
fn attachments_that_do_not_come_end_the_session() {
    let now = start();
    let mut client = client(now);
    join(&mut client, "/", now);
    let timeout = Config::default().attachments_timeout;
    handle(&mut client, r#"52-["a"]"#, now);
    assert_eq!(client.poll_timeout(), Some(now + timeout));
    // One of two changes nothing about it.
    let later = now + timeout - Duration::from_millis(1);
    client.handle_message(binary(b"x"), later).unwrap();
    assert_eq!(client.poll_timeout(), Some(now + timeout));
    assert!(client.handle_timeout(later).is_none());
    let ended = client.handle_timeout(now + timeout);
    assert!(matches!(ended, Some(Violation::AttachmentsTimeout)));
}

#[test]
fn msgpack_clients_follow_the_same_rules() {
    let now = start();
    let parser = ParserKind::other(MsgpackParser);
    let mut client = Connection::new(Protocol::V5, &parser, Arc::new(Config::default()), now);
    let connect = binary(b"\x83\xa4type\0\xa3nsp\xa1/\xa4data\xd4\0\0");
    let Ok(Incoming::Connect { namespace, auth }) = client.handle_message(connect.clone(), now)
    else {
        panic!("no CONNECT");
    };
    assert_eq!((namespace.as_str(), json(&auth)), ("/", "{}"));
    let root = client.accept("/").unwrap();
    let event = binary(b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a\x01");
    let Ok(Incoming::Event { place, data, .. }) = client.handle_message(event, now) else {
        panic!("no event");
    };
    assert_eq!((place, data.arguments::<u8>().unwrap()), (root, 1));
    assert!(matches!(
        violation(&mut client, "0/ns,", now),
        Violation::Parse(_)
    ));
    assert!(matches!(
        violation(&mut client, connect, now),
        Violation::AlreadyConnected
    ));
}

#[test]
fn a_name_does_not_keep_its_message() {
    let now = start();
    let mut client = client(now);
    let connect = format!(r#"0/ns,{{"filler":"{}"}}"#, "x".repeat(10_000));
    let message = sockeye_core::Text::from(connect);
    let memory = message.as_ptr() as usize..message.as_ptr() as usize + message.len();
    let Ok(Incoming::Connect { namespace, .. }) = client.handle_message(message.into(), now) else {
        panic!("no CONNECT");
    };
    assert!(!memory.contains(&(namespace.as_ptr() as usize)));
}

#[test]
fn an_idle_client_is_small() {
    // Bytes of a client with one namespace are these and one slot.
    assert!(
        size_of::<Connection>() <= 160,
        "{}",
        size_of::<Connection>()
    );
    assert!(size_of::<Place>() <= 8);
    assert!(size_of::<Data>() <= 64, "{}", size_of::<Data>());
    assert!(size_of::<Incoming>() <= 128, "{}", size_of::<Incoming>());
}
