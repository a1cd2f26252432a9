//! The end of sockets, each told exactly once, and of the client.

use std::{
    sync::{Arc, atomic::Ordering},
    task::Context,
};

use super::Client;
use crate::{
    Reason, Socket,
    call::{Call, Occasion},
    listeners::For,
    socket::End,
    start::{Panicked, Starter},
};

impl Client {
    /// A socket left on this side's wish.
    pub(super) fn depart(
        &mut self,
        socket: &Socket,
        reason: Reason,
        cx: &mut Context<'_>,
        panicked: &mut Panicked,
    ) {
        if let Some(place) = socket.place() {
            self.connection.leave(place);
            if let Some(slot) = self.sockets.get_mut(place.index()) {
                if slot.as_ref() == Some(socket) {
                    *slot = None;
                }
            }
        }
        self.finish(socket, reason, cx, panicked);
    }

    /// The last things of a socket that is gone: each exactly once.
    pub(super) fn finish(
        &mut self,
        socket: &Socket,
        reason: Reason,
        cx: &mut Context<'_>,
        panicked: &mut Panicked,
    ) {
        let call = Call::of_socket(socket, Occasion::Disconnect(reason));
        for run in socket.runs(For::Disconnecting) {
            let mut starter = Starter::new(cx, &mut self.waiting, panicked);
            run.start(call.clone(), &mut starter);
        }
        // What came before this is handled still, when its turn comes.
        let held = self.held.iter_mut().flat_map(|held| held.iter_mut());
        for event in held.filter(|event| event.socket() == socket) {
            event.find();
        }
        let runs = socket.runs(For::Disconnect);
        let end = leave(socket, reason);
        for run in runs {
            let end = end.clone();
            let mut starter = Starter::new(cx, &mut self.waiting, panicked);
            if let Some(future) = starter.guard(|| run.future(call.clone())) {
                starter.start(async move {
                    let _end = end;
                    future.await;
                });
            }
        }
    }

    /// The session has ended: so have its sockets.
    pub(super) fn end(&mut self, cx: &mut Context<'_>, panicked: &mut Panicked) {
        self.is_over = true;
        self.server.count().fetch_sub(1, Ordering::Relaxed);
        self.timer = None;
        // Those that left before have their own reasons.
        self.take_news(cx, panicked);
        let ended = || Reason::of_session(self.shared.sender.engineio_reason());
        let reason = self.reason.unwrap_or_else(ended);
        for place in 0..self.sockets.len() {
            // One at a time: an adapter that panics leaves the others to those who let go of this.
            if let Some(socket) = self.sockets[place].take_if(|socket| socket.go()) {
                self.finish(&socket, reason, cx, panicked);
            }
        }
    }
}

impl Drop for Client {
    /// Cut off, or at its end: nothing of it stays behind.
    fn drop(&mut self) {
        let (outgoing, departures, verdicts) = {
            let mut news = self.shared.lock();
            news.is_closed = true;
            (
                std::mem::take(&mut news.outgoing),
                std::mem::take(&mut news.departures),
                std::mem::take(&mut news.verdicts),
            )
        };
        for (socket, reason) in departures {
            retire(&socket, reason);
        }
        // One that has gone is among those, or about to be: then it finds that this is closed.
        for socket in std::mem::take(&mut self.sockets).into_iter().flatten() {
            if socket.go() {
                retire(&socket, Reason::ServerShuttingDown);
            }
        }
        drop((outgoing, verdicts));
        if !self.is_over {
            self.server.count().fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The last things of a socket whose task has ended: nobody is told.
pub(super) fn retire(socket: &Socket, reason: Reason) {
    drop(leave(socket, reason));
}

/// Takes a socket out of its rooms and its namespace, and lets it come back if it may: in this order,
/// as who comes back takes its seat.
fn leave(socket: &Socket, reason: Reason) -> Arc<End> {
    let store = socket.namespace().recovery();
    let left = store.map(|store| (store, store.leaving(socket, reason)));
    let sessions = socket.namespace().sessions();
    let session = sessions.and_then(|it| it.leaving(socket, reason));
    let end = socket.clear();
    if let Some((sessions, session)) = sessions.zip(session) {
        sessions.left(session);
    }
    if let Some((store, left)) = left {
        store.left(socket, left);
        // Whether it may go depends on that, too.
        socket.namespace().tidy();
    }
    end
}
