//! Random scripts against a model of the queue; `Sim` and `Rules` check the rest at every step.

use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof},
    proptest,
    sample::{Index, select},
};
use sockeye_core::{
    Prepared,
    session::{Close, CloseReason, Detach, QueueLimits},
    sockjs::{AttachError, Config, Event, ReceiverId, SendError},
};

use crate::sim::{Mode, STREAM, Sim};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_script_keeps_the_rules(config in config(), script in vec(step(), 1..80)) {
        let mut model = Model::new(config);
        for step in script {
            model.play(step);
        }
        model.finish();
    }

    #[test]
    fn the_same_script_has_the_same_outcome(config in config(), script in vec(step(), 1..40)) {
        let outcome = || {
            let mut model = Model::new(config.clone());
            let events: Vec<Event> = script
                .iter()
                .flat_map(|step| {
                    model.play(step.clone());
                    model.sim.events()
                })
                .collect();
            (model.frames, events)
        };
        assert_eq!(outcome(), outcome());
    }
}

/// One thing that happens to a session.
#[derive(Clone, Debug)]
enum Step {
    Attach(Mode),
    Abort,
    HangUp,
    /// A word about some receiver, mostly a former one.
    Detach(Index, Detach),
    Send(usize),
    Broadcast(usize),
    Receive(usize),
    Take,
    Close(CloseReason),
    PeerClose,
    Abandon,
    Activity,
    Blocked,
    Progress,
    StopTaking,
    TakeOne,
    GoOnTaking,
    Advance(Duration),
    Oversleep(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![
        3 => Just(Mode::Poll),
        2 => Just(STREAM),
        1 => Just(Mode::Stream { limit: 2 }),
        1 => Just(Mode::WebSocket),
        1 => Just(Mode::EventStream),
    ];
    let how = || select(vec![Detach::Finished, Detach::Aborted]);
    let reason = select(vec![
        CloseReason::Application(Close::NORMAL),
        CloseReason::Violation(Close::BROKEN_FRAMING),
        CloseReason::GoingAway,
        CloseReason::HandlerPanicked,
        CloseReason::Expired,
    ]);
    let time = || (0_u64..40_000).prop_map(Duration::from_millis);
    prop_oneof![
        12 => mode.prop_map(Step::Attach),
        1 => Just(Step::Abort),
        1 => Just(Step::HangUp),
        2 => (any::<Index>(), how()).prop_map(|(index, how)| Step::Detach(index, how)),
        12 => (0_usize..20).prop_map(Step::Send),
        6 => (0_usize..20).prop_map(Step::Broadcast),
        2 => (0_usize..4).prop_map(Step::Receive),
        1 => Just(Step::Take),
        1 => reason.prop_map(Step::Close),
        1 => prop_oneof![Just(Step::PeerClose), Just(Step::Abandon)],
        3 => Just(Step::Activity),
        2 => prop_oneof![Just(Step::Blocked), Just(Step::Progress)],
        2 => Just(Step::StopTaking),
        4 => Just(Step::TakeOne),
        3 => Just(Step::GoOnTaking),
        8 => time().prop_map(Step::Advance),
        2 => time().prop_map(Step::Oversleep),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let time = || (1_u64..40_000).prop_map(Duration::from_millis);
    // Not so short that a step of time has more heartbeats than `Sim` allows deadlines.
    let interval = (500_u64..40_000).prop_map(Duration::from_millis);
    let limits =
        || (0_usize..6, 0_usize..60).prop_map(|(messages, bytes)| QueueLimits { messages, bytes });
    let times = (interval, time(), time(), time());
    (times, limits(), limits()).prop_map(|(times, outbox, inbox)| Config {
        heartbeat_interval: times.0,
        heartbeat_timeout: times.1,
        disconnect_delay: times.2,
        stall_timeout: times.3,
        outbox,
        outbox_hard: QueueLimits {
            messages: 2 * outbox.messages,
            bytes: 2 * outbox.bytes,
        },
        inbox,
    })
}

/// A session beside what should have become of its messages.
struct Model {
    sim: Sim,
    config: Config,
    receivers: Vec<ReceiverId>,
    /// Every message that was accepted.
    accepted: Vec<String>,
    /// How many of them came out, and how many more were dropped by a session that is too slow.
    delivered: usize,
    frames: Vec<String>,
    /// What the application has not taken.
    received: Vec<String>,
    count: usize,
}

impl Model {
    fn new(config: Config) -> Self {
        Self {
            sim: Sim::with(config.clone()),
            config,
            receivers: Vec::new(),
            accepted: Vec::new(),
            delivered: 0,
            frames: Vec::new(),
            received: Vec::new(),
            count: 0,
        }
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Attach(mode) => self.attach(mode),
            Step::Abort => self.sim.abort(),
            Step::HangUp if self.sim.is_attached() => self.sim.hang_up(),
            Step::HangUp => {}
            Step::Detach(index, how) => {
                if !self.receivers.is_empty() {
                    self.sim.detach(*index.get(&self.receivers), how);
                }
            }
            Step::Send(bytes) => self.send(bytes, self.config.outbox),
            Step::Broadcast(bytes) => self.broadcast(bytes),
            Step::Receive(count) => self.receive(count),
            Step::Take => assert_eq!(self.sim.taken(), std::mem::take(&mut self.received)),
            Step::Close(reason) => self.sim.end(reason),
            Step::PeerClose => self.sim.peer_close(None),
            Step::Abandon => self.sim.abandon(CloseReason::Disconnected),
            Step::Activity => self.sim.activity(),
            Step::Blocked => self.sim.blocked(),
            Step::Progress => self.sim.progress(),
            Step::StopTaking => self.sim.stop_taking(),
            Step::TakeOne => self.sim.take_one(),
            Step::GoOnTaking => self.sim.go_on_taking(),
            Step::Advance(by) => self.sim.advance(by),
            Step::Oversleep(by) => self.sim.oversleep(by),
        }
        self.compare_frames();
    }

    fn attach(&mut self, mode: Mode) {
        let session = &self.sim.session;
        let (is_open, is_closed) = (session.is_open(), session.is_closed());
        let is_attached = self.sim.is_attached();
        match self.sim.attach(mode) {
            Ok(receiver) => {
                assert!(!is_attached && !is_closed);
                self.receivers.push(receiver);
            }
            Err(AttachError::StillOpen) => assert!(is_attached && is_open),
            Err(AttachError::Closing(_)) => assert!(is_attached && !is_open && !is_closed),
            Err(AttachError::Closed) => assert!(is_closed),
        }
    }

    fn next_message(&mut self, bytes: usize) -> String {
        self.count += 1;
        format!("{}{}", self.count, "é".repeat(bytes))
    }

    fn waiting(&self) -> &[String] {
        &self.accepted[self.delivered..]
    }

    fn has_room(&self, limits: QueueLimits) -> bool {
        let waiting = self.waiting();
        let bytes: usize = waiting.iter().map(String::len).sum();
        waiting.is_empty() || (waiting.len() < limits.messages && bytes < limits.bytes)
    }

    fn send(&mut self, bytes: usize, limits: QueueLimits) {
        let message = self.next_message(bytes);
        let (is_open, has_room) = (self.sim.session.is_open(), self.has_room(limits));
        assert!(!is_open || self.sim.session.is_full() != has_room);
        match self.sim.send(message.clone()) {
            Ok(()) => {
                assert!(is_open && has_room);
                self.accepted.push(message);
            }
            Err(SendError::Full(back)) => {
                assert!(is_open && !has_room);
                assert_eq!(back.message().as_text(), Some(&*message));
            }
            Err(SendError::Closed) => assert!(!is_open),
            Err(SendError::Binary) => panic!("it was text"),
        }
    }

    fn broadcast(&mut self, bytes: usize) {
        let message = self.next_message(bytes);
        let is_open = self.sim.session.is_open();
        let has_room = self.has_room(self.config.outbox_hard);
        let result = self.sim.broadcast(Prepared::new(&message));
        assert_eq!(result.is_ok(), is_open && has_room, "{result:?}");
        assert_eq!(self.sim.session.is_open(), is_open && has_room);
        if result.is_ok() {
            self.accepted.push(message);
        } else {
            assert!(matches!(result, Err(SendError::Closed)), "{result:?}");
        }
    }

    fn receive(&mut self, count: usize) {
        for _ in 0..count {
            let message = self.next_message(3);
            self.sim.receive([&message]);
            if self.sim.session.is_open() {
                self.received.push(message);
            }
        }
        let bytes: usize = self.received.iter().map(String::len).sum();
        let QueueLimits {
            messages,
            bytes: limit,
        } = self.config.inbox;
        let has_room =
            self.received.is_empty() || (self.received.len() < messages && bytes < limit);
        assert_eq!(self.sim.session.has_inbox_room(), has_room);
    }

    /// Messages come out in order, each once, and before a close frame all of them.
    fn compare_frames(&mut self) {
        for frame in self.sim.frames() {
            if let Some(array) = frame.strip_prefix('a') {
                let texts: Vec<String> = serde_json::from_str(array).expect("a JSON array");
                assert_eq!(texts[..], self.waiting()[..texts.len()]);
                self.delivered += texts.len();
            } else if frame.starts_with('c') && frame != TOO_SLOW {
                assert_eq!(self.waiting(), [""; 0], "lost before {frame}");
            }
            self.frames.push(frame);
        }
        // Where the session is open nothing has been lost; a receiver that takes has it all.
        let takes_all = self.sim.is_attached() && self.sim.is_taking();
        if takes_all && self.sim.session.is_open() {
            assert_eq!(self.waiting(), [""; 0]);
        }
    }

    /// What an open session still holds comes out in the end, and then time ends it.
    fn finish(mut self) {
        self.play(Step::GoOnTaking);
        if self.sim.session.is_open() {
            if self.sim.is_attached() {
                self.sim.hang_up();
            }
            if self.sim.session.is_open() {
                self.play(Step::Attach(STREAM));
                assert_eq!(self.waiting(), [""; 0]);
                self.sim.hang_up();
            }
        }
        self.play(Step::Advance(Duration::from_secs(1_000)));
        self.play(Step::StopTaking);
        self.play(Step::Advance(Duration::from_secs(1_000)));
        assert!(self.sim.session.is_closed(), "{:?}", self.sim.session);
        assert_eq!(self.sim.events().last(), Some(&Event::Closed));
    }
}

const TOO_SLOW: &str = r#"c[1013,"Too slow"]"#;
