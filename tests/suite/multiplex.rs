//! Section 9.2: channels inside one session.

use sockeye_tests::{
    sockjs::{Client, Receiver, array},
    websocket::WebSocket,
};

use crate::{Context, cases};

cases![
    channels_echo_with_their_name,
    the_payload_is_all_after_the_second_comma,
    unknown_topics_are_ignored,
    a_second_sub_is_ignored,
    messages_to_a_closed_channel_are_ignored,
    a_channel_may_be_opened_again,
    closing_one_channel_leaves_the_others,
    garbage_is_ignored,
    many_commands_in_one_array_keep_their_order,
    channels_work_over_polling,
    connections_do_not_share_channels,
];

/// An open multiplexed session.
fn open(context: &Context) -> WebSocket {
    WebSocket::open_framed(context.server(), "/multiplex")
}

fn send(socket: &mut WebSocket, command: &str) {
    socket.text(array(&[command]));
}

#[track_caller]
fn expect(socket: &mut WebSocket, command: &str) {
    socket.expect_text(&format!("a{}", array(&[command])));
}

/// A round trip on a channel of its own: whatever was to come of earlier commands has come.
#[track_caller]
fn expect_nothing_before_marker(socket: &mut WebSocket) {
    for command in ["sub,carl", "msg,carl,marker"] {
        send(socket, command);
    }
    expect(socket, "msg,carl,carl: marker");
}

fn channels_echo_with_their_name(context: &Context) {
    let mut socket = open(context);
    for topic in ["ann", "bob", "carl"] {
        send(&mut socket, &format!("sub,{topic}"));
        send(&mut socket, &format!("msg,{topic},hello"));
        expect(&mut socket, &format!("msg,{topic},{topic}: hello"));
    }
    // All three are open at once.
    for topic in ["carl", "ann", "bob"] {
        send(&mut socket, &format!("msg,{topic},again"));
        expect(&mut socket, &format!("msg,{topic},{topic}: again"));
    }
}

fn the_payload_is_all_after_the_second_comma(context: &Context) {
    let mut socket = open(context);
    send(&mut socket, "sub,ann");
    for payload in [
        "a,b,,c,",
        ",",
        "",
        " blanks ",
        "msg,ann,x",
        "\"[{",
        "line\nbreak",
        "\u{e9}\u{1f600}",
    ] {
        send(&mut socket, &format!("msg,ann,{payload}"));
        let frame = socket.frame();
        let text = String::from_utf8(frame.payload).expect("UTF-8");
        assert_eq!(
            sockeye_tests::sockjs::unframe(&text),
            [format!("msg,ann,ann: {payload}")]
        );
    }
    // Without a second comma the payload is empty.
    send(&mut socket, "msg,ann");
    expect(&mut socket, "msg,ann,ann: ");
}

fn unknown_topics_are_ignored(context: &Context) {
    let mut socket = open(context);
    for command in [
        "sub,dave",
        "msg,dave,x",
        "uns,dave",
        "sub,",
        "msg,,x",
        "sub,Ann",
        "sub,ann ",
        "sub,%61nn",
        "msg,%61nn,x",
    ] {
        send(&mut socket, command);
    }
    expect_nothing_before_marker(&mut socket);
}

fn a_second_sub_is_ignored(context: &Context) {
    let mut socket = open(context);
    for command in ["sub,ann", "sub,ann", "sub,ann,extra", "msg,ann,once"] {
        send(&mut socket, command);
    }
    expect(&mut socket, "msg,ann,ann: once");
    expect_nothing_before_marker(&mut socket);
}

fn messages_to_a_closed_channel_are_ignored(context: &Context) {
    let mut socket = open(context);
    for command in [
        "msg,ann,early",
        "uns,ann",
        "sub,ann",
        "uns,ann",
        "msg,ann,late",
        "uns,ann",
    ] {
        send(&mut socket, command);
    }
    // Nothing is sent back to a client that closes, either.
    expect_nothing_before_marker(&mut socket);
}

fn a_channel_may_be_opened_again(context: &Context) {
    let mut socket = open(context);
    for round in 0..5 {
        send(&mut socket, "sub,ann");
        send(&mut socket, &format!("msg,ann,{round}"));
        expect(&mut socket, &format!("msg,ann,ann: {round}"));
        send(&mut socket, "uns,ann");
    }
    expect_nothing_before_marker(&mut socket);
}

fn closing_one_channel_leaves_the_others(context: &Context) {
    let mut socket = open(context);
    for command in ["sub,ann", "sub,bob", "uns,ann", "msg,ann,x", "msg,bob,y"] {
        send(&mut socket, command);
    }
    expect(&mut socket, "msg,bob,bob: y");
}

fn garbage_is_ignored(context: &Context) {
    let mut socket = open(context);
    for command in [
        "",
        ",",
        ",,",
        "sub",
        "msg",
        "uns",
        "SUB,ann",
        "subx,ann",
        " sub,ann",
        "foo,ann,x",
        "msg,ann,x",
        "\u{0},ann",
    ] {
        send(&mut socket, command);
    }
    expect_nothing_before_marker(&mut socket);
}

fn many_commands_in_one_array_keep_their_order(context: &Context) {
    let mut socket = open(context);
    let commands: Vec<String> = ["sub,ann".to_owned()]
        .into_iter()
        .chain((0..100).map(|number| format!("msg,ann,{number}")))
        .collect();
    socket.text(array(&commands));
    let mut seen = Vec::new();
    while seen.len() < 100 {
        let text = String::from_utf8(socket.frame().payload).expect("UTF-8");
        seen.extend(sockeye_tests::sockjs::unframe(&text));
    }
    let expected: Vec<String> = (0..100)
        .map(|number| format!("msg,ann,ann: {number}"))
        .collect();
    assert_eq!(seen, expected);
}

fn channels_work_over_polling(context: &Context) {
    let client = Client::open(context.server(), "/multiplex");
    client.send(&["sub,bob"]);
    client.send(&["msg,bob,hello"]);
    client.expect_poll(Receiver::Xhr, r#"a["msg,bob,bob: hello"]"#);
}

fn connections_do_not_share_channels(context: &Context) {
    let mut first = open(context);
    let mut second = open(context);
    send(&mut first, "sub,ann");
    send(&mut second, "msg,ann,not mine");
    send(&mut first, "msg,ann,mine");
    expect(&mut first, "msg,ann,ann: mine");
    expect_nothing_before_marker(&mut second);
}
