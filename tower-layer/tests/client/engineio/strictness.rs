//! Engine.IO servers that are wrong, each in one way.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use sockeye_tower::{
    Close, Transport,
    engineio::Revision,
    test::{Client, Error, OpenError, SessionBuilder, Violation},
};
use tokio::time::Instant;

use crate::strictness::{answer, websocket};

type Answers = VecDeque<Response<Vec<u8>>>;

/// A server that gives these answers in turn, and holds what is asked after them.
fn serving(
    gets: impl IntoIterator<Item = Response<Vec<u8>>>,
    posts: impl IntoIterator<Item = Response<Vec<u8>>>,
) -> Client {
    let [gets, posts]: [Answers; 2] = [gets.into_iter().collect(), posts.into_iter().collect()];
    let answers = Arc::new(Mutex::new([gets, posts]));
    Client::new(tower::service_fn(move |request: Request<Incoming>| {
        let kind = usize::from(*request.method() == Method::POST);
        let answer = answers.lock().unwrap()[kind].pop_front();
        async move {
            match answer {
                Some(answer) => {
                    Ok::<_, Infallible>(answer.map(|body| Full::new(Bytes::from(body))))
                }
                None => std::future::pending().await,
            }
        }
    }))
}

const OPEN: &str = r#"0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const OPEN_WEBSOCKET: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const TEXT: &str = "text/plain; charset=UTF-8";
const OCTETS: &str = "application/octet-stream";

fn polled(content_type: &str, body: impl AsRef<[u8]>) -> Response<Vec<u8>> {
    let mut answer = answer(content_type, body);
    let no_store = "no-store".parse().unwrap();
    answer.headers_mut().insert("cache-control", no_store);
    answer
}

fn v3(packet: &str) -> String {
    format!("{}:{packet}", packet.encode_utf16().count())
}

async fn end(session: SessionBuilder) -> Error {
    let session = match session.open().await {
        Ok(session) => session,
        Err(OpenError::Failed(error)) => return error,
        Err(error) => panic!("{error:?}"),
    };
    loop {
        if let Err(error) = session.recv().await {
            return error;
        }
    }
}

fn packet(got: &str) -> Error {
    Error::Violation(Violation::Packet { got: got.into() })
}

fn after_close(got: &str) -> Error {
    Error::Violation(Violation::AfterClose { got: got.into() })
}

fn not_opened(got: &str) -> Error {
    Error::Violation(Violation::NotOpened { got: got.into() })
}

#[tokio::test(start_paused = true)]
async fn says_how_a_payload_of_revision_4_is_wrong() {
    let again = format!("4a\u{1e}{OPEN}");
    let handshake = |got: &str| Error::Violation(Violation::Handshake { got: got.into() });
    let polls_to_polling = OPEN.replace("[\"websocket\"]", "[\"polling\"]");
    #[rustfmt::skip]
    let cases = [
        (vec![""],                      packet("")),
        (vec!["4hello"],                not_opened("4hello")),
        (vec!["6"],                     not_opened("6")),
        (vec!["{}"],                    packet("{}")),
        (vec!["0{}"],                   handshake("{}")),
        (vec![&*polls_to_polling],      handshake(&polls_to_polling[1..])),
        (vec![OPEN, OPEN],              Error::Violation(Violation::OpenedAgain)),
        (vec![OPEN, &again],            Error::Violation(Violation::OpenedAgain)),
        (vec![OPEN, ""],                packet("")),
        (vec![OPEN, "4a\u{1e}"],        packet("4a\u{1e}")),
        (vec![OPEN, "\u{1e}4a"],        packet("\u{1e}4a")),
        (vec![OPEN, "7"],               packet("7")),
        (vec![OPEN, "hello"],           packet("hello")),
        (vec![OPEN, "2probe"],          packet("2probe")),
        (vec![OPEN, "3"],               packet("3")),
        (vec![OPEN, "3probe"],          packet("3probe")),
        (vec![OPEN, "5"],               packet("5")),
        (vec![OPEN, "6x"],              packet("6x")),
        (vec![OPEN, "1x"],              packet("1x")),
        (vec![OPEN, "bAQ"],             packet("bAQ")),
        (vec![OPEN, "b_w=="],           packet("b_w==")),
        (vec![OPEN, "b!"],              packet("b!")),
        (vec![OPEN, "b4AQ=="],          packet("b4AQ==")),
        (vec![OPEN, "1:6"],             packet("1:6")),
        (vec![OPEN, "1\u{1e}4late"],    after_close("4late")),
        (vec![OPEN, "1\u{1e}6"],        after_close("6")),
        (vec![OPEN, "6\u{1e}1\u{1e}1"], after_close("1")),
        (vec![OPEN, "6\u{1e}1"],        Error::Closed(Close::new(1005, ""))),
    ];
    for (bodies, expected) in cases {
        let case = format!("{bodies:?}");
        let client = serving(bodies.iter().map(|body| polled(TEXT, body)), []);
        assert_eq!(end(client.engineio("/")).await, expected, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn says_how_a_payload_of_revision_3_is_wrong() {
    let open = v3(OPEN);
    let (text, octets) = (TEXT, OCTETS);
    #[rustfmt::skip]
    let cases: Vec<(&str, Vec<u8>, Error)> = vec![
        (text,   b"4a".into(),                          packet("4a")),
        (text,   b"0:".into(),                          packet("0:")),
        (text,   b"3:4a".into(),                        packet("3:4a")),
        (text,   b"02:4a".into(),                       packet("02:4a")),
        (text,   b"2:4a0:".into(),                      packet("2:4a0:")),
        (text,   "4:4€".into(),                         packet("4:4€")),
        (text,   b"1:2".into(),                         packet("2")),
        (text,   b"6:3probe".into(),                    packet("3probe")),
        (text,   b"5:bAQ==".into(),                     packet("5:bAQ==")),
        (text,   b"1:12:4x".into(),                     after_close("4x")),
        // Binary goes as bytes to whoever takes them, and nothing else does.
        (text,   b"6:b4AQ==".into(),                    packet("6:b4AQ==")),
        (octets, b"\x00\x02\xff4a".into(),              packet("\u{0}\u{2}\u{fffd}4a")),
        (octets, b"\x01\x02\xff\x04".into(),            packet("\u{1}\u{2}\u{fffd}\u{4}")),
        (octets, b"".into(),                            packet("")),
    ];
    for (content_type, body, expected) in cases {
        let case = format!("{:?}", String::from_utf8_lossy(&body));
        let client = serving([polled(text, &open), polled(content_type, body)], []);
        let session = client.engineio("/").revision(Revision::V3);
        assert_eq!(end(session).await, expected, "{case}");
    }
    let client = serving(
        [
            polled(text, &open),
            polled(octets, b"\x01\x02\xff\x04\x07\x00\x02\xff4z"),
        ],
        [],
    );
    let session = client.engineio("/").revision(Revision::V3);
    let session = session.open().await.unwrap();
    assert_eq!(session.recv().await, Ok(vec![7].into()));
    assert_eq!(session.recv().await, Ok("z".into()));
    // A client that cannot take bytes gets none.
    let bytes = polled(octets, b"\x01\x02\xff\x04\x07");
    let client = serving([polled(text, &open), bytes], []);
    let session = client.engineio("/").revision(Revision::V3).base64();
    assert_eq!(end(session).await, packet("\u{1}\u{2}\u{fffd}\u{4}\u{7}"));
}

#[tokio::test(start_paused = true)]
async fn says_how_a_script_is_wrong() {
    let quoted = |payload: &str| {
        let mut script = Vec::new();
        sockeye_core::engineio::jsonp::wrap("3", payload.as_bytes(), &mut script);
        script
    };
    let open = quoted(OPEN);
    let wrapping = |got: &str| {
        Error::Violation(Violation::Wrapping {
            expected: "___eio[3](PAYLOAD);".into(),
            got: got.into(),
        })
    };
    #[rustfmt::skip]
    let cases = [
        ("4a",                            wrapping("4a")),
        ("___eio[0](\"4a\");",            wrapping("___eio[0](\"4a\");")),
        ("___eio[3](\"4a\")",             wrapping("___eio[3](\"4a\")")),
        ("___eio[3](4a);",                wrapping("___eio[3](4a);")),
        ("___eio[3](\"4a\",\"4b\");",     wrapping("___eio[3](\"4a\",\"4b\");")),
        ("___eio[3](\"4\\u0061\");",      wrapping("___eio[3](\"4\\u0061\");")),
        ("___eio[3](\"4\u{2028}\");",     wrapping("___eio[3](\"4\u{2028}\");")),
        ("___eio[3](\"x\");",             packet("x")),
        ("___eio[3](\"1\");",             Error::Closed(Close::new(1005, ""))),
    ];
    for (script, expected) in cases {
        let client = serving([polled(TEXT, &open), polled(TEXT, script)], []);
        assert_eq!(
            end(client.engineio("/").jsonp()).await,
            expected,
            "{script}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn says_which_header_is_wrong() {
    let header = |name, expected: Option<&str>, got: Option<&str>| {
        let [expected, got] = [expected, got].map(|text| text.map(str::to_owned));
        Error::Violation(Violation::Header {
            name,
            expected,
            got,
        })
    };
    #[rustfmt::skip]
    let cases = [
        ("content-type",     Some("text/html"),  Some(TEXT)),
        ("content-type",     Some(OCTETS),       Some(TEXT)),
        ("content-type",     None,               Some(TEXT)),
        ("content-encoding", Some("gzip"),       None),
        ("cache-control",    Some("max-age=60"), Some("no-store")),
        ("cache-control",    None,               Some("no-store")),
    ];
    for (name, value, expected) in cases {
        for is_first in [true, false] {
            let mut answers = [polled(TEXT, OPEN), polled(TEXT, "6")];
            let headers = answers[usize::from(!is_first)].headers_mut();
            headers.remove(name);
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
            let client = serving(answers, []);
            let wrong = header(name, expected, value);
            assert_eq!(end(client.engineio("/")).await, wrong, "{name} {value:?}");
        }
    }
    let mut more = polled(TEXT, "1");
    let directives = "private, No-Store".parse().unwrap();
    more.headers_mut().insert("cache-control", directives);
    let client = serving([polled(TEXT, OPEN), more], []);
    let closed = Error::Closed(Close::new(1005, ""));
    assert_eq!(end(client.engineio("/")).await, closed);
}

#[tokio::test(start_paused = true)]
async fn says_how_the_answer_to_a_send_is_wrong() {
    let with_status = |status: u16, mut answer: Response<Vec<u8>>| {
        *answer.status_mut() = status.try_into().unwrap();
        answer
    };
    let wrong = |status: u16, body: &str| {
        Error::Violation(Violation::SendAnswer {
            status: status.try_into().unwrap(),
            body: body.into(),
        })
    };
    let header = |name, expected: &str, got: Option<&str>| {
        Error::Violation(Violation::Header {
            name,
            expected: Some(expected.into()),
            got: got.map(str::to_owned),
        })
    };
    #[rustfmt::skip]
    let cases = [
        (polled("text/html", ""),                    wrong(200, "")),
        (polled("text/html", "OK"),                  wrong(200, "OK")),
        (with_status(202, polled("text/html", "ok")), wrong(202, "ok")),
        (polled("text/plain", "ok"),                 header("content-type", "text/html", Some("text/plain"))),
        (answer("text/html", "ok"),                  header("cache-control", "no-store", None)),
    ];
    for (answer, expected) in cases {
        let client = serving([polled(TEXT, OPEN)], [answer]);
        let session = client.engineio("/").open().await.unwrap();
        assert_eq!(session.send("x").await, Err(expected));
    }
    // What only a pong met ends the session.
    let client = serving(
        [polled(TEXT, OPEN), polled(TEXT, "2")],
        [polled("text/html", "no")],
    );
    assert_eq!(end(client.engineio("/")).await, wrong(200, "no"));
}

/// Frames of an unmasked WebSocket.
fn frames(messages: &[&[u8]], first: u8) -> Vec<u8> {
    let frame = |message: &&[u8]| {
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        [&[first, 126][..], &length, message].concat()
    };
    // A length that needs no two bytes must not have them.
    let short = |message: &&[u8]| [&[first, message.len() as u8][..], message].concat();
    messages
        .iter()
        .flat_map(|message| match message.len() {
            0..126 => short(message),
            _ => frame(message),
        })
        .collect()
}

fn texts(messages: &[&str]) -> Vec<u8> {
    let messages: Vec<_> = messages.iter().map(|message| message.as_bytes()).collect();
    frames(&messages, 0x81)
}

#[tokio::test(start_paused = true)]
async fn says_how_a_websocket_is_wrong() {
    let after_open = |rest: &[u8]| [&*texts(&[OPEN_WEBSOCKET]), rest].concat();
    let binary = |bytes: &[u8]| frames(&[bytes], 0x82);
    let handshake = Error::Violation(Violation::Handshake {
        got: OPEN[1..].into(),
    });
    #[rustfmt::skip]
    let cases = [
        (Revision::V4, texts(&["4a"]),                             not_opened("4a")),
        (Revision::V4, texts(&["3probe"]),                         not_opened("3probe")),
        // There is nowhere to go from here.
        (Revision::V4, texts(&[OPEN]),                             handshake),
        (Revision::V4, after_open(&texts(&[OPEN_WEBSOCKET])),      Error::Violation(Violation::OpenedAgain)),
        (Revision::V4, after_open(&texts(&[""])),                  packet("")),
        (Revision::V4, after_open(&texts(&["4a\u{1e}", "x"])),     packet("x")),
        (Revision::V4, after_open(&texts(&["1"])),                 packet("1")),
        (Revision::V4, after_open(&texts(&["6"])),                 packet("6")),
        (Revision::V4, after_open(&texts(&["3"])),                 packet("3")),
        (Revision::V4, after_open(&texts(&["bAQ=="])),             packet("bAQ==")),
        (Revision::V3, after_open(&texts(&["2"])),                 packet("2")),
        (Revision::V3, after_open(&binary(&[])),                   packet("")),
        (Revision::V3, after_open(&binary(b"4a")),                 packet("4a")),
        (Revision::V4, after_open(&[0x88, 0]),                     Error::Closed(Close::new(1005, ""))),
        (Revision::V4, after_open(&[]),                            Error::Disconnected),
    ];
    for (revision, bytes, expected) in cases {
        let case = String::from_utf8_lossy(&bytes).into_owned();
        let client = websocket(|_| {}, &bytes);
        let session = client.engineio("/").transport(Transport::WebSocket);
        assert_eq!(end(session.revision(revision)).await, expected, "{case}");
    }
    let client = websocket(|_| {}, after_open(&binary(b"a")));
    let session = client.engineio("/").transport(Transport::WebSocket);
    assert_eq!(end(session.base64()).await, packet("a"));
}

/// A server that opens polling sessions and ends each later poll soon with nothing, and whose
/// WebSockets say these bytes.
fn probing(bytes: Vec<u8>) -> Client {
    use sha1::{Digest, Sha1};
    use tokio::io::AsyncWriteExt;
    Client::new(tower::service_fn(move |request: Request<Incoming>| {
        let key = request.headers().get("sec-websocket-key").cloned();
        let bytes = bytes.clone();
        let is_opening = !request.uri().query().unwrap().contains("sid=");
        let answer = match key {
            None if is_opening => polled(TEXT, OPEN),
            None => polled(TEXT, "6"),
            Some(key) => {
                let digest = Sha1::new()
                    .chain_update(key.as_bytes())
                    .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
                    .finalize();
                let accept = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest);
                tokio::spawn(async move {
                    let stream = hyper::upgrade::on(request).await.unwrap();
                    let mut stream = hyper_util::rt::TokioIo::new(stream);
                    stream.write_all(&bytes).await.unwrap();
                    // It hangs up behind a close, and nowhere else.
                    if !bytes.contains(&0x88) {
                        std::future::pending::<()>().await;
                    }
                });
                let answer = Response::builder()
                    .status(101)
                    .header("upgrade", "websocket")
                    .header("connection", "Upgrade")
                    .header("sec-websocket-accept", accept);
                answer.body(Vec::new()).unwrap()
            }
        };
        async move {
            if answer.body() == b"6" {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok::<_, Infallible>(answer.map(|body| Full::new(Bytes::from(body))))
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn says_how_a_probe_is_answered_wrong() {
    let probe = |got: &str| Error::Violation(Violation::Probe { got: got.into() });
    let after = Duration::from_secs(60);
    #[rustfmt::skip]
    let cases = [
        (texts(&["3"]),                 probe("3")),
        (texts(&["2probe"]),            probe("2probe")),
        (texts(&[OPEN_WEBSOCKET]),      probe(OPEN_WEBSOCKET)),
        (texts(&["4hello"]),            probe("4hello")),
        (frames(&[b"3probe"], 0x82),    probe("3probe")),
        // Nothing more is said there before the client has said its last word.
        (texts(&["3probe", "4early"]),  probe("4early")),
        (texts(&["3probe", "3probe"]),  probe("3probe")),
        (vec![0x88, 0],                 Error::NotUpgraded(Close::new(1005, ""))),
        ([texts(&["3probe"]), vec![0x88, 2, 3, 0xe9]].concat(), Error::NotUpgraded(Close::new(1001, ""))),
        (vec![],                        Error::TimedOut { after }),
    ];
    for (bytes, expected) in cases {
        let case = String::from_utf8_lossy(&bytes).into_owned();
        let client = probing(bytes);
        let session = client.engineio("/").open().await.unwrap();
        assert_eq!(session.upgrade().await, Err(expected), "{case}");
        assert_eq!(session.transport(), Transport::Polling, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn says_that_no_heartbeat_came() {
    let missed = Error::Violation(Violation::NoHeartbeat);
    // Revision 4 waits for the server's ping, revision 3 for the answer to its own.
    for (revision, open) in [(Revision::V4, OPEN.into()), (Revision::V3, v3(OPEN))] {
        let start = Instant::now();
        let ok = || polled("text/html", "ok");
        let client = serving([polled(TEXT, open)], [ok(), ok()]);
        let session = client.engineio("/").revision(revision);
        assert_eq!(end(session).await, missed, "{revision:?}");
        assert_eq!(start.elapsed().as_secs(), 45, "{revision:?}");
        let open = texts(&[OPEN_WEBSOCKET]);
        let client = probing(open);
        let session = client.engineio("/").transport(Transport::WebSocket);
        let start = Instant::now();
        assert_eq!(
            end(session.revision(revision)).await,
            missed,
            "{revision:?}"
        );
        assert_eq!(start.elapsed().as_secs(), 45, "{revision:?}");
    }
}
