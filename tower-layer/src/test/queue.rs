//! Frames that arrived and wait for the test.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{Error, Frame};

/// What waits is bounded: the reader of the connection waits where the test does not take.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    taken: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    /// Bytes of the messages that wait.
    bytes: usize,
    heartbeats: u64,
    end: Option<Error>,
}

/// Frames that may wait.
const FRAMES: usize = 1024;

/// Bytes of messages that may wait.
const BYTES: usize = 1 << 20;

impl State {
    fn is_full(&self) -> bool {
        self.frames.len() >= FRAMES || self.bytes >= BYTES
    }
}

impl Queue {
    /// Adds a frame and waits until there is room for another.
    pub(super) async fn push(&self, frame: Frame) {
        {
            let mut state = self.state();
            state.heartbeats += u64::from(frame == Frame::Heartbeat);
            state.bytes += frame.bytes();
            state.frames.push_back(frame);
        }
        self.arrived.notify_waiters();
        // There is one reader, so a permit that is left from before is used up by one look.
        while self.is_full() {
            self.taken.notified().await;
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&self, error: Error) {
        self.state().end.get_or_insert(error);
        self.arrived.notify_waiters();
    }

    /// The next frame, or why there is none: the same answer from then on.
    pub(super) async fn next(&self) -> Result<Frame, Error> {
        loop {
            let mut arrived = pin!(self.arrived.notified());
            // What comes between this look and the wait must wake us.
            arrived.as_mut().enable();
            {
                let mut state = self.state();
                if let Some(frame) = state.frames.pop_front() {
                    state.bytes -= frame.bytes();
                    self.taken.notify_one();
                    return Ok(frame);
                }
                if let Some(error) = &state.end {
                    return Err(error.clone());
                }
            }
            arrived.await;
        }
    }

    /// Whether nothing more is taken in until the test takes something.
    pub(super) fn is_full(&self) -> bool {
        self.state().is_full()
    }

    /// Why nothing more comes, if that is so.
    pub(super) fn ended_by(&self) -> Option<Error> {
        self.state().end.clone()
    }

    /// Heartbeats that arrived, taken or not.
    pub(super) fn heartbeats(&self) -> u64 {
        self.state().heartbeats
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
