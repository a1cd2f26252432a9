//! The builder of a plain WebSocket mount.

use std::{fmt, sync::Arc};

use crate::{
    BoxFuture, Handler, MountLayer, MountService, Session,
    config::{Config, Kind},
    events::{EventsHandler, SessionEvents},
    mount::Mount,
    options::{common_options, heartbeat_options, heartbeat_timeout_options, websocket_options},
};

/// A WebSocket mount for peers that speak no SockJS: text and binary messages as they are.
///
/// Sessions, hooks, limits, heartbeats (pings), drain and broadcast are those of a
/// [`SockJs`](crate::SockJs) mount. It answers at its path and everywhere below, so that a path
/// can name a room or a document: the handler finds it in
/// [`Session::request`](crate::Session::request), a hook in
/// [`ConnectRequest::uri`](crate::ConnectRequest::uri).
///
/// # Protocol
///
/// RFC 6455 over HTTP/1.1, RFC 8441 over HTTP/2. No extension and no subprotocol is negotiated.
///
/// # Example
///
/// ```
/// use sockeye_tower::{Session, WebSocket};
///
/// async fn echo(mut session: Session) {
///     while let Some(message) = session.recv().await {
///         if session.send(message).await.is_err() { break }
///     }
/// }
///
/// let service = WebSocket::new(echo).max_message_size(64 * 1024).service();
/// # let _ = service;
/// ```
#[derive(Clone)]
pub struct WebSocket<H> {
    handler: H,
    config: Config,
}

impl<H: Handler> WebSocket<H> {
    /// A mount that runs `handler` for each connection.
    pub fn new(handler: H) -> Self {
        let config = Config {
            kind: Kind::WebSocket,
            ..Config::default()
        };
        Self { handler, config }
    }

    /// The mount as a service.
    ///
    /// # Panics
    ///
    /// When options contradict each other; the message names both.
    pub fn service(self) -> MountService {
        let handler = self.handler;
        let run = move |session: Session| -> BoxFuture<()> { handler.clone().run(session) };
        MountService::new(Arc::new(Mount::new(self.config, Box::new(run))))
    }

    /// The mount as a layer: it owns `path` and everything below it, and hands the rest on to the
    /// inner service untouched.
    ///
    /// # Panics
    ///
    /// When `path` does not start with `/` or ends with one, and as [`service`](Self::service).
    pub fn layer(self, path: &str) -> MountLayer {
        MountLayer::new(path, self.service())
    }
}

impl WebSocket<EventsHandler> {
    /// A mount in the callback form: one value whose methods are called for every session.
    pub fn events(events: impl SessionEvents) -> Self {
        Self::new(EventsHandler::new(events))
    }
}

impl<H> WebSocket<H> {
    common_options!();
    heartbeat_options!();
    heartbeat_timeout_options!();
    websocket_options!();
}

impl<H> fmt::Debug for WebSocket<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
