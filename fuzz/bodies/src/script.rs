//! Bytes read as a script, and what sessions of either protocol promise whatever it says.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use sockeye_core::{Message, session::QueueLimits};

/// A script: each step takes its bytes, until there are none.
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next byte; 0 behind the end.
    pub(crate) fn byte(&mut self) -> u8 {
        self.next().unwrap_or_default()
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// Up to 15 bytes.
    pub(crate) fn slice(&mut self) -> &'a [u8] {
        let length = usize::from(self.below(16)).min(self.0.len());
        let (slice, rest) = self.0.split_at(length);
        self.0 = rest;
        slice
    }

    /// A time of an option, from a second to 18 minutes.
    pub(crate) fn patience(&mut self) -> Duration {
        Duration::from_secs(1 << self.below(11))
    }

    /// A time that passes, from a millisecond to 35 minutes, mostly below a second.
    pub(crate) fn time(&mut self) -> Duration {
        let byte = self.byte();
        Duration::from_millis(1 << (byte % if byte < 224 { 10 } else { 22 }))
    }

    /// What only few scripts are to do, as most sessions do not survive it.
    pub(crate) fn is_rude(&mut self) -> bool {
        self.byte() >= 248
    }
}

/// Messages to the peer: those that were accepted come out in their order, each once.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    named: usize,
    waiting: VecDeque<String>,
}

impl Sent {
    /// A message that differs from every other.
    pub(crate) fn message(&mut self, script: &mut Script<'_>) -> String {
        self.named += 1;
        format!("{}{}", self.named, "é".repeat(script.below(20).into()))
    }

    /// It was accepted.
    pub(crate) fn accept(&mut self, message: String, hard: &QueueLimits) {
        self.waiting.push_back(message);
        assert!(self.waiting.len() <= hard.messages.max(1));
    }

    /// A receiver took it.
    pub(crate) fn take(&mut self, message: &str) {
        assert_eq!(self.waiting.pop_front().as_deref(), Some(message));
    }

    /// A receiver that takes all has taken all.
    pub(crate) fn expect_none(&self) {
        assert!(self.waiting.is_empty(), "{:?} are missing", self.waiting);
    }

    /// What `send` must say while the session is open.
    pub(crate) fn has_room(&self, limits: &QueueLimits) -> bool {
        let bytes: usize = self.waiting.iter().map(|message| weight(message)).sum();
        self.waiting.is_empty() || (self.waiting.len() < limits.messages && bytes < limits.bytes)
    }
}

fn weight(message: &str) -> usize {
    match message.ends_with(WITH_ATTACHMENT) {
        true => 2 * message.len(),
        false => message.len(),
    }
}

/// What ends a message that has itself as its attachment.
pub(crate) const WITH_ATTACHMENT: char = '!';

/// Messages from the peer, on their way to the application.
#[derive(Debug, Default)]
pub(crate) struct Received(pub(crate) VecDeque<Message>);

impl Received {
    /// What the application took is what had come.
    pub(crate) fn take(&mut self, taken: &mut VecDeque<Message>) {
        assert_eq!(*taken, self.0);
        taken.clear();
        self.0.clear();
    }
}

/// Hops from deadline to deadline up to `until`. Whatever is done at one, the next is later.
pub(crate) fn advance(
    now: &mut Instant,
    until: Instant,
    mut deadline: impl FnMut() -> Option<Instant>,
    mut fire: impl FnMut(Instant) -> Option<Instant>,
) {
    // As many as the shortest interval fits into the longest time, and some.
    let mut left = 100_000;
    while let Some(at) = deadline().filter(|at| *at <= until) {
        *now = at.max(*now);
        let next = fire(*now);
        assert!(next.is_none_or(|next| next > *now), "a deadline that stays");
        left -= 1;
        assert!(left > 0, "deadlines without end");
    }
    *now = until;
}

/// Small enough for scripts to reach it.
pub(crate) const fn limits(messages: usize) -> QueueLimits {
    QueueLimits {
        messages,
        bytes: 50 * messages,
    }
}
