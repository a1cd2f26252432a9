//! What `/admin` tells of a mount's past.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sockeye::{
    engineio::ConnectionError,
    socketio::{Reason, Socket, SocketId, State},
};

use super::sorted_rooms;

/// The lives of the last sockets of a mount, and the last errors of its handshakes.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    lines: HashMap<SocketId, Vec<String>>,
    /// The sockets in `lines`, the first to connect in front.
    order: VecDeque<SocketId>,
    errors: VecDeque<(u8, &'static str)>,
}

const SOCKETS: usize = 5000;
const ERRORS: usize = 50;

impl Journal {
    /// Writes down from now on what becomes of a socket that has just connected.
    pub(super) fn follow(&self, socket: &Socket) {
        self.connected(socket.id());
        socket.on_disconnecting(
            async |socket: Socket, reason: Reason, State(journal): State<Self>| {
                let rooms = sorted_rooms(&socket).join(",");
                journal.write(socket.id(), format!("disconnecting {reason} {rooms}"));
            },
        );
        socket.on_disconnect(
            async |socket: Socket, reason: Reason, State(journal): State<Self>| {
                journal.write(socket.id(), format!("disconnect {reason}"));
            },
        );
    }

    /// The socket's life so far; empty if it is unknown.
    pub(super) fn of(&self, id: &str) -> Vec<String> {
        let pages = self.lock();
        let lines = pages.lines.get(&SocketId::from_text(id));
        lines.cloned().unwrap_or_default()
    }

    /// Writes down why a handshake failed.
    pub(super) fn refused(&self, error: &ConnectionError) {
        let mut pages = self.lock();
        if pages.errors.len() == ERRORS {
            pages.errors.pop_front();
        }
        // The text of the code: an application's own is for the client alone.
        let code = error.code();
        pages.errors.push_back((code.code(), code.message()));
    }

    /// Codes and messages of the last handshakes that failed.
    pub(super) fn errors(&self) -> Vec<(u8, &'static str)> {
        self.lock().errors.iter().copied().collect()
    }

    fn connected(&self, id: &SocketId) {
        let mut pages = self.lock();
        let pages = &mut *pages;
        // A socket that comes back under its id goes on where it was.
        let lines = pages.lines.entry(id.clone()).or_insert_with(|| {
            pages.order.push_back(id.clone());
            Vec::new()
        });
        lines.push("connection".into());
        if pages.order.len() > SOCKETS {
            if let Some(oldest) = pages.order.pop_front() {
                pages.lines.remove(&oldest);
            }
        }
    }

    /// Adds a line, unless the socket is one of so long ago that its life is forgotten.
    fn write(&self, id: &SocketId, line: String) {
        if let Some(lines) = self.lock().lines.get_mut(id) {
            lines.push(line);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        // Whole between any two calls on it, also when a handler panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
