//! Section 8: who gets a WebSocket and what the others are told.

use sockeye_tests::{
    http1::{Connection, Request, Response},
    sockjs::session_id,
    websocket::{KEY, WebSocket, accept, handshake},
};

use crate::{Context, cases};

cases![
    a_good_handshake_is_answered_with_101,
    tokens_and_values_compare_without_case,
    upgrade_and_connection_are_required,
    version_and_key_are_required,
    every_combination_of_headers_has_its_answer,
    only_get_opens_a_web_socket,
    disabled_web_sockets_are_404,
    extensions_and_protocols_are_not_selected,
    hostile_extension_headers_cost_nothing,
    old_drafts_are_refused_cleanly,
    http_1_0_cannot_upgrade,
    a_refused_handshake_leaves_the_connection_usable,
    a_handshake_with_a_body_is_never_taken_for_frames,
    frames_may_follow_the_handshake_at_once,
];

/// Raw and framed.
fn urls(mount: &str) -> [String; 2] {
    [
        format!("{mount}/websocket"),
        format!("{mount}/000/{}/websocket", session_id()),
    ]
}

fn a_good_handshake_is_answered_with_101(context: &Context) {
    for path in urls("/echo") {
        for path in [path.clone(), format!("{path}/"), format!("{path}?t=1")] {
            let (head, _) = WebSocket::on(Connection::open(context.server()), &handshake(&path));
            assert!(
                head.header("upgrade")
                    .is_some_and(|value| value.eq_ignore_ascii_case("websocket")),
                "{head:?}"
            );
            assert!(head.has_token("connection", "upgrade"), "{head:?}");
            assert_eq!(
                head.header("sec-websocket-accept"),
                Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                "RFC 6455, 1.3"
            );
            assert_eq!(head.header("content-length"), None, "{head:?}");
            assert_eq!(head.header("transfer-encoding"), None, "{head:?}");
            assert_eq!(head.header("set-cookie"), None, "{head:?}");
        }
    }
    for path in urls("/cookie_needed_echo") {
        let (head, _) = WebSocket::on(Connection::open(context.server()), &handshake(&path));
        assert_eq!(
            head.header("set-cookie"),
            None,
            "no cookie on a handshake: {head:?}"
        );
    }
    let key = "AAAAAAAAAAAAAAAAAAAAAA==";
    let request = upgrade(
        "/echo/websocket",
        &[
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
        ],
    );
    let (head, _) = WebSocket::on(Connection::open(context.server()), &request);
    assert_eq!(head.header("sec-websocket-accept"), Some(&*accept(key)));
}

fn upgrade(path: &str, headers: &[(&str, &str)]) -> Request {
    headers
        .iter()
        .fold(Request::get(path), |request, (name, value)| {
            request.header(name, value)
        })
}

fn tokens_and_values_compare_without_case(context: &Context) {
    let connections = [
        "Upgrade",
        "upgrade",
        "keep-alive, Upgrade",
        "keep-alive,upgrade",
        "UPGRADE",
        "Upgrade, keep-alive",
        " upgrade ,x",
    ];
    let upgrades = ["websocket", "WebSocket", "WEBSOCKET"];
    for connection in connections {
        for protocol in upgrades {
            for path in urls("/echo") {
                let request = upgrade(
                    &path,
                    &[
                        ("Upgrade", protocol),
                        ("Connection", connection),
                        ("Sec-WebSocket-Version", "13"),
                        ("Sec-WebSocket-Key", KEY),
                    ],
                );
                let (head, _) = WebSocket::on(Connection::open(context.server()), &request);
                assert_eq!(head.status, 101, "{connection:?} {protocol:?}");
            }
        }
    }
}

const NOT_VALID: &str = "Not a valid websocket request";

#[track_caller]
fn ask(context: &Context, request: &Request) -> Response {
    let mut connection = Connection::open(context.server());
    connection.send(request);
    let head = connection.head();
    // A 101 has no body to wait for.
    let body = if head.status == 101 {
        Vec::new()
    } else {
        connection.body(&head, request.method())
    };
    Response { head, body }
}

fn upgrade_and_connection_are_required(context: &Context) {
    let version_and_key = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", KEY)];
    #[rustfmt::skip]
    let headers: [&[(&str, &str)]; 10] = [
        &[],
        &[("Connection", "Upgrade")],
        &[("Connection", "keep-alive")],
        &[("Upgrade", "websocket")],
        &[("Upgrade", "websocket"), ("Connection", "close")],
        &[("Upgrade", "websocket"), ("Connection", "keep-alive")],
        &[("Upgrade", "websocket"), ("Connection", "upgraded")],
        &[("Upgrade", "h2c"), ("Connection", "Upgrade")],
        &[("Upgrade", "websockets"), ("Connection", "Upgrade")],
        &[("Upgrade", ""), ("Connection", "Upgrade")],
    ];
    for path in urls("/echo") {
        for headers in headers {
            for more in [&version_and_key[..], &[]] {
                let response = ask(context, &upgrade(&path, &[headers, more].concat()));
                assert_eq!(response.status(), 400, "{headers:?}: {response:?}");
                assert_eq!(response.text().trim_end(), NOT_VALID, "{headers:?}");
            }
        }
    }
}

fn version_and_key_are_required(context: &Context) {
    let base = [("Upgrade", "websocket"), ("Connection", "Upgrade")];
    let version = ("Sec-WebSocket-Version", "13");
    let key = ("Sec-WebSocket-Key", KEY);
    #[rustfmt::skip]
    let headers: [&[(&str, &str)]; 14] = [
        &[key],
        &[("Sec-WebSocket-Version", "0"), key],
        &[("Sec-WebSocket-Version", "7"), key],
        &[("Sec-WebSocket-Version", "14"), key],
        &[("Sec-WebSocket-Version", "1"), key],
        &[("Sec-WebSocket-Version", "130"), key],
        &[("Sec-WebSocket-Version", "abc"), key],
        &[("Sec-WebSocket-Version", ""), key],
        &[version],
        &[version, ("Sec-WebSocket-Key", "")],
        &[version, ("Sec-WebSocket-Key", "short")],
        &[version, ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAAAA")],
        &[version, ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAA")],
        &[version, ("Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!==")],
    ];
    for path in urls("/echo") {
        for headers in headers {
            let response = ask(context, &upgrade(&path, &[&base, headers].concat()));
            assert!(
                [400, 426].contains(&response.status()),
                "{headers:?}: {response:?}"
            );
            if response.status() == 426 {
                assert_eq!(
                    response.header("sec-websocket-version"),
                    Some("13"),
                    "{headers:?}"
                );
            }
        }
    }
}

fn every_combination_of_headers_has_its_answer(context: &Context) {
    let upgrades = [None, Some("websocket"), Some("h2c"), Some("websocket, h2c")];
    let connections = [
        None,
        Some("Upgrade"),
        Some("close"),
        Some("keep-alive, Upgrade"),
    ];
    let versions = [None, Some("13"), Some("12")];
    let keys = [None, Some(KEY), Some("bad")];
    let [path, _] = urls("/echo");
    for protocol in upgrades {
        for connection in connections {
            for version in versions {
                for key in keys {
                    let named = [
                        ("Upgrade", protocol),
                        ("Connection", connection),
                        ("Sec-WebSocket-Version", version),
                        ("Sec-WebSocket-Key", key),
                    ];
                    let headers: Vec<_> = named
                        .into_iter()
                        .filter_map(|(name, value)| Some((name, value?)))
                        .collect();
                    let response = ask(context, &upgrade(&path, &headers));
                    let good = protocol == Some("websocket")
                        && connection.is_some_and(|value| value.ends_with("Upgrade"))
                        && version == Some("13")
                        && key == Some(KEY);
                    let many = protocol == Some("websocket, h2c");
                    let allowed: &[u16] = if good {
                        &[101]
                    } else if many {
                        &[101, 400, 426]
                    } else {
                        &[400, 426]
                    };
                    assert!(
                        allowed.contains(&response.status()),
                        "{headers:?}: {response:?}"
                    );
                }
            }
        }
    }
}

fn only_get_opens_a_web_socket(context: &Context) {
    for path in urls("/echo") {
        for method in ["POST", "PUT", "OPTIONS", "DELETE", "HEAD", "PATCH"] {
            let plain = Request::any(method, &path);
            let upgrading = plain
                .clone()
                .header("Upgrade", "websocket")
                .header("Connection", "Upgrade")
                .header("Sec-WebSocket-Version", "13")
                .header("Sec-WebSocket-Key", KEY);
            for request in [plain, upgrading] {
                let response = ask(context, &request);
                assert_eq!(response.status(), 405, "{method} {path}: {response:?}");
                assert_eq!(response.header("allow"), Some("GET"), "{method} {path}");
                assert_eq!(response.header("content-type"), None, "{method} {path}");
                assert_eq!(response.text(), "", "{method} {path}");
            }
        }
    }
}

fn disabled_web_sockets_are_404(context: &Context) {
    for path in urls("/disabled_websocket_echo") {
        for request in [Request::get(&path), handshake(&path)] {
            let response = ask(context, &request);
            assert_eq!(response.status(), 404, "{response:?}");
            assert_eq!(response.text(), "404 Error: Page not found\n");
        }
        for method in ["POST", "OPTIONS", "PUT"] {
            assert_eq!(
                ask(context, &Request::any(method, &path)).status(),
                405,
                "{method} {path}"
            );
        }
    }
}

fn extensions_and_protocols_are_not_selected(context: &Context) {
    for path in urls("/echo") {
        let request = handshake(&path)
            .header(
                "Sec-WebSocket-Extensions",
                "permessage-deflate; client_max_window_bits",
            )
            .header("Sec-WebSocket-Protocol", "chat, superchat");
        let (head, _) = WebSocket::on(Connection::open(context.server()), &request);
        assert_eq!(head.header("sec-websocket-extensions"), None, "{head:?}");
        assert_eq!(head.header("sec-websocket-protocol"), None, "{head:?}");
    }
}

/// CVE-2021-32640, CVE-2020-7662: headers that made parsers quadratic; granian: bytes beyond ASCII that made one panic.
fn hostile_extension_headers_cost_nothing(context: &Context) {
    let quotes = format!("a; b=\"{}", "\\\"; c=\"".repeat(5_000));
    let blanks = format!("{}x", " ".repeat(30_000));
    let bytes: &[u8] = b"\xff\xfe\x80, \xc3\xa9";
    for name in ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"] {
        for value in [quotes.as_bytes(), blanks.as_bytes(), bytes] {
            let response = ask(context, &handshake("/echo/websocket").header(name, value));
            assert!(
                [101, 400].contains(&response.status()),
                "{name}: {response:?}"
            );
        }
    }
}

fn old_drafts_are_refused_cleanly(context: &Context) {
    for path in urls("/echo") {
        let hixie_75 = upgrade(
            &path,
            &[
                ("Upgrade", "WebSocket"),
                ("Connection", "Upgrade"),
                ("Origin", "http://a.test"),
            ],
        );
        let hixie_76 = hixie_75
            .clone()
            .header("Sec-WebSocket-Key1", "4 @1  46546xW%0l 1 5")
            .header("Sec-WebSocket-Key2", "12998 5 Y3 1  .P00");
        for request in [hixie_75, hixie_76] {
            let mut connection = Connection::open(context.server());
            connection.write([&request.bytes()[..], b"^n:ds[4U"].concat());
            let head = connection.head();
            assert!([400, 426].contains(&head.status), "{head:?}");
        }
    }
}

fn http_1_0_cannot_upgrade(context: &Context) {
    for path in urls("/echo") {
        let response = ask(context, &handshake(&path).http_1_0());
        assert!((400..500).contains(&response.status()), "{response:?}");
    }
}

fn a_refused_handshake_leaves_the_connection_usable(context: &Context) {
    for path in urls("/echo") {
        let mut connection = Connection::open(context.server());
        for headers in [
            &[][..],
            &[("Upgrade", "websocket"), ("Connection", "Upgrade")],
            &[("Connection", "Upgrade"), ("Upgrade", "h2c")],
        ] {
            let response = connection.ask(&upgrade(&path, headers));
            assert!([400, 426].contains(&response.status()), "{response:?}");
            assert_eq!(
                connection.ask(&Request::get("/echo")).status(),
                200,
                "after {headers:?}"
            );
        }
        let (_, mut socket) = WebSocket::on(connection, &handshake("/echo/websocket"));
        socket.text("works");
        socket.expect_text("works");
    }
}

/// Not to be refused for its own sake, but the body's bytes must never be read as frames.
fn a_handshake_with_a_body_is_never_taken_for_frames(context: &Context) {
    for path in urls("/echo") {
        let smuggled = sockeye_tests::websocket::Frame::text("[\"smuggled\"]").masked();
        for request in [
            handshake(&path).body(&smuggled),
            handshake(&path).chunked([&smuggled]),
        ] {
            let response = ask(context, &request);
            assert!((400..500).contains(&response.status()), "{response:?}");
        }
        let empty = ask(context, &handshake(&path).body(""));
        assert!([101, 400].contains(&empty.status()), "{empty:?}");
    }
}

fn frames_may_follow_the_handshake_at_once(context: &Context) {
    let [raw, framed] = urls("/echo");
    for (path, text, echo) in [
        (raw, "early", "early"),
        (framed, "[\"early\"]", "a[\"early\"]"),
    ] {
        let mut connection = Connection::open(context.server());
        let frame = sockeye_tests::websocket::Frame::text(text).masked();
        connection.write([handshake(&path).bytes(), frame].concat());
        assert_eq!(connection.head().status, 101);
        let mut socket = WebSocket::after_handshake(connection);
        if text != echo {
            socket.expect_text("o");
        }
        socket.expect_text(echo);
    }
}
