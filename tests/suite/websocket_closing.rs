//! RFC 6455 on both WebSocket URLs: malformed frames, control frames, and how a connection ends.

use sockeye_tests::{
    sockjs::session_id,
    websocket::{Frame, WebSocket, opcode},
};

use crate::{Context, cases};

cases![
    reserved_bits_are_a_protocol_error,
    unknown_opcodes_are_a_protocol_error,
    unmasked_frames_are_a_protocol_error,
    control_frames_are_short_and_whole,
    continuations_need_a_beginning,
    a_message_must_end_before_the_next,
    text_that_is_no_utf_8_is_closed_with_1007,
    text_may_be_cut_inside_a_character,
    lengths_are_believed_only_so_far,
    a_length_with_its_highest_bit_set_is_refused,
    pings_are_answered_with_their_bytes,
    a_close_is_answered_with_its_code,
    malformed_closes_are_protocol_errors,
    a_client_may_close_without_a_code,
    a_client_may_vanish,
    a_client_may_stop_sending,
    nothing_follows_a_close,
];

/// Runs a check on a raw and on a framed socket.
fn on_both(context: &Context, check: impl Fn(WebSocket)) {
    check(WebSocket::open(context.server(), "/echo/websocket"));
    check(WebSocket::open_framed(context.server(), "/echo"));
}

fn reserved_bits_are_a_protocol_error(context: &Context) {
    for rsv in 1..8 {
        for code in [opcode::TEXT, opcode::BINARY, opcode::PING, opcode::CLOSE] {
            on_both(context, |mut socket| {
                socket.send(&Frame::new(code, "").with_rsv(rsv));
                socket.expect_close(&[1002]);
            });
        }
    }
}

fn unknown_opcodes_are_a_protocol_error(context: &Context) {
    for code in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        on_both(context, |mut socket| {
            socket.send(&Frame::new(code, "x"));
            socket.expect_close(&[1002]);
        });
    }
}

fn unmasked_frames_are_a_protocol_error(context: &Context) {
    for frame in [
        Frame::text("[\"x\"]"),
        Frame::new(opcode::PING, "x"),
        Frame::text(""),
        Frame::new(opcode::BINARY, "x"),
    ] {
        on_both(context, |mut socket| {
            socket.write(frame.unmasked());
            socket.expect_close(&[1002]);
        });
    }
}

fn control_frames_are_short_and_whole(context: &Context) {
    for code in [opcode::PING, opcode::PONG, opcode::CLOSE] {
        on_both(context, |mut socket| {
            socket.send(&Frame::new(code, vec![b'x'; 126]));
            socket.expect_close(&[1002]);
        });
        on_both(context, |mut socket| {
            socket.send(&Frame::new(code, "").unfinished());
            socket.expect_close(&[1002]);
        });
    }
}

fn continuations_need_a_beginning(context: &Context) {
    for frame in [
        Frame::new(opcode::CONTINUATION, "x"),
        Frame::new(opcode::CONTINUATION, "").unfinished(),
    ] {
        on_both(context, |mut socket| {
            socket.send(&frame);
            socket.expect_close(&[1002]);
        });
    }
}

fn a_message_must_end_before_the_next(context: &Context) {
    for code in [opcode::TEXT, opcode::BINARY] {
        on_both(context, |mut socket| {
            socket.send(&Frame::text("[\"a").unfinished());
            socket.send(&Frame::new(code, "b\"]"));
            socket.expect_close(&[1002]);
        });
    }
}

const BAD_UTF_8: [&[u8]; 8] = [
    b"\xff",
    b"\xc3",
    b"\xc3(",
    b"\x80",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98",
    b"\xf5\x80\x80\x80",
    b"\xc0\xaf",
];

fn text_that_is_no_utf_8_is_closed_with_1007(context: &Context) {
    for bytes in BAD_UTF_8 {
        on_both(context, |mut socket| {
            socket.text([b"[\"x", bytes, b"\"]"].concat());
            socket.expect_close(&[1007]);
        });
        on_both(context, |mut socket| {
            socket.send(&Frame::text(b"[\"x").unfinished());
            socket.send(&Frame::new(opcode::CONTINUATION, bytes));
            socket.expect_close(&[1007]);
        });
    }
}

fn text_may_be_cut_inside_a_character(context: &Context) {
    let text = "[\"\u{1f600}\u{e9}\"]".as_bytes();
    for cut in 1..text.len() {
        let mut socket = WebSocket::open(context.server(), "/echo/websocket");
        socket.send(&Frame::text(&text[..cut]).unfinished());
        socket.send(&Frame::new(opcode::CONTINUATION, &text[cut..]));
        assert_eq!(socket.frame(), Frame::text(text));
    }
}

/// A frame head that announces `length` bytes of text, and no payload.
fn announcing(length: u64) -> Vec<u8> {
    [&[0x81, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat()
}

/// Refused by the head, before any payload; RUSTSEC-2022-0035 allocated what it announced.
fn lengths_are_believed_only_so_far(context: &Context) {
    for length in [20 << 20, 1 << 32, 1 << 40, i64::MAX as u64] {
        on_both(context, |mut socket| {
            socket.write(announcing(length));
            socket.expect_close(&[1009]);
        });
    }
}

fn a_length_with_its_highest_bit_set_is_refused(context: &Context) {
    for length in [1 << 63, u64::MAX] {
        on_both(context, |mut socket| {
            socket.write(announcing(length));
            // RFC 6455, 5.2: the bit must be 0; it is as well just too much.
            socket.expect_close(&[1002, 1009]);
        });
    }
}

/// CVE-2016-10518 echoed memory that was never written.
fn pings_are_answered_with_their_bytes(context: &Context) {
    on_both(context, |mut socket| {
        for length in [0, 1, 124, 125] {
            let payload: Vec<u8> = (0..length).map(|byte| byte ^ 0xa5).collect();
            socket.send(&Frame::new(opcode::PING, &payload));
            assert_eq!(socket.frame(), Frame::new(opcode::PONG, &payload));
        }
    });
}

fn a_close_is_answered_with_its_code(context: &Context) {
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        for reason in ["", "done", "\u{e9}"] {
            on_both(context, |mut socket| {
                socket.send(&Frame::close(code, reason));
                socket.expect_close(&[code, 1000]);
            });
        }
    }
}

fn malformed_closes_are_protocol_errors(context: &Context) {
    let half_a_code = Frame::new(opcode::CLOSE, [3]);
    let codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535];
    for frame in codes
        .map(|code| Frame::close(code, ""))
        .into_iter()
        .chain([half_a_code])
    {
        on_both(context, |mut socket| {
            socket.send(&frame);
            socket.expect_close(&[1002]);
        });
    }
    on_both(context, |mut socket| {
        socket.send(&Frame::new(
            opcode::CLOSE,
            [&1000_u16.to_be_bytes()[..], b"\xff\xfe"].concat(),
        ));
        socket.expect_close(&[1002, 1007]);
    });
}

fn a_client_may_close_without_a_code(context: &Context) {
    on_both(context, |mut socket| {
        socket.send(&Frame::new(opcode::CLOSE, ""));
        socket.expect_close(&[1005, 1000]);
    });
}

fn a_client_may_vanish(context: &Context) {
    on_both(context, |socket| socket.into_connection().reset());
    on_both(context, drop);
    on_both(context, |mut socket| {
        // In the middle of a frame.
        socket.write(&Frame::text("[\"cut short\"]").masked()[..7]);
    });
    let mut socket = WebSocket::open(
        context.server(),
        &format!("/echo/000/{}/websocket", session_id()),
    );
    socket.expect_text("o");
}

fn a_client_may_stop_sending(context: &Context) {
    on_both(context, |socket| {
        let mut connection = socket.into_connection();
        connection.finish_writing();
        // The session ends, and with it the connection.
        connection.until_closed();
    });
}

fn nothing_follows_a_close(context: &Context) {
    on_both(context, |mut socket| {
        let late = Frame::text("[\"late\"]").masked();
        socket.write([Frame::close(1000, "").masked(), late].concat());
        socket.expect_close(&[1000]);
    });
}
