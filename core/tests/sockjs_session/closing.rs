//! Closing from this side: what waits, then the goodbye, to every receiver until the delay is over.

use sockeye_core::{
    session::{Close, CloseReason, Outgoing},
    sockjs::{AttachError, Event, SendError},
};

use crate::sim::{Mode, STREAM, Sim, TICK, secs};

const GO_AWAY: &str = r#"c[3000,"Go away!"]"#;

fn ended() -> Event {
    Event::Ended(CloseReason::Application(Close::new(3000, "Go away!")))
}

#[test]
fn an_attached_receiver_is_told_at_once() {
    for mode in [Mode::Poll, STREAM] {
        let mut sim = Sim::opened(Mode::Poll);
        sim.attach(mode).unwrap();
        sim.close(3000, "Go away!");
        assert_eq!(sim.frames(), [GO_AWAY], "{mode:?}");
        assert!(!sim.is_attached());
        assert_eq!(sim.events(), [ended()]);
    }
}

#[test]
fn every_receiver_is_told_until_the_delay_is_over() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.close(3000, "Go away!");
    // Each of them starts the delay anew.
    for mode in [Mode::Poll, STREAM, Mode::Poll, STREAM] {
        sim.advance(secs(5) - TICK);
        sim.attach(mode).unwrap();
        assert_eq!(sim.frames(), [GO_AWAY], "{mode:?}");
        assert!(!sim.is_attached());
    }
    assert_eq!(sim.events(), [ended()]);
    sim.advance(secs(5));
    assert_eq!(sim.events(), [Event::Closed]);
    assert_eq!(sim.attach(STREAM), Err(AttachError::Closed));
}

#[test]
fn the_delay_of_a_detached_session_goes_on_when_it_is_closed() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.advance(secs(4));
    sim.close(3000, "Go away!");
    sim.advance(secs(1) - TICK);
    assert_eq!(sim.events(), [ended()]);
    sim.advance(TICK);
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn what_waits_comes_before_the_goodbye() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.send("x").unwrap();
    sim.send("y").unwrap();
    sim.close(3000, "Go away!");
    sim.attach(STREAM).unwrap();
    assert_eq!(sim.frames(), [r#"a["x","y"]"#, GO_AWAY]);

    // A poll has room for one frame, so the goodbye is the next one's.
    let mut sim = Sim::opened(Mode::Poll);
    sim.send("x").unwrap();
    sim.close(3000, "Go away!");
    sim.attach(Mode::Poll).unwrap();
    assert_eq!(sim.frames(), [r#"a["x"]"#]);
    sim.advance(secs(5) - TICK);
    sim.attach(Mode::Poll).unwrap();
    assert_eq!(sim.frames(), [GO_AWAY]);
}

#[test]
fn no_heartbeat_delays_the_goodbye() {
    let mut sim = Sim::opened(STREAM);
    sim.stop_taking();
    sim.advance(secs(25));
    sim.close(3000, "Go away!");
    sim.advance(secs(26));
    sim.go_on_taking();
    assert_eq!(sim.frames(), [GO_AWAY]);
}

#[test]
fn the_first_close_counts() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.close(3000, "Go away!");
    sim.advance(secs(2));
    sim.close(4000, "later");
    sim.end(CloseReason::GoingAway);
    // One without a farewell, which would otherwise end everything at once.
    sim.end(CloseReason::Expired);
    sim.attach(Mode::Poll).unwrap();
    assert_eq!(sim.frames(), [GO_AWAY]);
    assert_eq!(sim.events(), [ended()]);
}

#[test]
fn nothing_is_sent_or_received_after_a_close() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.receive(["before"]);
    sim.close(3000, "Go away!");
    assert!(matches!(sim.send("x"), Err(SendError::Closed)));
    let message = Outgoing::Own("x".into());
    assert!(matches!(sim.broadcast(message), Err(SendError::Closed)));
    sim.receive(["after"]);
    assert_eq!(sim.taken(), ["before"]);
    sim.attach(STREAM).unwrap();
    assert_eq!(sim.frames(), [GO_AWAY]);
}

#[test]
fn a_reason_is_escaped_as_messages_are() {
    let mut sim = Sim::opened(STREAM);
    sim.close(4999, "\"\u{2028}\u{1F600}");
    assert_eq!(sim.frames(), [r#"c[4999,"\"\u2028\ud83d\ude00"]"#]);
}

#[test]
fn each_reason_has_its_goodbye() {
    let violation = CloseReason::Violation(Close::BROKEN_FRAMING);
    for (reason, frame) in [
        (
            CloseReason::CredentialsExpired,
            r#"c[4401,"Credentials expired"]"#,
        ),
        (CloseReason::HandlerPanicked, r#"c[1011,"Internal error"]"#),
        (CloseReason::TooSlow, r#"c[1013,"Too slow"]"#),
        (violation, r#"c[3000,"Broken framing."]"#),
    ] {
        let mut sim = Sim::opened(STREAM);
        sim.end(reason.clone());
        assert_eq!(sim.frames(), [frame]);
        assert_eq!(sim.events(), [Event::Ended(reason)]);
    }
}

#[test]
fn a_drained_session_sends_what_waits_and_says_that_it_goes() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.send("last").unwrap();
    sim.end(CloseReason::GoingAway);
    sim.attach(STREAM).unwrap();
    assert_eq!(sim.frames(), [r#"a["last"]"#, r#"c[1001,"Going away"]"#]);
    // Nobody waits for it any longer.
    let ended = Event::Ended(CloseReason::GoingAway);
    assert_eq!(sim.events(), [ended, Event::Closed]);
}

#[test]
fn a_drained_session_whose_receiver_went_before_its_goodbye_waits_for_another() {
    let mut sim = Sim::opened(STREAM);
    sim.stop_taking();
    sim.end(CloseReason::GoingAway);
    sim.abort();
    assert_eq!(sim.events(), [Event::Ended(CloseReason::GoingAway)]);
    sim.go_on_taking();
    sim.attach(Mode::Poll).unwrap();
    assert_eq!(sim.frames(), [r#"c[1001,"Going away"]"#]);
    assert_eq!(sim.events(), [Event::Closed]);
}

#[test]
fn a_reason_without_a_goodbye_ends_the_session_at_once() {
    for reason in [
        CloseReason::Disconnected,
        CloseReason::Expired,
        CloseReason::PeerClosed(None),
    ] {
        let mut sim = Sim::opened(STREAM);
        sim.send("x").unwrap();
        assert_eq!(sim.frames(), [r#"a["x"]"#]);
        sim.end(reason.clone());
        assert_eq!(sim.frames(), [""; 0]);
        assert_eq!(sim.events(), [Event::Ended(reason), Event::Closed]);
    }
}
