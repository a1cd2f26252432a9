//! Rooms on one node, story by story.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use sockeye_core::{Member, Prepared, Text};
use sockeye_rooms::{JoinError, Outcome, Rooms};

use crate::person::Person;

fn reached(reached: usize) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.reached = reached;
    outcome
}

fn people<const COUNT: usize>(names: [&'static str; COUNT]) -> (Rooms<Person>, [Person; COUNT]) {
    (Rooms::new(), names.map(Person::new))
}

#[test]
fn each_choice_reaches_its_members_once() {
    let (rooms, [ann, ben, cem, dee]) = people(["ann", "ben", "cem", "dee"]);
    rooms.join_all(["a", "b"], &ann).unwrap();
    rooms.join("a", &ben).unwrap();
    rooms.join("b", &cem).unwrap();
    rooms.add(&dee).unwrap();

    #[rustfmt::skip]
    let cases = [
        // who gets it                  choice
        (vec!["ann", "ben"],            rooms.to("a")),
        (vec!["ann", "ben", "cem"],     rooms.to("a").to("b")),
        (vec!["ann", "ben"],            rooms.to("a").to("a")),
        (vec!["ann", "ben"],            rooms.to("a").to("nowhere")),
        (vec![],                        rooms.to("nowhere")),
        (vec![],                        rooms.to_all([] as [&str; 0])),
        (vec!["ann", "ben", "cem", "dee"], rooms.everyone()),
        (vec!["ann", "ben", "cem", "dee"], rooms.everyone().to("a")),
        (vec!["dee"],                   rooms.everyone().except_rooms(["a", "b"])),
        (vec!["ben", "cem", "dee"],     rooms.everyone().except(&ann)),
        (vec!["ben"],                   rooms.to("a").except(&ann)),
        (vec!["ben"],                   rooms.to("a").except_room("b")),
        (vec!["cem"],                   rooms.to("a").to("b").except_room("a")),
        (vec!["cem"],                   rooms.to("a").to("b").except(&ann).except_id("ben".into())),
        (vec!["ann", "ben"],            rooms.to("a").except(&Person::new("a stranger"))),
        (vec!["ann", "ben"],            rooms.to("a").local()),
    ];
    for (expected, choice) in cases {
        let case = format!("{choice:?}");
        let mut chosen: Vec<Text> = choice.members().iter().map(Member::id).collect();
        chosen.sort();
        assert_eq!(chosen, expected, "{case}");

        assert_eq!(choice.send("x"), reached(expected.len()), "{case}");
        for person in [&ann, &ben, &cem, &dee] {
            let times = usize::from(expected.contains(&person.id().as_str()));
            assert_eq!(person.take(), vec!["x"; times], "{case}, {:?}", person.id());
        }
    }
}

#[test]
fn a_message_is_encoded_once_for_all() {
    let (rooms, [ann, ben]) = people(["ann", "ben"]);
    rooms.join("a", &ann).unwrap();
    rooms.join("a", &ben).unwrap();

    rooms.to("a").send("made by the broadcast");
    assert!(ann.take_packets()[0].is_same(&ben.take_packets()[0]));

    let prepared = Prepared::new("made before");
    rooms.to("a").send(prepared.clone());
    rooms.to("b").to("a").send(prepared.clone());
    for packet in ann.take_packets() {
        assert!(packet.is_same(&prepared));
    }
}

#[test]
fn a_broadcast_says_what_became_of_everyone() {
    let rooms = Rooms::new();
    let (ann, slow) = (Person::new("ann"), Person::with_capacity("slow", 1));
    for person in [&ann, &slow] {
        rooms.join("a", person).unwrap();
    }
    assert_eq!(rooms.to("a").send("1"), reached(2));

    let told = rooms.to("a").volatile().send("2");
    assert_eq!((told.reached, told.skipped, told.closed), (1, 1, 0));
    assert_eq!(slow.closed(), None);

    let told = rooms.to("a").send(vec![0xFF]);
    assert_eq!((told.reached, told.skipped, told.closed), (0, 2, 0));

    let told = rooms.to("a").send("3");
    assert_eq!((told.reached, told.skipped, told.closed), (1, 0, 1));
    assert_eq!(slow.closed(), Some((1013, "Too slow".into())));
    assert_eq!(ann.take(), ["1", "2", "3"]);
    assert_eq!(rooms.known(), 1);
}

#[test]
fn a_member_leaves_everything_when_it_ends() {
    let (rooms, [ann, ben]) = people(["ann", "ben"]);
    rooms.join_all(["a", "b"], &ann).unwrap();
    rooms.join("b", &ben).unwrap();
    assert_eq!(ann.farewells(), 1, "one farewell, however many rooms");

    ann.end();
    assert_eq!(rooms.rooms(), ["b"]);
    assert_eq!(rooms.rooms_of(&ann), [] as [&str; 0]);
    assert_eq!((rooms.known(), rooms.len("b")), (1, 1));
    ben.end();
    assert!(rooms.is_empty());
}

#[test]
fn joining_and_leaving_again_and_again_leaves_nothing_with_the_member() {
    let (rooms, [ann]) = people(["ann"]);
    for _ in 0..10 {
        assert_eq!(rooms.join("a", &ann), Ok(true));
        assert!(rooms.leave("a", &ann));
        assert!(!rooms.leave("a", &ann));
    }
    assert_eq!(ann.farewells(), 1);
    assert_eq!(rooms.rooms(), [] as [&str; 0]);
    assert_eq!(rooms.everyone().send("still here"), reached(1));
}

#[test]
fn who_has_ended_cannot_join() {
    let (rooms, [ann]) = people(["ann"]);
    ann.end();
    assert_eq!(rooms.join("a", &ann), Err(JoinError::Ended));
    assert_eq!(rooms.add(&ann), Err(JoinError::Ended));
    assert!(rooms.is_empty());

    // Another one may take its name: a session that was recovered.
    let again = Person::new("ann");
    assert_eq!(rooms.join("a", &again), Ok(true));
    ann.end();
    assert!(rooms.contains("a", &again));
}

#[test]
fn limits_are_the_limits() {
    let rooms = Rooms::builder()
        .rooms_per_member(2)
        .room_name_bytes(3)
        .build();
    let ann = Person::new("ann");
    let too_long = Err(JoinError::NameTooLong { limit: 3 });
    let too_many = JoinError::TooManyRooms { limit: 2 };
    // As if it were in none, and it stays in none.
    let check = |names: &[&str]| {
        let names: Vec<Text> = names.iter().copied().map(Text::from).collect();
        rooms.check(&names, &ann)
    };
    assert_eq!(check(&["a", "b", "a"]), Ok(()));
    assert_eq!(check(&["a", "b", "c"]), Err(too_many));

    assert_eq!(rooms.join("abcd", &ann), too_long);
    assert_eq!(rooms.join("äöü", &ann), too_long, "bytes, not characters");
    assert_eq!(rooms.join_all(["a", "b", "c"], &ann), Err(too_many));
    assert!(rooms.is_empty(), "a refused join makes nobody known");
    assert_eq!(ann.farewells(), 0);

    assert_eq!(rooms.join("abc", &ann), Ok(true));
    assert_eq!(rooms.join_all(["abc", "d", "d"], &ann), Ok(1));
    assert_eq!(rooms.join("d", &ann), Ok(false), "it is there already");
    assert_eq!(rooms.join("e", &ann), Err(too_many));
    assert!(rooms.leave("d", &ann));
    assert_eq!(rooms.join_all(["e", "f"], &ann), Err(too_many));
    assert_eq!(rooms.rooms_of(&ann), ["abc"], "all of them or none");
}

#[test]
fn whom_a_limit_keeps_out_is_told_whoever_wanted_it_in() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = told.clone();
    let rooms = Rooms::<Person>::builder().rooms_per_member(1);
    let rooms = rooms.room_name_bytes(4);
    let rooms = rooms.on_refused(move |error| tells.lock().unwrap().push(error));
    let rooms = rooms.build();
    let ann = Person::new("ann");
    rooms.join("a", &ann).unwrap();
    rooms.join("a", &ann).unwrap();
    assert_eq!(told.lock().unwrap().len(), 0);
    let one_more = rooms.join("b", &ann).unwrap_err();
    let too_long = rooms.join("long name", &ann).unwrap_err();
    assert_eq!(rooms.everyone().join("b").skipped, 1);
    assert_eq!(*told.lock().unwrap(), [one_more, too_long, one_more]);
    // Who has ended ran into no limit.
    ann.end();
    rooms.join("b", &ann).unwrap_err();
    assert_eq!(told.lock().unwrap().len(), 3);
}

#[test]
fn the_defaults_are_those_in_the_guide() {
    let (rooms, [ann]) = people(["ann"]);
    let names = (0..1_024).map(|number| number.to_string());
    assert_eq!(rooms.join_all(names, &ann), Ok(1_024));
    let too_many = JoinError::TooManyRooms { limit: 1_024 };
    assert_eq!(rooms.join("one more", &ann), Err(too_many));
    assert_eq!(rooms.leave_all(&ann), 1_024);
    assert_eq!(rooms.join("x".repeat(255), &ann), Ok(true));
    let too_long = JoinError::NameTooLong { limit: 255 };
    assert_eq!(rooms.join("x".repeat(256), &ann), Err(too_long));
}

#[test]
fn a_choice_can_be_moved() {
    let rooms = Rooms::builder().rooms_per_member(2).build();
    let [ann, ben, cem] = ["ann", "ben", "cem"].map(Person::new);
    rooms.join("a", &ann).unwrap();
    rooms.join_all(["a", "x"], &ben).unwrap();
    rooms.add(&cem).unwrap();

    let moved = rooms.to("a").join("b");
    assert_eq!((moved.reached, moved.skipped), (1, 1), "ben has his two");
    assert_eq!(rooms.to("a").leave("a"), reached(2));
    assert_eq!(rooms.to("b").to("x").join_all(["c"]), reached(2));
    assert_eq!(rooms.rooms_of(&ann), ["b", "c"]);
    assert_eq!(rooms.rooms_of(&ben), ["c", "x"]);

    assert_eq!(rooms.to("c").close(4001, "Logged out"), reached(2));
    assert_eq!(ann.closed(), Some((4001, "Logged out".into())));
    assert_eq!((ben.closed(), cem.closed()), (ann.closed(), None));
    assert_eq!((rooms.known(), rooms.rooms().len()), (1, 0));
}

/// Socket.IO servers have kept whole messages, and whole read buffers, alive by names cut from them.
#[test]
fn a_room_does_not_keep_the_message_alive_that_named_it() {
    let (rooms, [ann]) = people(["ann"]);
    let message = Text::from("join lobby".repeat(1_000));
    let name = message.slice_ref(&message[5..10]);
    rooms.join(name.clone(), &ann).unwrap();
    for kept in [&rooms.rooms()[0], &rooms.rooms_of(&ann)[0]] {
        assert_eq!(kept, "lobby");
        assert_ne!(kept.as_ptr(), name.as_ptr());
    }
}

#[test]
fn everyone_is_found_in_a_crowd_that_comes_and_goes() {
    let rooms = Rooms::new();
    let crowd: Vec<Person> = (0..1_000)
        .map(|number| Person::new(number.to_string()))
        .collect();
    for (number, person) in crowd.iter().enumerate() {
        rooms.join("all", person).unwrap();
        if number % 2 == 0 {
            rooms.join("even", person).unwrap();
        }
    }
    // 7 and 1,000 have no common factor, so this visits each once, in no simple order.
    let mut there: BTreeSet<usize> = (0..crowd.len()).collect();
    for step in 0..crowd.len() {
        let number = step * 7 % crowd.len();
        crowd[number].end();
        there.remove(&number);
        if step % 50 == 0 {
            let even = there.iter().filter(|number| **number % 2 == 0).count();
            assert_eq!(rooms.len("even"), even);
            assert_eq!(rooms.to("even").to("all").send("x"), reached(there.len()));
            for number in &there {
                assert_eq!(crowd[*number].take(), ["x"]);
            }
        }
    }
    assert!(rooms.is_empty());
}

#[test]
fn debug_output_names_nobody() {
    let (rooms, [ann]) = people(["ann"]);
    rooms.join("user:ann@example.com", &ann).unwrap();
    assert_eq!(format!("{rooms:?}"), "Rooms { known: 1, rooms: 1, .. }");
}

#[test]
fn handlers_on_any_thread_may_hold_all_of_it() {
    fn held(_: &(impl Send + Sync)) {}
    fn awaited(_: impl Future<Output: Send> + Send) {}
    let (rooms, [ann]) = people(["ann"]);
    held(&rooms);
    held(&rooms.local());
    held(&rooms.to("a").except(&ann));
    awaited(rooms.everyone().fetch());
    awaited(rooms.shutdown());
}
