//! What the driver leaves to the protocol: the meaning of messages, in both directions.

use std::time::Instant;

use sockeye_core::session::Close;

use super::codec::{Incoming, Limits};
use crate::{common::CommonConfig, session::State};

/// One protocol over WebSocket, attached to its session's machine.
pub(crate) trait Wire: Unpin {
    /// What one read brought, gathered outside the session's lock.
    type Batch;

    /// The limits on what comes in.
    fn limits(&self, config: &CommonConfig) -> Limits;

    /// A batch for one read.
    fn begin(&mut self, config: &CommonConfig) -> Self::Batch;

    /// Takes in one message. Nothing comes behind an end.
    fn push(batch: &mut Self::Batch, incoming: Incoming<'_>);

    /// Why the peer's bytes were the last, if they were.
    fn end(batch: &mut Self::Batch) -> Option<End>;

    /// Hands what came to the machine.
    fn deliver(&mut self, state: &mut State, batch: &mut Self::Batch);

    /// The batch is done with.
    fn give_back(batch: Self::Batch);

    /// Any bytes came, or none can come because the peer is not read.
    fn handle_activity(&self, state: &mut State);

    /// The peer closed its WebSocket.
    fn handle_peer_close(&self, state: &mut State, close: Option<Close>);

    /// The peer broke the protocol or a limit, and is to be told this.
    fn handle_violation(&self, state: &mut State, close: Close);

    /// The connection is gone.
    fn handle_loss(&self, state: &mut State);

    /// Appends the next frame for the peer.
    fn encode(&self, state: &mut State, now: Instant, out: &mut Vec<u8>) -> Encoded;

    /// Whether `encode` would append one.
    fn has_transmit(&self, state: &State) -> bool;
}

/// What was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoded {
    Nothing,
    Frames,
    /// Our close: nothing follows it.
    Farewell,
}

/// Why the peer's bytes were the last.
#[derive(Debug)]
pub(crate) enum End {
    Peer(Option<Close>),
    Violation(Close),
    Lost,
}
