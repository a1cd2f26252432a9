//! Members and adapters that call back into the rooms. Were a lock held, these would hang.

use std::sync::{Arc, Mutex, OnceLock};

use sockeye_core::{Delivered, Delivery, Member, Text};
use sockeye_rooms::{
    Adapter, AppliedBy, Command, JoinError, Local, PublishError, Rooms, Selection,
};

use crate::person::Person;

/// A member that calls the rooms whenever it is called.
#[derive(Clone)]
struct Caller(Arc<Inner>);

struct Inner {
    rooms: OnceLock<Rooms<Caller>>,
    log: Arc<Mutex<Vec<String>>>,
    farewell: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Caller {
    fn new(rooms: &Rooms<Self>, log: &Arc<Mutex<Vec<String>>>) -> Self {
        let inner = Inner {
            rooms: OnceLock::new(),
            log: log.clone(),
            farewell: Mutex::default(),
        };
        assert!(inner.rooms.set(rooms.clone()).is_ok());
        Self(Arc::new(inner))
    }
}

impl AsRef<Caller> for Caller {
    fn as_ref(&self) -> &Caller {
        self
    }
}

impl Inner {
    fn note(&self, what: &str) {
        let rooms = self.rooms.get().unwrap();
        let line = format!("{what}, {} in a", rooms.len("a"));
        self.log.lock().unwrap().push(line);
    }
}

impl Member for Caller {
    type Id = u8;
    type Packet = sockeye_core::Prepared;

    fn id(&self) -> u8 {
        1
    }

    fn deliver(&self, packet: &Self::Packet, _: Delivery) -> Delivered {
        let text = packet.message().as_text().unwrap();
        self.0.note(text);
        if text == "first" {
            let rooms = self.0.rooms.get().unwrap();
            rooms.join("b", self).unwrap();
            rooms.leave("a", self);
            assert_eq!(rooms.to("b").send("second").reached, 1);
        }
        Delivered::Queued
    }

    fn close(&self, _: u16, _: Text) {
        self.0.note("closing");
        let farewell = self.0.farewell.lock().unwrap().take();
        farewell.unwrap()();
        self.0.note("closed");
    }

    fn on_end(&self, farewell: Box<dyn FnOnce() + Send>) {
        self.0.note("joined");
        *self.0.farewell.lock().unwrap() = Some(farewell);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.note("dropped");
    }
}

#[test]
fn a_member_may_call_the_rooms_from_wherever_it_is_called() {
    let rooms = Rooms::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let caller = Caller::new(&rooms, &log);
    rooms.join("a", &caller).unwrap();
    // The rooms hold the last handle now: letting it go runs the member's own code.
    drop(caller);
    rooms.to("a").send("first");
    rooms.to("b").close(1000, "");
    assert_eq!(
        *log.lock().unwrap(),
        [
            "joined, 1 in a",
            "first, 1 in a",
            "second, 0 in a",
            "closing, 0 in a",
            "closed, 0 in a",
            "dropped, 0 in a",
        ]
    );
    assert!(rooms.is_empty());
}

#[test]
fn the_rooms_may_hold_the_last_handle_on_a_member() {
    let rooms = Rooms::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let caller = Caller::new(&rooms, &log);
    rooms.join("a", &caller).unwrap();
    let farewell = caller.0.farewell.lock().unwrap().take();
    drop(caller);
    farewell.unwrap()();
    assert_eq!(*log.lock().unwrap(), ["joined, 1 in a", "dropped, 0 in a"]);
}

/// An adapter that hears of rooms, and answers the first by a command of its own.
#[derive(Clone, Default)]
struct Echo {
    local: Arc<OnceLock<Local<Person>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Adapter<Person> for Echo {
    fn attach(&self, local: Local<Person>) {
        assert!(self.local.set(local).is_ok());
    }

    fn publish(
        &self,
        _: &Selection<Text>,
        _: &Command<sockeye_core::Prepared>,
    ) -> Result<AppliedBy, PublishError> {
        Ok(AppliedBy::Rooms)
    }

    fn room_opened(&self, room: &Text) {
        self.heard.lock().unwrap().push(format!("+{room}"));
        assert!(room != "bad", "a room this adapter cannot have");
        if room == "a" {
            let local = self.local.get().unwrap();
            let join = Command::Join(vec!["b".into()]);
            assert_eq!(local.apply(&Selection::room("a"), &join).reached, 1);
            // "b" is told after this call, not within it.
            assert_eq!(self.heard.lock().unwrap().len(), 1);
        }
    }

    fn room_closed(&self, room: &Text) {
        self.heard.lock().unwrap().push(format!("-{room}"));
    }
}

#[test]
fn an_adapter_may_call_the_rooms_and_hears_of_each_change_in_order() {
    let echo = Echo::default();
    let rooms = Rooms::builder().adapter(echo.clone()).build();
    let (ann, ben) = (Person::new("ann"), Person::new("ben"));
    rooms.join("a", &ann).unwrap();
    rooms.join("a", &ben).unwrap();
    ann.end();
    ben.end();
    assert_eq!(rooms.join("c", &ben), Err(JoinError::Ended));
    let heard = echo.heard.lock().unwrap().join(" ");
    // Ann alone was moved to "b", before Ben came.
    assert_eq!(heard, "+a +b -b -a +c -c");
}

#[test]
fn an_adapter_that_panics_hears_of_later_changes() {
    let echo = Echo::default();
    let rooms = Rooms::builder().adapter(echo.clone()).build();
    let ann = Person::new("ann");
    let joining = std::panic::AssertUnwindSafe(|| rooms.join("bad", &ann));
    assert!(std::panic::catch_unwind(joining).is_err());
    // The poisoned log is the test's own.
    echo.heard.clear_poison();
    rooms.join("good", &ann).unwrap();
    assert_eq!(*echo.heard.lock().unwrap(), ["+bad", "+good"]);
    // The panic did not cost the member its farewell either.
    ann.end();
    assert!(rooms.is_empty());
}
