//! `o` and what can come in its way.

use sockeye_core::{
    session::{Close, CloseReason, Detach},
    sockjs::Event,
};

use crate::sim::{Mode, STREAM, Sim, TICK, secs};

#[test]
fn the_first_receiver_gets_o_and_the_application_is_told() {
    for mode in [Mode::Poll, STREAM, Mode::WebSocket] {
        let mut sim = Sim::new();
        assert_eq!(sim.events(), []);
        sim.attach(mode).unwrap();
        assert_eq!(sim.frames(), ["o"], "{mode:?}");
        assert_eq!(sim.events(), [Event::Opened], "{mode:?}");
    }
}

#[test]
fn the_application_is_not_told_before_o_is_taken() {
    let mut sim = Sim::new();
    sim.stop_taking();
    sim.attach(STREAM).unwrap();
    assert_eq!(sim.events(), []);
    sim.go_on_taking();
    assert_eq!(sim.events(), [Event::Opened]);
}

#[test]
fn a_session_without_a_first_receiver_has_no_deadline() {
    let sim = Sim::new();
    assert_eq!(sim.session.poll_timeout(), None);
    assert!(sim.session.is_open());
    assert!(!sim.session.has_transmit());
}

#[test]
fn messages_sent_before_o_follow_it() {
    let mut sim = Sim::new();
    sim.send("early").unwrap();
    sim.attach(STREAM).unwrap();
    assert_eq!(sim.frames(), ["o", r#"a["early"]"#]);
}

#[test]
fn a_close_before_the_first_receiver_still_brings_o_and_c() {
    for (mode, first) in [
        (STREAM, vec!["o", r#"c[3000,"Go away!"]"#]),
        (Mode::WebSocket, vec!["o", r#"c[3000,"Go away!"]"#]),
        (Mode::Poll, vec!["o"]),
    ] {
        let mut sim = Sim::new();
        sim.close(3000, "Go away!");
        sim.attach(mode).unwrap();
        assert_eq!(sim.frames(), first, "{mode:?}");
        if mode == Mode::Poll {
            sim.attach(mode).unwrap();
            assert_eq!(sim.frames(), [r#"c[3000,"Go away!"]"#]);
        }
    }
}

#[test]
fn a_session_closed_before_the_first_receiver_is_forgotten_after_the_delay() {
    let mut sim = Sim::new();
    sim.close(3000, "Go away!");
    let ended = CloseReason::Application(Close::new(3000, "Go away!"));
    assert_eq!(sim.events(), [Event::Ended(ended)]);
    sim.advance(secs(5) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn a_close_before_o_is_taken_comes_after_it() {
    let mut sim = Sim::new();
    sim.stop_taking();
    sim.attach(STREAM).unwrap();
    sim.close(3000, "Go away!");
    sim.go_on_taking();
    assert_eq!(sim.frames(), ["o", r#"c[3000,"Go away!"]"#]);
    // The end was told first, so an opening is not told any more.
    let ended = CloseReason::Application(Close::new(3000, "Go away!"));
    assert_eq!(sim.events(), [Event::Ended(ended)]);
}

#[test]
fn o_that_a_vanished_receiver_never_took_goes_to_the_next() {
    let mut sim = Sim::new();
    sim.stop_taking();
    sim.attach(Mode::Poll).unwrap();
    sim.close(3000, "Go away!");
    // Closing, so that the abort does not end it.
    sim.abort();
    sim.go_on_taking();
    sim.attach(STREAM).unwrap();
    assert_eq!(sim.frames(), ["o", r#"c[3000,"Go away!"]"#]);
}

#[test]
fn a_response_that_ends_before_it_took_o_leaves_it_to_the_next() {
    let mut sim = Sim::new();
    sim.stop_taking();
    let id = sim.attach(Mode::Poll).unwrap();
    sim.detach(id, Detach::Finished);
    sim.go_on_taking();
    sim.attach(Mode::Poll).unwrap();
    assert_eq!(sim.frames(), ["o"]);
    assert_eq!(sim.events(), [Event::Opened]);
}

#[test]
fn a_receiver_that_aborts_before_o_ends_the_session_unopened() {
    let mut sim = Sim::new();
    sim.stop_taking();
    sim.attach(STREAM).unwrap();
    sim.abort();
    let ended = Event::Ended(CloseReason::Disconnected);
    assert_eq!(sim.events(), [ended, Event::Closed]);
}

#[test]
fn a_session_that_never_got_a_receiver_can_be_abandoned() {
    let mut sim = Sim::new();
    sim.abandon(CloseReason::Disconnected);
    let ended = Event::Ended(CloseReason::Disconnected);
    assert_eq!(sim.events(), [ended, Event::Closed]);
}
