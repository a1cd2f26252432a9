//! The disconnect delay between receivers, and what ends a session at once.

use sockeye_core::{
    session::{CloseReason, Detach},
    sockjs::{AttachError, Event},
};

use crate::sim::{Mode, STREAM, Sim, TICK, secs};

fn expired() -> [Event; 2] {
    [Event::Ended(CloseReason::Expired), Event::Closed]
}

fn disconnected() -> [Event; 2] {
    [Event::Ended(CloseReason::Disconnected), Event::Closed]
}

#[test]
fn a_session_without_a_receiver_expires_after_the_delay() {
    let delay = secs(5);
    for (away, lives) in [(delay - TICK, true), (delay, false), (delay + TICK, false)] {
        let mut sim = Sim::opened(Mode::Poll);
        sim.advance(away);
        if lives {
            assert_eq!(sim.events(), []);
            sim.attach(Mode::Poll).unwrap();
            sim.advance(secs(20));
            assert!(sim.is_attached());
        } else {
            assert_eq!(sim.events(), expired());
            assert_eq!(sim.attach(Mode::Poll), Err(AttachError::Closed));
        }
    }
}

#[test]
fn the_delay_counts_from_the_end_of_the_last_receiver() {
    let mut sim = Sim::opened(STREAM);
    sim.advance(secs(100));
    sim.hang_up();
    sim.advance(secs(4));
    sim.attach(Mode::Stream { limit: 1 }).unwrap();
    sim.advance(secs(3));
    sim.send("x").unwrap();
    assert!(!sim.is_attached());
    sim.advance(secs(5) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), expired());
}

#[test]
fn messages_in_either_direction_do_not_prolong_a_life_without_receivers() {
    let mut sim = Sim::opened(Mode::Poll);
    for _ in 0..4 {
        sim.advance(secs(1));
        sim.receive(["x"]);
        sim.activity();
        sim.send("y").unwrap();
        sim.blocked();
        sim.progress();
    }
    assert_eq!(sim.events(), []);
    sim.advance(secs(1));
    assert_eq!(sim.events(), expired());
}

#[test]
fn a_receiver_stops_the_delay() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.advance(secs(5) - TICK);
    sim.attach(STREAM).unwrap();
    sim.advance(secs(1_000));
    assert_eq!(sim.events(), []);
}

#[test]
fn what_waits_is_lost_with_an_expired_session() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.send("x").unwrap();
    sim.advance(secs(5));
    assert_eq!(sim.events(), expired());
    assert!(!sim.session.is_full());
    assert!(!sim.session.has_transmit());
    assert!(sim.send("y").is_err());
}

#[test]
fn the_application_still_gets_what_came_before_the_end() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.receive(["x"]);
    sim.advance(secs(5));
    sim.receive(["too late"]);
    assert_eq!(sim.taken(), ["x"]);
}

#[test]
fn an_aborted_receiver_ends_the_session_at_once() {
    for mode in [Mode::Poll, STREAM, Mode::WebSocket] {
        let mut sim = Sim::opened(STREAM);
        sim.hang_up();
        sim.attach(mode).unwrap();
        sim.advance(secs(1));
        sim.abort();
        assert_eq!(sim.events(), disconnected(), "{mode:?}");
        assert_eq!(sim.attach(mode), Err(AttachError::Closed));
        sim.advance(secs(100));
        assert_eq!(sim.events(), []);
    }
}

#[test]
fn an_end_is_told_once_whatever_follows() {
    let mut sim = Sim::opened(STREAM);
    let id = sim.receiver_id();
    sim.abort();
    assert_eq!(sim.events(), disconnected());
    sim.detach(id, Detach::Aborted);
    sim.close(3000, "Go away!");
    sim.peer_close(None);
    sim.abandon(CloseReason::Disconnected);
    sim.end(CloseReason::GoingAway);
    sim.advance(secs(100));
    assert_eq!(sim.events(), []);
}

#[test]
fn an_abort_while_closing_leaves_the_goodbye_to_the_next_receiver() {
    let mut sim = Sim::opened(STREAM);
    sim.stop_taking();
    sim.send("x").unwrap();
    sim.close(3000, "Go away!");
    sim.abort();
    sim.go_on_taking();
    sim.advance(secs(5) - TICK);
    sim.attach(STREAM).unwrap();
    assert_eq!(sim.frames(), [r#"a["x"]"#, r#"c[3000,"Go away!"]"#]);
}

#[test]
fn a_driver_that_can_go_on_no_longer_abandons_its_session() {
    for mode in [Mode::Poll, STREAM, Mode::WebSocket] {
        let mut sim = Sim::new();
        sim.attach(mode).unwrap();
        sim.events();
        sim.abandon(CloseReason::Disconnected);
        assert_eq!(sim.events(), disconnected(), "{mode:?}");
        assert_eq!(sim.attach(mode), Err(AttachError::Closed));
    }
}

#[test]
fn an_abandoned_goodbye_ends_the_session_for_its_first_reason() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.end(CloseReason::GoingAway);
    assert_eq!(sim.events(), [Event::Ended(CloseReason::GoingAway)]);
    sim.abandon(CloseReason::Disconnected);
    assert_eq!(sim.events(), [Event::Closed]);
}
