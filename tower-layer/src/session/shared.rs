//! What the driver, the receivers and the handles of one session share.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::Instant,
};

use sockeye_core::{
    Message, engineio,
    session::{CloseReason, Outgoing},
};
use tokio::sync::oneshot;

use super::{
    Machine,
    machine::{End, Refused},
    waiting::{Farewell, Rare, Wakes, remember},
};
use crate::{
    Request, SendError, SessionId, Transport, TrySendError, clock, common::Running, hooks::Data,
};

/// One session: its machine under one short lock, never held across an await.
///
/// Three parties meet here. The *driver* is the session's one task; it polls the handler and fires
/// the timer. The *receiver* carries frames to the peer: the driver itself for a WebSocket, a
/// response body for the other transports. *Handles* are what the application holds.
#[derive(Debug)]
pub(crate) struct Shared {
    id: SessionId,
    max_outgoing: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) machine: Machine,
    pub(crate) request: Arc<Request>,
    pub(crate) transport: Transport,
    /// Why the application will get no more messages.
    ended: Option<Box<End>>,
    /// The driver's task; asked to come when its work or its deadline changed.
    driver: Option<Waker>,
    driving: Driving,
    /// When the driver's timer fires.
    armed: Option<Instant>,
    /// Whether the driver stopped reading its socket until the application takes something.
    reading_held: bool,
    /// The task of the attached response body.
    receiver: Option<Waker>,
    /// The task that waits in `recv`.
    reader: Option<Waker>,
    /// Whether a request with messages has the turn.
    pub(super) posting: bool,
    /// Whether the driver is to end, whatever it has left to do.
    is_cut: bool,
    /// What most sessions never have: tasks that wait for room, and data.
    rare: Option<Box<Rare>>,
}

/// Whether the driver is at work, and so will see every change before it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driving {
    /// Resting: a change must wake it.
    No,
    /// Asked to come.
    Woken,
    /// In its poll, which began at this time.
    Since(Instant),
    /// Gone; there will be no other.
    Over,
}

impl Shared {
    pub(crate) fn new(
        machine: Machine,
        max_outgoing: usize,
        request: Arc<Request>,
        transport: Transport,
    ) -> Self {
        Self {
            id: SessionId::random(),
            max_outgoing,
            state: Mutex::new(State {
                machine,
                request,
                transport,
                ended: None,
                driver: None,
                driving: Driving::No,
                armed: None,
                reading_held: false,
                receiver: None,
                reader: None,
                posting: false,
                is_cut: false,
                rare: None,
            }),
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    /// Takes in what a hook accepted with.
    pub(crate) fn admit(&self, data: Data, until: Option<Instant>) {
        if data.is_empty() && until.is_none() {
            return;
        }
        self.update(|state| {
            if !data.is_empty() {
                state.rare().data.merge(data);
            }
            if until.is_some() {
                state.machine.set_admitted_until(until);
            }
        });
    }

    /// Moves the time until which the session is admitted.
    pub(crate) fn admit_until(&self, until: Option<Instant>) {
        self.update(|state| state.machine.set_admitted_until(until));
    }

    pub(crate) fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.peek(|state| state.rare.as_ref()?.data.get())
    }

    /// Changes the state, then wakes whoever has something to do now.
    ///
    /// While the driver is in its poll nobody is woken here: it settles the account before it
    /// rests, so that what a handler sends costs no wake-up.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (result, wakes) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let result = change(&mut state);
            let wakes = match state.driving {
                Driving::Since(_) => None,
                Driving::No | Driving::Woken | Driving::Over => Some(state.settle()),
            };
            (result, wakes)
        };
        if let Some(wakes) = wakes {
            wakes.wake();
        }
        result
    }

    /// Reads the state.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends the session for good: its driver goes, and the handler with it.
    pub(crate) fn cut(&self) {
        self.update(|state| state.is_cut = true);
    }

    /// The driver's poll begins; `false` if it is to end at once.
    #[must_use]
    pub(crate) fn begin_driving(&self, cx: &Context<'_>, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.driving = Driving::Since(now);
        match &mut state.driver {
            Some(driver) => driver.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        !state.is_cut
    }

    /// The driver's poll ends, unless `busy` finds that there is more to do.
    ///
    /// Returns when the machine wants to be called back; the driver's timer must not be later.
    pub(crate) fn end_driving(
        &self,
        armed: Option<Instant>,
        reading_held: bool,
        busy: impl FnOnce(&State) -> bool,
    ) -> Rest {
        let (rest, wakes) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            // Cut by another thread meanwhile: the next round finds out.
            if state.is_cut || busy(&state) {
                return Rest::Busy;
            }
            let deadline = state.machine.poll_timeout();
            state.armed = earliest(armed, deadline);
            state.reading_held = reading_held;
            let wakes = state.settle();
            state.driving = Driving::No;
            (Rest::Until(deadline), wakes)
        };
        wakes.wake();
        rest
    }

    /// The driver is gone, by its own end or with the runtime: nothing more can happen.
    pub(crate) fn abandon(&self, reason: CloseReason) {
        let successor = self.update(|state| {
            state.driving = Driving::Over;
            state.driver = None;
            state.machine.abandon(reason);
            state.rare.as_mut()?.successor.take()
        });
        // It waits for a driver that will not give it anything; woken when the lock is released.
        drop(successor);
    }

    /// Takes messages for the application; `Ready(false)` when no more will come.
    pub(crate) fn poll_take(&self, cx: &Context<'_>, taken: &mut VecDeque<Message>) -> Poll<bool> {
        self.update(|state| state.poll_take(cx, taken))
    }

    /// As `poll_take`, once there is room for `poll_send`: both under one lock.
    pub(crate) fn poll_take_with_room(
        &self,
        cx: &Context<'_>,
        taken: &mut VecDeque<Message>,
    ) -> Poll<bool> {
        self.update(|state| {
            if state.poll_send_room(cx).is_pending() {
                return Poll::Pending;
            }
            state.poll_take(cx, taken)
        })
    }

    /// Ready once the session has ended.
    pub(crate) fn poll_ended(&self, cx: &Context<'_>) -> Poll<()> {
        self.update(|state| {
            if state.reason().is_some() {
                return Poll::Ready(());
            }
            state.rare().watcher = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    /// Remembers the task of a probing WebSocket, to be told when its probe is over.
    pub(crate) fn set_probe(state: &mut State, id: engineio::ProbeId, cx: &Context<'_>) {
        let probes = &mut state.rare().probes;
        match probes.iter_mut().find(|(probe, _)| *probe == id) {
            Some((_, task)) => task.clone_from(cx.waker()),
            None => probes.push((id, cx.waker().clone())),
        }
    }

    /// Asks the driver to give the session to another one; an error once the driver is gone.
    pub(crate) fn succeed(&self) -> oneshot::Receiver<Running> {
        let (successor, running) = oneshot::channel();
        self.update(|state| match state.driving {
            Driving::No | Driving::Woken | Driving::Since(_) => {
                state.rare().successor = Some(successor);
            }
            Driving::Over => {}
        });
        running
    }

    pub(crate) fn take_successor(&self) -> Option<oneshot::Sender<Running>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let successor = state.rare.as_mut()?.successor.take()?;
        // It has no task yet; its first poll sees everything.
        state.driver = None;
        state.armed = None;
        Some(successor)
    }

    /// Ready when an Engine.IO session's POST in flight is nobody's any more.
    pub(crate) fn poll_post_void(&self, cx: &Context<'_>) -> Poll<()> {
        self.update(|state| {
            if !state.is_post_in_flight() {
                return Poll::Ready(());
            }
            state.rare().post = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    /// Whether the inbox has room; if not, the task is remembered until it has.
    pub(crate) fn poll_inbox_room(&self, cx: &Context<'_>) -> Poll<()> {
        let has_room = |state: &State| !state.machine.is_open() || state.machine.has_inbox_room();
        if self.peek(has_room) {
            return Poll::Ready(());
        }
        self.update(|state| {
            if has_room(state) {
                return Poll::Ready(());
            }
            remember(&mut state.rare().deliveries, cx.waker());
            Poll::Pending
        })
    }

    /// Calls `farewell` once the session has ended; at once if it has.
    pub(crate) fn on_end(&self, farewell: Farewell) {
        let late = self.update(|state| {
            // Within the driver's poll the end is settled later, but whoever asks is told now.
            if state.reason().is_some() {
                return Some(farewell);
            }
            // Called with the wakers, when the lock is released.
            state.rare().farewells.push(farewell);
            None
        });
        if let Some(farewell) = late {
            farewell();
        }
    }

    /// Sends, or gives the message back and remembers the task until there is room.
    pub(crate) fn poll_send(
        &self,
        cx: &Context<'_>,
        message: &mut Option<Outgoing>,
    ) -> Poll<Result<(), SendError>> {
        let Some(taken) = message.take() else {
            return Poll::Ready(Ok(()));
        };
        self.check_size(&taken)?;
        self.update(|state| match state.send(taken) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(Refused::Full(back)) => {
                *message = Some(back);
                remember(&mut state.rare().senders, cx.waker());
                Poll::Pending
            }
            Err(Refused::Closed) => Poll::Ready(Err(SendError::Closed)),
            Err(Refused::Binary) => Poll::Ready(Err(SendError::Binary)),
            Err(Refused::Separator) => Poll::Ready(Err(SendError::Separator)),
        })
    }

    /// Whether there is room for `poll_send`; ready as well when the session has ended.
    pub(crate) fn poll_send_room(&self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        self.update(|state| state.poll_send_room(cx))
    }

    pub(crate) fn try_send(&self, outgoing: Outgoing) -> Result<(), TrySendError> {
        self.check_size(&outgoing)?;
        self.update(|state| state.send(outgoing))
            .map_err(TrySendError::from)
    }

    /// Queues without waiting; at the hard limit the session is closed as too slow.
    pub(crate) fn broadcast(&self, outgoing: Outgoing) -> Result<(), SendError> {
        self.check_size(&outgoing)?;
        self.update(|state| {
            let now = state.now();
            state
                .machine
                .broadcast(outgoing, now)
                .map_err(|error| match error {
                    Refused::Binary => SendError::Binary,
                    Refused::Separator => SendError::Separator,
                    Refused::Closed | Refused::Full(_) => SendError::Closed,
                })
        })
    }

    pub(crate) fn close(&self, reason: CloseReason) {
        self.update(|state| {
            let now = state.now();
            state.machine.close(reason, now);
        });
    }

    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.update(|state| state.reason().cloned())
    }

    /// Why the session ended, in Engine.IO's words.
    pub(crate) fn engineio_reason(&self) -> Option<engineio::Reason> {
        self.update(|state| state.end()?.engineio.clone())
    }

    /// Queues where the message goes out at once; a message that would have to wait is left out.
    pub(crate) fn offer(&self, outgoing: Outgoing) -> Result<(), TrySendError> {
        self.check_size(&outgoing)?;
        self.update(|state| {
            if state.machine.is_open() && !state.machine.is_writable() {
                return Err(Refused::Full(outgoing));
            }
            state.send(outgoing)
        })
        .map_err(TrySendError::from)
    }

    /// Waits until the inbox has room, then hands the messages over in one piece.
    pub(crate) fn poll_deliver<I: IntoIterator<Item = Message>>(
        &self,
        cx: &Context<'_>,
        messages: impl FnOnce() -> I,
    ) -> Poll<()> {
        self.update(|state| {
            if state.machine.is_open() && !state.machine.has_inbox_room() {
                remember(&mut state.rare().deliveries, cx.waker());
                return Poll::Pending;
            }
            state.machine.handle_messages(messages());
            Poll::Ready(())
        })
    }

    /// Remembers the task of the attached response body.
    pub(crate) fn set_receiver(state: &mut State, cx: &Context<'_>) {
        state.receiver = Some(cx.waker().clone());
    }

    fn check_size(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        if outgoing.weight() > self.max_outgoing {
            return Err(SendError::TooLarge {
                limit: self.max_outgoing,
            });
        }
        Ok(())
    }
}

/// What the driver does next.
#[derive(Debug)]
pub(crate) enum Rest {
    /// Something came up: another round.
    Busy,
    /// Nothing to do before this time.
    Until(Option<Instant>),
}

impl State {
    /// The time; the driver's own while it is at work, which saves reading the clock per message.
    pub(crate) fn now(&self) -> Instant {
        match self.driving {
            Driving::Since(now) => now,
            Driving::No | Driving::Woken | Driving::Over => clock::now(),
        }
    }

    fn poll_take(&mut self, cx: &Context<'_>, taken: &mut VecDeque<Message>) -> Poll<bool> {
        self.machine.take_messages(taken);
        if !taken.is_empty() {
            return Poll::Ready(true);
        }
        // An end that nobody has settled yet must not be overlooked.
        self.note_events();
        if self.ended.is_some() {
            return Poll::Ready(false);
        }
        match &mut self.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn poll_send_room(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        if !self.machine.is_open() {
            Poll::Ready(Err(SendError::Closed))
        } else if self.machine.is_full() {
            remember(&mut self.rare().senders, cx.waker());
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn send(&mut self, outgoing: Outgoing) -> Result<(), Refused> {
        let now = self.now();
        self.machine.send(outgoing, now)
    }

    /// Why the session ended, if it has.
    pub(crate) fn reason(&mut self) -> Option<&CloseReason> {
        self.end().map(|end| &end.reason)
    }

    /// How the session ended, if it has.
    fn end(&mut self) -> Option<&End> {
        self.note_events();
        self.ended.as_deref()
    }

    /// Takes the machine's events in.
    fn note_events(&mut self) {
        if let Some(end) = self.machine.poll_end() {
            self.ended = Some(Box::new(end));
        }
    }

    /// Whether an Engine.IO session has a POST in flight.
    pub(crate) fn is_post_in_flight(&self) -> bool {
        self.machine.is_engineio(engineio::Session::is_posting)
    }

    /// The POST in flight has come to its end.
    pub(crate) fn forget_post(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.post = None;
        }
    }

    /// A request gives its place among those that wait back.
    pub(super) fn leave(&mut self, place: u64) {
        if let Some(rare) = &mut self.rare {
            rare.posts.remove(&place);
        }
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Finds who has something to do.
    fn settle(&mut self) -> Wakes {
        self.note_events();
        let mut wakes = Wakes::default();
        let ended = self.ended.is_some();
        if self.receiver.is_some() && (self.machine.has_transmit() || self.machine.is_closed()) {
            wakes.receiver = self.receiver.take();
        }
        if self.reader.is_some() && (ended || self.machine.has_message()) {
            wakes.reader = self.reader.take();
        }
        if let Some(rare) = &mut self.rare {
            let has_inbox_room = self.machine.has_inbox_room();
            let machine = &self.machine;
            rare.probes.retain(|(id, task)| {
                let is_running = machine.is_engineio(|session| session.is_probing(*id));
                if !is_running {
                    wakes.tasks.push(task.clone());
                }
                is_running
            });
            if rare.post.is_some() && !self.machine.is_engineio(engineio::Session::is_posting) {
                wakes.tasks.extend(rare.post.take());
            }
            if ended || !self.machine.is_full() {
                wakes.tasks.append(&mut rare.senders);
            }
            // Whoever has the turn may be among these, when a request that came before the session
            // took the room.
            if ended || has_inbox_room {
                wakes.tasks.append(&mut rare.deliveries);
            }
            if ended {
                wakes.tasks.extend(rare.watcher.take());
                wakes.farewells = std::mem::take(&mut rare.farewells);
                wakes
                    .tasks
                    .extend(std::mem::take(&mut rare.posts).into_values());
            } else if has_inbox_room && !self.posting {
                // It leaves its place when it takes the turn or is dropped; either leads here again.
                wakes.tasks.extend(rare.posts.values().next().cloned());
            }
            if rare.is_empty() {
                self.rare = None;
            }
        }
        if self.driving == Driving::No && self.driver_has_work() {
            self.driving = Driving::Woken;
            wakes.driver = self.driver.clone();
        }
        wakes
    }

    fn driver_has_work(&self) -> bool {
        let writes_itself = matches!(
            self.transport,
            Transport::WebSocket | Transport::RawWebSocket
        );
        let earlier = match (self.machine.poll_timeout(), self.armed) {
            (Some(deadline), Some(armed)) => deadline < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        earlier
            || (writes_itself && self.machine.has_transmit())
            || (self.reading_held && self.machine.may_read())
            || self.machine.is_closed()
            || self.is_cut
            || self
                .rare
                .as_ref()
                .is_some_and(|rare| rare.successor.is_some())
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (either, None) | (None, either) => either,
    }
}
