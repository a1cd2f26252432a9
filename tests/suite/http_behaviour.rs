//! Section 11: HTTP beyond SockJS.

use sockeye_tests::{
    http1::{Connection, Request},
    sockjs::{Attached, CALLBACK, Client, Receiver, message_frame, session_id},
};

use crate::{Context, cases};

cases![
    one_connection_takes_every_exchange,
    pipelined_requests_are_answered_in_order,
    a_poll_can_be_answered_by_a_send_behind_it_on_another_connection,
    http_1_0_gets_whole_answers_without_chunks,
    http_1_0_streams_end_with_the_connection,
    http_1_0_keeps_alive_when_asked_and_able,
    connection_close_is_obeyed,
    upgrade_headers_elsewhere_change_nothing,
    connection_upgrade_without_upgrade_is_plain,
    get_with_a_body_leaves_the_connection_in_step,
    length_and_chunked_together_smuggle_nothing,
    host_is_required_once,
    absolute_targets_work,
    dates_are_there,
    errors_before_the_body_was_sent_do_not_break_the_connection,
];

fn one_connection_takes_every_exchange(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let mut connection = Connection::open(client.server);
    let path = |name: &str| format!("/echo/000/{}/{name}", client.session);
    let exchanges = [
        (200, Request::get("/echo")),
        (200, Request::get("/echo/info")),
        (204, Request::new("OPTIONS", "/echo/info")),
        (200, Request::get("/echo/iframe.html")),
        (404, Request::get("/echo/none")),
        (405, Request::post("/echo/info").body("x")),
        (400, Request::get("/echo/websocket")),
        (404, client.send_request("[]")),
        (200, Receiver::Xhr.request("/echo", &client.session)),
        (204, client.send_request(r#"["x"]"#)),
        (200, Receiver::Jsonp.request("/echo", &client.session)),
        (500, client.send_request("")),
        (500, client.send_request("[")),
        (500, Request::get(path("jsonp"))),
        (500, Request::get(path("htmlfile?c=%3C"))),
        (200, Request::post(path("jsonp_send")).body(r#"["y"]"#)),
        (200, Receiver::Xhr.request("/echo", &client.session)),
        (405, Request::get(path("xhr"))),
        (200, Request::get("/healthz")),
    ];
    for (status, request) in exchanges {
        let response = connection.ask(&request);
        let same = response.status() == status
            || (request.method() == "OPTIONS" && response.status() == 200);
        assert!(same, "{request:?}: {response:?}");
        assert!(
            !response.head.has_token("connection", "close"),
            "{response:?}"
        );
    }
    for receiver in Receiver::STREAMING {
        client.send(&["x".repeat(5000)]);
        let request = receiver.request("/echo", &client.session);
        let mut stream = Attached::on(connection, receiver, &request);
        stream.chunk().expect("the message");
        connection = stream.expect_end();
    }
    assert_eq!(connection.ask(&Request::get("/echo")).status(), 200);
}

fn pipelined_requests_are_answered_in_order(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let mut connection = Connection::open(client.server);
    let poll = Receiver::Xhr.request("/echo", &client.session);
    connection.write(
        [
            poll.bytes(),
            client.send_request(r#"["x"]"#).bytes(),
            poll.bytes(),
        ]
        .concat(),
    );
    assert_eq!(connection.response("POST").text(), "o\n");
    assert_eq!(connection.response("POST").status(), 204);
    assert_eq!(connection.response("POST").text(), "a[\"x\"]\n");
    let mut many = Vec::new();
    for _ in 0..50 {
        many.extend(Request::get("/echo/info").bytes());
        many.extend(Request::get("/echo").bytes());
    }
    connection.write(many);
    for _ in 0..50 {
        assert_eq!(
            connection
                .response("GET")
                .header("content-type")
                .map(|value| value.starts_with("application/json")),
            Some(true)
        );
        assert_eq!(connection.response("GET").text(), "Welcome to SockJS!\n");
    }
}

fn a_poll_can_be_answered_by_a_send_behind_it_on_another_connection(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let mut poll = client.attach(Receiver::Xhr);
    let mut other = Connection::open(client.server);
    assert_eq!(other.ask(&client.send_request(r#"["x"]"#)).status(), 204);
    poll.expect(r#"a["x"]"#);
}

fn http_1_0_gets_whole_answers_without_chunks(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let exchanges = [
        (200, "Welcome to SockJS!\n", Request::get("/echo")),
        (
            404,
            "404 Error: Page not found\n",
            Request::get("/echo/none"),
        ),
        (200, "o\n", Receiver::Xhr.request("/echo", &client.session)),
        (204, "", client.send_request(r#"["x"]"#)),
        (
            200,
            "a[\"x\"]\n",
            Receiver::Xhr.request("/echo", &client.session),
        ),
        (500, "Broken JSON encoding.", client.send_request("[")),
        (405, "", Request::get("/echo/000/x/xhr")),
    ];
    for (status, body, request) in exchanges {
        let mut connection = Connection::open(client.server);
        let response = connection.ask(&request.http_1_0());
        assert_eq!(
            (response.status(), response.text()),
            (status, body),
            "{response:?}"
        );
        assert_eq!(response.header("transfer-encoding"), None, "{response:?}");
        assert!(
            connection.rest().is_empty(),
            "closed, as nothing else was asked"
        );
    }
    // A waiting poll, too.
    client.send(&["later"]);
    let response = client
        .server
        .ask(&Receiver::Jsonp.request("/echo", &client.session).http_1_0());
    assert_eq!(response.body, Receiver::Jsonp.wrap(r#"a["later"]"#));
}

fn http_1_0_streams_end_with_the_connection(context: &Context) {
    for receiver in Receiver::STREAMING {
        for keep_alive in [false, true] {
            let client = Client::new(context.server(), "/echo");
            let mut connection = Connection::open(client.server);
            let mut request = receiver.request("/echo", &client.session).http_1_0();
            if keep_alive {
                request = request.header("Connection", "keep-alive");
            }
            connection.send(&request);
            let head = connection.head();
            assert_eq!(head.status, 200);
            assert_eq!(head.header("transfer-encoding"), None, "{head:?}");
            assert_eq!(head.header("content-length"), None, "{head:?}");
            let begin = [receiver.prelude(), receiver.wrap("o")].concat();
            assert_eq!(connection.exactly(begin.len()), begin, "{receiver:?}");
            let message = "x".repeat(5000);
            client.send(&[&message]);
            assert_eq!(
                connection.rest(),
                receiver.wrap(&message_frame(&[message])),
                "{receiver:?}"
            );
        }
    }
}

fn http_1_0_keeps_alive_when_asked_and_able(context: &Context) {
    let mut connection = Connection::open(context.server());
    let request = Request::get("/echo")
        .http_1_0()
        .header("Connection", "keep-alive");
    let first = connection.ask(&request);
    assert_eq!(first.text(), "Welcome to SockJS!\n");
    if first.head.has_token("connection", "keep-alive") {
        assert!(first.header("content-length").is_some(), "{first:?}");
        assert_eq!(connection.ask(&request).text(), "Welcome to SockJS!\n");
    } else {
        assert!(connection.rest().is_empty());
    }
}

fn connection_close_is_obeyed(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for request in [
        Request::get("/echo"),
        client.send_request(r#"["x"]"#),
        Receiver::Xhr.request("/echo", &client.session),
    ] {
        let mut connection = Connection::open(client.server);
        let response = connection.ask(&request.header("Connection", "close"));
        assert!(response.status() < 300, "{response:?}");
        assert!(connection.rest().is_empty());
    }
}

/// CVE-2020-7693: an upgrade on another URL ended the process.
fn upgrade_headers_elsewhere_change_nothing(context: &Context) {
    let server = context.server();
    let targets = |session: &str| {
        let mut targets = vec![
            ("GET", "/echo".to_owned()),
            ("GET", "/echo/info".to_owned()),
            ("OPTIONS", "/echo/info".to_owned()),
            ("GET", "/echo/iframe.html".to_owned()),
            ("GET", "/echo/none".to_owned()),
            ("GET", "/echo/a/b".to_owned()),
            ("POST", format!("/echo/000/{session}/xhr_send")),
            ("POST", format!("/echo/000/{session}/jsonp_send")),
            ("OPTIONS", format!("/echo/000/{session}/xhr")),
            ("GET", "/healthz".to_owned()),
        ];
        for receiver in Receiver::ALL {
            let method = receiver.request("", "").method().to_owned();
            let own = |other: &str| {
                format!(
                    "/echo/000/{session}{}/{}?c={CALLBACK}",
                    other,
                    receiver.name()
                )
            };
            targets.push((
                if method == "GET" { "GET" } else { "POST" },
                own(receiver.name()),
            ));
            targets.push((if method == "GET" { "POST" } else { "GET" }, own("wrong")));
        }
        targets
    };
    for protocol in [
        "websocket",
        "WebSocket",
        "h2c",
        "TLS/1.0",
        "websocket, h2c",
        "",
        "\u{e9}",
    ] {
        for connection in ["Upgrade", "keep-alive, Upgrade", "Upgrade, HTTP2-Settings"] {
            let (plain, upgraded) = (session_id(), session_id());
            for ((method, plain), (_, upgraded)) in
                targets(&plain).into_iter().zip(targets(&upgraded))
            {
                let first_head = |request: Request| {
                    let mut connection = Connection::open(server);
                    connection.send(&request);
                    connection.head()
                };
                let expected = first_head(Request::any(method, &plain));
                let request = Request::any(method, &upgraded)
                    .header("Upgrade", protocol)
                    .header("Connection", connection)
                    .header("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")
                    .header("Sec-WebSocket-Version", "13")
                    .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
                let got = first_head(request);
                let what = format!(
                    "{method} {upgraded} with Upgrade: {protocol}, Connection: {connection}: {got:?}"
                );
                assert_eq!(got.status, expected.status, "{what}");
                assert_eq!(
                    got.header("content-type"),
                    expected.header("content-type"),
                    "{what}"
                );
            }
        }
    }
}

/// What the usual nginx sample makes of every request.
fn connection_upgrade_without_upgrade_is_plain(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let mut connection = Connection::open(client.server);
    let nginx = |request: Request| request.header("Connection", "upgrade");
    assert_eq!(
        connection
            .ask(&nginx(Receiver::Xhr.request("/echo", &client.session)))
            .text(),
        "o\n"
    );
    assert_eq!(
        connection
            .ask(&nginx(client.send_request(r#"["x"]"#)))
            .status(),
        204
    );
    assert_eq!(
        connection
            .ask(&nginx(Receiver::Xhr.request("/echo", &client.session)))
            .text(),
        "a[\"x\"]\n"
    );
}

fn get_with_a_body_leaves_the_connection_in_step(context: &Context) {
    let smuggled = Request::get("/echo/none").bytes();
    for target in [
        "/echo",
        "/echo/info",
        "/echo/iframe.html",
        "/echo/none",
        "/echo/websocket",
        "/echo/000/a.b/xhr",
    ] {
        for request in [
            Request::get(target).body(&smuggled),
            Request::get(target).chunked([&smuggled]),
        ] {
            let mut connection = Connection::open(context.server());
            let expected = context.server().ask(&Request::get(target)).status();
            assert_eq!(connection.ask(&request).status(), expected, "{request:?}");
            assert_eq!(
                connection.ask(&Request::get("/healthz")).text(),
                "ok",
                "after {request:?}"
            );
        }
    }
    let client = Client::new(context.server(), "/echo");
    let mut connection = Connection::open(client.server);
    let jsonp = Receiver::Jsonp
        .request("/echo", &client.session)
        .body(&smuggled);
    assert_eq!(connection.ask(&jsonp).body, Receiver::Jsonp.wrap("o"));
    assert_eq!(connection.ask(&Request::get("/healthz")).text(), "ok");
}

fn length_and_chunked_together_smuggle_nothing(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    // A front that believes the length sees one request; one that believes the chunks sees two.
    let smuggled = Request::get("/healthz").bytes();
    let body = [b"0\r\n\r\n", &smuggled[..]].concat();
    let path = format!("/echo/000/{}/xhr_send", client.session);
    let request = Request::new("POST", path)
        .header("Transfer-Encoding", "chunked")
        .body(&body);
    let mut connection = Connection::open(client.server);
    connection.send(&request);
    // RFC 9112, 6.3: the connection is closed after such a request, whichever length was believed.
    connection.finish_writing();
    let first = connection.response("POST");
    assert!(first.status() >= 400, "{first:?}");
    let rest = String::from_utf8_lossy(&connection.until_closed()).into_owned();
    assert!(
        !rest.contains("200 OK"),
        "the smuggled request was answered: {rest}"
    );
}

/// RFC 9112, 3.2.
fn host_is_required_once(context: &Context) {
    for target in ["/echo", "/echo/info", "/echo/000/x/xhr"] {
        let without = context
            .server()
            .ask(&Request::any("GET", target).host(None));
        assert_eq!(without.status(), 400, "no Host: {without:?}");
        let twice = context
            .server()
            .ask(&Request::any("GET", target).header("Host", "other.test"));
        assert_eq!(twice.status(), 400, "two Hosts: {twice:?}");
    }
    let old = context
        .server()
        .ask(&Request::get("/echo").host(None).http_1_0());
    assert_eq!(old.status(), 200, "HTTP/1.0 had no Host");
}

fn absolute_targets_work(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let server = client.server;
    assert_eq!(
        server.ask(&Request::get("http://sockeye.test/echo")).text(),
        "Welcome to SockJS!\n"
    );
    let path = format!("http://sockeye.test/echo/000/{}/xhr", client.session);
    assert_eq!(server.ask(&Request::post(path)).text(), "o\n");
    client.send(&["x"]);
    client.expect_poll(Receiver::Xhr, r#"a["x"]"#);
}

fn dates_are_there(context: &Context) {
    let response = context.server().ask(&Request::get("/echo/iframe.html"));
    assert!(
        response
            .header("date")
            .is_some_and(|date| date.ends_with(" GMT")),
        "{response:?}"
    );
    let year = |name: &str| -> i32 {
        let date = response.header(name).expect("a date");
        date.split(' ')
            .nth(3)
            .and_then(|year| year.parse().ok())
            .unwrap_or_else(|| panic!("no date: {date}"))
    };
    // A year ahead is the same day, or one day less across a leap day.
    assert!(
        (0..=1).contains(&(year("expires") - year("date"))),
        "{response:?}"
    );
}

fn errors_before_the_body_was_sent_do_not_break_the_connection(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let mut connection = Connection::open(client.server);
    let request = client.send_request("x".repeat(50_000)).bytes();
    let (head, body) = request.split_at(request.len() - 50_000);
    connection.write(head);
    connection.write(&body[..25_000]);
    connection.write(&body[25_000..]);
    assert_eq!(connection.response("POST").status(), 500);
    assert_eq!(connection.ask(&Request::get("/echo")).status(), 200);
}
