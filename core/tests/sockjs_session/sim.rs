//! A session under a clock that hops from deadline to deadline, and receivers that write down what
//! they take.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use sockeye_core::{
    Message,
    session::{Close, CloseReason, Detach, Outgoing},
    sockjs::{
        AttachError, Config, Content, Event, Frame, ReceiverId, ReceiverKind, SendError, Session,
    },
};

use crate::rules::Rules;

/// How a fake receiver goes about its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Ends with its first frame.
    Poll,
    /// Goes on until a close frame, or until it has taken this many frames.
    Stream { limit: usize },
    /// A stream that is its session.
    EventStream,
    /// Goes on until it hangs up, since a close frame wants its answer.
    WebSocket,
}

/// A stream whose limit no scenario reaches.
pub(crate) const STREAM: Mode = Mode::Stream { limit: usize::MAX };

impl Mode {
    fn kind(self) -> ReceiverKind {
        match self {
            Self::Poll | Self::Stream { .. } => ReceiverKind::Response,
            Self::EventStream => ReceiverKind::EventStream,
            Self::WebSocket => ReceiverKind::WebSocket,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Receiver {
    id: ReceiverId,
    mode: Mode,
    taken: usize,
}

/// A session, its clock, and at most one receiver.
#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) session: Session,
    start: Instant,
    now: Instant,
    receiver: Option<Receiver>,
    is_taking: bool,
    frames: Vec<(Duration, String)>,
    events: Vec<Event>,
    rules: Rules,
}

impl Sim {
    /// A session with the default timing and limits, carrying text.
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::carrying(Content::Text, config)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do to start from"
    )]
    pub(crate) fn carrying(content: Content, config: Config) -> Self {
        let start = Instant::now();
        Self {
            session: Session::new(Arc::new(config), content),
            start,
            now: start,
            receiver: None,
            is_taking: true,
            frames: Vec::new(),
            events: Vec::new(),
            rules: Rules::default(),
        }
    }

    /// A session whose first receiver has taken `o`; a poll is over by now.
    pub(crate) fn opened(mode: Mode) -> Self {
        Self::new().open(mode)
    }

    /// Attaches the first receiver and forgets what it brought.
    pub(crate) fn open(mut self, mode: Mode) -> Self {
        self.attach(mode).expect("nobody is attached");
        assert_eq!(self.frames(), ["o"]);
        assert_eq!(self.events(), [Event::Opened]);
        self
    }

    /// A receiver comes, and takes what there is.
    pub(crate) fn attach(&mut self, mode: Mode) -> Result<ReceiverId, AttachError> {
        let before = format!("{:?}", self.session);
        match self.session.attach(mode.kind(), self.now) {
            Ok(id) => {
                assert!(self.receiver.is_none(), "two receivers are attached");
                self.rules.see_receiver();
                self.receiver = Some(Receiver { id, mode, taken: 0 });
                self.settle();
                Ok(id)
            }
            Err(error) => {
                let after = format!("{:?}", self.session);
                assert_eq!(before, after, "a refused receiver changed something");
                Err(error)
            }
        }
    }

    /// Says how an attachment ended, be it the current one or a former one.
    pub(crate) fn detach(&mut self, id: ReceiverId, how: Detach) {
        let is_current = self.receiver.is_some_and(|receiver| receiver.id == id);
        let before = format!("{:?}", self.session);
        self.session.detach(id, how, self.now);
        if is_current {
            self.receiver = None;
        } else {
            let after = format!("{:?}", self.session);
            assert_eq!(before, after, "a former receiver changed something");
        }
        self.settle();
    }

    /// The attached receiver's connection breaks; without a receiver nothing happens.
    pub(crate) fn abort(&mut self) {
        if let Some(receiver) = self.receiver {
            self.detach(receiver.id, Detach::Aborted);
        }
    }

    /// The attached receiver ends in good order, a WebSocket after its closing handshake.
    pub(crate) fn hang_up(&mut self) {
        self.detach(self.receiver_id(), Detach::Finished);
    }

    /// The attached receiver.
    pub(crate) fn receiver_id(&self) -> ReceiverId {
        self.receiver.expect("a receiver is attached").id
    }

    /// The receiver takes nothing from now on.
    pub(crate) fn stop_taking(&mut self) {
        self.is_taking = false;
    }

    /// The receiver takes again, at once what waits.
    pub(crate) fn go_on_taking(&mut self) {
        self.is_taking = true;
        self.settle();
    }

    /// The receiver takes one frame, though it has stopped taking.
    pub(crate) fn take_one(&mut self) {
        self.transmit();
        self.settle();
    }

    /// What a receiver gets that takes out of turn.
    pub(crate) fn transmit_to(&mut self, id: ReceiverId) -> Option<Frame<'_>> {
        self.session.poll_transmit(id, self.now)
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.receiver.is_some()
    }

    pub(crate) fn is_taking(&self) -> bool {
        self.is_taking
    }

    pub(crate) fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let result = self.session.send(Outgoing::Own(message.into()), self.now);
        self.settle();
        result
    }

    pub(crate) fn broadcast(&mut self, outgoing: impl Into<Outgoing>) -> Result<(), SendError> {
        let result = self.session.broadcast(outgoing, self.now);
        self.settle();
        result
    }

    /// The application closes.
    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        self.end(CloseReason::Application(Close::new(code, reason)));
    }

    /// Closes for any reason.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        self.session.close(reason, self.now);
        self.settle();
    }

    /// The session is over without a goodbye.
    pub(crate) fn admit_for(&mut self, time: Option<Duration>) {
        self.session
            .set_admitted_until(time.map(|time| self.now + time));
        self.settle();
    }

    pub(crate) fn abandon(&mut self, reason: CloseReason) {
        self.session.abandon(reason);
        self.settle();
    }

    /// The peer closes its WebSocket.
    pub(crate) fn peer_close(&mut self, close: Option<Close>) {
        self.session.handle_peer_close(close);
        self.settle();
    }

    /// The peer sends messages.
    pub(crate) fn receive<const N: usize>(&mut self, texts: [&str; N]) {
        self.session.handle_messages(texts.map(Message::from));
        self.settle();
    }

    /// The application takes what it has been sent.
    pub(crate) fn taken(&mut self) -> Vec<String> {
        let mut taken = VecDeque::new();
        self.session.take_messages(&mut taken);
        let texts = taken.iter().filter_map(Message::as_text);
        texts.map(String::from).collect()
    }

    /// The peer gives a sign of life.
    pub(crate) fn activity(&mut self) {
        self.session.handle_activity();
        self.settle();
    }

    /// The receiver's connection takes no bytes at the moment.
    pub(crate) fn blocked(&mut self) {
        self.session.handle_blocked(self.now);
        self.settle();
    }

    /// The receiver's connection took some bytes.
    pub(crate) fn progress(&mut self) {
        self.session.handle_progress(self.now);
        self.settle();
    }

    /// Lets time pass, hopping from deadline to deadline as a punctual driver does.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        for _ in 0..MAX_HOPS {
            match self.session.poll_timeout() {
                Some(at) if at <= end => {
                    self.now = self.now.max(at);
                    self.fire();
                }
                Some(_) | None => {
                    self.now = end;
                    // A timer may fire early.
                    let before = format!("{:?}", self.session);
                    self.fire();
                    let after = format!("{:?}", self.session);
                    assert_eq!(before, after, "nothing was due");
                    return;
                }
            }
        }
        panic!("a busy loop: {:?}", self.session);
    }

    /// Lets time pass while the driver sleeps; it looks at its deadline only at the end.
    pub(crate) fn oversleep(&mut self, by: Duration) {
        self.now += by;
        self.fire();
    }

    /// What was taken since the last call.
    pub(crate) fn frames(&mut self) -> Vec<String> {
        self.frames.drain(..).map(|(_, frame)| frame).collect()
    }

    /// What was taken since the last call, and after how many seconds.
    pub(crate) fn timed_frames(&mut self) -> Vec<(u64, String)> {
        let timed = self.frames.drain(..);
        timed.map(|(at, frame)| (at.as_secs(), frame)).collect()
    }

    /// What the application was told since the last call.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    fn fire(&mut self) {
        self.session.handle_timeout(self.now);
        if let Some(at) = self.session.poll_timeout() {
            assert!(at > self.now, "a deadline stays due: {:?}", self.session);
        }
        self.settle();
    }

    /// What a driver does after every call: the receiver takes, the application is told.
    fn settle(&mut self) {
        if self.is_taking {
            for _ in 0..MAX_HOPS {
                if !self.transmit() {
                    break;
                }
            }
            assert!(
                self.receiver.is_none() || !self.session.has_transmit(),
                "frames without end: {:?}",
                self.session
            );
        }
        while let Some(event) = self.session.poll_event() {
            self.rules.see_event(&event);
            self.events.push(event);
        }
        self.rules.check(&self.session);
        if self.session.is_closed() {
            self.receiver = None;
        }
    }

    /// The receiver takes one frame if there is one.
    fn transmit(&mut self) -> bool {
        let Some(Receiver { id, mode, taken }) = self.receiver else {
            return false;
        };
        let is_promised = self.session.has_transmit();
        let Some(frame) = self.session.poll_transmit(id, self.now) else {
            assert!(!is_promised, "no frame came: {:?}", self.session);
            return false;
        };
        assert!(is_promised, "{frame:?} came unasked");
        let is_close = matches!(frame, Frame::Close(_));
        let mut text = Vec::new();
        frame.encode_into(&mut text);
        drop(frame);
        let text = String::from_utf8(text).expect("frames are UTF-8");
        self.rules.see_frame(&text);
        self.frames.push((self.now - self.start, text));
        self.receiver = Some(Receiver {
            id,
            mode,
            taken: taken + 1,
        });
        if is_close {
            let more = self.session.poll_transmit(id, self.now);
            assert!(more.is_none(), "{more:?} after the close frame");
        }
        let goes_on = match mode {
            Mode::Poll => false,
            Mode::Stream { limit } => !is_close && taken + 1 < limit,
            Mode::EventStream => !is_close,
            Mode::WebSocket => true,
        };
        if !goes_on {
            self.session.detach(id, Detach::Finished, self.now);
            self.receiver = None;
        }
        true
    }
}

/// More deadlines, and more frames at one time, than any scenario has.
const MAX_HOPS: usize = 1_000;

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The smallest step of time that the scenarios know.
pub(crate) const TICK: Duration = Duration::from_millis(1);
