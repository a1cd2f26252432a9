//! The builder of an Engine.IO mount.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use sockeye_core::{
    Message, Text,
    engineio::{self, ConnectionError, Handshake, Opening, PacketRef, Query, Transport},
    limits,
    session::QueueLimits,
};

use super::{Cors, Manner};
use crate::{
    BoxFuture, ConnectRequest, CookieHook, Handle, Handler, MountLayer, MountService, Session,
    StaticFile,
    common::{Common, CommonConfig, Run, bounded},
    events::{EventsHandler, SessionEvents},
    ident,
    options::{common_options, recheck_options, websocket_options},
    session::{self, Machine},
};

/// An Engine.IO mount: a handler and its options.
///
/// It speaks revision 4 to engine.io-client 4 and later, and where it is let in revision 3 to older
/// ones, over polling and WebSocket. A session that begins on polling goes over to WebSocket
/// without losing, doubling or reordering a message, or stays where it is when that fails.
///
/// Clients ask for the mount's path with a slash behind it: `/engine.io/`. In axum use
/// `RouterExt::engineio` or `nest_service`, as `nest` never hands that on.
///
/// # Protocol
///
/// Engine.IO protocol revisions 4 and 3, as engine.io 6.6 speaks them.
///
/// # Example
///
/// ```
/// use sockeye_tower::{EngineIo, Session};
///
/// async fn echo(mut session: Session) {
///     while let Some(message) = session.recv().await {
///         if session.send(message).await.is_err() { break }
///     }
/// }
///
/// let service = EngineIo::new(echo).allow_eio3(true).service();
/// # let _ = service;
/// ```
#[derive(Clone)]
pub struct EngineIo<H> {
    handler: H,
    config: Config,
}

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) common: CommonConfig,
    ping_interval: Duration,
    ping_timeout: Duration,
    upgrade_timeout: Duration,
    closing_timeout: Duration,
    pub(crate) polling: bool,
    pub(crate) websocket: bool,
    pub(crate) allow_upgrades: bool,
    pub(crate) allow_eio3: bool,
    pub(crate) cors: Option<Cors>,
    /// Bytes from which an answer to a poll is compressed.
    pub(crate) compression: Option<usize>,
    pub(crate) initial_packet: Option<Message>,
    generate_id: Option<Arc<GenerateId>>,
    on_error: Option<Arc<OnError>>,
    /// By their paths below the mount, without the slash.
    files: Vec<(Box<str>, StaticFile)>,
}

type GenerateId = dyn Fn(&ConnectRequest) -> String + Send + Sync;
type OnError = dyn Fn(&ConnectRequest, &ConnectionError) + Send + Sync;

impl<H: Handler> EngineIo<H> {
    /// A mount that runs `handler` for each session.
    pub fn new(handler: H) -> Self {
        let common = CommonConfig {
            max_message_size: limits::MAX_PAYLOAD,
            max_messages: limits::PACKETS_PER_PAYLOAD,
            ..CommonConfig::default()
        };
        let config = Config {
            common,
            ping_interval: limits::PING_INTERVAL,
            ping_timeout: limits::PING_TIMEOUT,
            upgrade_timeout: limits::UPGRADE_TIMEOUT,
            closing_timeout: limits::CLOSING_TIMEOUT,
            polling: true,
            websocket: true,
            allow_upgrades: true,
            allow_eio3: false,
            cors: None,
            compression: Some(1024),
            initial_packet: None,
            generate_id: None,
            on_error: None,
            files: Vec::new(),
        };
        Self { handler, config }
    }

    /// The mount as a service: it takes the path of each request as the path below the mount.
    ///
    /// # Panics
    ///
    /// When options contradict each other; the message names both.
    pub fn service(self) -> MountService {
        let handler = self.handler;
        let run = move |session: Session| -> BoxFuture<()> { handler.clone().run(session) };
        MountService::engineio(Arc::new(Mount::new(self.config, Box::new(run))))
    }

    /// The mount as a layer: it owns everything below `path`, and hands the rest on to the inner
    /// service untouched; `path` itself, without a slash behind it, too.
    ///
    /// # Panics
    ///
    /// When `path` does not start with `/` or ends with one, and as [`service`](Self::service).
    pub fn layer(self, path: &str) -> MountLayer {
        MountLayer::new(path, self.service())
    }
}

impl EngineIo<EventsHandler> {
    /// A mount in the callback form: one value whose methods are called for every session.
    pub fn events(events: impl SessionEvents) -> Self {
        Self::new(EventsHandler::new(events))
    }
}

impl<H> EngineIo<H> {
    common_options!();
    websocket_options!();
    recheck_options!();

    /// Time between heartbeats. In revision 4 the server sends them, in revision 3 the client.
    ///
    /// Default: 25 seconds. At most 12 days, as a browser cannot wait for more than the 24 that this and
    /// the timeout are together; what is longer is that.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// How long the answer to a heartbeat, or in revision 3 the heartbeat, may take.
    ///
    /// Default: 20 seconds. At most 12 days, as the interval.
    #[must_use]
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.config.ping_timeout = timeout;
        self
    }

    /// How long an upgrade may take from the WebSocket's handshake on; then the WebSocket is
    /// closed, and the session goes on polling.
    ///
    /// Default: 10 seconds.
    #[must_use]
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.config.upgrade_timeout = timeout;
        self
    }

    /// How long a session on polling that this side has closed waits for the poll that takes what was
    /// sent before, and the close packet; then it is forgotten.
    ///
    /// Default: 30 seconds.
    #[must_use]
    pub fn closing_timeout(mut self, timeout: Duration) -> Self {
        self.config.closing_timeout = timeout;
        self
    }

    /// Packets in one POST from the client.
    ///
    /// Default: 10,000. A POST with more is answered 413 and none of them is taken; its session lives.
    #[must_use]
    pub fn max_messages(mut self, packets: usize) -> Self {
        self.config.common.max_messages = packets;
        self
    }

    /// How long a POST's body may pause, and how long it may take in all; then it is answered 408 and
    /// its session ends as `transport error`.
    ///
    /// Default: 30 and 60 seconds. The time for which a slow handler holds a POST does not count.
    ///
    /// # Panics
    ///
    /// [`service`](Self::service) panics when the time in all is below the pause.
    #[must_use]
    pub fn body_timeouts(mut self, pause: Duration, in_all: Duration) -> Self {
        self.config.common.body_idle_timeout = pause;
        self.config.common.body_timeout = in_all;
        self
    }

    /// The transports that are served.
    ///
    /// Default: both.
    ///
    /// # Panics
    ///
    /// [`service`](Self::service) panics when there is none.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        (self.config.polling, self.config.websocket) = (false, false);
        for transport in transports {
            match transport {
                Transport::Polling => self.config.polling = true,
                Transport::WebSocket => self.config.websocket = true,
            }
        }
        self
    }

    /// Whether sessions on polling may go over to WebSocket.
    ///
    /// Default: yes.
    #[must_use]
    pub fn allow_upgrades(mut self, allowed: bool) -> Self {
        self.config.allow_upgrades = allowed;
        self
    }

    /// Whether clients of revision 3 are let in: engine.io-client 3, socket.io-client 1 and 2.
    ///
    /// Default: no.
    #[must_use]
    pub fn allow_eio3(mut self, allowed: bool) -> Self {
        self.config.allow_eio3 = allowed;
        self
    }

    /// CORS headers, on every answer.
    ///
    /// Default: none.
    #[must_use]
    pub fn cors(mut self, cors: Cors) -> Self {
        self.config.cors = Some(cors);
        self
    }

    /// A cookie on the answer that opens a session on polling:
    /// [`CookieHook::session_id`](crate::CookieHook::session_id), or any other.
    ///
    /// Default: none.
    #[must_use]
    pub fn cookie(mut self, hook: CookieHook) -> Self {
        self.config.common.cookie = Some(hook);
        self
    }

    /// Bytes from which an answer to a poll is compressed with gzip or deflate, where the client
    /// takes that; `None` never.
    ///
    /// Default: 1,024.
    #[must_use]
    pub fn http_compression(mut self, threshold: Option<usize>) -> Self {
        self.config.compression = threshold;
        self
    }

    /// A message that every session sends first, right behind the open packet.
    ///
    /// Default: none.
    ///
    /// # Panics
    ///
    /// [`service`](Self::service) panics when it is a text with U+001E, which polling cannot carry, and
    /// polling is among the transports.
    #[must_use]
    pub fn initial_packet(mut self, message: impl Into<Message>) -> Self {
        self.config.initial_packet = Some(message.into());
        self
    }

    /// Makes the secret ids of sessions. They must be hard to guess, differ from each other, and
    /// be at most 128 printable ASCII characters; others are refused with code 3, as is a request on
    /// which it panics.
    ///
    /// Default: 120 random bits in 20 characters.
    #[must_use]
    pub fn generate_id(
        mut self,
        generate: impl Fn(&ConnectRequest) -> String + Send + Sync + 'static,
    ) -> Self {
        self.config.generate_id = Some(Arc::new(generate));
        self
    }

    /// Serves a file below the mount: `file("client.js", ...)` on a mount at `/engine.io` answers
    /// `GET /engine.io/client.js`, whatever its query. A later file of the same name takes the place
    /// of an earlier one.
    ///
    /// It is served to everyone, as a page of any origin may load a script; with
    /// [`cors`](Self::cors) its headers are on it, as modules need them. No hook is asked.
    ///
    /// Default: every path below the mount is Engine.IO's.
    ///
    /// # Panics
    ///
    /// When the name is empty or starts with a slash.
    #[must_use]
    pub fn file(mut self, name: &str, file: StaticFile) -> Self {
        assert!(
            !name.is_empty() && !name.starts_with('/'),
            "file: the name {name:?} must not be empty, nor start with a slash"
        );
        let files = &mut self.config.files;
        files.retain(|(known, _)| **known != *name);
        files.push((name.into(), file));
        self
    }

    /// Is told of each request that is refused with an error of the protocol, and of what was wrong with
    /// it. Of a request for an unknown transport [`transport`](ConnectRequest::transport) tells what
    /// comes nearest.
    ///
    /// Default: nobody. If it panics, that is logged and the request answered all the same.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_tower::{ConnectRequest, EngineIo, Session, engineio::ConnectionError};
    ///
    /// async fn chat(session: Session) { drop(session) }
    ///
    /// let mount = EngineIo::new(chat).on_connection_error(
    ///     |request: &ConnectRequest, error: &ConnectionError| {
    ///         println!("{:?} was refused: {error}", request.peer_address());
    ///     },
    /// );
    /// # let _ = mount;
    /// ```
    #[must_use]
    pub fn on_connection_error(
        mut self,
        hear: impl Fn(&ConnectRequest, &ConnectionError) + Send + Sync + 'static,
    ) -> Self {
        self.config.on_error = Some(Arc::new(hear));
        self
    }
}

impl<H> EngineIo<H> {
    /// What the handshake announces as `maxPayload`; see [`max_message_size`](Self::max_message_size).
    pub fn max_payload(&self) -> usize {
        self.config.common.max_message_size
    }

    /// What may wait for a receiver before a broadcast closes its session; see
    /// [`outbox_limits`](Self::outbox_limits).
    pub fn hard_outbox_limits(&self) -> QueueLimits {
        self.config.common.outbox_hard
    }

    /// The handle that drains the mount and counts for it; see [`handle`](Self::handle).
    pub fn mount_handle(&self) -> &Handle {
        &self.config.common.handle
    }
}

impl<H> fmt::Debug for EngineIo<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineIo")
            .field("common", &self.config.common)
            .field("ping_interval", &self.config.ping_interval)
            .field("ping_timeout", &self.config.ping_timeout)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// The secret id of a session to come; an error when the application's generator panicked.
    pub(super) fn name(&self, request: &ConnectRequest) -> Result<String, ConnectionError> {
        let Some(generate) = &self.generate_id else {
            return Ok(ident::token());
        };
        catch_unwind(AssertUnwindSafe(|| generate(request))).map_err(|_| {
            tracing::error!("generate_id panicked");
            let error = Text::from_static("generate_id panicked");
            ConnectionError::IdGeneration { error }
        })
    }

    /// Tells the application of a request that is refused.
    pub(super) fn tell(&self, request: &ConnectRequest, error: &ConnectionError) {
        let Some(hear) = &self.on_error else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| hear(request, error))).is_err() {
            tracing::error!("on_connection_error panicked");
        }
    }
}

/// One Engine.IO mount at run time.
pub(crate) struct Mount {
    pub(crate) config: Config,
    pub(crate) common: Arc<Common>,
    machine: Arc<engineio::Config>,
}

impl Mount {
    /// # Panics
    ///
    /// When options contradict each other.
    fn new(mut config: Config, run: Run) -> Self {
        config.common.check();
        let is_carried = |message| engineio::Payload::V4.can_carry(PacketRef::Message(message));
        assert!(
            !config.polling || config.initial_packet.as_ref().is_none_or(is_carried),
            "initial_packet: a text with U+001E cannot go by polling, which is among the transports"
        );
        for time in [&mut config.ping_interval, &mut config.ping_timeout] {
            *time = (*time).min(LONGEST_HEARTBEAT);
        }
        assert!(
            config.polling || config.websocket,
            "transports: there must be one"
        );
        assert!(
            !config.ping_interval.is_zero(),
            "ping_interval must not be zero"
        );
        let common = config.common.clone();
        let machine = engineio::Config {
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            upgrade_timeout: bounded(config.upgrade_timeout),
            closing_timeout: bounded(config.closing_timeout),
            stall_timeout: bounded(common.stall_timeout),
            outbox: common.outbox,
            outbox_hard: common.outbox_hard,
            inbox: common.inbox,
        };
        Self {
            machine: Arc::new(machine),
            common: Arc::new(Common::new(common, run)),
            config,
        }
    }

    /// The machine of a session that begins with a handshake.
    pub(crate) fn machine(
        &self,
        query: &Query,
        transport: Transport,
        sid: &str,
        now: std::time::Instant,
    ) -> Machine {
        let goes_over =
            transport == Transport::Polling && self.config.allow_upgrades && self.config.websocket;
        let upgrades: &[Transport] = if goes_over {
            &[Transport::WebSocket]
        } else {
            &[]
        };
        let handshake = Handshake {
            sid,
            upgrades,
            ping_interval: self.config.ping_interval,
            ping_timeout: self.config.ping_timeout,
            max_payload: self.config.common.max_message_size,
        };
        let opening = Opening {
            revision: query.revision(),
            transport,
            handshake,
        };
        Machine::EngineIo(Box::new(session::EngineIo {
            session: engineio::Session::new(self.machine.clone(), opening, now),
            manner: Manner::of(query),
        }))
    }

    /// The file at a path below the mount. Sessions' paths are a mere slash.
    pub(crate) fn file(&self, rest: &str) -> Option<&StaticFile> {
        let name = rest.strip_prefix('/').filter(|name| !name.is_empty())?;
        let mut files = self.config.files.iter();
        files
            .find(|(known, _)| **known == *name)
            .map(|(_, file)| file)
    }

    /// Whether the application sees requests of sessions, which have the secret id in their URI: any
    /// hook that is handed them is named here.
    pub(crate) fn shows_requests(&self) -> bool {
        self.common.config.on_request.is_some() || self.config.on_error.is_some()
    }

    /// Whether a transport is switched on.
    pub(crate) fn serves(&self, transport: Transport) -> bool {
        match transport {
            Transport::Polling => self.config.polling,
            Transport::WebSocket => self.config.websocket,
        }
    }
}

/// Clients set a timer to the sum of both times. A browser's holds 2^31 - 1 milliseconds, which are
/// almost 25 days, and fires at once when it is set longer.
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(12 * 86_400);
