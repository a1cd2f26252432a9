//! The turn to bring messages: one request of a session at a time has it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::Shared;

/// Waits for the turn to bring messages.
#[derive(Debug)]
pub(crate) struct Turn {
    shared: Arc<Shared>,
    /// Where it stands among those that wait.
    place: Option<u64>,
}

impl Shared {
    /// Waits for the turn to bring messages, and for room in the inbox.
    ///
    /// One request at a time has it, before its body is read: however many there are, what the
    /// others bring waits in their connections.
    pub(crate) fn turn(self: &Arc<Self>) -> Turn {
        Turn {
            shared: self.clone(),
            place: None,
        }
    }
}

impl Future for Turn {
    type Output = PostTurn;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<PostTurn> {
        let Self { shared, place } = &mut *self;
        shared.update(|state| {
            if state.machine.is_open() && (state.posting || !state.machine.has_inbox_room()) {
                let rare = state.rare();
                let place = *place.get_or_insert_with(|| {
                    rare.places += 1;
                    rare.places
                });
                rare.posts.insert(place, cx.waker().clone());
                return Poll::Pending;
            }
            if let Some(place) = place.take() {
                state.leave(place);
            }
            state.posting = true;
            Poll::Ready(PostTurn(shared.clone()))
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // A connection that is gone is not kept by its waker, however many come and go.
        if let Some(place) = self.place {
            self.shared.update(|state| state.leave(place));
        }
    }
}

/// The turn to bring messages; the next request has it when this is dropped.
#[derive(Debug)]
pub(crate) struct PostTurn(Arc<Shared>);

impl Drop for PostTurn {
    fn drop(&mut self) {
        self.0.update(|state| state.posting = false);
    }
}
