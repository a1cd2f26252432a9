//! Clients that send without end or never read: they are bounded, and the others do not notice.

use std::{io::Write, net::TcpStream, process::Command, thread};

use sockeye_tests::{
    eventually,
    http1::{Connection, Request},
    server::Server,
    sockjs::{Client, Receiver, session_id},
    websocket::{Frame, WebSocket, handshake, opcode},
};

use crate::{Context, cases};

cases![
    a_message_has_at_most_16384_fragments,
    empty_fragments_cost_nothing_but_the_connection,
    a_ping_flood_by_a_client_that_does_not_read_is_bounded,
    an_echo_whose_reader_does_not_read_is_held_back,
    a_member_that_does_not_read_delays_no_other,
    a_streaming_member_that_does_not_read_delays_no_other,
    connections_that_say_nothing_delay_no_other,
    more_connections_than_descriptors_wait_and_are_served,
];

fn fragments(count: usize, payload: &str) -> Vec<u8> {
    let mut bytes = Frame::text(payload).unfinished().masked();
    for _ in 2..count {
        bytes.extend(
            Frame::new(opcode::CONTINUATION, payload)
                .unfinished()
                .masked(),
        );
    }
    bytes.extend(Frame::new(opcode::CONTINUATION, payload).masked());
    bytes
}

/// CVE-2026-48779.
fn a_message_has_at_most_16384_fragments(context: &Context) {
    for payload in ["x", ""] {
        let mut raw = WebSocket::open(context.server(), "/echo/websocket");
        raw.write(fragments(16_384, payload));
        raw.expect_text(&payload.repeat(16_384));
        raw.write(fragments(16_385, payload));
        raw.expect_close(&[1008]);
    }
    let mut framed = WebSocket::open_framed(context.server(), "/echo");
    framed.write(fragments(16_384, " "));
    framed.expect_close(&[3000]);
    let mut framed = WebSocket::open_framed(context.server(), "/echo");
    framed.write(fragments(16_385, " "));
    framed.expect_close(&[1008]);
}

fn empty_fragments_cost_nothing_but_the_connection(context: &Context) {
    let socket = WebSocket::open(context.server(), "/echo/websocket");
    let mut writer = socket.writer();
    thread::scope(|scope| {
        scope.spawn(move || {
            let fragment = Frame::new(opcode::CONTINUATION, "")
                .unfinished()
                .masked()
                .repeat(1000);
            let _ = writer.write_all(&Frame::text("").unfinished().masked());
            // Without end: only the server's close stops it.
            while writer.write_all(&fragment).is_ok() {}
        });
        let mut socket = socket;
        assert_eq!(socket.frame().close_code().0, 1008);
        socket.into_connection().until_closed();
    });
}

/// Writes until the server takes no more for a while, or `bytes` are through.
fn press(mut writer: TcpStream, part: &[u8], bytes: usize) {
    // Shorter than the suite's patience: being blocked is what is wanted here.
    writer
        .set_write_timeout(Some(std::time::Duration::from_secs(2)))
        .expect("a positive timeout");
    let mut written = 0;
    while written < bytes && writer.write_all(part).is_ok() {
        written += part.len();
    }
}

const MIB: u64 = 1024 * 1024;

/// Memory may grow by this much, for buffers and the allocator's own pace.
const ROOM: u64 = 32 * MIB;

#[track_caller]
fn assert_small(server: &Server, before: Option<u64>) {
    if let (Some(before), Some(after)) = (before, server.resident_bytes()) {
        assert!(
            after < before + ROOM,
            "grew from {} to {} MiB",
            before / MIB,
            after / MIB
        );
    }
}

fn silent_web_socket(server: &Server, path: &str) -> Connection {
    let mut connection = Connection::open(server).with_small_receive_buffer();
    connection.send(&handshake(path));
    assert_eq!(connection.head().status, 101);
    connection
}

/// ws 8.23: pongs were queued without bound.
fn a_ping_flood_by_a_client_that_does_not_read_is_bounded(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "3600000"]);
    let connection = silent_web_socket(&server, "/echo/websocket");
    let mut bystander = WebSocket::open_framed(&server, "/echo");
    let before = server.resident_bytes();
    let pings = Frame::new(opcode::PING, vec![b'p'; 125])
        .masked()
        .repeat(500);
    press(connection.writer(), &pings, 128 << 20);
    assert_small(&server, before);
    bystander.text(r#"["alive"]"#);
    bystander.expect_text(r#"a["alive"]"#);
}

fn an_echo_whose_reader_does_not_read_is_held_back(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "3600000"]);
    let connection = silent_web_socket(&server, "/echo/websocket");
    let mut bystander = WebSocket::open_framed(&server, "/echo");
    let before = server.resident_bytes();
    let messages = Frame::text("m".repeat(1000)).masked().repeat(64);
    press(connection.writer(), &messages, 128 << 20);
    assert_small(&server, before);
    bystander.text(r#"["alive"]"#);
    bystander.expect_text(r#"a["alive"]"#);
}

/// Broadcasts more than any outbox may hold, each message awaited by the one that reads.
fn broadcast_past_a_silent_member(server: &Server, before: Option<u64>) {
    let mut reader = WebSocket::open_framed(server, "/broadcast");
    let message = "m".repeat(256 * 1024);
    for _ in 0..200 {
        reader.text(format!("[\"{message}\"]"));
        let frame = reader.frame();
        assert_eq!(frame.payload.len(), message.len() + 5);
    }
    assert_small(server, before);
}

/// The silent member was closed: what it gets when it reads at last ends before all was sent.
#[track_caller]
fn assert_cut_short(mut connection: Connection) {
    let seen = connection.until_closed();
    assert!(
        seen.len() < 200 * 256 * 1024,
        "it was sent all {} bytes",
        seen.len()
    );
}

fn a_member_that_does_not_read_delays_no_other(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "3600000"]);
    let silent = silent_web_socket(&server, "/broadcast/websocket");
    let before = server.resident_bytes();
    broadcast_past_a_silent_member(&server, before);
    assert_cut_short(silent);
}

fn a_streaming_member_that_does_not_read_delays_no_other(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "3600000"]);
    for receiver in [Receiver::Xhr, Receiver::XhrStreaming] {
        let mut silent = Connection::open(&server).with_small_receive_buffer();
        silent.send(&receiver.request("/broadcast", &session_id()));
        assert_eq!(silent.head().status, 200);
        let before = server.resident_bytes();
        broadcast_past_a_silent_member(&server, before);
    }
}

/// Slow heads, slow bodies, nothing at all.
fn connections_that_say_nothing_delay_no_other(context: &Context) {
    let server = context.server();
    let client = Client::open(server, "/echo");
    let beginnings: [&[u8]; 4] = [
        b"",
        b"GET /echo HT",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /echo/000/x/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[\"begun",
    ];
    let mut slow = Vec::new();
    for number in 0..200 {
        let mut connection = Connection::open(server);
        connection.write(beginnings[number % beginnings.len()]);
        slow.push(connection);
    }
    // A body of this very session that never ends, too.
    let mut own = Connection::open(server);
    let request = client.send_request("[\"never finished\"]").bytes();
    own.write(&request[..request.len() - 3]);
    assert_eq!(server.ask(&Request::get("/echo")).status(), 200);
    let mut socket = WebSocket::open_framed(server, "/echo");
    socket.text(r#"["alive"]"#);
    socket.expect_text(r#"a["alive"]"#);
    drop(slow);
}

/// EMFILE neither ends the server nor is it spun on.
fn more_connections_than_descriptors_wait_and_are_served(context: &Context) {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -n 64 && exec \"$0\" --listen 127.0.0.1:0 --stack \"$1\"",
    ]);
    let server = Server::from_command(command.arg(context.program()).arg(context.stack().name()));
    let mut connections: Vec<_> = (0..100).map(|_| Connection::open(&server)).collect();
    // As many as there are descriptors for are accepted, and each of those is answered.
    assert_eq!(connections[0].ask(&Request::get("/healthz")).text(), "ok");
    connections.truncate(1);
    eventually("a connection from the backlog is served", || {
        (server.ask(&Request::get("/healthz")).text() == "ok").then_some(())
    });
    assert_eq!(connections[0].ask(&Request::get("/healthz")).text(), "ok");
    server.verdict().expect("it went on");
}
