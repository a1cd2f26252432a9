//! A session lives no longer than the credentials it was admitted with.

use sockeye_core::{session::CloseReason, sockjs::Event};

use crate::sim::{Mode, STREAM, Sim, secs};

const EXPIRED: &str = r#"c[4401,"Credentials expired"]"#;

fn ended() -> Event {
    Event::Ended(CloseReason::CredentialsExpired)
}

#[test]
fn an_open_session_is_closed_when_they_expire() {
    let mut sim = Sim::opened(STREAM);
    sim.admit_for(Some(secs(10)));
    sim.send("kept").unwrap();
    sim.advance(secs(9));
    assert_eq!(sim.frames(), [r#"a["kept"]"#]);
    sim.advance(secs(1));
    assert_eq!(sim.frames(), [EXPIRED]);
    assert_eq!(sim.events(), [ended()]);
}

#[test]
fn a_refresh_extends_them_and_a_shorter_time_counts_as_well() {
    let mut sim = Sim::opened(STREAM);
    sim.admit_for(Some(secs(10)));
    sim.advance(secs(9));
    sim.admit_for(Some(secs(10)));
    sim.advance(secs(9));
    assert_eq!(sim.frames(), [""; 0]);
    sim.admit_for(Some(secs(3)));
    sim.advance(secs(2));
    assert_eq!(sim.frames(), [""; 0]);
    sim.advance(secs(1));
    assert_eq!(sim.frames(), [EXPIRED]);
}

#[test]
fn without_a_time_it_lives_as_long_as_it_likes() {
    let mut sim = Sim::opened(STREAM);
    sim.admit_for(Some(secs(10)));
    sim.admit_for(None);
    sim.advance(secs(24));
    assert_eq!(sim.events(), []);
}

#[test]
fn one_between_polls_tells_the_next_poll() {
    let mut sim = Sim::opened(Mode::Poll);
    sim.admit_for(Some(secs(2)));
    sim.advance(secs(2));
    assert_eq!(sim.events(), [ended()]);
    sim.attach(Mode::Poll).unwrap();
    assert_eq!(sim.frames(), [EXPIRED]);
}

#[test]
fn a_session_that_expired_before_its_first_receiver_says_so_to_it() {
    let mut sim = Sim::new();
    sim.admit_for(Some(secs(1)));
    sim.advance(secs(1));
    sim.attach(STREAM).unwrap();
    sim.advance(secs(0));
    assert_eq!(sim.frames(), ["o", EXPIRED]);
    assert_eq!(sim.events(), [Event::Opened, ended()]);
}

#[test]
fn the_first_reason_counts() {
    let mut sim = Sim::opened(STREAM);
    sim.admit_for(Some(secs(1)));
    sim.close(3000, "Go away!");
    sim.advance(secs(1));
    assert_eq!(sim.frames(), [r#"c[3000,"Go away!"]"#]);
}
