//! Rooms for realtime sessions of every protocol: who is in which room, and one message to all of
//! them, encoded once.
//!
//! ```text
//!                       Rooms                                   bus (another node's Rooms)
//!   join, leave ──> membership ──────┐                                 ^   │
//!                       ^            v picture of who is chosen        │   v
//!   to("a").send(x) ──> encode once ──> each member once          Adapter: publish, Local::apply
//!                       │              (deliver: queues, never waits)
//!                 farewell of a member that ended
//! ```
//!
//! A member is whatever implements [`Member`]: SockJS, WebSocket and event
//! stream sessions are members of one kind and share rooms.
//!
//! # Example
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rooms/person.rs"));
//! # fn main() {
//! use sockeye_rooms::Rooms;
//!
//! let rooms = Rooms::<Person>::new();
//! let (ann, ben) = (Person::new("ann"), Person::new("ben"));
//! rooms.join("lobby", &ann).unwrap();
//! rooms.join_all(["lobby", "garden"], &ben).unwrap();
//!
//! rooms.to("lobby").to("garden").except(&ann).send("hello");
//! assert_eq!(ben.take(), ["hello"]);
//! # }
//! ```
//!
//! # Guarantees
//!
//! | | |
//! |---|---|
//! | Once | A broadcast reaches each member at most once, be it in many of the rooms chosen. |
//! | Who | A broadcast reaches who was in the rooms at one moment during the call: whoever joined before it started and did not leave or end before it returned. |
//! | Order | Messages of one sender (a task, or calls that follow each other) reach each member in the order sent, between its own messages too. Senders that send at the same time have no order: members may see either first. |
//! | End | A member that ends is in no room any more once its farewell has run, also when a join raced with the end. A room disappears with its last member, and the memory of a wave is given back. |
//! | Waiting | Nothing here waits for a member or a bus. The one lock is held to look up and change membership, never while a member is delivered to or closed or an adapter is told, so all of these may call back. |
//! | Nodes | With an [`Adapter`], what the bus loses is lost: a broadcast is delivered at most once to the members of other nodes. |
//!
//! # What happens when something is full
//!
//! | what | default | then |
//! |---|---|---|
//! | a member's queue under a broadcast | its own hard limit | that member alone is closed and counted in [`Outcome::closed`]; a volatile message is left out and counted in [`Outcome::skipped`] |
//! | rooms of a member | [1,024](limits::ROOMS_PER_MEMBER) | [`JoinError::TooManyRooms`] |
//! | a room's name | [255 bytes](limits::ROOM_NAME_BYTES) | [`JoinError::NameTooLong`] |
//! | an adapter's queue | the adapter's | [`Outcome::unpublished`] says so; this node's members are reached |
//!
//! # What it costs
//!
//! Joining and leaving cost the same in rooms of any size. A broadcast takes a picture of its rooms,
//! which counts references to pages of members and copies no member; a join or leave during a
//! broadcast copies the one or two pages that it changes.
#![forbid(unsafe_code)]

mod adapter;
mod entry;
mod error;
mod membership;
mod outcome;
mod rooms;
mod roster;
mod select;
mod selected;
mod selection;
mod shared;

pub mod limits;

pub use adapter::{Adapter, AppliedBy, Command, InMemory, Local};
pub use error::{FetchError, JoinError, PublishError};
pub use outcome::{Fetched, Found, Outcome, Remote};
pub use rooms::{Builder, Rooms};
pub use select::Select;
pub use selection::Selection;
/// What [`Member`] speaks of: implement it for a kind of member of your own.
pub use sockeye_core::{Delivered, Delivery, Member};
