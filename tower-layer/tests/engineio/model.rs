//! A session and a client in every order of things, through hyper: what either side says reaches the
//! other once and in order, whatever happens meanwhile, at every moment of an upgrade.
//!
//! The core has the same test of its machine. Here the requests, responses, connections, tasks and
//! wake-ups around it are the real ones, and a script says how often they get their turn.

use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof},
    proptest,
};
use sockeye_tower::{Session, TrySendError};

use crate::{
    client::{Connection, masked},
    support::{Polling, Server, pass, rest},
    wire::Wire,
};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_doubled_or_moved(
        revision_3 in any::<bool>(),
        is_rude in any::<bool>(),
        script in vec(step(), 1..120),
        end in end(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::new(revision_3, is_rude).await;
            for step in script {
                world.play(step).await;
            }
            world.end(end).await;
        });
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Polls,
    Says,
    /// Begins a POST of all there is to say, with this much of its body; by WebSocket, sends all.
    Flushes(u8),
    PostGoesOn,
    Probes,
    /// A WebSocket that says all of the dance at once, while another is at it or was.
    SecondProbe,
    Upgrades,
    LosesProbe,
    Reads,
    ApplicationSends,
    ApplicationTakes,
    /// The server's tasks have as many turns.
    Turns(u8),
    Milliseconds(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let time = prop_oneof![Just(1_u64), Just(50), Just(100), Just(240)];
    prop_oneof![
        8 => Just(Step::Polls),
        8 => Just(Step::Says),
        6 => (0_u8..12).prop_map(Step::Flushes),
        5 => Just(Step::PostGoesOn),
        4 => Just(Step::Probes),
        1 => Just(Step::SecondProbe),
        6 => Just(Step::Upgrades),
        1 => Just(Step::LosesProbe),
        12 => Just(Step::Reads),
        10 => Just(Step::ApplicationSends),
        8 => Just(Step::ApplicationTakes),
        16 => (1_u8..6).prop_map(Step::Turns),
        6 => time.prop_map(Step::Milliseconds),
    ]
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Both sides have heard all, and the client goes without a word.
    Vanishes,
    /// The client says that it closes, behind all that it had to say.
    ClientCloses,
    /// The application closes, and its client hears all that was sent before.
    ApplicationCloses,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        Just(End::Vanishes),
        Just(End::ClientCloses),
        Just(End::ApplicationCloses)
    ]
}

/// How far the upgrade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Polling,
    Probing,
    /// `3probe` has come: no more polls or POSTs are begun.
    Pausing,
    /// `5` is sent.
    Upgraded,
}

struct Post {
    wire: Wire,
    rest: Vec<u8>,
}

struct World {
    server: Server,
    session: Session,
    polling: Polling,
    revision_3: bool,
    /// It sends `5` when it likes, and not only when its poll and its POST are over.
    is_rude: bool,
    phase: Phase,
    get: Option<Wire>,
    post: Option<Post>,
    socket: Option<Wire>,
    /// Refused WebSockets, until their end has been seen.
    others: Vec<Wire>,
    /// Its `5` came after the probe had been given up: the client is cut off.
    is_cut_off: bool,
    out: Vec<String>,
    said: u32,
    taken: u32,
    sent: u32,
    heard: u32,
    /// A close packet or frame has come.
    is_told: bool,
    /// It has begun to say that it closes.
    has_closed: bool,
}

impl World {
    async fn new(revision_3: bool, is_rude: bool) -> Self {
        let (server, mut sessions) = Server::handing_over(|mount| {
            mount
                .allow_eio3(true)
                .inbox_limits(2, 1 << 20)
                .outbox_limits(4, 1 << 20)
                .ping_interval(Duration::from_secs(2))
                .ping_timeout(Duration::from_secs(600))
                .upgrade_timeout(Duration::from_secs(1))
        });
        let revision = if revision_3 { "EIO=3&b64=1" } else { "EIO=4" };
        let polling = server.open_with(revision).await;
        let session = sessions.recv().await.unwrap();
        Self {
            server,
            session,
            polling,
            revision_3,
            is_rude,
            phase: Phase::Polling,
            get: None,
            post: None,
            socket: None,
            others: Vec::new(),
            is_cut_off: false,
            out: Vec::new(),
            said: 0,
            taken: 0,
            sent: 0,
            heard: 0,
            is_told: false,
            has_closed: false,
        }
    }

    async fn play(&mut self, step: Step) {
        match step {
            Step::Polls => self.polls().await,
            Step::Says => self.says(),
            Step::Flushes(cut) => self.flushes(cut.into()).await,
            Step::PostGoesOn => self.post_goes_on().await,
            Step::Probes => self.probes().await,
            Step::SecondProbe => self.second_probe().await,
            Step::Upgrades => self.upgrades().await,
            Step::LosesProbe => self.loses_probe(),
            Step::Reads => self.reads(),
            Step::ApplicationSends => self.application_sends(),
            Step::ApplicationTakes => self.application_takes(),
            Step::Turns(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            }
            Step::Milliseconds(time) => tokio::time::sleep(Duration::from_millis(time)).await,
        }
    }

    async fn connect(&self) -> Connection {
        self.server.connect()
    }

    fn is_polling(&self) -> bool {
        matches!(self.phase, Phase::Polling | Phase::Probing) && !self.is_told
    }

    async fn polls(&mut self) {
        if self.is_polling() && self.get.is_none() {
            let mut connection = self.connect().await;
            connection.send("GET", &self.polling.query, "", b"").await;
            self.get = Some(Wire::new(connection.stream));
        }
    }

    fn says(&mut self) {
        self.out.push(format!("4{}", self.said));
        self.said += 1;
    }

    async fn flushes(&mut self, cut: usize) {
        if self.out.is_empty() {
            return;
        }
        if self.phase == Phase::Upgraded {
            let frames: Vec<u8> = self
                .out
                .drain(..)
                .flat_map(|packet| masked(0x81, packet.as_bytes()))
                .collect();
            if let Some(socket) = &mut self.socket {
                socket.write(&frames).await;
            }
        } else if self.is_polling() && self.post.is_none() {
            let packets = std::mem::take(&mut self.out);
            let body = match self.revision_3 {
                true => (packets.iter())
                    .map(|packet| format!("{}:{packet}", packet.len()))
                    .collect(),
                false => packets.join("\u{1e}"),
            };
            let mut connection = self.connect().await;
            let head = format!(
                "POST /?{} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                self.polling.query,
                body.len()
            );
            connection.write(head.as_bytes()).await;
            let (now, rest) = body.as_bytes().split_at(cut.min(body.len()));
            connection.write(now).await;
            self.post = Some(Post {
                wire: Wire::new(connection.stream),
                rest: rest.to_vec(),
            });
        }
    }

    async fn post_goes_on(&mut self) {
        if let Some(post) = &mut self.post {
            let rest = std::mem::take(&mut post.rest);
            post.wire.write(&rest).await;
        }
    }

    async fn open_socket(&self, texts: &[&str]) -> Wire {
        let mut connection = self.connect().await;
        let query = self.polling.upgrade_query();
        connection.send_handshake("GET", &query, "").await;
        for text in texts {
            connection.write(&masked(0x81, text.as_bytes())).await;
        }
        Wire::new(connection.stream)
    }

    async fn probes(&mut self) {
        if self.phase == Phase::Polling && self.socket.is_none() && !self.is_told {
            self.socket = Some(self.open_socket(&["2probe"]).await);
            self.phase = Phase::Probing;
        }
    }

    /// It comes when the server knows of the first.
    async fn second_probe(&mut self) {
        if self.phase == Phase::Polling || self.socket.is_none() || self.is_told {
            return;
        }
        rest().await;
        // Given up meanwhile, it would make room for another.
        self.reads();
        if self.phase != Phase::Polling && !self.is_told && self.socket.is_some() {
            let other = self.open_socket(&["2probe", "5"]).await;
            self.others.push(other);
            rest().await;
        }
    }

    async fn upgrades(&mut self) {
        let is_idle = self.get.is_none() && self.post.is_none();
        let may = match self.phase {
            Phase::Polling | Phase::Upgraded => false,
            Phase::Probing => self.is_rude,
            Phase::Pausing => self.is_rude || is_idle,
        };
        if !may || self.is_told {
            return;
        }
        if self.is_rude {
            // What it has under way must have reached the server.
            rest().await;
            self.reads();
            if self.phase == Phase::Polling {
                return;
            }
        }
        if let Some(socket) = &mut self.socket {
            socket.write(&masked(0x81, b"5")).await;
            self.phase = Phase::Upgraded;
        }
    }

    fn loses_probe(&mut self) {
        if matches!(self.phase, Phase::Probing | Phase::Pausing) {
            self.socket = None;
            self.phase = Phase::Polling;
        }
    }

    fn application_sends(&mut self) {
        match self.session.try_send(self.sent.to_string()) {
            Ok(()) => self.sent += 1,
            Err(TrySendError::Full(_)) => {}
            Err(error) => assert!(self.session.close_reason().is_some(), "{error}"),
        }
    }

    fn application_takes(&mut self) {
        while let Some(Some(message)) = futures_util::FutureExt::now_or_never(self.session.recv()) {
            assert_eq!(message.as_text().unwrap(), self.taken.to_string());
            self.taken += 1;
        }
    }

    /// Reads whatever has come.
    fn reads(&mut self) {
        if let Some((status, body)) = self.get.as_mut().and_then(Wire::answer) {
            self.get = None;
            if status == 200 {
                for packet in packets(&body, self.revision_3) {
                    self.hear(packet);
                }
            } else {
                // It met a session that had moved, or that the client has closed.
                assert_eq!(status, 400, "{body}");
                let is_over = self.is_told || self.has_closed;
                assert!(is_over || self.phase == Phase::Upgraded, "{body}");
            }
        }
        if let Some((status, body)) = self.post.as_mut().and_then(|post| post.wire.answer()) {
            self.post = None;
            match status {
                200 => assert_eq!(body, "ok"),
                // It met a session that is over.
                _ => assert!(status == 400 && self.session.close_reason().is_some()),
            }
        }
        // A rude client's last poll comes before what its WebSocket brings.
        if self.phase != Phase::Upgraded || self.get.is_none() {
            self.reads_socket();
        }
        self.others.retain_mut(|other| {
            if !other.is_switched() {
                return true;
            }
            match other.frame() {
                None => true,
                Some(frame) => {
                    assert_eq!(frame, (0x88, String::new()), "a second probe is closed");
                    false
                }
            }
        });
    }

    fn reads_socket(&mut self) {
        let Some(mut socket) = self.socket.take() else {
            return;
        };
        if !socket.is_switched() {
            // Or it met a session that is over.
            if !socket.has_ended() {
                self.socket = Some(socket);
            }
            return;
        }
        let mut is_over = socket.has_ended();
        while let Some((first, text)) = socket.frame() {
            match (first, &*text) {
                (0x81, "3probe") if self.phase == Phase::Probing => self.phase = Phase::Pausing,
                // A rude client has not waited for it.
                (0x81, "3probe") => assert!(self.is_rude),
                (0x81, packet) => {
                    assert_eq!(self.phase, Phase::Upgraded);
                    self.hear(packet);
                }
                (0x88, "") => is_over = true,
                other => panic!("{other:?}"),
            }
        }
        match (is_over, self.phase) {
            (false, _) => self.socket = Some(socket),
            (true, Phase::Upgraded) => {
                if self.session.close_reason().is_some() {
                    self.is_told = true;
                } else {
                    self.is_cut_off = true;
                }
            }
            (true, _) => self.phase = Phase::Polling,
        }
    }

    fn hear(&mut self, packet: &str) {
        match packet.split_at(1) {
            ("4", number) => {
                assert_eq!(number, self.heard.to_string());
                self.heard += 1;
            }
            ("2", "") => {
                assert!(!self.revision_3);
                self.out.push("3".into());
            }
            ("6", "") => {}
            ("1", "") => self.is_told = true,
            other => panic!("{other:?}"),
        }
    }

    fn is_complete(&self) -> bool {
        (self.taken, self.heard) == (self.said, self.sent)
            && self.out.iter().all(|packet| packet == "3")
            && self.post.is_none()
    }

    /// Goes on as any client, until both sides have heard all.
    async fn settle(&mut self, complete: impl Fn(&Self) -> bool) {
        for _ in 0..1_000 {
            self.reads();
            self.application_takes();
            if self.is_cut_off || complete(self) {
                return;
            }
            self.post_goes_on().await;
            self.flushes(usize::MAX).await;
            if self.phase == Phase::Pausing {
                self.upgrades().await;
            } else {
                self.polls().await;
            }
            rest().await;
        }
        panic!(
            "said {}, taken {}; sent {}, heard {}; {:?}",
            self.said, self.taken, self.sent, self.heard, self.phase
        );
    }

    async fn end(mut self, end: End) {
        self.settle(Self::is_complete).await;
        assert_eq!(self.session.close_reason(), None);
        if !self.is_cut_off {
            assert!(!self.is_told);
            match end {
                End::Vanishes => {}
                End::ClientCloses => {
                    self.says();
                    self.out.push("1".into());
                    self.has_closed = true;
                    self.settle(|world| world.session.close_reason().is_some())
                        .await;
                    self.application_takes();
                    assert_eq!(self.taken, self.said);
                }
                End::ApplicationCloses => {
                    self.application_sends();
                    self.application_sends();
                    self.session.close(1000, "");
                    self.settle(|world| world.is_told).await;
                    assert_eq!(self.heard, self.sent);
                }
            }
        }
        let Self {
            server, session, ..
        } = self;
        drop((session, self.get, self.post, self.socket, self.others));
        pass(700).await;
        assert_eq!(server.handle.sessions(), 0);
        let polling = self.polling;
        polling.expect_unknown().await;
    }
}

/// The packets of a poll's payload.
fn packets(body: &str, revision_3: bool) -> Vec<&str> {
    if !revision_3 {
        return body.split('\u{1e}').collect();
    }
    let mut packets = Vec::new();
    let mut rest = body;
    while let Some((length, tail)) = rest.split_once(':') {
        let (packet, tail) = tail.split_at(length.parse().unwrap());
        packets.push(packet);
        rest = tail;
    }
    assert!(rest.is_empty(), "{body}");
    packets
}
