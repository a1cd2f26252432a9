//! Queues at their limits, one below and one above; and texts that a payload cannot hold.

use sockeye_core::{
    Message, Prepared,
    engineio::{Config, Event, Packet, PostEnd, Revision, SendError, Transport, TransportError},
    limits::OVERFULL_POSTS,
    session::{Outgoing, QueueLimits},
};

use crate::sim::{NOTHING, Sim, TICK, ended, ping_probe, pong, secs};

const LIMITS: QueueLimits = QueueLimits {
    messages: 4,
    bytes: 100,
};

const HARD: QueueLimits = QueueLimits {
    messages: 8,
    bytes: 200,
};

fn small(transport: Transport) -> Sim {
    let config = Config {
        outbox: LIMITS,
        outbox_hard: HARD,
        inbox: LIMITS,
        ..Config::default()
    };
    Sim::with(Revision::V4, transport, config).open()
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn own(bytes: usize) -> Outgoing {
    Outgoing::Own(text(bytes).into())
}

#[test]
fn the_outbox_takes_messages_up_to_its_limit() {
    let mut sim = small(Transport::Polling);
    for sent in 1..=4 {
        assert!(!sim.session.is_full(), "{sent}");
        sim.send("").unwrap();
    }
    assert!(sim.session.is_full());
    match sim.send("kept") {
        Err(SendError::Full(back)) => assert_eq!(back.message(), &Message::from("kept")),
        other => panic!("{other:?}"),
    }
    sim.poll().unwrap();
    assert!(!sim.session.is_full());
    sim.send("kept").unwrap();
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["4|4|4|4", "4kept"]);
}

#[test]
fn the_outbox_takes_bytes_up_to_its_limit() {
    for (waits, takes) in [(99, true), (100, false), (101, false)] {
        let mut sim = small(Transport::Polling);
        sim.send(text(waits)).unwrap();
        assert_eq!(sim.session.is_full(), !takes, "{waits}");
        assert_eq!(sim.send("x").is_ok(), takes, "{waits}");
    }
}

#[test]
fn an_empty_outbox_takes_a_message_of_any_size() {
    let mut sim = small(Transport::Polling);
    sim.send(text(1_000_000)).unwrap();
    assert!(matches!(sim.send(""), Err(SendError::Full(_))));
    sim.poll().unwrap();
    assert_eq!(sim.answers()[0].len(), 1_000_001);
}

#[test]
fn a_broadcast_goes_beyond_the_soft_limit_up_to_the_hard_one() {
    let mut sim = small(Transport::Polling);
    for _ in 0..8 {
        sim.broadcast(own(0)).unwrap();
    }
    assert!(matches!(sim.send(""), Err(SendError::Full(_))));
    assert_eq!(sim.events(), []);
    assert!(matches!(sim.broadcast(own(0)), Err(SendError::Closed)));
    let too_slow = ended(TransportError::TooSlow);
    assert_eq!(sim.events(), [too_slow, Event::Closed]);
    assert!(!sim.session.is_full());
}

#[test]
fn a_broadcast_meets_the_hard_limit_in_bytes() {
    for (waits, takes) in [(199, true), (200, false), (201, false)] {
        let mut sim = small(Transport::Polling);
        sim.broadcast(own(waits)).unwrap();
        let result = sim.broadcast(own(0));
        assert_eq!(result.is_ok(), takes, "{waits}: {result:?}");
        assert_eq!(sim.session.is_open(), takes);
    }
}

#[test]
fn the_hard_limit_closes_only_the_session_that_reaches_it() {
    let prepared = Prepared::new("to all");
    let mut slow = small(Transport::WebSocket);
    slow.stop_taking();
    let mut fast = small(Transport::WebSocket);
    for _ in 0..8 {
        slow.broadcast(prepared.clone()).unwrap();
        fast.broadcast(prepared.clone()).unwrap();
    }
    assert!(slow.broadcast(prepared.clone()).is_err());
    fast.broadcast(prepared).unwrap();
    assert_eq!(fast.frames().len(), 9);
    slow.go_on_taking();
    assert_eq!(slow.frames(), ["1"]);
}

#[test]
fn the_inbox_has_room_up_to_its_limits() {
    let mut sim = small(Transport::WebSocket);
    for _ in 0..3 {
        sim.receive("");
        assert!(sim.session.may_read());
    }
    sim.receive("");
    assert!(!sim.session.has_inbox_room());
    assert!(!sim.session.may_read());
    // What was read together with it is not dropped.
    sim.receive("");
    assert_eq!(sim.taken().len(), 5);
    assert!(sim.session.may_read());

    for (waits, has_room) in [(99, true), (100, false), (101, false)] {
        let mut sim = small(Transport::Polling);
        sim.post([text(waits).into()]);
        assert_eq!(sim.session.has_inbox_room(), has_room, "{waits}");
        sim.taken();
        assert!(sim.session.has_inbox_room());
    }
}

#[test]
fn a_text_with_the_separator_never_becomes_two_packets() {
    // Behind it the client would read a packet of a stranger's making, here a close.
    let injected = "x\u{1E}1";
    let mut sim = small(Transport::Polling);
    assert!(matches!(sim.send(injected), Err(SendError::Separator)));
    let shared = Prepared::new(injected);
    assert!(matches!(sim.broadcast(shared), Err(SendError::Separator)));
    sim.send(injected.as_bytes().to_vec()).unwrap();
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["bb\"x\\x1e1\""]);

    // Frames have no separator, and revision 3 counts.
    let mut sim = small(Transport::WebSocket);
    sim.send(injected).unwrap();
    assert_eq!(sim.frames(), ["4x\u{1E}1"]);
    let mut sim = Sim::with(Revision::V3, Transport::Polling, Config::default()).open();
    sim.send(injected).unwrap();
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["4x\u{1E}1"]);

    // Nor is it refused after an upgrade.
    let mut sim = Sim::upgraded();
    sim.send(injected).unwrap();
    assert_eq!(sim.frames(), ["4x\u{1E}1"]);
    assert_eq!(sim.answers(), NOTHING);
}

#[test]
fn an_upgrade_lets_posts_in_beyond_the_inbox_but_not_for_ever() {
    let mut sim = small(Transport::Polling);
    sim.post([text(100).into()]);
    sim.probe().unwrap();
    // A WebSocket that says nothing is none.
    assert!(!sim.session.has_inbox_room());
    sim.on_probe(ping_probe());
    for _ in 1..OVERFULL_POSTS {
        assert!(sim.session.has_inbox_room());
        sim.post(["".into()]);
    }
    assert!(!sim.session.has_inbox_room());
    // Another probe is no other chance; only an application that takes is.
    sim.lose_probe();
    sim.probe().unwrap();
    sim.on_probe(ping_probe());
    assert!(!sim.session.has_inbox_room());
    assert_eq!(sim.taken().len(), usize::from(OVERFULL_POSTS));
    sim.post([text(100).into()]);
    assert!(sim.session.has_inbox_room());
    // The exception is about POSTs: the WebSocket is read when there is room.
    sim.on_probe(Packet::Upgrade);
    assert!(!sim.session.may_read());
}

#[test]
fn a_post_that_an_upgrade_lets_in_was_not_silent_while_it_was_held() {
    let mut sim = small(Transport::Polling);
    sim.post([text(100).into()]);
    sim.begin_post().unwrap();
    sim.poll().unwrap();
    // The pong is in what is held.
    sim.advance(secs(45) - TICK);
    assert_eq!(sim.answers(), ["2"]);
    sim.probe().unwrap();
    sim.on_probe(ping_probe());
    sim.advance(TICK);
    assert_eq!(sim.events(), []);
    sim.posted(pong());
    sim.end_post(PostEnd::Finished);
    assert_eq!(sim.events(), []);
}
