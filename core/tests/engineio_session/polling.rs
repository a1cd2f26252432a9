//! Polls take what waits, POSTs bring what the client says.

use sockeye_core::{
    engineio::{AttachError, Event, Packet, PostEnd, PostError, Reason, TransportError},
    session::Detach,
};

use crate::sim::{NOTHING, Sim, ended, ping, pong, secs};

#[test]
fn a_poll_takes_all_that_waits_in_one_answer() {
    let mut sim = Sim::polling();
    sim.send("a").unwrap();
    sim.send("").unwrap();
    sim.send(vec![]).unwrap();
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["4a|4|bb\"\""]);
    assert!(!sim.has_poll());
}

#[test]
fn a_poll_waits_for_the_first_packet() {
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.advance(secs(7));
    assert_eq!(sim.answers(), NOTHING);
    sim.send("a").unwrap();
    sim.send("b").unwrap();
    assert_eq!(sim.timed_answers(), [(7_000, "4a".into())]);
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["4b"]);
}

#[test]
fn a_dropped_poll_ends_the_session() {
    let mut sim = Sim::polling();
    sim.send("lost").unwrap();
    sim.stop_taking();
    sim.poll().unwrap();
    sim.abort_poll();
    let aborted = ended(TransportError::PollAborted);
    assert_eq!(sim.events(), [aborted, Event::Closed]);
    assert_eq!(sim.poll(), Err(AttachError::Closed));
    assert_eq!(sim.begin_post(), Err(PostError::Closed));
}

#[test]
fn a_late_word_about_an_answered_poll_changes_nothing() {
    for how in [Detach::Finished, Detach::Aborted] {
        let mut sim = Sim::polling();
        let former = sim.poll().unwrap();
        sim.send("a").unwrap();
        sim.poll().unwrap();
        sim.detach(former, how);
        assert!(sim.has_poll());
        sim.send("b").unwrap();
        assert_eq!(sim.answers(), ["4a", "4b"]);
        sim.detach(former, how);
        assert_eq!(sim.events(), []);
    }
}

#[test]
fn a_post_brings_its_messages_in_order() {
    let mut sim = Sim::polling();
    sim.post(["a".into(), "b".into()]);
    sim.post(["c".into()]);
    assert_eq!(sim.taken(), ["a", "b", "c"]);
}

#[test]
fn a_post_that_is_refused_as_too_large_leaves_the_session_alive() {
    let mut sim = Sim::polling();
    sim.begin_post().unwrap();
    sim.end_post(PostEnd::Finished);
    sim.post(["next".into()]);
    assert_eq!(sim.taken(), ["next"]);
}

#[test]
fn an_aborted_post_ends_the_session_and_tells_an_outstanding_poll() {
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.begin_post().unwrap();
    sim.end_post(PostEnd::Aborted);
    assert_eq!(sim.answers(), ["1"]);
    let aborted = ended(TransportError::PostAborted);
    assert_eq!(sim.events(), [aborted, Event::Closed]);
}

#[test]
fn packets_that_say_nothing_in_a_session_are_ignored() {
    let mut sim = Sim::polling();
    sim.post([
        Packet::Open("{}".into()),
        Packet::Upgrade,
        Packet::Noop,
        pong(),
        "after".into(),
    ]);
    assert_eq!(sim.taken(), ["after"]);
    assert_eq!(sim.events(), []);
}

#[test]
fn packets_without_a_post_are_nobodys() {
    let mut sim = Sim::polling();
    sim.posted("x");
    sim.posted(ping());
    assert_eq!(sim.taken(), NOTHING);
    sim.end_post(PostEnd::Aborted);
    assert_eq!(sim.events(), []);
}

#[test]
fn a_close_packet_ends_the_poll_with_a_noop_and_drops_what_follows_it() {
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.post(["before".into(), Packet::Close, "after".into(), ping()]);
    assert_eq!(sim.answers(), ["6"]);
    assert_eq!(
        sim.events(),
        [ended(Reason::PeerClosed(None)), Event::Closed]
    );
    assert_eq!(sim.taken(), ["before"]);
}

#[test]
fn a_close_packet_without_a_poll_ends_it_all_the_same() {
    let mut sim = Sim::polling();
    sim.send("unheard").unwrap();
    sim.post([Packet::Close]);
    assert_eq!(
        sim.events(),
        [ended(Reason::PeerClosed(None)), Event::Closed]
    );
    assert_eq!(sim.poll(), Err(AttachError::Closed));
}

#[test]
fn a_payload_that_cannot_be_read_ends_the_session_after_what_came_before_it() {
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.begin_post().unwrap();
    sim.posted("before");
    sim.fail(Reason::ParseError);
    sim.posted("after");
    sim.end_post(PostEnd::Finished);
    assert_eq!(sim.answers(), ["1"]);
    assert_eq!(sim.taken(), ["before"]);
    assert_eq!(sim.events(), [ended(Reason::ParseError), Event::Closed]);
}
