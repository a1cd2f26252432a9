//! Sessions that live and end with their one connection.

use sockeye_core::{
    Message, Prepared,
    session::{Close, CloseReason, Outgoing},
    sockjs::{AttachError, Config, Content, Event, Frame, SendError},
};

use crate::sim::{Mode::WebSocket, STREAM, Sim, TICK, secs};

#[test]
fn the_end_of_the_connection_is_the_end_of_the_session() {
    let mut sim = Sim::opened(WebSocket);
    sim.hang_up();
    let ended = Event::Ended(CloseReason::Disconnected);
    assert_eq!(sim.events(), [ended, Event::Closed]);
    assert_eq!(sim.attach(WebSocket), Err(AttachError::Closed));
}

#[test]
fn a_close_by_the_peer_ends_the_session_at_once() {
    for close in [None, Some(Close::new(4000, "enough"))] {
        let mut sim = Sim::opened(WebSocket);
        sim.stop_taking();
        sim.send("lost").unwrap();
        sim.receive(["kept"]);
        sim.peer_close(close.clone());
        let ended = Event::Ended(CloseReason::PeerClosed(close));
        assert_eq!(sim.events(), [ended, Event::Closed]);
        assert_eq!(sim.taken(), ["kept"]);
        assert!(!sim.session.has_transmit());
    }
}

#[test]
fn a_close_by_the_peer_while_we_close_changes_no_reason() {
    let mut sim = Sim::opened(WebSocket);
    sim.close(3000, "Go away!");
    assert_eq!(sim.frames(), [r#"c[3000,"Go away!"]"#]);
    let ours = CloseReason::Application(Close::new(3000, "Go away!"));
    assert_eq!(sim.events(), [Event::Ended(ours)]);
    sim.peer_close(Some(Close::NORMAL));
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn the_goodbye_is_taken_once_and_its_end_waited_for() {
    // While it was waited for, the same goodbye once stood ready again.
    let mut sim = Sim::opened(WebSocket);
    sim.send("x").unwrap();
    sim.close(3000, "Go away!");
    assert_eq!(sim.frames(), [r#"a["x"]"#, r#"c[3000,"Go away!"]"#]);
    assert!(!sim.session.has_transmit());
    sim.events();
    sim.advance(secs(30) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn a_closing_session_is_forgotten_with_its_websocket() {
    let mut sim = Sim::opened(WebSocket);
    sim.close(3000, "Go away!");
    sim.events();
    sim.abort();
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn binary_is_refused_where_text_alone_is_carried() {
    for mode in [WebSocket, STREAM] {
        let mut sim = Sim::opened(mode);
        let binary = || Message::from(vec![0, 1]);
        assert!(matches!(sim.send(binary()), Err(SendError::Binary)));
        let outgoing = Outgoing::Own(binary());
        assert!(matches!(sim.broadcast(outgoing), Err(SendError::Binary)));
        let shared = Prepared::new(binary());
        assert!(matches!(sim.broadcast(shared), Err(SendError::Binary)));
        assert_eq!(sim.frames(), [""; 0]);
        sim.send("text").unwrap();
        assert_eq!(sim.frames(), [r#"a["text"]"#]);
        // After the end it is the end that counts.
        sim.close(3000, "Go away!");
        assert!(matches!(sim.send(binary()), Err(SendError::Closed)));
    }
}

#[test]
fn a_raw_websocket_carries_binary() {
    let mut sim = Sim::carrying(Content::Any, Config::default()).open(WebSocket);
    sim.stop_taking();
    sim.send(vec![0, 1]).unwrap();
    sim.send("text").unwrap();
    let receiver = sim.receiver_id();
    let Some(Frame::Messages(messages)) = sim.transmit_to(receiver) else {
        panic!("no messages wait");
    };
    let messages: Vec<&Message> = messages.iter().map(Outgoing::message).collect();
    assert_eq!(messages, [&Message::from(vec![0, 1]), &"text".into()]);
}
