//! Section 5's timers. Lower bounds are the protocol's, seen from outside; upper bounds only end a test that fails.

use std::time::{Duration, Instant};

use sockeye_tests::{
    eventually,
    http1::Connection,
    server::Server,
    sockjs::{Attached, Client, Receiver},
    websocket::{Frame, WebSocket},
};

use crate::{Context, cases};

cases![
    heartbeats_come_on_every_receiver,
    a_heartbeat_ends_a_poll_and_not_the_session,
    streams_go_on_after_a_heartbeat,
    framed_web_sockets_get_heartbeats,
    raw_web_sockets_get_no_framed_heartbeat,
    an_abandoned_session_expires_and_not_before_its_delay,
    the_default_delay_is_five_seconds,
    sends_do_not_prolong_life,
    an_attached_receiver_stops_the_death_timer,
    polls_in_time_keep_a_session,
    an_expired_session_starts_anew_and_has_lost_its_queue,
    a_closing_session_is_forgotten_after_the_delay,
    a_stream_ended_by_its_limit_starts_the_death_timer,
];

fn heartbeats_come_on_every_receiver(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "150"]);
    for receiver in Receiver::ALL {
        let client = Client::new(&server, "/echo");
        client.expect_poll(Receiver::Xhr, "o");
        let begin = Instant::now();
        let mut attached = client.attach(receiver);
        attached.expect("h");
        assert!(
            begin.elapsed() >= Duration::from_millis(150),
            "{receiver:?} after {:?}",
            begin.elapsed()
        );
    }
}

fn a_heartbeat_ends_a_poll_and_not_the_session(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "100"]);
    for receiver in Receiver::POLLING {
        let client = Client::open(&server, "/echo");
        for _ in 0..3 {
            client.expect_poll(receiver, "h");
        }
        client.send(&["alive"]);
        client.expect_poll(receiver, r#"a["alive"]"#);
    }
}

fn streams_go_on_after_a_heartbeat(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "100"]);
    for receiver in Receiver::STREAMING {
        let client = Client::new(&server, "/echo");
        let begin = Instant::now();
        let mut stream = client.open_attached(receiver);
        for _ in 0..3 {
            stream.expect("h");
        }
        assert!(
            begin.elapsed() >= Duration::from_millis(300),
            "{receiver:?} after {:?}",
            begin.elapsed()
        );
        client.send(&["alive"]);
        while stream.chunk().expect("goes on") == receiver.wrap("h") {}
    }
}

fn framed_web_sockets_get_heartbeats(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "100"]);
    let begin = Instant::now();
    let mut socket = WebSocket::open_framed(&server, "/echo");
    for _ in 0..3 {
        // JavaScript sees only this one; pings may come as well.
        assert_eq!(socket.frame_but_pings(), Frame::text("h"));
    }
    assert!(
        begin.elapsed() >= Duration::from_millis(300),
        "after {:?}",
        begin.elapsed()
    );
    socket.text(r#"["alive"]"#);
    let echo = eventually("the echo", || {
        Some(socket.frame_but_pings()).filter(|frame| *frame != Frame::text("h"))
    });
    assert_eq!(echo, Frame::text(r#"a["alive"]"#));
}

fn raw_web_sockets_get_no_framed_heartbeat(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "50"]);
    let mut raw = WebSocket::open(&server, "/echo/websocket");
    // A framed one next to it tells when heartbeats were due.
    let mut framed = WebSocket::open_framed(&server, "/echo");
    for _ in 0..3 {
        assert_eq!(framed.frame_but_pings(), Frame::text("h"));
    }
    raw.text("first");
    assert_eq!(raw.frame_but_pings(), Frame::text("first"));
}

/// A session whose heartbeats let time pass, for servers with `--heartbeat-ms 50`.
fn clock(server: &Server) -> Attached {
    Client::new(server, "/broadcast").open_attached(Receiver::XhrStreaming)
}

/// Lets time pass by another session's heartbeats.
fn pass(clock: &mut Attached, beats: usize) {
    for _ in 0..beats {
        clock.expect("h");
    }
}

/// Waits until the session is unknown to senders, without any receiver.
fn wait_for_expiry(client: &Client<'_>) {
    let mut clock = clock(client.server);
    eventually("the session expires", || {
        pass(&mut clock, 1);
        (client.server.ask(&client.send_request("[]")).status() == 404).then_some(())
    });
}

fn an_abandoned_session_expires_and_not_before_its_delay(context: &Context) {
    let server = context.start(&["--disconnect-ms", "400", "--heartbeat-ms", "50"]);
    for receiver in Receiver::POLLING {
        let client = Client::new(&server, "/echo");
        let begin = Instant::now();
        client.expect_poll(receiver, "o");
        wait_for_expiry(&client);
        assert!(
            begin.elapsed() >= Duration::from_millis(400),
            "after {:?}",
            begin.elapsed()
        );
    }
}

fn the_default_delay_is_five_seconds(context: &Context) {
    let server = context.start(&["--heartbeat-ms", "50"]);
    let client = Client::new(&server, "/echo");
    let begin = Instant::now();
    client.expect_poll(Receiver::Xhr, "o");
    wait_for_expiry(&client);
    assert!(
        begin.elapsed() >= Duration::from_secs(5),
        "after {:?}",
        begin.elapsed()
    );
}

fn sends_do_not_prolong_life(context: &Context) {
    let server = context.start(&["--disconnect-ms", "300"]);
    let client = Client::open(&server, "/echo");
    // Sending all the time, one after the other, until it is gone.
    let mut connection = Connection::open(&server);
    eventually("the session expires", || {
        match connection.ask(&client.send_request(r#"["x"]"#)).status() {
            204 => None,
            404 => Some(()),
            other => panic!("{other}"),
        }
    });
}

fn an_attached_receiver_stops_the_death_timer(context: &Context) {
    let server = context.start(&["--disconnect-ms", "200", "--heartbeat-ms", "100"]);
    for receiver in Receiver::STREAMING {
        let client = Client::new(&server, "/echo");
        let mut stream = client.open_attached(receiver);
        for _ in 0..6 {
            stream.expect("h");
        }
        client.send(&["alive"]);
        while stream.chunk().expect("goes on") == receiver.wrap("h") {}
    }
}

fn polls_in_time_keep_a_session(context: &Context) {
    // Long enough for the slowest machine between two polls; ten polls would outlive a shorter one.
    let server = context.start(&["--disconnect-ms", "20000", "--heartbeat-ms", "100"]);
    let client = Client::open(&server, "/echo");
    for _ in 0..10 {
        client.expect_poll(Receiver::Xhr, "h");
    }
    client.send(&["alive"]);
    assert_eq!(client.poll(), r#"a["alive"]"#);
}

fn an_expired_session_starts_anew_and_has_lost_its_queue(context: &Context) {
    let server = context.start(&["--disconnect-ms", "200", "--heartbeat-ms", "50"]);
    for receiver in Receiver::ALL {
        let client = Client::open(&server, "/echo");
        // On a slow machine it may have expired already, which loses the message just as well.
        server.ask(&client.send_request(r#"["lost"]"#));
        wait_for_expiry(&client);
        let mut attached = client.attach(receiver);
        attached.expect("o");
        if receiver.is_streaming() {
            client.send(&["new"]);
            let next = eventually("the echo", || {
                attached
                    .chunk()
                    .filter(|chunk| *chunk != receiver.wrap("h"))
            });
            assert_eq!(next, receiver.wrap(r#"a["new"]"#));
        }
    }
}

fn a_closing_session_is_forgotten_after_the_delay(context: &Context) {
    let server = context.start(&["--disconnect-ms", "200", "--heartbeat-ms", "50"]);
    let mut clock = clock(&server);
    let client = Client::open(&server, "/close");
    let mut beats = 5;
    // Each receiver starts the timer again, so each look has to come later after the one before.
    eventually("the session is forgotten", || {
        pass(&mut clock, beats);
        beats *= 2;
        match &*client.poll() {
            "o" => Some(()),
            close => {
                assert_eq!(close, r#"c[3000,"Go away!"]"#);
                None
            }
        }
    });
}

fn a_stream_ended_by_its_limit_starts_the_death_timer(context: &Context) {
    let server = context.start(&["--disconnect-ms", "300", "--heartbeat-ms", "50"]);
    let client = Client::new(&server, "/echo");
    let mut stream = client.open_attached(Receiver::XhrStreaming);
    client.send(&["x".repeat(5000)]);
    while stream.chunk().is_some() {}
    wait_for_expiry(&client);
    client.expect_poll(Receiver::Xhr, "o");
}
