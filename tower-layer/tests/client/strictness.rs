//! Servers that are wrong, each in one way: the client says so, and which way it is.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use sockeye_tower::{
    Close, Transport,
    test::{Client, Error, OpenError, Violation},
};
use tokio::io::AsyncWriteExt;

/// A server that gives these answers in turn and holds what is asked after them.
fn answering(answers: impl IntoIterator<Item = Response<Vec<u8>>>) -> Client {
    let answers: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(answers.into_iter().collect()));
    Client::new(tower::service_fn(move |_: Request<Incoming>| {
        let answer = answers.lock().unwrap().pop_front();
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

pub(crate) fn answer(content_type: &str, body: impl AsRef<[u8]>) -> Response<Vec<u8>> {
    Response::builder()
        .header("content-type", content_type)
        .body(body.as_ref().to_vec())
        .unwrap()
}

const SCRIPT: &str = "application/javascript; charset=UTF-8";
const EVENTS: &str = "text/event-stream";
const HTML: &str = "text/html; charset=UTF-8";

/// What a poll's or stream's answers lead to, by the session's end at the latest.
async fn end(transport: Transport, answers: impl IntoIterator<Item = Response<Vec<u8>>>) -> Error {
    let client = answering(answers);
    let session = match client.session("/").transport(transport).open().await {
        Ok(session) => session,
        Err(OpenError::Failed(error)) => return error,
        Err(OpenError::Closed(close)) => return Error::Closed(close),
        Err(error) => panic!("{error:?}"),
    };
    loop {
        if let Err(error) = session.recv().await {
            return error;
        }
    }
}

fn prelude() -> String {
    format!("{}\n", "h".repeat(2048))
}

#[tokio::test(start_paused = true)]
async fn says_how_a_response_is_wrong() {
    use Transport::{EventSource, HtmlFile, JsonpPolling, XhrPolling, XhrStreaming};
    let got = |text: &str| text.to_owned();
    let frame = |text: &str| Violation::Frame { got: got(text) };
    let stream = |frames: &str| format!("{}{frames}", prelude());
    let streamed = |text: &str| Violation::CutShort { got: got(text) };
    #[rustfmt::skip]
    let cases = [
        (XhrPolling,   vec![answer(SCRIPT, "")],                      Violation::NoFrame),
        (XhrPolling,   vec![answer(SCRIPT, "o")],                     streamed("o")),
        (XhrPolling,   vec![answer(SCRIPT, "o\nh\n")],                Violation::SecondFrame { got: got("Heartbeat") }),
        (XhrPolling,   vec![answer(SCRIPT, "o\nx")],                  streamed("x")),
        (XhrPolling,   vec![answer(SCRIPT, "h\n")],                   Violation::NotOpened { got: got("Heartbeat") }),
        (XhrPolling,   vec![answer(SCRIPT, "<html>\n")],              frame("<html>")),
        (XhrPolling,   vec![answer(SCRIPT, "o\n"), answer(SCRIPT, "o\n")], Violation::OpenedAgain),
        (XhrPolling,   vec![answer(SCRIPT, "o\n"), answer(SCRIPT, "a[]\n")], frame("a[]")),
        (XhrPolling,   vec![answer(SCRIPT, "o\n"), answer(SCRIPT, "a[\"x\", \"y\"]\n")], frame("a[\"x\", \"y\"]")),
        (XhrPolling,   vec![answer(SCRIPT, "o\n"), answer(SCRIPT, "c[3000,\"\"]\nh\n")], Violation::AfterClose { got: got("h\n") }),
        (XhrStreaming, vec![answer(SCRIPT, "o\n")],                   Violation::Prelude { got: got("o\n") }),
        (XhrStreaming, vec![answer(SCRIPT, "hhh")],                   streamed("")),
        (XhrStreaming, vec![answer(SCRIPT, prelude())],               Violation::NoFrame),
        (XhrStreaming, vec![answer(SCRIPT, stream("o\na[\"x"))],      streamed("a[\"x")),
        (XhrStreaming, vec![answer(SCRIPT, stream("o\no\n"))],        Violation::OpenedAgain),
        (XhrStreaming, vec![answer(SCRIPT, stream("o\nc[3000,\"\"]\na[\"x\"]\n"))], Violation::AfterClose { got: got("a[\"x\"]\n") }),
        (EventSource,  vec![answer(EVENTS, "data: o\r\n\r\n")],       Violation::Prelude { got: got("data: o\r\n\r\n") }),
        (EventSource,  vec![answer(EVENTS, "\r\ndata: o\n\n")],       streamed("data: o\n\n")),
        (HtmlFile,     vec![answer(HTML, "<html>")],                  Violation::Prelude { got: got("html>") }),
        (JsonpPolling, vec![answer(SCRIPT, "_jp.atest(\"o\");\r\n")], Violation::Wrapping { expected: got("/**/_jp.atest(FRAME);\r\n"), got: got("_jp.atest(\"o\");\r\n") }),
        (JsonpPolling, vec![answer(SCRIPT, "/**/other(\"o\");\r\n")], Violation::Wrapping { expected: got("/**/_jp.atest(FRAME);\r\n"), got: got("/**/other(\"o\");\r\n") }),
    ];
    for (transport, answers, violation) in cases {
        let case = format!(
            "{transport}: {:?}",
            answers
                .last()
                .map(|answer| String::from_utf8_lossy(answer.body()))
        );
        assert_eq!(
            end(transport, answers).await,
            Error::Violation(violation),
            "{case}"
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
    let transports = [
        (Transport::XhrPolling, SCRIPT),
        (Transport::XhrStreaming, SCRIPT),
        (Transport::EventSource, EVENTS),
        (Transport::HtmlFile, HTML),
        (Transport::JsonpPolling, SCRIPT),
    ];
    for (transport, expected) in transports {
        let wrong = end(transport, [answer("text/plain", "o\n")]).await;
        assert_eq!(
            wrong,
            header("content-type", Some(expected), Some("text/plain"))
        );
        let mut absent = answer(expected, "o\n");
        absent.headers_mut().remove("content-type");
        assert_eq!(
            end(transport, [absent]).await,
            header("content-type", Some(expected), None)
        );
        let mut coded = answer(expected, "o\n");
        coded
            .headers_mut()
            .insert("content-encoding", "gzip".parse().unwrap());
        assert_eq!(
            end(transport, [coded]).await,
            header("content-encoding", None, Some("gzip"))
        );
    }
    // A blank more or less is no mistake.
    let spaced = answer("application/javascript;charset=UTF-8", "c[3000,\"\"]\n");
    assert_eq!(
        end(Transport::XhrPolling, [spaced]).await,
        Error::Closed(Close::new(3000, ""))
    );
}

#[tokio::test(start_paused = true)]
async fn says_how_the_answer_to_a_send_is_wrong() {
    let success = |status: u16, content_type: &str, body: &str| {
        let mut answer = answer(content_type, body);
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        answer
    };
    let plain = "text/plain; charset=UTF-8";
    let wrong = |status: u16, body: &str| Violation::SendAnswer {
        status: StatusCode::from_u16(status).unwrap(),
        body: body.into(),
    };
    let header = Violation::Header {
        name: "content-type",
        expected: Some(plain.into()),
        got: Some("text/html".into()),
    };
    let xhr = || answer(SCRIPT, format!("{}o\n", prelude()));
    let jsonp = || answer(SCRIPT, "/**/_jp.atest(\"o\");\r\n");
    #[rustfmt::skip]
    let cases = [
        (Transport::XhrStreaming, xhr(),   success(200, plain, ""),          wrong(200, "")),
        (Transport::XhrStreaming, xhr(),   success(200, plain, "ok"),        wrong(200, "ok")),
        (Transport::XhrStreaming, xhr(),   success(204, "text/html", ""),    header.clone()),
        (Transport::JsonpPolling, jsonp(), success(204, plain, ""),          wrong(204, "")),
        (Transport::JsonpPolling, jsonp(), success(200, plain, "okay"),      wrong(200, "okay")),
        (Transport::JsonpPolling, jsonp(), success(200, "text/html", "ok"),  header),
    ];
    for (transport, opening, sent, violation) in cases {
        // Whichever of the two requests comes first gets it: the receiver asks again at once.
        let client = answering([opening, sent]);
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let result = session.send("x").await;
        assert_eq!(result, Err(Error::Violation(violation)), "{transport}");
    }
}

/// A server that accepts a WebSocket, with this change to its answer, and then says these bytes.
pub(crate) fn websocket(
    change: impl Fn(&mut Response<Full<Bytes>>) + Clone + Send + 'static,
    bytes: impl AsRef<[u8]>,
) -> Client {
    let bytes = bytes.as_ref().to_vec();
    Client::new(tower::service_fn(move |request: Request<Incoming>| {
        let key = request.headers()["sec-websocket-key"].as_bytes();
        let digest = Sha1::new()
            .chain_update(key)
            .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            .finalize();
        let accept = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest);
        let mut response = Response::builder()
            .status(101)
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-accept", accept)
            .body(Full::default())
            .unwrap();
        change(&mut response);
        let bytes = bytes.clone();
        tokio::spawn(async move {
            let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
            stream.write_all(&bytes).await.unwrap();
        });
        async move { Ok::<_, Infallible>(response) }
    }))
}

#[tokio::test(start_paused = true)]
async fn says_what_is_wrong_with_a_handshake() {
    let set = |name: &'static str, value: Option<&'static str>| {
        move |response: &mut Response<Full<Bytes>>| {
            match value {
                Some(value) => response.headers_mut().insert(name, value.parse().unwrap()),
                None => response.headers_mut().remove(name),
            };
        }
    };
    for transport in [Transport::WebSocket, Transport::RawWebSocket] {
        #[rustfmt::skip]
        let cases = [
            ("upgrade",                  None),
            ("upgrade",                  Some("h2c")),
            ("connection",               Some("close")),
            ("sec-websocket-accept",     None),
            ("sec-websocket-accept",     Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
            ("sec-websocket-extensions", Some("permessage-deflate")),
            ("sec-websocket-protocol",   Some("chat")),
        ];
        for (name, value) in cases {
            let client = websocket(set(name, value), "");
            let opened = client.session("/").transport(transport).open().await;
            let Err(OpenError::Failed(Error::Violation(Violation::Header {
                name: wrong,
                got,
                ..
            }))) = opened
            else {
                // Without `Upgrade` it may be no switch of protocols to hyper either.
                panic!("{name}: {opened:?}");
            };
            assert_eq!((wrong, got.as_deref()), (name, value));
        }
    }
    let offered = websocket(set("sec-websocket-protocol", Some("chat")), b"\x81\x01o");
    let session = offered
        .session("/")
        .header("sec-websocket-protocol", "other, chat");
    session.open().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn says_how_a_websocket_is_wrong() {
    let text = |text: &str| [&[0x81, text.len() as u8], text.as_bytes()].concat();
    let open = text("o");
    let after_open = |bytes: &[u8]| [&*open, bytes].concat();
    let close = |code: u16| [&[0x88, 2][..], &code.to_be_bytes()].concat();
    let got = |text: &str| text.to_owned();
    #[rustfmt::skip]
    let framed = [
        (text("h"),                                       Violation::NotOpened { got: got("h") }),
        (text("hello"),                                   Violation::Frame { got: got("hello") }),
        (after_open(&open),                               Violation::OpenedAgain),
        (after_open(&text("[\"x\"]")),                    Violation::Frame { got: got("[\"x\"]") }),
        (after_open(b"\x82\x01x"),                        Violation::Frame { got: got("x") }),
        (after_open(&text("c[3000,\"\"]")),               Violation::WebSocketClose { code: None }),
        (after_open(&[text("c[3000,\"\"]"), close(3001)].concat()), Violation::WebSocketClose { code: Some(3001) }),
        (after_open(&[text("c[3000,\"\"]"), text("h")].concat()), Violation::AfterClose { got: got("h") }),
    ];
    for (bytes, violation) in framed {
        let client = websocket(|_| {}, &bytes);
        let error = match client.session("/").open().await {
            Ok(session) => loop {
                if let Err(error) = session.recv().await {
                    break error;
                }
            },
            Err(OpenError::Failed(error)) => error,
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(error, Error::Violation(violation), "{bytes:?}");
    }
    #[rustfmt::skip]
    let raw: [(&str, &[u8]); 5] = [
        ("masked",        b"\x81\x81mask\x00"),
        ("reserved bits", b"\xc1\x01x"),
        ("bad UTF-8",     b"\x81\x01\xff"),
        ("bad opcode",    b"\x83\x01x"),
        ("long ping",     &[&[0x89, 126, 0, 126][..], &[0; 126]].concat()),
    ];
    for (case, bytes) in raw {
        let client = websocket(|_| {}, bytes);
        let session = client
            .session("/")
            .transport(Transport::RawWebSocket)
            .open()
            .await
            .unwrap();
        let received = session.recv().await;
        assert!(
            matches!(
                &received,
                Err(Error::Violation(Violation::WebSocket { .. }))
            ),
            "{case}: {received:?}"
        );
    }
    let client = websocket(|_| {}, text("last"));
    let session = client
        .session("/")
        .transport(Transport::RawWebSocket)
        .open()
        .await
        .unwrap();
    assert_eq!(session.recv().await, Ok("last".into()));
    assert_eq!(session.recv().await, Err(Error::Disconnected));
    let client = websocket(|_| {}, b"\x88\x00");
    let session = client
        .session("/")
        .transport(Transport::RawWebSocket)
        .open()
        .await
        .unwrap();
    assert_eq!(session.closed().await, Ok(Close::new(1005, "")));
}
