//! Socket.IO: its packets in both parsers, what comes out of them, and the machine of a client.

mod arguments;
mod connection;
mod limits;
mod msgpack;
mod older_clients;
mod properties;
mod support;
mod text_decode;
mod text_encode;
mod values;
