//! Section 2: the headers of every response.

use sockeye_tests::{
    http1::{Connection, Head, Request},
    sockjs::{CALLBACK, Client, Receiver},
};

use crate::{Context, cases};

cases![
    every_response_has_the_headers_of_the_table,
    cors_follows_the_origin,
    eventsource_answers_the_null_origin_with_a_star,
    requested_headers_are_echoed,
    preflights_are_cached_for_a_year_and_create_nothing,
    the_cookie_is_echoed_or_a_dummy,
    the_cookie_is_on_errors_and_preflights_too,
    streams_ask_proxies_not_to_buffer,
    every_text_is_nosniff_where_the_body_is_chosen_by_the_client,
];

const NOCACHE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
const CACHE1Y: &str = "public, max-age=31536000";

/// One line of the table: what is asked, and the cells.
struct Row {
    name: &'static str,
    request: Request,
    status: u16,
    content_type: &'static str,
    cache: Option<&'static str>,
    cors: bool,
    cookie: bool,
}

/// The table; its requests are to be made in this order.
fn table(client: &Client<'_>) -> Vec<Row> {
    let mount = &client.mount;
    let path = |name: &str| format!("{mount}/000/{}/{name}", client.session);
    let row = |name, request, content_type, cache, cors, cookie| {
        let status = if name == "xhr_send" { 204 } else { 200 };
        Row {
            name,
            request,
            status,
            content_type,
            cache,
            cors,
            cookie,
        }
    };
    let receiver =
        |receiver: Receiver, id: &str| receiver.request(mount, &format!("{}{id}", client.session));
    let javascript = "application/javascript;charset=UTF-8";
    let plain = "text/plain;charset=UTF-8";
    let html = "text/html;charset=UTF-8";
    vec![
        row("greeting", Request::get(mount), plain, None, false, false),
        row(
            "info",
            Request::get(format!("{mount}/info")),
            "application/json;charset=UTF-8",
            Some(NOCACHE),
            true,
            false,
        ),
        row(
            "iframe",
            Request::get(format!("{mount}/iframe.html")),
            html,
            Some(CACHE1Y),
            false,
            false,
        ),
        row(
            "xhr",
            receiver(Receiver::Xhr, ""),
            javascript,
            Some(NOCACHE),
            true,
            true,
        ),
        row(
            "xhr_send",
            Request::post(path("xhr_send")).body("[]"),
            plain,
            Some(NOCACHE),
            true,
            true,
        ),
        row(
            "jsonp_send",
            Request::post(path("jsonp_send")).body("[]"),
            plain,
            Some(NOCACHE),
            false,
            true,
        ),
        row(
            "xhr_streaming",
            receiver(Receiver::XhrStreaming, "b"),
            javascript,
            Some(NOCACHE),
            true,
            true,
        ),
        row(
            "eventsource",
            receiver(Receiver::EventSource, "c"),
            "text/event-stream",
            Some(NOCACHE),
            true,
            true,
        ),
        row(
            "htmlfile",
            receiver(Receiver::HtmlFile, "d"),
            html,
            Some(NOCACHE),
            false,
            true,
        ),
        row(
            "jsonp",
            receiver(Receiver::Jsonp, "e"),
            javascript,
            Some(NOCACHE),
            false,
            true,
        ),
    ]
}

/// The head of the answer; a stream's body is not waited for.
fn head(context: &Context, request: &Request) -> Head {
    let mut connection = Connection::open(context.server());
    connection.send(request);
    connection.head()
}

fn every_response_has_the_headers_of_the_table(context: &Context) {
    for mount in ["/echo", "/cookie_needed_echo"] {
        let client = Client::new(context.server(), mount);
        for row in table(&client) {
            let head = head(context, &row.request);
            let what = format!("{mount} {}: {head:?}", row.name);
            assert_eq!(head.status, row.status, "{what}");
            let content_type = head
                .header("content-type")
                .map(|value| value.replace(' ', ""));
            assert_eq!(content_type.as_deref(), Some(row.content_type), "{what}");
            assert_eq!(head.header("cache-control"), row.cache, "{what}");
            assert_eq!(
                head.header("expires").is_some(),
                row.cache == Some(CACHE1Y),
                "{what}"
            );
            assert_eq!(head.header("last-modified"), None, "{what}");
            assert_eq!(
                head.header("etag").is_some(),
                row.name == "iframe",
                "{what}"
            );
            assert_eq!(
                head.header("access-control-allow-origin"),
                row.cors.then_some("*"),
                "{what}"
            );
            assert_eq!(
                head.header("access-control-allow-credentials"),
                None,
                "{what}"
            );
            assert_eq!(head.header("access-control-allow-headers"), None, "{what}");
            assert_eq!(head.header("access-control-allow-methods"), None, "{what}");
            assert_eq!(head.header("access-control-max-age"), None, "{what}");
            assert!(!row.cors || head.has_token("vary", "origin"), "{what}");
            let cookie = (row.cookie && mount == "/cookie_needed_echo")
                .then_some("JSESSIONID=dummy; path=/");
            assert_eq!(
                head.header("set-cookie").map(str::to_lowercase),
                cookie.map(str::to_lowercase),
                "{what}"
            );
            assert_eq!(head.header("content-encoding"), None, "{what}");
            assert_eq!(head.header("x-frame-options"), None, "{what}");
        }
    }
}

fn cors_follows_the_origin(context: &Context) {
    #[rustfmt::skip]
    let origins = [
        // sent         allow-origin    credentials
        ("",            "*",            None),
        ("null",        "null",         Some("true")),
        ("http://a.test",      "http://a.test",      Some("true")),
        ("https://a.test:8443", "https://a.test:8443", Some("true")),
        ("moz-extension://0f", "moz-extension://0f", Some("true")),
    ];
    for (origin, allowed, credentials) in origins {
        let client = Client::new(context.server(), "/echo");
        for row in table(&client) {
            let head = head(context, &row.request.header("Origin", origin));
            let what = format!("{} for Origin {origin:?}: {head:?}", row.name);
            assert_eq!(head.status, row.status, "{what}");
            let null_on_eventsource = row.name == "eventsource" && origin == "null";
            let (allowed, credentials) = match row.cors {
                false => (None, None),
                true if null_on_eventsource => (Some("*"), None),
                true => (Some(allowed), credentials),
            };
            assert_eq!(
                head.header("access-control-allow-origin"),
                allowed,
                "{what}"
            );
            assert_eq!(
                head.header("access-control-allow-credentials"),
                credentials,
                "{what}"
            );
            assert!(!row.cors || head.has_token("vary", "origin"), "{what}");
        }
    }
}

fn eventsource_answers_the_null_origin_with_a_star(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let request = Receiver::EventSource
        .request("/echo", &client.session)
        .header("Origin", "null");
    let head = head(context, &request);
    assert_eq!(head.header("access-control-allow-origin"), Some("*"));
    assert_eq!(head.header("access-control-allow-credentials"), None);
}

fn requested_headers_are_echoed(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    for value in ["a, b, c", "x-one", ""] {
        for row in table(&client) {
            let head = head(
                context,
                &row.request.header("Access-Control-Request-Headers", value),
            );
            let expected = (row.cors && !value.is_empty()).then_some(value);
            assert_eq!(
                head.header("access-control-allow-headers"),
                expected,
                "{}: {head:?}",
                row.name
            );
        }
    }
}

fn preflights_are_cached_for_a_year_and_create_nothing(context: &Context) {
    let server = context.server();
    for mount in ["/echo", "/cookie_needed_echo"] {
        for name in ["info", "xhr", "xhr_send", "xhr_streaming"] {
            let client = Client::new(server, mount);
            let path = if name == "info" {
                format!("{mount}/info")
            } else {
                format!("{mount}/0/{}/{name}", client.session)
            };
            for (origin, allowed, credentials) in [
                (None, "*", None),
                (Some("null"), "null", Some("true")),
                (Some("http://a.test"), "http://a.test", Some("true")),
            ] {
                let mut request = Request::new("OPTIONS", &path)
                    .header("Access-Control-Request-Method", "POST")
                    .header("Access-Control-Request-Headers", "content-type, x-y");
                if let Some(origin) = origin {
                    request = request.header("Origin", origin);
                }
                let response = server.ask(&request);
                let what = format!("OPTIONS {path}: {response:?}");
                assert!([200, 204].contains(&response.status()), "{what}");
                assert_eq!(response.text(), "", "{what}");
                assert_eq!(response.header("cache-control"), Some(CACHE1Y), "{what}");
                assert!(
                    response
                        .header("expires")
                        .is_some_and(|date| date.ends_with(" GMT")),
                    "{what}"
                );
                assert_eq!(
                    response.header("access-control-max-age"),
                    Some("31536000"),
                    "{what}"
                );
                let methods = if name == "info" {
                    "OPTIONS, GET"
                } else {
                    "OPTIONS, POST"
                };
                assert_eq!(
                    response.header("access-control-allow-methods"),
                    Some(methods),
                    "{what}"
                );
                assert_eq!(
                    response.header("access-control-allow-headers"),
                    Some("content-type, x-y"),
                    "{what}"
                );
                assert_eq!(
                    response.header("access-control-allow-origin"),
                    Some(allowed),
                    "{what}"
                );
                assert_eq!(
                    response.header("access-control-allow-credentials"),
                    credentials,
                    "{what}"
                );
                assert!(response.head.has_token("vary", "origin"), "{what}");
                let cookie = if mount == "/cookie_needed_echo" {
                    Some("JSESSIONID=dummy; path=/")
                } else {
                    None
                };
                assert_eq!(response.header("set-cookie"), cookie, "{what}");
            }
            assert_eq!(
                server.ask(&client.send_request("[]")).status(),
                404,
                "OPTIONS {path} made a session"
            );
        }
    }
}

fn the_cookie_is_echoed_or_a_dummy(context: &Context) {
    let server = context.server();
    #[rustfmt::skip]
    let cookies = [
        // sent                                         set
        ("JSESSIONID=abcdef",                           "abcdef"),
        ("JSESSIONID=",                                 "dummy"),
        ("JSESSIONID",                                  "dummy"),
        ("other=1",                                     "dummy"),
        ("jsessionid=lower",                            "dummy"),
        ("a=1; JSESSIONID=second; b=2",                 "second"),
        ("a=1;JSESSIONID=tight;b=2",                    "tight"),
        ("JSESSIONID=first; JSESSIONID=last",           "last"),
        (" JSESSIONID = blanks ; x=y",                  "blanks"),
        ("JSESSIONID=upto=here",                        "upto"),
        ("XJSESSIONID=no",                              "dummy"),
        ("JSESSIONID=n1~dummy",                         "n1~dummy"),
    ];
    for (sent, value) in cookies {
        for receiver in Receiver::ALL {
            let client = Client::new(server, "/cookie_needed_echo");
            let request = receiver
                .request(&client.mount, &client.session)
                .header("Cookie", sent);
            let head = head(context, &request);
            let expected = format!("JSESSIONID={value}; path=/");
            assert_eq!(
                head.header("set-cookie"),
                Some(&*expected),
                "{receiver:?} with {sent:?}"
            );
        }
    }
}

fn the_cookie_is_on_errors_and_preflights_too(context: &Context) {
    let client = Client::new(context.server(), "/cookie_needed_echo");
    let server = client.server;
    let path = |name: &str| format!("{}/000/{}/{name}", client.mount, client.session);
    let errors = [
        (404, client.send_request("[]")),
        (404, Request::post(path("jsonp_send")).body("[]")),
        (500, client.send_request("")),
        (500, client.send_request("[")),
        (500, Request::post(path("jsonp_send")).body("")),
        (500, Request::get(path("jsonp"))),
        (500, Request::get(path("htmlfile?c=%3C"))),
    ];
    for (status, request) in errors {
        let request = request
            .header("Cookie", "JSESSIONID=abc")
            .header("Origin", "http://a.test");
        let response = server.ask(&request);
        let what = format!("{request:?}: {response:?}");
        assert_eq!(response.status(), status, "{what}");
        assert_eq!(
            response.header("set-cookie"),
            Some("JSESSIONID=abc; path=/"),
            "{what}"
        );
        assert_eq!(response.header("cache-control"), Some(NOCACHE), "{what}");
        let is_xhr = request.method() == "POST"
            && String::from_utf8_lossy(&request.bytes()).contains("/xhr_send ");
        let origin = is_xhr.then_some("http://a.test");
        assert_eq!(
            response.header("access-control-allow-origin"),
            origin,
            "{what}"
        );
    }
    let preflight = Request::new("OPTIONS", path("xhr")).header("Cookie", "JSESSIONID=abc");
    assert_eq!(
        server.ask(&preflight).header("set-cookie"),
        Some("JSESSIONID=abc; path=/")
    );
}

fn streams_ask_proxies_not_to_buffer(context: &Context) {
    for receiver in Receiver::STREAMING {
        let client = Client::new(context.server(), "/echo");
        let head = head(context, &receiver.request(&client.mount, &client.session));
        assert_eq!(
            head.header("x-accel-buffering"),
            Some("no"),
            "{receiver:?}: {head:?}"
        );
        assert!(
            head.has_token("cache-control", "no-transform"),
            "{receiver:?}: {head:?}"
        );
        assert!(head.is_chunked(), "{receiver:?}: {head:?}");
        assert_eq!(
            head.header("content-length"),
            None,
            "{receiver:?}: {head:?}"
        );
    }
}

fn every_text_is_nosniff_where_the_body_is_chosen_by_the_client(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    // Demanded on jsonp by the protocol; on errors of the callback it keeps them from being run.
    for query in [
        format!("?c={CALLBACK}"),
        "?c=%3Cscript%3E".to_owned(),
        String::new(),
    ] {
        let path = format!("/echo/000/{}/jsonp{query}", client.session);
        let head = head(context, &Request::get(path));
        assert_eq!(
            head.header("x-content-type-options"),
            Some("nosniff"),
            "{query}: {head:?}"
        );
    }
}
