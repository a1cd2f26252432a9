//! Closing from this side: what waits, then the farewell.

use sockeye_core::{
    engineio::{
        AttachError, Event, Packet, PostEnd, PostError, Reason, Refused, SendError, TransportError,
        websocket_close,
    },
    session::{Close, CloseReason, Outgoing},
};

use crate::sim::{NOTHING, Sim, TICK, closed_by_application, ended, pong, secs};

#[test]
fn an_outstanding_poll_gets_the_close_packet() {
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.close();
    assert_eq!(sim.answers(), ["1"]);
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);
    assert_eq!(sim.poll(), Err(AttachError::Closed));
}

#[test]
fn the_next_poll_gets_a_noop_and_the_close_packet() {
    let mut sim = Sim::polling();
    sim.close();
    assert_eq!(sim.events(), [closed_by_application()]);
    sim.advance(secs(30) - TICK);
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["6|1"]);
    assert_eq!(sim.events(), [Event::Closed]);
    assert_eq!(sim.poll(), Err(AttachError::Closed));
    assert_eq!(sim.begin_post(), Err(PostError::Closed));
}

#[test]
fn a_message_and_a_close_take_two_polls() {
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.send("1").unwrap();
    sim.close();
    assert_eq!(sim.answers(), ["41"]);
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["6|1"]);
    assert_eq!(sim.poll(), Err(AttachError::Closed));

    // The same where the poll has not taken the message yet when the close comes.
    let mut sim = Sim::polling();
    sim.stop_taking();
    sim.poll().unwrap();
    sim.send("1").unwrap();
    sim.close();
    sim.go_on_taking();
    assert_eq!(sim.answers(), ["41"]);
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["6|1"]);
}

#[test]
fn without_a_poll_it_is_forgotten_after_the_closing_timeout() {
    let mut sim = Sim::polling();
    sim.send("x").unwrap();
    sim.close();
    sim.advance(secs(29));
    assert_eq!(sim.events(), [closed_by_application()]);
    // One that takes the messages starts the time anew, once.
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["4x"]);
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn nothing_is_sent_or_received_after_a_close() {
    let mut sim = Sim::polling();
    sim.post(["before".into()]);
    sim.close();
    assert!(matches!(sim.send("x"), Err(SendError::Closed)));
    let message = Outgoing::Own("x".into());
    assert!(matches!(sim.broadcast(message), Err(SendError::Closed)));
    // A POST is still answered, and pongs are not held against anyone.
    sim.post(["after".into(), pong()]);
    assert_eq!(sim.taken(), ["before"]);
    assert_eq!(sim.probe(), Err(Refused::NotOpen));
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["6|1"]);
}

#[test]
fn no_heartbeat_is_sent_or_awaited_after_a_close() {
    let mut sim = Sim::polling();
    sim.advance(secs(25));
    sim.close();
    sim.advance(secs(29));
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["6|1"]);
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);
}

#[test]
fn the_first_close_counts() {
    let mut sim = Sim::polling();
    sim.close();
    sim.advance(secs(20));
    sim.close_as(CloseReason::GoingAway);
    sim.close_as(CloseReason::TooSlow);
    assert_eq!(sim.events(), [closed_by_application()]);
    sim.advance(secs(10));
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn a_peer_that_closes_meanwhile_is_not_waited_for() {
    let mut sim = Sim::polling();
    sim.close();
    sim.post([Packet::Close]);
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);

    // With a poll that has not been answered.
    let mut sim = Sim::polling();
    sim.stop_taking();
    sim.poll().unwrap();
    sim.close();
    sim.post([Packet::Close]);
    sim.go_on_taking();
    assert_eq!(sim.answers(), ["6"]);
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);
}

#[test]
fn a_poll_that_is_dropped_meanwhile_ends_it() {
    let mut sim = Sim::polling();
    sim.stop_taking();
    sim.poll().unwrap();
    sim.close();
    sim.abort_poll();
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);
}

#[test]
fn a_server_that_cannot_wait_closes_at_once() {
    let going = Reason::Forced(CloseReason::GoingAway);
    assert_eq!(going.to_string(), "forced close");

    let mut sim = Sim::polling();
    sim.send("dropped").unwrap();
    sim.fail(going.clone());
    assert_eq!(sim.events(), [ended(going.clone()), Event::Closed]);

    let mut sim = Sim::websocket();
    sim.stop_taking();
    sim.send("dropped").unwrap();
    sim.fail(going.clone());
    sim.go_on_taking();
    assert_eq!(sim.frames(), ["1"]);
    assert_eq!(
        websocket_close(&going.close_reason()),
        Some(Close::GOING_AWAY)
    );
}

#[test]
fn closing_can_be_cut_short() {
    let mut sim = Sim::polling();
    sim.send("dropped").unwrap();
    sim.close();
    sim.fail(Reason::Forced(CloseReason::GoingAway));
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);
}

#[test]
fn a_post_in_flight_at_the_end_is_heard_no_more() {
    let mut sim = Sim::polling();
    sim.begin_post().unwrap();
    sim.poll().unwrap();
    sim.close();
    sim.posted("late");
    sim.end_post(PostEnd::Finished);
    assert_eq!(sim.taken(), NOTHING);
    assert_eq!(sim.answers(), ["1"]);

    // Nor does its abortion change why the session ended.
    let mut sim = Sim::polling();
    sim.begin_post().unwrap();
    sim.close();
    sim.end_post(PostEnd::Aborted);
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);
}

#[test]
fn what_an_end_for_another_reason_leaves_outstanding_is_told() {
    for reason in [
        Reason::ParseError,
        Reason::Transport(TransportError::Violation(Close::TOO_MANY_MESSAGES)),
    ] {
        let mut sim = Sim::polling();
        sim.poll().unwrap();
        sim.fail(reason.clone());
        assert_eq!(sim.answers(), ["1"]);
        assert_eq!(sim.events(), [ended(reason), Event::Closed]);
    }
}
