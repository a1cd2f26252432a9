//! What goes wrong with an event is told, never silent.

use std::sync::Arc;

use sockeye_socketio::{
    Ack, Arguments, Binary, Data, Event, EventError, EventErrorKind, EventName, Extension,
    ExtractError, Reason, Socket, State, TryData,
};

use crate::support::{Log, Server, settle};

/// Notes each error: which event, what kind, and its text.
fn note_errors(socket: &Socket, log: &Log) {
    let log = log.clone();
    socket.on_error(async move |error: Arc<EventError>| {
        let kind = match error.kind() {
            EventErrorKind::Middleware(_) => "middleware",
            EventErrorKind::Extract(ExtractError::Data(_)) => "data",
            EventErrorKind::Extract(ExtractError::Missing(_)) => "missing",
            EventErrorKind::Extract(ExtractError::Unavailable(_)) => "unavailable",
            EventErrorKind::Extract(_) => "extract",
            EventErrorKind::Handler(_) => "handler",
            _ => "other",
        };
        log.note(format!("{kind} of {:?}: {error}", error.event()));
    });
}

#[derive(Clone)]
struct Nowhere;

#[tokio::test(start_paused = true)]
async fn what_a_handler_asks_for_in_vain_is_an_error_of_the_event() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        note_errors(&socket, &its_log);
        let called = its_log.clone();
        socket.on("number", async move |Data(n): Data<u32>| called.note(n));
        let called = its_log.clone();
        socket.on("pair", async move |Data(pair): Data<(u32, String)>| {
            called.note(format!("{pair:?}"));
        });
        let called = its_log.clone();
        socket.on("maybe", async move |Data(n): Data<Option<u32>>| {
            called.note(format!("{n:?}"))
        });
        let called = its_log.clone();
        socket.on("try", async move |TryData(n): TryData<u32>| {
            called.note(n.is_err())
        });
        socket.on("binary", async |_: Binary| {});
        socket.on("state", async |_: State<Nowhere>| {});
        socket.on("extension", async |_: Extension<Nowhere>| {});
        socket.on("reason", async |_: Reason| {});
        let called = its_log.clone();
        socket.on("option", async move |it: Option<State<Nowhere>>| {
            called.note(it.is_none())
        });
        let called = its_log.clone();
        socket.on(
            "any",
            async move |EventName(name): EventName, Arguments(all): Arguments| {
                called.note(format!("{name} {}", all.len()));
            },
        );
    });
    let peer = server.join().await;
    #[rustfmt::skip]
    let cases = [
        (r#"2["number",7,8]"#,       "7"),
        (r#"2["number","x"]"#,       r#"data of "number""#),
        (r#"2["number",-1]"#,        r#"data of "number""#),
        (r#"2["number"]"#,           r#"data of "number""#),
        (r#"2["pair",1,"a",3]"#,     r#"(1, "a")"#),
        (r#"2["pair",1]"#,           r#"data of "pair""#),
        (r#"2["maybe"]"#,            "None"),
        (r#"2["maybe",null]"#,       "None"),
        (r#"2["maybe",1]"#,          "Some(1)"),
        (r#"2["try","x"]"#,          "true"),
        (r#"2["binary","text"]"#,    r#"data of "binary""#),
        (r#"2["state"]"#,            r#"missing of "state""#),
        (r#"2["extension"]"#,        r#"missing of "extension""#),
        (r#"2["reason"]"#,           r#"unavailable of "reason""#),
        (r#"2["option"]"#,           "true"),
        (r#"2["any",1,[2],{"a":3}]"#, "any 3"),
    ];
    for (event, expected) in cases {
        peer.say(event).await;
        let note = log.next().await;
        assert!(note.starts_with(expected), "{event}: {note}");
    }
    assert_eq!(log.all().await, [] as [&str; 0]);
    // None of it harmed the session.
    peer.say(r#"2["number",1]"#).await;
    assert_eq!(log.next().await, "1");
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_handler_is_not_called_is_not_answered() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        note_errors(&socket, &its_log);
        socket.on("add", async |Data((a, b)): Data<(i64, i64)>, ack: Ack| {
            ack.send(&(a + b))
        });
    });
    let peer = server.join().await;
    peer.say(r#"21["add","one",2]"#).await;
    peer.say(r#"22["add",1,2]"#).await;
    assert_eq!(peer.hear().await, "32[3]");
    assert!(log.next().await.starts_with(r#"data of "add""#));
}

#[tokio::test(start_paused = true)]
async fn an_error_that_a_handler_returns_is_the_sockets() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        note_errors(&socket, &its_log);
        socket.on("parse", async |Data(text): Data<String>| {
            text.parse::<u8>().map(drop)
        });
        socket.on("later", async || {
            settle().await;
            Err::<(), _>("too late")
        });
        socket.on_any_outgoing(async || Err::<(), _>("outgoing"));
        socket.on_disconnect(async || Err::<(), _>("at the end"));
        Err::<(), _>("at the start")
    });
    let peer = server.join().await;
    assert_eq!(log.next().await, r#"handler of "": at the start"#);
    peer.say(r#"2["parse","x"]"#).await;
    let expected = r#"handler of "parse": invalid digit found in string"#;
    assert_eq!(log.next().await, expected);
    peer.say(r#"2["later"]"#).await;
    assert_eq!(log.next().await, r#"handler of "later": too late"#);
    server.root().emit("hello", &()).await.unwrap();
    assert_eq!(log.next().await, r#"handler of "hello": outgoing"#);
    peer.leave().await;
    assert_eq!(log.next().await, r#"handler of "": at the end"#);
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn an_error_of_who_hears_errors_goes_round_no_more() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.on_error(async move || {
            its_log.note("heard");
            Err::<(), _>("again")
        });
        socket.on("fail", async || Err::<(), _>("once"));
    });
    let peer = server.join().await;
    peer.say(r#"2["fail"]"#).await;
    assert_eq!(log.all().await, ["heard"]);
}

#[tokio::test(start_paused = true)]
async fn middlewares_of_events_let_pass_change_answer_and_refuse() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        note_errors(&socket, &its_log);
        let first = its_log.clone();
        socket.intercept(async move |event: Event| {
            first.note(format!("1: {}", event.name()));
            match event.name() {
                "secret" => Err("not for you"),
                "answered" => {
                    event.ack().send("by the middleware").unwrap();
                    Err("answered already")
                }
                _ => Ok(event),
            }
        });
        let second = its_log.clone();
        socket.intercept(async move |mut event: Event| {
            settle().await;
            second.note(format!("2: {}", event.name()));
            if event.name() == "double" {
                let n: u32 = event.arguments()?;
                event.set_arguments(&(2 * n)).unwrap();
            }
            Ok::<_, ExtractError>(event)
        });
        let any = its_log.clone();
        socket.on_any(async move |EventName(name): EventName| any.note(format!("any {name}")));
        for name in ["double", "secret", "answered"] {
            let log = its_log.clone();
            socket.on(name, async move |Arguments(all): Arguments| {
                log.note(format!("{all:?}"));
            });
        }
    });
    let peer = server.join().await;
    peer.say(r#"2["double",4]"#).await;
    settle().await;
    let notes = log.all().await;
    assert_eq!(notes[..3], ["any double", "1: double", "2: double"]);
    assert!(notes[3].contains('8') && notes.len() == 4, "{notes:?}");

    peer.say(r#"21["secret"]"#).await;
    let refused = [
        "any secret",
        "1: secret",
        r#"middleware of "secret": not for you"#,
    ];
    assert_eq!(log.all().await, refused);
    peer.say(r#"22["answered"]"#).await;
    assert_eq!(peer.hear().await, r#"32["by the middleware"]"#);
    assert!(log.all().await[2].contains("answered already"));
    assert_eq!(
        peer.heard().await,
        [] as [&str; 0],
        "what is refused is not answered"
    );
    // An error within a middleware is told in the same way.
    peer.say(r#"2["double","x"]"#).await;
    settle().await;
    assert!(log.all().await[3].starts_with(r#"middleware of "double""#));
}
