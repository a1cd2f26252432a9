//! Rooms that a member alone is in, by its name; and words between nodes.

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use futures_util::FutureExt;
use sockeye_core::{Delivered, Delivery, Member, Prepared, Text};
use sockeye_rooms::{
    Adapter, AppliedBy, Command, FetchError, Local, Outcome, PublishError, Rooms, Selection,
};

/// A member whose name is a room, if it begins with `#`.
#[derive(Clone)]
struct Solo(Arc<Inner>);

struct Inner {
    name: Text,
    got: Mutex<Vec<String>>,
    farewell: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl Solo {
    fn new(rooms: &Rooms<Self>, name: &str, joins: &[&str]) -> Self {
        let solo = Self(Arc::new(Inner {
            name: name.into(),
            got: Mutex::default(),
            farewell: Mutex::default(),
        }));
        rooms.join_all(joins.iter().copied(), &solo).unwrap();
        solo
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.got.lock().unwrap())
    }
}

impl AsRef<Solo> for Solo {
    fn as_ref(&self) -> &Solo {
        self
    }
}

impl Member for Solo {
    type Id = Text;
    type Packet = Prepared;

    fn id(&self) -> Text {
        self.0.name.clone()
    }

    fn alone_in(room: &str) -> Option<Text> {
        room.starts_with('#').then(|| room.into())
    }

    fn deliver(&self, packet: &Prepared, _: Delivery) -> Delivered {
        let text = packet.message().as_text().unwrap().to_owned();
        self.0.got.lock().unwrap().push(text);
        Delivered::Queued
    }

    fn close(&self, _: u16, _: Text) {
        let farewells = std::mem::take(&mut *self.0.farewell.lock().unwrap());
        for farewell in farewells {
            farewell();
        }
    }

    fn on_end(&self, farewell: Box<dyn FnOnce() + Send>) {
        self.0.farewell.lock().unwrap().push(farewell);
    }
}

fn ids(members: &[Solo]) -> String {
    let mut ids: Vec<_> = members.iter().map(|it| it.id().to_string()).collect();
    ids.sort();
    ids.join(" ")
}

#[test]
fn a_members_name_chooses_it_alone_and_once() {
    let rooms = Rooms::<Solo>::builder().build();
    let a = Solo::new(&rooms, "#a", &["x", "y"]);
    let b = Solo::new(&rooms, "#b", &["x"]);
    // A name that is no room, and a room that has the name of another member.
    let c = Solo::new(&rooms, "c", &["#a"]);
    let d = Solo::new(&rooms, "#d", &[]);
    #[rustfmt::skip]
    let cases = [
        (rooms.to("#b"),                                    "#b"),
        (rooms.to("#b").to("#b"),                           "#b"),
        (rooms.to("c"),                                     ""),
        (rooms.to("#nobody"),                               ""),
        (rooms.to("#a"),                                    "#a c"),
        (rooms.to("#a").to("x"),                            "#a #b c"),
        (rooms.to("x").to("#b").to("#d"),                   "#a #b #d"),
        (rooms.to("x").except_room("#a"),                   "#b"),
        (rooms.to("#b").except_room("#b"),                  ""),
        (rooms.to("#b").except_room("x"),                   ""),
        (rooms.to("#b").except_id("#b".into()),             ""),
        (rooms.everyone(),                                  "#a #b #d c"),
        (rooms.everyone().except_room("#d"),                "#a #b c"),
        (rooms.everyone().except_room("#a"),                "#b #d"),
        (rooms.everyone().except_rooms(["#b", "y", "c"]),   "#d c"),
    ];
    for (choice, expected) in cases {
        let case = format!("{choice:?}");
        assert_eq!(ids(&choice.members()), expected, "{case}");
        let count = expected.split_whitespace().count();
        assert_eq!(choice.send("x").reached, count, "{case}");
        for member in [&a, &b, &c, &d] {
            let is_chosen = expected
                .split_whitespace()
                .any(|id| id == member.id().as_str());
            assert_eq!(member.take(), vec!["x"; usize::from(is_chosen)], "{case}");
        }
    }
}

#[test]
fn a_members_own_room_is_not_listed_and_left_only_by_its_name() {
    let rooms = Rooms::<Solo>::builder().rooms_per_member(1).build();
    let a = Solo::new(&rooms, "#a", &["x"]);
    assert_eq!(rooms.rooms_of(&a), ["x"]);
    assert_eq!((rooms.len("#a"), rooms.rooms().len()), (0, 1));
    assert!(rooms.contains("#a", &a) && rooms.local().has_room("#a"));
    rooms.leave_all(&a);
    assert_eq!(rooms.to("#a").send("still").reached, 1);
    assert!(rooms.leave("#a", &a));
    assert_eq!(rooms.to("#a").send("nobody").reached, 0);
    assert!(!rooms.contains("#a", &a) && !rooms.local().has_room("#a"));
    rooms.join("#a", &a).unwrap();
    assert!(rooms.local().has_room("#a"));

    // It is moved, and closed, by its name as by a room.
    assert_eq!(rooms.to("#a").join("y").reached, 1);
    assert_eq!(rooms.len("y"), 1);
    assert_eq!(rooms.to("#a").leave("y").reached, 1);
    assert_eq!(rooms.to("#a").close(1000, "").reached, 1);
    assert_eq!(rooms.to("#a").send("too late").reached, 0);
    assert!(rooms.is_empty());
    assert_eq!(a.take(), ["still"]);
}

#[test]
fn without_members_of_that_kind_a_name_is_a_room_and_no_more() {
    use crate::person::Person;

    let rooms = Rooms::new();
    let ann = Person::new("ann");
    rooms.join("x", &ann).unwrap();
    assert_eq!(rooms.to("ann").send("hello").reached, 0);
    assert_eq!(rooms.everyone().except_room("ann").send("hello").reached, 1);
}

/// A bus of any number of nodes, whose words arrive at once.
#[derive(Clone, Default)]
struct Bus {
    nodes: Arc<Mutex<Vec<Local<Solo>>>>,
    own: Arc<OnceLock<usize>>,
    is_closed: bool,
}

impl Bus {
    fn others(&self) -> Vec<Local<Solo>> {
        let own = self.own.get().copied();
        let nodes = self.nodes.lock().unwrap();
        let others = nodes.iter().enumerate();
        let others = others.filter(|(at, node)| Some(*at) != own && !node.is_gone());
        others.map(|(_, node)| node.clone()).collect()
    }

    fn another(&self) -> Self {
        Self {
            nodes: self.nodes.clone(),
            ..Self::default()
        }
    }
}

#[async_trait]
impl Adapter<Solo> for Bus {
    fn attach(&self, local: Local<Solo>) {
        let mut nodes = self.nodes.lock().unwrap();
        self.own.set(nodes.len()).unwrap();
        nodes.push(local);
    }

    fn publish(
        &self,
        selection: &Selection<Text>,
        command: &Command<Prepared>,
    ) -> Result<AppliedBy, PublishError> {
        for node in self.others() {
            // As a bus does that looks at the rooms before it reads the message.
            let mut rooms = selection.in_rooms().iter();
            if selection.is_everyone() || rooms.any(|room| node.has_room(room)) {
                node.apply(selection, command);
            }
        }
        Ok(AppliedBy::Rooms)
    }

    fn announce(&self, packet: &Prepared) -> Result<(), PublishError> {
        if self.is_closed {
            return Err(PublishError::Closed);
        }
        for node in self.others() {
            node.announce(packet);
        }
        Ok(())
    }

    async fn nodes(&self) -> Result<usize, FetchError> {
        match self.is_closed {
            true => Err(FetchError::Closed),
            false => Ok(1 + self.others().len()),
        }
    }
}

/// A node, and what was announced to it.
fn node(bus: &Bus) -> (Rooms<Solo>, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let rooms = Rooms::builder().adapter(bus.clone());
    let rooms = rooms.on_announcement(move |packet: &Prepared| {
        let text = packet.message().as_text().unwrap().to_owned();
        hears.lock().unwrap().push(text);
    });
    (rooms.build(), heard)
}

#[test]
fn a_member_is_found_by_its_name_from_another_node() {
    let bus = Bus::default();
    let (here, _) = node(&bus);
    let (there, _) = node(&bus.another());
    let ann = Solo::new(&there, "#ann", &[]);
    let ben = Solo::new(&there, "#ben", &["x"]);
    here.to("#ann").send("to you alone");
    assert_eq!(
        (ann.take(), ben.take()),
        (vec!["to you alone".to_owned()], vec![])
    );
    here.everyone().except_room("#ann").send("to the others");
    assert_eq!((ann.take().len(), ben.take().len()), (0, 1));
    here.to("#ben").close(1000, "");
    assert_eq!(there.len("x"), 0);
}

#[test]
fn an_announcement_reaches_the_application_on_every_other_node() {
    let bus = Bus::default();
    let (a, a_heard) = node(&bus);
    let (b, b_heard) = node(&bus.another());
    let (c, c_heard) = node(&bus.another());
    let member = Solo::new(&b, "#m", &[]);
    let take = |heard: &Mutex<Vec<String>>| std::mem::take(&mut *heard.lock().unwrap());
    assert_eq!(a.announce("hello"), Ok(()));
    assert_eq!(take(&a_heard), [] as [&str; 0], "never to oneself");
    assert_eq!(
        (take(&b_heard), take(&c_heard)),
        (vec!["hello".to_owned()], vec!["hello".into()])
    );
    assert_eq!(member.take(), [] as [&str; 0], "nor to members");
    // One that is gone hears nothing, and is not counted.
    assert_eq!(a.nodes().now_or_never().unwrap().unwrap(), 3);
    drop(c);
    assert_eq!(a.nodes().now_or_never().unwrap().unwrap(), 2);
    assert_eq!(b.announce("anyone?"), Ok(()));
    assert_eq!((take(&a_heard).len(), take(&c_heard).len()), (1, 0));
}

#[test]
fn a_bus_that_is_closed_says_so() {
    let closed = Bus {
        is_closed: true,
        ..Bus::default()
    };
    let (rooms, heard) = node(&closed);
    assert_eq!(rooms.announce("hello"), Err(PublishError::Closed));
    assert!(matches!(
        rooms.nodes().now_or_never(),
        Some(Err(FetchError::Closed))
    ));
    assert_eq!(heard.lock().unwrap().len(), 0);
}

#[test]
fn alone_there_is_one_node_and_nobody_to_tell() {
    let heard = Arc::new(Mutex::new(0));
    let hears = heard.clone();
    let rooms = Rooms::<Solo>::builder().on_announcement(move |_| *hears.lock().unwrap() += 1);
    let rooms = rooms.build();
    assert_eq!(rooms.announce("hello"), Ok(()));
    assert_eq!(rooms.nodes().now_or_never().unwrap().unwrap(), 1);
    assert_eq!(*heard.lock().unwrap(), 0);
    // Who did not ask to hear is not told.
    let bus = Bus::default();
    let (a, _) = node(&bus);
    let deaf = Rooms::<Solo>::builder().adapter(bus.another()).build();
    assert_eq!(a.announce("hello"), Ok(()));
    assert_eq!(deaf.everyone().send("x"), Outcome::default());
}
