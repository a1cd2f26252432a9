//! Sections 4.3 and 4.4: how each transport wraps a frame, and when a response ends.

use sockeye_tests::{
    http1::{Connection, Request},
    sockjs::{Attached, Client, Receiver, htmlfile_page, message_frame, session_id, unframe},
    websocket::WebSocket,
};

use crate::{Context, cases};

cases![
    wrapped_frames_are_these_bytes,
    a_poll_is_one_frame_and_ends,
    a_stream_brings_each_frame_in_a_chunk_of_its_own,
    waiting_messages_are_joined_in_one_frame,
    messages_sent_at_once_keep_their_order_in_frames,
    a_waiting_poll_has_its_head_before_its_frame,
    htmlfile_begins_with_more_than_a_kilobyte,
    the_limit_ends_a_stream_after_the_frame_that_reaches_it,
    a_stream_that_ended_by_its_limit_leaves_connection_and_session,
    small_frames_reach_the_limit_too,
    the_default_limit_is_128_kib,
    a_frame_far_beyond_the_limit_is_whole,
];

/// The suite's own `wrap`, held against the protocol's letters once.
fn wrapped_frames_are_these_bytes(context: &Context) {
    let cases: [(Receiver, &[u8]); 5] = [
        (Receiver::Xhr, b"a[\"x\\\"%\\u2028\"]\n"),
        (Receiver::XhrStreaming, b"a[\"x\\\"%\\u2028\"]\n"),
        (
            Receiver::EventSource,
            b"data: a[\"x\\\"%25\\u2028\"]\r\n\r\n",
        ),
        (
            Receiver::HtmlFile,
            b"<script>\np(\"a[\\\"x\\\\\\\"%\\\\u2028\\\"]\");\n</script>\r\n",
        ),
        (
            Receiver::Jsonp,
            b"/**/_jp.a1b2c3(\"a[\\\"x\\\\\\\"%\\\\u2028\\\"]\");\r\n",
        ),
    ];
    for (receiver, bytes) in cases {
        let client = Client::new(context.server(), "/echo");
        let mut attached = client.open_attached(receiver);
        client.send(&["x\"%\u{2028}"]);
        let chunk = attached.chunk().expect("a frame");
        assert_eq!(
            String::from_utf8_lossy(&chunk),
            String::from_utf8_lossy(bytes),
            "{receiver:?}"
        );
    }
}

fn a_poll_is_one_frame_and_ends(context: &Context) {
    for receiver in Receiver::POLLING {
        let client = Client::new(context.server(), "/echo");
        client.expect_poll(receiver, "o");
        client.send(&["a"]);
        client.expect_poll(receiver, r#"a["a"]"#);
        let mut waiting = client.attach(receiver);
        client.send(&["c"]);
        waiting.expect(r#"a["c"]"#);
        waiting.expect_end();
    }
}

fn a_stream_brings_each_frame_in_a_chunk_of_its_own(context: &Context) {
    for receiver in Receiver::STREAMING {
        let client = Client::new(context.server(), "/echo");
        let mut stream = client.attach(receiver);
        stream.expect("o");
        for number in 0..10 {
            let message = format!("message {number}");
            client.send(&[&message]);
            stream.expect(&message_frame(&[message]));
        }
    }
}

fn waiting_messages_are_joined_in_one_frame(context: &Context) {
    // Of its own: what others broadcast would arrive here too.
    let server = context.start(&["--disconnect-ms", "60000"]);
    let mut witness = WebSocket::open_framed(&server, "/broadcast");
    // It has joined when it hears itself.
    witness.text(r#"["settle"]"#);
    witness.expect_text(r#"a["settle"]"#);
    for receiver in Receiver::ALL {
        let client = Client::open(&server, "/broadcast");
        client.send(&["one", "two", "", "four", "last"]);
        // Once the witness has the last one, all before it wait for everybody.
        while unframe(&String::from_utf8_lossy(&witness.frame().payload))
            .last()
            .is_none_or(|message| message != "last")
        {}
        let chunk = client.attach(receiver).chunk().expect("a frame");
        let together: Vec<_> = [
            &["one", "two", "", "four"][..],
            &["one", "two", "", "four", "last"],
        ]
        .map(|messages| receiver.wrap(&message_frame(messages)))
        .into();
        assert!(
            together.contains(&chunk),
            "{receiver:?}: {}",
            String::from_utf8_lossy(&chunk)
        );
    }
}

fn messages_sent_at_once_keep_their_order_in_frames(context: &Context) {
    let server = context.start(&[]);
    let client = Client::new(&server, "/broadcast");
    let mut stream = client.open_attached(Receiver::XhrStreaming);
    let messages: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    client.send(&messages);
    assert_eq!(stream.messages(messages.len()), messages);
}

fn a_waiting_poll_has_its_head_before_its_frame(context: &Context) {
    for receiver in Receiver::POLLING {
        let client = Client::new(context.server(), "/echo");
        client.expect_poll(receiver, "o");
        // `attach` reads the head; nothing is sent that could bring a frame until it has.
        let mut waiting: Attached = client.attach(receiver);
        client.send(&["now"]);
        waiting.expect(r#"a["now"]"#);
        waiting.expect_end();
    }
}

fn htmlfile_begins_with_more_than_a_kilobyte(context: &Context) {
    for callback in ["c", "_jp.aabcdef", "window.parent.callback-1"] {
        let page = htmlfile_page(callback);
        assert_eq!(page.len(), 1027 + callback.len());
        let request = Request::get(format!("/echo/000/{}/htmlfile?c={callback}", session_id()));
        let mut connection = Connection::open(context.server());
        connection.send(&request);
        assert!(connection.head().is_chunked());
        let mut seen = Vec::new();
        while seen.len() < page.len() {
            seen.extend(connection.chunk().expect("the response goes on"));
        }
        assert_eq!(
            String::from_utf8_lossy(&seen),
            String::from_utf8_lossy(&page)
        );
    }
}

/// How long one message may be so that `o` and its frame are just below the limit of 4096.
fn longest_below_limit(receiver: Receiver) -> usize {
    let overhead = receiver.wrap("o").len() + receiver.wrap(&message_frame(&[""])).len();
    4095 - overhead
}

fn the_limit_ends_a_stream_after_the_frame_that_reaches_it(context: &Context) {
    assert_eq!(
        longest_below_limit(Receiver::XhrStreaming),
        4087,
        "the specification's own number"
    );
    for receiver in Receiver::STREAMING {
        let below = "x".repeat(longest_below_limit(receiver));
        let at = "x".repeat(longest_below_limit(receiver) + 1);
        let client = Client::new(context.server(), "/echo");
        let mut stream = client.open_attached(receiver);
        client.send(&[&below]);
        stream.expect(&message_frame(&[below]));
        client.send(&["still open"]);
        stream.expect(r#"a["still open"]"#);
        stream.expect_end();

        let client = Client::new(context.server(), "/echo");
        let mut stream = client.open_attached(receiver);
        client.send(&[&at]);
        stream.expect(&message_frame(&[at]));
        stream.expect_end();
    }
}

fn a_stream_that_ended_by_its_limit_leaves_connection_and_session(context: &Context) {
    for receiver in Receiver::STREAMING {
        let client = Client::new(context.server(), "/echo");
        let mut stream = client.open_attached(receiver);
        let long = "x".repeat(5000);
        client.send(&[&long]);
        stream.expect(&message_frame(&[long]));
        let connection = stream.expect_end();
        client.send(&["between"]);
        let request = receiver.request(&client.mount, &client.session);
        let mut again = Attached::on(connection, receiver, &request);
        again.expect(r#"a["between"]"#);
    }
}

fn small_frames_reach_the_limit_too(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let mut stream = client.open_attached(Receiver::XhrStreaming);
    let message = "x".repeat(94);
    // 2 for `o`, then 40 frames of 100 bytes each and a line feed's share: 2 + 40 * 100 < 4096 <= 2 + 41 * 100.
    for _ in 0..41 {
        client.send(&[&message]);
        stream.expect(&message_frame(&[&message]));
    }
    stream.expect_end();
}

fn the_default_limit_is_128_kib(context: &Context) {
    for receiver in Receiver::STREAMING {
        let server = context.start(&[]);
        let client = Client::new(&server, "/broadcast");
        let overhead = |message: &str| receiver.wrap(&message_frame(&[message])).len();
        let first = "x".repeat(65_536);
        // With `o`, the first, and the second one byte short of 131 072.
        let second =
            "y".repeat(131_071 - receiver.wrap("o").len() - overhead(&first) - overhead(""));
        let mut stream = client.open_attached(receiver);
        for message in [&first, &second] {
            client.send(&[message]);
            stream.expect(&message_frame(&[message]));
        }
        client.send(&["z"]);
        stream.expect(r#"a["z"]"#);
        stream.expect_end();
    }
}

fn a_frame_far_beyond_the_limit_is_whole(context: &Context) {
    for receiver in Receiver::ALL {
        let client = Client::new(context.server(), "/amplify");
        let mut attached = client.open_attached(receiver);
        client.send(&["18"]);
        attached.expect(&message_frame(&["x".repeat(1 << 18)]));
        attached.expect_end();
    }
}
