//! What mounts of every protocol have: options, sessions, and how these are let in.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::request::Parts;
use sockeye_core::{limits, session::QueueLimits};

use crate::{
    Accept, BoxFuture, CookieHook, Handle, PeerAddress, Request, Session, Transport,
    forwarded::TrustedProxies,
    hooks::StoredHook,
    origins::Policy,
    refusal::Refusal,
    registry::{Registry, Reserved},
    session::{HandlerSlot, Live, Machine, Shared},
};

/// The options of every mount.
#[derive(Clone, Debug)]
pub(crate) struct CommonConfig {
    pub(crate) max_message_size: usize,
    /// In one array or payload.
    pub(crate) max_messages: usize,
    pub(crate) max_fragments: usize,
    pub(crate) max_sessions: usize,
    pub(crate) max_sessions_per_address: usize,
    pub(crate) outbox: QueueLimits,
    pub(crate) outbox_hard: QueueLimits,
    pub(crate) inbox: QueueLimits,
    pub(crate) stall_timeout: Duration,
    pub(crate) body_idle_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) cookie: Option<CookieHook>,
    pub(crate) origins: Policy,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) on_connect: Option<StoredHook>,
    pub(crate) on_request: Option<StoredHook>,
    pub(crate) handle: Handle,
}

impl Default for CommonConfig {
    fn default() -> Self {
        Self {
            max_message_size: limits::MESSAGE_BYTES,
            max_messages: limits::MESSAGES_PER_ARRAY,
            max_fragments: limits::FRAGMENTS_PER_MESSAGE,
            max_sessions: 100_000,
            max_sessions_per_address: usize::MAX,
            outbox: QueueLimits {
                messages: limits::OUTBOX_MESSAGES,
                bytes: limits::OUTBOX_BYTES,
            },
            outbox_hard: QueueLimits {
                messages: limits::OUTBOX_HARD_MESSAGES,
                bytes: limits::OUTBOX_HARD_BYTES,
            },
            inbox: QueueLimits {
                messages: limits::INBOX_MESSAGES,
                bytes: limits::INBOX_BYTES,
            },
            stall_timeout: limits::STALL_TIMEOUT,
            body_idle_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            cookie: None,
            origins: Policy::SameOrigin,
            trusted_proxies: TrustedProxies::default(),
            on_connect: None,
            on_request: None,
            handle: Handle::new(),
        }
    }
}

impl CommonConfig {
    /// Bytes of a SockJS body, or of a framed text: a message and what is around it.
    pub(crate) fn max_framed_size(&self) -> usize {
        self.max_message_size.saturating_add(limits::ENVELOPE_BYTES)
    }

    /// # Panics
    ///
    /// When options contradict each other.
    pub(crate) fn check(&self) {
        assert!(
            self.body_timeout >= self.body_idle_timeout,
            "body_timeouts: the time in all ({:?}) must not be below the pause ({:?})",
            self.body_timeout,
            self.body_idle_timeout,
        );
    }

    /// The options with times that the clock can be moved on by.
    fn bounded(mut self) -> Self {
        for time in [
            &mut self.body_idle_timeout,
            &mut self.body_timeout,
            &mut self.close_timeout,
        ] {
            *time = bounded(*time);
        }
        self
    }
}

/// At most ten years: whoever sets `Duration::MAX` means "never", and an `Instant` cannot hold it.
pub(crate) fn bounded(time: Duration) -> Duration {
    time.min(Duration::from_secs(10 * 365 * 86_400))
}

/// Starts the application's side of a session.
pub(crate) type Run = Box<dyn Fn(Session) -> BoxFuture<()> + Send + Sync>;

/// One mount at run time, as far as its protocol does not matter.
pub(crate) struct Common {
    pub(crate) config: CommonConfig,
    pub(crate) registry: Registry,
    run: Run,
    open: AtomicUsize,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// A session that is about to begin, counted already.
pub(crate) struct Opening {
    admission: Admission,
    /// A drain waits for a session from its request on: the peer has been told that it may speak
    /// before the session runs.
    pub(crate) live: Live,
}

/// A session's place within the mount's limits, given back when dropped.
pub(crate) struct Admission {
    common: Arc<Common>,
    /// Boxed, as only some mounts count by address.
    address: Option<Box<IpAddr>>,
}

/// What a driver holds of its session.
pub(crate) struct Running {
    pub(crate) handler: HandlerSlot,
    pub(crate) admission: Admission,
    /// The id by which other requests find it, if there can be any and it is not over.
    entry: Option<Arc<str>>,
    /// Declared last: the drain is told that the session is gone when all else is dropped.
    pub(crate) live: Live,
}

impl Common {
    pub(crate) fn new(config: CommonConfig, run: Run) -> Self {
        Self {
            config: config.bounded(),
            registry: Registry::default(),
            run,
            open: AtomicUsize::new(0),
            addresses: Mutex::default(),
        }
    }

    /// A place for one more session, if there is one.
    pub(crate) fn admit(self: &Arc<Self>, request: &Parts) -> Result<Admission, Refusal> {
        if self.config.handle.is_draining() {
            return Err(Refusal::Draining);
        }
        let address = request.extensions.get::<PeerAddress>();
        self.count(address.map(|peer| peer.0.ip()))
    }

    fn count(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Admission, Refusal> {
        if self.open.fetch_add(1, Ordering::AcqRel) >= self.config.max_sessions {
            self.open.fetch_sub(1, Ordering::AcqRel);
            tracing::debug!(limit = self.config.max_sessions, "max_sessions reached");
            return Err(Refusal::TooManySessions);
        }
        let mut admission = Admission {
            common: self.clone(),
            address: None,
        };
        let limit = self.config.max_sessions_per_address;
        if let (Some(address), true) = (address, limit < usize::MAX) {
            let mut addresses = self.addresses();
            let sessions = addresses.entry(address).or_insert(0);
            if *sessions >= limit {
                return Err(Refusal::TooManySessionsOfAddress);
            }
            *sessions += 1;
            admission.address = Some(Box::new(address));
        }
        Ok(admission)
    }

    fn addresses(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    pub(crate) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// The session for the request that was admitted, by the mount and by the application.
    pub(crate) fn open(
        self,
        request: &mut Parts,
        transport: Transport,
        machine: Machine,
        accept: Accept,
    ) -> Result<Opening, Refusal> {
        let config = &self.common.config;
        // The drain may have begun while the application made up its mind.
        if config.handle.is_draining() {
            return Err(Refusal::Draining);
        }
        let max_outgoing = match machine {
            Machine::SockJs(_) => config.max_message_size,
            // What Engine.IO's handshake announces is about clients alone.
            Machine::EngineIo(_) => usize::MAX,
        };
        let shared = Arc::new(Shared::new(
            machine,
            max_outgoing,
            Arc::new(Request::new(request)),
            transport,
        ));
        shared.admit(accept.data, accept.until);
        let live = Live::new(&config.handle, &shared);
        Ok(Opening {
            admission: self,
            live,
        })
    }
}

impl Opening {
    /// Starts the handler. From now on other requests find the session by the id that was reserved
    /// for it.
    pub(crate) fn run(self, reserved: Option<Reserved>) -> Running {
        let shared = &self.live.shared;
        let entry = reserved.map(|reserved| reserved.fill(shared));
        let common = &self.admission.common;
        let handler = HandlerSlot::start(shared, || (common.run)(Session::new(shared.clone())));
        Running {
            handler,
            admission: self.admission,
            entry,
            live: self.live,
        }
    }
}

impl Running {
    /// No other request finds the session any more.
    pub(crate) fn leave(&mut self) {
        if let Some(id) = self.entry.take() {
            let registry = &self.admission.common.registry;
            registry.remove(&id, &self.live.shared);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.common.open.fetch_sub(1, Ordering::AcqRel);
        let Some(address) = self.address.as_deref() else {
            return;
        };
        let mut addresses = self.common.addresses();
        if let Some(sessions) = addresses.get_mut(address) {
            *sessions -= 1;
            if *sessions == 0 {
                addresses.remove(address);
            }
        }
    }
}
