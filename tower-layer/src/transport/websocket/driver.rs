//! The one task of a WebSocket session: socket, machine, handler and timer in one future.
//!
//! In one poll it takes what a read brought, hands it to the machine, polls the handler, writes
//! everything once, and repeats while there is progress. An echo costs one read, one write and no
//! wake-up.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use sockeye_core::session::CloseReason;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    codec::Incoming,
    socket::{Read, Socket},
    wire::{Encoded, End, Wire},
};
use crate::{
    clock,
    common::Running,
    session::{Rest, Timer},
};

pub(crate) struct Driver<Io, W> {
    running: Running,
    wire: W,
    /// `None` once the connection is gone; the handler may run on.
    socket: Option<Socket<Io>>,
    stage: Stage,
    /// When the connection is dropped, whatever the peer does.
    until: Option<Instant>,
    /// Whether the socket did not take all it was given.
    is_blocked: bool,
    /// Whether the socket is not read until the handler has taken something.
    reading_held: bool,
    timer: Timer,
}

/// How far the connection's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The peer is no longer understood. It takes what it is still told once there is room;
    /// meanwhile it is read to nowhere, since it may take nothing before it has said all.
    Refusing,
    /// Our close is sent; the peer's answer is awaited.
    Closing,
    /// The peer is no longer understood. It has been told why, and is read to nowhere until it
    /// hangs up: to drop the connection while its bytes arrive would take our word back.
    Lingering {
        is_shut: bool,
    },
    /// Both sides have said all.
    Finishing,
}

impl Stage {
    /// Whether the machine is still asked for what the peer is to be told.
    fn is_telling(self) -> bool {
        matches!(self, Self::Open | Self::Refusing)
    }
}

/// Rounds in one poll before other tasks get their turn.
const ROUNDS: usize = 16;

/// Bytes after which what is ready is written before more is encoded.
const WRITE_EARLY: usize = 64 << 10;

/// How long a peer may take to answer our close while the server is going away.
const DRAIN_CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

impl<Io: AsyncRead + AsyncWrite + Unpin, W: Wire> Driver<Io, W> {
    /// Drives a session whose receiver is `wire`, over a connection that has read nothing yet.
    pub(crate) fn new(io: Io, running: Running, wire: W) -> Self {
        Self::over(Socket::new(io), running, wire, None)
    }

    /// Drives a session over a connection that is in use already.
    ///
    /// `end` is what it was read to, if the peer's bytes have come to theirs; the machine has been
    /// told of it.
    pub(crate) fn over(socket: Socket<Io>, running: Running, wire: W, end: Option<End>) -> Self {
        let mut driver = Self {
            running,
            wire,
            socket: Some(socket),
            stage: Stage::Open,
            until: None,
            is_blocked: false,
            reading_held: false,
            timer: Timer::default(),
        };
        driver.end_reading(end);
        driver
    }

    /// Lets time pass for the machine and for the connection's end.
    fn fire(&mut self, cx: &mut Context<'_>) -> bool {
        if self.timer.poll(cx).is_pending() {
            return false;
        }
        let now = clock::now();
        let (reading_held, wire) = (self.reading_held, &self.wire);
        self.running.live.shared.update(|state| {
            // A peer that is not read cannot be heard; its silence says nothing.
            if reading_held {
                wire.handle_activity(state);
            }
            state.machine.handle_timeout(now);
        });
        if self.until.is_some_and(|until| until <= now) {
            self.lose();
        }
        true
    }

    /// One round; whether there was progress.
    fn round(&mut self, cx: &mut Context<'_>, is_first: bool, now: Instant) -> bool {
        let stage = self.stage;
        let has_read = self.read(cx);
        if is_first || has_read {
            self.running.handler.poll(cx, &self.running.live.shared);
            self.write(cx, now);
        }
        // A new stage reads in its own way, and has to be heard of what comes.
        has_read || self.stage != stage
    }

    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        match self.stage {
            Stage::Open => self.read_messages(cx),
            Stage::Closing => self.read_answer(cx),
            Stage::Refusing | Stage::Lingering { is_shut: true } => {
                let Some(socket) = &mut self.socket else {
                    return false;
                };
                match socket.poll_discard(cx) {
                    Poll::Ready(true) => true,
                    Poll::Ready(false) => {
                        self.lose();
                        true
                    }
                    Poll::Pending => false,
                }
            }
            Stage::Lingering { is_shut: false } | Stage::Finishing => false,
        }
    }

    fn read_messages(&mut self, cx: &mut Context<'_>) -> bool {
        let Self {
            socket: Some(socket),
            running,
            wire,
            ..
        } = self
        else {
            return false;
        };
        let shared = &running.live.shared;
        self.reading_held = !shared.peek(|state| state.machine.may_read());
        if self.reading_held {
            return false;
        }
        let config = &running.admission.common().config;
        let limits = wire.limits(config);
        // Every turn ends with a read that brings nothing, for which no batch is fetched.
        let mut batch = None;
        let read = socket.poll_read(cx, limits, |incoming| {
            W::push(batch.get_or_insert_with(|| wire.begin(config)), incoming);
        });
        let Poll::Ready(read) = read else {
            return false;
        };
        let mut batch = batch.unwrap_or_else(|| wire.begin(config));
        let end = W::end(&mut batch).or(match read {
            Read::Some => None,
            Read::End => Some(End::Lost),
            Read::Violation(close) => Some(End::Violation(close)),
        });
        shared.update(|state| {
            wire.handle_activity(state);
            wire.deliver(state, &mut batch);
            match &end {
                None => {}
                Some(End::Peer(close)) => wire.handle_peer_close(state, close.clone()),
                Some(End::Violation(close)) => wire.handle_violation(state, close.clone()),
                // `lose` tells the machine once the batch is done with.
                Some(End::Lost) => {}
            }
        });
        W::give_back(batch);
        self.end_reading(end);
        true
    }

    /// Goes by what the peer's bytes came to; the machine has been told, except of a loss.
    fn end_reading(&mut self, end: Option<End>) {
        match end {
            None => {}
            Some(End::Peer(_)) => self.begin_end(Stage::Finishing),
            // Whether or not there is room to tell it: none of its bytes is understood from here.
            Some(End::Violation(_)) => self.begin_end(Stage::Refusing),
            Some(End::Lost) => self.lose(),
        }
    }

    /// Waits for the peer's answer to our close; messages on their way are dropped.
    fn read_answer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(socket) = &mut self.socket else {
            return false;
        };
        let mut is_answered = false;
        let limits = self.wire.limits(&self.running.admission.common().config);
        let read = socket.poll_read(cx, limits, |incoming| {
            is_answered |= matches!(incoming, Incoming::Close(_));
        });
        match read {
            Poll::Pending => return false,
            Poll::Ready(Read::End) => self.lose(),
            Poll::Ready(Read::Violation(_)) => self.stage = Stage::Lingering { is_shut: false },
            Poll::Ready(Read::Some) if is_answered => {
                // To the codec this looks like the peer's own close, which it would echo.
                socket.forget_replies();
                self.stage = Stage::Finishing;
            }
            Poll::Ready(Read::Some) => {}
        }
        true
    }

    fn write(&mut self, cx: &mut Context<'_>, now: Instant) {
        loop {
            let had_room = self.encode(now);
            let Some(socket) = &mut self.socket else {
                return;
            };
            match socket.poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    if std::mem::take(&mut self.is_blocked) {
                        self.running
                            .live
                            .shared
                            .update(|state| state.machine.handle_progress(now));
                    }
                }
                Poll::Ready(Err(error)) => {
                    // The host noticed the stall first.
                    if error.kind() == io::ErrorKind::TimedOut {
                        self.running.live.shared.close(CloseReason::TooSlow);
                    }
                    self.lose();
                    return;
                }
                Poll::Pending => {
                    self.is_blocked = true;
                    let has_written = socket.take_progress();
                    let reason = self.running.live.shared.update(|state| {
                        if has_written {
                            state.machine.handle_progress(now);
                        }
                        state.machine.handle_blocked(now);
                        state.reason().cloned()
                    });
                    if let Some(reason) = reason {
                        // What was sent goes out first, as long as the peer takes some of it.
                        if has_written && self.stage.is_telling() && reason != CloseReason::TooSlow
                        {
                            self.until = None;
                        }
                        // A peer that takes nothing cannot be told of the end either.
                        self.bound_end();
                    }
                    return;
                }
            }
            // What did not fit before is encoded now.
            if !had_room {
                continue;
            }
            match self.stage {
                Stage::Open
                | Stage::Refusing
                | Stage::Closing
                | Stage::Lingering { is_shut: true } => return,
                Stage::Lingering { is_shut: false } => {
                    let Some(socket) = &mut self.socket else {
                        return;
                    };
                    if socket.poll_shutdown(cx).is_ready() {
                        self.stage = Stage::Lingering { is_shut: true };
                        // The peer may have hung up already.
                        cx.waker().wake_by_ref();
                    }
                    return;
                }
                Stage::Finishing => {
                    let Some(socket) = &mut self.socket else {
                        return;
                    };
                    if socket.poll_shutdown(cx).is_ready() {
                        self.lose();
                    }
                    return;
                }
            }
        }
    }

    /// Encodes what the machine has for the peer; whether there was room for all of it.
    fn encode(&mut self, now: Instant) -> bool {
        if !self.stage.is_telling() {
            return true;
        }
        let Some(socket) = &mut self.socket else {
            return true;
        };
        if !socket.has_room() {
            return false;
        }
        let wire = &self.wire;
        let shared = &self.running.live.shared;
        let (has_room, farewell) = shared.update(|state| {
            loop {
                // While it is only looked for, no buffer is fetched.
                if !wire.has_transmit(state) {
                    return (true, None);
                }
                let out = socket.out();
                if out.len() >= WRITE_EARLY {
                    return (false, None);
                }
                match wire.encode(state, now, out) {
                    Encoded::Nothing => return (true, None),
                    Encoded::Frames => {}
                    Encoded::Farewell => return (true, state.reason().cloned()),
                }
            }
        });
        if let Some(reason) = farewell {
            // A close of the peer may have come behind what ended the session; ours is said.
            socket.forget_replies();
            // Where the session had another reason to end first, what came then was a violation.
            let is_refused =
                self.stage == Stage::Refusing || matches!(reason, CloseReason::Violation(_));
            self.begin_end(match is_refused {
                true => Stage::Lingering { is_shut: false },
                false => Stage::Closing,
            });
            if reason == CloseReason::GoingAway {
                self.until = earlier(self.until, now + DRAIN_CLOSE_TIMEOUT);
            }
        }
        has_room
    }

    fn begin_end(&mut self, stage: Stage) {
        self.stage = stage;
        self.reading_held = false;
        self.bound_end();
    }

    /// From now on the connection has the close timeout to end in good order.
    fn bound_end(&mut self) {
        if self.until.is_none() {
            let timeout = self.running.admission.common().config.close_timeout;
            self.until = Some(clock::now() + timeout);
        }
    }

    /// The connection is gone.
    fn lose(&mut self) {
        self.socket = None;
        self.until = None;
        let wire = &self.wire;
        self.running
            .live
            .shared
            .update(|state| wire.handle_loss(state));
    }

    /// Rests until something happens; `true` if something has already.
    fn rest(&mut self) -> bool {
        let armed = self.timer.armed();
        let can_write =
            self.socket.as_ref().is_some_and(Socket::has_room) && self.stage.is_telling();
        let (reading_held, wire) = (self.reading_held, &self.wire);
        let rest = self
            .running
            .live
            .shared
            .end_driving(armed, reading_held, |state| {
                (can_write && wire.has_transmit(state))
                    || (reading_held && state.machine.may_read())
            });
        match rest {
            Rest::Busy => true,
            Rest::Until(deadline) => {
                // An end that is bounded comes before whatever the machine waits for.
                self.timer.arm(match deadline {
                    Some(deadline) => earlier(self.until, deadline),
                    None => self.until,
                });
                false
            }
        }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin, W: Wire> Future for Driver<Io, W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut rounds = 0;
        loop {
            let now = clock::now();
            if !this.running.live.shared.begin_driving(cx, now) {
                return Poll::Ready(());
            }
            // Polled at the end of each turn anyway, it tells nothing new before its time.
            if this.timer.armed().is_some_and(|armed| armed <= now) {
                this.fire(cx);
            }
            let mut is_first = true;
            loop {
                let has_progress = this.round(cx, is_first, now);
                is_first = false;
                rounds += 1;
                if rounds >= ROUNDS {
                    this.rest();
                    cx.waker().wake_by_ref();
                    break;
                }
                if !has_progress {
                    if !this.rest() {
                        break;
                    }
                    is_first = true;
                }
            }
            if this.socket.is_none() && this.running.handler.is_done() {
                return Poll::Ready(());
            }
            // A timer hears of its time only once it has been polled.
            if !this.fire(cx) {
                return Poll::Pending;
            }
        }
    }
}

impl<Io, W> Drop for Driver<Io, W> {
    fn drop(&mut self) {
        self.running.live.shared.abandon(CloseReason::Disconnected);
    }
}

fn earlier(a: Option<Instant>, b: Instant) -> Option<Instant> {
    Some(a.map_or(b, |a| a.min(b)))
}
