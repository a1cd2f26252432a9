//! The membership behind its lock, and what is done once the lock is released.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use sockeye_core::{Delivered, Member, Text};

use crate::{
    Adapter, Command, JoinError, Outcome, Selection,
    adapter::AppliedBy,
    membership::{Changes, Known, Limits, Membership, RoomChange, check},
    roster::Seat,
    selected::Selected,
};

/// What all handles on the same rooms share.
///
/// One lock guards the membership and is never held while foreign code runs: members are delivered
/// to, closed, asked to say farewell and dropped, and the adapter is told, after its release.
pub(crate) struct Shared<M: Member> {
    state: Mutex<State<M>>,
    limits: Limits,
    adapter: Box<dyn Adapter<M>>,
    hooks: Hooks<M>,
}

/// Who is told of what happens, if somebody is.
pub(crate) struct Hooks<M: Member> {
    pub(crate) hear: Option<Hear<M>>,
    pub(crate) arrive: Option<Arrive<M>>,
    pub(crate) refused: Option<Refused>,
}

/// Who sends what other nodes sent.
pub(crate) type Arrive<M> =
    Box<dyn Fn(&Selection<<M as Member>::Id>, &<M as Member>::Packet) -> Outcome + Send + Sync>;

/// Who is told of members that a limit kept out.
pub(crate) type Refused = Box<dyn Fn(JoinError) + Send + Sync>;

/// Who is told of announcements.
pub(crate) type Hear<M> = Box<dyn Fn(&<M as Member>::Packet) + Send + Sync>;

struct State<M: Member> {
    membership: Membership<M>,
    /// Rooms that came or went, which the adapter has not heard of yet.
    untold: VecDeque<RoomChange>,
    /// Whether a thread is telling the adapter; the others leave it to that one, so that what
    /// happened to a room is told in order.
    is_telling: bool,
}

impl<M: Member> Shared<M> {
    pub(crate) fn new(limits: Limits, adapter: Box<dyn Adapter<M>>, hooks: Hooks<M>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                membership: Membership::new(),
                untold: VecDeque::new(),
                is_telling: false,
            }),
            limits,
            adapter,
            hooks,
        })
    }

    pub(crate) fn adapter(&self) -> &dyn Adapter<M> {
        &*self.adapter
    }

    /// Tells the application of an announcement.
    pub(crate) fn hear(&self, packet: &M::Packet) {
        if let Some(hear) = &self.hooks.hear {
            hear(packet);
        }
    }

    /// Applies a command that the adapter brings.
    pub(crate) fn arrive(
        &self,
        selection: &Selection<M::Id>,
        command: &Command<M::Packet>,
    ) -> Outcome {
        match (&self.hooks.arrive, command) {
            (Some(arrive), Command::Send(packet)) => arrive(selection, packet),
            _ => self.apply(selection, command),
        }
    }

    /// Tells of a member that a limit kept out.
    fn tell_refused(&self, error: JoinError) {
        match (error, &self.hooks.refused) {
            (JoinError::TooManyRooms { .. } | JoinError::NameTooLong { .. }, Some(refused)) => {
                refused(error);
            }
            (JoinError::Ended, _) | (_, None) => {}
        }
    }

    /// Looks at the membership, or takes a picture of it.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Membership<M>) -> R) -> R {
        look(&self.lock().membership)
    }

    pub(crate) fn select(&self, selection: &Selection<M::Id>) -> Selected<M> {
        self.look(|membership| membership.select(selection))
    }

    /// Makes a member known, which then leaves by itself when it ends, and puts it in all the rooms
    /// or in none. Tells how many it was not in before.
    pub(crate) fn join(self: &Arc<Self>, member: &M, names: &[Text]) -> Result<usize, JoinError> {
        let admitted =
            self.step(|membership, changes| membership.admit(member, names, self.limits, changes));
        let admitted = admitted.inspect_err(|error| self.tell_refused(*error))?;
        if admitted.is_new {
            // After the member is seated, not before: the farewell of one that has ended already, or
            // ends right now, then finds what it has to clear away.
            member.on_end(farewell(Arc::downgrade(self), admitted.known.clone()));
            if !self.look(|membership| membership.is_known(&admitted.known)) {
                return Err(JoinError::Ended);
            }
        }
        // After the member has its farewell, which an adapter that panics must not cost it.
        self.tell();
        Ok(admitted.joined)
    }

    /// Whether one member may be in all the rooms.
    pub(crate) fn check(&self, member: &M, names: &[Text]) -> Result<(), JoinError> {
        let checked = check::<M>(names, &member.id(), &[], self.limits);
        checked.inspect_err(|error| self.tell_refused(*error))
    }

    /// Takes a member out of the rooms; tells how many it was in.
    pub(crate) fn leave(&self, id: &M::Id, names: &[impl AsRef<str>]) -> usize {
        self.change(|membership, changes| {
            let known = membership.known(id);
            known.map_or(0, |known| membership.leave(&known, names, changes))
        })
    }

    pub(crate) fn leave_all(&self, id: &M::Id) -> usize {
        self.change(|membership, changes| {
            let known = membership.known(id);
            known.map_or(0, |known| membership.leave_all(&known, changes))
        })
    }

    /// Tells the other nodes, and applies a command here unless the adapter wants to.
    pub(crate) fn command(
        &self,
        selection: &Selection<M::Id>,
        command: &Command<M::Packet>,
    ) -> Outcome {
        if selection.is_local() {
            return self.apply(selection, command);
        }
        match self.adapter.publish(selection, command) {
            Ok(AppliedBy::Rooms) => self.apply(selection, command),
            Ok(AppliedBy::Adapter) => Outcome {
                deferred: true,
                ..Outcome::default()
            },
            Err(error) => Outcome {
                unpublished: Some(error),
                ..self.apply(selection, command)
            },
        }
    }

    /// Applies a command to the members of this node.
    pub(crate) fn apply(
        &self,
        selection: &Selection<M::Id>,
        command: &Command<M::Packet>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let selected = self.select(selection);
        match command {
            Command::Send(packet) => {
                selected.for_each(
                    |seat| match seat.member.deliver(packet, selection.delivery()) {
                        Delivered::Queued => outcome.reached += 1,
                        Delivered::Skipped => outcome.skipped += 1,
                        Delivered::Closed => outcome.closed += 1,
                    },
                )
            }
            Command::Join(names) => selected.for_each(|seat| {
                let joined = self.change(|membership, changes| {
                    membership.join(&known(seat), names, self.limits, changes)
                });
                match joined {
                    Ok(_) => outcome.reached += 1,
                    Err(JoinError::Ended) => outcome.closed += 1,
                    Err(
                        error @ (JoinError::TooManyRooms { .. } | JoinError::NameTooLong { .. }),
                    ) => {
                        self.tell_refused(error);
                        outcome.skipped += 1;
                    }
                }
            }),
            Command::Leave(names) => selected.for_each(|seat| {
                self.change(|membership, changes| membership.leave(&known(seat), names, changes));
                outcome.reached += 1;
            }),
            Command::Close { code, reason } => selected.for_each(|seat| {
                seat.member.close(*code, reason.clone());
                outcome.reached += 1;
            }),
        }
        outcome
    }

    /// Changes the membership, and tells the adapter what follows from it.
    fn change<R>(&self, change: impl FnOnce(&mut Membership<M>, &mut Changes<M>) -> R) -> R {
        let result = self.step(change);
        self.tell();
        result
    }

    /// Changes the membership, and drops what was let go with the lock released.
    fn step<R>(&self, change: impl FnOnce(&mut Membership<M>, &mut Changes<M>) -> R) -> R {
        let mut changes = Changes::new();
        let mut state = self.lock();
        let result = change(&mut state.membership, &mut changes);
        state.untold.extend(changes.rooms.drain(..));
        drop(state);
        drop(changes);
        result
    }

    /// Tells the adapter which rooms came and went, unless another thread is about it.
    fn tell(&self) {
        {
            let mut state = self.lock();
            if state.is_telling || state.untold.is_empty() {
                return;
            }
            state.is_telling = true;
        }
        let mut turn = Turn {
            shared: self,
            is_over: false,
        };
        while let Some(change) = turn.next() {
            match change {
                RoomChange::Opened(room) => self.adapter.room_opened(&room),
                RoomChange::Closed(room) => self.adapter.room_closed(&room),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of the one thread that tells the adapter.
struct Turn<'a, M: Member> {
    shared: &'a Shared<M>,
    is_over: bool,
}

impl<M: Member> Turn<'_, M> {
    /// What to tell next. Once there is nothing the turn is over, in the same look at the state, so
    /// that whoever has news a moment later takes the next turn.
    fn next(&mut self) -> Option<RoomChange> {
        let mut state = self.shared.lock();
        let next = state.untold.pop_front();
        if next.is_none() {
            state.untold = VecDeque::new();
            state.is_telling = false;
            self.is_over = true;
        }
        next
    }
}

impl<M: Member> Drop for Turn<'_, M> {
    fn drop(&mut self) {
        // The adapter panicked: let the next change tell what is left.
        if !self.is_over {
            self.shared.lock().is_telling = false;
        }
    }
}

fn known<M: Member>(seat: &Seat<M>) -> Known<M::Id> {
    Known {
        id: seat.member.id(),
        serial: seat.serial,
    }
}

/// What a member calls when it has ended; does nothing once the rooms are gone.
fn farewell<M: Member>(shared: Weak<Shared<M>>, known: Known<M::Id>) -> Box<dyn FnOnce() + Send> {
    Box::new(move || {
        if let Some(shared) = shared.upgrade() {
            shared.change(|membership, changes| membership.forget(&known, changes));
        }
    })
}
