//! The members of one room, laid out so that a broadcast takes them all without copying them.

use std::sync::Arc;

/// Seats to a page: what a join or leave copies at most twice while a broadcast is under way.
///
/// At 10,000 members a broadcast counts 40 references under the lock and then costs what delivering
/// costs; sizes from 64 to 1,024 measured alike, so this bounds the copy rather than the picture.
const PAGE: usize = 256;

/// Seats in a shared page; whoever changes it while others read it changes a copy.
pub(crate) type Page<M> = Arc<Vec<Seat<M>>>;

/// A member in a room.
#[derive(Clone, Debug)]
pub(crate) struct Seat<M> {
    /// Tells members apart without asking for their ids; never used twice.
    pub(crate) serial: u64,
    pub(crate) member: M,
}

/// Seats in pages that are all full but the last.
///
/// A seat is found by its number, which its owner remembers; the last one moves into a gap.
#[derive(Debug)]
pub(crate) struct Roster<M> {
    pages: Vec<Page<M>>,
}

impl<M: Clone> Roster<M> {
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        match self.pages.last() {
            Some(last) => (self.pages.len() - 1) * PAGE + last.len(),
            None => 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// The pages as they are now, which later changes leave alone.
    pub(crate) fn pages(&self) -> &[Page<M>] {
        &self.pages
    }

    /// The seat of that number.
    ///
    /// # Panics
    ///
    /// When there is no such number.
    pub(crate) fn at(&self, number: usize) -> &Seat<M> {
        &self.pages[number / PAGE][number % PAGE]
    }

    /// Seats a member and tells its number.
    pub(crate) fn push(&mut self, seat: Seat<M>) -> usize {
        let number = self.len();
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => Arc::make_mut(page).push(seat),
            _ => {
                // Most rooms are small: what is needed now, and no more until more come.
                let mut page = Vec::with_capacity(if number == 0 { 1 } else { PAGE });
                page.push(seat);
                if self.pages.is_empty() {
                    self.pages.reserve_exact(1);
                }
                self.pages.push(Arc::new(page));
            }
        }
        number
    }

    /// Takes a member out; the second value is the one that has its number from now on.
    ///
    /// # Panics
    ///
    /// When there is no such number.
    pub(crate) fn remove(&mut self, number: usize) -> (Seat<M>, Option<&M>) {
        let last_page = self
            .pages
            .last_mut()
            .expect("the number of a seat is given out by its roster");
        let page = Arc::make_mut(last_page);
        let last = page.pop().expect("no page is empty");
        if page.is_empty() {
            self.pages.pop();
            shrink(&mut self.pages);
        } else {
            shrink(page);
        }
        if number == self.len() {
            return (last, None);
        }
        let seat = &mut Arc::make_mut(&mut self.pages[number / PAGE])[number % PAGE];
        let removed = std::mem::replace(seat, last);
        (removed, Some(&seat.member))
    }
}

/// Gives memory back once three quarters of it are unused.
pub(crate) fn shrink<T>(list: &mut Vec<T>) {
    if list.capacity() > 4 && list.len() <= list.capacity() / 4 {
        list.shrink_to(list.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: usize) -> Roster<usize> {
        let mut roster = Roster::new();
        for number in 0..count {
            let seat = Seat {
                serial: number as u64,
                member: number,
            };
            assert_eq!(roster.push(seat), number);
        }
        roster
    }

    fn members(pages: &[Page<usize>]) -> Vec<usize> {
        let seats = pages.iter().flat_map(|page| page.iter());
        seats.map(|seat| seat.member).collect()
    }

    #[test]
    fn the_last_one_moves_into_the_gap() {
        for count in [1, 2, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 1] {
            for number in [0, count / 2, count - 1] {
                let mut roster = filled(count);
                let (removed, moved) = roster.remove(number);
                assert_eq!(removed.member, number);
                let expected = (number != count - 1).then_some(count - 1);
                assert_eq!(moved.copied(), expected, "{number} of {count}");
                assert_eq!(roster.len(), count - 1);
                assert_eq!(roster.is_empty(), count == 1);
            }
        }
    }

    #[test]
    fn what_was_taken_stays_as_it_was() {
        let mut roster = filled(PAGE + 1);
        let taken = roster.pages().to_vec();
        roster.remove(0);
        roster.remove(1);
        roster.push(Seat {
            serial: 9_999,
            member: 9_999,
        });
        assert_eq!(members(&taken), (0..=PAGE).collect::<Vec<_>>());
        assert_eq!(members(roster.pages())[..3], [PAGE, PAGE - 1, 2]);
    }

    #[test]
    fn a_wave_leaves_no_memory_behind() {
        let mut roster = filled(100 * PAGE);
        while roster.len() > 1 {
            roster.remove(0);
        }
        assert!(roster.pages.capacity() <= 4, "{}", roster.pages.capacity());
        assert!(roster.pages[0].capacity() <= 4);
        roster.remove(0);
        assert!(roster.is_empty());
    }
}
