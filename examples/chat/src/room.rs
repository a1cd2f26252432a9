//! The room: who is in it, what was said, and telling everyone.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use sockeye::{Sender, Session, broadcast};

use crate::wire::{Ask, Face, MAX_KEY, MAX_TEXT, Said, Summary, Tell, tidy_name};

/// Messages kept for newcomers.
const HISTORY: usize = 50;

/// One session, from its opening to its end. Returning closes it.
pub(crate) async fn visit(room: Arc<Room>, mut session: Session) {
    let mut seat = None;
    while let Some(message) = session.recv().await {
        let ask = message.as_text().map(serde_json::from_str);
        match (ask, &seat) {
            (Some(Ok(Ask::Join { key, .. })), None) if key.len() > MAX_KEY => {
                refuse(&session.sender(), "the key is too long")
            }
            (Some(Ok(Ask::Join { name, key })), None) => {
                seat = Some(room.seat(session.sender(), &name, key))
            }
            (Some(Ok(Ask::Say { text, nonce })), Some(seat)) => seat.say(text, nonce),
            (Some(Ok(Ask::Join { .. })), Some(_)) => {
                refuse(&session.sender(), "you are in already")
            }
            (Some(Ok(Ask::Say { .. })), None) => refuse(&session.sender(), "tell your name first"),
            (Some(Err(_)) | None, _) => return session.close(3400, "Not understood"),
        }
    }
}

/// A chat room, in memory.
#[derive(Default)]
pub(crate) struct Room(Mutex<State>);

#[derive(Default)]
struct State {
    /// By their number, so that the list is in the order of arrival.
    members: BTreeMap<u64, Member>,
    history: VecDeque<Said>,
    arrivals: u64,
    messages: u64,
}

struct Member {
    face: Face,
    key: String,
    sender: Sender,
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

    /// Lets a session in; it leaves when the seat is dropped.
    fn seat(self: &Arc<Self>, sender: Sender, name: &str, key: String) -> Seat {
        let mut state = self.state();
        let face = match state.take_over(&sender, &key) {
            Some(face) => {
                state.tell_everyone(&Tell::Back { member: &face });
                face
            }
            None => {
                state.arrivals += 1;
                let name = state.free_name(&tidy_name(name));
                let face = Face {
                    id: state.arrivals,
                    name,
                    transport: sender.transport().name(),
                };
                state.tell_everyone(&Tell::Joined {
                    member: &face,
                    at: now(),
                });
                state.members.insert(
                    face.id,
                    Member {
                        face: face.clone(),
                        key,
                        sender: sender.clone(),
                    },
                );
                face
            }
        };
        let welcome = Tell::Welcome {
            you: face.id,
            members: state.faces(),
            history: state.history.iter().collect(),
        };
        broadcast([&sender], welcome.to_json());
        Seat {
            room: Arc::clone(self),
            face,
            sender,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below leaves the state whole, so a panic elsewhere does not make it unfit.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn faces(&self) -> Vec<Face> {
        self.members
            .values()
            .map(|member| member.face.clone())
            .collect()
    }

    /// Gives the member with this key a new connection, if there is one, and ends the old one.
    fn take_over(&mut self, sender: &Sender, key: &str) -> Option<Face> {
        let member = self
            .members
            .values_mut()
            .find(|member| !key.is_empty() && member.key == key)?;
        let old = std::mem::replace(&mut member.sender, sender.clone());
        old.close(3401, "Connected anew");
        member.face.transport = sender.transport().name();
        Some(member.face.clone())
    }

    /// `name`, or with a number behind it when somebody here has it.
    fn free_name(&self, name: &str) -> String {
        let is_taken = |name: &str| self.members.values().any(|member| member.face.name == name);
        if !is_taken(name) {
            return name.into();
        }
        let mut number = 2;
        while is_taken(&format!("{name} {number}")) {
            number += 1;
        }
        format!("{name} {number}")
    }

    /// Queues one message for every member.
    ///
    /// Called with the lock held, which gives everyone the same order. That is fine because a broadcast never waits: a member
    /// whose queue is full loses its connection, and the others notice nothing.
    fn tell_everyone(&self, tell: &Tell<'_>) {
        broadcast(
            self.members.values().map(|member| &member.sender),
            tell.to_json(),
        );
    }
}

/// A member's place in the room. Dropping it, for whatever reason, leaves the room; unless a newer connection has the place.
struct Seat {
    room: Arc<Room>,
    face: Face,
    sender: Sender,
}

impl Seat {
    fn say(&self, text: String, nonce: u32) {
        if text.trim().is_empty() {
            return refuse(&self.sender, "there was nothing in it");
        }
        if text.chars().count() > MAX_TEXT {
            return refuse(&self.sender, "too long: 2000 characters are the most");
        }
        let said = Said {
            from: self.face.id,
            name: self.face.name.clone(),
            text,
            at: now(),
        };
        let mut state = self.room.state();
        state.tell_everyone(&Tell::Said { said: &said, nonce });
        state.messages += 1;
        state.history.push_back(said);
        if state.history.len() > HISTORY {
            state.history.pop_front();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.room.state();
        let is_mine = |member: &Member| member.sender.id() == self.sender.id();
        if !state.members.get(&self.face.id).is_some_and(is_mine) {
            return;
        }
        state.members.remove(&self.face.id);
        state.tell_everyone(&Tell::Left {
            member: &self.face,
            at: now(),
        });
    }
}

fn refuse(sender: &Sender, reason: &str) {
    broadcast([sender], Tell::Refused { reason }.to_json());
}

fn now() -> u64 {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
