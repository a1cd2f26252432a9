//! Section 8: messages as they are, without SockJS frames.

use sockeye_tests::websocket::{Frame, WebSocket, opcode};

use crate::{Context, cases};

cases![
    messages_pass_unchanged,
    empty_messages_are_messages,
    text_is_not_taken_for_json,
    fragmented_messages_keep_their_kind,
    the_app_closes_with_its_own_code,
    other_apps_work_on_it,
    nothing_is_sent_unasked,
    large_messages_pass_both_ways,
    many_messages_at_once_come_back_one_by_one,
];

fn open(context: &Context) -> WebSocket {
    WebSocket::open(context.server(), "/echo/websocket")
}

fn messages_pass_unchanged(context: &Context) {
    let mut socket = open(context);
    let all_bytes: Vec<u8> = (0..=255).collect();
    for frame in [
        Frame::text("hello"),
        Frame::text("\u{e9}\u{2028}\u{200c}\u{ffff}\u{1f600}\0"),
        Frame::new(opcode::BINARY, &all_bytes),
        Frame::new(opcode::BINARY, "text that is binary"),
    ] {
        socket.send(&frame);
        assert_eq!(socket.frame(), frame);
    }
}

fn empty_messages_are_messages(context: &Context) {
    let mut socket = open(context);
    for frame in [Frame::text(""), Frame::new(opcode::BINARY, "")] {
        socket.send(&frame);
        assert_eq!(socket.frame(), frame);
    }
}

fn text_is_not_taken_for_json(context: &Context) {
    let mut socket = open(context);
    for text in [
        "[",
        "[\"x\"]",
        "{}",
        "o",
        "h",
        "c[1000,\"x\"]",
        "\"x\"",
        "\u{feff}",
    ] {
        socket.text(text);
        socket.expect_text(text);
    }
}

fn fragmented_messages_keep_their_kind(context: &Context) {
    let mut socket = open(context);
    for code in [opcode::TEXT, opcode::BINARY] {
        socket.send(&Frame::new(code, "a").unfinished());
        socket.send(&Frame::new(opcode::CONTINUATION, "").unfinished());
        socket.send(&Frame::new(opcode::CONTINUATION, "b").unfinished());
        socket.send(&Frame::new(opcode::CONTINUATION, ""));
        assert_eq!(socket.frame(), Frame::new(code, "ab"));
    }
}

fn the_app_closes_with_its_own_code(context: &Context) {
    let socket = WebSocket::open(context.server(), "/close/websocket");
    let (code, reason) = socket.expect_close(&[3000]);
    assert_eq!((code, &*reason), (3000, "Go away!"));
}

fn other_apps_work_on_it(context: &Context) {
    let mut socket = WebSocket::open(context.server(), "/amplify/websocket");
    socket.text("3");
    socket.expect_text("xxxxxxxx");
}

fn nothing_is_sent_unasked(context: &Context) {
    let mut socket = open(context);
    socket.text("first");
    // Neither `o` nor anything else before it.
    socket.expect_text("first");
}

fn large_messages_pass_both_ways(context: &Context) {
    let mut socket = open(context);
    for size in [125, 126, 65_535, 65_536, 1 << 20, 8 << 20] {
        let frame = Frame::new(opcode::BINARY, vec![7; size]);
        socket.send(&frame);
        assert!(socket.frame() == frame, "{size} bytes");
    }
}

fn many_messages_at_once_come_back_one_by_one(context: &Context) {
    let mut socket = open(context);
    let messages: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let bytes: Vec<u8> = messages
        .iter()
        .flat_map(|message| Frame::text(message).masked())
        .collect();
    socket.write(bytes);
    for message in messages {
        socket.expect_text(&message);
    }
}
