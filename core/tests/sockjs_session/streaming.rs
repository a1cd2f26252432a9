//! Receivers that go on.

use crate::sim::{Mode, STREAM, Sim, secs};

#[test]
fn a_stream_gets_every_message_at_once() {
    let mut sim = Sim::opened(STREAM);
    sim.send("x").unwrap();
    assert_eq!(sim.frames(), [r#"a["x"]"#]);
    sim.advance(secs(1));
    sim.send("y").unwrap();
    assert_eq!(sim.frames(), [r#"a["y"]"#]);
    assert!(sim.is_attached());
}

#[test]
fn messages_join_while_the_stream_does_not_take() {
    let mut sim = Sim::opened(STREAM);
    sim.stop_taking();
    sim.send("x").unwrap();
    sim.send("\u{2028}").unwrap();
    sim.go_on_taking();
    assert_eq!(sim.frames(), [r#"a["x","\u2028"]"#]);
}

#[test]
fn messages_come_before_a_heartbeat_that_is_due() {
    let mut sim = Sim::opened(STREAM);
    sim.stop_taking();
    sim.advance(secs(25));
    sim.send("x").unwrap();
    sim.go_on_taking();
    assert_eq!(sim.frames(), [r#"a["x"]"#, "h"]);
}

#[test]
fn a_stream_at_its_limit_hands_over_to_the_next() {
    let mut sim = Sim::opened(Mode::Stream { limit: 2 });
    sim.send("x").unwrap();
    assert!(!sim.is_attached());
    sim.send("y").unwrap();
    sim.advance(secs(4));
    sim.attach(STREAM).unwrap();
    assert_eq!(sim.frames(), [r#"a["x"]"#, r#"a["y"]"#]);
    assert_eq!(sim.events(), []);
}

#[test]
fn receivers_of_one_session_may_be_of_different_kinds() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.attach(Mode::Stream { limit: 1 }).unwrap();
    sim.send("x").unwrap();
    sim.attach(Mode::Poll).unwrap();
    sim.send("y").unwrap();
    sim.attach(STREAM).unwrap();
    sim.send("z").unwrap();
    assert_eq!(sim.frames(), [r#"a["x"]"#, r#"a["y"]"#, r#"a["z"]"#]);
}
