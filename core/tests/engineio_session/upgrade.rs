//! The way from polling to WebSocket when all goes well.

use sockeye_core::{
    engineio::{AttachError, Event, Packet, PostEnd, PostError, Refused, Transport},
    session::Detach,
};

use crate::sim::{Answer, NOTHING, Sim, closed_by_application, millis, ping_probe, secs};

#[test]
fn the_dance_of_a_real_client() {
    let mut sim = Sim::polling();
    sim.send("by polling").unwrap();
    sim.poll().unwrap();
    sim.poll().unwrap();
    sim.probe().unwrap();
    assert_eq!(sim.answers(), ["4by polling"]);
    assert_eq!(sim.on_probe(ping_probe()), Answer::Reply);
    // It pauses polling: what is outstanding ends.
    assert_eq!(sim.answers(), ["6"]);
    sim.send("between").unwrap();
    assert_eq!(sim.on_probe(Packet::Upgrade), Answer::Upgraded);
    assert_eq!(sim.frames(), ["4between"]);
    assert_eq!(sim.events(), [Event::Upgraded]);
    assert_eq!(sim.session.transport(), Some(Transport::WebSocket));

    sim.receive("from the client");
    sim.send("by websocket").unwrap();
    assert_eq!(sim.taken(), ["from the client"]);
    assert_eq!(sim.frames(), ["4by websocket"]);
}

#[test]
fn what_waits_goes_out_by_the_websocket_in_order() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    for text in ["a", "b", "c"] {
        sim.send(text).unwrap();
    }
    sim.on_probe(ping_probe());
    sim.send("d").unwrap();
    sim.on_probe(Packet::Upgrade);
    sim.send("e").unwrap();
    assert_eq!(sim.frames(), ["4a", "4b", "4c", "4d", "4e"]);
}

#[test]
fn until_the_upgrade_is_done_a_poll_takes_what_is_sent() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.poll().unwrap();
    sim.send("a").unwrap();
    sim.poll().unwrap();
    sim.on_probe(ping_probe());
    sim.poll().unwrap();
    sim.send("b").unwrap();
    assert_eq!(sim.answers(), ["4a", "6", "4b"]);
    sim.post(["c".into()]);
    assert_eq!(sim.taken(), ["c"]);
    sim.on_probe(Packet::Upgrade);
    assert_eq!(sim.frames(), NOTHING);
}

#[test]
fn polls_are_ended_with_a_noop_at_once_and_every_100_ms() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.poll().unwrap();
    sim.advance(secs(1));
    assert_eq!(sim.answers(), NOTHING);
    sim.on_probe(ping_probe());
    assert_eq!(sim.timed_answers(), [(1_000, "6".into())]);
    // One that comes soon after waits for the rest of the time.
    sim.advance(millis(30));
    sim.poll().unwrap();
    sim.advance(millis(69));
    assert_eq!(sim.answers(), NOTHING);
    sim.advance(millis(1));
    assert_eq!(sim.timed_answers(), [(1_100, "6".into())]);
    // One that comes late is ended at once.
    sim.advance(millis(300));
    sim.poll().unwrap();
    assert_eq!(sim.timed_answers(), [(1_400, "6".into())]);
}

#[test]
fn the_noops_cost_no_timer_while_nobody_polls() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.on_probe(ping_probe());
    let deadline = sim.session.poll_timeout().unwrap();
    assert_eq!(deadline - sim.now(), secs(10), "the upgrade timeout");
}

#[test]
fn a_noop_is_left_out_where_something_else_ends_the_poll() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.stop_taking();
    sim.poll().unwrap();
    sim.on_probe(ping_probe());
    sim.send("x").unwrap();
    sim.go_on_taking();
    assert_eq!(sim.answers(), ["4x"]);
    sim.advance(millis(50));
    sim.poll().unwrap();
    assert_eq!(sim.answers(), NOTHING);
}

#[test]
fn a_probe_may_be_answered_again_and_upgrade_without_having_been() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    assert_eq!(sim.on_probe(ping_probe()), Answer::Reply);
    assert_eq!(sim.on_probe(ping_probe()), Answer::Reply);
    assert_eq!(sim.on_probe(Packet::Upgrade), Answer::Upgraded);

    let mut sim = Sim::polling();
    sim.probe().unwrap();
    assert_eq!(sim.on_probe(Packet::Upgrade), Answer::Upgraded);
}

#[test]
fn an_outstanding_poll_is_answered_with_a_noop_and_its_messages_go_by_websocket() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.stop_taking();
    sim.poll().unwrap();
    sim.send("x").unwrap();
    sim.on_probe(Packet::Upgrade);
    sim.go_on_taking();
    assert_eq!(sim.answers(), ["6"]);
    assert_eq!(sim.frames(), ["4x"]);
    assert_eq!(sim.events(), [Event::Upgraded]);
}

#[test]
fn an_outstanding_poll_that_is_dropped_after_the_upgrade_is_nobodys_loss() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.stop_taking();
    let poll = sim.poll().unwrap();
    sim.on_probe(Packet::Upgrade);
    sim.detach(poll, Detach::Aborted);
    sim.go_on_taking();
    sim.send("x").unwrap();
    assert_eq!(sim.answers(), NOTHING);
    assert_eq!(sim.frames(), ["4x"]);
    assert_eq!(sim.events(), [Event::Upgraded]);
}

#[test]
fn http_requests_are_refused_after_the_upgrade() {
    let mut sim = Sim::upgraded();
    assert_eq!(sim.poll(), Err(AttachError::WrongTransport));
    assert_eq!(sim.begin_post(), Err(PostError::WrongTransport));
    assert_eq!(sim.probe(), Err(Refused::Upgraded));
    sim.send("x").unwrap();
    assert_eq!(sim.frames(), ["4x"]);
    assert_eq!(sim.events(), []);
}

#[test]
fn a_post_in_flight_is_processed_once_and_before_what_the_websocket_brings() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.begin_post().unwrap();
    sim.on_probe(Packet::Upgrade);
    assert!(!sim.session.may_read());
    // Read together with `5`.
    sim.receive("c");
    sim.receive("d");
    assert_eq!(sim.taken(), NOTHING);
    sim.posted("a");
    sim.posted("b");
    sim.end_post(PostEnd::Finished);
    assert!(sim.session.may_read());
    sim.receive("e");
    sim.end_post(PostEnd::Finished);
    assert_eq!(sim.taken(), ["a", "b", "c", "d", "e"]);
    assert_eq!(sim.events(), [Event::Upgraded]);
}

#[test]
fn a_post_that_is_cut_after_the_upgrade_leaves_no_gap() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.begin_post().unwrap();
    sim.on_probe(Packet::Upgrade);
    sim.receive("after the gap");
    sim.end_post(PostEnd::Aborted);
    assert_eq!(sim.taken(), NOTHING);
    assert_eq!(sim.frames(), ["1"]);
    assert!(!sim.session.is_open());
}

#[test]
fn a_session_closed_meanwhile_moves_says_all_and_closes() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.on_probe(ping_probe());
    sim.send("last").unwrap();
    sim.close();
    assert!(sim.is_probing());
    assert_eq!(sim.on_probe(Packet::Upgrade), Answer::Upgraded);
    assert_eq!(sim.frames(), ["4last", "1"]);
    assert_eq!(sim.events(), [closed_by_application()]);
    sim.lose_socket();
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn the_upgraded_socket_is_the_sessions_end() {
    let mut sim = Sim::upgraded();
    sim.lose_socket();
    assert!(sim.session.is_closed());
    let mut sim = Sim::upgraded();
    sim.receive(Packet::Close);
    assert_eq!(sim.frames(), ["1"]);
}

#[test]
fn a_won_probe_has_nothing_more_to_say_as_a_probe() {
    let mut sim = Sim::upgraded();
    assert_eq!(sim.on_probe(Packet::Upgrade), Answer::GiveUp);
    assert_eq!(sim.on_probe(ping_probe()), Answer::GiveUp);
    sim.lose_probe();
    sim.advance(secs(10));
    sim.send("x").unwrap();
    assert_eq!(sim.frames(), ["4x"]);
    assert_eq!(sim.events(), []);
}
