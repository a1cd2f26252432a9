//! Section 7: what `xhr_send` and `jsonp_send` take, and how they refuse.

use sockeye_tests::{
    http1::{Connection, Request, Response},
    sockjs::{Client, Receiver, array, message_frame},
};

use crate::{Context, cases};

cases![
    xhr_send_refuses_in_this_order,
    jsonp_send_refuses_in_this_order,
    xhr_send_takes_these_content_types,
    jsonp_send_reads_forms_and_plain_bodies,
    empty_arrays_and_empty_messages_are_valid,
    blanks_are_fine_and_byte_order_marks_are_not,
    members_that_are_no_strings_refuse_the_whole_body,
    invalid_utf_8_refuses_the_whole_body,
    an_error_never_harms_the_session,
    refused_sends_leave_the_connection_usable,
    bodies_may_be_chunked_anywhere,
    large_bodies_arrive_whole,
    success_looks_like_this,
    senders_work_with_any_receiver,
    expect_continue_is_answered,
];

const PAYLOAD_EXPECTED: &str = "Payload expected.";
const BROKEN_JSON: &str = "Broken JSON encoding.";

/// A JSONP form.
fn form(client: &Client<'_>, body: impl AsRef<[u8]>) -> Request {
    let path = format!("{}/000/{}/jsonp_send", client.mount, client.session);
    Request::new("POST", path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body)
}

fn plain_jsonp(client: &Client<'_>, body: impl AsRef<[u8]>) -> Request {
    let path = format!("{}/000/{}/jsonp_send", client.mount, client.session);
    Request::new("POST", path)
        .header("Content-Type", "text/plain")
        .body(body)
}

#[track_caller]
fn assert_refused(response: &Response, texts: &[&str], what: &str) {
    assert_eq!(response.status(), 500, "{what}: {response:?}");
    assert!(
        texts.contains(&response.text()),
        "{what}: {:?}, not {texts:?}",
        response.text()
    );
}

const NOT_ARRAYS: [&str; 8] = [
    "{}",
    "null",
    r#""x""#,
    "1",
    "true",
    "-1.5e3",
    r#"{"0":"x"}"#,
    "  {} ",
];
const NOT_JSON: [&str; 18] = [
    "[",
    "[\"x",
    "[\"x\"",
    "[\"x\",",
    "[\"x\",]",
    "[,]",
    "['x']",
    "[\"x\"]]",
    "[\"x\"][",
    "[\"x\"]x",
    "x",
    "[\"\\x\"]",
    "[\"\\u12\"]",
    "[\"\n\"]",
    "[\"\t\"]",
    "[\"\u{0}\"]",
    "[\"a\" \"b\"]",
    "[undefined]",
];

fn xhr_send_refuses_in_this_order(context: &Context) {
    // The body is judged before the session, so both clients see the same.
    let server = context.server();
    for client in [Client::new(server, "/echo"), Client::open(server, "/echo")] {
        assert_refused(
            &server.ask(&client.send_request("")),
            &[PAYLOAD_EXPECTED],
            "empty",
        );
        let no_length = Request::new("POST", format!("/echo/000/{}/xhr_send", client.session));
        assert_refused(
            &server.ask(&no_length),
            &[PAYLOAD_EXPECTED],
            "no body at all",
        );
        for body in NOT_JSON {
            assert_refused(
                &server.ask(&client.send_request(body)),
                &[BROKEN_JSON],
                body,
            );
        }
        for body in NOT_ARRAYS {
            assert_refused(
                &server.ask(&client.send_request(body)),
                &[PAYLOAD_EXPECTED, BROKEN_JSON],
                body,
            );
        }
    }
}

fn jsonp_send_refuses_in_this_order(context: &Context) {
    let server = context.server();
    for client in [Client::new(server, "/echo"), Client::open(server, "/echo")] {
        for body in ["", "x=1", "d=", "d", "&", "d=&x=1", "D=%5B%5D", "dd=%5B%5D"] {
            assert_refused(
                &server.ask(&form(&client, body)),
                &[PAYLOAD_EXPECTED],
                &format!("form {body:?}"),
            );
        }
        for body in [
            "d=%5B%22x",
            "d=x",
            "d=%",
            "d=%zz",
            "d=%5B%22x%22%5Dx",
            "d=%FF",
        ] {
            assert_refused(
                &server.ask(&form(&client, body)),
                &[BROKEN_JSON],
                &format!("form {body:?}"),
            );
        }
        for body in ["d=%7B%7D", "d=null", "d=1", "d=%22x%22"] {
            assert_refused(
                &server.ask(&form(&client, body)),
                &[PAYLOAD_EXPECTED, BROKEN_JSON],
                &format!("form {body:?}"),
            );
        }
        assert_refused(
            &server.ask(&plain_jsonp(&client, "")),
            &[PAYLOAD_EXPECTED],
            "plain, empty",
        );
        for body in NOT_JSON.into_iter().chain(["d=[]", "%5B%5D"]) {
            assert_refused(
                &server.ask(&plain_jsonp(&client, body)),
                &[BROKEN_JSON],
                &format!("plain {body:?}"),
            );
        }
        for body in NOT_ARRAYS {
            assert_refused(
                &server.ask(&plain_jsonp(&client, body)),
                &[PAYLOAD_EXPECTED, BROKEN_JSON],
                body,
            );
        }
        for content_type in [
            "application/json",
            "multipart/form-data; boundary=x",
            "image/png",
        ] {
            let path = format!("/echo/000/{}/jsonp_send", client.session);
            let request = Request::new("POST", path)
                .header("Content-Type", content_type)
                .body("[]");
            assert_refused(&server.ask(&request), &[PAYLOAD_EXPECTED], content_type);
        }
    }
}

fn xhr_send_takes_these_content_types(context: &Context) {
    let server = context.server();
    let client = Client::open(server, "/echo");
    let path = format!("/echo/000/{}/xhr_send", client.session);
    let types = [
        "text/plain",
        "T",
        "application/json",
        "application/xml",
        "text/xml",
        "",
        "text/plain; charset=UTF-8",
        "text/plain;charset=utf-8",
        "application/json;charset=UTF-8",
        "text/xml; charset=UTF-8",
    ];
    for content_type in types {
        let request = Request::new("POST", &path)
            .header("Content-Type", content_type)
            .body(r#"["x"]"#);
        assert_eq!(server.ask(&request).status(), 204, "{content_type}");
        client.expect_poll(Receiver::Xhr, r#"a["x"]"#);
    }
    assert_eq!(
        server
            .ask(&Request::new("POST", &path).body(r#"["absent"]"#))
            .status(),
        204
    );
    client.expect_poll(Receiver::Xhr, r#"a["absent"]"#);
    // Refused by the reference, free here: but whatever the answer, it is one of these.
    for content_type in [
        "application/x-www-form-urlencoded",
        "TEXT/PLAIN",
        "image/png",
        "text/plain2",
        ";",
        "/",
    ] {
        let request = Request::new("POST", &path)
            .header("Content-Type", content_type)
            .body("[]");
        let response = server.ask(&request);
        assert!(
            response.status() == 204
                || (response.status() == 500 && response.text() == PAYLOAD_EXPECTED),
            "{content_type}: {response:?}"
        );
    }
}

fn jsonp_send_reads_forms_and_plain_bodies(context: &Context) {
    let server = context.server();
    let client = Client::open(server, "/echo");
    let path = format!("/echo/000/{}/jsonp_send", client.session);
    let encoded = "application/x-www-form-urlencoded";
    #[rustfmt::skip]
    let cases = [
        // type                                              body                              message
        (encoded,                                            "d=%5B%22x%22%5D",                "x"),
        ("application/x-www-form-urlencoded; charset=UTF-8", "d=%5B%22x%22%5D",                "x"),
        ("application/x-www-form-urlencoded;charset=utf-8",  "d=[\"raw\"]",                    "raw"),
        (encoded,                                            "a=1&d=%5B%22middle%22%5D&b=2",   "middle"),
        (encoded,                                            "d=%5B%22a+b%2Bc%22%5D",          "a b+c"),
        (encoded,                                            "%64=%5B%22name%22%5D",           "name"),
        (encoded,                                            "d=%5B%22%25%26%3D%3B%22%5D",     "%&=;"),
        (encoded,                                            "d=%5B%22%C3%A9%F0%9F%98%80%22%5D", "\u{e9}\u{1f600}"),
        (encoded,                                            "d=+%5B%22blank%22%5D+",          "blank"),
        (encoded,                                            "d=%5B%22=%22%5D",                "="),
        ("text/plain",                                       "[\"%61bc\"]",                    "%61bc"),
        ("text/plain; charset=UTF-8",                        "[\"a+b\"]",                      "a+b"),
        ("",                                                 "[\"untyped\"]",                  "untyped"),
    ];
    for (content_type, body, message) in cases {
        let response = server.ask(
            &Request::new("POST", &path)
                .header("Content-Type", content_type)
                .body(body),
        );
        assert_eq!(
            (response.status(), response.text()),
            (200, "ok"),
            "{content_type:?} {body}"
        );
        let seen = client.messages(1);
        assert_eq!(seen, [message], "{content_type:?} {body}");
    }
    assert_eq!(
        server
            .ask(&Request::new("POST", &path).body(r#"["absent"]"#))
            .text(),
        "ok"
    );
    client.expect_poll(Receiver::Xhr, r#"a["absent"]"#);
}

fn empty_arrays_and_empty_messages_are_valid(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for body in ["[]", "[ ]", "\n[\t]\r\n"] {
        assert_eq!(
            client.server.ask(&client.send_request(body)).status(),
            204,
            "{body}"
        );
        assert_eq!(
            client.server.ask(&plain_jsonp(&client, body)).text(),
            "ok",
            "{body}"
        );
    }
    assert_eq!(client.server.ask(&form(&client, "d=%5B%5D")).text(), "ok");
    client.send(&[""]);
    client.expect_poll(Receiver::Xhr, r#"a[""]"#);
    client.send(&["", ""]);
    assert_eq!(client.messages(2), ["", ""]);
}

fn blanks_are_fine_and_byte_order_marks_are_not(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for body in [" [\"x\"]", "[\"x\"]\n", "\r\n[\t\"x\" ] ", "[\n\"x\"\n]"] {
        assert_eq!(
            client.server.ask(&client.send_request(body)).status(),
            204,
            "{body:?}"
        );
        client.expect_poll(Receiver::Xhr, r#"a["x"]"#);
    }
    for body in [
        "\u{feff}[\"x\"]",
        "[\"x\"]\u{feff}",
        "\u{a0}[\"x\"]",
        "\u{2028}[]",
        "\u{b}[]",
        "[\"x\"]\0",
    ] {
        assert_refused(
            &client.server.ask(&client.send_request(body)),
            &[BROKEN_JSON],
            &format!("{body:?}"),
        );
    }
}

/// Sends a body that is refused, then a valid one, and sees that one alone.
#[track_caller]
fn assert_nothing_of(client: &Client<'_>, body: impl AsRef<[u8]>) {
    let body = body.as_ref();
    let what = String::from_utf8_lossy(body).into_owned();
    assert_refused(
        &client.server.ask(&client.send_request(body)),
        &[PAYLOAD_EXPECTED, BROKEN_JSON],
        &what,
    );
    client.send(&["marker"]);
    assert_eq!(client.poll(), r#"a["marker"]"#, "after {what}");
}

fn members_that_are_no_strings_refuse_the_whole_body(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for body in [
        "[1]",
        "[null]",
        "[true]",
        "[{}]",
        "[[]]",
        r#"["good",1]"#,
        r#"[1,"good"]"#,
        r#"["good",["nested"]]"#,
        r#"["a",{"b":"c"},"d"]"#,
        r#"["a",null]"#,
    ] {
        assert_nothing_of(&client, body);
    }
}

fn invalid_utf_8_refuses_the_whole_body(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let sequences: [&[u8]; 9] = [
        b"\xff",
        b"\xc3",
        b"\xc3(",
        b"\x80",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98",
        b"\xf5\x80\x80\x80",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
    ];
    for sequence in sequences {
        let body = [b"[\"good\",\"x", sequence, b"y\"]"].concat();
        assert_nothing_of(&client, &body);
        let response = client.server.ask(&client.send_request(&body));
        assert_eq!(response.text(), BROKEN_JSON, "{sequence:?}");
        let form_body: String = body.iter().map(|byte| format!("%{byte:02x}")).collect();
        let response = client.server.ask(&form(&client, format!("d={form_body}")));
        assert_eq!(
            (response.status(), response.text()),
            (500, BROKEN_JSON),
            "{sequence:?} in a form"
        );
    }
    client.send(&["alive"]);
    client.expect_poll(Receiver::Xhr, r#"a["alive"]"#);
}

fn an_error_never_harms_the_session(context: &Context) {
    for receiver in Receiver::ALL {
        let client = Client::new(context.server(), "/echo");
        let mut attached = client.open_attached(receiver);
        for body in ["", "[\"x", "{}", "[1]"] {
            assert_eq!(client.server.ask(&client.send_request(body)).status(), 500);
            assert_eq!(client.server.ask(&plain_jsonp(&client, body)).status(), 500);
        }
        client.send(&["alive"]);
        attached.expect(r#"a["alive"]"#);
    }
}

fn refused_sends_leave_the_connection_usable(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let stranger = Client::new(context.server(), "/echo");
    let mut connection = Connection::open(client.server);
    for _ in 0..3 {
        assert_eq!(connection.ask(&client.send_request("")).status(), 500);
        assert_eq!(connection.ask(&client.send_request("[\"x")).status(), 500);
        assert_eq!(
            connection.ask(&stranger.send_request("[\"x\"]")).status(),
            404
        );
        // Refused by its type, so that nobody wants the body; it is read all the same.
        let path = format!("/echo/000/{}/jsonp_send", client.session);
        let refused = Request::new("POST", path)
            .header("Content-Type", "image/png")
            .body("x".repeat(200_000));
        assert_eq!(connection.ask(&refused).status(), 500);
        // A body to a path or method that takes none.
        assert_eq!(
            connection
                .ask(&Request::post("/echo/nothing").body("x".repeat(10_000)))
                .status(),
            404
        );
        assert_eq!(
            connection
                .ask(&Request::post("/echo/info").body("x".repeat(10_000)))
                .status(),
            405
        );
    }
    assert_eq!(
        connection
            .ask(&client.send_request(r#"["alive"]"#))
            .status(),
        204
    );
    client.expect_poll(Receiver::Xhr, r#"a["alive"]"#);
}

fn bodies_may_be_chunked_anywhere(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let message = "\u{e9}\u{1f600}x";
    let body = array(&[message]);
    for size in 1..body.len() {
        // Cuts characters and escapes in half, too.
        let request = Request::new("POST", format!("/echo/000/{}/xhr_send", client.session))
            .chunked(body.as_bytes().chunks(size));
        assert_eq!(
            client.server.ask(&request).status(),
            204,
            "chunks of {size}"
        );
        client.expect_poll(Receiver::Xhr, &message_frame(&[message]));
    }
}

fn large_bodies_arrive_whole(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for size in [100_000, 1 << 20, 7 << 20] {
        let message: String = ('a'..='z').cycle().take(size).collect();
        client.send(&[&message]);
        client.expect_poll(Receiver::Xhr, &message_frame(&[&message]));
        let request = Request::new("POST", format!("/echo/000/{}/jsonp_send", client.session))
            .header("Content-Type", "text/plain")
            .chunked(array(&[&message]).as_bytes().chunks(65_536));
        assert_eq!(client.server.ask(&request).text(), "ok");
        client.expect_poll(Receiver::Xhr, &message_frame(&[&message]));
    }
}

fn success_looks_like_this(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let sent = client.server.ask(&client.send_request("[]"));
    assert_eq!((sent.status(), sent.text()), (204, ""));
    assert_eq!(
        sent.header("content-type")
            .map(|value| value.replace(' ', ""))
            .as_deref(),
        Some("text/plain;charset=UTF-8")
    );
    assert_eq!(sent.header("transfer-encoding"), None, "a 204 has no body");
    let sent = client.server.ask(&plain_jsonp(&client, "[]"));
    assert_eq!((sent.status(), sent.text()), (200, "ok"));
    assert_eq!(sent.header("content-length"), Some("2"));
    assert_eq!(
        sent.header("content-type")
            .map(|value| value.replace(' ', ""))
            .as_deref(),
        Some("text/plain;charset=UTF-8")
    );
}

fn senders_work_with_any_receiver(context: &Context) {
    for receiver in Receiver::ALL {
        let client = Client::new(context.server(), "/echo");
        client.expect_poll(Receiver::Xhr, "o");
        client.send(&["by xhr_send"]);
        let mut attached = client.attach(receiver);
        attached.expect(r#"a["by xhr_send"]"#);
        if !receiver.is_streaming() {
            attached.expect_end();
            attached = client.attach(receiver);
        }
        assert_eq!(
            client
                .server
                .ask(&form(&client, "d=%5B%22by+jsonp_send%22%5D"))
                .text(),
            "ok"
        );
        attached.expect(r#"a["by jsonp_send"]"#);
    }
}

fn expect_continue_is_answered(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let mut connection = Connection::open(client.server);
    let body = r#"["x"]"#;
    let request = client
        .send_request(body)
        .header("Expect", "100-continue")
        .bytes();
    let (head, body) = request.split_at(request.len() - body.len());
    connection.write(head);
    assert_eq!(connection.head().status, 100);
    connection.write(body);
    assert_eq!(connection.response("POST").status(), 204);
    client.expect_poll(Receiver::Xhr, r#"a["x"]"#);
}
