//! One client: the task of its Engine.IO session.
//!
//! ```text
//! session ── message ──> Connection ──> Incoming ──┬─ Connect ──> middlewares ──> joined ──> handler
//!                                                  ├─ Event ───> held? ──> handlers, polled in line
//!                                                  ├─ Ack ─────> who waits for it
//!                                                  └─ Disconnect ──> disconnecting, disconnect
//! news (from handlers and other tasks): departures, verdicts, what listeners to outgoing events hear
//! ```

mod joining;
mod shared;
mod unheard;

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::SystemTime,
};

use sockeye_core::{
    engineio::Revision,
    session::{Close, CloseReason},
    socketio::{Config, Connection, Incoming, Place, Protocol, Violation},
};
use sockeye_tower::{Limit, Session, Transport};
use tokio::time::Sleep;

use crate::{
    Reason, Socket,
    call::{AckSlot, Call, Occasion},
    clock::now,
    connecting::Verdict,
    dispatch::Held,
    limits,
    listeners::For,
    server::Server,
    socket::{End, PANICKED},
    start::{Panicked, Starter, Waiting},
};

pub(crate) use shared::Shared;

/// The task of one client.
pub(crate) struct Client {
    server: Arc<Server>,
    shared: Arc<Shared>,
    session: Session,
    connection: Connection,
    /// The sockets by the index of their places.
    sockets: Vec<Option<Socket>>,
    waiting: Waiting,
    /// Handlers of outgoing events that wait. Apart, so that they take no place of the client's events.
    hearing: Waiting,
    /// Events that wait for their turn.
    #[expect(clippy::box_collection, reason = "an idle client pays one word for it")]
    held: Option<Box<VecDeque<Held>>>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Why the session ended, if this side knows better than it.
    reason: Option<Reason>,
    /// The session is about to end by this side's wish: what the client still says is nobody's.
    is_closing: bool,
    is_over: bool,
    /// Whether as many handlers waited when it was last looked at as hold back any message.
    was_crowded: bool,
    /// Whether something was sent that those who listen to it have not heard of.
    has_unheard: bool,
}

/// Messages handled in one poll before others get a turn.
const BUDGET: u32 = 128;

/// Events that may wait for their turn before the client is not read any more: enough that an ack
/// behind a burst is still seen.
const HELD: usize = 256;

/// Bytes of events that may wait for their turn.
const HELD_BYTES: usize = 64 << 10;

impl Client {
    pub(crate) fn new(session: Session, server: Arc<Server>, config: Arc<Config>) -> Self {
        let sender = session.sender();
        // Whoever mounts a server mounts it on Engine.IO.
        let revision = sender.engineio_revision().unwrap_or(Revision::V4);
        let shared = Arc::new(Shared {
            sender,
            issued: SystemTime::now(),
            revision,
            has_news: AtomicBool::new(false),
            news: Mutex::default(),
        });
        let protocol = Protocol::from(revision);
        let connection = Connection::new(protocol, server.parser(), config, now());
        server.count().fetch_add(1, Ordering::Relaxed);
        let mut client = Self {
            server,
            shared,
            session,
            connection,
            sockets: Vec::new(),
            waiting: Waiting::default(),
            hearing: Waiting::default(),
            held: None,
            timer: None,
            reason: None,
            is_closing: false,
            is_over: false,
            was_crowded: false,
            has_unheard: false,
        };
        // A client of before protocol 5 is in `/` without asking.
        if let Incoming::Connect { namespace, auth } = client.connection.handle_open() {
            client.shared.update(|news| {
                news.verdicts.push(Verdict::Open(namespace, auth));
            });
        }
        client
    }

    /// Takes one message, if there is one and its turn has come. Whether something was done.
    fn poll_message(&mut self, cx: &mut Context<'_>, panicked: &mut Panicked) -> bool {
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
        // What is left of a session that has ended is little, and behind it is its end.
        let is_held_back = (is_full || is_crowded) && self.session.poll_ended(cx).is_pending();
        if self.is_over || is_held_back {
            return false;
        }
        // Answers wait for nobody, so that what a client asks waits for room instead.
        match self.session.poll_recv_with_room(cx) {
            Poll::Pending => return false,
            Poll::Ready(None) => {
                self.end(cx, panicked);
                return true;
            }
            Poll::Ready(Some(_)) if self.is_closing => {}
            // Hardly any message needs the time, and a look at the clock costs as much as a short one.
            Poll::Ready(Some(message)) => match self.connection.handle_message_with(message, now) {
                Ok(incoming) => self.take(incoming, cx, panicked),
                Err(violation) => self.violate(violation),
            },
        }
        true
    }

    fn take(&mut self, incoming: Incoming, cx: &mut Context<'_>, panicked: &mut Panicked) {
        match incoming {
            Incoming::Event { place, id, data } => {
                let Some(socket) = self.socket(place).cloned() else {
                    return;
                };
                let ack = id.map(AckSlot::new);
                let may_start = self.may_start(&socket);
                let held = Held::new(socket, data, ack);
                if may_start {
                    held.start(&mut Starter::new(cx, &mut self.waiting, panicked));
                } else {
                    let namespace = held.socket().namespace();
                    let is_full = self.waiting.len() >= namespace.limits().waiting_handlers;
                    // Otherwise it waits for those of its socket before it, as was asked for.
                    if is_full || !namespace.is_sequential() {
                        namespace.count(Limit::WaitingHandlers);
                    }
                    self.held.get_or_insert_default().push_back(held);
                }
            }
            Incoming::Ack { place, id, data } => {
                if let Some(socket) = self.socket(place) {
                    socket.answer(id, data);
                }
            }
            Incoming::Connect { namespace, auth } => self.connect(namespace, auth, cx, panicked),
            Incoming::Disconnect { place } => {
                let socket = self.sockets.get_mut(place.index()).and_then(Option::take);
                if let Some(socket) = socket {
                    if socket.go() {
                        self.finish(&socket, Reason::ClientNamespaceDisconnect, cx, panicked);
                    }
                }
            }
            Incoming::Refused(answer) => {
                // There is one reason to refuse without asking anyone.
                self.server.handle().count(Limit::NamespaceName);
                self.shared.send_now(answer);
            }
            Incoming::Nothing => {}
        }
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
    fn start_held(&mut self, cx: &mut Context<'_>, panicked: &mut Panicked) -> bool {
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

    /// What others left. Whether there was anything.
    fn take_news(&mut self, cx: &mut Context<'_>, panicked: &mut Panicked) -> bool {
        // Only read before each message: to write costs as much as a lock.
        if !self.shared.has_news() || !self.shared.has_news.swap(false, Ordering::Acquire) {
            return false;
        }
        let (departures, verdicts, is_to_close) = {
            let mut news = self.shared.lock();
            self.has_unheard |= !news.outgoing.is_empty();
            (
                std::mem::take(&mut news.departures),
                std::mem::take(&mut news.verdicts),
                std::mem::take(&mut news.is_to_close),
            )
        };
        // Before those depart to whom it was sent.
        self.hear_outgoing(cx, panicked);
        for (socket, reason) in departures {
            self.depart(&socket, reason, cx, panicked);
        }
        for verdict in verdicts {
            self.join(verdict, cx, panicked);
        }
        if is_to_close {
            for socket in self.sockets.iter().flatten() {
                socket.leave_namespace(Reason::ServerNamespaceDisconnect);
            }
            self.is_closing = true;
            self.shared
                .sender
                .end(CloseReason::Application(Close::NORMAL));
        }
        true
    }

    /// Tells of what is sent, as long as those who hear of it are not behind. Whether it told any.
    fn hear_outgoing(&mut self, cx: &mut Context<'_>, panicked: &mut Panicked) -> bool {
        if !self.has_unheard {
            return false;
        }
        let limit = self.server.limits().waiting_handlers;
        // What these handlers send themselves has its turn later.
        let there = self.shared.lock().outgoing.len();
        let mut told = 0;
        while told < there && self.hearing.len() < limit {
            let next = self.shared.lock().outgoing.pop();
            let Some((socket, data)) = next else { break };
            told += 1;
            let call = Call::of_socket(&socket, Occasion::Outgoing(data));
            for run in socket.runs(For::Outgoing) {
                let mut starter = Starter::new(cx, &mut self.hearing, panicked);
                run.start(call.clone(), &mut starter);
            }
        }
        if told == there {
            self.has_unheard = !self.shared.lock().outgoing.is_empty();
        }
        told > 0
    }

    /// A socket left on this side's wish.
    fn depart(
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
    fn finish(
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
    fn end(&mut self, cx: &mut Context<'_>, panicked: &mut Panicked) {
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

    fn violate(&mut self, violation: Violation) {
        tracing::debug!(error = %violation, "a client broke the protocol's rules");
        if let Some(limit) = limits::behind(&violation) {
            self.server.handle().count(limit);
        }
        self.is_closing = true;
        let sender = &self.shared.sender;
        if !matches!(violation, Violation::Parse(_))
            && sender.transport() == Transport::Polling
            && !sender.is_writable()
        {
            self.reason = Some(Reason::ForcedServerClose);
        }
        if let Violation::TooManyNamespaces { answer } = violation {
            self.shared.send_now(answer);
        }
        self.shared
            .sender
            .end(CloseReason::Violation(Close::PROTOCOL_ERROR));
    }

    fn socket(&self, place: Place) -> Option<&Socket> {
        self.sockets.get(place.index())?.as_ref()
    }

    /// Re-arms the timer, and fires it. Whether it fired.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_over || self.is_closing {
            self.timer = None;
            return false;
        }
        let Some(deadline) = self.connection.poll_timeout() else {
            self.timer = None;
            return false;
        };
        let deadline = tokio::time::Instant::from_std(deadline);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        if let Some(violation) = self.connection.handle_timeout(now()) {
            self.violate(violation);
        }
        true
    }
}

impl Future for Client {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.shared.wait(cx);
        let mut panicked = Panicked::default();
        for _ in 0..BUDGET {
            let mut is_busy = this.take_news(cx, &mut panicked);
            is_busy |= this.waiting.poll(cx, &mut panicked);
            is_busy |= this.hearing.poll(cx, &mut panicked);
            is_busy |= this.hear_outgoing(cx, &mut panicked);
            is_busy |= this.start_held(cx, &mut panicked);
            is_busy |= this.poll_message(cx, &mut panicked);
            if std::mem::take(&mut panicked).0 {
                this.is_closing = true;
                this.shared.sender.end(PANICKED);
                is_busy = true;
            }
            if !is_busy && !this.poll_timer(cx) {
                let is_done = this.is_over
                    && this.waiting.len() == 0
                    && this.hearing.len() == 0
                    && !this.has_unheard
                    && this.held.is_none()
                    && this.shared.is_quiet();
                if is_done {
                    return Poll::Ready(());
                }
                // What came meanwhile may have taken a waker of long ago, or found none.
                if !this.shared.has_news() {
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
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
fn retire(socket: &Socket, reason: Reason) {
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
