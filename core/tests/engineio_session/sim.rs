//! A session under a clock that hops from deadline to deadline, and receivers that write down what
//! they take.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use sockeye_core::{
    Message,
    engineio::{
        AttachError, Config, Event, Handshake, Opening, Packet, PacketRef, PostEnd, PostError,
        ProbeId, Probed, Reason, ReceiverId, Refused, Revision, SendError, Session, Source,
        Transport,
    },
    session::{Close, CloseReason, Detach, Outgoing},
};

use crate::rules::Rules;

/// A session, its clock, and whatever is connected to it.
#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) session: Session,
    start: Instant,
    now: Instant,
    poll: Option<ReceiverId>,
    former_poll: Option<ReceiverId>,
    socket: Option<ReceiverId>,
    probe: Option<ProbeId>,
    is_taking: bool,
    answers: Vec<(Duration, String)>,
    frames: Vec<(Duration, String)>,
    events: Vec<Event>,
    rules: Rules,
}

impl Sim {
    /// A revision 4 session that begins on polling, with the default timing and limits.
    pub(crate) fn new() -> Self {
        Self::with(Revision::V4, Transport::Polling, Config::default())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do to start from"
    )]
    pub(crate) fn with(revision: Revision, transport: Transport, config: Config) -> Self {
        let start = Instant::now();
        let opening = Opening {
            revision,
            transport,
            handshake: Handshake {
                sid: "secret",
                upgrades: &[],
                ping_interval: config.ping_interval,
                ping_timeout: config.ping_timeout,
                max_payload: 1_000_000,
            },
        };
        Self {
            session: Session::new(Arc::new(config), opening, start),
            start,
            now: start,
            poll: None,
            former_poll: None,
            socket: None,
            probe: None,
            is_taking: true,
            answers: Vec::new(),
            frames: Vec::new(),
            events: Vec::new(),
            rules: Rules::default(),
        }
    }

    /// A polling session whose first poll has been answered.
    pub(crate) fn polling() -> Self {
        Self::new().open()
    }

    /// A WebSocket session that has taken its open packet.
    pub(crate) fn websocket() -> Self {
        Self::with(Revision::V4, Transport::WebSocket, Config::default()).open()
    }

    /// Attaches the first receiver and forgets what it brought.
    pub(crate) fn open(mut self) -> Self {
        match self.session.transport() {
            Some(Transport::Polling) => {
                self.poll().expect("nobody polls");
                assert_eq!(self.answers(), ["0"]);
            }
            Some(Transport::WebSocket) => {
                self.connect().expect("nobody is attached");
                assert_eq!(self.frames(), ["0"]);
            }
            None => panic!("a session that is gone"),
        }
        assert_eq!(self.events(), [Event::Opened]);
        self
    }

    /// A session that has moved to WebSocket with nothing left over.
    pub(crate) fn upgraded() -> Self {
        let mut sim = Self::polling();
        sim.probe().expect("nobody probes");
        assert_eq!(sim.on_probe(ping_probe()), Answer::Reply);
        assert_eq!(sim.on_probe(Packet::Upgrade), Answer::Upgraded);
        assert_eq!(sim.events(), [Event::Upgraded]);
        sim
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// A GET comes, and takes what there is.
    pub(crate) fn poll(&mut self) -> Result<ReceiverId, AttachError> {
        let result = self.session.attach(Transport::Polling, self.now);
        if let Ok(id) = result {
            assert_eq!(self.poll, None, "two polls are outstanding");
            self.poll = Some(id);
        }
        self.settle();
        result
    }

    /// The WebSocket of a handshake attaches.
    pub(crate) fn connect(&mut self) -> Result<ReceiverId, AttachError> {
        let result = self.session.attach(Transport::WebSocket, self.now);
        if let Ok(id) = result {
            assert_eq!(self.socket, None, "two sockets are attached");
            self.socket = Some(id);
        }
        self.settle();
        result
    }

    /// The client drops the outstanding GET.
    pub(crate) fn abort_poll(&mut self) {
        if let Some(id) = self.poll.take().or(self.former_poll.take()) {
            self.detach(id, Detach::Aborted);
        }
    }

    /// The WebSocket's connection ends.
    pub(crate) fn lose_socket(&mut self) {
        if let Some(id) = self.socket.take() {
            self.detach(id, Detach::Aborted);
        }
    }

    pub(crate) fn detach(&mut self, id: ReceiverId, how: Detach) {
        self.session.detach(id, how, self.now);
        self.settle();
    }

    pub(crate) fn begin_post(&mut self) -> Result<(), PostError> {
        let result = self.session.begin_post(self.now);
        self.settle();
        result
    }

    /// A packet of the POST in flight.
    pub(crate) fn posted(&mut self, packet: impl Into<Packet>) {
        self.session
            .handle_packet(Source::Post, packet.into(), self.now);
        self.settle();
    }

    pub(crate) fn end_post(&mut self, how: PostEnd) {
        self.session.end_post(how, self.now);
        self.settle();
    }

    /// A whole POST.
    pub(crate) fn post<const N: usize>(&mut self, packets: [Packet; N]) {
        self.begin_post().expect("nobody posts");
        for packet in packets {
            self.posted(packet);
        }
        self.end_post(PostEnd::Finished);
    }

    /// A packet on the WebSocket.
    pub(crate) fn receive(&mut self, packet: impl Into<Packet>) {
        self.receive_as(self.socket_id(), packet);
    }

    pub(crate) fn receive_as(&mut self, id: ReceiverId, packet: impl Into<Packet>) {
        self.session
            .handle_packet(Source::WebSocket(id), packet.into(), self.now);
        self.settle();
    }

    pub(crate) fn peer_close(&mut self, close: Option<Close>) {
        self.session.handle_peer_close(close);
        self.settle();
    }

    /// A WebSocket comes that wants to take over.
    pub(crate) fn probe(&mut self) -> Result<ProbeId, Refused> {
        let before = format!("{:?}", self.session);
        let result = self.session.begin_probe(self.now);
        match result {
            Ok(id) => {
                assert!(!self.is_probing(), "two probes are running");
                self.probe = Some(id);
            }
            Err(_) => {
                let after = format!("{:?}", self.session);
                assert_eq!(before, after, "a refused probe changed something");
            }
        }
        self.settle();
        result
    }

    /// A packet on the latest probing WebSocket.
    pub(crate) fn on_probe(&mut self, packet: Packet) -> Answer {
        let id = self.probe.expect("a probe has been");
        self.on_probe_as(id, packet)
    }

    pub(crate) fn on_probe_as(&mut self, id: ProbeId, packet: Packet) -> Answer {
        let was_probing = self.session.is_probing(id);
        let answer = match self.session.handle_probe(id, &packet, self.now) {
            Probed::Reply => Answer::Reply,
            Probed::Upgraded(socket) => {
                assert_eq!(self.socket, None, "two probes won");
                self.socket = Some(socket);
                self.former_poll = self.poll.take();
                Answer::Upgraded
            }
            Probed::GiveUp => Answer::GiveUp,
        };
        assert!(was_probing || answer == Answer::GiveUp);
        assert_eq!(self.session.is_probing(id), answer == Answer::Reply);
        self.settle();
        answer
    }

    /// The probing WebSocket is gone.
    pub(crate) fn lose_probe(&mut self) {
        if let Some(id) = self.probe.take() {
            self.session.end_probe(id);
            self.settle();
        }
    }

    pub(crate) fn is_probing(&self) -> bool {
        self.probe.is_some_and(|id| self.session.is_probing(id))
    }

    pub(crate) fn has_poll(&self) -> bool {
        self.poll.is_some() || self.former_poll.is_some()
    }

    pub(crate) fn has_socket(&self) -> bool {
        self.socket.is_some()
    }

    /// The attached WebSocket.
    pub(crate) fn socket_id(&self) -> ReceiverId {
        self.socket.expect("a socket is attached")
    }

    /// The receivers take nothing from now on.
    pub(crate) fn stop_taking(&mut self) {
        self.is_taking = false;
    }

    /// The receivers take again, at once what waits.
    pub(crate) fn go_on_taking(&mut self) {
        self.is_taking = true;
        self.settle();
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
    pub(crate) fn close(&mut self) {
        self.close_as(CloseReason::Application(Close::NORMAL));
    }

    pub(crate) fn close_as(&mut self, reason: CloseReason) {
        self.session.close(reason, self.now);
        self.settle();
    }

    pub(crate) fn fail(&mut self, reason: impl Into<Reason>) {
        self.session.fail(reason, self.now);
        self.settle();
    }

    pub(crate) fn admit_for(&mut self, time: Option<Duration>) {
        self.session
            .set_admitted_until(time.map(|time| self.now + time));
        self.settle();
    }

    pub(crate) fn blocked(&mut self) {
        self.session.handle_blocked(self.now);
        self.settle();
    }

    pub(crate) fn progress(&mut self) {
        self.session.handle_progress(self.now);
        self.settle();
    }

    /// A part of a packet came.
    pub(crate) fn activity(&mut self) {
        self.session.handle_activity(self.now);
        self.settle();
    }

    /// The application takes what it has been sent.
    pub(crate) fn taken(&mut self) -> Vec<String> {
        let mut taken = VecDeque::new();
        self.session.take_messages(&mut taken);
        let texts = taken.iter().filter_map(Message::as_text);
        texts.map(String::from).collect()
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

    /// What polls were answered since the last call; packets of one answer are joined by `|`.
    pub(crate) fn answers(&mut self) -> Vec<String> {
        self.answers.drain(..).map(|(_, answer)| answer).collect()
    }

    /// What polls were answered since the last call, and after how many milliseconds.
    pub(crate) fn timed_answers(&mut self) -> Vec<(u128, String)> {
        let timed = self.answers.drain(..);
        timed.map(|(at, answer)| (at.as_millis(), answer)).collect()
    }

    /// What the WebSocket was sent since the last call. Its close frame is `1`.
    pub(crate) fn frames(&mut self) -> Vec<String> {
        self.frames.drain(..).map(|(_, frame)| frame).collect()
    }

    /// What the WebSocket was sent since the last call, and after how many seconds.
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

    /// What drivers do after every call: receivers take, the application is told.
    fn settle(&mut self) {
        if self.is_taking {
            self.take();
        }
        while let Some(event) = self.session.poll_event() {
            self.rules.see_event(&event);
            self.events.push(event);
        }
        for id in [self.poll, self.former_poll, self.socket]
            .into_iter()
            .flatten()
        {
            let is_attached = self.session.is_attached(id);
            assert!(is_attached || !self.session.has_transmit(id));
        }
        self.rules.check(&self.session);
        let is_attached = |id: &ReceiverId| self.session.is_attached(*id);
        self.poll = self.poll.filter(is_attached);
        self.former_poll = self.former_poll.filter(is_attached);
        self.socket = self.socket.filter(is_attached);
    }

    /// Everybody who is connected takes what there is.
    fn take(&mut self) {
        self.polls_take();
        self.socket_takes();
    }

    /// Outstanding polls take what there is, though nobody else does.
    pub(crate) fn take_polls(&mut self) {
        self.polls_take();
        self.settle();
    }

    /// The WebSocket takes what there is, though nobody else does.
    pub(crate) fn take_socket(&mut self) {
        self.socket_takes();
        self.settle();
    }

    fn polls_take(&mut self) {
        for id in [self.former_poll, self.poll].into_iter().flatten() {
            if let Some(parts) = self.take_as(id) {
                self.answers.push((self.now - self.start, parts.join("|")));
                assert!(!self.session.is_attached(id), "a poll takes once");
                self.session.detach(id, Detach::Finished, self.now);
            }
        }
    }

    fn socket_takes(&mut self) {
        if let Some(id) = self.socket {
            if let Some(parts) = self.take_as(id) {
                let at = self.now - self.start;
                self.frames.extend(parts.into_iter().map(|part| (at, part)));
                assert!(!self.session.has_transmit(id), "a batch has all there is");
            }
        }
    }

    fn take_as(&mut self, id: ReceiverId) -> Option<Vec<String>> {
        let is_promised = self.session.has_transmit(id);
        let batch = self.session.poll_transmit(id, self.now);
        assert_eq!(batch.is_some(), is_promised, "{batch:?}");
        let batch = batch?;
        let parts: Vec<String> = batch.packets().map(show).collect();
        let bytes: usize = batch.packets().map(payload).sum();
        assert_eq!(batch.message_bytes(), bytes);
        drop(batch);
        let is_former = self.former_poll == Some(id);
        self.rules.see_batch(&parts, is_former);
        Some(parts)
    }
}

/// What a probing WebSocket was told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Reply,
    Upgraded,
    GiveUp,
}

/// The packet as text; the open packet without its data.
fn show(packet: PacketRef<'_>) -> String {
    let message = |message: &Message| match message {
        Message::Text(text) => format!("4{text}"),
        Message::Binary(bytes) => format!("b{bytes:?}"),
    };
    match packet {
        PacketRef::Open(data) => {
            assert!(data.contains(r#""sid":"secret""#), "{data}");
            "0".into()
        }
        PacketRef::Close => "1".into(),
        PacketRef::Ping(data) => format!("2{data}"),
        PacketRef::Pong(data) => format!("3{data}"),
        PacketRef::Message(own) => message(own),
        PacketRef::Prepared(shared) => message(shared.message()),
        PacketRef::Upgrade => "5".into(),
        PacketRef::Noop => "6".into(),
    }
}

fn payload(packet: PacketRef<'_>) -> usize {
    match packet {
        PacketRef::Message(message) => message.len(),
        PacketRef::Prepared(prepared) => prepared.message().len(),
        PacketRef::Open(_)
        | PacketRef::Close
        | PacketRef::Ping(_)
        | PacketRef::Pong(_)
        | PacketRef::Upgrade
        | PacketRef::Noop => 0,
    }
}

pub(crate) fn ping_probe() -> Packet {
    Packet::Ping("probe".into())
}

pub(crate) fn ping() -> Packet {
    Packet::Ping("".into())
}

pub(crate) fn pong() -> Packet {
    Packet::Pong("".into())
}

pub(crate) fn ended(reason: impl Into<Reason>) -> Event {
    Event::Ended(reason.into())
}

/// The end that `Sim::close` brings.
pub(crate) fn closed_by_application() -> Event {
    ended(Reason::Forced(CloseReason::Application(Close::NORMAL)))
}

/// More deadlines at one time than any scenario has.
const MAX_HOPS: usize = 2_000;

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The smallest step of time that the scenarios know.
pub(crate) const TICK: Duration = Duration::from_millis(1);

pub(crate) const NOTHING: [&str; 0] = [];
