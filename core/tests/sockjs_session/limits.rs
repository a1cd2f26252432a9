//! Queues at their limits, one below and one above.

use sockeye_core::{
    Message, Prepared,
    session::{CloseReason, Outgoing, QueueLimits},
    sockjs::{Config, Event, SendError},
};

use crate::sim::{Mode, STREAM, Sim, secs};

const LIMITS: QueueLimits = QueueLimits {
    messages: 4,
    bytes: 100,
};

const HARD: QueueLimits = QueueLimits {
    messages: 8,
    bytes: 200,
};

/// A session that nobody takes anything from, with small limits.
fn waiting() -> Sim {
    Sim::with(Config {
        outbox: LIMITS,
        outbox_hard: HARD,
        inbox: LIMITS,
        ..Config::default()
    })
    .open(Mode::Poll)
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn own(bytes: usize) -> Outgoing {
    Outgoing::Own(text(bytes).into())
}

#[test]
fn the_outbox_takes_messages_up_to_its_limit() {
    let mut sim = waiting();
    for sent in 1..=4 {
        assert!(!sim.session.is_full(), "{sent}");
        sim.send("").unwrap();
    }
    assert!(sim.session.is_full());
    match sim.send("kept") {
        Err(SendError::Full(back)) => assert_eq!(back.message(), &Message::from("kept")),
        other => panic!("{other:?}"),
    }
    // Taking makes room again, and what was refused comes after what was taken.
    sim.attach(Mode::Poll).unwrap();
    assert!(!sim.session.is_full());
    sim.send("kept").unwrap();
    sim.attach(Mode::Poll).unwrap();
    assert_eq!(sim.frames(), [r#"a["","","",""]"#, r#"a["kept"]"#]);
    assert_eq!(sim.events(), []);
}

#[test]
fn the_outbox_takes_bytes_up_to_its_limit() {
    for (waits, takes) in [(99, true), (100, false), (101, false)] {
        let mut sim = waiting();
        sim.send(text(waits)).unwrap();
        assert_eq!(sim.session.is_full(), !takes, "{waits}");
        let result = sim.send("x");
        assert_eq!(result.is_ok(), takes, "{waits}: {result:?}");
        assert!(takes || matches!(result, Err(SendError::Full(_))));
    }
}

#[test]
fn an_empty_outbox_takes_a_message_of_any_size() {
    let mut sim = waiting();
    sim.send(text(1_000_000)).unwrap();
    assert!(matches!(sim.send(""), Err(SendError::Full(_))));
    sim.attach(Mode::Poll).unwrap();
    assert_eq!(sim.frames()[0].len(), 1_000_005);
    sim.broadcast(own(1_000_000)).unwrap();
}

#[test]
fn limits_of_nothing_let_one_message_wait() {
    let none = QueueLimits {
        messages: 0,
        bytes: 0,
    };
    let mut sim = Sim::with(Config {
        outbox: none,
        outbox_hard: none,
        inbox: none,
        ..Config::default()
    })
    .open(Mode::Poll);
    assert!(sim.session.has_inbox_room());
    sim.send("x").unwrap();
    assert!(matches!(sim.send("y"), Err(SendError::Full(_))));
}

#[test]
fn a_stream_that_takes_at_once_meets_no_limit() {
    let mut sim = Sim::with(Config {
        outbox: LIMITS,
        ..Config::default()
    })
    .open(STREAM);
    for _ in 0..100 {
        sim.send(text(99)).unwrap();
    }
    assert_eq!(sim.frames().len(), 100);
}

#[test]
fn a_broadcast_goes_beyond_the_soft_limit_up_to_the_hard_one() {
    let mut sim = waiting();
    for _ in 0..8 {
        sim.broadcast(own(0)).unwrap();
    }
    assert!(matches!(sim.send(""), Err(SendError::Full(_))));
    assert_eq!(sim.events(), []);
    assert!(matches!(sim.broadcast(own(0)), Err(SendError::Closed)));
    assert_eq!(sim.events(), [Event::Ended(CloseReason::TooSlow)]);
}

#[test]
fn a_broadcast_meets_the_hard_limit_in_bytes() {
    for (waits, takes) in [(199, true), (200, false), (201, false)] {
        let mut sim = waiting();
        sim.broadcast(own(waits)).unwrap();
        let result = sim.broadcast(own(0));
        assert_eq!(result.is_ok(), takes, "{waits}: {result:?}");
        assert_eq!(sim.session.is_open(), takes);
    }
}

#[test]
fn the_hard_limit_closes_only_the_session_that_reaches_it() {
    let prepared = Prepared::new("to all");
    let mut slow = waiting();
    let mut fast = waiting();
    fast.attach(STREAM).unwrap();
    for _ in 0..8 {
        slow.broadcast(prepared.clone()).unwrap();
        fast.broadcast(prepared.clone()).unwrap();
    }
    assert!(slow.broadcast(prepared.clone()).is_err());
    fast.broadcast(prepared).unwrap();
    assert_eq!(fast.frames().len(), 9);
    assert_eq!(fast.events(), []);

    // What waited is dropped at once; the peer is told within the delay.
    assert_eq!(slow.events(), [Event::Ended(CloseReason::TooSlow)]);
    assert!(!slow.session.is_full());
    slow.attach(STREAM).unwrap();
    assert_eq!(slow.frames(), [r#"c[1013,"Too slow"]"#]);
    slow.advance(secs(5));
    assert_eq!(slow.events(), [Event::Closed]);
}

#[test]
fn the_inbox_has_room_up_to_its_limit_in_messages() {
    let mut sim = waiting();
    sim.receive(["", "", ""]);
    assert!(sim.session.has_inbox_room());
    sim.receive([""]);
    assert!(!sim.session.has_inbox_room());
    // One batch may go beyond: nothing that was read is dropped.
    sim.receive([""]);
    assert!(!sim.session.has_inbox_room());
    assert_eq!(sim.taken().len(), 5);
    assert!(sim.session.has_inbox_room());
}

#[test]
fn the_inbox_has_room_up_to_its_limit_in_bytes() {
    for (waits, has_room) in [(99, true), (100, false), (101, false)] {
        let mut sim = waiting();
        sim.receive([&text(waits)]);
        assert_eq!(sim.session.has_inbox_room(), has_room, "{waits}");
        sim.taken();
        assert!(sim.session.has_inbox_room());
    }
}

#[test]
fn taking_keeps_the_memory_of_what_was_taken_before() {
    use std::collections::VecDeque;
    let mut sim = waiting();
    let mut taken = VecDeque::with_capacity(64);
    sim.receive(["x"]);
    sim.session.take_messages(&mut taken);
    taken.clear();
    sim.receive(["y"]);
    sim.session.take_messages(&mut taken);
    assert_eq!(taken, [Message::from("y")]);
    assert!(taken.capacity() >= 64, "the emptied memory came back");
}
