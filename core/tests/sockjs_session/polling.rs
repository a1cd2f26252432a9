//! Receivers that end with their first frame.

use crate::sim::{Mode::Poll, Sim, TICK, secs};

#[test]
fn each_poll_takes_one_frame() {
    let mut sim = Sim::opened(Poll);
    assert!(!sim.is_attached());
    sim.attach(Poll).unwrap();
    assert!(sim.is_attached());
    sim.send("x").unwrap();
    assert!(!sim.is_attached());
    assert_eq!(sim.frames(), [r#"a["x"]"#]);
}

#[test]
fn messages_sent_between_polls_wait_and_come_in_one_frame() {
    let mut sim = Sim::opened(Poll);
    for text in ["x", "y", "z"] {
        sim.send(text).unwrap();
    }
    assert_eq!(sim.frames(), [""; 0]);
    sim.attach(Poll).unwrap();
    assert_eq!(sim.frames(), [r#"a["x","y","z"]"#]);
}

#[test]
fn messages_that_wait_are_there_up_to_the_last_moment_of_the_delay() {
    let mut sim = Sim::opened(Poll);
    sim.send("kept").unwrap();
    sim.advance(secs(5) - TICK);
    sim.attach(Poll).unwrap();
    assert_eq!(sim.frames(), [r#"a["kept"]"#]);
}

#[test]
fn what_the_peer_sends_reaches_the_application_while_no_poll_is_there() {
    let mut sim = Sim::opened(Poll);
    sim.receive(["a", "b"]);
    sim.receive(["", "c"]);
    assert!(sim.session.has_message());
    assert_eq!(sim.taken(), ["a", "b", "", "c"]);
    assert!(!sim.session.has_message());
}

#[test]
fn a_long_life_of_polls_never_expires() {
    let mut sim = Sim::opened(Poll);
    for round in 0..100 {
        sim.advance(secs(4));
        sim.attach(Poll).unwrap();
        sim.advance(secs(10));
        sim.send(round.to_string()).unwrap();
        assert_eq!(sim.frames(), [format!("a[\"{round}\"]")]);
    }
    assert_eq!(sim.events(), []);
}
