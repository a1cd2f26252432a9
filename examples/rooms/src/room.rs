//! The room: who is in it, and what was said last.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use sockeye::{Event, Message, Prepared, Rooms, Session, Transport};

/// Bytes of what may be said at a time.
pub(crate) const MAX_TEXT: usize = 2_000;

/// Everybody is in this room, and in one for its kind.
const ALL: &str = "all";

/// What a stream that comes back can still be told.
const KEPT: usize = 100;

#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    rooms: Rooms,
    history: Arc<Mutex<History>>,
}

#[derive(Debug, Default)]
struct History {
    /// The number of the last message.
    last: u64,
    kept: VecDeque<(u64, Prepared)>,
}

impl Room {
    /// A session from its beginning to its end.
    pub(crate) async fn visit(&self, mut session: Session) {
        let kind = kind(session.transport());
        if !self.enter(&session, kind) {
            return;
        }
        // An event stream says nothing, and is here until its end.
        while let Some(message) = session.recv().await {
            match message {
                Message::Text(text) if !text.is_empty() && text.len() <= MAX_TEXT => {
                    self.say(kind, &text);
                }
                Message::Text(_) | Message::Binary(_) => {}
            }
        }
        // It has left both rooms by itself.
        self.tell_who_is_here();
    }

    /// Puts a session in its rooms, after what it missed if it has been here before.
    fn enter(&self, session: &Session, kind: &'static str) -> bool {
        {
            // Whatever is said from here on waits, so nothing is missed and nothing comes twice.
            let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
            let request = session.request();
            if let Some(seen) = request.last_event_id().and_then(|id| id.parse().ok()) {
                for (number, said) in &history.kept {
                    if *number > seen && session.try_send(said.clone()).is_err() {
                        return false;
                    }
                }
            }
            if self.rooms.join_all([ALL, kind], session).is_err() {
                return false;
            }
        }
        self.tell_who_is_here();
        true
    }

    /// Tells everyone; how many that were.
    pub(crate) fn say(&self, by: &str, text: &str) -> usize {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.last += 1;
        let number = history.last;
        let data = json!({ "said": { "number": number, "by": by, "text": text } });
        let event = Event::new(data.to_string())
            .name("said")
            .id(number.to_string());
        let said = Prepared::from(event);
        history.kept.push_back((number, said.clone()));
        if history.kept.len() > KEPT {
            history.kept.pop_front();
        }
        // A broadcast never waits, so the lock may be held; it keeps the order of the numbers.
        self.rooms.to(ALL).send(said).reached
    }

    /// Ends all sessions of a kind; how many those were.
    pub(crate) fn end(&self, kind: &str) -> usize {
        self.rooms.to(kind).close(4000, "come back").reached
    }

    fn tell_who_is_here(&self) {
        let count = |kind| self.rooms.len(kind);
        let data = json!({ "here": {
            "sockjs": count("sockjs"), "websocket": count("websocket"), "events": count("events"),
        }});
        // The next of these makes this one worthless.
        let event = Event::new(data.to_string()).name("here");
        self.rooms.to(ALL).volatile().send(event);
    }
}

fn kind(transport: Transport) -> &'static str {
    match transport {
        Transport::RawWebSocket => "websocket",
        Transport::EventStream => "events",
        _ => "sockjs",
    }
}
