//! What a command did.

use std::fmt;

use bytes::Bytes;
use sockeye_core::Text;

use crate::PublishError;

/// What a command did to the members of this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Members that the message was queued for; that are in the rooms to join, or out of the rooms
    /// to leave; that were asked to close.
    pub reached: usize,
    /// Members that were left out and live on: a volatile message would have had to wait, a message
    /// is of a kind they cannot carry, or a room to join is beyond a limit.
    pub skipped: usize,
    /// Members that had ended, or were closed just now because they do not keep up.
    pub closed: usize,
    /// Whether the adapter applies the command to this node's members later; the numbers are 0 then.
    pub deferred: bool,
    /// Why the other nodes were not told, if they were not.
    pub unpublished: Option<PublishError>,
}

/// The members of a selection, on all nodes that answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found<M, Id> {
    /// The members of this node.
    pub here: Vec<M>,
    /// The members of the other nodes.
    pub elsewhere: Vec<Remote<Id>>,
    /// Nodes that did not answer in time; their members are not in `elsewhere`.
    pub missing_nodes: usize,
}

/// What the other nodes answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched<Id> {
    /// The members of the other nodes.
    pub members: Vec<Remote<Id>>,
    /// Nodes that did not answer in time.
    pub missing_nodes: usize,
}

/// A member of another node, as that node described it.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote<Id> {
    /// Its id.
    pub id: Id,
    /// The rooms it was in.
    pub rooms: Vec<Text>,
    /// What its protocol has to say about it (Socket.IO: handshake and data), in the encoding that
    /// adapter and protocol agreed on; may be empty.
    pub data: Bytes,
}

impl<Id> Default for Fetched<Id> {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            missing_nodes: 0,
        }
    }
}

impl<Id: fmt::Debug> fmt::Debug for Remote<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The data may hold credentials (cookies of a handshake), which do not belong in a log.
        f.debug_struct("Remote")
            .field("id", &self.id)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}
