//! Who is reached by what is sent to a room, and with what.

use std::sync::{Arc, Mutex};

use sockeye::{
    CloseReason, Event, Message, Prepared, Rooms, Sender, SessionId, Text, rooms::Rooms as RoomsOf,
};
use sockeye_core::{Delivered, Delivery, Member};

use crate::{
    people::{App, KINDS, seen},
    support::rest,
};

const PIPE: usize = 1 << 20;

#[tokio::test(start_paused = true)]
async fn one_room_reaches_members_of_every_transport_in_the_order_sent() {
    let mut app = App::new(100);
    let rooms = Rooms::new();
    let mut members = Vec::new();
    for kind in KINDS {
        let (peer, session) = app.peer(kind, PIPE).await;
        assert_eq!(rooms.join("lobby", &session), Ok(true));
        members.push((kind, peer, session));
    }
    assert_eq!(rooms.len("lobby"), KINDS.len());
    let outcome = rooms.to("lobby").send("one");
    assert_eq!(
        (outcome.reached, outcome.skipped, outcome.closed),
        (5, 0, 0)
    );
    // A sender's own messages and its broadcasts keep their order.
    for (_, _, session) in &members {
        session.try_send("two").unwrap();
    }
    assert_eq!(rooms.to("lobby").send("three").reached, 5);
    for (kind, peer, _) in &mut members {
        for expected in seen(kind, &["one", "two", "three"]) {
            assert_eq!(peer.next().await, expected, "{kind}");
        }
    }
    for n in 0..KINDS.len() {
        let left_out = &members[n].2;
        assert_eq!(
            rooms.to("lobby").except(left_out).send("to others").reached,
            4
        );
        for (other, (kind, peer, _)) in members.iter_mut().enumerate() {
            if other != n {
                assert_eq!(peer.next().await, seen(kind, &["to others"])[0], "{kind}");
            }
        }
    }
    // Nobody was told what was not meant for it.
    assert_eq!(rooms.to("lobby").send("last").reached, 5);
    for (kind, peer, _) in &mut members {
        assert_eq!(peer.next().await, seen(kind, &["last"])[0], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_is_an_event_to_streams_and_its_data_to_all_others() {
    let mut app = App::new(100);
    let rooms = Rooms::new();
    let mut members = Vec::new();
    for kind in KINDS {
        let (peer, session) = app.peer(kind, PIPE).await;
        rooms.join("prices", &session).unwrap();
        members.push((kind, peer, session));
    }
    let event = Event::new("17.25").name("price").id("42");
    assert_eq!(rooms.to("prices").send(event).reached, 5);
    for (kind, peer, _) in &mut members {
        let expected = match *kind {
            "events" => "event: price\nid: 42\ndata: 17.25\n\n".into(),
            kind => seen(kind, &["17.25"])[0].clone(),
        };
        assert_eq!(peer.next().await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn binary_reaches_those_who_carry_it_and_harms_nobody() {
    let mut app = App::new(100);
    let rooms = Rooms::new();
    let mut members = Vec::new();
    for kind in KINDS {
        let (peer, session) = app.peer(kind, PIPE).await;
        rooms.join("lobby", &session).unwrap();
        members.push((kind, peer, session));
    }
    let outcome = rooms.to("lobby").send(vec![1, 2]);
    assert_eq!(
        (outcome.reached, outcome.skipped, outcome.closed),
        (1, 4, 0)
    );
    assert_eq!(rooms.to("lobby").send("text").reached, 5);
    for (kind, peer, _) in &mut members {
        if *kind == "raw" {
            assert_eq!(peer.next().await, "Binary([1, 2])");
        }
        assert_eq!(peer.next().await, seen(kind, &["text"])[0], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_keep_up_is_skipped_by_volatile_messages_and_closed_by_others_alone() {
    for slow in KINDS {
        // Four times as much for a broadcast.
        let mut app = App::new(2);
        let rooms = Rooms::new();
        let mut quick = Vec::new();
        let mut behind = None;
        for kind in KINDS {
            let buffer = if kind == slow { 64 } else { PIPE };
            let (peer, session) = app.peer(kind, buffer).await;
            rooms.join("lobby", &session).unwrap();
            if kind == slow {
                behind = Some((peer, session));
            } else {
                quick.push((kind, peer, session));
            }
        }
        let (peer, session) = behind.unwrap();
        // Its pipe is full with this one, so that what follows waits in the queue.
        let has_pipe = matches!(slow, "framed" | "raw");
        if has_pipe {
            session.send("x".repeat(1000)).await.unwrap();
            rest().await;
        }
        let mut told = Vec::new();
        for n in 0..8 {
            let text = n.to_string();
            assert_eq!(
                rooms.to("lobby").send(text.clone()).reached,
                5,
                "{slow} {n}"
            );
            told.push(text);
            for (kind, peer, _) in &mut quick {
                assert_eq!(peer.next().await, seen(kind, &[&told[n]])[0], "{slow}");
            }
        }
        let outcome = rooms.to("lobby").volatile().send("worth little");
        assert_eq!(
            (outcome.reached, outcome.skipped, outcome.closed),
            (4, 1, 0)
        );
        assert_eq!(session.close_reason(), None);
        let outcome = rooms.to("lobby").send("worth much");
        assert_eq!(
            (outcome.reached, outcome.skipped, outcome.closed),
            (4, 0, 1)
        );
        assert_eq!(session.close_reason(), Some(CloseReason::TooSlow), "{slow}");
        assert_eq!(rooms.len("lobby"), 4, "{slow}");
        for (kind, peer, session) in &mut quick {
            let expected = seen(kind, &["worth little", "worth much"]);
            for expected in expected {
                assert_eq!(peer.next().await, expected, "{slow}");
            }
            assert_eq!(session.close_reason(), None);
        }
        drop(peer);
    }
}

/// SockJS's, the event stream's, and Engine.IO's, which are kept together.
const ENCODINGS: usize = 3;

/// How many of the encodings have not been made.
fn missing(packet: &Prepared) -> usize {
    format!("{packet:?}").matches("<uninit>").count()
}

/// A session that writes down which packets it is given.
#[derive(Clone)]
struct Watched {
    sender: Sender,
    given: Arc<Mutex<Vec<Prepared>>>,
}

impl Member for Watched {
    type Id = SessionId;
    type Packet = Prepared;

    fn id(&self) -> SessionId {
        self.sender.id()
    }

    fn deliver(&self, packet: &Prepared, delivery: Delivery) -> Delivered {
        self.given.lock().unwrap().push(packet.clone());
        self.sender.deliver(packet, delivery)
    }

    fn close(&self, code: u16, reason: Text) {
        Member::close(&self.sender, code, reason);
    }

    fn on_end(&self, farewell: Box<dyn FnOnce() + Send>) {
        self.sender.on_end(farewell);
    }
}

impl AsRef<Self> for Watched {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[tokio::test(start_paused = true)]
async fn each_encoding_is_made_once_when_the_first_member_needs_it() {
    // No Engine.IO member is among them, so its encodings are never made.
    let made = |packet: &Prepared| ENCODINGS - missing(packet);
    let mut app = App::new(100);
    let rooms = RoomsOf::<Watched>::new();
    let given = Arc::new(Mutex::new(Vec::new()));
    let mut peers = Vec::new();
    let mut sessions = Vec::new();
    for kind in [
        "raw",
        "raw",
        "events",
        "events",
        "framed",
        "streaming",
        "polling",
    ] {
        let (peer, session) = app.peer(kind, PIPE).await;
        let member = Watched {
            sender: session.sender(),
            given: given.clone(),
        };
        rooms.join("lobby", &member).unwrap();
        peers.push((kind, peer));
        sessions.push(session);
    }
    let packet = Prepared::new("hello");
    assert_eq!(rooms.to("lobby").send(packet.clone()).reached, 7);
    assert_eq!(made(&packet), 0);
    for (kind, peer) in &mut peers {
        assert_eq!(peer.next().await, seen(kind, &["hello"])[0], "{kind}");
    }
    assert_eq!(made(&packet), 2);
    let given = given.lock().unwrap();
    assert_eq!(given.len(), 7);
    for other in given.iter() {
        assert!(other.is_same(&packet));
        // The same memory, not just the same bytes.
        assert_eq!(other.quoted().as_ptr(), packet.quoted().as_ptr());
        assert_eq!(other.event().as_ptr(), packet.event().as_ptr());
    }
    assert_eq!(packet.message(), &Message::from("hello"));
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_to_raw_websockets_alone_encodes_nothing() {
    let mut app = App::new(100);
    let rooms = Rooms::new();
    let (mut peer, session) = app.peer("raw", PIPE).await;
    rooms.join("lobby", &session).unwrap();
    let packet = Prepared::new("hello");
    rooms.to("lobby").send(packet.clone());
    assert_eq!(peer.next().await, r#"Text("hello")"#);
    assert_eq!(missing(&packet), ENCODINGS, "{packet:?}");
}
