//! Engine.IO: both revisions, both transports, and the way from one to the other.

mod ends;
mod heartbeats;
mod messages;
mod refusals;
mod strictness;
mod support;
mod upgrade;
mod wire;
