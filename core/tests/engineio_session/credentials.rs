//! A session lives no longer than the credentials it was admitted with.

use sockeye_core::{
    engineio::{Event, Reason, websocket_close},
    session::{Close, CloseReason},
};

use crate::sim::{NOTHING, Sim, closed_by_application, ended, secs};

fn expired() -> Reason {
    Reason::Forced(CloseReason::CredentialsExpired)
}

#[test]
fn an_open_session_is_closed_when_they_expire() {
    let mut sim = Sim::websocket();
    sim.admit_for(Some(secs(10)));
    sim.advance(secs(9));
    assert_eq!(sim.frames(), NOTHING);
    sim.advance(secs(1));
    assert_eq!(sim.frames(), ["1"]);
    assert_eq!(sim.events(), [ended(expired())]);
    assert_eq!(
        websocket_close(&expired().close_reason()),
        Some(Close::CREDENTIALS_EXPIRED)
    );

    let mut sim = Sim::polling();
    sim.admit_for(Some(secs(10)));
    sim.send("kept").unwrap();
    sim.advance(secs(10));
    sim.poll().unwrap();
    sim.poll().unwrap();
    assert_eq!(sim.answers(), ["4kept", "6|1"]);
    assert_eq!(sim.events(), [ended(expired()), Event::Closed]);
}

#[test]
fn a_refresh_extends_them_and_a_shorter_time_counts_as_well() {
    let mut sim = Sim::websocket();
    sim.admit_for(Some(secs(10)));
    sim.advance(secs(9));
    sim.admit_for(Some(secs(10)));
    sim.advance(secs(9));
    sim.admit_for(Some(secs(3)));
    sim.advance(secs(2));
    assert_eq!(sim.events(), []);
    sim.advance(secs(1));
    assert_eq!(sim.events(), [ended(expired())]);
}

#[test]
fn without_a_time_it_lives_as_long_as_it_likes() {
    let mut sim = Sim::websocket();
    sim.admit_for(Some(secs(10)));
    sim.admit_for(None);
    sim.advance(secs(24));
    assert_eq!(sim.events(), []);
}

#[test]
fn the_first_reason_counts() {
    let mut sim = Sim::polling();
    sim.admit_for(Some(secs(1)));
    sim.close();
    sim.advance(secs(1));
    assert_eq!(sim.events(), [closed_by_application()]);
}
