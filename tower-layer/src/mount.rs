//! One mount at run time: its options, its sessions, and how they begin.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, request::Parts};
use sha1::{Digest, Sha1};
use sockeye_core::sockjs::{self, Content, iframe::iframe_page};

use crate::{
    Accept, BoxFuture, PeerAddress, Request, Session, Transport,
    config::Config,
    refusal::Refusal,
    registry::Registry,
    session::{HandlerSlot, Live, Shared},
};

/// Starts the application's side of a session.
pub(crate) type Run = Box<dyn Fn(Session) -> BoxFuture<()> + Send + Sync>;

pub(crate) struct Mount {
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) iframe: Iframe,
    machine: Arc<sockjs::Config>,
    run: Run,
    open: AtomicUsize,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// The page that the iframe transports load.
pub(crate) struct Iframe {
    pub(crate) page: Bytes,
    pub(crate) etag: HeaderValue,
    /// Whether it is served, and under which framing policy.
    pub(crate) framing: Option<Option<HeaderValue>>,
}

/// A session that is about to begin, counted already.
pub(crate) struct Opening {
    pub(crate) shared: Arc<Shared>,
    admission: Admission,
    /// A drain waits for a session from its request on: the peer has been told that it may speak
    /// before the session runs.
    live: Live,
}

/// A session's place within the mount's limits, given back when dropped.
pub(crate) struct Admission {
    mount: Arc<Mount>,
    address: Option<IpAddr>,
}

/// What a driver holds of its session.
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    pub(crate) handler: HandlerSlot,
    pub(crate) admission: Admission,
    /// Declared last: the drain is told that the session is gone when all else is dropped.
    _live: Live,
}

impl Mount {
    /// # Panics
    ///
    /// When options contradict each other.
    pub(crate) fn new(config: Config, run: Run) -> Self {
        config.check();
        let config = config.bounded();
        let page = iframe_page(&config.sockjs_url)
            .unwrap_or_else(|error| panic!("sockjs_url {:?}: {error}", config.sockjs_url));
        let framing = config.origins.frame_ancestors().map(|policy| {
            policy.map(|policy| {
                HeaderValue::try_from(policy).expect("checked origins have no control characters")
            })
        });
        Self {
            machine: Arc::new(config.machine.clone()),
            iframe: Iframe {
                etag: etag(page.as_bytes()),
                page: page.into(),
                framing,
            },
            config,
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
            mount: self.clone(),
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
            admission.address = Some(address);
        }
        Ok(admission)
    }

    fn addresses(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opening {
    /// Starts the handler.
    pub(crate) fn run(self) -> Running {
        let mount = &self.admission.mount;
        let handler = HandlerSlot::start(&self.shared, || {
            (mount.run)(Session::new(self.shared.clone()))
        });
        Running {
            shared: self.shared,
            handler,
            admission: self.admission,
            _live: self.live,
        }
    }
}

impl Admission {
    pub(crate) fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    /// The session for the request that was admitted, as far as the mount is concerned and the
    /// application.
    pub(crate) fn open(
        self,
        request: &mut Parts,
        transport: Transport,
        accept: Accept,
    ) -> Result<Opening, Refusal> {
        let mount = &self.mount;
        // The drain may have begun while the application made up its mind.
        if mount.config.handle.is_draining() {
            return Err(Refusal::Draining);
        }
        let content = match transport {
            Transport::RawWebSocket => Content::Any,
            Transport::WebSocket
            | Transport::XhrPolling
            | Transport::XhrStreaming
            | Transport::EventSource
            | Transport::HtmlFile
            | Transport::JsonpPolling
            | Transport::EventStream => Content::Text,
        };
        let shared = Arc::new(Shared::new(
            mount.machine.clone(),
            content,
            mount.config.max_message_size,
            Arc::new(Request::new(request)),
            transport,
        ));
        shared.admit(accept.data, accept.until);
        let live = Live::new(&mount.config.handle, &shared);
        Ok(Opening {
            shared,
            admission: self,
            live,
        })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.mount.open.fetch_sub(1, Ordering::AcqRel);
        let Some(address) = self.address else { return };
        let mut addresses = self.mount.addresses();
        if let Some(sessions) = addresses.get_mut(&address) {
            *sessions -= 1;
            if *sessions == 0 {
                addresses.remove(&address);
            }
        }
    }
}

/// A strong tag that depends on the body alone.
fn etag(body: &[u8]) -> HeaderValue {
    let digest = Sha1::digest(body);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).expect("hexadecimal digits are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_knows_a_session_whose_handshake_is_under_way() {
        let config = Config::default();
        let handle = config.handle.clone();
        let run = |session: Session| -> BoxFuture<()> { Box::pin(async move { drop(session) }) };
        let mount = Arc::new(Mount::new(config, Box::new(run)));
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let opening = mount
            .admit(&parts)
            .and_then(|place| place.open(&mut parts, Transport::RawWebSocket, Accept::new()))
            .unwrap_or_else(|_| panic!());
        assert_eq!(handle.sessions(), 1);
        let _drained = handle.drain(crate::DrainPolicy::new());
        assert!(opening.shared.peek(|state| !state.machine.is_open()));
        // The connection ended before the session ran.
        drop(opening);
        assert_eq!(handle.sessions(), 0);
    }
}
