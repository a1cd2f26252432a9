//! Receivers that take nothing while something waits for them.

use sockeye_core::{
    session::CloseReason,
    sockjs::{Config, Event},
};

use crate::sim::{Mode, STREAM, Sim, TICK, secs};

const TOO_SLOW: &str = r#"c[1013,"Too slow"]"#;

fn too_slow() -> Event {
    Event::Ended(CloseReason::TooSlow)
}

/// A session whose heartbeats are out of the way.
fn quiet(mode: Mode) -> Sim {
    Sim::with(Config {
        heartbeat_interval: secs(100_000),
        ..Config::default()
    })
    .open(mode)
}

#[test]
fn a_receiver_that_takes_nothing_for_the_stall_timeout_is_too_slow() {
    for mode in [STREAM, Mode::WebSocket] {
        let mut sim = quiet(mode);
        sim.advance(secs(50));
        sim.stop_taking();
        sim.send("x").unwrap();
        sim.advance(secs(30) - TICK);
        assert_eq!(sim.events(), []);
        sim.advance(TICK);
        assert_eq!(sim.events(), [too_slow()]);
        // What it did not take is not sent any more; the goodbye has as long again.
        sim.advance(secs(30) - TICK);
        assert_eq!(sim.events(), []);
        sim.go_on_taking();
        assert_eq!(sim.frames(), [TOO_SLOW]);
    }
}

#[test]
fn one_that_does_not_even_take_the_goodbye_is_forgotten_after_as_long_again() {
    let mut sim = quiet(STREAM);
    sim.stop_taking();
    sim.send("x").unwrap();
    sim.advance(secs(30));
    assert_eq!(sim.events(), [too_slow()]);
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [Event::Closed]);
    assert_eq!(sim.frames(), [""; 0]);
}

#[test]
fn any_close_that_is_not_taken_is_forgotten_after_the_stall_timeout() {
    for waits in [false, true] {
        let mut sim = quiet(STREAM);
        sim.stop_taking();
        sim.advance(secs(7));
        if waits {
            sim.send("x").unwrap();
        }
        sim.close(3000, "Go away!");
        sim.events();
        sim.advance(secs(30) - TICK);
        assert_eq!(sim.events(), []);
        sim.advance(TICK);
        assert_eq!(sim.events(), [Event::Closed]);
    }
}

#[test]
fn a_goodbye_that_waits_behind_messages_is_waited_for() {
    let mut sim = quiet(STREAM);
    sim.stop_taking();
    sim.send("x").unwrap();
    sim.close(3000, "Go away!");
    sim.advance(secs(20));
    sim.take_one();
    assert_eq!(sim.frames(), [r#"a["x"]"#]);
    sim.events();
    // Taking the messages was progress, so the goodbye has its own time.
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn taking_something_starts_the_wait_anew() {
    let mut sim = quiet(STREAM);
    sim.stop_taking();
    for _ in 0..10 {
        sim.send("x").unwrap();
        sim.advance(secs(29));
        sim.take_one();
        assert_eq!(sim.frames(), [r#"a["x"]"#]);
    }
    sim.advance(secs(1_000));
    assert_eq!(sim.events(), []);
}

#[test]
fn a_heartbeat_left_behind_messages_is_waited_for() {
    // It once left the session without any deadline.
    let mut sim = Sim::opened(STREAM);
    sim.stop_taking();
    sim.advance(secs(25));
    sim.send("x").unwrap();
    sim.take_one();
    assert_eq!(sim.frames(), [r#"a["x"]"#]);
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [too_slow()]);
}

#[test]
fn a_heartbeat_that_is_not_taken_is_a_stall() {
    let mut sim = Sim::opened(STREAM);
    sim.stop_taking();
    sim.advance(secs(25 + 30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [too_slow()]);
}

#[test]
fn a_receiver_that_never_takes_o_is_too_slow() {
    let mut sim = Sim::new();
    sim.stop_taking();
    sim.attach(STREAM).unwrap();
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [too_slow()]);
    sim.go_on_taking();
    assert_eq!(sim.frames(), ["o", TOO_SLOW]);
}

#[test]
fn an_idle_receiver_that_took_everything_is_not_stalled() {
    // The wait for `o` once went on after it was taken, for drivers that ask `has_transmit` first.
    let mut sim = Sim::with(Config {
        heartbeat_interval: secs(100),
        ..Config::default()
    });
    sim.stop_taking();
    sim.attach(Mode::WebSocket).unwrap();
    sim.take_one();
    assert_eq!(sim.frames(), ["o"]);
    assert!(!sim.session.has_transmit());
    sim.advance(secs(99));
    assert_eq!(sim.events(), [Event::Opened]);
}

#[test]
fn messages_behind_o_are_waited_for() {
    let mut sim = quiet_before_o();
    sim.send("x").unwrap();
    sim.attach(STREAM).unwrap();
    sim.advance(secs(20));
    sim.take_one();
    assert_eq!(sim.frames(), ["o"]);
    assert_eq!(sim.events(), [Event::Opened]);
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [too_slow()]);
}

fn quiet_before_o() -> Sim {
    let mut sim = Sim::with(Config {
        heartbeat_interval: secs(100_000),
        ..Config::default()
    });
    sim.stop_taking();
    sim
}

#[test]
fn what_waits_without_a_receiver_is_no_stall() {
    let mut sim = Sim::with(Config {
        disconnect_delay: secs(100),
        ..Config::default()
    })
    .open(Mode::Poll);
    sim.send("x").unwrap();
    sim.advance(secs(99));
    assert_eq!(sim.events(), []);
    // The next one has its own time.
    sim.stop_taking();
    sim.attach(STREAM).unwrap();
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.go_on_taking();
    assert_eq!(sim.frames(), [r#"a["x"]"#, "h"]);
}

#[test]
fn a_blocked_websocket_is_too_slow_though_nothing_waits_in_the_session() {
    let mut sim = quiet(Mode::WebSocket);
    sim.send("x").unwrap();
    assert_eq!(sim.frames(), [r#"a["x"]"#]);
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
fn progress_ends_the_wait_of_a_blocked_websocket() {
    let mut sim = quiet(Mode::WebSocket);
    for _ in 0..10 {
        sim.send("x").unwrap();
        sim.blocked();
        sim.advance(secs(29));
        sim.progress();
    }
    sim.advance(secs(1_000));
    assert_eq!(sim.events(), []);
}

#[test]
fn progress_does_not_free_a_websocket_of_what_still_waits() {
    // A heartbeat or a goodbye once lost its deadline by it.
    let mut sim = Sim::opened(Mode::WebSocket);
    sim.stop_taking();
    sim.blocked();
    sim.advance(secs(25));
    sim.progress();
    sim.advance(secs(30));
    assert_eq!(sim.events(), [too_slow()]);
    sim.progress();
    sim.advance(secs(30));
    assert_eq!(sim.events(), [Event::Closed]);
}
