//! A driver that is to give its session away, and ends instead.

use std::{sync::Arc, task::Context};

use futures_util::FutureExt;
use sockeye_core::{session::CloseReason, sockjs};

use super::{Machine, Shared};
use crate::{Request, Transport, clock};

fn shared() -> Shared {
    let machine = sockjs::Session::new(Arc::default(), sockjs::Content::Text);
    let (mut parts, ()) = http::Request::new(()).into_parts();
    let request = Arc::new(Request::new(&mut parts));
    Shared::new(
        Machine::SockJs(Box::new(machine)),
        100,
        request,
        Transport::Polling,
    )
}

#[test]
fn a_successor_that_waits_hears_that_the_driver_is_gone() {
    let shared = shared();
    let mut running = shared.succeed();
    assert!((&mut running).now_or_never().is_none());
    // A driver that is cut does not look for it.
    shared.cut();
    let waker = std::task::Waker::noop();
    assert!(!shared.begin_driving(&Context::from_waker(waker), clock::now()));
    shared.abandon(CloseReason::Disconnected);
    assert!(matches!(running.now_or_never(), Some(Err(_))));
}

#[test]
fn a_successor_that_comes_too_late_hears_that_the_driver_is_gone() {
    let shared = shared();
    shared.abandon(CloseReason::Disconnected);
    assert!(matches!(shared.succeed().now_or_never(), Some(Err(_))));
}
