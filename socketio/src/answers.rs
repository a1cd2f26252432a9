//! The answers of many clients to one event.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use serde::de::DeserializeOwned;
use sockeye_core::socketio::Data;
use tokio::time::Sleep;

use crate::{AckError, EmitError};

/// Collects the answers to one broadcast; cheap to clone.
///
/// The clients of this node are counted as they are sent the event. An adapter that takes the event
/// to other nodes says how many of those there are ([`expect_nodes`](Self::expect_nodes)), then for
/// each how many clients were asked ([`node_asked`](Self::node_asked)), and brings their answers. It
/// says so before [`publish`](sockeye_rooms::Adapter::publish) returns: one that has to ask how many
/// nodes there are expects one at first, and when it knows expects the others and has that one ask
/// nobody.
///
/// On the node that such an event comes to, an adapter makes answers that are
/// [`handed_over`](Self::handed_over) to its bus, gives them to the packet
/// ([`Packet::wanting`](crate::Packet::wanting)), and [`end`](Self::end)s them when they are late.
#[derive(Clone)]
pub struct Answers(Arc<Shared>);

struct Shared {
    /// How long they are awaited, if they are not handed over.
    timeout: Duration,
    collected: Mutex<Collected>,
    /// Who gets them as they come.
    hand_over: Option<Box<dyn Fn(Data) + Send + Sync>>,
}

#[derive(Default)]
struct Collected {
    /// Nodes that have not said how many clients they asked.
    nodes: usize,
    asked: usize,
    missed: usize,
    answers: Vec<Data>,
    waker: Option<Waker>,
    is_over: bool,
}

impl Answers {
    /// A collection that waits for the word of this node.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self(Arc::new(Shared {
            timeout,
            collected: Mutex::new(Collected {
                nodes: 1,
                ..Collected::default()
            }),
            hand_over: None,
        }))
    }

    /// Answers that someone on another node waits for: `hand_over` gets each as it comes, an array of
    /// its arguments.
    ///
    /// It is called by the connections' tasks, so it must not wait. Whoever asked gives up after a
    /// time: then [`end`](Self::end) them, as a socket waits for
    /// [so many](crate::Builder::pending_acks) at a time and is passed over by the next event that
    /// wants one.
    pub fn handed_over(hand_over: impl Fn(Data) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            timeout: Duration::MAX,
            collected: Mutex::default(),
            hand_over: Some(Box::new(hand_over)),
        }))
    }

    /// How long they are awaited: other nodes need not keep the question for longer.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// So many more nodes will say how many clients they asked.
    pub fn expect_nodes(&self, nodes: usize) {
        self.update(|it| it.nodes = it.nodes.saturating_add(nodes));
    }

    /// A node has asked so many clients.
    pub fn node_asked(&self, clients: usize) {
        self.update(|it| {
            it.nodes = it.nodes.saturating_sub(1);
            it.asked = it.asked.saturating_add(clients);
        });
    }

    /// A client has answered.
    pub fn answer(&self, data: Data) {
        match &self.0.hand_over {
            // Not under the lock, as this is foreign code.
            Some(hand_over) if !self.is_over() => hand_over(data),
            Some(_) => {}
            None => self.update(|it| it.answers.push(data)),
        }
    }

    /// One more client of this node is asked.
    pub(crate) fn expect_client(&self) {
        self.update(|it| it.asked = it.asked.saturating_add(1));
    }

    /// A client that was asked has gone.
    pub(crate) fn miss(&self) {
        self.update(|it| it.missed += 1);
    }

    /// Nobody waits any more: what comes from now on is dropped.
    pub fn end(&self) {
        let answers = {
            let mut it = self.lock();
            it.is_over = true;
            std::mem::take(&mut it.answers)
        };
        drop(answers);
    }

    /// Whether nobody waits any more: all have come, or the time has passed.
    pub fn is_over(&self) -> bool {
        self.lock().is_over
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        let collected = &self.0.collected;
        collected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Collected)) {
        let waker = {
            let mut it = self.lock();
            if it.is_over {
                return;
            }
            change(&mut it);
            if it.is_complete() {
                it.waker.take()
            } else {
                None
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, cx: &Context<'_>, is_late: bool) -> Poll<(Vec<Data>, usize)> {
        let mut it = self.lock();
        if !it.is_complete() && !is_late {
            it.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        it.is_over = true;
        let answers = std::mem::take(&mut it.answers);
        // A node that did not say whom it asked counts as one that is missing.
        let missing = it
            .asked
            .saturating_add(it.nodes)
            .saturating_sub(answers.len());
        Poll::Ready((answers, missing))
    }
}

impl Collected {
    fn is_complete(&self) -> bool {
        self.nodes == 0 && self.answers.len() + self.missed >= self.asked
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

/// What the clients asked by a broadcast answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Responses<T> {
    /// The answers, in the order in which they came.
    pub received: Vec<T>,
    /// Clients, or whole nodes, that did not answer in time, have gone, or answered with what is not
    /// of the type asked for.
    pub missing: usize,
}

/// A broadcast whose answers are awaited; see [`Broadcast::emit_with_ack`](crate::Broadcast::emit_with_ack).
///
/// The event was sent by the call already. The time runs from the first poll.
///
/// # Cancel safety
///
/// Dropping it gives the answers up.
#[must_use = "the answers come to who awaits it"]
#[derive(Debug)]
pub struct BroadcastWithAck<T> {
    state: Result<Answers, Option<EmitError>>,
    timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    of: PhantomData<fn() -> T>,
}

impl<T> BroadcastWithAck<T> {
    pub(crate) fn new(sent: Result<Answers, EmitError>, timeout: Duration) -> Self {
        Self {
            state: sent.map_err(Some),
            timeout,
            sleep: None,
            of: PhantomData,
        }
    }
}

impl<T> Drop for BroadcastWithAck<T> {
    fn drop(&mut self) {
        if let Ok(answers) = &self.state {
            answers.end();
        }
    }
}

impl<T: DeserializeOwned> Future for BroadcastWithAck<T> {
    type Output = Result<Responses<T>, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let timeout = self.timeout;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        let is_late = sleep.as_mut().poll(cx).is_ready();
        let answers = match &mut self.state {
            Ok(answers) => answers,
            Err(error) => {
                let error = error.take().unwrap_or(EmitError::Disconnected);
                return Poll::Ready(Err(error.into()));
            }
        };
        answers.poll(cx, is_late).map(|(answers, missing)| {
            let all = answers.len();
            // One client's nonsense is no reason to lose what the others said.
            let received: Vec<T> = answers.iter().filter_map(|it| it.all().ok()).collect();
            let missing = missing + (all - received.len());
            Ok(Responses { received, missing })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers come from other nodes.
    #[test]
    fn numbers_without_end_wait_for_the_timeout() {
        let answers = Answers::new(Duration::ZERO);
        answers.expect_nodes(usize::MAX);
        answers.expect_nodes(usize::MAX);
        answers.node_asked(usize::MAX);
        answers.node_asked(1);
        answers.expect_client();
        assert!(!answers.lock().is_complete());
        assert!(!answers.is_over());
    }
}
