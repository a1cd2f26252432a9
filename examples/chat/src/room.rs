//! The room: who is in it, what was said, and telling everyone.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use sockeye::rooms::{Member, Rooms};

use crate::{
    peer::{Packet, Peer},
    wire::{Face, Join, MAX_KEY, MAX_TEXT, Said, Say, Summary, Tell, tidy_name},
};

/// Messages kept for newcomers.
const HISTORY: usize = 50;

/// Everyone is in this one.
const ROOM: &str = "chat";

/// A chat room, in memory.
#[derive(Default)]
pub(crate) struct Room {
    /// Who is told, by whatever protocol. Who has gone leaves it by itself.
    rooms: Rooms<Peer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By their number, so that the list is in the order of arrival.
    seats: BTreeMap<u64, Taken>,
    history: VecDeque<Said>,
    arrivals: u64,
    messages: u64,
}

struct Taken {
    face: Face,
    key: String,
    peer: Peer,
}

impl Room {
    /// Who is here and how much was said.
    pub(crate) fn summary(&self) -> Summary {
        let state = self.state();
        Summary {
            members: state.faces(),
            messages: state.messages,
        }
    }

    /// Lets a peer in; it leaves when the seat is dropped. Whoever is not let in is told why.
    pub(crate) fn seat(self: &Arc<Self>, peer: Peer, join: Join) -> Option<Seat> {
        if join.key.len() > MAX_KEY {
            peer.tell(&Tell::Refused {
                reason: "the key is too long",
            });
            return None;
        }
        let mut state = self.state();
        let number = match state.number_of(&join.key) {
            Some(number) => {
                state.connect_anew(number, &peer);
                self.tell_everyone(&Tell::Back {
                    member: &state.seats[&number].face,
                });
                number
            }
            None => {
                let number = state.take_seat(&peer, join);
                self.tell_everyone(&Tell::Joined {
                    member: &state.seats[&number].face,
                    at: now(),
                });
                number
            }
        };
        peer.tell(&Tell::Welcome {
            you: number,
            members: state.faces(),
            history: state.history.iter().collect(),
        });
        // Fails for a peer that has gone already: its seat is about to be dropped.
        let _ = self.rooms.join(ROOM, &peer);
        drop(state);
        Some(Seat {
            room: Arc::clone(self),
            number,
            peer,
        })
    }

    /// Queues one message for everyone.
    ///
    /// Called with the lock held, which gives everyone the same order. That is fine because a broadcast never waits: a member
    /// whose queue is full loses its connection, and the others notice nothing.
    fn tell_everyone(&self, tell: &Tell<'_>) {
        self.rooms.to(ROOM).send(Packet::from(tell));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below leaves the state whole, so a panic elsewhere does not make it unfit.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn faces(&self) -> Vec<Face> {
        self.seats
            .values()
            .map(|taken| taken.face.clone())
            .collect()
    }

    /// The seat of the page with this key, if it has been here.
    fn number_of(&self, key: &str) -> Option<u64> {
        let mut seats = self.seats.iter();
        let found = seats.find(|(_, taken)| !key.is_empty() && taken.key == key)?;
        Some(*found.0)
    }

    /// Gives a seat a new connection, and ends the old one.
    fn connect_anew(&mut self, number: u64, peer: &Peer) {
        if let Some(taken) = self.seats.get_mut(&number) {
            let old = std::mem::replace(&mut taken.peer, peer.clone());
            old.close(3401, "Connected anew".into());
            taken.face.see(peer);
        }
    }

    fn take_seat(&mut self, peer: &Peer, join: Join) -> u64 {
        self.arrivals += 1;
        let number = self.arrivals;
        let face = Face {
            id: number,
            name: self.free_name(&tidy_name(&join.name)),
            protocol: peer.protocol(),
            transport: peer.transport(),
        };
        let taken = Taken {
            face,
            key: join.key,
            peer: peer.clone(),
        };
        self.seats.insert(number, taken);
        number
    }

    /// `name`, or with a number behind it when somebody here has it.
    fn free_name(&self, name: &str) -> String {
        let is_taken = |name: &str| self.seats.values().any(|taken| taken.face.name == name);
        if !is_taken(name) {
            return name.into();
        }
        let mut number = 2;
        while is_taken(&format!("{name} {number}")) {
            number += 1;
        }
        format!("{name} {number}")
    }
}

impl Face {
    /// Looks at what the member is connected by; whether that has changed.
    fn see(&mut self, peer: &Peer) -> bool {
        let now = (peer.protocol(), peer.transport());
        let before = (self.protocol, self.transport);
        (self.protocol, self.transport) = now;
        now != before
    }
}

/// A member's place in the room. Dropping it, for whatever reason, leaves the room; unless a newer connection has the place.
pub(crate) struct Seat {
    room: Arc<Room>,
    number: u64,
    peer: Peer,
}

impl Seat {
    /// Says something to everyone.
    pub(crate) fn say(&self, Say { text, nonce }: Say) {
        if text.trim().is_empty() {
            return self.refuse("there was nothing in it");
        }
        if text.chars().count() > MAX_TEXT {
            return self.refuse("too long: 2000 characters are the most");
        }
        let mut state = self.room.state();
        let Some(taken) = state.seats.get(&self.number) else {
            return;
        };
        let said = Said {
            from: self.number,
            name: taken.face.name.clone(),
            text,
            at: now(),
        };
        self.room.tell_everyone(&Tell::Said { said: &said, nonce });
        state.messages += 1;
        state.history.push_back(said);
        if state.history.len() > HISTORY {
            state.history.pop_front();
        }
    }

    /// The connection went over to another transport: shows it to everyone.
    pub(crate) fn moved(&self) {
        let mut state = self.room.state();
        if let Some(taken) = state.seats.get_mut(&self.number) {
            if taken.peer.id() == self.peer.id() && taken.face.see(&self.peer) {
                self.room.tell_everyone(&Tell::Back {
                    member: &taken.face,
                });
            }
        }
    }

    pub(crate) fn refuse(&self, reason: &str) {
        self.peer.tell(&Tell::Refused { reason });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.room.state();
        let is_mine = |taken: &Taken| taken.peer.id() == self.peer.id();
        if !state.seats.get(&self.number).is_some_and(is_mine) {
            return;
        }
        if let Some(taken) = state.seats.remove(&self.number) {
            self.room.tell_everyone(&Tell::Left {
                member: &taken.face,
                at: now(),
            });
        }
    }
}

fn now() -> u64 {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
