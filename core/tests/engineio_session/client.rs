//! A client, the wires to it, and the drivers at the server's end of them.
//!
//! Every request, answer and frame is under way until a step lets it arrive, so that anything can
//! happen in between. The messages of either side are numbers that count up: whoever gets one knows
//! which must come next.

use std::collections::VecDeque;

use sockeye_core::engineio::{
    AttachError, Config, Packet, PostEnd, PostError, ProbeId, Refused, Revision, SendError,
    Transport,
};

use crate::sim::{Answer, Sim, ping, ping_probe, pong};

/// How a client goes about its upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// As engine.io-client: it sends `5` when its poll and its POST have ended.
    Polite,
    /// It sends `5` when it likes, as soon as its POST has reached the server.
    Rude,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) sim: Sim,
    manners: Manners,
    get: Get,
    post: Post,
    socket: Option<Socket>,
    phase: Phase,
    fate: Fate,
    /// What it has to say and has not sent.
    out: VecDeque<Packet>,
    /// Messages it made, and those the application got.
    said: usize,
    taken: usize,
    /// Messages the application sent, and those the client got.
    sent: usize,
    heard: usize,
    pub(crate) is_server_closed: bool,
}

/// Where its GET is.
#[derive(Debug, PartialEq, Eq)]
enum Get {
    None,
    UnderWay,
    Outstanding,
    Answered(String),
    Refused,
}

/// Where its POST is.
#[derive(Debug, PartialEq, Eq)]
enum Post {
    None,
    UnderWay(Vec<Packet>),
    InFlight(Vec<Packet>),
    Answered,
    Refused,
}

/// Its WebSocket.
#[derive(Debug)]
struct Socket {
    up: VecDeque<Packet>,
    down: VecDeque<Down>,
    server: ServerEnd,
}

#[derive(Debug, PartialEq, Eq)]
enum Down {
    Frame(String),
    /// `3probe`.
    Probed,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerEnd {
    UnderWay,
    Probe(ProbeId),
    Session,
    Closed,
}

/// How far its upgrade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Polling,
    Probing,
    /// It has read `3probe`, and polls no more.
    Pausing,
    /// It has sent `5`.
    Upgraded,
}

/// What it thinks of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Alive,
    /// It was told of the end.
    Told,
    /// Something broke: it gave up without a word.
    Broken,
}

impl Client {
    pub(crate) fn new(
        revision: Revision,
        transport: Transport,
        manners: Manners,
        config: Config,
    ) -> Self {
        let mut sim = Sim::with(revision, transport, config).open();
        sim.stop_taking();
        let (socket, phase) = match transport {
            Transport::Polling => (None, Phase::Polling),
            Transport::WebSocket => {
                let socket = Socket {
                    up: VecDeque::new(),
                    down: VecDeque::new(),
                    server: ServerEnd::Session,
                };
                (Some(socket), Phase::Upgraded)
            }
        };
        Self {
            sim,
            manners,
            get: Get::None,
            post: Post::None,
            socket,
            phase,
            fate: Fate::Alive,
            out: VecDeque::new(),
            said: 0,
            taken: 0,
            sent: 0,
            heard: 0,
            is_server_closed: false,
        }
    }

    // What the client does.

    fn is_polling(&self) -> bool {
        self.fate == Fate::Alive && matches!(self.phase, Phase::Polling | Phase::Probing)
    }

    pub(crate) fn polls(&mut self) {
        if self.is_polling() && self.get == Get::None {
            self.get = Get::UnderWay;
        }
    }

    pub(crate) fn says(&mut self) {
        self.out.push_back(self.said.to_string().as_str().into());
        self.said += 1;
    }

    pub(crate) fn says_packet(&mut self, packet: Packet) {
        self.out.push_back(packet);
    }

    pub(crate) fn flushes(&mut self) {
        if self.out.is_empty() || self.fate != Fate::Alive {
            return;
        }
        match (self.phase, &mut self.socket) {
            (Phase::Polling | Phase::Probing, _) => {
                if self.post == Post::None {
                    self.post = Post::UnderWay(self.out.drain(..).collect());
                }
            }
            (Phase::Upgraded, Some(socket)) => socket.up.extend(self.out.drain(..)),
            (Phase::Upgraded, None) | (Phase::Pausing, _) => {}
        }
    }

    pub(crate) fn probes(&mut self) {
        if self.fate == Fate::Alive && self.phase == Phase::Polling && self.socket.is_none() {
            self.phase = Phase::Probing;
            self.socket = Some(Socket {
                up: VecDeque::from([ping_probe()]),
                down: VecDeque::new(),
                server: ServerEnd::UnderWay,
            });
        }
    }

    pub(crate) fn upgrades(&mut self) {
        let may = match self.manners {
            Manners::Polite => {
                self.phase == Phase::Pausing && self.get == Get::None && self.post == Post::None
            }
            Manners::Rude => {
                matches!(self.phase, Phase::Probing | Phase::Pausing)
                    && !matches!(self.post, Post::UnderWay(_) | Post::Refused)
            }
        };
        if let (true, Fate::Alive, Some(socket)) = (may, self.fate, &mut self.socket) {
            socket.up.push_back(Packet::Upgrade);
            self.phase = Phase::Upgraded;
        }
    }

    /// Something else than the dance on its WebSocket.
    pub(crate) fn babbles(&mut self, packet: Packet) {
        if let Some(socket) = &mut self.socket {
            socket.up.push_back(packet);
        }
    }

    /// What it was answered arrives.
    pub(crate) fn reads_answers(&mut self) {
        match std::mem::replace(&mut self.get, Get::None) {
            Get::Answered(answer) => {
                for part in answer.split('|') {
                    self.hears(part);
                }
            }
            // It came after `5`, and brings nothing.
            Get::Refused if self.phase == Phase::Upgraded => {}
            Get::Refused => self.breaks(),
            other @ (Get::None | Get::UnderWay | Get::Outstanding) => self.get = other,
        }
        match self.post {
            Post::Answered => self.post = Post::None,
            Post::Refused => self.breaks(),
            Post::None | Post::UnderWay(_) | Post::InFlight(_) => {}
        }
    }

    /// A frame arrives on its WebSocket. What its last poll brings comes before the session's frames.
    pub(crate) fn reads_socket(&mut self) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        if self.get != Get::None && matches!(socket.down.front(), Some(Down::Frame(_))) {
            return;
        }
        match (socket.down.pop_front(), self.phase) {
            (None, _) => {}
            (Some(Down::Frame(frame)), _) => self.hears(&frame),
            (Some(Down::Probed), Phase::Probing) => self.phase = Phase::Pausing,
            (Some(Down::Probed), Phase::Polling | Phase::Pausing | Phase::Upgraded) => {}
            (Some(Down::Closed), Phase::Upgraded) => {
                self.socket = None;
                self.breaks();
            }
            (Some(Down::Closed), Phase::Polling | Phase::Probing | Phase::Pausing) => {
                self.socket = None;
                self.phase = Phase::Polling;
            }
        }
    }

    fn hears(&mut self, part: &str) {
        match part.split_at(1) {
            ("0", _) => panic!("the open packet came again"),
            ("1", "") => self.fate = Fate::Told,
            ("2", "") => self.out.push_back(pong()),
            ("3" | "6", "") => {}
            ("4", number) => {
                assert_eq!(
                    number,
                    self.heard.to_string(),
                    "lost, doubled or disordered"
                );
                self.heard += 1;
            }
            _ => panic!("{part}"),
        }
    }

    fn breaks(&mut self) {
        if self.fate == Fate::Alive {
            self.fate = Fate::Broken;
        }
    }

    // What the network does.

    /// Its requests reach the server.
    pub(crate) fn requests_arrive(&mut self) {
        if self.get == Get::UnderWay {
            self.get = match self.sim.poll() {
                Ok(_) => Get::Outstanding,
                Err(AttachError::Overlap) => panic!("it has one at a time"),
                Err(AttachError::WrongTransport) => {
                    assert_eq!(self.manners, Manners::Rude);
                    Get::Refused
                }
                Err(AttachError::Closed) => Get::Refused,
            };
        }
        match std::mem::replace(&mut self.post, Post::None) {
            Post::UnderWay(packets) => {
                self.post = match self.sim.begin_post() {
                    Ok(()) => Post::InFlight(packets),
                    Err(PostError::Closed) => Post::Refused,
                    // It babbled `5` before.
                    Err(PostError::WrongTransport) => {
                        assert_eq!(self.manners, Manners::Rude);
                        Post::Refused
                    }
                    Err(PostError::Overlap) => panic!("it has one at a time"),
                }
            }
            other => self.post = other,
        }
        if let Some(socket) = &mut self.socket {
            if socket.server == ServerEnd::UnderWay {
                socket.server = match self.sim.probe() {
                    Ok(id) => ServerEnd::Probe(id),
                    Err(Refused::Upgraded) => panic!("there was another"),
                    Err(Refused::Probing | Refused::NotOpen) => {
                        socket.down.push_back(Down::Closed);
                        ServerEnd::Closed
                    }
                };
            }
        }
        self.observe();
    }

    /// The connection of the outstanding GET breaks.
    pub(crate) fn loses_get(&mut self) {
        if self.get == Get::Outstanding {
            self.sim.abort_poll();
            self.get = Get::Refused;
            self.observe();
        }
    }

    /// The connection of the POST breaks.
    pub(crate) fn loses_post(&mut self) {
        if matches!(self.post, Post::InFlight(_)) {
            self.sim.end_post(PostEnd::Aborted);
            assert!(!self.sim.session.is_open());
            self.post = Post::Refused;
            self.observe();
        }
    }

    /// The connection of its WebSocket breaks, for both sides.
    pub(crate) fn loses_socket(&mut self) {
        let Some(socket) = self.socket.take() else {
            return;
        };
        match socket.server {
            ServerEnd::UnderWay | ServerEnd::Closed => {}
            ServerEnd::Probe(_) => self.sim.lose_probe(),
            ServerEnd::Session => self.sim.lose_socket(),
        }
        match self.phase {
            Phase::Polling | Phase::Probing | Phase::Pausing => self.phase = Phase::Polling,
            Phase::Upgraded => self.breaks(),
        }
        self.observe();
    }

    /// Whether its POST is at the server, unanswered.
    pub(crate) fn has_post(&self) -> bool {
        matches!(self.post, Post::InFlight(_))
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.phase == Phase::Upgraded
    }

    // What the drivers do.

    /// The POST's body is complete; it is held while the inbox has no room.
    pub(crate) fn post_completes(&mut self) {
        let is_held = self.sim.session.is_open() && !self.sim.session.has_inbox_room();
        match std::mem::replace(&mut self.post, Post::None) {
            Post::InFlight(packets) if !is_held => {
                for packet in packets {
                    self.sim.posted(packet);
                }
                self.sim.end_post(PostEnd::Finished);
                self.post = Post::Answered;
            }
            other => self.post = other,
        }
        self.observe();
    }

    /// What has arrived on the WebSocket is read, up to so many packets at a time.
    pub(crate) fn socket_is_read(&mut self, packets: usize) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        let may_read = self.sim.session.may_read() || !self.sim.session.is_open();
        if socket.server == ServerEnd::Session && !may_read {
            return;
        }
        for _ in 0..packets {
            let Some(packet) = socket.up.pop_front() else {
                break;
            };
            match socket.server {
                ServerEnd::UnderWay => {
                    socket.up.push_front(packet);
                    break;
                }
                ServerEnd::Probe(id) => match self.sim.on_probe_as(id, packet) {
                    Answer::Reply => socket.down.push_back(Down::Probed),
                    Answer::Upgraded => socket.server = ServerEnd::Session,
                    Answer::GiveUp => {
                        socket.down.push_back(Down::Closed);
                        socket.server = ServerEnd::Closed;
                    }
                },
                ServerEnd::Session => {
                    if self.sim.has_socket() {
                        self.sim.receive(packet);
                    }
                }
                ServerEnd::Closed => {}
            }
        }
        self.observe();
    }

    pub(crate) fn polls_take(&mut self) {
        self.sim.take_polls();
        self.observe();
    }

    pub(crate) fn socket_takes(&mut self) {
        self.sim.take_socket();
        self.observe();
    }

    /// The application takes what it was sent.
    pub(crate) fn application_takes(&mut self) {
        for text in self.sim.taken() {
            assert_eq!(text, self.taken.to_string(), "lost, doubled or disordered");
            self.taken += 1;
        }
    }

    /// The application sends.
    pub(crate) fn application_sends(&mut self) {
        match self.sim.send(self.sent.to_string()) {
            Ok(()) => self.sent += 1,
            Err(SendError::Full(_) | SendError::Closed) => {}
            Err(SendError::Separator) => panic!("there is none"),
        }
    }

    pub(crate) fn application_closes(&mut self) {
        self.is_server_closed = true;
        self.sim.close();
        self.observe();
    }

    /// Drivers look around after every call to the machine.
    pub(crate) fn observe(&mut self) {
        let mut answers = self.sim.answers();
        assert!(answers.len() <= 1, "{answers:?}");
        if let Some(answer) = answers.pop() {
            assert_eq!(self.get, Get::Outstanding, "{answer}");
            self.get = Get::Answered(answer);
        } else if self.get == Get::Outstanding && !self.sim.has_poll() {
            // Its session ended and has nothing for it.
            assert!(!self.sim.session.is_open());
            self.get = Get::Answered("1".into());
        }
        if matches!(self.post, Post::InFlight(_)) && self.sim.session.is_closed() {
            self.post = Post::Refused;
        }
        let frames = self.sim.frames();
        let Some(socket) = &mut self.socket else {
            assert_eq!(frames, [""; 0], "nobody reads");
            return;
        };
        socket.down.extend(frames.into_iter().map(Down::Frame));
        let is_over = match socket.server {
            ServerEnd::Probe(id) => !self.sim.session.is_probing(id),
            ServerEnd::Session => !self.sim.has_socket(),
            ServerEnd::UnderWay | ServerEnd::Closed => false,
        };
        if is_over {
            socket.down.push_back(Down::Closed);
            socket.server = ServerEnd::Closed;
        }
    }

    // What must be true.

    /// Everything that is under way arrives, again and again.
    pub(crate) fn settle(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.requests_arrive();
            self.post_completes();
            self.socket_is_read(usize::MAX);
            self.application_takes();
            self.polls_take();
            self.socket_takes();
            self.reads_answers();
            for _ in 0..100 {
                self.reads_socket();
            }
            self.upgrades();
            self.flushes();
            self.polls();
            self.sim.advance(crate::sim::millis(100));
            self.observe();
        }
    }

    pub(crate) fn fate(&self) -> Fate {
        self.fate
    }

    /// Nothing that either side sent is missing.
    pub(crate) fn assert_complete(&self) {
        assert_eq!(self.heard, self.sent, "the client misses something");
        assert_eq!(self.taken, self.said, "the application misses something");
    }

    /// All that the application sent before it closed has come.
    pub(crate) fn assert_heard_all(&self) {
        assert_eq!(self.heard, self.sent, "the client misses something");
    }

    /// The client goes, with or without a word of its network; the host ends a POST that never
    /// completes.
    pub(crate) fn goes_away(&mut self, is_silent: bool) {
        self.application_takes();
        self.loses_post();
        if !is_silent {
            self.loses_get();
            self.loses_socket();
        }
    }

    /// A heartbeat of a revision 3 client.
    pub(crate) fn beats(&mut self) {
        match self.sim.session.revision() {
            Revision::V3 => self.out.push_back(ping()),
            Revision::V4 => {}
        }
    }
}
