//! `h`, and what a WebSocket must answer.

use sockeye_core::{
    session::CloseReason,
    sockjs::{Config, Event},
};

use crate::sim::{Mode, STREAM, Sim, TICK, secs};

#[test]
fn a_stream_gets_a_heartbeat_each_interval() {
    let mut sim = Sim::opened(STREAM);
    sim.advance(secs(25) - TICK);
    assert_eq!(sim.frames(), [""; 0]);
    sim.advance(secs(60));
    let beat = |at| (at, "h".to_owned());
    assert_eq!(sim.timed_frames(), [beat(25), beat(50), beat(75)]);
}

#[test]
fn a_poll_ends_with_its_heartbeat() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.advance(secs(2));
    sim.attach(Mode::Poll).unwrap();
    sim.advance(secs(25) - TICK);
    assert!(sim.is_attached());
    sim.advance(TICK);
    assert!(!sim.is_attached());
    assert_eq!(sim.timed_frames(), [(27, "h".into())]);
    // From here the disconnect delay runs.
    sim.advance(secs(5));
    let ended = Event::Ended(CloseReason::Expired);
    assert_eq!(sim.events(), [ended, Event::Closed]);
}

#[test]
fn heartbeats_are_not_postponed_by_traffic() {
    let mut sim = Sim::opened(STREAM);
    for _ in 0..5 {
        sim.advance(secs(6));
        sim.send("x").unwrap();
        sim.receive(["y"]);
        sim.activity();
    }
    let beats = sim.timed_frames();
    assert!(beats.contains(&(25, "h".into())), "{beats:?}");
}

#[test]
fn no_heartbeat_is_due_while_no_receiver_is_there() {
    let mut sim = Sim::with(Config {
        disconnect_delay: secs(100),
        ..Config::default()
    })
    .open(Mode::Poll);
    sim.advance(secs(90));
    sim.attach(STREAM).unwrap();
    assert_eq!(sim.frames(), [""; 0]);
    sim.advance(secs(25));
    assert_eq!(sim.timed_frames(), [(115, "h".into())]);
}

#[test]
fn a_late_driver_skips_the_beats_it_missed() {
    let mut sim = Sim::opened(STREAM);
    // Late, but not by a whole interval: the period stays.
    sim.oversleep(secs(30));
    sim.advance(secs(20));
    // Late by more: one beat makes up for all, and the period starts anew.
    sim.oversleep(secs(80));
    sim.advance(secs(25));
    let beat = |at| (at, "h".to_owned());
    assert_eq!(
        sim.timed_frames(),
        [beat(30), beat(50), beat(130), beat(155)]
    );
}

#[test]
fn a_response_need_not_answer() {
    let mut sim = Sim::opened(STREAM);
    sim.advance(secs(10_000));
    assert_eq!(sim.frames().len(), 400);
    assert_eq!(sim.events(), []);
}

#[test]
fn a_websocket_that_answers_lives_on() {
    let mut sim = Sim::opened(Mode::WebSocket);
    for _ in 0..10 {
        sim.advance(secs(25));
        assert_eq!(sim.frames(), ["h"]);
        sim.advance(secs(10) - TICK);
        sim.activity();
        sim.advance(secs(15) - (secs(10) - TICK));
        assert_eq!(sim.frames(), [""; 0]);
        sim.advance(secs(10));
        assert_eq!(sim.frames(), ["h"]);
        sim.activity();
    }
    assert_eq!(sim.events(), []);
}

#[test]
fn a_websocket_that_stays_silent_after_a_heartbeat_is_closed() {
    let mut sim = Sim::opened(Mode::WebSocket);
    // Life before the heartbeat is no answer to it.
    sim.advance(secs(24));
    sim.activity();
    sim.advance(secs(11) - TICK);
    assert_eq!(sim.frames(), ["h"]);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    let farewell = r#"c[3000,"No response from heartbeat"]"#;
    assert_eq!(sim.timed_frames(), [(35, farewell.into())]);
    let ended = Event::Ended(CloseReason::NoHeartbeat);
    assert_eq!(sim.events(), [ended]);
    sim.hang_up();
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn a_heartbeat_that_was_not_taken_needs_no_answer() {
    let mut sim = Sim::opened(Mode::WebSocket);
    sim.stop_taking();
    sim.advance(secs(25 + 29));
    assert_eq!(sim.events(), []);
    // From here it needs one.
    sim.go_on_taking();
    assert_eq!(sim.timed_frames(), [(54, "h".into())]);
    sim.advance(secs(10) - TICK);
    assert_eq!(sim.events(), []);
    sim.activity();
    sim.advance(TICK);
    assert_eq!(sim.frames(), ["h"]);
    assert_eq!(sim.events(), []);
}

#[test]
fn no_second_heartbeat_is_sent_while_one_is_unanswered() {
    let config = Config {
        heartbeat_interval: secs(5),
        heartbeat_timeout: secs(12),
        ..Config::default()
    };
    let mut sim = Sim::with(config).open(Mode::WebSocket);
    sim.advance(secs(16));
    assert_eq!(sim.timed_frames(), [(5, "h".into())]);
    // The one that was due meanwhile comes after the answer.
    sim.activity();
    sim.advance(TICK);
    sim.activity();
    sim.advance(secs(5));
    let beat = |at| (at, "h".to_owned());
    assert_eq!(sim.timed_frames(), [beat(16), beat(21)]);
}

#[test]
fn a_heartbeat_unanswered_at_the_close_is_no_deadline_any_more() {
    // It once stayed due for ever: the session had closed, so nothing was done about it.
    for takes in [true, false] {
        let mut sim = Sim::opened(Mode::WebSocket);
        sim.advance(secs(26));
        sim.stop_taking();
        sim.close(1000, "Normal closure");
        if takes {
            sim.take_one();
        }
        sim.advance(secs(29));
        assert!(!sim.session.is_closed());
        sim.advance(secs(1));
        assert!(sim.session.is_closed());
    }
}

#[test]
fn times_without_end_are_taken_as_such() {
    use std::time::Duration;
    let mut sim = Sim::with(Config {
        heartbeat_interval: Duration::MAX,
        heartbeat_timeout: Duration::MAX,
        disconnect_delay: Duration::MAX,
        stall_timeout: Duration::MAX,
        ..Config::default()
    })
    .open(Mode::Poll);
    sim.advance(secs(365 * 86_400));
    sim.attach(Mode::WebSocket).unwrap();
    sim.stop_taking();
    sim.send("x").unwrap();
    sim.advance(secs(365 * 86_400));
    sim.go_on_taking();
    assert_eq!(sim.frames(), [r#"a["x"]"#]);
    assert_eq!(sim.events(), []);
}
