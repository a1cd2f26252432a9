//! What a SockJS session does over simulated time: a scenario file per topic, and random scripts.

mod rules;
mod sim;

mod broadcasting;
mod closing;
mod credentials;
mod disconnecting;
mod event_streams;
mod heartbeats;
mod limits;
mod opening;
mod polling;
mod scripts;
mod second_receiver;
mod stalling;
mod streaming;
mod websocket;
