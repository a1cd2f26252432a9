//! Who there is, connected or not, and what they wrote: in memory here, in a database elsewhere.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use sockeye::socketio::Refusal;

/// People that are known at a time.
const MAX_PEOPLE: usize = 1_000;

/// Messages that are kept, of all people.
const MAX_MESSAGES: usize = 10_000;

/// Characters of a name, and of a message.
const MAX_NAME: usize = 24;
const MAX_TEXT: usize = 2_000;

/// What a client signs in with: its secret if it has been here, else the name that it wants.
#[derive(Deserialize)]
pub(crate) struct Auth {
    secret: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Outgoing {
    to: String,
    text: String,
}

#[derive(Clone, Serialize)]
pub(crate) struct Message {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
}

/// Someone. The id is for everyone, the secret for its owner.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) secret: String,
}

/// Someone as others see them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Face {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) is_online: bool,
}

#[derive(Clone, Default)]
pub(crate) struct People(Arc<Shared>);

#[derive(Default)]
struct Shared {
    known: Mutex<Known>,
    turn: Mutex<()>,
}

#[derive(Default)]
struct Known {
    by_id: HashMap<String, Arc<Person>>,
    by_secret: HashMap<String, Arc<Person>>,
    messages: VecDeque<Message>,
}

impl People {
    /// The person with that secret, or a new one with that name.
    ///
    /// # Errors
    ///
    /// With what the page shows: it asks for a name then.
    pub(crate) fn sign_in(&self, auth: Auth) -> Result<Arc<Person>, Refusal> {
        let mut known = self.known();
        let returning = auth.secret.and_then(|it| known.by_secret.get(&it).cloned());
        if let Some(person) = returning {
            return Ok(person);
        }
        let name = auth.name.unwrap_or_default();
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(Refusal::new("choose a name of 1 to 24 characters"));
        }
        if known.by_id.values().any(|person| person.name == name) {
            return Err(Refusal::new("somebody else has that name"));
        }
        if known.by_id.len() >= MAX_PEOPLE {
            return Err(Refusal::new("there are too many people already"));
        }
        let person = Arc::new(Person {
            id: random()?,
            name: name.to_owned(),
            secret: random()?,
        });
        known.by_id.insert(person.id.clone(), person.clone());
        known
            .by_secret
            .insert(person.secret.clone(), person.clone());
        Ok(person)
    }

    /// Everyone, by name.
    pub(crate) fn faces(&self, is_online: impl Fn(&str) -> bool) -> Vec<Face> {
        let everyone: Vec<Arc<Person>> = self.known().by_id.values().cloned().collect();
        let face = |person: Arc<Person>| Face {
            is_online: is_online(&person.id),
            id: person.id.clone(),
            name: person.name.clone(),
        };
        let mut faces: Vec<Face> = everyone.into_iter().map(face).collect();
        faces.sort_by(|one, other| one.name.cmp(&other.name));
        faces
    }

    /// What someone wrote and was written, in order.
    pub(crate) fn messages_of(&self, id: &str) -> Vec<Message> {
        let known = self.known();
        let own = known.messages.iter();
        own.filter(|it| it.from == id || it.to == id)
            .cloned()
            .collect()
    }

    /// Writes a message down.
    ///
    /// # Errors
    ///
    /// With what is wrong with it.
    pub(crate) fn keep(&self, from: &Person, outgoing: Outgoing) -> Result<Message, &'static str> {
        let Outgoing { to, text } = outgoing;
        if text.trim().is_empty() || text.chars().count() > MAX_TEXT {
            return Err("write 1 to 2000 characters");
        }
        let mut known = self.known();
        // Nobody else's name is a room to send to: other rooms are none of a client's business.
        if !known.by_id.contains_key(&to) {
            return Err("there is no such person");
        }
        let message = Message {
            from: from.id.clone(),
            to,
            text,
        };
        known.messages.push_back(message.clone());
        if known.messages.len() > MAX_MESSAGES {
            known.messages.pop_front();
        }
        Ok(message)
    }

    /// Does something while nobody else does such a thing. It must not wait.
    pub(crate) fn in_turn<R>(&self, act: impl FnOnce() -> R) -> R {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        act()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        let known = self.0.known.lock();
        known.unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 bits that nobody guesses.
fn random() -> Result<String, Refusal> {
    let bits = || {
        getrandom::u64().map_err(|error| {
            eprintln!("private-messaging: no randomness: {error}");
            Refusal::new("try again later")
        })
    };
    Ok(format!("{:016x}{:016x}", bits()?, bits()?))
}
