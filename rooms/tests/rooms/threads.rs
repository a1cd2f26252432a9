//! Joins, ends and broadcasts at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Barrier, Mutex},
    thread,
};

use sockeye_core::{Member, Prepared, Text};
use sockeye_rooms::{
    Adapter, AppliedBy, Command, JoinError, Local, PublishError, Rooms, Selection,
};

use crate::person::Person;

const ROUNDS: usize = 200;

/// Holds that each room is told open and closed in turn.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<HashMap<String, bool>>>);

impl Watch {
    fn note(&self, room: &Text, is_open: bool) {
        let before = self.0.lock().unwrap().insert(room.to_string(), is_open);
        assert_ne!(before.unwrap_or(false), is_open, "{room}");
    }

    fn open(&self) -> usize {
        self.0
            .lock()
            .unwrap()
            .values()
            .filter(|open| **open)
            .count()
    }
}

impl Adapter<Person> for Watch {
    fn attach(&self, _: Local<Person>) {}

    fn publish(
        &self,
        _: &Selection<Text>,
        _: &Command<Prepared>,
    ) -> Result<AppliedBy, PublishError> {
        Ok(AppliedBy::Rooms)
    }

    fn room_opened(&self, room: &Text) {
        self.note(room, true);
    }

    fn room_closed(&self, room: &Text) {
        self.note(room, false);
    }
}

/// Runs the tasks on threads that start together.
fn at_once(tasks: Vec<Box<dyn FnOnce() + Send + '_>>) {
    let start = Barrier::new(tasks.len());
    thread::scope(|scope| {
        for task in tasks {
            scope.spawn(|| {
                start.wait();
                task();
            });
        }
    });
}

/// socket.io #4067 and its like: rooms left behind by sockets that joined while they disconnected.
#[test]
fn a_join_that_races_with_the_end_leaves_nothing_behind() {
    let watch = Watch::default();
    let rooms = Rooms::builder().adapter(watch.clone()).build();
    for round in 0..ROUNDS {
        let ann = Person::new(format!("ann {round}"));
        let join = |room: &'static str| {
            let (rooms, ann) = (&rooms, &ann);
            Box::new(move || match rooms.join(room, ann) {
                Ok(_) | Err(JoinError::Ended) => {}
                Err(error) => panic!("{error}"),
            }) as Box<dyn FnOnce() + Send>
        };
        at_once(vec![
            join("a"),
            join("b"),
            Box::new(|| ann.end()),
            Box::new(|| _ = rooms.to("a").to("b").send("hello")),
        ]);
        assert!(rooms.is_empty(), "round {round}: {rooms:?}");
    }
    assert_eq!(watch.open(), 0);
}

#[test]
fn a_crowd_that_comes_speaks_and_goes_leaves_nothing_behind() {
    const CROWD: usize = 600;
    let watch = Watch::default();
    let rooms = Rooms::builder().adapter(watch.clone()).build();
    // One who is there all along, and hears each of the others' messages once.
    let witness = Person::with_capacity("witness", 4 * CROWD);
    rooms.join_all(["even", "odd"], &witness).unwrap();
    let visit = |who: &str| {
        for number in 0..CROWD {
            let person = Person::with_capacity(format!("{who} {number}"), 10 * CROWD);
            let room = if number % 2 == 0 { "even" } else { "odd" };
            rooms.join(room, &person).unwrap();
            rooms
                .join(format!("{who} {}", number % 7), &person)
                .unwrap();
            let message = format!("{who} {number:03}");
            rooms.to("even").to("odd").send(&message);
            let letters = person.take();
            let own = letters.iter().filter(|letter| **letter == message).count();
            assert_eq!(own, 1, "who is there hears itself, once");
            // Every third stays a while, so that rooms grow over several pages.
            if number % 3 == 0 {
                person.end();
            } else {
                rooms.leave(room, &person);
            }
        }
    };
    at_once(vec![
        Box::new(|| visit("a")),
        Box::new(|| visit("b")),
        Box::new(|| visit("c")),
        Box::new(|| visit("d")),
    ]);

    // In order per sender, each once, nothing lost.
    let heard = witness.take();
    assert_eq!(heard.len(), 4 * CROWD);
    for who in ["a", "b", "c", "d"] {
        let from: Vec<&String> = heard.iter().filter(|it| it.starts_with(who)).collect();
        assert_eq!(from.len(), CROWD);
        assert!(from.is_sorted());
    }

    let all = rooms.everyone().members();
    assert_eq!(all.len(), rooms.known());
    at_once(
        all.chunks(all.len() / 4 + 1)
            .map(|part| Box::new(|| part.iter().for_each(Person::end)) as Box<dyn FnOnce() + Send>)
            .collect(),
    );
    assert!(rooms.is_empty());
    assert_eq!(rooms.members("even").iter().map(Member::id).count(), 0);
    assert_eq!(watch.open(), 0);
}
