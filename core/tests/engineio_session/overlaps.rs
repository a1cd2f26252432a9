//! A second poll, a second POST: the session does not survive them.

use sockeye_core::engineio::{AttachError, Event, PostEnd, PostError, TransportError};

use crate::sim::{NOTHING, Sim, closed_by_application, ended};

#[test]
fn a_second_poll_ends_the_session_and_the_first_gets_a_close_packet() {
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    assert_eq!(sim.poll(), Err(AttachError::Overlap));
    assert_eq!(sim.answers(), ["1"]);
    let overlap = ended(TransportError::PollOverlap);
    assert_eq!(sim.events(), [overlap, Event::Closed]);
    assert_eq!(sim.poll(), Err(AttachError::Closed));
}

#[test]
fn it_is_told_from_the_moment_of_the_overlap_on_that_the_session_is_gone() {
    let mut sim = Sim::polling();
    sim.stop_taking();
    sim.send("lost").unwrap();
    sim.poll().unwrap();
    assert_eq!(sim.poll(), Err(AttachError::Overlap));
    assert_eq!(sim.poll(), Err(AttachError::Closed));
    assert_eq!(sim.begin_post(), Err(PostError::Closed));
    assert_eq!(sim.session.transport(), None);
    sim.go_on_taking();
    assert_eq!(sim.answers(), ["1"]);
}

#[test]
fn polls_one_after_the_other_do_not_overlap() {
    let mut sim = Sim::polling();
    for _ in 0..10 {
        sim.poll().unwrap();
        sim.send("x").unwrap();
    }
    assert_eq!(sim.answers().len(), 10);
    assert_eq!(sim.events(), []);
}

#[test]
fn a_second_post_ends_the_session_and_what_the_first_brings_is_dropped() {
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.begin_post().unwrap();
    assert_eq!(sim.begin_post(), Err(PostError::Overlap));
    assert_eq!(sim.answers(), ["1"]);
    let overlap = ended(TransportError::PostOverlap);
    assert_eq!(sim.events(), [overlap, Event::Closed]);
    sim.posted("x");
    sim.end_post(PostEnd::Finished);
    assert_eq!(sim.taken(), NOTHING);
}

#[test]
fn an_overlap_while_the_session_closes_ends_the_wait() {
    let mut sim = Sim::polling();
    sim.stop_taking();
    sim.poll().unwrap();
    sim.send("lost").unwrap();
    sim.close();
    assert_eq!(sim.poll(), Err(AttachError::Overlap));
    sim.go_on_taking();
    assert_eq!(sim.answers(), ["1"]);
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);

    let mut sim = Sim::polling();
    sim.close();
    sim.begin_post().unwrap();
    assert_eq!(sim.begin_post(), Err(PostError::Overlap));
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);
}
