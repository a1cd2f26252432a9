//! The callback form of a handler.

use std::{
    fmt,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
};

use async_trait::async_trait;
use futures_util::FutureExt;
use sockeye_core::{Message, session::CloseReason};

use crate::{BoxFuture, Handler, Sender, Session};

/// What happens to sessions, as callbacks on one shared value.
///
/// For each session `on_open` comes first and `on_close` last, each exactly once, also when a
/// callback panics. The callbacks of one session run one after another.
///
/// The exception: callbacks that are still running at a drain's bound
/// ([`DrainPolicy::bound`](crate::DrainPolicy::bound)) are dropped where they stand, and `on_close`
/// does not run, or not to its end. What must happen in any case belongs in a `Drop`.
///
/// # Example
///
/// ```
/// use async_trait::async_trait;
/// use sockeye_tower::{CloseReason, Message, Sender, SessionEvents, SockJs};
///
/// struct Echo;
///
/// #[async_trait]
/// impl SessionEvents for Echo {
///     async fn on_message(&self, session: &Sender, message: Message) {
///         let _ = session.send(message).await;
///     }
///
///     async fn on_close(&self, session: &Sender, reason: CloseReason) {
///         println!("{} left: {reason:?}", session.id());
///     }
/// }
///
/// let service = SockJs::events(Echo).service();
/// # let _ = service;
/// ```
#[async_trait]
pub trait SessionEvents: Send + Sync + 'static {
    /// A session has begun.
    async fn on_open(&self, session: &Sender) {
        let _ = session;
    }

    /// The peer sent a message. The next one waits until this returns.
    async fn on_message(&self, session: &Sender, message: Message) {
        let _ = (session, message);
    }

    /// The session has ended. It is not called when a drain's bound or the runtime's shutdown cut
    /// the session's callbacks before.
    async fn on_close(&self, session: &Sender, reason: CloseReason) {
        let _ = (session, reason);
    }
}

/// The handler that [`SockJs::events`](crate::SockJs::events) makes of [`SessionEvents`].
#[derive(Clone)]
pub struct EventsHandler {
    events: Arc<dyn SessionEvents>,
}

impl EventsHandler {
    pub(crate) fn new(events: impl SessionEvents) -> Self {
        Self {
            events: Arc::new(events),
        }
    }
}

impl Handler for EventsHandler {
    fn run(self, session: Session) -> BoxFuture<()> {
        Box::pin(run(self.events, session))
    }
}

impl fmt::Debug for EventsHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventsHandler").finish_non_exhaustive()
    }
}

async fn run(events: Arc<dyn SessionEvents>, mut session: Session) {
    let sender = session.sender();
    let calls = async {
        events.on_open(&sender).await;
        while let Some(message) = session.recv().await {
            events.on_message(&sender, message).await;
        }
    };
    let result = AssertUnwindSafe(calls).catch_unwind().await;
    if result.is_err() {
        sender.end(CloseReason::HandlerPanicked);
    }
    let reason = sender
        .close_reason()
        .unwrap_or(CloseReason::HandlerPanicked);
    events.on_close(&sender, reason).await;
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}
