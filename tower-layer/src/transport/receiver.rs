//! The receivers that are HTTP responses: polling and streaming.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use sockeye_core::{
    session::{Close, Detach},
    sockjs::{Frame, ReceiverId, encode_close, framing::Framing},
    sse,
};

use crate::{
    body::Body,
    session::{Shared, State},
};

/// How long a response goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It ends with its first frame.
    Polling,
    /// It ends once this many bytes of wrapped frames are written.
    Streaming { limit: usize },
}

/// What frames look like on the wire.
#[derive(Clone, Debug)]
pub(crate) enum Dress {
    /// SockJS frames, wrapped.
    Frames(Framing),
    /// Events, in a stream that tells the browser when to reconnect.
    Events { retry: Option<Duration> },
}

impl Dress {
    fn prelude(&self) -> Bytes {
        match self {
            Self::Frames(framing) => framing.prelude(),
            Self::Events { retry: None } => Bytes::from_static(sse::PRELUDE),
            Self::Events { retry: Some(retry) } => {
                format!("retry: {}\n\n", retry.as_millis()).into()
            }
        }
    }
}

/// The attached receiver of a session, as the response body that the host polls.
///
/// Dropping it before it ended is how the session learns that the client went away.
pub(crate) struct Receiver {
    shared: Arc<Shared>,
    id: ReceiverId,
    dress: Dress,
    mode: Mode,
    stage: Stage,
    written: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The prelude goes out before any frame.
    Prelude,
    Frames,
    Done,
}

impl Receiver {
    /// Takes frames for `id`, which has just been attached to `shared`.
    pub(crate) fn new(shared: Arc<Shared>, id: ReceiverId, dress: Dress, mode: Mode) -> Self {
        Self {
            shared,
            id,
            dress,
            mode,
            stage: Stage::Prelude,
            written: 0,
        }
    }

    /// The response's body: complete if it is a poll whose frame waits already.
    pub(crate) fn into_body(mut self) -> Body {
        if self.mode == Mode::Polling {
            self.stage = Stage::Frames;
            let shared = self.shared.clone();
            if let Some(chunk) = shared.update(|state| self.take_frame(state)) {
                return chunk.into();
            }
        }
        self.into()
    }

    pub(crate) fn is_waiting_poll(&self) -> bool {
        self.mode == Mode::Polling && self.stage != Stage::Done
    }

    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// The next chunk: the prelude, or everything that is ready, one wrapped frame at a time.
    pub(crate) fn poll_chunk(&mut self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        match self.stage {
            Stage::Done => Poll::Ready(None),
            Stage::Prelude => {
                self.stage = Stage::Frames;
                Poll::Ready(Some(self.dress.prelude()))
            }
            Stage::Frames => {
                let shared = self.shared.clone();
                shared.update(|state| match self.take_frame(state) {
                    Some(chunk) => Poll::Ready(Some(chunk)),
                    None if self.is_done() => Poll::Ready(None),
                    None => {
                        Shared::set_receiver(state, cx);
                        Poll::Pending
                    }
                })
            }
        }
    }

    /// Takes a frame from the session and decides whether the response goes on.
    fn take_frame(&mut self, state: &mut State) -> Option<Bytes> {
        let now = state.now();
        let machine = state.machine.sockjs()?;
        if machine.is_closed() {
            self.stage = Stage::Done;
            return None;
        }
        let mut frame = machine.poll_transmit(self.id, now)?;
        if matches!((&self.dress, &frame), (Dress::Events { .. }, Frame::Open)) {
            // The prelude has said as much, and an empty chunk is none.
            drop(frame);
            frame = machine.poll_transmit(self.id, now)?;
        }
        let is_last = matches!(frame, Frame::Close(_));
        let mut chunk = Vec::new();
        match &self.dress {
            Dress::Frames(framing) => framing.wrap(&mut chunk, |out| frame.encode_into(out)),
            Dress::Events { .. } => sse::encode_frame(&frame, &mut chunk),
        }
        drop(frame);
        self.written += chunk.len();
        let goes_on = match self.mode {
            Mode::Polling => false,
            Mode::Streaming { limit } => self.written < limit,
        };
        if is_last || !goes_on {
            machine.detach(self.id, Detach::Finished, now);
            self.stage = Stage::Done;
        }
        Some(chunk.into())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if self.stage != Stage::Done {
            self.shared.update(|state| {
                let now = state.now();
                if let Some(machine) = state.machine.sockjs() {
                    machine.detach(self.id, Detach::Aborted, now);
                }
            });
        }
    }
}

/// The body for a receiver that is turned away: a close frame, wrapped as it expects.
pub(crate) fn refused(framing: &Framing, mode: Mode, close: &Close) -> Body {
    let mut frame = Vec::new();
    framing.wrap(&mut frame, |out| encode_close(close, out));
    match mode {
        Mode::Polling => Bytes::from(frame).into(),
        Mode::Streaming { .. } => Body::chunks(vec![framing.prelude(), frame.into()]),
    }
}
