//! SIGTERM: goodbyes to all, nobody new, and an end within ten seconds whatever the clients do.

use std::{io::Write, thread, time::Duration};

use sockeye_tests::{
    eventually,
    http1::{Connection, Request},
    http2,
    server::Server,
    sockjs::{Attached, Client, Receiver, unframe},
    websocket::{Frame, WebSocket, handshake, opcode},
};

use crate::{Context, cases};

cases![
    an_idle_server_exits,
    every_receiver_gets_a_goodbye,
    web_sockets_are_closed_with_1001,
    web_sockets_over_http_2_are_closed_with_1001,
    waiting_messages_come_before_the_goodbye,
    new_sessions_are_refused_while_draining,
    clients_that_ignore_the_goodbye_delay_nothing,
    a_second_signal_changes_nothing,
];

const GOING_AWAY: &str = r#"c[1001,"Going away"]"#;

/// The contract's bound.
const BOUND: Duration = Duration::from_secs(10);

#[track_caller]
fn assert_exits(mut server: Server) {
    let (status, stderr) = server.exit(BOUND);
    assert_eq!(status.code(), Some(0), "{status}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

fn an_idle_server_exits(context: &Context) {
    let server = context.start(&[]);
    // A connection that is kept alive and idle is nobody to wait for.
    let mut idle = Connection::open(&server);
    assert_eq!(idle.ask(&Request::get("/echo")).status(), 200);
    server.terminate();
    assert_exits(server);
}

fn every_receiver_gets_a_goodbye(context: &Context) {
    let server = context.start(&[]);
    let mut streams: Vec<Attached> = Receiver::ALL
        .map(|receiver| Client::new(&server, "/echo").open_attached(receiver))
        .into();
    server.terminate();
    for stream in &mut streams {
        stream.expect(GOING_AWAY);
    }
    for stream in streams {
        stream.expect_end();
    }
    assert_exits(server);
}

fn web_sockets_are_closed_with_1001(context: &Context) {
    let server = context.start(&[]);
    let raw = WebSocket::open(&server, "/echo/websocket");
    let mut framed = WebSocket::open_framed(&server, "/echo");
    let ticker = WebSocket::open(&server, "/ticker/websocket");
    server.terminate();
    framed.expect_text(GOING_AWAY);
    framed.expect_close(&[1000, 1001]);
    raw.expect_close(&[1001]);
    let mut ticker = ticker;
    let close = eventually("the close", || {
        Some(ticker.frame()).filter(|frame| frame.opcode == opcode::CLOSE)
    });
    assert_eq!(close.close_code().0, 1001);
    assert_exits(server);
}

fn web_sockets_over_http_2_are_closed_with_1001(context: &Context) {
    let server = context.start(&[]);
    let mut client = http2::Client::connect(&server);
    let mut socket = client.web_socket("/echo/websocket");
    socket.send(Frame::text("open").masked());
    assert_eq!(socket.frame(), Frame::text("open"));
    server.terminate();
    assert_eq!(socket.frame().close_code().0, 1001);
    assert_exits(server);
}

fn waiting_messages_come_before_the_goodbye(context: &Context) {
    let server = context.start(&["--disconnect-ms", "60000"]);
    let mut witness = WebSocket::open_framed(&server, "/broadcast");
    // It has joined when it hears itself.
    witness.text(r#"["settle"]"#);
    witness.expect_text(r#"a["settle"]"#);
    let client = Client::open(&server, "/broadcast");
    client.send(&["waits", "last"]);
    let mut heard = Vec::new();
    while heard.last().is_none_or(|message| message != "last") {
        heard.extend(unframe(&String::from_utf8_lossy(&witness.frame().payload)));
    }
    // The witness has `last`, so `waits` is in every outbox.
    server.terminate();
    witness.expect_text(GOING_AWAY);
    let messages = unframe(&client.poll());
    assert_eq!(messages[0], "waits", "{messages:?}");
    let goodbye = eventually("the goodbye", || {
        Some(client.poll()).filter(|frame| !frame.starts_with('a'))
    });
    assert_eq!(goodbye, GOING_AWAY);
    drop(witness);
    assert_exits(server);
}

fn new_sessions_are_refused_while_draining(context: &Context) {
    let server = context.start(&["--disconnect-ms", "60000"]);
    // Somebody who has yet to fetch its goodbye keeps the drain going.
    let _detached = Client::open(&server, "/echo");
    let mut _silent = WebSocket::open(&server, "/echo/websocket");
    server.terminate();
    let unready = eventually("readiness is gone", || {
        let response = server.ask(&Request::get("/healthz"));
        (response.status() != 200).then_some(response)
    });
    assert_eq!(unready.status(), 503, "{unready:?}");
    let newcomers = Receiver::ALL
        .map(|receiver| Client::new(&server, "/echo").receive_head(receiver))
        .into_iter()
        .chain(
            [
                handshake("/echo/websocket"),
                handshake("/echo/000/new/websocket"),
            ]
            .map(|request| {
                let mut connection = Connection::open(&server);
                connection.send(&request);
                connection.head()
            }),
        );
    for head in newcomers {
        assert_eq!(head.status, 503, "{head:?}");
        assert!(head.header("retry-after").is_some(), "{head:?}");
    }
    assert_exits(server);
}

/// Reads only the head of a receiver's answer.
trait ReceiveHead {
    fn receive_head(&self, receiver: Receiver) -> sockeye_tests::http1::Head;
}

impl ReceiveHead for Client<'_> {
    fn receive_head(&self, receiver: Receiver) -> sockeye_tests::http1::Head {
        let mut connection = Connection::open(self.server);
        connection.send(&receiver.request(&self.mount, &self.session));
        connection.head()
    }
}

fn clients_that_ignore_the_goodbye_delay_nothing(context: &Context) {
    let server = context.start(&["--disconnect-ms", "60000"]);
    let _detached = Client::open(&server, "/echo");
    let _no_answer = WebSocket::open(&server, "/echo/websocket");
    let _ticked = WebSocket::open_framed(&server, "/ticker");
    let mut half_a_head = Connection::open(&server);
    half_a_head.write("GET /echo HTTP/1.1\r\nHost: x\r\nX-");
    let client = Client::open(&server, "/echo");
    let mut half_a_body = Connection::open(&server);
    let request = client.send_request("[\"never finished\"]").bytes();
    half_a_body.write(&request[..request.len() - 2]);
    let _nothing = Connection::open(&server);
    let mut over_http_2 = http2::Client::connect(&server);
    let _ignoring = over_http_2.web_socket("/echo/websocket");
    // One that sends all the time and never reads: its queues are full when the goodbye comes.
    let busy = {
        let mut connection = Connection::open(&server).with_small_receive_buffer();
        connection.send(&handshake("/echo/websocket"));
        assert_eq!(connection.head().status, 101);
        connection
    };
    let mut writer = busy.writer();
    let sending = thread::spawn(move || {
        let messages = Frame::text("m".repeat(1000)).masked().repeat(64);
        while writer.write_all(&messages).is_ok() {}
    });
    server.terminate();
    assert_exits(server);
    drop(busy);
    sending.join().expect("only writes");
}

fn a_second_signal_changes_nothing(context: &Context) {
    let server = context.start(&[]);
    let mut stream = Client::new(&server, "/echo").open_attached(Receiver::XhrStreaming);
    server.terminate();
    server.terminate();
    stream.expect(GOING_AWAY);
    stream.expect_end();
    assert_exits(server);
}
