//! Whose turn it is: events start in order, and some wait before they do.

use std::task::Context;

use sockeye_tower::Limit;

use super::Client;
use crate::{
    Socket,
    dispatch::Held,
    start::{Panicked, Starter},
};

/// Events that may wait for their turn before the client is not read any more: enough that an ack
/// behind a burst is still seen.
const HELD: usize = 256;

/// Bytes of events that may wait for their turn.
const HELD_BYTES: usize = 64 << 10;

impl Client {
    /// Whether the client has as much to do as it may, so that it is not listened to.
    pub(super) fn has_enough(&mut self) -> bool {
        let is_full = self.held.as_ref().is_some_and(|held| {
            held.len() >= HELD || held.iter().map(Held::weight).sum::<usize>() >= HELD_BYTES
        });
        // Handlers of connections and departures start at once, but a client that joins and leaves
        // again and again has no more of them than of events.
        let is_crowded = self.waiting.len() >= self.server.limits().waiting_handlers + HELD;
        if is_crowded && !self.was_crowded {
            self.server.handle().count(Limit::WaitingHandlers);
        }
        self.was_crowded = is_crowded;
        is_full || is_crowded
    }

    /// An event has come: it is started, or waits for its turn.
    pub(super) fn begin(&mut self, event: Held, cx: &mut Context<'_>, panicked: &mut Panicked) {
        if self.may_start(event.socket()) {
            event.start(&mut Starter::new(cx, &mut self.waiting, panicked));
            return;
        }
        let namespace = event.socket().namespace();
        let is_full = self.waiting.len() >= namespace.limits().waiting_handlers;
        // Otherwise it waits for those of its socket before it, as was asked for.
        if is_full || !namespace.is_sequential() {
            namespace.count(Limit::WaitingHandlers);
        }
        self.held.get_or_insert_default().push_back(event);
    }

    /// Whether an event of the socket may be started now.
    fn may_start(&self, socket: &Socket) -> bool {
        let limit = socket.namespace().limits().waiting_handlers;
        if self.waiting.len() >= limit {
            return false;
        }
        match &self.held {
            None => !socket.namespace().is_sequential() || !socket.is_busy(),
            // What came before goes first: all of it, or in a sequential namespace the socket's.
            Some(held) if socket.namespace().is_sequential() => {
                !socket.is_busy() && !held.iter().any(|held| held.socket() == socket)
            }
            Some(held) => held
                .iter()
                .all(|held| held.socket().namespace().is_sequential()),
        }
    }

    /// Starts events whose turn has come. Whether there were any.
    pub(super) fn start_held(&mut self, cx: &mut Context<'_>, panicked: &mut Panicked) -> bool {
        let Some(held) = &mut self.held else {
            return false;
        };
        let mut started = false;
        let mut place = 0;
        while place < held.len() {
            let socket = held[place].socket();
            if self.waiting.len() >= socket.namespace().limits().waiting_handlers {
                break;
            }
            let is_first = !held
                .iter()
                .take(place)
                .any(|other| other.socket() == socket);
            let is_turn = match socket.namespace().is_sequential() {
                true => is_first && !socket.is_busy(),
                false => true,
            };
            if !is_turn {
                place += 1;
                continue;
            }
            if let Some(event) = held.remove(place) {
                event.start(&mut Starter::new(cx, &mut self.waiting, panicked));
                started = true;
            }
        }
        if held.is_empty() {
            self.held = None;
        }
        started
    }
}
