//! The same over HTTP/2, and WebSockets by extended CONNECT (RFC 8441).

use http::StatusCode;
use sockeye_tests::{
    eventually,
    http2::{Client, request},
    sockjs::{CALLBACK, Receiver, session_id},
    websocket::{Frame, opcode},
};

use crate::{Context, cases};

cases![
    static_answers_are_the_same,
    polling_works_over_one_connection,
    streams_bring_each_frame_in_a_data_frame,
    no_connection_headers_are_sent,
    errors_are_the_same,
    extended_connect_is_announced,
    a_framed_web_socket_works,
    a_raw_web_socket_works,
    many_streams_share_a_connection,
    a_reset_stream_is_an_abort,
    a_reset_web_socket_ends_alone,
    extended_connect_elsewhere_is_refused,
    other_protocols_are_refused,
    disabled_web_sockets_are_404,
    an_upgrade_by_get_is_no_web_socket,
    malformed_frames_close_with_their_code,
    a_close_ends_the_stream,
    empty_data_frames_do_no_harm,
];

fn static_answers_are_the_same(context: &Context) {
    let mut client = Client::connect(context.server());
    let greeting = client.ask("GET", "/echo", &[], "");
    assert_eq!(
        (greeting.status, &*greeting.body),
        (StatusCode::OK, "Welcome to SockJS!\n")
    );
    assert_eq!(
        client.ask("GET", "/echo/", &[], "").body,
        "Welcome to SockJS!\n"
    );
    let info = client.ask("GET", "/echo/info", &[("origin", "http://a.test")], "");
    assert_eq!(info.headers["access-control-allow-origin"], "http://a.test");
    assert!(info.body.contains("\"entropy\""), "{}", info.body);
    let page = client.ask("GET", "/echo/iframe.html", &[], "");
    let tag = page.headers["etag"].to_str().expect("ASCII").to_owned();
    assert_eq!(
        client
            .ask("GET", "/echo/iframe.html", &[("if-none-match", &tag)], "")
            .status,
        StatusCode::NOT_MODIFIED
    );
    let preflight = client.ask("OPTIONS", "/echo/000/x/xhr", &[], "");
    assert!(
        preflight.status == 204 || preflight.status == 200,
        "{preflight:?}"
    );
}

fn polling_works_over_one_connection(context: &Context) {
    let mut client = Client::connect(context.server());
    let path = format!("/echo/000/{}", session_id());
    assert_eq!(
        client.ask("POST", &format!("{path}/xhr"), &[], "").body,
        "o\n"
    );
    for number in 0..10 {
        let body = format!("[\"{number}\"]");
        assert_eq!(
            client
                .ask("POST", &format!("{path}/xhr_send"), &[], &body)
                .status,
            StatusCode::NO_CONTENT
        );
        assert_eq!(
            client.ask("POST", &format!("{path}/xhr"), &[], "").body,
            format!("a{body}\n")
        );
    }
    let jsonp = format!("{path}/jsonp?c={CALLBACK}");
    assert_eq!(
        client
            .ask("POST", &format!("{path}/jsonp_send"), &[], "[\"x\"]")
            .body,
        "ok"
    );
    assert_eq!(
        client.ask("GET", &jsonp, &[], "").body.as_bytes(),
        Receiver::Jsonp.wrap("a[\"x\"]")
    );
}

fn streams_bring_each_frame_in_a_data_frame(context: &Context) {
    let mut client = Client::connect(context.server());
    for receiver in Receiver::STREAMING {
        let path = format!("/echo/000/{}", session_id());
        let method = if receiver == Receiver::XhrStreaming {
            "POST"
        } else {
            "GET"
        };
        let target = format!("{path}/{}?c={CALLBACK}", receiver.name());
        let mut stream = client.start(request(method, &target, &[]), Some(""));
        assert_eq!(stream.head().status, StatusCode::OK);
        let prelude = receiver.prelude();
        let mut seen = Vec::new();
        while seen.len() < prelude.len() {
            seen.extend(stream.data().expect("the prelude"));
        }
        assert_eq!(seen, prelude, "{receiver:?}");
        assert_eq!(stream.data().expect("a frame"), receiver.wrap("o"));
        for number in 0..3 {
            let sent = client.ask(
                "POST",
                &format!("{path}/xhr_send"),
                &[],
                &format!("[\"{number}\"]"),
            );
            assert_eq!(sent.status, StatusCode::NO_CONTENT);
            assert_eq!(
                stream.data().expect("a frame"),
                receiver.wrap(&format!("a[\"{number}\"]"))
            );
        }
    }
}

fn no_connection_headers_are_sent(context: &Context) {
    let mut client = Client::connect(context.server());
    let path = format!("/echo/000/{}/xhr", session_id());
    for (method, path) in [
        ("GET", "/echo"),
        ("GET", "/echo/info"),
        ("POST", &path),
        ("GET", "/echo/none"),
        ("PUT", "/echo"),
    ] {
        let answer = client.ask(method, path, &[], "");
        for name in ["connection", "transfer-encoding", "keep-alive", "upgrade"] {
            assert!(
                !answer.headers.contains_key(name),
                "{method} {path}: {answer:?}"
            );
        }
    }
}

fn errors_are_the_same(context: &Context) {
    let mut client = Client::connect(context.server());
    let none = client.ask("GET", "/echo/none", &[], "");
    assert_eq!(
        (none.status, &*none.body),
        (StatusCode::NOT_FOUND, "404 Error: Page not found\n")
    );
    assert_eq!(
        client.ask("PUT", "/echo/info", &[], "x").status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let path = format!("/echo/000/{}/xhr_send", session_id());
    assert_eq!(
        client.ask("POST", &path, &[], "[").body,
        "Broken JSON encoding."
    );
    assert_eq!(client.ask("POST", &path, &[], "").body, "Payload expected.");
    assert_eq!(
        client.ask("POST", &path, &[], "[]").status,
        StatusCode::NOT_FOUND
    );
}

fn extended_connect_is_announced(context: &Context) {
    assert!(Client::connect(context.server()).takes_extended_connect());
}

fn a_framed_web_socket_works(context: &Context) {
    let mut client = Client::connect(context.server());
    let mut socket = client.web_socket(&format!("/echo/000/{}/websocket", session_id()));
    assert_eq!(socket.frame(), Frame::text("o"));
    for number in 0..10 {
        socket.send(Frame::text(format!("[\"{number}\"]")).masked());
        assert_eq!(socket.frame(), Frame::text(format!("a[\"{number}\"]")));
    }
    socket.send(Frame::new(opcode::PING, "p").masked());
    assert_eq!(socket.frame(), Frame::new(opcode::PONG, "p"));
}

fn a_raw_web_socket_works(context: &Context) {
    let mut client = Client::connect(context.server());
    let mut socket = client.web_socket("/echo/websocket");
    for frame in [Frame::text("hello"), Frame::new(opcode::BINARY, [0, 255])] {
        socket.send(frame.masked());
        assert_eq!(socket.frame(), frame);
    }
    // More than one window's worth, in both directions.
    let large = Frame::new(opcode::BINARY, vec![7; 300_000]);
    socket.send(large.masked());
    assert!(socket.frame() == large);
}

fn many_streams_share_a_connection(context: &Context) {
    let mut client = Client::connect(context.server());
    let mut sockets: Vec<_> = (0..50)
        .map(|_| client.web_socket(&format!("/echo/000/{}/websocket", session_id())))
        .collect();
    for (number, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.frame(), Frame::text("o"));
        socket.send(Frame::text(format!("[\"{number}\"]")).masked());
    }
    for (number, socket) in sockets.iter_mut().enumerate().rev() {
        assert_eq!(socket.frame(), Frame::text(format!("a[\"{number}\"]")));
    }
}

fn a_reset_stream_is_an_abort(context: &Context) {
    let mut client = Client::connect(context.server());
    let path = format!("/echo/000/{}", session_id());
    let mut stream = client.start(
        request("POST", &format!("{path}/xhr_streaming"), &[]),
        Some(""),
    );
    assert_eq!(stream.head().status, StatusCode::OK);
    stream.data().expect("the prelude");
    stream.reset();
    let body = eventually("the abort is seen", || {
        let body = client.ask("POST", &format!("{path}/xhr"), &[], "").body;
        (!body.contains("2010")).then_some(body)
    });
    assert!(
        ["o\n", "c[1002,\"Connection interrupted\"]\n"].contains(&&*body),
        "{body}"
    );
}

fn a_reset_web_socket_ends_alone(context: &Context) {
    let mut client = Client::connect(context.server());
    let mut kept = client.web_socket("/echo/websocket");
    client.web_socket("/echo/websocket").reset();
    kept.send(Frame::text("alive").masked());
    assert_eq!(kept.frame(), Frame::text("alive"));
}

fn extended_connect_elsewhere_is_refused(context: &Context) {
    let mut client = Client::connect(context.server());
    let session = session_id();
    for path in [
        "/echo",
        "/echo/info",
        &format!("/echo/000/{session}/xhr"),
        "/echo/none",
        "/healthz",
        "/nothing",
    ] {
        let head = client
            .connect_protocol(path, "websocket", &[("sec-websocket-version", "13")])
            .head();
        assert!(head.status.is_client_error(), "{path}: {head:?}");
    }
    // Nothing of it made a session.
    assert_eq!(
        client
            .ask("POST", &format!("/echo/000/{session}/xhr_send"), &[], "[]")
            .status,
        StatusCode::NOT_FOUND
    );
}

fn other_protocols_are_refused(context: &Context) {
    let mut client = Client::connect(context.server());
    for protocol in ["connect-udp", "webtransport", "x"] {
        let head = client
            .connect_protocol(
                "/echo/websocket",
                protocol,
                &[("sec-websocket-version", "13")],
            )
            .head();
        assert!(!head.status.is_success(), "{protocol}: {head:?}");
    }
    for headers in [&[][..], &[("sec-websocket-version", "12")]] {
        let head = client
            .connect_protocol("/echo/websocket", "websocket", headers)
            .head();
        assert!(
            [400, 426].contains(&head.status.as_u16()),
            "{headers:?}: {head:?}"
        );
    }
}

fn disabled_web_sockets_are_404(context: &Context) {
    let mut client = Client::connect(context.server());
    let framed = format!("/disabled_websocket_echo/000/{}/websocket", session_id());
    for path in ["/disabled_websocket_echo/websocket", &framed] {
        let head = client
            .connect_protocol(path, "websocket", &[("sec-websocket-version", "13")])
            .head();
        assert_eq!(head.status, StatusCode::NOT_FOUND, "{path}");
    }
}

fn an_upgrade_by_get_is_no_web_socket(context: &Context) {
    let mut client = Client::connect(context.server());
    let headers = [
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let answer = client.ask("GET", "/echo/websocket", &headers, "");
    assert!(answer.status.is_client_error(), "{answer:?}");
}

fn malformed_frames_close_with_their_code(context: &Context) {
    let mut client = Client::connect(context.server());
    let cases = [
        (1002, Frame::text("x").unmasked()),
        (1002, Frame::text("x").with_rsv(4).masked()),
        (1007, Frame::text(b"\xff").masked()),
        (
            1009,
            [&[0x81, 0xff][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat(),
        ),
    ];
    for (code, bytes) in cases {
        let mut socket = client.web_socket("/echo/websocket");
        socket.send(bytes);
        let frame = socket.frame();
        assert_eq!(frame.close_code().0, code, "{frame:?}");
    }
    assert_eq!(
        client.ask("GET", "/echo", &[], "").status,
        StatusCode::OK,
        "the connection lives"
    );
}

fn a_close_ends_the_stream(context: &Context) {
    let mut client = Client::connect(context.server());
    let mut socket = client.web_socket("/echo/websocket");
    socket.send(Frame::close(1000, "").masked());
    assert_eq!(socket.frame().close_code().0, 1000);
    // The end may come with an empty DATA frame.
    while let Some(rest) = socket.data() {
        assert_eq!(rest, "", "bytes after the close frame");
    }
}

/// RUSTSEC-2026-0258 buffered them without bound.
fn empty_data_frames_do_no_harm(context: &Context) {
    let mut client = Client::connect(context.server());
    let mut socket = client.web_socket("/echo/websocket");
    for _ in 0..50 {
        socket.send(Vec::new());
    }
    socket.send(Frame::text("alive").masked());
    assert_eq!(socket.frame(), Frame::text("alive"));
}
