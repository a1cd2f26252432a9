//! The builder of a Server-Sent Events mount.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    BoxFuture, CookieHook, Handler, MountLayer, MountService, Session,
    config::{Config, Kind},
    events::{EventsHandler, SessionEvents},
    mount::Mount,
    options::{common_options, heartbeat_options},
};

/// A Server-Sent Events mount: each session is one stream of events, for `EventSource` and
/// everything else that reads `text/event-stream`.
///
/// Sessions, hooks, limits, drain and broadcast are those of a [`SockJs`](crate::SockJs) mount. A
/// message is an event with data alone; an [`Event`](crate::Event) has a name and an id as well.
/// Heartbeats are comments. The peer can say nothing: `recv` waits for the end. Binary messages are
/// refused, as by framed SockJS.
///
/// Browsers reconnect by themselves when a stream ends, and tell the last id that they saw:
/// [`Request::last_event_id`](crate::Request::last_event_id). What to send again is the
/// application's to know. To keep a browser from coming back, have a hook answer 204. A browser
/// gives up for good when it is answered another status than 200, such as the 503 of a drain; a
/// page that must go on makes a new `EventSource` then.
///
/// It answers at its path and everywhere below, so that a path can name a topic.
///
/// # Protocol
///
/// HTML Living Standard, section 9.2.
///
/// # Example
///
/// ```
/// use sockeye_tower::{Event, EventStream, Session};
///
/// async fn prices(session: Session) {
///     let next = match session.request().last_event_id() {
///         Some(id) => id.parse().unwrap_or(0) + 1,
///         None => 0,
///     };
///     for number in next..3u32 {
///         let event = Event::new("17.25").name("price").id(number.to_string());
///         if session.send(event).await.is_err() { break }
///     }
/// }
///
/// let service = EventStream::new(prices).service();
/// # let _ = service;
/// ```
#[derive(Clone)]
pub struct EventStream<H> {
    handler: H,
    config: Config,
}

impl<H: Handler> EventStream<H> {
    /// A mount that runs `handler` for each stream.
    pub fn new(handler: H) -> Self {
        let config = Config {
            kind: Kind::EventStream,
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

impl EventStream<EventsHandler> {
    /// A mount in the callback form: one value whose methods are called for every session.
    ///
    /// No `on_message` comes: the peer can say nothing.
    pub fn events(events: impl SessionEvents) -> Self {
        Self::new(EventsHandler::new(events))
    }
}

impl<H> EventStream<H> {
    common_options!();
    heartbeat_options!();

    /// How long browsers wait before they reconnect, told at the start of each stream.
    ///
    /// Default: not told; browsers wait 3 to 5 seconds.
    #[must_use]
    pub fn retry(mut self, retry: Duration) -> Self {
        self.config.retry = Some(retry);
        self
    }

    /// Cookies for load balancers.
    ///
    /// Default: none.
    #[must_use]
    pub fn cookie(mut self, hook: CookieHook) -> Self {
        self.config.common.cookie = Some(hook);
        self
    }

    /// Whether answers carry the CORS headers that pages of other origins need.
    ///
    /// Default: on. It admits nobody: see [`allowed_origins`](Self::allowed_origins). Switch it off
    /// where a layer in front writes them.
    #[must_use]
    pub fn cors(mut self, enabled: bool) -> Self {
        self.config.cors = enabled;
        self
    }
}

impl<H> fmt::Debug for EventStream<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
