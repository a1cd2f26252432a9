//! The builder of a SockJS mount.

use std::{fmt, sync::Arc, time::Duration};

use sockeye_core::{limits, sockjs};

use crate::{
    BoxFuture, CookieHook, Handle, Handler, MountLayer, MountService, Origins, Session, Transport,
    events::{EventsHandler, SessionEvents},
    mount::Mount,
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

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) machine: sockjs::Config,
    /// Bits of the transports that are switched on.
    pub(crate) transports: u8,
    pub(crate) response_limit: usize,
    pub(crate) max_message_size: usize,
    pub(crate) max_messages: usize,
    pub(crate) max_fragments: usize,
    pub(crate) max_id_length: usize,
    pub(crate) max_sessions: usize,
    pub(crate) max_sessions_per_address: usize,
    pub(crate) verify_address: bool,
    pub(crate) body_idle_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) cookie: Option<CookieHook>,
    pub(crate) cors: bool,
    pub(crate) sockjs_url: String,
    pub(crate) base_url: Option<String>,
    pub(crate) origins: Origins,
    pub(crate) handle: Handle,
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
    /// Time between heartbeats while a receiver is attached.
    ///
    /// Default: 25 seconds. It must be below the shortest idle limit on the way (nginx 60 s,
    /// HAProxy often 30 s) and below the 35 s after which clients give up a jsonp poll.
    #[must_use]
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.config.machine.heartbeat_interval = interval;
        self
    }

    /// How long a WebSocket may stay silent after a heartbeat before it is closed with 3000
    /// `No response from heartbeat`. Any bytes from the peer count.
    ///
    /// Default: 10 seconds. Slow mobile links want more.
    #[must_use]
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.config.machine.heartbeat_timeout = timeout;
        self
    }

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

    /// How long a peer may take nothing while something waits for it, before its session is ended
    /// as too slow.
    ///
    /// Default: 30 seconds. A WebSocket is closed with 1013 and reset after the
    /// [close timeout](Self::close_timeout); the other transports get `c[1013,"Too slow"]`.
    #[must_use]
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.config.machine.stall_timeout = timeout;
        self
    }

    /// How long a WebSocket's peer may take to answer our close before the connection is dropped.
    ///
    /// Default: 5 seconds.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.config.close_timeout = timeout;
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

    /// Bytes of one message, in either direction, and of one body of `xhr_send` or `jsonp_send`,
    /// where 1 KiB more is allowed for what stands around the messages.
    ///
    /// Default: 1 MiB. Beyond it a WebSocket is closed with 1009, judged by the frame's header; a
    /// request is answered 413 and its session lives; `send` errs.
    #[must_use]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.config.max_message_size = bytes;
        self
    }

    /// Messages in one array from the client.
    ///
    /// Default: 10,000. Beyond it a request is answered 413, and a WebSocket closed with 1009.
    #[must_use]
    pub fn max_messages(mut self, messages: usize) -> Self {
        self.config.max_messages = messages;
        self
    }

    /// Frames that one WebSocket message may be cut into, empty ones included.
    ///
    /// Default: 16,384. Beyond it the WebSocket is closed with 1008.
    #[must_use]
    pub fn max_fragments(mut self, fragments: usize) -> Self {
        self.config.max_fragments = fragments;
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

    /// Sessions of this mount at a time; one more is answered 503 with `Retry-After`.
    ///
    /// Default: 100,000.
    #[must_use]
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.config.max_sessions = sessions;
        self
    }

    /// Sessions of this mount at a time from one peer address; one more is answered 503.
    ///
    /// Default: no limit, since behind a proxy all have the proxy's address. Where the host does
    /// not tell the address ([`PeerAddress`](crate::PeerAddress)), nothing is counted. For a limit
    /// on new sessions per second put a rate-limiting layer in front.
    #[must_use]
    pub fn max_sessions_per_address(mut self, sessions: usize) -> Self {
        self.config.max_sessions_per_address = sessions;
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
        self.config.body_idle_timeout = pause;
        self.config.body_timeout = in_all;
        self
    }

    /// What may wait for a receiver before `send` waits, in messages and bytes. A broadcast may
    /// queue four times as much before it closes the session.
    ///
    /// Default: 4,096 messages, 1 MiB. An empty queue takes any message.
    #[must_use]
    pub fn outbox_limits(mut self, messages: usize, bytes: usize) -> Self {
        let machine = &mut self.config.machine;
        (machine.outbox.messages, machine.outbox.bytes) = (messages, bytes);
        machine.outbox_hard.messages = messages.saturating_mul(4);
        machine.outbox_hard.bytes = bytes.saturating_mul(4);
        self
    }

    /// What the handler may leave untaken before its peer is no longer read, in messages and
    /// bytes.
    ///
    /// Default: 1,024 messages, 128 KiB.
    #[must_use]
    pub fn inbox_limits(mut self, messages: usize, bytes: usize) -> Self {
        let inbox = &mut self.config.machine.inbox;
        (inbox.messages, inbox.bytes) = (messages, bytes);
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
        self.config.cookie = Some(hook);
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

    /// Whose pages may use the mount: [`Origins`], or a list of origins.
    ///
    /// Default: [`Origins::SameOrigin`].
    ///
    /// # Panics
    ///
    /// When a listed origin is not `scheme://host` or `scheme://host:port`.
    #[must_use]
    pub fn allowed_origins(mut self, origins: impl Into<Origins>) -> Self {
        self.config.origins = origins.into().checked();
        self
    }

    /// The handle that drains this mount together with others and their server.
    ///
    /// Default: one of its own.
    #[must_use]
    pub fn handle(mut self, handle: &Handle) -> Self {
        self.config.handle = handle.clone();
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
            machine: sockjs::Config::default(),
            transports: Transport::ALL
                .iter()
                .fold(0, |set, transport| set | transport.bit()),
            response_limit: limits::RESPONSE_LIMIT,
            max_message_size: limits::MESSAGE_BYTES,
            max_messages: limits::MESSAGES_PER_ARRAY,
            max_fragments: limits::FRAGMENTS_PER_MESSAGE,
            max_id_length: limits::ID_LENGTH,
            max_sessions: 100_000,
            max_sessions_per_address: usize::MAX,
            verify_address: false,
            body_idle_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            cookie: None,
            cors: true,
            sockjs_url: "https://cdn.jsdelivr.net/npm/sockjs-client@1.6.1/dist/sockjs.min.js"
                .into(),
            base_url: None,
            origins: Origins::SameOrigin,
            handle: Handle::new(),
        }
    }
}

impl Config {
    /// The options with times that the clock can be moved on by.
    pub(crate) fn bounded(mut self) -> Self {
        let machine = &mut self.machine;
        for time in [
            &mut machine.heartbeat_interval,
            &mut machine.heartbeat_timeout,
            &mut machine.disconnect_delay,
            &mut machine.stall_timeout,
            &mut self.body_idle_timeout,
            &mut self.body_timeout,
            &mut self.close_timeout,
        ] {
            *time = (*time).min(NEVER);
        }
        self
    }

    /// Bytes of a body, or of a framed text: a message and what is around it.
    pub(crate) fn max_body_size(&self) -> usize {
        self.max_message_size.saturating_add(limits::ENVELOPE_BYTES)
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
        assert!(
            self.body_timeout >= self.body_idle_timeout,
            "body_timeouts: the time in all ({:?}) must not be below the pause ({:?})",
            self.body_timeout,
            self.body_idle_timeout,
        );
    }
}

/// Ten years. Whoever sets `Duration::MAX` means "never", and an `Instant` cannot hold it.
const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);
