//! Who is in which room: plain data that changes one step at a time, under one lock.

use std::{
    collections::{HashMap, HashSet, hash_map},
    hash::Hash,
};

use sockeye_core::{Member, Text};

use crate::{
    JoinError, Selection,
    entry::{Entry, place},
    roster::{Page, Roster, Seat},
    selected::Selected,
};

/// The limits in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rooms_per_member: usize,
    pub(crate) room_name_bytes: usize,
}

/// The members of this node and their rooms.
///
/// ```text
/// members: id ──> serial, seat among everyone, [(room, seat in it)]
/// rooms:   name ──> roster of seats      everyone: roster of seats
/// ```
///
/// Each member in a room knows its seat there, so that joining and leaving cost the same in rooms of
/// any size. A room is there exactly while someone is in it.
pub(crate) struct Membership<M: Member> {
    members: HashMap<M::Id, Entry>,
    rooms: HashMap<Text, Roster<M>>,
    everyone: Roster<M>,
    next_serial: u64,
}

/// A member as an earlier look at the membership knew it; it may have ended since.
#[derive(Clone, Debug)]
pub(crate) struct Known<Id> {
    pub(crate) id: Id,
    pub(crate) serial: u64,
}

/// A member that was let in.
pub(crate) struct Admitted<Id> {
    pub(crate) known: Known<Id>,
    /// Whether it was unknown before.
    pub(crate) is_new: bool,
    /// How many of the rooms it was not in before.
    pub(crate) joined: usize,
}

/// What a step changed that others have to hear of, once the lock is released.
pub(crate) struct Changes<M> {
    /// Rooms that came or went, in order.
    pub(crate) rooms: Vec<RoomChange>,
    /// Members that were let go. Dropping one may run foreign code, which must not find the lock held.
    pub(crate) dropped: Vec<Seat<M>>,
}

/// A room that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RoomChange {
    Opened(Text),
    Closed(Text),
}

impl<M: Member> Membership<M> {
    pub(crate) fn new() -> Self {
        Self {
            members: HashMap::new(),
            rooms: HashMap::new(),
            everyone: Roster::new(),
            next_serial: 0,
        }
    }

    /// Makes a member known and puts it in all the rooms, or changes nothing.
    pub(crate) fn admit(
        &mut self,
        member: &M,
        names: &[Text],
        limits: Limits,
        changes: &mut Changes<M>,
    ) -> Result<Admitted<M::Id>, JoinError> {
        let id = member.id();
        let rooms = self.members.get(&id).map_or(&[][..], Entry::rooms);
        check::<M>(names, &id, rooms, limits)?;
        let (serial, is_new) = match self.members.entry(id.clone()) {
            hash_map::Entry::Occupied(entry) => (entry.get().serial, false),
            hash_map::Entry::Vacant(entry) => {
                let serial = self.next_serial;
                self.next_serial += 1;
                let member = member.clone();
                let seat = self.everyone.push(Seat { serial, member });
                entry.insert(Entry {
                    serial,
                    seat,
                    rooms: None,
                    is_in_own: true,
                });
                (serial, true)
            }
        };
        let known = Known { id, serial };
        let joined = self.join(&known, names, limits, changes)?;
        Ok(Admitted {
            known,
            is_new,
            joined,
        })
    }

    /// Puts a member that is known in all the rooms, or in none where one would break a limit.
    ///
    /// Tells how many it was not in before.
    pub(crate) fn join(
        &mut self,
        known: &Known<M::Id>,
        names: &[Text],
        limits: Limits,
        changes: &mut Changes<M>,
    ) -> Result<usize, JoinError> {
        let Some(entry) = entry(&mut self.members, known) else {
            return Err(JoinError::Ended);
        };
        check::<M>(names, &known.id, entry.rooms(), limits)?;
        let mut joined = 0;
        for name in names {
            if is_own::<M>(name, &known.id) {
                joined += usize::from(!entry.is_in_own);
                entry.is_in_own = true;
                continue;
            }
            let Err(place) = place(entry.rooms(), name) else {
                continue;
            };
            let name = match self.rooms.get_key_value(name) {
                Some((kept, _)) => kept.clone(),
                None => {
                    // A name may be a slice of a whole message, which a room must not keep alive.
                    let name = Text::from(name.as_str());
                    changes.rooms.push(RoomChange::Opened(name.clone()));
                    name
                }
            };
            let roster = self.rooms.entry(name.clone()).or_insert_with(Roster::new);
            let member = self.everyone.at(entry.seat).member.clone();
            let serial = entry.serial;
            let seat = roster.push(Seat { serial, member });
            // Many are in one room besides their own.
            let one = || Box::new(Vec::with_capacity(1));
            let rooms = entry.rooms.get_or_insert_with(one);
            rooms.insert(place, (name, seat));
            joined += 1;
        }
        Ok(joined)
    }

    /// Takes a member out of the rooms; tells how many it was in.
    pub(crate) fn leave(
        &mut self,
        known: &Known<M::Id>,
        names: &[impl AsRef<str>],
        changes: &mut Changes<M>,
    ) -> usize {
        let mut left = 0;
        for name in names {
            let Some(entry) = entry(&mut self.members, known) else {
                break;
            };
            if let Some((name, seat)) = entry.take_room(name.as_ref()) {
                self.stand_up(name, seat, changes);
                left += 1;
            } else if entry.is_in_own && is_own::<M>(name.as_ref(), &known.id) {
                entry.is_in_own = false;
                left += 1;
            }
        }
        left
    }

    /// Takes a member out of all rooms but its own; it stays known. Tells how many it was in.
    pub(crate) fn leave_all(&mut self, known: &Known<M::Id>, changes: &mut Changes<M>) -> usize {
        let Some(entry) = entry(&mut self.members, known) else {
            return 0;
        };
        let rooms = entry.rooms.take().map_or_else(Vec::new, |rooms| *rooms);
        let left = rooms.len();
        for (name, seat) in rooms {
            self.stand_up(name, seat, changes);
        }
        left
    }

    /// Forgets a member that has ended.
    pub(crate) fn forget(&mut self, known: &Known<M::Id>, changes: &mut Changes<M>) {
        self.leave_all(known, changes);
        let Some(entry) = entry(&mut self.members, known) else {
            return;
        };
        let seat = entry.seat;
        self.members.remove(&known.id);
        shrink_map(&mut self.members);
        let (gone, moved) = self.everyone.remove(seat);
        changes.dropped.push(gone);
        if let Some(moved) = moved {
            let moved = self.members.get_mut(&moved.id());
            moved.expect("everyone seated is known").seat = seat;
        }
    }

    /// Empties a seat in a room that its owner's entry does not name any more.
    fn stand_up(&mut self, name: Text, seat: usize, changes: &mut Changes<M>) {
        let roster = self.rooms.get_mut(&name);
        let roster = roster.expect("a room is there while someone is in it");
        let (gone, moved) = roster.remove(seat);
        changes.dropped.push(gone);
        if let Some(moved) = moved {
            let entry = self.members.get_mut(&moved.id());
            let entry = entry.expect("everyone seated is known");
            let place = place(entry.rooms(), &name).ok();
            let rooms = entry.rooms.as_deref_mut();
            let known = rooms
                .zip(place)
                .and_then(|(rooms, place)| rooms.get_mut(place));
            known.expect("who is seated knows the room").1 = seat;
        } else if roster.is_empty() {
            self.rooms.remove(&name);
            shrink_map(&mut self.rooms);
            changes.rooms.push(RoomChange::Closed(name));
        }
    }

    /// Takes a picture of who is selected; cheap, and untouched by what changes later.
    pub(crate) fn select(&self, selection: &Selection<M::Id>) -> Selected<M> {
        let pages_of = |rooms: &[Text]| -> Vec<Page<M>> {
            let rosters = rooms.iter().filter_map(|room| self.rooms.get(room));
            rosters
                .flat_map(|roster| roster.pages().iter().cloned())
                .collect()
        };
        // The names of rooms that are members' own.
        let alone = |rooms: &[Text]| -> Vec<&Entry> {
            let ids = rooms.iter().filter_map(|room| M::alone_in(room));
            ids.filter_map(|id| self.members.get(&id)).collect()
        };
        let ids = selection.excepted().iter();
        let mut excepted: Vec<u64> = ids
            .filter_map(|id| self.members.get(id))
            .map(|entry| entry.serial)
            .collect();
        let alone_out = alone(selection.excepted_rooms());
        excepted.extend(alone_out.iter().map(|entry| entry.serial));
        let alone = match selection.is_everyone() {
            true => Vec::new(),
            false => alone(selection.in_rooms()),
        };
        // An exception means the member, whether it is in its own room or not.
        let alone = alone.into_iter().filter(|entry| entry.is_in_own);
        let alone = alone.map(|entry| {
            let member = self.everyone.at(entry.seat).member.clone();
            let serial = entry.serial;
            Seat { serial, member }
        });
        let alone: Vec<Seat<M>> = alone.collect();
        let pages = if selection.is_everyone() {
            self.everyone.pages().to_vec()
        } else {
            pages_of(selection.in_rooms())
        };
        let is_of_several =
            selection.in_rooms().len() > 1 || (!alone.is_empty() && !pages.is_empty());
        Selected {
            is_union: !selection.is_everyone() && is_of_several,
            alone,
            pages,
            excepted_pages: pages_of(selection.excepted_rooms()),
            excepted,
        }
    }

    pub(crate) fn known(&self, id: &M::Id) -> Option<Known<M::Id>> {
        let serial = self.members.get(id)?.serial;
        Some(Known {
            id: id.clone(),
            serial,
        })
    }

    /// Whether the member is still the one that was known.
    pub(crate) fn is_known(&self, known: &Known<M::Id>) -> bool {
        let entry = self.members.get(&known.id);
        entry.is_some_and(|entry| entry.serial == known.serial)
    }

    pub(crate) fn member(&self, id: &M::Id) -> Option<M> {
        let entry = self.members.get(id)?;
        Some(self.everyone.at(entry.seat).member.clone())
    }

    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn len(&self, room: &str) -> usize {
        let joined = self.rooms.get(room).map_or(0, Roster::len);
        let owner = M::alone_in(room).and_then(|owner| self.members.get(&owner));
        joined + usize::from(owner.is_some_and(|owner| owner.is_in_own))
    }

    pub(crate) fn contains(&self, room: &str, id: &M::Id) -> bool {
        let entry = self.members.get(id);
        entry.is_some_and(|entry| {
            place(entry.rooms(), room).is_ok() || (entry.is_in_own && is_own::<M>(room, id))
        })
    }

    pub(crate) fn rooms(&self) -> Vec<Text> {
        self.rooms.keys().cloned().collect()
    }

    pub(crate) fn rooms_len(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn rooms_of(&self, id: &M::Id) -> Vec<Text> {
        let rooms = self.members.get(id).map_or(&[][..], Entry::rooms);
        rooms.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.rooms.is_empty() && self.everyone.is_empty()
    }
}

impl<M> Changes<M> {
    pub(crate) const fn new() -> Self {
        Self {
            rooms: Vec::new(),
            dropped: Vec::new(),
        }
    }
}

/// The entry of a member, unless another one took its id since.
fn entry<'a, Id: Eq + Hash>(
    members: &'a mut HashMap<Id, Entry>,
    known: &Known<Id>,
) -> Option<&'a mut Entry> {
    let entry = members.get_mut(&known.id)?;
    (entry.serial == known.serial).then_some(entry)
}

/// Whether a room is the one that the member alone is in.
fn is_own<M: Member>(room: &str, id: &M::Id) -> bool {
    M::alone_in(room).is_some_and(|owner| owner == *id)
}

/// Whether a member that is in these rooms may be in those as well.
pub(crate) fn check<M: Member>(
    names: &[Text],
    id: &M::Id,
    rooms: &[(Text, usize)],
    limits: Limits,
) -> Result<(), JoinError> {
    let limit = limits.room_name_bytes;
    let is_long = |name: &&Text| name.len() > limit && !is_own::<M>(name, id);
    if names.iter().any(|name| is_long(&name)) {
        return Err(JoinError::NameTooLong { limit });
    }
    let limit = limits.rooms_per_member;
    if rooms.len() + names.len() <= limit {
        return Ok(());
    }
    // Some may be named twice, or be rooms it is in already. Its own is not counted.
    let more: HashSet<&str> = names
        .iter()
        .map(Text::as_str)
        .filter(|name| place(rooms, name).is_err() && !is_own::<M>(name, id))
        .collect();
    if !more.is_empty() && rooms.len() + more.len() > limit {
        return Err(JoinError::TooManyRooms { limit });
    }
    Ok(())
}

/// Gives memory back once three quarters of it are unused.
fn shrink_map<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.is_empty() {
        // A map that never held anything owns nothing.
        *map = HashMap::new();
    } else if map.capacity() > 16 && map.len() < map.capacity() / 4 {
        map.shrink_to(map.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use sockeye_core::{Delivered, Delivery};

    use super::*;

    const LIMITS: Limits = Limits {
        rooms_per_member: 2,
        room_name_bytes: 8,
    };

    /// A member that is its id alone.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Number(u16);

    impl AsRef<Number> for Number {
        fn as_ref(&self) -> &Number {
            self
        }
    }

    impl Member for Number {
        type Id = u16;
        type Packet = ();

        fn id(&self) -> u16 {
            self.0
        }

        fn alone_in(room: &str) -> Option<u16> {
            room.strip_prefix('#')?.parse().ok()
        }

        fn deliver(&self, (): &(), _: Delivery) -> Delivered {
            Delivered::Queued
        }

        fn close(&self, _: u16, _: Text) {}

        fn on_end(&self, _: Box<dyn FnOnce() + Send>) {}
    }

    fn names<const COUNT: usize>(names: [&str; COUNT]) -> [Text; COUNT] {
        names.map(Text::from)
    }

    #[test]
    fn what_comes_late_for_one_does_not_touch_the_next_of_its_name() {
        let mut membership = Membership::new();
        let mut changes = Changes::new();
        let mut admit = |membership: &mut Membership<Number>| {
            let admitted = membership.admit(&Number(1), &names(["a"]), LIMITS, &mut changes);
            admitted.unwrap().known
        };
        let first = admit(&mut membership);
        membership.forget(&first, &mut Changes::new());
        let second = admit(&mut membership);

        let late = &mut Changes::new();
        let joined = membership.join(&first, &names(["b"]), LIMITS, late);
        assert_eq!(joined, Err(JoinError::Ended));
        assert_eq!(membership.leave(&first, &["a"], late), 0);
        assert_eq!(membership.leave_all(&first, late), 0);
        membership.forget(&first, late);
        assert!(late.rooms.is_empty() && late.dropped.is_empty());
        assert!(membership.is_known(&second) && membership.contains("a", &1));
    }

    #[test]
    fn a_member_is_in_its_own_room_until_it_leaves_it() {
        let mut membership = Membership::new();
        let changes = &mut Changes::new();
        let mut admit = |number| {
            let admitted = membership.admit(&Number(number), &[], LIMITS, changes);
            admitted.unwrap().known
        };
        let (one, other) = (admit(1), admit(2));
        let chosen = |membership: &Membership<Number>| {
            let selection = Selection::rooms(["#1", "#2"]);
            membership.select(&selection).members()
        };
        assert_eq!(chosen(&membership), [Number(1), Number(2)]);
        assert!(membership.contains("#1", &1) && !membership.contains("#2", &1));

        assert_eq!(membership.leave(&one, &["#2"], changes), 0);
        assert_eq!(membership.leave(&one, &["#1"], changes), 1);
        assert_eq!(membership.leave(&one, &["#1"], changes), 0);
        assert_eq!(chosen(&membership), [Number(2)]);
        assert!(!membership.contains("#1", &1));
        let but_one = Selection::everyone().except_room("#1");
        assert_eq!(membership.select(&but_one).members(), [Number(2)]);
        assert_eq!(membership.member(&1), Some(Number(1)));

        // Its own room is none that the limit of rooms counts, or that others hear of.
        let rooms = names(["a", "b", "#1"]);
        assert_eq!(membership.join(&one, &rooms, LIMITS, changes), Ok(3));
        assert_eq!(membership.join(&one, &rooms, LIMITS, changes), Ok(0));
        assert_eq!(chosen(&membership), [Number(1), Number(2)]);
        assert_eq!(membership.rooms_len(), 2);

        // Another's own room is a room like any other.
        let rooms = names(["#1"]);
        assert_eq!(membership.join(&other, &rooms, LIMITS, changes), Ok(1));
        let both = membership.select(&Selection::room("#1")).members();
        assert_eq!(both, [Number(2), Number(1)]);
    }

    #[test]
    fn a_wave_leaves_no_memory_behind() {
        let mut membership = Membership::new();
        let mut changes = Changes::new();
        let crowd: Vec<_> = (0..10_000)
            .map(|number| {
                let own = Text::from(number.to_string());
                let rooms = [own, "all".into()];
                let admitted = membership.admit(&Number(number), &rooms, LIMITS, &mut changes);
                admitted.unwrap().known
            })
            .collect();
        for known in &crowd[1..] {
            membership.forget(known, &mut changes);
        }
        assert!(membership.members.capacity() < 32);
        assert!(membership.rooms.capacity() < 32);
        membership.forget(&crowd[0], &mut changes);
        assert!(membership.is_empty());
        let capacities = (membership.members.capacity(), membership.rooms.capacity());
        assert_eq!(capacities, (0, 0));
    }
}
