//! What the membership keeps of one member.

use sockeye_core::Text;

use crate::roster::shrink;

/// A member and its rooms.
pub(crate) struct Entry {
    pub(crate) serial: u64,
    /// The number of the seat among everyone.
    pub(crate) seat: usize,
    /// The rooms by name, in order, and the number of the seat in each; there while it is in one.
    #[expect(
        clippy::box_collection,
        reason = "who is in no room pays one word for it"
    )]
    pub(crate) rooms: Option<Box<Vec<(Text, usize)>>>,
    /// Whether it is in the room that it alone is in, where there is one: until it leaves it.
    pub(crate) is_in_own: bool,
}

impl Entry {
    pub(crate) fn rooms(&self) -> &[(Text, usize)] {
        self.rooms.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Forgets a room; tells its name and the number of the seat there.
    pub(crate) fn take_room(&mut self, name: &str) -> Option<(Text, usize)> {
        let rooms = self.rooms.as_deref_mut()?;
        let room = rooms.remove(place(rooms, name).ok()?);
        if rooms.is_empty() {
            self.rooms = None;
        } else {
            shrink(rooms);
        }
        Some(room)
    }
}

/// Where a room stands among the rooms of a member, or would stand.
pub(crate) fn place(rooms: &[(Text, usize)], name: &str) -> Result<usize, usize> {
    rooms.binary_search_by(|(room, _)| room.as_str().cmp(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_member_in_no_room_weighs_four_words() {
        assert_eq!(size_of::<Entry>(), 32);
    }
}
