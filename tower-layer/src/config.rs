//! The builder of a SockJS mount.

use std::{fmt, sync::Arc, time::Duration};

use sockeye_core::{limits, sockjs};

use crate::{
    BoxFuture, CookieHook, Handler, MountLayer, MountService, Session, Transport,
    common::{CommonConfig, bounded},
    events::{EventsHandler, SessionEvents},
    mount::Mount,
    options::{
        common_options, heartbeat_options, heartbeat_timeout_options, recheck_options,
        websocket_options,
    },
};

/// A SockJS mount: a handler and its options.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use sockeye_tower::{Session, SockJs};
///
/// async fn echo(mut session: Session) {
///     while let Some(message) = session.recv().await {
///         if session.send(message).await.is_err() { break }
///     }
/// }
///
/// let service = SockJs::new(echo)
///     .heartbeat_interval(Duration::from_secs(20))
///     .allowed_origins(["https://example.com"])
///     .service();
/// # let _ = service;
/// ```
///
/// # Options of other servers that are not here
///
/// - sockjs-node `prefix`, `log`: the mount's path is given where it is mounted; logs go to
///   `tracing`. `faye_server_options`: there are no WebSocket extensions to configure.
/// - sockjs-tornado `session_check_interval`: expiry is exact, nothing is swept.
///   `immediate_flush`: what is ready is always sent at once, together. `disable_nagle`:
///   [`serve`](crate::serve) always sets `TCP_NODELAY`; elsewhere it is the host's.
#[derive(Clone)]
pub struct SockJs<H> {
    handler: H,
    config: Config,
}

/// The options of mounts that speak SockJS, or less.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) common: CommonConfig,
    pub(crate) kind: Kind,
    pub(crate) machine: sockjs::Config,
    /// Bits of the transports that are switched on.
    pub(crate) transports: u16,
    pub(crate) response_limit: usize,
    pub(crate) max_id_length: usize,
    pub(crate) verify_address: bool,
    pub(crate) cors: bool,
    /// What an event stream tells browsers of when to reconnect.
    pub(crate) retry: Option<Duration>,
    pub(crate) sockjs_url: String,
    pub(crate) base_url: Option<String>,
}

/// What a mount speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SockJs,
    /// WebSocket alone, without frames of ours.
    WebSocket,
    /// Server-Sent Events.
    EventStream,
}

impl<H: Handler> SockJs<H> {
    /// A mount that runs `handler` for each session.
    pub fn new(handler: H) -> Self {
        Self {
            handler,
            config: Config::default(),
        }
    }

    /// The mount as a service: it takes the path of each request as the path below the mount.
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

impl SockJs<EventsHandler> {
    /// A mount in the callback form: one value whose methods are called for every session.
    pub fn events(events: impl SessionEvents) -> Self {
        Self::new(EventsHandler::new(events))
    }
}

impl<H> SockJs<H> {
    common_options!();
    heartbeat_options!();
    heartbeat_timeout_options!();
    websocket_options!();
    recheck_options!();

    /// How long a session without a receiver is kept before it expires.
    ///
    /// Counted from the end of the last receiving transport; messages sent meanwhile wait in the
    /// outbox. Default: 5 seconds. It only has to cover a slow round trip, as clients poll again at
    /// once.
    ///
    /// # Protocol
    ///
    /// SockJS 0.3.3, polling transports: five seconds without a receiving connection end a session.
    #[must_use]
    pub fn disconnect_delay(mut self, delay: Duration) -> Self {
        self.config.machine.disconnect_delay = delay;
        self
    }

    /// Bytes written to one streaming response before it is ended and the client reconnects.
    ///
    /// Default: 131 072 (128 KiB). Lower values cost more reconnects; higher ones let browsers that
    /// keep a whole response in memory grow. A frame that crosses the limit is still completed, so 0
    /// means one frame per response.
    #[must_use]
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.config.response_limit = bytes;
        self
    }

    /// Messages in one array from the client.
    ///
    /// Default: 10,000. Beyond it a request is answered 413, and a WebSocket closed with 1009.
    #[must_use]
    pub fn max_messages(mut self, messages: usize) -> Self {
        self.config.common.max_messages = messages;
        self
    }

    /// Bytes of the server's and the session's id in the URL; longer ones are answered 404.
    ///
    /// Default: 128.
    #[must_use]
    pub fn max_id_length(mut self, bytes: usize) -> Self {
        self.config.max_id_length = bytes;
        self
    }

    /// Whether all receivers of a session must come from one address (sockjs-tornado's
    /// `verify_ip`); another gets `c[2010,"Attempted to connect to session from different IP"]`.
    ///
    /// Default: off, since a phone changes its address while its session goes on.
    #[must_use]
    pub fn verify_address(mut self, verify: bool) -> Self {
        self.config.verify_address = verify;
        self
    }

    /// How long a request's body may pause, and how long it may take in all; then 408.
    ///
    /// Default: 30 and 60 seconds.
    #[must_use]
    pub fn body_timeouts(mut self, pause: Duration, in_all: Duration) -> Self {
        self.config.common.body_idle_timeout = pause;
        self.config.common.body_timeout = in_all;
        self
    }

    /// The transports that are served; the others' URLs are 404.
    ///
    /// Default: all.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.config.transports = transports
            .into_iter()
            .fold(0, |set, transport| set | transport.bit());
        self
    }

    /// Switches both WebSocket URLs on or off, and tells clients so in info.
    ///
    /// Default: on.
    #[must_use]
    pub fn websocket(self, enabled: bool) -> Self {
        self.switch(Transport::WebSocket, enabled)
            .switch(Transport::RawWebSocket, enabled)
    }

    /// Switches the raw WebSocket, at `/websocket` below the mount, on or off.
    ///
    /// Default: on.
    #[must_use]
    pub fn raw_websocket(self, enabled: bool) -> Self {
        self.switch(Transport::RawWebSocket, enabled)
    }

    fn switch(mut self, transport: Transport, enabled: bool) -> Self {
        if enabled {
            self.config.transports |= transport.bit();
        } else {
            self.config.transports &= !transport.bit();
        }
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

    /// The address of the client script in the iframe page. It must be the same version as the
    /// page's own.
    ///
    /// Default: sockjs-client 1.6.1 from a public CDN.
    ///
    /// # Panics
    ///
    /// [`service`](Self::service) panics when it starts with neither `/` nor `http`.
    #[must_use]
    pub fn sockjs_url(mut self, url: impl Into<String>) -> Self {
        self.config.sockjs_url = url.into();
        self
    }

    /// Where clients shall open their transports instead, told in info; may be relative.
    ///
    /// Default: not set.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.config.base_url = Some(url.into());
        self
    }
}

impl<H> fmt::Debug for SockJs<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SockJs")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            common: CommonConfig::default(),
            kind: Kind::SockJs,
            machine: sockjs::Config::default(),
            transports: Transport::ALL
                .iter()
                .fold(0, |set, transport| set | transport.bit()),
            response_limit: limits::RESPONSE_LIMIT,
            max_id_length: limits::ID_LENGTH,
            verify_address: false,
            cors: true,
            retry: None,
            sockjs_url: "https://cdn.jsdelivr.net/npm/sockjs-client@1.6.1/dist/sockjs.min.js"
                .into(),
            base_url: None,
        }
    }
}

impl Config {
    /// The machine's options, with times that the clock can be moved on by.
    pub(crate) fn machine(&self) -> sockjs::Config {
        let Self {
            common, machine, ..
        } = self;
        sockjs::Config {
            heartbeat_interval: bounded(machine.heartbeat_interval),
            heartbeat_timeout: bounded(machine.heartbeat_timeout),
            disconnect_delay: bounded(machine.disconnect_delay),
            stall_timeout: bounded(common.stall_timeout),
            outbox: common.outbox,
            outbox_hard: common.outbox_hard,
            inbox: common.inbox,
        }
    }

    pub(crate) fn serves(&self, transport: Transport) -> bool {
        self.transports & transport.bit() != 0
    }

    /// # Panics
    ///
    /// When options contradict each other.
    pub(crate) fn check(&self) {
        let machine = &self.machine;
        assert!(
            !machine.heartbeat_interval.is_zero(),
            "heartbeat_interval must not be zero"
        );
        assert!(
            !machine.disconnect_delay.is_zero(),
            "disconnect_delay must not be zero"
        );
        self.common.check();
    }
}
