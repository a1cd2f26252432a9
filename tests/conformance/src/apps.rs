//! What the mounts do, one handler each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sockeye::{
    BoxFuture, Handler, Message, Sender, Session, SessionId,
    multiplex::{Channel, Multiplex},
};

/// The handler of one mount. One type for all of them, so that the mounts fit in an array.
#[derive(Clone)]
pub(crate) enum App {
    /// Sends back each message.
    Echo,
    /// Closes each session at once.
    Close,
    /// Answers `n` with 2^n letters.
    Amplify,
    /// Sends each message to all sessions of the mount.
    Broadcast(Members),
    /// Sends `tick!` each second.
    Ticker,
    /// Named channels that echo.
    Multiplex(Multiplex),
}

impl App {
    /// Channels `ann`, `bob` and `carl`, each echoing with its name in front.
    pub(crate) fn multiplex() -> Self {
        let named = ["ann", "bob", "carl"];
        Self::Multiplex(named.into_iter().fold(Multiplex::new(), |mux, topic| {
            mux.channel(topic, echo_named)
        }))
    }
}

impl Handler for App {
    fn run(self, session: Session) -> BoxFuture<()> {
        match self {
            Self::Echo => Box::pin(echo(session)),
            Self::Close => Box::pin(async move { session.close(3000, "Go away!") }),
            Self::Amplify => Box::pin(amplify(session)),
            Self::Broadcast(members) => Box::pin(broadcast(session, members)),
            Self::Ticker => Box::pin(tick(session)),
            Self::Multiplex(channels) => channels.run(session),
        }
    }
}

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

async fn amplify(mut session: Session) {
    while let Some(message) = session.recv().await {
        let asked = message.as_text().and_then(|text| text.parse().ok());
        let exponent = asked
            .filter(|exponent| (1..=18).contains(exponent))
            .unwrap_or(1);
        if session.send("x".repeat(1 << exponent)).await.is_err() {
            break;
        }
    }
}

async fn tick(mut session: Session) {
    let second = Duration::from_secs(1);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + second, second);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if session.send("tick!").await.is_err() {
                    break;
                }
            }
            message = session.recv() => {
                if message.is_none() {
                    break;
                }
            }
        }
    }
}

async fn echo_named(mut channel: Channel) {
    while let Some(message) = channel.recv().await {
        let answer = format!("{}: {}", channel.topic(), message);
        if channel.send(answer).await.is_err() {
            break;
        }
    }
}

async fn broadcast(mut session: Session, members: Members) {
    let _membership = members.join(&session);
    while let Some(message) = session.recv().await {
        members.send(message);
    }
}

/// The live sessions of the broadcast mount.
#[derive(Clone, Default)]
pub(crate) struct Members(Arc<Mutex<HashMap<SessionId, Sender>>>);

impl Members {
    fn join(&self, session: &Session) -> Membership {
        self.lock().insert(session.id(), session.sender());
        Membership {
            members: self.clone(),
            id: session.id(),
        }
    }

    /// Under the lock, so that all members get all messages in the same order.
    fn send(&self, message: Message) {
        sockeye::broadcast(self.lock().values(), message);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Sender>> {
        // The map is whole between any two calls on it, also when a handler panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves when dropped, so that a handler cannot forget to, however it ends.
struct Membership {
    members: Members,
    id: SessionId,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.members.lock().remove(&self.id);
    }
}
