//! Section 5: who may receive, who may send, and what becomes of a session.

use sockeye_tests::{
    eventually,
    http1::{Connection, Request},
    sockjs::{Attached, Client, Receiver, message_frame, session_id},
    websocket::WebSocket,
};

use crate::{Context, cases};

cases![
    the_first_frame_is_o_exactly_once,
    receivers_of_a_session_may_be_of_any_kind_over_time,
    a_second_receiver_is_told_that_another_is_open,
    the_refused_receiver_leaves_its_connection_usable,
    senders_never_create_a_session,
    messages_sent_between_receivers_wait,
    order_is_kept_over_many_requests,
    a_poll_that_was_read_and_closed_is_no_abort,
    an_aborted_receiver_ends_the_session,
    a_client_that_half_closes_while_polling_has_aborted_or_gets_its_frame,
    a_closed_session_says_so_to_every_receiver,
    a_stream_brings_open_and_close_in_one_response,
    senders_to_a_closing_session_do_no_harm,
    a_second_receiver_of_a_closing_session_gets_the_close_frame,
    web_sockets_share_an_id_with_nobody,
    ids_are_free_again_for_other_clients,
    many_sessions_are_kept_apart,
];

fn the_first_frame_is_o_exactly_once(context: &Context) {
    for receiver in Receiver::ALL {
        let client = Client::new(context.server(), "/echo");
        let mut attached = client.open_attached(receiver);
        client.send(&["x"]);
        attached.expect(r#"a["x"]"#);
    }
}

fn receivers_of_a_session_may_be_of_any_kind_over_time(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    for receiver in Receiver::ALL.into_iter().chain(Receiver::ALL) {
        // Longer than the limit, so that streams end by themselves.
        let message = receiver.name().repeat(1000);
        client.send(&[&message]);
        client.expect_poll(receiver, &message_frame(&[message]));
    }
}

fn a_second_receiver_is_told_that_another_is_open(context: &Context) {
    for first in Receiver::ALL {
        for second in Receiver::ALL {
            let client = Client::new(context.server(), "/echo");
            let mut attached = client.open_attached(first);
            client.expect_poll(second, r#"c[2010,"Another connection still open"]"#);
            client.expect_poll(second, r#"c[2010,"Another connection still open"]"#);
            // The first one and the session never noticed.
            client.send(&["untouched"]);
            attached.expect(r#"a["untouched"]"#);
        }
    }
}

fn the_refused_receiver_leaves_its_connection_usable(context: &Context) {
    for second in Receiver::ALL {
        let client = Client::new(context.server(), "/echo");
        let _attached = client.open_attached(Receiver::XhrStreaming);
        let mut connection = Connection::open(client.server);
        let refused = connection.ask(&second.request(&client.mount, &client.session));
        assert_eq!(refused.status(), 200, "{refused:?}");
        assert_eq!(
            connection.ask(&Request::get("/echo")).status(),
            200,
            "{second:?}"
        );
    }
}

fn senders_never_create_a_session(context: &Context) {
    for body in [r#"["x"]"#, "[]"] {
        for sender in ["xhr_send", "jsonp_send"] {
            let client = Client::new(context.server(), "/echo");
            let path = format!("/echo/000/{}/{sender}", client.session);
            let response = client.server.ask(
                &Request::post(path)
                    .header("Content-Type", "text/plain")
                    .body(body),
            );
            assert_eq!(response.status(), 404, "{response:?}");
            assert_eq!(response.text(), "404 Error: Page not found\n");
            client.expect_poll(Receiver::Xhr, "o");
        }
    }
}

fn messages_sent_between_receivers_wait(context: &Context) {
    for receiver in Receiver::ALL {
        let client = Client::open(context.server(), "/echo");
        client.send(&["first", "second"]);
        // Whether the second was echoed already when the receiver came is the server's business.
        let mut attached = client.attach(receiver);
        let chunk = attached.chunk().expect("a frame");
        if chunk != receiver.wrap(r#"a["first","second"]"#) {
            assert_eq!(chunk, receiver.wrap(r#"a["first"]"#));
            if !receiver.is_streaming() {
                attached.expect_end();
                attached = client.attach(receiver);
            }
            attached.expect(r#"a["second"]"#);
        }
    }
}

fn order_is_kept_over_many_requests(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let messages: Vec<String> = (0..200).map(|number| format!("{number}")).collect();
    // Each request on a connection of its own, begun when the one before was answered.
    for pair in messages.chunks(2) {
        client.send(pair);
    }
    assert_eq!(client.messages(messages.len()), messages);
}

fn a_poll_that_was_read_and_closed_is_no_abort(context: &Context) {
    for receiver in Receiver::POLLING {
        let client = Client::new(context.server(), "/echo");
        // Each poll on a connection that is closed right after, in order and by a reset.
        client.expect_poll(receiver, "o");
        for number in 0..20 {
            let message = number.to_string();
            client.send(&[&message]);
            let mut connection = Connection::open(client.server);
            let response = connection.ask(&receiver.request(&client.mount, &client.session));
            let expected = receiver.wrap(&message_frame(&[message]));
            assert_eq!(response.body, expected);
            if number % 2 == 0 {
                connection.reset()
            } else {
                drop(connection)
            }
        }
    }
}

/// Receives until the server has seen the abort; the next session then begins, or the abort is told.
fn receive_after_abort(client: &Client<'_>) -> String {
    eventually("the abort is seen", || {
        let frame = client.poll();
        (frame != r#"c[2010,"Another connection still open"]"#).then_some(frame)
    })
}

fn an_aborted_receiver_ends_the_session(context: &Context) {
    for receiver in Receiver::ALL {
        for by_reset in [false, true] {
            let client = Client::new(context.server(), "/echo");
            let connection = client.open_attached(receiver).into_connection();
            if by_reset {
                connection.reset()
            } else {
                drop(connection)
            }
            let frame = receive_after_abort(&client);
            let allowed = ["o", r#"c[1002,"Connection interrupted"]"#];
            assert!(
                allowed.contains(&&*frame),
                "{receiver:?}, by reset {by_reset}: {frame}"
            );
        }
    }
}

fn a_client_that_half_closes_while_polling_has_aborted_or_gets_its_frame(context: &Context) {
    let client = Client::open(context.server(), "/echo");
    let mut connection = client.attach(Receiver::Xhr).into_connection();
    connection.finish_writing();
    // Whatever the server makes of it, it ends: nothing may hang, and the id is good for a client.
    let sent = client.server.ask(&client.send_request(r#"["x"]"#));
    assert!([204, 404].contains(&sent.status()), "{sent:?}");
    let rest = connection.until_closed();
    if !String::from_utf8_lossy(&rest).contains(r#"a["x"]"#) {
        let frame = receive_after_abort(&client);
        assert!(
            ["o", r#"a["x"]"#, r#"c[1002,"Connection interrupted"]"#].contains(&&*frame),
            "{frame}"
        );
    }
}

const GO_AWAY: &str = r#"c[3000,"Go away!"]"#;

fn a_closed_session_says_so_to_every_receiver(context: &Context) {
    let client = Client::open(context.server(), "/close");
    for receiver in Receiver::ALL.into_iter().chain(Receiver::ALL) {
        client.expect_poll(receiver, GO_AWAY);
    }
    for receiver in Receiver::POLLING {
        let client = Client::new(context.server(), "/close");
        for frame in ["o", GO_AWAY, GO_AWAY] {
            client.expect_poll(receiver, frame);
        }
    }
}

fn a_stream_brings_open_and_close_in_one_response(context: &Context) {
    for receiver in Receiver::STREAMING {
        let client = Client::new(context.server(), "/close");
        let mut stream = client.attach(receiver);
        stream.expect("o");
        stream.expect(GO_AWAY);
        let connection = stream.expect_end();
        let mut again = Attached::on(
            connection,
            receiver,
            &receiver.request("/close", &client.session),
        );
        again.expect(GO_AWAY);
        again.expect_end();
    }
}

fn senders_to_a_closing_session_do_no_harm(context: &Context) {
    let client = Client::open(context.server(), "/close");
    client.expect_poll(Receiver::Xhr, GO_AWAY);
    for _ in 0..3 {
        let sent = client.server.ask(&client.send_request(r#"["dropped"]"#));
        assert!([204, 404].contains(&sent.status()), "{sent:?}");
        client.expect_poll(Receiver::Xhr, GO_AWAY);
    }
}

fn a_second_receiver_of_a_closing_session_gets_the_close_frame(context: &Context) {
    let client = Client::open(context.server(), "/close");
    client.expect_poll(Receiver::Xhr, GO_AWAY);
    // All of them asked before the first answer is read: every receiver gets it, none a 2010.
    for receiver in Receiver::ALL {
        let request = receiver.request(&client.mount, &client.session);
        let mut connections: Vec<_> = (0..64).map(|_| Connection::open(client.server)).collect();
        for connection in &mut connections {
            connection.send(&request);
        }
        let expected = [receiver.prelude(), receiver.wrap(GO_AWAY)].concat();
        for connection in &mut connections {
            let response = connection.response(request.method());
            let text = String::from_utf8_lossy(&response.body);
            assert!(
                response.body == expected,
                "{receiver:?}: {:?}",
                &text[text.len().saturating_sub(80)..]
            );
        }
    }
}

fn web_sockets_share_an_id_with_nobody(context: &Context) {
    let server = context.server();
    let client = Client::open(server, "/echo");
    let path = format!("/echo/000/{}/websocket", client.session);
    let mut sockets = [
        WebSocket::open(server, &path),
        WebSocket::open(server, &path),
    ];
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.expect_text("o");
        socket.text(format!("[\"socket {number}\"]"));
    }
    client.send(&["poll"]);
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.expect_text(&format!("a[\"socket {number}\"]"));
    }
    client.expect_poll(Receiver::Xhr, r#"a["poll"]"#);
    // A WebSocket's id is not registered: nobody can send to it.
    let id = session_id();
    let mut socket = WebSocket::open(server, &format!("/echo/000/{id}/websocket"));
    socket.expect_text("o");
    let stranger = Client {
        session: id,
        ..client
    };
    assert_eq!(server.ask(&stranger.send_request("[]")).status(), 404);
}

fn ids_are_free_again_for_other_clients(context: &Context) {
    let client = Client::new(context.server(), "/echo");
    for round in 0..5 {
        let mut stream = eventually("the id is free", || {
            let mut stream = client.attach(Receiver::XhrStreaming);
            (stream.chunk().expect("a frame") == b"o\n").then_some(stream)
        });
        client.send(&[format!("{round}")]);
        stream.expect(&format!("a[\"{round}\"]"));
    }
}

fn many_sessions_are_kept_apart(context: &Context) {
    let server = context.server();
    let mut sessions: Vec<_> = (0..100)
        .map(|_| {
            let client = Client::new(server, "/echo");
            let stream = client.open_attached(Receiver::XhrStreaming);
            (client, stream)
        })
        .collect();
    for (client, _) in &sessions {
        client.send(&[&client.session]);
    }
    for (client, stream) in &mut sessions {
        stream.expect(&message_frame(&[&client.session]));
    }
}
