//! Requests nobody honest sends: each has an answer, and the server goes on.

use std::thread;

use sockeye_tests::{
    http1::{Connection, Request},
    sockjs::{Client, Receiver, session_id},
    websocket::{WebSocket, handshake},
};

use crate::{Context, cases};

cases![
    inherited_names_are_ordinary_ids,
    deep_json_is_broken_json,
    deep_json_closes_a_web_socket,
    bytes_beyond_ascii_are_answered_everywhere,
    control_characters_are_never_echoed,
    malformed_requests_are_answered_or_closed,
    resets_after_refused_upgrades_leave_nothing_behind,
    long_runs_of_digits_and_quotes_are_read_in_linear_time,
    every_method_on_every_route_with_every_origin_has_one_answer,
];

/// sockjs-node hung for ever on these.
fn inherited_names_are_ordinary_ids(context: &Context) {
    let server = context.server();
    for name in [
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "prototype",
        "undefined",
        "null",
        "NaN",
    ] {
        let client = Client {
            server,
            mount: "/echo".into(),
            session: name.into(),
        };
        for other in ["__defineGetter__", "valueOf"] {
            let stranger = Client {
                session: other.into(),
                ..client.clone()
            };
            assert_eq!(
                server.ask(&stranger.send_request("[]")).status(),
                404,
                "{other}"
            );
        }
        client.expect_poll(Receiver::Xhr, "o");
        client.send(&["x"]);
        client.expect_poll(Receiver::Jsonp, r#"a["x"]"#);
        let mut socket = WebSocket::open(server, &format!("/echo/{name}/{name}/websocket"));
        socket.expect_text("o");
        let response = server.ask(&Request::get(format!(
            "/echo/000/{}/jsonp?c={name}",
            session_id()
        )));
        assert_eq!(response.text(), format!("/**/{name}(\"o\");\r\n"));
    }
}

fn deep_json_is_broken_json(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for depth in [200, 10_000, 1_000_000] {
        for body in [
            "[".repeat(depth),
            format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
            "{\"a\":".repeat(depth),
        ] {
            let response = client.server.ask(&client.send_request(&body));
            assert_eq!(response.status(), 500, "{depth} deep: {response:?}");
        }
        let inside = format!("[\"x\",{}{}]", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(
            client.server.ask(&client.send_request(inside)).status(),
            500,
            "{depth} deep"
        );
    }
    client.send(&["alive"]);
    client.expect_poll(Receiver::Xhr, r#"a["alive"]"#);
}

fn deep_json_closes_a_web_socket(context: &Context) {
    for text in [
        "[".repeat(1_000_000),
        "[".repeat(100_000) + &"]".repeat(100_000),
        "{\"a\":".repeat(100_000),
    ] {
        let mut socket = WebSocket::open_framed(context.server(), "/echo");
        socket.text(text);
        socket.expect_close(&[3000]);
    }
}

fn bytes_beyond_ascii_are_answered_everywhere(context: &Context) {
    let server = context.server();
    let bytes: &[u8] = b"\xff\xfe\xc3\xa9\x80";
    for begin in [
        "/echo/000/",
        "/echo/",
        "/echo/000/x/xhr?",
        "/echo/000/x/jsonp?c=",
        "/",
    ] {
        for method in ["GET", "POST"] {
            let target = [begin.as_bytes(), bytes, b"/xhr"].concat();
            let mut connection = Connection::open(server);
            connection.send(&Request::any(method, target));
            let status = connection.head().status;
            assert!((200..501).contains(&status), "{method} {begin}: {status}");
        }
    }
    let headers = [
        "Origin",
        "Cookie",
        "Content-Type",
        "Access-Control-Request-Headers",
        "Referer",
        "If-None-Match",
        "Connection",
        "Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-Fetch-Site",
        "Content-Encoding",
        "Accept",
        "X-Forwarded-For",
        "Forwarded",
    ];
    for name in headers {
        for value in [bytes, b"JSESSIONID=\xff", b"http://\xc3\xa9.test"] {
            for path in [
                "/cookie_needed_echo/info",
                "/cookie_needed_echo/iframe.html",
                "/cookie_needed_echo/websocket",
            ] {
                let mut connection = Connection::open(server);
                connection.send(&Request::get(path).header(name, value));
                let status = connection.head().status;
                assert!((200..501).contains(&status), "{name}: {status}");
            }
            let client = Client::new(server, "/cookie_needed_echo");
            let response = server.ask(
                &Receiver::Xhr
                    .request(&client.mount, &client.session)
                    .header(name, value),
            );
            assert!(
                (200..501).contains(&response.status()),
                "{name}: {response:?}"
            );
            let response = server.ask(&client.send_request("[]").header(name, value));
            assert!(
                (200..501).contains(&response.status()),
                "{name}: {response:?}"
            );
        }
    }
}

fn control_characters_are_never_echoed(context: &Context) {
    let server = context.server();
    for name in ["Origin", "Access-Control-Request-Headers", "Cookie"] {
        for byte in [0x09_u8, 0x01, 0x0b, 0x1f, 0x7f, 0x00] {
            let value = [b"JSESSIONID=a".as_slice(), &[byte], b"b"].concat();
            let mut connection = Connection::open(server);
            connection.send(
                &Request::new("OPTIONS", "/cookie_needed_echo/000/x/xhr").header(name, value),
            );
            let head = connection.head();
            for echo in [
                "access-control-allow-origin",
                "access-control-allow-headers",
                "set-cookie",
            ] {
                let echoed = head.header(echo).unwrap_or_default();
                assert!(
                    !echoed.bytes().any(|byte| byte < 0x20 || byte == 0x7f),
                    "{name}: {head:?}"
                );
            }
        }
    }
}

fn malformed_requests_are_answered_or_closed(context: &Context) {
    let requests: [&[u8]; 12] = [
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /echo\r\n\r\n",
        b"GET /echo HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"GET echo HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /echo/000/x/xhr HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /echo/000/x/xhr HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /echo/000/x/xhr_send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /echo/000/x/xhr_send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    for request in requests {
        let mut connection = Connection::open(context.server());
        connection.write(request);
        connection.finish_writing();
        let answer = connection.until_closed();
        let text = String::from_utf8_lossy(&answer);
        assert!(
            !text.starts_with("HTTP/1.1 2"),
            "{:?}: {text}",
            String::from_utf8_lossy(request)
        );
    }
}

/// CVE-2022-41940: a reset on a refused upgrade was an unhandled error.
fn resets_after_refused_upgrades_leave_nothing_behind(context: &Context) {
    let server = context.start(&[]);
    for round in 0..500 {
        let mut connection = Connection::open(&server);
        let request = match round % 3 {
            0 => Request::get("/echo/websocket")
                .header("Upgrade", "websocket")
                .header("Connection", "Upgrade"),
            1 => handshake("/disabled_websocket_echo/websocket"),
            _ => handshake("/echo/websocket"),
        };
        connection.send(&request);
        connection.reset();
    }
    assert_eq!(server.ask(&Request::get("/healthz")).text(), "ok");
    server.verdict().expect("no part of it panicked");
}

/// CVE-2020-36049 and its like: the work must not grow with the square of the input.
fn long_runs_of_digits_and_quotes_are_read_in_linear_time(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let long = 4 << 20;
    for body in [
        "1".repeat(long),
        format!("[{}", "1".repeat(long)),
        "\\\"".repeat(long / 2),
        " ".repeat(long),
        "[\"\\".repeat(long / 3),
    ] {
        let response = client.server.ask(&client.send_request(body));
        assert_eq!(response.status(), 500, "{response:?}");
    }
    let form = format!("{}=1", "&".repeat(long));
    let request = Request::new("POST", format!("/echo/000/{}/jsonp_send", client.session))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form);
    assert_eq!(client.server.ask(&request).text(), "Payload expected.");
    let escaped = format!("[\"{}\"]", "\\u0041".repeat(long / 6));
    assert_eq!(
        client.server.ask(&client.send_request(escaped)).status(),
        204
    );
    assert_eq!(client.messages(1), ["A".repeat(long / 6)]);
}

fn every_method_on_every_route_with_every_origin_has_one_answer(context: &Context) {
    let server = context.server();
    let methods = ["GET", "POST", "OPTIONS", "PUT", "HEAD", "DELETE"];
    let origins = [
        None,
        Some("http://sockeye.test"),
        Some("http://evil.test"),
        Some("null"),
        Some("not an origin"),
        Some(""),
    ];
    let routes = [
        "",
        "/info",
        "/iframe.html",
        "/websocket",
        "/s/{}/websocket",
        "/s/{}/xhr",
        "/s/{}/xhr_send",
        "/s/{}/xhr_streaming",
        "/s/{}/eventsource",
        "/s/{}/htmlfile?c=x",
        "/s/{}/jsonp?c=x",
        "/s/{}/jsonp_send",
        "/none",
    ];
    let lanes: Vec<Vec<(&str, &str, Option<&str>)>> = methods
        .iter()
        .map(|method| {
            routes
                .iter()
                .flat_map(|route| origins.iter().map(move |origin| (*method, *route, *origin)))
                .collect()
        })
        .collect();
    thread::scope(|scope| {
        for lane in &lanes {
            scope.spawn(move || {
                for (method, route, origin) in lane {
                    for cookie in [None, Some("JSESSIONID=x")] {
                        let target =
                            format!("/cookie_needed_echo{}", route.replace("{}", &session_id()));
                        let mut request = Request::any(method, &target);
                        if let Some(origin) = origin {
                            request = request.header("Origin", origin);
                        }
                        if let Some(cookie) = cookie {
                            request = request.header("Cookie", cookie);
                        }
                        let mut connection = Connection::open(server);
                        connection.send(&request);
                        let head = connection.head();
                        // Any origin is admitted here, so it changes nothing but the CORS headers.
                        let plain = {
                            let mut connection = Connection::open(server);
                            connection.send(&Request::any(
                                method,
                                target.replace("/s/", "/t/").replace("/s", "/u"),
                            ));
                            connection.head().status
                        };
                        assert_eq!(head.status, plain, "{request:?}");
                    }
                }
            });
        }
    });
}
