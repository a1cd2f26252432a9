//! What a client's sockets and its task share.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
    time::SystemTime,
};

use sockeye_core::{
    Compression, Delivered,
    engineio::Revision,
    socketio::{Data, Encoded},
};
use sockeye_tower::{Limit, Sender};

use super::{leaving::retire, unheard::Unheard};
use crate::{Reason, Socket, SocketId, connecting::Verdict, emit::outgoing};

/// What a client's sockets and its task share.
pub(crate) struct Shared {
    pub(super) sender: Sender,
    pub(super) issued: SystemTime,
    pub(super) revision: Revision,
    /// Whether there is news: read for every message, so it is no lock.
    pub(super) has_news: AtomicBool,
    pub(super) news: Mutex<News>,
}

/// What others leave for the client's task.
#[derive(Default)]
pub(super) struct News {
    pub(super) departures: Vec<(Socket, Reason)>,
    pub(super) verdicts: Vec<Verdict>,
    /// What those have to hear of who listen to it; none where nobody does.
    pub(super) outgoing: Unheard,
    /// Departures that are announced, of sockets that may be gone already: the task waits for them.
    pub(super) departing: usize,
    pub(super) is_to_close: bool,
    /// The task has ended; nobody takes what is left here.
    pub(super) is_closed: bool,
    pub(super) waker: Option<Waker>,
}

impl Shared {
    pub(crate) fn sender(&self) -> &Sender {
        &self.sender
    }

    pub(crate) fn issued(&self) -> SystemTime {
        self.issued
    }

    pub(crate) fn revision_number(&self) -> u8 {
        match self.revision {
            Revision::V3 => 3,
            Revision::V4 => 4,
        }
    }

    /// The id of a new socket.
    pub(crate) fn name(&self, namespace: &str) -> SocketId {
        match self.sender.engineio_v3_id() {
            Some(session) => SocketId::of_v3(namespace, &session),
            None => SocketId::random(),
        }
    }

    /// Whether sockets of this client may be recovered.
    pub(crate) fn may_recover(&self) -> bool {
        self.revision == Revision::V4
    }

    /// Queues a packet without waiting; at the hard limit the session is closed.
    pub(crate) fn send_now(&self, encoded: Encoded) -> Delivered {
        match self.sender.push(outgoing(encoded, Compression::Allowed)) {
            Ok(()) => Delivered::Queued,
            Err(_) => Delivered::Closed,
        }
    }

    /// A socket has left; the task does the rest.
    ///
    /// It was [expected](Self::expect_departure).
    pub(crate) fn depart(&self, socket: Socket, reason: Reason) {
        let own = socket.clone();
        let is_taken = self.update(|news| {
            news.departing -= 1;
            news.departures.push((socket, reason));
        });
        if !is_taken {
            retire(&own, reason);
        }
    }

    /// A socket may be about to leave. Said before it is gone: otherwise the task could see that it
    /// is, find nothing to do for it, and end.
    pub(crate) fn expect_departure(&self) {
        self.lock().departing += 1;
    }

    /// It had left before.
    pub(crate) fn expect_no_departure(&self) {
        self.update(|news| news.departing -= 1);
    }

    /// All sockets are to leave, and the session to close.
    pub(crate) fn disconnect_all(&self) {
        self.update(|news| news.is_to_close = true);
    }

    /// Has the task tell those who listen to what is sent; beyond the bound it goes unheard, so that
    /// nobody who sends waits for them.
    pub(crate) fn tell_outgoing(&self, socket: Socket, data: Data) {
        let namespace = socket.namespace().clone();
        let mut beyond = None;
        self.update(|news| {
            beyond = news.outgoing.push(socket, data).err();
        });
        // Let go of where no lock is held.
        if beyond.is_some() {
            namespace.count(Limit::OutgoingHandlers);
        }
    }

    /// Whether there is still somebody to take it; what is dropped may hold this itself.
    pub(super) fn update(&self, change: impl FnOnce(&mut News)) -> bool {
        let waker = {
            let mut news = self.lock();
            if news.is_closed {
                drop(news);
                drop(change);
                return false;
            }
            change(&mut news);
            // Under the lock, by which the task knows whether it has seen all.
            self.has_news.store(true, Ordering::Release);
            news.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Whether somebody has left something.
    pub(super) fn has_news(&self) -> bool {
        self.has_news.load(Ordering::Acquire)
    }

    /// Whether nobody has left anything, nor is about to.
    pub(super) fn is_quiet(&self) -> bool {
        let news = self.lock();
        news.departing == 0 && !self.has_news.load(Ordering::Acquire)
    }

    /// Remembers whom to wake.
    pub(super) fn wait(&self, cx: &Context<'_>) {
        let mut news = self.lock();
        match &mut news.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("session", &self.sender.id())
            .finish_non_exhaustive()
    }
}
