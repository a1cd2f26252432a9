//! How a receiver leaves its session.

/// How an attachment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detach {
    /// We ended the response: a poll was answered, or a stream reached its limit.
    Finished,
    /// The client or the network ended it; what was on its way may be lost.
    Aborted,
}
