//! Every default, its unit and its reason.

/// Rooms that one member may be in at a time.
///
/// Only server code joins, but applications join what clients name: without a limit one client
/// could fill the memory with rooms.
pub const ROOMS_PER_MEMBER: usize = 1_024;

/// Bytes of a room's name. Names are kept per room, and travel with every broadcast on a bus.
pub const ROOM_NAME_BYTES: usize = 255;
