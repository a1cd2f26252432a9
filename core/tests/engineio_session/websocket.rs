//! Sessions on WebSocket from the handshake on.

use sockeye_core::{
    engineio::{
        AttachError, Event, Packet, PostError, Reason, Refused, TransportError, websocket_close,
    },
    session::{Close, Detach},
};

use crate::sim::{NOTHING, Sim, closed_by_application, ended, secs};

#[test]
fn each_packet_is_a_frame_of_its_own() {
    let mut sim = Sim::websocket();
    sim.send("a").unwrap();
    sim.send("b").unwrap();
    assert_eq!(sim.frames(), ["4a", "4b"]);
    sim.stop_taking();
    sim.send("c").unwrap();
    sim.send("d").unwrap();
    sim.go_on_taking();
    assert_eq!(sim.frames(), ["4c", "4d"]);
}

#[test]
fn its_packets_arrive_in_order() {
    let mut sim = Sim::websocket();
    for text in ["a", "b", "c"] {
        sim.receive(text);
    }
    for packet in [Packet::Open("".into()), Packet::Upgrade, Packet::Noop] {
        sim.receive(packet);
    }
    assert_eq!(sim.taken(), ["a", "b", "c"]);
    assert_eq!(sim.events(), []);
}

#[test]
fn http_requests_and_other_websockets_are_refused() {
    let mut sim = Sim::websocket();
    assert_eq!(sim.poll(), Err(AttachError::WrongTransport));
    assert_eq!(sim.begin_post(), Err(PostError::WrongTransport));
    assert_eq!(sim.connect(), Err(AttachError::WrongTransport));
    assert_eq!(sim.probe(), Err(Refused::Upgraded));
    sim.send("on").unwrap();
    assert_eq!(sim.frames(), ["4on"]);
    assert_eq!(sim.events(), []);
}

#[test]
fn a_lost_websocket_is_the_sessions_end() {
    for how in [Detach::Finished, Detach::Aborted] {
        let mut sim = Sim::websocket();
        sim.detach(sim.socket_id(), how);
        assert_eq!(sim.events(), [ended(Reason::Lost), Event::Closed]);
    }
}

#[test]
fn a_close_frame_is_the_sessions_end() {
    let mut sim = Sim::websocket();
    sim.receive("before");
    sim.peer_close(Some(Close::GOING_AWAY));
    let closed = ended(Reason::PeerClosed(Some(Close::GOING_AWAY)));
    assert_eq!(sim.events(), [closed, Event::Closed]);
    assert_eq!(sim.taken(), ["before"]);
}

#[test]
fn a_close_packet_closes_the_websocket() {
    let mut sim = Sim::websocket();
    sim.receive(Packet::Close);
    assert_eq!(sim.frames(), ["1"]);
    assert_eq!(sim.events(), [ended(Reason::PeerClosed(None))]);
    sim.lose_socket();
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn a_violation_is_answered_with_a_close_frame() {
    let mut sim = Sim::websocket();
    let too_big = Reason::Transport(TransportError::Violation(Close::TOO_BIG));
    sim.fail(too_big.clone());
    assert_eq!(sim.frames(), ["1"]);
    assert_eq!(
        websocket_close(&too_big.close_reason()),
        Some(Close::TOO_BIG)
    );
    assert_eq!(sim.events(), [ended(too_big)]);
    // It has its time to answer, and then it is forgotten.
    sim.advance(secs(30));
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn a_closed_session_sends_what_waits_and_then_a_close_frame() {
    let mut sim = Sim::websocket();
    sim.stop_taking();
    sim.send("a").unwrap();
    sim.close();
    sim.go_on_taking();
    assert_eq!(sim.frames(), ["4a", "1"]);
    assert_eq!(sim.events(), [closed_by_application()]);
    sim.receive("late");
    assert_eq!(sim.taken(), NOTHING);
    sim.lose_socket();
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn packets_of_another_socket_are_nobodys() {
    let mut sim = Sim::websocket();
    // The name of a receiver that this session has not had.
    let stranger = Sim::polling().poll().unwrap();
    assert_ne!(stranger, sim.socket_id());
    sim.receive_as(stranger, "x");
    sim.receive_as(stranger, Packet::Close);
    assert_eq!(sim.taken(), NOTHING);
    assert_eq!(sim.events(), []);
}
