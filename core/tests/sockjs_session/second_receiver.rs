//! One receiver at a time, and words about former ones.

use sockeye_core::{
    session::{Close, Detach},
    sockjs::AttachError,
};

use crate::sim::{Mode, STREAM, Sim, secs};

// That a refused receiver and a word about a former one leave all as it was, `Sim` checks itself.

#[test]
fn a_second_receiver_is_refused_and_the_first_goes_on() {
    for (first, second) in [(STREAM, Mode::Poll), (Mode::WebSocket, STREAM)] {
        let mut sim = Sim::opened(first);
        sim.advance(secs(3));
        assert_eq!(sim.attach(second), Err(AttachError::StillOpen));
        sim.send("for the first").unwrap();
        assert_eq!(sim.frames(), [r#"a["for the first"]"#]);
        // The heartbeat is counted from the first one's attaching.
        sim.advance(secs(22));
        assert_eq!(sim.timed_frames(), [(25, "h".into())]);
    }
}

#[test]
fn a_second_receiver_gets_the_goodbye_that_the_first_has_yet_to_take() {
    let mut sim = Sim::opened(STREAM);
    sim.stop_taking();
    sim.close(1000, "Normal closure");
    assert_eq!(sim.attach(STREAM), Err(AttachError::Closing(Close::NORMAL)));
    sim.go_on_taking();
    assert_eq!(sim.frames(), [r#"c[1000,"Normal closure"]"#]);
}

#[test]
fn a_forgotten_session_takes_no_receiver() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.advance(secs(5));
    assert_eq!(sim.attach(Mode::Poll), Err(AttachError::Closed));
}

#[test]
fn a_late_word_about_a_former_receiver_changes_nothing() {
    for how in [Detach::Finished, Detach::Aborted] {
        let mut sim = Sim::opened(Mode::Poll);
        let former = sim.attach(Mode::Poll).unwrap();
        sim.send("x").unwrap();
        // The poll is over, and told so again: nobody is attached, and the delay runs as before.
        sim.advance(secs(3));
        sim.detach(former, how);
        // Now another one is there.
        sim.attach(STREAM).unwrap();
        sim.detach(former, how);
        assert!(sim.is_attached());
        sim.send("y").unwrap();
        assert_eq!(sim.frames(), [r#"a["x"]"#, r#"a["y"]"#]);
        assert_eq!(sim.events(), []);
    }
}

#[test]
fn a_former_receiver_gets_nothing() {
    let mut sim = Sim::opened(Mode::Poll);
    let former = sim.attach(Mode::Poll).unwrap();
    sim.send("x").unwrap();
    sim.stop_taking();
    sim.attach(STREAM).unwrap();
    sim.send("y").unwrap();
    assert!(sim.transmit_to(former).is_none());
    assert!(sim.session.has_transmit());
}
