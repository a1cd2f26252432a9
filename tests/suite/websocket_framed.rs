//! Section 8: SockJS frames on a WebSocket.

use sockeye_tests::{
    sockjs::{array, message_frame, unframe},
    websocket::{Frame, WebSocket, opcode},
};

use crate::{Context, cases};

cases![
    messages_come_back_in_order,
    arrays_and_single_strings_are_messages,
    what_carries_no_message_is_ignored,
    what_is_no_message_ends_the_session,
    binary_messages_are_refused,
    the_app_closes_with_a_frame_and_then_the_web_socket,
    a_closed_session_takes_no_more,
    fragments_are_one_message,
    pings_between_fragments_are_answered,
    pongs_nobody_asked_for_are_ignored,
    waiting_messages_are_joined,
    large_messages_pass_both_ways,
    one_error_ends_one_connection_alone,
];

fn open(context: &Context) -> WebSocket {
    WebSocket::open_framed(context.server(), "/echo")
}

fn messages_come_back_in_order(context: &Context) {
    let mut socket = open(context);
    for number in 0..200 {
        socket.text(array(&[format!("{number}")]));
    }
    let mut seen = Vec::new();
    while seen.len() < 200 {
        seen.extend(unframe(&String::from_utf8_lossy(&socket.frame().payload)));
    }
    let expected: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    assert_eq!(seen, expected);
}

fn arrays_and_single_strings_are_messages(context: &Context) {
    let mut socket = open(context);
    #[rustfmt::skip]
    let cases = [
        (r#"["x"]"#,        "x"),
        (r#""x""#,          "x"),
        (r#" [ "x" ] "#,    "x"),
        ("\n\t\"x\"\r\n",   "x"),
        (r#"[""]"#,         ""),
        (r#""""#,           ""),
        (r#""[\"y\"]""#,    r#"["y"]"#),
    ];
    for (text, message) in cases {
        socket.text(text);
        socket.expect_text(&message_frame(&[message]));
    }
    socket.text(r#"["a","b","c"]"#);
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.extend(unframe(&String::from_utf8_lossy(&socket.frame().payload)));
    }
    assert_eq!(seen, ["a", "b", "c"]);
}

fn what_carries_no_message_is_ignored(context: &Context) {
    let mut socket = open(context);
    for text in ["", "[]", " [ ] ", ""] {
        socket.text(text);
    }
    socket.text(r#"["after"]"#);
    socket.expect_text(r#"a["after"]"#);
}

fn what_is_no_message_ends_the_session(context: &Context) {
    let texts = [
        "[",
        "[\"x",
        "[\"x\"",
        "x",
        "{}",
        "{\"a\":\"b\"}",
        "1",
        "null",
        "true",
        "[1]",
        "[null]",
        "[\"a\",1]",
        "[[]]",
        "[\"a\"]x",
        "[\"a\",]",
        "'x'",
        "\u{feff}[\"x\"]",
        " ",
        "\"x",
        "[\"\n\"]",
        "[{}]",
        "-",
    ];
    for text in texts {
        let mut socket = open(context);
        socket.text(text);
        let (_, reason) = socket.expect_close(&[3000]);
        assert_eq!(reason, "Broken framing.", "{text:?}");
    }
}

fn binary_messages_are_refused(context: &Context) {
    for payload in [&b"[\"x\"]"[..], b"", b"\xff\x00"] {
        let mut socket = open(context);
        socket.send(&Frame::new(opcode::BINARY, payload));
        socket.expect_close(&[1003, 3000]);
    }
}

fn the_app_closes_with_a_frame_and_then_the_web_socket(context: &Context) {
    let mut socket = WebSocket::open_framed(context.server(), "/close");
    socket.expect_text(r#"c[3000,"Go away!"]"#);
    let (_, reason) = socket.expect_close(&[1000]);
    assert_eq!(reason, "Normal closure");
}

fn a_closed_session_takes_no_more(context: &Context) {
    let mut socket = WebSocket::open_framed(context.server(), "/close");
    socket.expect_text(r#"c[3000,"Go away!"]"#);
    // Between its close frame and ours; the server reads on only to see ours.
    socket.text(r#"["late"]"#);
    socket.expect_close(&[1000]);
}

fn fragments_are_one_message(context: &Context) {
    let mut socket = open(context);
    let message = "\u{e9}\u{1f600}x";
    let text = array(&[message]);
    for size in 1..=text.len() {
        let mut parts = text.as_bytes().chunks(size).peekable();
        let mut code = opcode::TEXT;
        while let Some(part) = parts.next() {
            let frame = Frame::new(code, part);
            socket.send(&if parts.peek().is_some() {
                frame.unfinished()
            } else {
                frame
            });
            code = opcode::CONTINUATION;
        }
        socket.expect_text(&message_frame(&[message]));
    }
}

fn pings_between_fragments_are_answered(context: &Context) {
    let mut socket = open(context);
    socket.send(&Frame::text("[\"a").unfinished());
    socket.send(&Frame::new(opcode::PING, "between"));
    assert_eq!(socket.frame(), Frame::new(opcode::PONG, "between"));
    socket.send(&Frame::new(opcode::CONTINUATION, "b").unfinished());
    socket.send(&Frame::new(opcode::PING, ""));
    assert_eq!(socket.frame(), Frame::new(opcode::PONG, ""));
    socket.send(&Frame::new(opcode::CONTINUATION, "c\"]"));
    socket.expect_text(r#"a["abc"]"#);
}

fn pongs_nobody_asked_for_are_ignored(context: &Context) {
    let mut socket = open(context);
    for payload in ["", "hello", &"x".repeat(125)] {
        socket.send(&Frame::new(opcode::PONG, payload));
    }
    socket.text(r#"["after"]"#);
    socket.expect_text(r#"a["after"]"#);
}

fn waiting_messages_are_joined(context: &Context) {
    let mut socket = open(context);
    // However they are cut into frames, there are fewer frames than messages, as the echoes of one
    // array wait together.
    let messages: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    socket.text(array(&messages));
    let (mut seen, mut frames) = (Vec::new(), 0);
    while seen.len() < messages.len() {
        let frame = socket.frame();
        assert_eq!((frame.opcode, frame.fin), (opcode::TEXT, true));
        seen.extend(unframe(&String::from_utf8_lossy(&frame.payload)));
        frames += 1;
    }
    assert_eq!(seen, messages);
    assert!(frames < messages.len(), "{frames} frames");
}

fn large_messages_pass_both_ways(context: &Context) {
    let mut socket = open(context);
    for size in [125, 126, 127, 65_535, 65_536, 65_537, 1 << 20, 7 << 20] {
        let message: String = ('a'..='z').cycle().take(size).collect();
        socket.text(array(&[&message]));
        socket.expect_text(&message_frame(&[&message]));
    }
}

fn one_error_ends_one_connection_alone(context: &Context) {
    let mut bystander = open(context);
    let mut culprit = open(context);
    culprit.text("[");
    culprit.expect_close(&[3000]);
    bystander.text(r#"["alive"]"#);
    bystander.expect_text(r#"a["alive"]"#);
}
