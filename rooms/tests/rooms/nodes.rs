//! Two nodes and a bus between them, all in this process.
//!
//! The bus carries plain strings, as a real one would, and moves only when a test says so.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use async_trait::async_trait;
use futures_util::FutureExt;
use sockeye_core::{Delivery, Member, Prepared, Text};
use sockeye_rooms::{
    Adapter, AppliedBy, Command, FetchError, Fetched, Local, Outcome, PublishError, Remote, Rooms,
    Selection,
};

use crate::person::Person;

/// A node: its rooms, and what the bus has brought.
struct Node {
    rooms: Rooms<Person>,
    local: Arc<OnceLock<Local<Person>>>,
    subscribed: Arc<Mutex<BTreeSet<String>>>,
    inbox: Receiver<Wire>,
}

/// A command as it travels.
struct Wire {
    everyone: bool,
    rooms: Vec<String>,
    excepted_rooms: Vec<String>,
    excepted: Vec<String>,
    volatile: bool,
    what: What,
}

enum What {
    Send(String),
    Join(Vec<String>),
    Leave(Vec<String>),
    Close(u16, String),
}

struct Bus {
    out: SyncSender<Wire>,
    applied_by: AppliedBy,
    here: Arc<OnceLock<Local<Person>>>,
    there: Arc<OnceLock<Local<Person>>>,
    subscribed: Arc<Mutex<BTreeSet<String>>>,
}

/// Two nodes; the queue of each to the other holds so many commands.
fn two_nodes(queue: usize) -> (Node, Node) {
    let (to_b, in_b) = sync_channel(queue);
    let (to_a, in_a) = sync_channel(queue);
    let (a, b) = (Arc::default(), Arc::default());
    (
        node(to_b, in_a, AppliedBy::Rooms, &a, &b),
        node(to_a, in_b, AppliedBy::Rooms, &b, &a),
    )
}

fn node(
    out: SyncSender<Wire>,
    inbox: Receiver<Wire>,
    applied_by: AppliedBy,
    here: &Arc<OnceLock<Local<Person>>>,
    there: &Arc<OnceLock<Local<Person>>>,
) -> Node {
    let subscribed = Arc::default();
    let bus = Bus {
        out,
        applied_by,
        here: here.clone(),
        there: there.clone(),
        subscribed: Arc::clone(&subscribed),
    };
    Node {
        rooms: Rooms::builder().adapter(bus).build(),
        local: here.clone(),
        subscribed,
        inbox,
    }
}

impl Node {
    fn with<const COUNT: usize>(&self, names: [(&'static str, &[&str]); COUNT]) -> [Person; COUNT] {
        names.map(|(name, rooms)| {
            let person = Person::new(name);
            self.rooms.join_all(rooms.iter().copied(), &person).unwrap();
            person
        })
    }

    /// Applies what the bus has brought; `None` for what concerns no room of this node.
    fn receive(&self) -> Vec<Option<Outcome>> {
        let local = self.local.get().unwrap();
        let concerns_us =
            |wire: &Wire| wire.everyone || wire.rooms.iter().any(|room| local.has_room(room));
        let wires = self.inbox.try_iter();
        wires
            .map(|wire| concerns_us(&wire).then(|| apply(local, wire)))
            .collect()
    }

    fn subscribed(&self) -> Vec<String> {
        self.subscribed.lock().unwrap().iter().cloned().collect()
    }
}

fn apply(local: &Local<Person>, wire: Wire) -> Outcome {
    let mut selection = if wire.everyone {
        Selection::everyone()
    } else {
        Selection::rooms(wire.rooms)
    };
    selection = selection.except_rooms(wire.excepted_rooms);
    for id in wire.excepted {
        selection = selection.except(id.into());
    }
    if wire.volatile {
        selection = selection.volatile();
    }
    let texts = |names: Vec<String>| names.into_iter().map(Text::from).collect();
    let command = match wire.what {
        What::Send(text) => Command::Send(Prepared::new(text)),
        What::Join(rooms) => Command::Join(texts(rooms)),
        What::Leave(rooms) => Command::Leave(texts(rooms)),
        What::Close(code, reason) => Command::Close {
            code,
            reason: reason.into(),
        },
    };
    local.apply(&selection, &command)
}

fn strings(texts: &[Text]) -> Vec<String> {
    texts.iter().map(Text::to_string).collect()
}

#[async_trait]
impl Adapter<Person> for Bus {
    fn attach(&self, local: Local<Person>) {
        assert!(self.here.set(local).is_ok());
    }

    fn publish(
        &self,
        selection: &Selection<Text>,
        command: &Command<Prepared>,
    ) -> Result<AppliedBy, PublishError> {
        assert!(!selection.is_local());
        let what = match command {
            Command::Send(packet) => match packet.message().as_text() {
                Some(text) => What::Send(text.to_owned()),
                None => return Err(PublishError::Unsupported),
            },
            Command::Join(rooms) => What::Join(strings(rooms)),
            Command::Leave(rooms) => What::Leave(strings(rooms)),
            Command::Close { code, reason } => What::Close(*code, reason.to_string()),
        };
        let wire = Wire {
            everyone: selection.is_everyone(),
            rooms: strings(selection.in_rooms()),
            excepted_rooms: strings(selection.excepted_rooms()),
            excepted: strings(selection.excepted()),
            volatile: selection.delivery() == Delivery::Volatile,
            what,
        };
        match self.out.try_send(wire) {
            Ok(()) => Ok(self.applied_by),
            Err(TrySendError::Full(_)) => Err(PublishError::Full),
            Err(TrySendError::Disconnected(_)) => Err(PublishError::Closed),
        }
    }

    fn room_opened(&self, room: &Text) {
        let is_new = self.subscribed.lock().unwrap().insert(room.to_string());
        assert!(is_new, "{room} opened twice");
    }

    fn room_closed(&self, room: &Text) {
        let was_there = self.subscribed.lock().unwrap().remove(room.as_str());
        assert!(was_there, "{room} closed twice");
    }

    async fn fetch(&self, selection: &Selection<Text>) -> Result<Fetched<Text>, FetchError> {
        let there = self.there.get().ok_or(FetchError::Closed)?;
        let members = there.members(selection).into_iter();
        Ok(Fetched {
            members: members
                .map(|person| Remote {
                    id: person.id(),
                    rooms: there.rooms_of(&person.id()),
                    data: Default::default(),
                })
                .collect(),
            missing_nodes: usize::from(there.is_gone()),
        })
    }
}

#[test]
fn a_broadcast_reaches_members_of_both_nodes_once() {
    let (a, b) = two_nodes(8);
    let [ann] = a.with([("ann", &["x", "y"])]);
    let [ben, cem] = b.with([("ben", &["x", "y"]), ("cem", &["z"])]);

    let told = a.rooms.to("x").to("y").send("hello");
    assert_eq!((told.reached, told.unpublished), (1, None));
    assert_eq!(b.receive()[0].unwrap().reached, 1);
    assert_eq!(a.receive(), [], "nothing comes back");
    assert_eq!(
        (ann.take(), ben.take()),
        (vec!["hello".into()], vec!["hello".into()])
    );
    assert_eq!(cem.take(), [] as [&str; 0]);

    b.rooms.everyone().send("all of you");
    assert_eq!(a.receive()[0].unwrap().reached, 1);
    for person in [&ann, &ben, &cem] {
        assert_eq!(person.take(), ["all of you"]);
    }
}

#[test]
fn a_local_broadcast_stays_here() {
    let (a, b) = two_nodes(8);
    let [ann] = a.with([("ann", &["x"])]);
    let [ben] = b.with([("ben", &["x"])]);
    assert_eq!(a.rooms.to("x").local().send("psst").reached, 1);
    let packet = Command::Send(Prepared::new("psst"));
    assert_eq!(
        a.rooms
            .local()
            .apply(&Selection::room("x"), &packet)
            .reached,
        1
    );
    assert_eq!(b.receive(), []);
    assert_eq!(ann.take(), ["psst", "psst"]);
    assert_eq!(ben.take(), [] as [&str; 0]);
}

#[test]
fn who_is_excepted_here_is_excepted_there() {
    let (a, b) = two_nodes(8);
    let [ann, asleep] = a.with([("ann", &["x"]), ("asleep here", &["x", "quiet"])]);
    let [ben, cem, also_asleep] = b.with([
        ("ben", &["x"]),
        ("cem", &["x"]),
        ("asleep there", &["x", "quiet"]),
    ]);
    let choice = a.rooms.to("x").except_room("quiet").except_id("ben".into());
    assert_eq!(choice.send("hush").reached, 1);
    assert_eq!(b.receive()[0].unwrap().reached, 1);
    assert_eq!(
        (ann.take(), cem.take()),
        (vec!["hush".into()], vec!["hush".into()])
    );

    // A sender who is excepted on its own node is nobody on the other.
    a.rooms.to("x").except(&ann).send("not to me");
    b.receive();
    assert_eq!(asleep.take(), ["not to me"]);
    for person in [&ben, &cem, &also_asleep] {
        assert_eq!(person.take(), ["not to me"], "{:?}", person.id());
    }
    assert_eq!(ann.take(), [] as [&str; 0]);
}

#[test]
fn members_are_moved_and_closed_on_both_nodes() {
    let (a, b) = two_nodes(8);
    let [_ann] = a.with([("ann", &["x"])]);
    let [ben] = b.with([("ben", &["x"])]);
    a.rooms.to("x").join("y");
    a.rooms.to("x").leave("x");
    b.receive();
    assert_eq!(b.rooms.rooms_of(&ben), ["y"]);
    assert_eq!(
        (a.subscribed(), b.subscribed()),
        (vec!["y".into()], vec!["y".into()])
    );

    assert_eq!(a.rooms.to("y").close(4001, "Logged out").reached, 1);
    b.receive();
    assert_eq!(ben.closed(), Some((4001, "Logged out".into())));
    assert!(a.rooms.is_empty() && b.rooms.is_empty());
    assert_eq!((a.subscribed().len(), b.subscribed().len()), (0, 0));
}

#[test]
fn a_volatile_message_is_volatile_there_as_well() {
    let (a, b) = two_nodes(8);
    let slow = Person::with_capacity("slow", 0);
    b.rooms.join("x", &slow).unwrap();
    a.rooms.to("x").volatile().send("now");
    assert_eq!(b.receive()[0].unwrap().skipped, 1);
    a.rooms.to("x").send("at some time");
    assert_eq!(b.receive()[0].unwrap().closed, 1);
}

#[test]
fn a_message_to_rooms_that_are_not_here_is_dropped_unread() {
    let (a, b) = two_nodes(8);
    b.with([("ben", &["x"])]);
    a.rooms.to("elsewhere").send("hello?");
    assert_eq!(b.receive(), [None]);
}

#[test]
fn a_bus_that_takes_no_more_costs_this_node_nothing() {
    let (a, b) = two_nodes(1);
    let [ann] = a.with([("ann", &["x"])]);
    let send = |text: &str| {
        let told = a.rooms.to("x").send(text);
        assert_eq!(told.reached, 1);
        told.unpublished
    };
    assert_eq!(send("1"), None);
    assert_eq!(send("2"), Some(PublishError::Full));
    assert_eq!(
        a.rooms.to("x").send(vec![1]).unpublished,
        Some(PublishError::Unsupported)
    );
    drop(b);
    assert_eq!(send("3"), Some(PublishError::Closed));
    assert_eq!(ann.take(), ["1", "2", "3"]);
}

#[test]
fn an_adapter_may_apply_a_command_itself_once_the_bus_has_it() {
    let (out, inbox) = sync_channel(8);
    let here = Arc::default();
    let a = node(out, inbox, AppliedBy::Adapter, &here, &here);
    let [ann] = a.with([("ann", &["x"])]);
    let told = a.rooms.to("x").send("through the bus");
    assert_eq!((told.reached, told.deferred), (0, true));
    assert_eq!(ann.take(), [] as [&str; 0]);
    assert_eq!(a.receive()[0].unwrap().reached, 1);
    assert_eq!(ann.take(), ["through the bus"]);
}

#[test]
fn what_is_published_alone_says_who_applies_it() {
    let (out, inbox) = sync_channel(1);
    let here = Arc::default();
    let a = node(out, inbox, AppliedBy::Adapter, &here, &here);
    let [ann] = a.with([("ann", &["x"])]);
    let publish = |choice: sockeye_rooms::Select<'_, Person>| choice.publish("hello");
    assert_eq!(publish(a.rooms.to("x")), Ok(AppliedBy::Adapter));
    assert_eq!(publish(a.rooms.to("x")), Err(PublishError::Full));
    assert_eq!(publish(a.rooms.to("x").local()), Ok(AppliedBy::Rooms));
    assert_eq!(ann.take(), [] as [&str; 0]);
    assert_eq!(a.receive()[0].unwrap().reached, 1);
}

#[test]
fn what_arrives_goes_through_who_asked_for_it() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let its_heard = heard.clone();
    let rooms = Rooms::<Person>::builder().on_arrival(move |selection, packet| {
        let text = packet.message().as_text().unwrap().to_owned();
        its_heard.lock().unwrap().push((selection.clone(), text));
        let mut outcome = Outcome::default();
        outcome.skipped = 7;
        outcome
    });
    let rooms = rooms.build();
    let ann = Person::new("ann");
    rooms.join("x", &ann).unwrap();
    let hello = Command::Send(Prepared::new("hello"));
    assert_eq!(
        rooms.local().apply(&Selection::room("x"), &hello).skipped,
        7
    );
    assert_eq!(
        *heard.lock().unwrap(),
        [(Selection::room("x"), "hello".into())]
    );
    assert_eq!(ann.take(), [] as [&str; 0]);

    // Not what is sent here, nor what is no packet.
    rooms.to("x").send("here");
    rooms.to("x").local().send("here, too");
    let join = Command::Join(vec!["y".into()]);
    assert_eq!(rooms.local().apply(&Selection::room("x"), &join).reached, 1);
    assert_eq!(ann.take(), ["here", "here, too"]);
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[test]
fn an_adapter_is_told_how_long_answers_are_awaited() {
    let rooms = Rooms::<Person>::new();
    let second = std::time::Duration::from_secs(1);
    let choice = rooms.to("x").timeout(second).into_selection();
    assert_eq!(choice.answers_within(), Some(second));
    assert_eq!(rooms.to("x").into_selection().answers_within(), None);
}

#[test]
fn members_of_other_nodes_are_found_and_nodes_that_are_gone_counted() {
    let (a, b) = two_nodes(8);
    a.with([("ann", &["x"])]);
    b.with([("ben", &["x", "y"])]);
    let fetch = |choice: sockeye_rooms::Select<'_, Person>| {
        let found = choice.fetch().now_or_never().unwrap().unwrap();
        let here: Vec<Text> = found.here.iter().map(Member::id).collect();
        (here, found.elsewhere, found.missing_nodes)
    };
    let (here, elsewhere, missing) = fetch(a.rooms.to("x"));
    assert_eq!((here, missing), (vec!["ann".into()], 0));
    assert_eq!((&*elsewhere[0].id, elsewhere.len()), ("ben", 1));
    assert_eq!(elsewhere[0].rooms, ["x", "y"]);
    assert_eq!(fetch(a.rooms.to("x").local()).1, []);

    drop(b);
    let (here, elsewhere, missing) = fetch(a.rooms.to("x"));
    assert_eq!((here, missing), (vec!["ann".into()], 1));
    assert_eq!(elsewhere, []);
}

#[test]
fn what_an_adapter_holds_does_not_keep_the_rooms_alive() {
    let (a, b) = two_nodes(8);
    let [ann] = a.with([("ann", &["x"])]);
    let local = a.local.get().unwrap().clone();
    drop((a.rooms, b));
    assert!(local.is_gone());
    let packet = Command::Send(Prepared::new("anyone?"));
    assert_eq!(
        local.apply(&Selection::everyone(), &packet),
        Outcome::default()
    );
    ann.end();
}
