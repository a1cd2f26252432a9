//! Sections 4.1 and 4.2: what strings look like on the wire, both ways, on every transport.

use sockeye_tests::{
    sockjs::{Attached, Client, Receiver, array, escape, message_frame},
    websocket::{Frame, WebSocket},
};

use crate::{Context, cases};

cases![
    every_character_survives_as_itself_and_as_escape,
    the_escaped_ranges_are_exact_on_every_transport,
    characters_beyond_the_basic_plane_survive,
    lone_surrogates_become_replacement_characters,
    pairs_of_escapes_are_one_character,
    upper_case_escapes_and_escaped_slashes_are_read,
    close_tags_cannot_end_an_htmlfile_script,
    percent_signs_survive_eventsource,
];

/// All that must be escaped, with neighbours that must not, and what is special to a transport.
fn delicate() -> String {
    let ranges = [
        (0, 0x22),
        (0x7f, 0xa0),
        (0x200b, 0x2010),
        (0x2027, 0x2030),
        (0x205f, 0x2070),
        (0xffef, 0xffff),
    ];
    let characters = ranges
        .into_iter()
        .flat_map(|(first, last)| (first..=last).filter_map(char::from_u32));
    characters
        .chain("/\\</script>%25%\u{ad}\u{feff}'&>".chars())
        .collect()
}

/// A JSON array with this one message, every UTF-16 unit of it as an escape.
fn escaped_array(message: &str) -> String {
    let escapes: String = message
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    format!("[\"{escapes}\"]")
}

fn every_character_survives_as_itself_and_as_escape(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let plane: Vec<char> = (0..=0xffff).filter_map(char::from_u32).collect();
    for part in plane.chunks(8192) {
        let message: String = part.iter().collect();
        let frame = message_frame(&[&message]);
        for body in [array(&[&message]), escaped_array(&message)] {
            assert_eq!(client.server.ask(&client.send_request(body)).status(), 204);
            client.expect_poll(Receiver::Xhr, &frame);
        }
    }
}

fn the_escaped_ranges_are_exact_on_every_transport(context: &Context) {
    let server = context.server();
    let message = delicate();
    let frame = message_frame(&[&message]);
    for receiver in Receiver::ALL {
        let client = Client::new(server, "/echo");
        let mut attached: Attached = client.open_attached(receiver);
        client.send(&[&message]);
        attached.expect(&frame);
    }
    for text in [array(&[&message]), escaped_array(&message)] {
        let mut socket = WebSocket::open_framed(server, "/echo");
        socket.text(text);
        socket.expect_text(&frame);
    }
    let mut raw = WebSocket::open(server, "/echo/websocket");
    raw.text(&message);
    raw.expect_text(&message);
    // The same through the form of jsonp_send.
    let client = Client::open(server, "/echo");
    let form: String = array(&[&message])
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let path = format!("/echo/000/{}/jsonp_send", client.session);
    let request = sockeye_tests::http1::Request::new("POST", path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("d={form}"));
    assert_eq!(server.ask(&request).text(), "ok");
    client.expect_poll(Receiver::Xhr, &frame);
}

fn characters_beyond_the_basic_plane_survive(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let message = "\u{10000}\u{1f600}\u{10ffff}\u{1fffe}x\u{e0001}";
    for body in [array(&[message]), escaped_array(message)] {
        assert_eq!(client.server.ask(&client.send_request(body)).status(), 204);
        let frame = client.poll();
        // A pair of escapes is the reference; the character as it is decodes equally.
        let plain = format!("a[\"{message}\"]");
        assert!(
            frame == message_frame(&[message]) || frame == plain,
            "{frame}"
        );
    }
}

fn lone_surrogates_become_replacement_characters(context: &Context) {
    let server = context.server();
    let client = Client::open(server, "/echo");
    #[rustfmt::skip]
    let cases = [
        (r#"["x\ud800y"]"#,             "x\u{fffd}y"),
        (r#"["x\udc00y"]"#,             "x\u{fffd}y"),
        (r#"["\uDFFF"]"#,               "\u{fffd}"),
        (r#"["\ud800"]"#,               "\u{fffd}"),
        (r#"["\ud800\ud800"]"#,         "\u{fffd}\u{fffd}"),
        (r#"["\udc00\ud800"]"#,         "\u{fffd}\u{fffd}"),
        (r#"["\ud800\ud83d\ude00"]"#,   "\u{fffd}\u{1f600}"),
        (r#"["\ud83dx\ude00"]"#,        "\u{fffd}x\u{fffd}"),
        (r#"["\ud800\n"]"#,             "\u{fffd}\n"),
        (r#"["\ud800\u0041"]"#,         "\u{fffd}A"),
    ];
    let mut socket = WebSocket::open_framed(server, "/echo");
    for (body, message) in cases {
        assert_eq!(
            server.ask(&client.send_request(body)).status(),
            204,
            "{body}"
        );
        assert_eq!(client.poll(), message_frame(&[message]), "{body}");
        socket.text(body);
        socket.expect_text(&message_frame(&[message]));
    }
    assert_eq!(
        escape("\u{fffd}"),
        r#""\ufffd""#,
        "itself in an escaped range"
    );
}

fn pairs_of_escapes_are_one_character(context: &Context) {
    let mut raw = WebSocket::open_framed(context.server(), "/echo");
    for body in [
        r#"["\ud83d\ude00"]"#,
        r#"["\uD83D\uDE00"]"#,
        "[\"\u{1f600}\"]",
    ] {
        raw.text(body);
        let frame: Frame = raw.frame();
        let decoded: Vec<String> = serde_json::from_slice(&frame.payload[1..]).expect("JSON");
        assert_eq!(decoded, ["\u{1f600}"]);
    }
}

fn upper_case_escapes_and_escaped_slashes_are_read(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let body = r#"["\u00E9\u00eA\/\b\f\u002f"]"#;
    assert_eq!(client.server.ask(&client.send_request(body)).status(), 204);
    client.expect_poll(Receiver::Xhr, "a[\"\u{e9}\u{ea}/\\b\\f/\"]");
}

fn close_tags_cannot_end_an_htmlfile_script(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let mut page = client.open_attached(Receiver::HtmlFile);
    client.send(&["</script><script>alert(1)</script><!--"]);
    let chunk = page.chunk().expect("a frame");
    let text = String::from_utf8(chunk).expect("UTF-8");
    let inside = text
        .strip_prefix("<script>\n")
        .and_then(|rest| rest.strip_suffix("\n</script>\r\n"))
        .expect("wrapped");
    assert!(!inside.contains('<'), "{inside}");
}

fn percent_signs_survive_eventsource(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    let mut stream = client.open_attached(Receiver::EventSource);
    client.send(&["100%25"]);
    assert_eq!(
        stream.chunk().expect("a frame"),
        b"data: a[\"100%2525\"]\r\n\r\n"
    );
}
