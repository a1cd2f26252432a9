//! The limits of what one request, message or head may be, tried just below and just above.

use std::{io::Write, thread};

use sockeye_tests::{
    http1::{Connection, Request, chunk},
    sockjs::{Client, Receiver, array, message_frame, session_id},
    websocket::{Frame, WebSocket, opcode},
};

use crate::{Context, cases};

cases![
    a_message_of_eight_mebibytes_is_taken_by_xhr_send,
    a_message_of_eight_mebibytes_is_taken_by_jsonp_send,
    a_message_of_eight_mebibytes_is_taken_by_web_sockets,
    a_web_socket_message_beyond_the_limit_is_closed_with_1009,
    fragments_are_summed_up,
    a_body_beyond_the_limit_is_413_and_the_session_lives,
    a_body_is_refused_by_its_announced_length,
    a_refused_expectation_is_not_continued,
    a_body_without_a_length_is_refused_while_it_comes,
    ten_thousand_messages_are_taken_and_one_more_is_413,
    encoded_bodies_are_415,
    ids_have_at_most_128_bytes,
    heads_are_limited,
];

/// What the conformance server's mounts take.
const LIMIT: usize = 8 * 1024 * 1024;

fn a_message_of_eight_mebibytes_is_taken_by_xhr_send(context: &Context) {
    let message = "m".repeat(LIMIT);
    let client = Client::open(context.server(), "/echo");
    client.send(&[&message]);
    client.expect_poll(Receiver::Xhr, &message_frame(&[&message]));
}

fn a_message_of_eight_mebibytes_is_taken_by_jsonp_send(context: &Context) {
    let message = "m".repeat(LIMIT);
    let client = Client::open(context.server(), "/echo");
    for request in [
        ("text/plain", array(&[&message])),
        (
            "application/x-www-form-urlencoded",
            format!("d=%5B%22{message}%22%5D"),
        ),
    ] {
        let path = format!("/echo/000/{}/jsonp_send", client.session);
        let request = Request::new("POST", path)
            .header("Content-Type", request.0)
            .body(request.1);
        assert_eq!(client.server.ask(&request).text(), "ok");
        client.expect_poll(Receiver::Xhr, &message_frame(&[&message]));
    }
}

fn a_message_of_eight_mebibytes_is_taken_by_web_sockets(context: &Context) {
    let message = "m".repeat(LIMIT);
    let mut raw = WebSocket::open(context.server(), "/echo/websocket");
    raw.text(&message);
    raw.expect_text(&message);
    let mut framed = WebSocket::open_framed(context.server(), "/echo");
    framed.text(array(&[&message]));
    framed.expect_text(&message_frame(&[&message]));
}

fn a_web_socket_message_beyond_the_limit_is_closed_with_1009(context: &Context) {
    let mut raw = WebSocket::open(context.server(), "/echo/websocket");
    let head = Frame::new(opcode::BINARY, vec![0; LIMIT + 1]).masked()[..14].to_owned();
    // By its head alone, before any payload.
    raw.write(head);
    raw.expect_close(&[1009]);
    let mut framed = WebSocket::open_framed(context.server(), "/echo");
    framed.write(&Frame::text(vec![b' '; 10 * LIMIT]).masked()[..14]);
    framed.expect_close(&[1009]);
}

fn fragments_are_summed_up(context: &Context) {
    let mut raw = WebSocket::open(context.server(), "/echo/websocket");
    let part = vec![b'x'; LIMIT / 4];
    raw.send(&Frame::new(opcode::BINARY, &part).unfinished());
    for _ in 0..3 {
        raw.send(&Frame::new(opcode::CONTINUATION, &part).unfinished());
    }
    raw.send(&Frame::new(opcode::CONTINUATION, ""));
    assert!(raw.frame() == Frame::new(opcode::BINARY, vec![b'x'; LIMIT]));
    raw.send(&Frame::new(opcode::BINARY, &part).unfinished());
    for _ in 0..3 {
        raw.send(&Frame::new(opcode::CONTINUATION, &part).unfinished());
    }
    raw.send(&Frame::new(opcode::CONTINUATION, "x"));
    raw.expect_close(&[1009]);
}

fn senders(client: &Client<'_>) -> [Request; 2] {
    ["xhr_send", "jsonp_send"].map(|name| {
        Request::new("POST", format!("/echo/000/{}/{name}", client.session))
            .header("Content-Type", "text/plain")
    })
}

/// Reads the 413 of a request whose body may still be on its way, and sees the connection close.
#[track_caller]
fn expect_too_large(mut connection: Connection) {
    let head = connection.head();
    assert_eq!(head.status, 413, "{head:?}");
    connection.until_closed();
}

fn a_body_beyond_the_limit_is_413_and_the_session_lives(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for request in senders(&client) {
        let mut connection = Connection::open(client.server);
        let mut writer = connection.writer();
        let bytes = request.body(array(&["x".repeat(6 * LIMIT)])).bytes();
        thread::scope(|scope| {
            // The server may close before it took all.
            scope.spawn(move || writer.write_all(&bytes).is_ok());
            let head = connection.head();
            assert_eq!(head.status, 413, "{head:?}");
            connection.until_closed();
        });
    }
    client.send(&["alive"]);
    client.expect_poll(Receiver::Xhr, r#"a["alive"]"#);
}

fn a_body_is_refused_by_its_announced_length(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for length in ["100000000", "9223372036854775807"] {
        for request in senders(&client) {
            let mut connection = Connection::open(client.server);
            // Only the head is sent; the answer cannot wait for the body.
            connection.send(&request.header("Content-Length", length));
            expect_too_large(connection);
        }
    }
    client.send(&["alive"]);
    client.expect_poll(Receiver::Xhr, r#"a["alive"]"#);
}

fn a_refused_expectation_is_not_continued(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for request in senders(&client) {
        let mut connection = Connection::open(client.server);
        connection.send(
            &request
                .header("Expect", "100-continue")
                .header("Content-Length", "100000000"),
        );
        expect_too_large(connection);
    }
}

/// CVE-2020-36048: a polling POST that never ended filled the memory.
fn a_body_without_a_length_is_refused_while_it_comes(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for request in senders(&client) {
        let mut connection = Connection::open(client.server);
        connection.send(&request.header("Transfer-Encoding", "chunked"));
        let mut writer = connection.writer();
        thread::scope(|scope| {
            scope.spawn(move || {
                let part = chunk(&[b' '; 65_536]);
                // A body without end: only the server's close stops it.
                while writer.write_all(&part).is_ok() {}
            });
            expect_too_large(connection);
        });
    }
    client.send(&["alive"]);
    client.expect_poll(Receiver::Xhr, r#"a["alive"]"#);
}

fn ten_thousand_messages_are_taken_and_one_more_is_413(context: &Context) {
    let client = Client::open(context.server(), "/broadcast");
    let array_of = |count: usize| format!("[{}\"\"]", "\"\",".repeat(count - 1));
    // Of the ticker, which answers nothing, so that no outbox fills.
    let silent = Client::open(context.server(), "/ticker");
    assert_eq!(
        silent
            .server
            .ask(&silent.send_request(array_of(10_000)))
            .status(),
        204
    );
    let mut connection = Connection::open(client.server);
    connection.send(&silent.send_request(array_of(10_001)));
    expect_too_large(connection);
    assert_eq!(
        silent.server.ask(&silent.send_request("[]")).status(),
        204,
        "the session lives"
    );

    let mut socket = WebSocket::open_framed(context.server(), "/ticker");
    socket.text(array_of(10_000));
    socket.send(&Frame::new(opcode::PING, "taken"));
    let pong = sockeye_tests::eventually("the pong", || {
        Some(socket.frame()).filter(|frame| frame.opcode == opcode::PONG)
    });
    assert_eq!(pong.payload, b"taken");
    socket.text(array_of(10_001));
    let close = sockeye_tests::eventually("the close", || {
        Some(socket.frame()).filter(|frame| frame.opcode == opcode::CLOSE)
    });
    assert!(
        [1008, 1009, 3000].contains(&close.close_code().0),
        "{close:?}"
    );
}

fn encoded_bodies_are_415(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, identity", "x"] {
        for request in senders(&client) {
            let response = client
                .server
                .ask(&request.header("Content-Encoding", coding).body(r#"["x"]"#));
            assert_eq!(response.status(), 415, "{coding}: {response:?}");
        }
    }
    for request in senders(&client) {
        let response = client.server.ask(
            &request
                .header("Content-Encoding", "identity")
                .body(r#"["x"]"#),
        );
        assert!(response.status() < 300, "{response:?}");
        client.expect_poll(Receiver::Xhr, r#"a["x"]"#);
    }
}

fn ids_have_at_most_128_bytes(context: &Context) {
    let server = context.server();
    let unique = session_id();
    let of_length = |length: usize| format!("{unique}{}", "i".repeat(length - unique.len()));
    for (length, status) in [(127, 200), (128, 200), (129, 404), (4096, 404)] {
        let session = server.ask(&Request::post(format!(
            "/echo/000/{}/xhr",
            of_length(length)
        )));
        assert_eq!(session.status(), status, "a session id of {length}");
        let balancer = server.ask(&Request::post(format!(
            "/echo/{}/{}/xhr",
            of_length(length),
            session_id()
        )));
        assert_eq!(balancer.status(), status, "a server id of {length}");
    }
    for path in [
        format!("/echo/000/{}/websocket", of_length(129)),
        format!("/echo/{}/x/websocket", of_length(129)),
    ] {
        assert_eq!(server.ask(&Request::get(path)).status(), 404);
    }
}

fn heads_are_limited(context: &Context) {
    let server = context.server();
    let with_headers = |count: usize| {
        // Host is one of them.
        (1..count).fold(Request::get("/echo"), |request, number| {
            request.header(&format!("X-{number}"), "x")
        })
    };
    let target =
        |length: usize| Request::get(format!("/echo?{}", "q".repeat(length - "/echo?".len())));
    #[rustfmt::skip]
    let cases = [
        ("100 headers",      200, with_headers(100)),
        ("101 headers",      431, with_headers(101)),
        ("1000 headers",     431, with_headers(1000)),
        ("8 KiB of target",  200, target(8 * 1024)),
        ("more of target",   414, target(8 * 1024 + 1)),
        ("60 kB of head",    200, Request::get("/echo").header("X", "x".repeat(60_000))),
        ("70 kB of head",    431, Request::get("/echo").header("X", "x".repeat(70_000))),
        ("1 MB of head",     431, Request::get("/echo").header("X", "x".repeat(1_000_000))),
    ];
    for (case, status, request) in cases {
        let mut connection = Connection::open(server);
        let mut writer = connection.writer();
        let bytes = request.bytes();
        thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&bytes).is_ok());
            let head = connection.head();
            assert_eq!(head.status, status, "{case}: {head:?}");
        });
    }
    // Beyond two limits at once, either tells the truth.
    let mut connection = Connection::open(server);
    let mut writer = connection.writer();
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&target(100_000).bytes()).is_ok());
        let head = connection.head();
        assert!([414, 431].contains(&head.status), "{head:?}");
    });
}
