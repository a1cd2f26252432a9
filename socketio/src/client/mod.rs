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
mod leaving;
mod shared;
mod turns;
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
    socket::PANICKED,
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
        // What is left of a session that has ended is little, and behind it is its end.
        let is_held_back = self.has_enough() && self.session.poll_ended(cx).is_pending();
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
                self.begin(Held::new(socket, data, id.map(AckSlot::new)), cx, panicked);
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
