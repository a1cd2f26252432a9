//! Section 6: what the receivers' requests may look like.

use sockeye_tests::{
    http1::{Connection, Request},
    sockjs::{Client, Receiver, json_string, session_id},
};

use crate::{Context, cases};

cases![
    a_receiver_needs_no_body_and_reads_none,
    callbacks_are_required,
    callbacks_are_checked_and_never_reflected,
    callbacks_are_checked_before_any_session,
    jsonp_callbacks_have_at_most_32_characters,
    c_wins_over_callback,
    callbacks_are_percent_decoded,
    a_refused_callback_touches_no_session,
];

fn a_receiver_needs_no_body_and_reads_none(context: &Context) {
    let server = context.server();
    let post = |path: &str| Request::new("POST", path);
    let path = || format!("/echo/000/{}/xhr", session_id());
    let bodies = [
        post(&path()),
        post(&path()).body(""),
        post(&path()).body("ignored"),
        post(&path()).body(r#"["not a message"]"#),
        post(&path()).body("x".repeat(100_000)),
        post(&path()).chunked(["some", "more"]),
        post(&path()).chunked::<&str>([]),
        post(&path())
            .header("Content-Type", "application/octet-stream")
            .body([0xff, 0]),
        // An empty length is what some old clients send; refusing it as malformed HTTP is the parser's right.
    ];
    for request in bodies {
        // On one connection: what was not read of the body must not become the next request.
        let mut connection = Connection::open(server);
        assert_eq!(connection.ask(&request).text(), "o\n", "{request:?}");
        assert_eq!(
            connection.ask(&Request::get("/echo")).text(),
            "Welcome to SockJS!\n",
            "after {request:?}"
        );
    }
}

/// Both URLs that take a callback, with a query.
fn with_query(query: &str) -> [String; 2] {
    ["jsonp", "htmlfile"].map(|name| format!("/echo/000/{}/{name}{query}", session_id()))
}

fn callbacks_are_required(context: &Context) {
    for query in [
        "",
        "?",
        "?d=x",
        "?C=x",
        "?callbac=x",
        "?x&y",
        "?cc=x",
        "?%20c=x",
        "?t=1&",
    ] {
        for target in with_query(query) {
            let response = context.server().ask(&Request::get(&target));
            assert_eq!(response.status(), 500, "{target}: {response:?}");
            assert_eq!(
                response.text(),
                r#""callback" parameter required"#,
                "{target}"
            );
        }
    }
    // Empty is taken by the reference, as broken script; here it is missing.
    for query in ["?c=", "?callback=", "?c", "?c=&callback="] {
        for target in with_query(query) {
            let response = context.server().ask(&Request::get(&target));
            assert_eq!(response.status(), 500, "{target}: {response:?}");
            assert!(
                response.text().contains("\"callback\" parameter"),
                "{target}: {response:?}"
            );
        }
    }
}

const HOSTILE: [&str; 16] = [
    "abc(d",
    "abc)d",
    "%20",
    "a%20b",
    "%3Cscript%3E",
    "alert(1)%3B%2F%2F",
    "a%3Db",
    "a%5Bb%5D",
    "%22",
    "%27",
    "%0A",
    "%00",
    "%C3%A9",
    "%ff",
    "a%2Fb",
    "%24",
];

fn callbacks_are_checked_and_never_reflected(context: &Context) {
    for callback in HOSTILE {
        for name in ["c", "callback"] {
            for target in with_query(&format!("?{name}={callback}")) {
                let response = context.server().ask(&Request::get(&target));
                assert_eq!(response.status(), 500, "{target}: {response:?}");
                assert_eq!(
                    response.text(),
                    r#"invalid "callback" parameter"#,
                    "{target}"
                );
                let content_type = response.header("content-type").unwrap_or_default();
                assert!(
                    !content_type.contains("html") && !content_type.contains("script"),
                    "{target}: {content_type}"
                );
            }
        }
    }
}

fn callbacks_are_checked_before_any_session(context: &Context) {
    for name in ["jsonp", "htmlfile"] {
        for query in ["", "?c=%3C"] {
            let client = Client::new(context.server(), "/echo");
            let target = format!("/echo/000/{}/{name}{query}", client.session);
            assert_eq!(context.server().ask(&Request::get(target)).status(), 500);
            assert_eq!(
                client.server.ask(&client.send_request("[]")).status(),
                404,
                "a session was made"
            );
        }
    }
}

fn jsonp_callbacks_have_at_most_32_characters(context: &Context) {
    let server = context.server();
    for length in [1, 31, 32] {
        let callback = "c".repeat(length);
        let response = server.ask(&Request::get(format!(
            "/echo/000/{}/jsonp?c={callback}",
            session_id()
        )));
        assert_eq!(response.text(), format!("/**/{callback}(\"o\");\r\n"));
    }
    for length in [33, 1000, 5000] {
        let callback = "c".repeat(length);
        let response = server.ask(&Request::get(format!(
            "/echo/000/{}/jsonp?c={callback}",
            session_id()
        )));
        assert_eq!(
            (response.status(), response.text()),
            (500, r#"invalid "callback" parameter"#),
            "{length}"
        );
    }
}

fn c_wins_over_callback(context: &Context) {
    for query in [
        "?c=first&callback=second",
        "?callback=second&c=first",
        "?t=1&c=first",
        "?callback=first",
    ] {
        let response = context.server().ask(&Request::get(format!(
            "/echo/000/{}/jsonp{query}",
            session_id()
        )));
        assert_eq!(
            response.text(),
            format!("/**/first({});\r\n", json_string("o")),
            "{query}"
        );
    }
}

fn callbacks_are_percent_decoded(context: &Context) {
    for (sent, callback) in [
        ("%63allback", "callback"),
        ("a%2eb%2Dc%5F", "a.b-c_"),
        ("_jp.a%31b", "_jp.a1b"),
        ("-_.", "-_."),
    ] {
        let response = context.server().ask(&Request::get(format!(
            "/echo/000/{}/jsonp?c={sent}",
            session_id()
        )));
        assert_eq!(
            response.text(),
            format!("/**/{callback}(\"o\");\r\n"),
            "{sent}"
        );
    }
}

fn a_refused_callback_touches_no_session(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    client.send(&["kept"]);
    for name in ["jsonp", "htmlfile"] {
        let target = format!("/echo/000/{}/{name}?c=%3C", client.session);
        assert_eq!(client.server.ask(&Request::get(target)).status(), 500);
    }
    client.expect_poll(Receiver::Xhr, r#"a["kept"]"#);
}
