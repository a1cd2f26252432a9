//! A client in the same process, for the tests of applications.
//!
//! [`Client`] talks to any tower service, such as a mount or a whole axum `Router`, as a browser
//! would: it opens sessions on every transport, polls again, reconnects, answers pings and keeps
//! cookies. Between the two stands hyper on a pipe in memory, so what is tested is what is served;
//! but there is no socket, no port and, on tokio's paused clock, no waiting: a test that lets half
//! a minute pass takes no time.
//!
//! ```test_harness
//! # use sockeye_tower as sockeye;
//! use std::time::Duration;
//!
//! use sockeye::{Close, Message, Session, SockJs, Transport, test::Client};
//!
//! async fn shout(mut session: Session) {
//!     while let Some(Message::Text(text)) = session.recv().await {
//!         if *text == *"bye" {
//!             return session.close(3000, "Go away!");
//!         }
//!         let _ = session.send(text.to_uppercase()).await;
//!     }
//! }
//!
//! #[tokio::test(start_paused = true)]
//! async fn shouts_on_every_transport_until_told_to_stop() {
//!     let client = Client::new(SockJs::new(shout).service());
//!     for transport in Transport::SOCKJS {
//!         let session = client.session("/").transport(transport).open().await.unwrap();
//!         session.send("hello").await.unwrap();
//!         assert_eq!(session.recv().await, Ok("HELLO".into()), "{transport}");
//!
//!         // Nothing happens for a while, and the session lives.
//!         tokio::time::sleep(Duration::from_secs(30)).await;
//!         assert_eq!(session.heartbeats(), 1, "{transport}");
//!
//!         session.send("bye").await.unwrap();
//!         assert_eq!(session.closed().await, Ok(Close::new(3000, "Go away!")), "{transport}");
//!     }
//! }
//! ```
//!
//! The clock needs tokio's feature `test-util`. It moves by itself as soon as every task waits, so
//! do not pause it where a test waits for something outside, such as a database.
//!
//! | to do this | look at |
//! |---|---|
//! | log in over an ordinary route, then open a session | [`Client::request`], whose cookies stay in the jar |
//! | see how a mount refuses a session | [`SessionBuilder::expect_refused`], [`OpenError`] |
//! | look at headers and cookies of a session's answers | [`TestSession::opening`], [`TestSession::latest_received`] |
//! | see frames or events rather than messages | [`TestSession::recv_frame`] |
//! | talk to a mount that speaks no SockJS | [`Client::websocket`], [`Client::event_stream`], [`Client::engineio`] |
//! | go over from polling to a WebSocket | [`TestSession::upgrade`] |
//! | see what Engine.IO's server announces | [`TestSession::handshake`] |
//! | see how Engine.IO refuses | [`Response::engineio_error`] |
//! | fall silent | [`SessionBuilder::without_heartbeats`], [`TestSession::stop_heartbeats`] |
//! | lose the connection | [`TestSession::abort`] |
//! | come from an address, a host or a page | [`Client::peer_address`], [`Client::host`], [`SessionBuilder::origin`] |
//! | break the protocol | [`TestSession::send_frame`] |
//! | speak HTTP/2 | [`Client::http2`] |
//!
//! It is a strict client: content types, handshakes, preludes, the wrapping of frames, and frames,
//! payloads and packets themselves must be what the protocol says, in its order and in time, or the
//! call that meets something else fails with a [`Violation`]. So a middleware that breaks a transport
//! shows in the application's tests.
//!
//! What it does not do: it asks for no `/info` before a session, speaks no TLS, opens a connection
//! for each HTTP/1.1 request, and does not judge what a browser would (CORS, `SameSite`). It takes no
//! compressed answers, and cuts what it sends into no payloads of Engine.IO's `maxPayload`.

mod client;
mod engineio;
mod error;
mod event;
mod frame;
mod host;
mod jar;
mod open;
mod queue;
mod receiver;
mod response;
mod route;
mod session;
mod unwrap;
mod visit;
mod websocket;

pub use client::Client;
pub use engineio::Handshake;
pub use error::{Error, OpenError, Violation};
pub use frame::Frame;
pub use open::SessionBuilder;
pub use response::Response;
pub use session::TestSession;
