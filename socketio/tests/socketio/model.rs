//! Clients that join, leave, speak, vanish and come back at random, beside a model that says what
//! each of them must have got.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sockeye_socketio::{Recovery, Socket};

use crate::{
    support::{Server, pass, secs, settle},
    traveller::Traveller,
};

const CLIENTS: usize = 4;
const ROOMS: [&str; 3] = ["a", "b", "c"];

/// Seconds that a client may be away: no sum of the waits comes close to it.
const AWAY: u64 = 120;

#[derive(Clone, Debug)]
enum Step {
    /// Comes for the first time, or as a new one.
    Come(usize),
    /// Comes back with what it remembers.
    Return(usize),
    /// Loses its connection.
    Vanish(usize),
    /// Comes back while its old connection is still thought to be alive.
    Supersede(usize),
    /// Leaves the namespace, by its own wish or the server's.
    Leave(usize),
    SendAway(usize),
    Join(usize, usize),
    Part(usize, usize),
    All,
    Room(usize),
    ButRoom(usize),
    From(usize, usize),
    Own(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0..CLIENTS;
    let room = 0..ROOMS.len();
    let step = prop_oneof![
        3 => client.clone().prop_map(Step::Come),
        5 => client.clone().prop_map(Step::Return),
        4 => client.clone().prop_map(Step::Vanish),
        2 => client.clone().prop_map(Step::Supersede),
        1 => client.clone().prop_map(Step::Leave),
        1 => client.clone().prop_map(Step::SendAway),
        4 => (client.clone(), room.clone()).prop_map(|(c, r)| Step::Join(c, r)),
        2 => (client.clone(), room.clone()).prop_map(|(c, r)| Step::Part(c, r)),
        4 => Just(Step::All),
        4 => room.clone().prop_map(Step::Room),
        2 => room.clone().prop_map(Step::ButRoom),
        3 => (client.clone(), room).prop_map(|(c, r)| Step::From(c, r)),
        2 => client.prop_map(Step::Own),
        2 => prop_oneof![Just(50_u64), Just(125)].prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..80)
}

/// A client as the model has it.
#[derive(Default)]
struct Person {
    state: State,
    rooms: BTreeSet<usize>,
    /// What it has yet to get.
    due: Vec<String>,
    /// The number of the last event with an offset that it got.
    seen: Option<usize>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    /// Never was here, or left for good.
    #[default]
    Unknown,
    Here,
    Away {
        since: u64,
    },
}

/// Whom an event is for.
#[derive(Clone, Copy)]
enum Audience {
    All,
    Room(usize),
    ButRoom(usize),
    /// A room but for the one that speaks.
    From(usize, usize),
    Own(usize),
}

impl Audience {
    fn has(self, client: usize, rooms: &BTreeSet<usize>) -> bool {
        match self {
            Self::All => true,
            Self::Room(room) => rooms.contains(&room),
            Self::ButRoom(room) => !rooms.contains(&room),
            Self::From(speaker, room) => client != speaker && rooms.contains(&room),
            Self::Own(own) => client == own,
        }
    }
}

struct World {
    server: Server,
    travellers: Vec<Option<Traveller>>,
    people: [Person; CLIENTS],
    /// When each event with an offset was sent, and to whom.
    sent: Vec<(u64, Audience)>,
    clock: u64,
}

impl World {
    fn new() -> Self {
        let server =
            Server::with(|builder| builder.recovery(Recovery::new().max_disconnection(secs(AWAY))));
        Self {
            server,
            travellers: (0..CLIENTS).map(|_| None).collect(),
            people: Default::default(),
            sent: Vec::new(),
            clock: 0,
        }
    }

    fn socket(&self, client: usize) -> Option<Socket> {
        if self.people[client].state != State::Here {
            return None;
        }
        let sid = &self.travellers[client].as_ref().unwrap().sid;
        Some(
            self.server
                .root()
                .socket(sid)
                .expect("who is here is found"),
        )
    }

    /// Notes an event for those who are here.
    fn send(&mut self, audience: Audience) {
        let number = self.sent.len();
        self.sent.push((self.clock, audience));
        for (client, person) in self.people.iter_mut().enumerate() {
            if person.state == State::Here && audience.has(client, &person.rooms) {
                person.due.push(event(number));
            }
        }
    }

    /// What a client missed since the event that it saw last. As in Node, the rooms that it was in
    /// when it left say which events were for it.
    fn missed(&self, client: usize, seen: usize) -> Vec<String> {
        let rooms = &self.people[client].rooms;
        let later = self.sent.iter().enumerate().skip(seen + 1);
        let missed = later.filter(|(_, (_, audience))| audience.has(client, rooms));
        missed.map(|(number, _)| event(number)).collect()
    }

    /// Whether what a client saw last is still known.
    fn is_known(&self, seen: usize) -> bool {
        let is_kept = |(at, _): &&(u64, Audience)| self.clock - at <= AWAY;
        let first = self.sent.len() - self.sent.iter().filter(is_kept).count();
        seen + 1 >= first
    }

    async fn step(&mut self, step: Step) {
        let root = self.server.root();
        let number = self.sent.len();
        match step {
            Step::Come(client) => {
                if self.people[client].state != State::Here {
                    self.travellers[client] = Some(Traveller::join(&self.server).await);
                    self.people[client] = Person {
                        state: State::Here,
                        ..Person::default()
                    };
                }
            }
            Step::Return(client) => {
                if let State::Away { since } = self.people[client].state {
                    self.come_back(client, self.clock - since <= AWAY).await;
                }
            }
            Step::Vanish(client) => {
                if self.people[client].state == State::Here {
                    self.check(client).await;
                    self.travellers[client].as_mut().unwrap().vanish();
                    settle().await;
                    let since = self.clock;
                    self.people[client].state = State::Away { since };
                }
            }
            Step::Supersede(client) => {
                if self.people[client].state == State::Here && self.people[client].seen.is_some() {
                    self.check(client).await;
                    let old = self.travellers[client].as_mut().unwrap().peer.take();
                    self.come_back(client, true).await;
                    // Only now is it gone.
                    drop(old);
                    settle().await;
                }
            }
            Step::Leave(client) | Step::SendAway(client) => {
                if let Some(socket) = self.socket(client) {
                    self.check(client).await;
                    match step {
                        Step::Leave(_) => {
                            self.travellers[client]
                                .as_ref()
                                .unwrap()
                                .peer()
                                .say("1")
                                .await
                        }
                        _ => socket.disconnect(false),
                    }
                    settle().await;
                    self.travellers[client].as_mut().unwrap().vanish();
                    settle().await;
                    // If it tries, it comes as a new one.
                    let since = self.clock;
                    self.people[client].state = State::Away { since };
                    self.come_back(client, false).await;
                }
            }
            Step::Join(client, room) => {
                if let Some(socket) = self.socket(client) {
                    socket.join(ROOMS[room]).unwrap();
                    self.people[client].rooms.insert(room);
                }
            }
            Step::Part(client, room) => {
                if let Some(socket) = self.socket(client) {
                    let was_there = self.people[client].rooms.remove(&room);
                    assert_eq!(socket.leave(ROOMS[room]), was_there);
                }
            }
            Step::All => {
                root.emit("n", &number).await.unwrap();
                self.send(Audience::All);
            }
            Step::Room(room) => {
                root.to(ROOMS[room]).emit("n", &number).await.unwrap();
                self.send(Audience::Room(room));
            }
            Step::ButRoom(room) => {
                root.except(ROOMS[room]).emit("n", &number).await.unwrap();
                self.send(Audience::ButRoom(room));
            }
            Step::From(client, room) => {
                if let Some(socket) = self.socket(client) {
                    socket.to(ROOMS[room]).emit("n", &number).await.unwrap();
                    self.send(Audience::From(client, room));
                }
            }
            Step::Own(client) => {
                if let Some(socket) = self.socket(client) {
                    socket.emit("n", &number).await.unwrap();
                    self.send(Audience::Own(client));
                }
            }
            Step::Wait(seconds) => {
                pass(seconds).await;
                self.clock += seconds;
            }
        }
    }

    /// Lets a client come back, and checks what it is given.
    async fn come_back(&mut self, client: usize, is_in_time: bool) {
        let seen = self.people[client].seen;
        let is_expected = is_in_time && seen.is_some_and(|seen| self.is_known(seen));
        let traveller = self.travellers[client].as_mut().unwrap();
        let (is_same, missed) = traveller.come_back(&self.server).await;
        assert_eq!(is_same, is_expected, "client {client}, seen {seen:?}");
        let expected = match seen.filter(|_| is_same) {
            Some(seen) => self.missed(client, seen),
            None => Vec::new(),
        };
        assert_eq!(missed, expected, "client {client}");
        let person = &mut self.people[client];
        person.state = State::Here;
        if is_same {
            person.due = expected;
            person.note_seen();
        } else {
            *person = Person {
                state: State::Here,
                ..Person::default()
            };
        }
        let socket = self.socket(client).unwrap();
        assert_eq!(socket.is_recovered(), is_same);
        let rooms: BTreeSet<_> = socket.rooms()[1..]
            .iter()
            .map(|it| it.to_string())
            .collect();
        let expected = self.people[client].rooms.iter();
        assert_eq!(
            rooms,
            expected.map(|room| ROOMS[*room].to_owned()).collect()
        );
    }

    /// Checks what a client that is here has got.
    async fn check(&mut self, client: usize) {
        if self.people[client].state == State::Here {
            let heard = self.travellers[client].as_mut().unwrap().heard().await;
            assert_eq!(heard, self.people[client].due, "client {client}");
            self.people[client].note_seen();
        }
    }

    async fn run(mut self, steps: Vec<Step>) {
        for step in steps {
            self.step(step).await;
            let root = self.server.root();
            let here = |person: &&Person| person.state == State::Here;
            assert_eq!(
                root.sockets().len(),
                self.people.iter().filter(here).count()
            );
            for (room, name) in ROOMS.iter().enumerate() {
                let within = self.people.iter().filter(here);
                let within = within.filter(|person| person.rooms.contains(&room)).count();
                assert_eq!(root.rooms().len(name), within, "room {name}");
            }
        }
        for client in 0..CLIENTS {
            self.check(client).await;
        }
        drop(self.travellers);
        self.server.assert_empty().await;
    }
}

/// An event as a client gets it.
fn event(number: usize) -> String {
    format!(r#""n" {number}"#)
}

impl Person {
    /// It has got what was due.
    fn note_seen(&mut self) {
        if let Some(last) = self.due.last() {
            self.seen = last.rsplit(' ').next().unwrap().parse().ok();
        }
        self.due.clear();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everyone_gets_what_is_due_once_and_in_order(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(World::new().run(steps));
    }
}
