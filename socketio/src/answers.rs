//! The answers of many clients to one event.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
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
/// each how many clients were asked ([`node_asked`](Self::node_asked)), and brings their answers.
#[derive(Clone)]
pub struct Answers(Arc<Mutex<Collected>>);

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
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Collected {
            nodes: 1,
            ..Collected::default()
        })))
    }

    /// So many more nodes will say how many clients they asked.
    pub fn expect_nodes(&self, nodes: usize) {
        self.update(|it| it.nodes += nodes);
    }

    /// A node has asked so many clients.
    pub fn node_asked(&self, clients: usize) {
        self.update(|it| {
            it.nodes = it.nodes.saturating_sub(1);
            it.asked += clients;
        });
    }

    /// A client has answered.
    pub fn answer(&self, data: Data) {
        self.update(|it| it.answers.push(data));
    }

    /// One more client of this node is asked.
    pub(crate) fn expect_client(&self) {
        self.update(|it| it.asked += 1);
    }

    /// A client that was asked has gone.
    pub(crate) fn miss(&self) {
        self.update(|it| it.missed += 1);
    }

    /// Nobody waits any more.
    fn end(&self) {
        let answers = {
            let mut it = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            it.is_over = true;
            std::mem::take(&mut it.answers)
        };
        drop(answers);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_over
    }

    fn update(&self, change: impl FnOnce(&mut Collected)) {
        let waker = {
            let mut it = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut it = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !it.is_complete() && !is_late {
            it.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        it.is_over = true;
        let answers = std::mem::take(&mut it.answers);
        // A node that did not say whom it asked counts as one that is missing.
        let missing = (it.asked + it.nodes).saturating_sub(answers.len());
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
