//! The open packet and what can come in its way.

use sockeye_core::{
    engineio::{
        AttachError, Config, Event, PostError, Reason, Refused, Revision, Transport, TransportError,
    },
    session::Detach,
};

use crate::sim::{NOTHING, Sim, TICK, closed_by_application, ended, secs};

fn waiting_for_a_socket() -> Sim {
    Sim::with(Revision::V4, Transport::WebSocket, Config::default())
}

#[test]
fn the_first_receiver_gets_the_open_packet_and_the_application_is_told() {
    let mut sim = Sim::new();
    assert_eq!(sim.events(), []);
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["0"]);
    assert_eq!(sim.events(), [Event::Opened]);
    assert!(!sim.has_poll());

    let mut sim = waiting_for_a_socket();
    sim.connect().unwrap();
    assert_eq!(sim.frames(), ["0"]);
    assert_eq!(sim.events(), [Event::Opened]);
    assert!(sim.has_socket());
}

#[test]
fn what_was_sent_before_follows_the_open_packet() {
    let mut sim = Sim::new();
    sim.send("a").unwrap();
    sim.send(vec![1]).unwrap();
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["0|4a|bb\"\\x01\""]);
}

#[test]
fn the_application_is_not_told_before_the_open_packet_is_taken() {
    let mut sim = waiting_for_a_socket();
    sim.stop_taking();
    sim.connect().unwrap();
    assert_eq!(sim.events(), []);
    sim.go_on_taking();
    assert_eq!(sim.events(), [Event::Opened]);
}

#[test]
fn a_receiver_of_another_transport_than_the_handshake_is_refused() {
    let mut sim = Sim::new();
    assert_eq!(sim.connect(), Err(AttachError::WrongTransport));
    let mut sim = waiting_for_a_socket();
    assert_eq!(sim.poll(), Err(AttachError::WrongTransport));
    assert_eq!(sim.begin_post(), Err(PostError::WrongTransport));
    assert_eq!(sim.events(), []);
}

#[test]
fn nobody_probes_before_the_open_packet_told_the_id() {
    let mut sim = Sim::new();
    assert_eq!(sim.probe(), Err(Refused::NotOpen));
}

#[test]
fn a_session_whose_first_receiver_never_comes_is_given_up_with_its_heartbeat() {
    for revision in [Revision::V3, Revision::V4] {
        let mut sim = Sim::with(revision, Transport::Polling, Config::default());
        sim.advance(secs(45) - TICK);
        assert_eq!(sim.events(), []);
        sim.advance(TICK);
        assert_eq!(sim.events(), [ended(Reason::PingTimeout), Event::Closed]);
    }
}

#[test]
fn a_handshake_that_is_dropped_before_its_answer_ends_the_session_unopened() {
    let mut sim = Sim::new();
    sim.stop_taking();
    sim.poll().unwrap();
    sim.abort_poll();
    let aborted = ended(TransportError::PollAborted);
    assert_eq!(sim.events(), [aborted, Event::Closed]);
}

#[test]
fn a_close_before_the_open_packet_comes_after_it() {
    let mut sim = Sim::new();
    sim.send("x").unwrap();
    sim.close();
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["0|4x"]);
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["6|1"]);
    // The end was told first, so an opening is not told any more.
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);

    let mut sim = waiting_for_a_socket();
    sim.send("x").unwrap();
    sim.close();
    sim.connect().unwrap();
    assert_eq!(sim.frames(), ["0", "4x", "1"]);
}

#[test]
fn a_session_closed_before_its_first_receiver_waits_for_it_as_for_any_poll() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut sim = Sim::with(Revision::V4, transport, Config::default());
        sim.close();
        sim.advance(secs(30) - TICK);
        assert_eq!(sim.events(), [closed_by_application()]);
        sim.advance(TICK);
        assert_eq!(sim.events(), [Event::Closed]);
    }
}

#[test]
fn a_first_poll_that_ends_unanswered_leaves_the_open_packet_to_the_next() {
    let mut sim = Sim::new();
    sim.stop_taking();
    let id = sim.poll().unwrap();
    sim.detach(id, Detach::Finished);
    assert_eq!(sim.answers(), NOTHING);
    sim.go_on_taking();
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["0"]);
    assert_eq!(sim.events(), [Event::Opened]);
}
