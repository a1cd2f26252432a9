//! Section 12: the test mounts.

use std::time::{Duration, Instant};

use sockeye_tests::{
    sockjs::{Client, Receiver, message_frame, unframe},
    websocket::WebSocket,
};

use crate::{Context, cases};

cases![
    amplify_answers_powers_of_two,
    broadcast_reaches_every_session_of_the_mount,
    ticker_ticks_each_second,
    close_closes_on_every_transport,
    cookie_needed_echo_and_the_disabled_one_echo,
];

fn amplify_answers_powers_of_two(context: &Context) {
    let client = Client::open(context.server(), "/amplify");
    #[rustfmt::skip]
    let cases = [
        ("1", 1), ("2", 2), ("10", 10), ("18", 18),
        ("0", 1), ("19", 1), ("-1", 1), ("x", 1), ("", 1), ("99999999999999999999", 1),
    ];
    for (message, exponent) in cases {
        client.send(&[message]);
        client.expect_poll(Receiver::Xhr, &message_frame(&["x".repeat(1 << exponent)]));
    }
}

fn broadcast_reaches_every_session_of_the_mount(context: &Context) {
    let server = context.start(&["--disconnect-ms", "60000"]);
    let mut sockets: Vec<_> = (0..5)
        .map(|_| WebSocket::open_framed(&server, "/broadcast"))
        .collect();
    let mut raw = WebSocket::open(&server, "/broadcast/websocket");
    let streaming = Client::new(&server, "/broadcast");
    let mut stream = streaming.open_attached(Receiver::XhrStreaming);
    let detached = Client::open(&server, "/broadcast");
    // A session is a member from when its handler runs, which is certain once it hears itself.
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.text(format!("[\"socket {number}\"]"));
        hear(&format!("socket {number}"), || framed(socket));
    }
    raw.text("raw");
    hear("raw", || {
        vec![String::from_utf8(raw.frame().payload).expect("UTF-8")]
    });
    streaming.send(&["stream"]);
    hear("stream", || stream.messages_of_one_frame());
    detached.send(&["detached"]);
    hear("detached", || unframe(&detached.poll()));

    sockets[0].text(r#"["to all"]"#);
    for socket in &mut sockets {
        hear("to all", || framed(socket));
    }
    hear("to all", || {
        vec![String::from_utf8(raw.frame().payload).expect("UTF-8")]
    });
    hear("to all", || stream.messages_of_one_frame());
    hear("to all", || unframe(&detached.poll()));
    // Those of other mounts hear nothing: their next message is their own.
    let mut elsewhere = WebSocket::open_framed(&server, "/echo");
    sockets[0].text(r#"["only here"]"#);
    sockets[1].expect_text(r#"a["only here"]"#);
    elsewhere.text(r#"["mine"]"#);
    elsewhere.expect_text(r#"a["mine"]"#);
}

/// Reads until this message was the last one read.
fn hear(message: &str, mut read: impl FnMut() -> Vec<String>) {
    while read().last().is_none_or(|last| last != message) {}
}

fn framed(socket: &mut WebSocket) -> Vec<String> {
    unframe(&String::from_utf8(socket.frame().payload).expect("UTF-8"))
}

fn ticker_ticks_each_second(context: &Context) {
    let client = Client::new(context.server(), "/ticker");
    let begin = Instant::now();
    let mut stream = client.open_attached(Receiver::XhrStreaming);
    for _ in 0..2 {
        stream.expect(r#"a["tick!"]"#);
    }
    assert!(
        begin.elapsed() >= Duration::from_millis(1900),
        "after {:?}",
        begin.elapsed()
    );
}

fn close_closes_on_every_transport(context: &Context) {
    for receiver in Receiver::ALL {
        let client = Client::open(context.server(), "/close");
        client.expect_poll(receiver, r#"c[3000,"Go away!"]"#);
    }
}

fn cookie_needed_echo_and_the_disabled_one_echo(context: &Context) {
    for mount in ["/cookie_needed_echo", "/disabled_websocket_echo"] {
        for receiver in Receiver::ALL {
            let client = Client::new(context.server(), mount);
            let mut attached = client.open_attached(receiver);
            client.send(&["x"]);
            attached.expect(r#"a["x"]"#);
        }
    }
    let mut socket = WebSocket::open_framed(context.server(), "/cookie_needed_echo");
    socket.text(r#"["x"]"#);
    socket.expect_text(r#"a["x"]"#);
}
