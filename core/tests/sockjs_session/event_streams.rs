//! Responses that are their sessions: nobody can come back to them.

use sockeye_core::{
    session::{CloseReason, Detach},
    sockjs::{AttachError, Event},
};

use crate::sim::{Mode::EventStream, Sim, secs};

#[test]
fn heartbeats_need_no_answer() {
    let mut sim = Sim::opened(EventStream);
    sim.advance(secs(100));
    assert_eq!(sim.frames(), ["h"; 4]);
    assert_eq!(sim.events(), []);
}

#[test]
fn however_the_response_ends_the_session_ends_with_it() {
    for how in [Detach::Finished, Detach::Aborted] {
        let mut sim = Sim::opened(EventStream);
        sim.detach(sim.receiver_id(), how);
        let ended = Event::Ended(CloseReason::Disconnected);
        assert_eq!(sim.events(), [ended, Event::Closed], "{how:?}");
        assert_eq!(sim.attach(EventStream), Err(AttachError::Closed));
    }
}

#[test]
fn a_close_is_told_and_nothing_is_kept_for_later() {
    let mut sim = Sim::opened(EventStream);
    sim.send("last").unwrap();
    sim.close(4000, "bye");
    assert_eq!(sim.frames(), [r#"a["last"]"#, r#"c[4000,"bye"]"#]);
    let events = sim.events();
    assert!(
        matches!(events[..], [Event::Ended(_), Event::Closed]),
        "{events:?}"
    );
}
