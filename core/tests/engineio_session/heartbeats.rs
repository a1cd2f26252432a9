//! Who pings whom, and what silence means.

use sockeye_core::{
    engineio::{Config, Event, Packet, PostEnd, Reason, Revision, Transport, TransportError},
    session::QueueLimits,
};

use crate::sim::{NOTHING, Sim, TICK, ended, ping, ping_probe, pong, secs};

fn v3(transport: Transport) -> Sim {
    Sim::with(Revision::V3, transport, Config::default()).open()
}

fn timed_out() -> [Event; 2] {
    [ended(Reason::PingTimeout), Event::Closed]
}

#[test]
fn the_server_pings_after_the_interval_and_then_after_each_pong() {
    let mut sim = Sim::websocket();
    sim.advance(secs(25));
    assert_eq!(sim.timed_frames(), [(25, "2".into())]);
    sim.advance(secs(5));
    sim.receive(pong());
    sim.advance(secs(25) - TICK);
    assert_eq!(sim.frames(), NOTHING);
    sim.advance(TICK);
    assert_eq!(sim.timed_frames(), [(55, "2".into())]);
}

#[test]
fn a_ping_ends_an_idle_poll() {
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.advance(secs(30));
    assert_eq!(sim.timed_answers(), [(25_000, "2".into())]);
    sim.post([pong()]);
    sim.poll().unwrap();
    sim.advance(secs(25));
    assert_eq!(sim.timed_answers(), [(55_000, "2".into())]);
}

#[test]
fn no_pong_within_the_timeout_ends_the_session() {
    let mut sim = Sim::websocket();
    sim.advance(secs(45) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), [ended(Reason::PingTimeout)]);
    assert_eq!(sim.frames(), ["2", "1"]);

    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.advance(secs(25));
    sim.poll().unwrap();
    sim.advance(secs(20));
    assert_eq!(sim.answers(), ["2", "1"]);
    assert_eq!(sim.events(), timed_out());
}

#[test]
fn a_client_that_polls_no_more_is_given_up_after_interval_and_timeout() {
    let mut sim = Sim::polling();
    sim.send("unheard").unwrap();
    sim.advance(secs(45) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), timed_out());
}

#[test]
fn pings_never_pile_up() {
    // The next is due only after a pong, so a slow driver or a missing poll leaves one.
    let mut sim = Sim::polling();
    sim.oversleep(secs(40));
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["2"]);
    sim.poll().unwrap();
    assert_eq!(sim.answers(), NOTHING);
}

#[test]
fn pongs_nobody_asked_for_start_the_interval_anew_and_do_no_harm() {
    let mut sim = Sim::websocket();
    for _ in 0..1_000 {
        sim.receive(pong());
    }
    sim.advance(secs(20));
    sim.receive(pong());
    sim.receive(pong());
    sim.advance(secs(25) - TICK);
    assert_eq!(sim.frames(), NOTHING);
    sim.advance(TICK);
    assert_eq!(sim.timed_frames(), [(45, "2".into())]);
    assert_eq!(sim.events(), []);
}

#[test]
fn a_pong_that_crosses_a_ping_nobody_took_is_no_answer_and_no_stall() {
    let mut sim = Sim::polling();
    sim.advance(secs(25));
    sim.post([pong()]);
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["2"]);
    sim.post([pong()]);
    sim.poll().unwrap();
    sim.advance(secs(25));
    assert_eq!(sim.timed_answers(), [(50_000, "2".into())]);
}

#[test]
fn any_packet_renews_the_timeout_once_per_ping() {
    let packets = [Packet::from("x"), Packet::Noop, Packet::Upgrade];
    for packet in packets {
        let mut sim = Sim::websocket();
        sim.advance(secs(25));
        sim.advance(secs(19));
        sim.receive(packet.clone());
        sim.advance(secs(19));
        sim.receive(packet.clone());
        sim.advance(secs(1) - TICK);
        assert_eq!(sim.events(), [], "{packet:?}");
        sim.advance(TICK);
        assert_eq!(sim.events(), [ended(Reason::PingTimeout)], "{packet:?}");
    }
}

#[test]
fn a_part_of_a_packet_renews_it_as_well_but_not_again_and_again() {
    let mut sim = Sim::websocket();
    sim.advance(secs(25));
    for _ in 0..39 {
        sim.activity();
        sim.advance(secs(1) / 2);
    }
    assert_eq!(sim.events(), []);
    sim.advance(secs(1));
    assert_eq!(sim.events(), [ended(Reason::PingTimeout)]);
}

#[test]
fn each_ping_may_be_renewed_anew() {
    let mut sim = Sim::websocket();
    for _ in 0..3 {
        sim.advance(secs(25));
        sim.advance(secs(19));
        sim.receive("large");
        sim.advance(secs(19));
        sim.receive(pong());
    }
    assert_eq!(sim.frames(), ["2", "2", "2"]);
    assert_eq!(sim.events(), []);
}

#[test]
fn the_heartbeat_that_is_not_the_peers_to_send_ends_the_session() {
    for (revision, packet) in [(Revision::V4, ping()), (Revision::V3, pong())] {
        let wrong = || ended(TransportError::HeartbeatDirection);
        let mut sim = Sim::with(revision, Transport::Polling, Config::default()).open();
        sim.poll().unwrap();
        sim.post(["before".into(), packet.clone(), "after".into()]);
        assert_eq!(sim.answers(), ["1"]);
        assert_eq!(sim.taken(), ["before"]);
        assert_eq!(sim.events(), [wrong(), Event::Closed]);

        let mut sim = Sim::with(revision, Transport::WebSocket, Config::default()).open();
        sim.receive(packet);
        assert_eq!(sim.frames(), ["1"]);
        assert_eq!(sim.events(), [wrong()]);
    }
}

#[test]
fn revision_3_answers_pings_without_their_data_and_sends_none() {
    let mut sim = v3(Transport::WebSocket);
    sim.advance(secs(25));
    sim.receive(Packet::Ping("data".into()));
    assert_eq!(sim.timed_frames(), [(25, "3".into())]);
    sim.advance(secs(44));
    assert_eq!(sim.frames(), NOTHING);
    assert_eq!(sim.events(), []);

    let mut sim = v3(Transport::Polling);
    sim.poll().unwrap();
    sim.post([ping()]);
    assert_eq!(sim.answers(), ["3"]);
}

#[test]
fn revision_3_gives_up_without_a_ping_for_interval_and_timeout() {
    let mut sim = v3(Transport::Polling);
    for _ in 0..5 {
        sim.advance(secs(45) - TICK);
        sim.post([ping()]);
        sim.poll().unwrap();
        assert_eq!(sim.answers(), ["3"]);
    }
    // Nothing else counts.
    sim.advance(secs(40));
    sim.post(["x".into()]);
    sim.advance(secs(5) - TICK);
    assert_eq!(sim.events(), []);
    sim.advance(TICK);
    assert_eq!(sim.events(), timed_out());
}

#[test]
fn a_flood_of_pings_has_one_pong() {
    let mut sim = v3(Transport::Polling);
    for _ in 0..1_000 {
        sim.post([ping(), ping(), ping()]);
    }
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["3"]);
    sim.poll().unwrap();
    assert_eq!(sim.answers(), NOTHING);
}

/// A session whose application has left one message untaken, which is all there is room for.
fn held(revision: Revision, transport: Transport) -> Sim {
    let inbox = QueueLimits {
        messages: 1,
        bytes: 1_000,
    };
    let config = Config {
        inbox,
        ..Config::default()
    };
    let mut sim = Sim::with(revision, transport, config).open();
    match transport {
        Transport::Polling => sim.post(["untaken".into()]),
        Transport::WebSocket => sim.receive("untaken"),
    }
    sim
}

#[test]
fn the_silence_of_a_socket_that_is_not_read_says_nothing() {
    for (revision, call) in [(Revision::V3, "6"), (Revision::V4, "2")] {
        let mut sim = held(revision, Transport::WebSocket);
        assert!(!sim.session.may_read());
        sim.advance(secs(1_000));
        assert_eq!(sim.events(), [], "{revision:?}");
        // It is told something again and again: its own timers want that, and the connection
        // breaks if nobody is there.
        let frames = sim.frames();
        assert!(frames.iter().all(|frame| frame == call), "{frames:?}");
        assert!((45..=55).contains(&frames.len()), "{frames:?}");
        // Taken: what was on its way has its time to come, and no more.
        sim.taken();
        sim.advance(secs(1_000));
        assert_eq!(sim.events(), [ended(Reason::PingTimeout), Event::Closed]);
    }
}

#[test]
fn a_socket_that_is_not_read_and_takes_nothing_is_stalled() {
    for revision in [Revision::V3, Revision::V4] {
        let mut sim = held(revision, Transport::WebSocket);
        sim.stop_taking();
        sim.advance(secs(45 + 30));
        assert_eq!(
            sim.events(),
            [ended(TransportError::TooSlow)],
            "{revision:?}"
        );
    }
}

#[test]
fn room_that_comes_at_the_last_moment_leaves_time_to_read_the_pong() {
    let mut sim = held(Revision::V4, Transport::WebSocket);
    sim.advance(secs(45) - TICK);
    sim.taken();
    sim.advance(TICK);
    sim.receive(pong());
    assert_eq!(sim.events(), []);
}

#[test]
fn a_client_whose_post_is_held_lives_while_it_polls() {
    for (revision, call) in [(Revision::V3, "6"), (Revision::V4, "2")] {
        let mut sim = held(revision, Transport::Polling);
        sim.begin_post().unwrap();
        assert!(!sim.session.has_inbox_room());
        sim.poll().unwrap();
        for _ in 0..100 {
            sim.advance(secs(10));
            let answers = sim.answers();
            assert!(answers.iter().all(|answer| answer == call), "{answers:?}");
            // Between one poll and the next a deadline may come.
            sim.advance(secs(9));
            if !sim.has_poll() {
                sim.poll().unwrap();
            }
        }
        assert_eq!(sim.events(), [], "{revision:?}");
        sim.taken();
        match revision {
            Revision::V3 => sim.posted(ping()),
            Revision::V4 => sim.posted(pong()),
        }
        sim.end_post(PostEnd::Finished);
        // The next ping comes at once: the client has counted from the last one.
        sim.advance(secs(19));
        assert_eq!(sim.events(), [], "{revision:?}");
    }
}

#[test]
fn a_client_whose_post_is_held_times_out_once_it_polls_no_more() {
    // In revision 3 the POST that filled the inbox leaves it one more timeout.
    for (revision, seconds) in [(Revision::V3, 65), (Revision::V4, 45)] {
        let mut sim = held(revision, Transport::Polling);
        sim.begin_post().unwrap();
        sim.advance(secs(seconds) - TICK);
        assert_eq!(sim.events(), []);
        sim.advance(TICK);
        assert_eq!(sim.events(), timed_out(), "{revision:?}");
    }
    // Its last poll is outstanding, though nobody is at its end.
    for revision in [Revision::V3, Revision::V4] {
        let mut sim = held(revision, Transport::Polling);
        sim.begin_post().unwrap();
        sim.poll().unwrap();
        sim.advance(secs(65) - TICK);
        assert_eq!(sim.events(), []);
        sim.advance(TICK);
        assert_eq!(sim.events(), timed_out(), "{revision:?}");
    }
}

#[test]
fn a_client_that_is_gone_is_given_up_though_the_application_takes_nothing() {
    // On polling only a POST in flight can be held.
    let mut sim = held(Revision::V4, Transport::Polling);
    sim.advance(secs(45));
    assert_eq!(sim.events(), timed_out());
}

#[test]
fn a_post_that_trickles_does_not_keep_the_session_alive() {
    let mut sim = Sim::polling();
    sim.begin_post().unwrap();
    for _ in 0..100 {
        sim.advance(secs(1));
        sim.activity();
    }
    assert_eq!(sim.events(), timed_out());
}

#[test]
fn the_cycle_of_pings_is_not_disturbed_by_an_upgrade() {
    let mut sim = Sim::polling();
    sim.advance(secs(20));
    sim.probe().unwrap();
    sim.on_probe(ping_probe());
    sim.on_probe(Packet::Upgrade);
    sim.advance(secs(5));
    assert_eq!(sim.timed_frames(), [(25, "2".into())]);

    // A ping that polling has taken is answered on the WebSocket.
    let mut sim = Sim::polling();
    sim.poll().unwrap();
    sim.advance(secs(25));
    assert_eq!(sim.answers(), ["2"]);
    sim.probe().unwrap();
    sim.on_probe(Packet::Upgrade);
    sim.advance(secs(19));
    sim.receive(pong());
    sim.advance(secs(24));
    assert_eq!(sim.frames(), NOTHING);
    sim.advance(secs(1));
    assert_eq!(sim.frames(), ["2"]);
    assert_eq!(sim.events(), [Event::Upgraded]);
}
