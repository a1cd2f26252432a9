//! What an Engine.IO session does over simulated time: a scenario file per topic, and a model that
//! talks to it in every order.

mod client;
mod rules;
mod sim;

mod closing;
mod credentials;
mod failed_upgrades;
mod heartbeats;
mod limits;
mod model;
mod opening;
mod overlaps;
mod polling;
mod stalling;
mod upgrade;
mod websocket;
