//! Receivers that take nothing while something waits for them.

use sockeye_core::{
    engineio::{
        Config, Event, Packet, Reason, Revision, Transport, TransportError, websocket_close,
    },
    session::Close,
};

use crate::sim::{Sim, TICK, closed_by_application, ended, secs};

fn too_slow() -> Event {
    ended(TransportError::TooSlow)
}

/// A session whose heartbeats are out of the way.
fn quiet(transport: Transport) -> Sim {
    let config = Config {
        ping_interval: secs(100_000),
        ..Config::default()
    };
    Sim::with(Revision::V4, transport, config).open()
}

#[test]
fn a_socket_that_takes_nothing_for_the_stall_timeout_is_too_slow() {
    let mut sim = quiet(Transport::WebSocket);
    sim.advance(secs(50));
    sim.stop_taking();
    sim.send("x").unwrap();
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [too_slow()]);
    // What it did not take is not sent any more; the goodbye has as long again.
    sim.advance(secs(30) - TICK);
    sim.go_on_taking();
    assert_eq!(sim.frames(), ["1"]);
    let reason = Reason::from(TransportError::TooSlow);
    assert_eq!(
        websocket_close(&reason.close_reason()),
        Some(Close::TOO_SLOW)
    );
}

#[test]
fn one_that_does_not_even_take_the_goodbye_is_forgotten_after_as_long_again() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut sim = quiet(transport);
        sim.stop_taking();
        if transport == Transport::Polling {
            sim.poll().unwrap();
        }
        sim.send("x").unwrap();
        sim.advance(secs(30));
        assert_eq!(sim.events(), [too_slow()]);
        sim.advance(secs(30) - TICK);
        assert_eq!(sim.events(), []);
        sim.advance(TICK);
        assert_eq!(sim.events(), [Event::Closed]);
    }
}

#[test]
fn any_close_that_is_not_taken_is_forgotten_after_the_stall_timeout() {
    for waits in [false, true] {
        let mut sim = quiet(Transport::WebSocket);
        sim.stop_taking();
        sim.advance(secs(7));
        if waits {
            sim.send("x").unwrap();
        }
        sim.close();
        assert_eq!(sim.events(), [closed_by_application()]);
        sim.advance(secs(30) - TICK);
        assert_eq!(sim.events(), []);
        sim.advance(TICK);
        assert_eq!(sim.events(), [Event::Closed]);
    }
}

#[test]
fn a_blocked_socket_is_too_slow_though_nothing_waits_in_the_session() {
    let mut sim = quiet(Transport::WebSocket);
    sim.send("x").unwrap();
    sim.blocked();
    sim.advance(secs(20));
    // Told again and again: the wait began with the first.
    sim.blocked();
    sim.advance(secs(10) - TICK);
    assert_eq!(sim.events(), []);
    sim.stop_taking();
    sim.advance(TICK);
    assert_eq!(sim.events(), [too_slow()]);
    sim.advance(secs(30));
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn progress_ends_the_wait_but_not_for_what_still_waits() {
    let mut sim = quiet(Transport::WebSocket);
    for _ in 0..10 {
        sim.send("x").unwrap();
        sim.blocked();
        sim.advance(secs(29));
        sim.progress();
    }
    sim.advance(secs(1_000));
    assert_eq!(sim.events(), []);

    sim.stop_taking();
    sim.blocked();
    sim.advance(secs(20));
    sim.send("y").unwrap();
    sim.progress();
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [too_slow()]);
    // Each bit of progress gives the goodbye its time anew.
    sim.advance(secs(20));
    sim.progress();
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn what_waits_without_a_poll_is_no_stall() {
    let mut sim = quiet(Transport::Polling);
    sim.send("x").unwrap();
    sim.advance(secs(10_000));
    assert_eq!(sim.events(), []);
    // The next one has its own time.
    sim.stop_taking();
    sim.poll().unwrap();
    sim.advance(secs(30) - TICK);
    sim.go_on_taking();
    assert_eq!(sim.answers(), ["4x"]);
}

#[test]
fn a_ping_that_is_not_taken_is_a_stall() {
    let config = Config {
        ping_timeout: secs(100),
        ..Config::default()
    };
    let mut sim = Sim::with(Revision::V4, Transport::WebSocket, config).open();
    sim.stop_taking();
    sim.advance(secs(55) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [too_slow()]);
}

#[test]
fn what_an_upgrade_brings_along_is_waited_for() {
    let mut sim = quiet(Transport::Polling);
    sim.send("x").unwrap();
    sim.probe().unwrap();
    sim.stop_taking();
    sim.on_probe(Packet::Upgrade);
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), [Event::Upgraded]);
    sim.advance(TICK);
    assert_eq!(sim.events(), [too_slow()]);
}

#[test]
fn an_idle_socket_that_took_everything_is_not_stalled() {
    let mut sim = quiet(Transport::WebSocket);
    sim.send("x").unwrap();
    sim.advance(secs(10_000));
    assert_eq!(sim.events(), []);
}
