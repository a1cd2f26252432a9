//! The clients that are away, and what they had.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use sockeye_core::{Text, socketio::Value};
use sockeye_tower::{Handle, Limit};

use super::Recovery;
use crate::{Socket, SocketId};

/// What a client had that is away.
pub(crate) struct Away {
    pub(super) since: Instant,
    pub(super) id: SocketId,
    pub(super) rooms: Vec<Text>,
    pub(super) data: Option<Box<Value>>,
}

/// One stay of a client under its secret, which tells it from those before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stay(pub(super) u64);

/// The clients of a namespace that are away, by their secrets.
#[derive(Default)]
pub(super) struct Absent {
    clients: HashMap<Box<str>, (Stay, Away)>,
    /// Those, in the order in which they left. Some may have come back since.
    leaving: VecDeque<(Instant, Box<str>, Stay)>,
    bytes: usize,
}

impl Away {
    pub(super) fn of(socket: &Socket, since: Instant) -> Self {
        Self {
            since,
            id: socket.id().clone(),
            rooms: socket.namespace().rooms().rooms_of(socket),
            data: socket.kept_data(),
        }
    }

    /// Bytes that are kept of it, about.
    fn weight(&self, pid: &str) -> usize {
        let rooms = self.rooms.iter().map(|it| size_of::<Text>() + it.len());
        let data = self.data.as_ref().map_or(0, |data| data.weight());
        size_of::<Self>() + self.id.as_str().len() + 2 * pid.len() + rooms.sum::<usize>() + data
    }
}

impl Absent {
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    pub(super) fn get(&self, pid: &str) -> Option<&(Stay, Away)> {
        self.clients.get(pid)
    }

    /// Takes out who comes back.
    pub(super) fn take(&mut self, pid: &str) -> Option<Away> {
        let (_, away) = self.clients.remove(pid)?;
        self.bytes = self.bytes.saturating_sub(away.weight(pid));
        Some(away)
    }

    /// Keeps what a client had; the limits may cost it others.
    pub(super) fn keep(
        &mut self,
        options: &Recovery,
        pid: Box<str>,
        stay: Stay,
        away: Away,
        counters: &Handle,
    ) {
        let bytes = away.weight(&pid);
        if bytes > options.max_session_bytes {
            counters.count(Limit::RecoverySessions);
            return;
        }
        self.take(&pid);
        while self.clients.len() >= options.max_sessions.max(1)
            || self.bytes + bytes > options.max_session_bytes
        {
            let Some((_, oldest, stay)) = self.leaving.pop_front() else {
                break;
            };
            if self.is_away(&oldest, stay) {
                counters.count(Limit::RecoverySessions);
                self.take(&oldest);
            }
        }
        if self.leaving.len() > 2 * self.clients.len() + 16 {
            // Most have come back: who comes and goes all the time leaves no trail.
            let mut leaving = std::mem::take(&mut self.leaving);
            leaving.retain(|(_, pid, stay)| self.is_away(pid, *stay));
            self.leaving = leaving;
        }
        self.bytes += bytes;
        self.leaving.push_back((away.since, pid.clone(), stay));
        self.clients.insert(pid, (stay, away));
    }

    /// Forgets what is too old.
    pub(super) fn sweep(&mut self, options: &Recovery, now: Instant) {
        while let Some((since, ..)) = self.leaving.front() {
            if !options.is_old(*since, now) {
                break;
            }
            if let Some((_, pid, stay)) = self.leaving.pop_front() {
                if self.is_away(&pid, stay) {
                    self.take(&pid);
                }
            }
        }
    }

    /// Whether this absence lasts: the client may have come back, and left again later.
    fn is_away(&self, pid: &str, stay: Stay) -> bool {
        self.get(pid).is_some_and(|(found, _)| *found == stay)
    }
}
