//! What one idle session weighs in memory, part by part.

use std::mem::size_of;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sockeye_core::{engineio, sockjs};

use super::{EngineIo, PollingDriver, Session, Shared};
use crate::{
    Request,
    common::Running,
    engineio::Packets,
    transport::websocket::{Driver, Frames, Task},
};

type Io = TokioIo<Upgraded>;
type Start<W> = fn(Io) -> Option<Driver<Io, W>>;

/// tokio keeps a task in a block of a multiple of 128 bytes, of which 104 are its own. What does not
/// fit into this costs each WebSocket the next 128.
const WEBSOCKET_TASK: usize = 3 * 128 - 104;

/// The same for sessions whose receivers are responses.
const POLLING_TASK: usize = 2 * 128 - 104;

#[test]
#[cfg(target_pointer_width = "64")]
fn idle_sessions_keep_to_their_budgets() {
    #[rustfmt::skip]
    let budgets = [
        // what                    bytes                              at most
        ("sockjs::Session",        size_of::<sockjs::Session>(),      200),
        ("engineio::Session",      size_of::<engineio::Session>(),    240),
        ("engineio::Session and manner", size_of::<EngineIo>(),       264),
        ("Shared",                 size_of::<Shared>(),               160),
        ("Session",                size_of::<Session>(),              40),
        ("Request",                size_of::<Request>(),              72),
        ("Running",                size_of::<Running>(),              72),
        ("SockJS's driver",        size_of::<Driver<Io, Frames>>(),   WEBSOCKET_TASK),
        ("SockJS's task",          size_of::<Task<Frames, Start<Frames>>>(), WEBSOCKET_TASK),
        ("Engine.IO's driver",     size_of::<Driver<Io, Packets>>(),  WEBSOCKET_TASK),
        ("Engine.IO's task",       size_of::<Task<Packets, Start<Packets>>>(), WEBSOCKET_TASK),
        ("the polling driver",     size_of::<PollingDriver>(),        POLLING_TASK),
    ];
    for (what, bytes, budget) in budgets {
        assert!(bytes <= budget, "{what}: {bytes} bytes of {budget}");
    }
}
