//! Rooms against a naive model, under any script.

use std::collections::BTreeSet;

use proptest::{
    collection::vec,
    option,
    prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof},
    proptest,
    test_runner::TestCaseError,
};
use sockeye_core::{Member, Text};
use sockeye_rooms::{JoinError, Outcome, Rooms, Selection};

use crate::person::Person;

const PEOPLE: [&str; 6] = ["p0", "p1", "p2", "p3", "p4", "p5"];
const ROOMS: [&str; 5] = ["a", "b", "c", "d", "e"];
const ROOMS_PER_MEMBER: usize = 3;
const LETTERS: usize = 3;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rooms_do_what_the_model_does(script in vec(step(), 0..60)) {
        let mut world = World::new();
        for step in script {
            world.take(&step)?;
            world.compare()?;
        }
        // Back to zero, whatever happened.
        for person in 0..PEOPLE.len() {
            world.take(&Step::End(person))?;
        }
        world.compare()?;
        prop_assert!(world.rooms.is_empty());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(usize),
    Join(usize, Vec<usize>),
    Leave(usize, usize),
    LeaveAll(usize),
    End(usize),
    /// Someone else comes under the name of one that has ended.
    Return(usize),
    Read(usize),
    Command(Choice, What),
}

#[derive(Clone, Debug)]
struct Choice {
    everyone: bool,
    rooms: Vec<usize>,
    excepted_rooms: Vec<usize>,
    excepted: Option<usize>,
    volatile: bool,
}

#[derive(Clone, Debug)]
enum What {
    Send,
    Join(Vec<usize>),
    Leave(Vec<usize>),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let person = || 0..PEOPLE.len();
    let room = || 0..ROOMS.len();
    prop_oneof![
        1 => person().prop_map(Step::Add),
        6 => (person(), vec(room(), 0..4)).prop_map(|(person, rooms)| Step::Join(person, rooms)),
        2 => (person(), room()).prop_map(|(person, room)| Step::Leave(person, room)),
        1 => person().prop_map(Step::LeaveAll),
        1 => person().prop_map(Step::End),
        2 => person().prop_map(Step::Return),
        2 => person().prop_map(Step::Read),
        6 => (choice(), what()).prop_map(|(choice, what)| Step::Command(choice, what)),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    let rooms = || vec(0..ROOMS.len(), 0..4);
    let excepted = option::of(0..PEOPLE.len());
    (any::<u8>(), rooms(), rooms(), excepted, any::<bool>()).prop_map(
        |(kind, rooms, excepted_rooms, excepted, volatile)| Choice {
            everyone: kind < 40,
            rooms,
            excepted_rooms: if kind % 2 == 0 {
                vec![]
            } else {
                excepted_rooms
            },
            excepted,
            volatile,
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    let rooms = || vec(0..ROOMS.len(), 0..3);
    prop_oneof![
        12 => proptest::strategy::Just(What::Send),
        2 => rooms().prop_map(What::Join),
        2 => rooms().prop_map(What::Leave),
        1 => proptest::strategy::Just(What::Close),
    ]
}

/// A person as the model sees it.
#[derive(Clone, Default)]
struct Model {
    known: bool,
    ended: bool,
    rooms: BTreeSet<usize>,
    letters: Vec<String>,
}

struct World {
    rooms: Rooms<Person>,
    people: Vec<Person>,
    models: Vec<Model>,
    sent: usize,
}

impl World {
    fn new() -> Self {
        let rooms = Rooms::builder().rooms_per_member(ROOMS_PER_MEMBER).build();
        Self {
            rooms,
            people: PEOPLE
                .map(|name| Person::with_capacity(name, LETTERS))
                .into(),
            models: vec![Model::default(); PEOPLE.len()],
            sent: 0,
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Add(person) => {
                let model = &mut self.models[person];
                let expected = if model.ended {
                    Err(JoinError::Ended)
                } else {
                    Ok(())
                };
                model.known |= !model.ended;
                prop_assert_eq!(self.rooms.add(&self.people[person]), expected);
            }
            Step::Join(person, ref rooms) => {
                let expected = self.models[person].join(rooms);
                let names = rooms.iter().map(|room| ROOMS[*room]);
                let joined = self.rooms.join_all(names, &self.people[person]);
                prop_assert_eq!(joined, expected);
            }
            Step::Leave(person, room) => {
                let was_there = self.models[person].rooms.remove(&room);
                let left = self.rooms.leave(ROOMS[room], &self.people[person]);
                prop_assert_eq!(left, was_there);
            }
            Step::LeaveAll(person) => {
                let rooms = std::mem::take(&mut self.models[person].rooms);
                prop_assert_eq!(self.rooms.leave_all(&self.people[person]), rooms.len());
            }
            Step::End(person) => {
                self.models[person].end();
                self.people[person].end();
            }
            Step::Return(person) => {
                if self.models[person].ended {
                    self.models[person] = Model::default();
                    self.people[person] = Person::with_capacity(PEOPLE[person], LETTERS);
                }
            }
            Step::Read(person) => {
                let letters = std::mem::take(&mut self.models[person].letters);
                prop_assert_eq!(self.people[person].take(), letters);
            }
            Step::Command(ref choice, ref what) => self.command(choice, what)?,
        }
        Ok(())
    }

    fn command(&mut self, choice: &Choice, what: &What) -> Result<(), TestCaseError> {
        let selection = choice.selection();
        let mut expected = Outcome::default();
        self.sent += 1;
        let text = self.sent.to_string();
        for (person, model) in self.models.iter_mut().enumerate() {
            if !choice.includes(person, model) {
                continue;
            }
            match what {
                What::Send if model.letters.len() < LETTERS => {
                    model.letters.push(text.clone());
                    expected.reached += 1;
                }
                What::Send if choice.volatile => expected.skipped += 1,
                What::Send => {
                    model.end();
                    expected.closed += 1;
                }
                What::Join(rooms) => match model.join(rooms) {
                    Ok(_) => expected.reached += 1,
                    Err(_) => expected.skipped += 1,
                },
                What::Leave(rooms) => {
                    model.rooms.retain(|room| !rooms.contains(room));
                    expected.reached += 1;
                }
                What::Close => {
                    model.end();
                    expected.reached += 1;
                }
            }
        }
        let select = self.rooms.select(selection);
        let names = |rooms: &[usize]| rooms.iter().map(|room| ROOMS[*room]).collect::<Vec<_>>();
        let outcome = match what {
            What::Send => select.send(text),
            What::Join(rooms) => select.join_all(names(rooms)),
            What::Leave(rooms) => select.leave_all(names(rooms)),
            What::Close => select.close(4000, "closed"),
        };
        prop_assert_eq!(outcome, expected);
        Ok(())
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let mut there = BTreeSet::<usize>::new();
        for (person, model) in self.models.iter().enumerate() {
            let names: Vec<&str> = model.rooms.iter().map(|room| ROOMS[*room]).collect();
            prop_assert_eq!(self.rooms.rooms_of(&self.people[person]), names);
            prop_assert_eq!(self.people[person].farewells(), usize::from(model.known));
            there.extend(&model.rooms);
        }
        let mut rooms = self.rooms.rooms();
        rooms.sort();
        let expected: Vec<&str> = there.iter().map(|room| ROOMS[*room]).collect();
        prop_assert_eq!(rooms, expected);

        let known = self.models.iter().filter(|model| model.known).count();
        prop_assert_eq!(self.rooms.known(), known);
        for (room, name) in ROOMS.iter().enumerate() {
            let mut members: Vec<Text> = self.rooms.members(name).iter().map(Member::id).collect();
            members.sort();
            let expected: Vec<&str> = (0..PEOPLE.len())
                .filter(|person| self.models[*person].rooms.contains(&room))
                .map(|person| PEOPLE[person])
                .collect();
            prop_assert_eq!(self.rooms.len(name), expected.len());
            prop_assert_eq!(members, expected);
        }
        Ok(())
    }
}

impl Model {
    fn join(&mut self, rooms: &[usize]) -> Result<usize, JoinError> {
        let joined: BTreeSet<usize> = self.rooms.iter().chain(rooms).copied().collect();
        let more = joined.len() - self.rooms.len();
        if more > 0 && joined.len() > ROOMS_PER_MEMBER {
            let limit = ROOMS_PER_MEMBER;
            return Err(JoinError::TooManyRooms { limit });
        }
        if self.ended {
            return Err(JoinError::Ended);
        }
        self.known = true;
        self.rooms = joined;
        Ok(more)
    }

    fn end(&mut self) {
        self.ended = true;
        self.known = false;
        self.rooms.clear();
    }
}

impl Choice {
    fn selection(&self) -> Selection<Text> {
        let names = |rooms: &[usize]| rooms.iter().map(|room| ROOMS[*room]).collect::<Vec<_>>();
        let mut selection = if self.everyone {
            Selection::everyone().to_all(names(&self.rooms))
        } else {
            Selection::rooms(names(&self.rooms))
        };
        selection = selection.except_rooms(names(&self.excepted_rooms));
        if let Some(person) = self.excepted {
            selection = selection.except(PEOPLE[person].into());
        }
        if self.volatile {
            selection = selection.volatile();
        }
        selection
    }

    fn includes(&self, person: usize, model: &Model) -> bool {
        let is_in = |rooms: &[usize]| rooms.iter().any(|room| model.rooms.contains(room));
        model.known
            && (self.everyone || is_in(&self.rooms))
            && !is_in(&self.excepted_rooms)
            && self.excepted != Some(person)
    }
}
