//! Answers, in both directions.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::socketio::Data;
use tokio::{sync::oneshot, time::Sleep};

use crate::{
    AckError, EmitError, Socket, answers::Answers, call::AckSlot, emit::Emit, server_side::Question,
};

/// The answer that a client waits for.
///
/// It is sent at most once, whoever sends first. Dropping it sends nothing: the client waits for as
/// long as it likes. It may be kept and sent later, from any task.
///
/// # Protocol
///
/// ACK, or BINARY_ACK if there are [bytes](crate::Binary) in the arguments.
///
/// # Example
///
/// ```
/// use sockeye_socketio::{Ack, Data, Socket, SocketIo};
///
/// let io = SocketIo::new();
/// io.of("/").on_connect(async |socket: Socket| {
///     socket.on("add", async |Data((a, b)): Data<(i64, i64)>, ack: Ack| ack.send(&(a + b)));
/// });
/// ```
#[derive(Debug)]
pub struct Ack {
    socket: Option<Socket>,
    slot: Option<AckSlot>,
    question: Option<Question>,
}

impl Ack {
    pub(crate) fn new(socket: Option<Socket>, slot: Option<AckSlot>) -> Self {
        Self {
            socket,
            slot,
            question: None,
        }
    }

    pub(crate) fn of_question(question: &Question) -> Self {
        Self {
            socket: None,
            slot: None,
            question: Some(question.clone()),
        }
    }

    /// Whether the other side waits for an answer, and has none yet.
    pub fn is_wanted(&self) -> bool {
        let slot = self.slot.as_ref();
        slot.is_some_and(|slot| !slot.is_taken.load(std::sync::atomic::Ordering::Relaxed))
            || self.question.as_ref().is_some_and(Question::is_wanted)
    }

    /// Answers: a tuple or a `Vec` is several arguments, `()` none, and anything else one.
    ///
    /// It never waits: answers go into the queue beyond its soft limit, and while more than that is
    /// queued no further event of the client is taken. Where nobody waits for the answer, or it has
    /// been given, this does nothing.
    ///
    /// # Errors
    ///
    /// When the socket has disconnected, the arguments cannot be serialized, or clients do not take as
    /// many [bytes](crate::Binary) in one packet.
    pub fn send<T: Serialize + ?Sized>(&self, arguments: &T) -> Result<(), EmitError> {
        if let Some(question) = &self.question {
            return question.answer(arguments);
        }
        match (&self.socket, &self.slot) {
            (Some(socket), Some(slot)) if self.is_wanted() => {
                let answer = socket.encode_ack(slot.id, arguments)?;
                // Only what could be written is an answer.
                if slot.take() {
                    socket.send_ack(answer)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Who waits for the answer to an event of the server.
pub(crate) enum Waiter {
    One(oneshot::Sender<Data>),
    /// One of many, asked by a broadcast.
    Shared(Answers),
}

impl Waiter {
    /// Whether anybody still waits.
    fn is_awaited(&self) -> bool {
        match self {
            Self::One(sender) => !sender.is_closed(),
            Self::Shared(answers) => !answers.is_over(),
        }
    }
}

/// The answers that a socket owes; allocated when used.
#[derive(Default)]
#[expect(
    clippy::box_collection,
    reason = "a socket that asks nothing pays one word for it"
)]
pub(crate) struct Pending(Option<Box<HashMap<u64, Waiter>>>);

impl Pending {
    pub(crate) fn insert(
        &mut self,
        id: u64,
        waiter: Waiter,
        limit: usize,
    ) -> Result<(), EmitError> {
        let waiters = self.0.get_or_insert_default();
        if waiters.len() >= limit {
            // A broadcast whose time is over is forgotten here, where its entry is in the way.
            waiters.retain(|_, waiter| waiter.is_awaited());
        }
        if waiters.len() >= limit {
            return Err(EmitError::TooManyAcks { limit });
        }
        waiters.insert(id, waiter);
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<Waiter> {
        let waiters = self.0.as_mut()?;
        let waiter = waiters.remove(&id);
        if waiters.is_empty() {
            self.0 = None;
        }
        waiter
    }

    pub(crate) fn take_all(&mut self) -> Vec<Waiter> {
        let waiters = self.0.take();
        waiters.map_or_else(Vec::new, |waiters| waiters.into_values().collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |waiters| waiters.len())
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pending", self.len())
    }
}

/// An event on its way, and then its answer; see [`Socket::emit_with_ack`].
///
/// # Cancel safety
///
/// Dropping it gives the answer up; the event may have been sent.
#[must_use = "nothing is sent until it is awaited"]
#[derive(Debug)]
pub struct EmitWithAck<T> {
    socket: Socket,
    id: u64,
    stage: Stage,
    timeout: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    of: PhantomData<fn() -> T>,
}

#[derive(Debug)]
enum Stage {
    Sending(Emit, oneshot::Receiver<Data>),
    Waiting(oneshot::Receiver<Data>),
    Done,
}

impl<T> EmitWithAck<T> {
    pub(crate) fn new(
        socket: Socket,
        id: u64,
        emit: Emit,
        answer: oneshot::Receiver<Data>,
        timeout: Option<Duration>,
    ) -> Self {
        Self {
            socket,
            id,
            stage: Stage::Sending(emit, answer),
            timeout,
            sleep: None,
            of: PhantomData,
        }
    }

    /// Gives up after this time, with [`AckError::Timeout`]: counted from the first poll, so that a
    /// client which takes nothing is given up as well. Default: as long as the socket lives.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl<T: DeserializeOwned> Future for EmitWithAck<T> {
    type Output = Result<T, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let (Some(timeout), None) = (this.timeout, &this.sleep) {
            this.sleep = Some(Box::pin(tokio::time::sleep(timeout)));
        }
        if let Stage::Sending(emit, _) = &mut this.stage {
            if let Poll::Ready(sent) = Pin::new(emit).poll(cx) {
                let stage = std::mem::replace(&mut this.stage, Stage::Done);
                sent?;
                if let Stage::Sending(_, answer) = stage {
                    this.stage = Stage::Waiting(answer);
                }
            }
        }
        if let Stage::Waiting(answer) = &mut this.stage {
            if let Poll::Ready(answer) = Pin::new(answer).poll(cx) {
                this.stage = Stage::Done;
                let data = answer.map_err(|_| AckError::Disconnected)?;
                return Poll::Ready(data.all().map_err(AckError::Data));
            }
        }
        match &mut this.sleep {
            Some(sleep) => {
                ready!(sleep.as_mut().poll(cx));
                this.stage = Stage::Done;
                Poll::Ready(Err(AckError::Timeout))
            }
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for EmitWithAck<T> {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}
