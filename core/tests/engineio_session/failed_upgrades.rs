//! Every way in which an upgrade fails: the session goes on polling, and nothing is lost.

use sockeye_core::engineio::{Event, Packet, Probed, Refused, TransportError};

use crate::sim::{
    Answer, NOTHING, Sim, TICK, closed_by_application, ended, millis, ping, ping_probe, pong, secs,
};

/// How a probe ends without an upgrade.
type Failure = fn(&mut Sim);

const FAILURES: [(&str, Failure); 9] = [
    ("lost at once", Sim::lose_probe),
    ("lost after the answer", |sim| {
        assert_eq!(sim.on_probe(ping_probe()), Answer::Reply);
        sim.lose_probe();
    }),
    ("nothing comes", |sim| sim.advance(secs(10))),
    ("nothing comes after the answer", |sim| {
        sim.on_probe(ping_probe());
        sim.advance(secs(10));
    }),
    ("a ping of other data", |sim| {
        assert_eq!(sim.on_probe(Packet::Ping("prob".into())), Answer::GiveUp);
    }),
    ("a ping of no data", |sim| {
        assert_eq!(sim.on_probe(ping()), Answer::GiveUp);
    }),
    ("a pong", |sim| {
        assert_eq!(sim.on_probe(pong()), Answer::GiveUp);
    }),
    ("a message after the answer", |sim| {
        sim.on_probe(ping_probe());
        assert_eq!(sim.on_probe("early".into()), Answer::GiveUp);
    }),
    ("a close packet", |sim| {
        assert_eq!(sim.on_probe(Packet::Close), Answer::GiveUp);
    }),
];

#[test]
fn the_session_goes_on_polling_with_all_that_waits() {
    for (case, fail) in FAILURES {
        let mut sim = Sim::polling();
        sim.post(["early".into()]);
        sim.send("before").unwrap();
        sim.probe().unwrap();
        sim.send("meanwhile").unwrap();
        fail(&mut sim);
        assert!(!sim.is_probing(), "{case}");
        let overdue = u8::from(case.starts_with("nothing comes"));
        assert_eq!(sim.session.take_overdue_probes(), overdue, "{case}");
        assert_eq!(sim.session.take_overdue_probes(), 0, "{case}");
        sim.send("after").unwrap();
        sim.poll().unwrap();
        assert_eq!(sim.answers(), ["4before|4meanwhile|4after"], "{case}");
        sim.post(["late".into()]);
        assert_eq!(sim.taken(), ["early", "late"], "{case}");
        assert_eq!(sim.events(), [], "{case}");
    }
}

#[test]
fn an_outstanding_poll_goes_on_or_is_ended_in_good_order() {
    for (case, fail) in FAILURES {
        let mut sim = Sim::polling();
        sim.probe().unwrap();
        sim.poll().unwrap();
        fail(&mut sim);
        if !sim.has_poll() {
            assert_eq!(sim.answers(), ["6"], "{case}");
            sim.poll().unwrap();
        }
        // No noops come any more.
        sim.advance(secs(5));
        assert_eq!(sim.answers(), NOTHING, "{case}");
        sim.send("x").unwrap();
        assert_eq!(sim.answers(), ["4x"], "{case}");
        assert_eq!(sim.events(), [], "{case}");
    }
}

#[test]
fn a_later_attempt_may_succeed() {
    for (case, fail) in FAILURES {
        let mut sim = Sim::polling();
        sim.send("x").unwrap();
        let failed = sim.probe().unwrap();
        fail(&mut sim);
        // Words about the old one, late.
        assert_eq!(sim.on_probe_as(failed, Packet::Upgrade), Answer::GiveUp);
        sim.probe().unwrap();
        assert_eq!(sim.on_probe_as(failed, ping_probe()), Answer::GiveUp);
        sim.session.end_probe(failed);
        assert!(sim.is_probing(), "{case}");
        assert_eq!(sim.on_probe(ping_probe()), Answer::Reply, "{case}");
        assert_eq!(sim.on_probe(Packet::Upgrade), Answer::Upgraded, "{case}");
        assert_eq!(sim.frames(), ["4x"], "{case}");
        assert_eq!(sim.events(), [Event::Upgraded], "{case}");
    }
}

#[test]
fn a_second_probe_is_refused_and_the_first_goes_on() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    for _ in 0..100 {
        assert_eq!(sim.probe(), Err(Refused::Probing));
    }
    assert_eq!(sim.on_probe(ping_probe()), Answer::Reply);
    assert_eq!(sim.probe(), Err(Refused::Probing));
    assert_eq!(sim.on_probe(Packet::Upgrade), Answer::Upgraded);
    assert_eq!(sim.probe(), Err(Refused::Upgraded));
}

#[test]
fn the_upgrade_timeout_is_counted_from_the_websockets_handshake() {
    let mut sim = Sim::polling();
    sim.advance(secs(3));
    sim.probe().unwrap();
    sim.advance(secs(9));
    sim.on_probe(ping_probe());
    sim.advance(secs(1) - TICK);
    assert!(sim.is_probing());
    sim.advance(TICK);
    assert!(!sim.is_probing());
    assert_eq!(sim.on_probe(Packet::Upgrade), Answer::GiveUp);
    assert_eq!(sim.events(), []);
}

#[test]
fn a_probe_that_is_overdue_does_not_win_because_the_timer_is_late() {
    let mut sim = Sim::polling();
    let probe = sim.probe().unwrap();
    let late = sim.now() + secs(10);
    let probed = sim.session.handle_probe(probe, &Packet::Upgrade, late);
    assert_eq!(probed, Probed::GiveUp);
    assert!(!sim.is_probing());
}

#[test]
fn a_session_that_ends_takes_its_probe_along() {
    let ends: [(&str, u64, Failure); 5] = [
        ("the peer closes", 0, |sim| sim.post([Packet::Close])),
        ("polls overlap", 0, |sim| {
            sim.poll().unwrap();
            assert!(sim.poll().is_err());
        }),
        ("the poll is dropped", 0, |sim| {
            sim.poll().unwrap();
            sim.abort_poll();
        }),
        ("no pong", 36, |sim| sim.advance(secs(9))),
        ("closed by the application", 0, |sim| {
            sim.poll().unwrap();
            sim.close();
        }),
    ];
    for (case, begins_at, end) in ends {
        let mut sim = Sim::polling();
        sim.advance(secs(begins_at));
        sim.probe().unwrap();
        end(&mut sim);
        assert!(!sim.is_probing(), "{case}");
        assert_eq!(sim.on_probe(Packet::Upgrade), Answer::GiveUp, "{case}");
        assert!(sim.session.is_closed(), "{case}");
    }
}

#[test]
fn a_session_that_is_closing_gives_up_its_probe_in_time() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.close();
    sim.advance(secs(10));
    assert!(!sim.is_probing());
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["6|1"]);
    assert_eq!(sim.events(), [closed_by_application(), Event::Closed]);
}

#[test]
fn a_flood_of_probes_and_polls_leaves_no_trace() {
    let mut sim = Sim::polling();
    for _ in 0..200 {
        sim.probe().unwrap();
        sim.on_probe(ping_probe());
        sim.poll().unwrap();
        sim.advance(millis(100));
        sim.lose_probe();
    }
    assert_eq!(sim.answers().len(), 200);
    sim.advance(secs(45));
    assert!(sim.session.is_closed());
}

#[test]
fn a_poll_that_is_dropped_during_a_probe_is_a_transport_error() {
    let mut sim = Sim::polling();
    sim.probe().unwrap();
    sim.poll().unwrap();
    sim.abort_poll();
    let aborted = ended(TransportError::PollAborted);
    assert_eq!(sim.events(), [aborted, Event::Closed]);
}
