//! Opening a session.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderName, HeaderValue, header};
use sockeye_core::engineio::Binary;

use super::{
    Client, OpenError, Response, TestSession,
    engineio::{self, Options},
    receiver::Receiver,
    route::{Wire, percent_encoded},
    session::Parts,
    visit::{Mount, Visit},
    websocket,
};
use crate::{Transport, engineio::Revision};

/// A session to be opened; made by [`Client::session`].
///
/// What is set here goes with every request of the session, the sending ones included.
#[derive(Debug)]
#[must_use = "it opens nothing until `open` is called"]
pub struct SessionBuilder {
    visit: Visit,
}

impl SessionBuilder {
    pub(super) fn new(client: Client, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            visit: Visit::new(client, path, query, session_id()),
        }
    }

    /// The same for a mount that is this transport itself.
    pub(super) fn plain(mut self, transport: Transport) -> Self {
        self.visit.transport = transport;
        self.visit.mount = Mount::Plain;
        self
    }

    /// The same for an Engine.IO mount.
    pub(super) fn over_engineio(mut self) -> Self {
        self.visit.transport = Transport::Polling;
        self.visit.mount = Mount::EngineIo(Options::default());
        self
    }

    /// How to connect to a SockJS mount, or to an Engine.IO mount if the session began with
    /// [`Client::engineio`]. Default: [`Transport::WebSocket`], for Engine.IO
    /// [`Transport::Polling`].
    ///
    /// [`Transport::RawWebSocket`] is `/websocket` below a SockJS mount. For a mount that is a
    /// WebSocket itself begin with [`Client::websocket`].
    ///
    /// # Panics
    ///
    /// For [`Transport::Polling`] on a SockJS mount, and for anything but that and
    /// [`Transport::WebSocket`] on an Engine.IO mount.
    pub fn transport(mut self, transport: Transport) -> Self {
        let is_polling = transport == Transport::Polling;
        if let Mount::EngineIo(_) = self.visit.mount {
            assert!(
                is_polling || transport == Transport::WebSocket,
                "transport: {transport} is none of Engine.IO's"
            );
        } else {
            assert!(
                !is_polling,
                "transport: polling is Engine.IO's, so begin with Client::engineio"
            );
            self.visit.mount = Mount::SockJs;
        }
        self.visit.transport = transport;
        self
    }

    /// Which Engine.IO to speak. Default: [`Revision::V4`].
    ///
    /// # Panics
    ///
    /// When the session is none of Engine.IO's.
    pub fn revision(mut self, revision: Revision) -> Self {
        self.engineio("revision").revision = revision;
        self
    }

    /// Asks for binary messages as base64 on every transport (`b64`), and sends its own so.
    /// Default: as bytes where the transport carries bytes.
    ///
    /// # Panics
    ///
    /// When the session is none of Engine.IO's.
    pub fn base64(mut self) -> Self {
        self.engineio("base64").binary = Binary::Base64;
        self
    }

    /// Polls by scripts and posts forms, as Engine.IO clients in old browsers do, with base64.
    ///
    /// # Panics
    ///
    /// When the session is none of Engine.IO's.
    pub fn jsonp(mut self) -> Self {
        self.engineio("jsonp").is_jsonp = true;
        self.base64()
    }

    /// Answers no pings of Engine.IO's revision 4, and sends none in revision 3, so that the server
    /// misses them. Nor does the client miss the server's then.
    ///
    /// Default: it is a lively client. One that stops later:
    /// [`TestSession::stop_heartbeats`].
    ///
    /// # Panics
    ///
    /// When the session is none of Engine.IO's.
    pub fn without_heartbeats(mut self) -> Self {
        self.engineio("without_heartbeats").has_heartbeats = false;
        self
    }

    fn engineio(&mut self, option: &str) -> &mut Options {
        match &mut self.visit.mount {
            Mount::EngineIo(options) => options,
            Mount::SockJs | Mount::Plain => panic!("{option}: this session is not Engine.IO's"),
        }
    }

    /// Adds a header. With a `Cookie` of its own the session sends none of the jar's.
    ///
    /// # Panics
    ///
    /// When the name or the value cannot stand in a request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let value = header_value(name, value);
        self.visit.headers.append(header_name(name), value);
        self
    }

    /// Adds a cookie to those of the jar, before one of the same name there.
    ///
    /// # Panics
    ///
    /// When it cannot stand in a header.
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        header_value("cookie", &format!("{name}={value}"));
        self.visit.cookies.push((name.into(), value.into()));
        self
    }

    /// Comes from a page of this origin, such as `https://example.com`.
    ///
    /// Default: no `Origin`, as from a client that is no browser.
    ///
    /// # Panics
    ///
    /// When it cannot stand in a header.
    pub fn origin(mut self, origin: &str) -> Self {
        let value = header_value("origin", origin);
        self.visit.headers.insert(header::ORIGIN, value);
        self
    }

    /// Adds a field to the query; both parts are percent-encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let field = format!("{}={}", percent_encoded(name), percent_encoded(value));
        self.visit.add_query(&field);
        self
    }

    /// Comes back to an event stream after the event with this id.
    ///
    /// # Panics
    ///
    /// When it cannot stand in a header.
    pub fn last_event_id(self, id: &str) -> Self {
        self.header("last-event-id", id)
    }

    /// The SockJS session's id in the URL. Default: one that no other session of the process has.
    ///
    /// An Engine.IO session gets its id from the server.
    pub fn id(mut self, id: &str) -> Self {
        self.visit.id = id.into();
        self
    }

    /// Opens the session: its first frame or packet has been checked when this returns.
    ///
    /// # Errors
    ///
    /// When the server refuses it, closes it at once, breaks the protocol or does not answer in
    /// time.
    ///
    /// # Panics
    ///
    /// When the mount's path or the session's id cannot stand in a URL.
    pub async fn open(self) -> Result<TestSession, OpenError> {
        let visit = Arc::new(self.visit);
        let client = visit.client.clone();
        if let Mount::EngineIo(options) = visit.mount {
            let opened = client.in_time(engineio::open(&visit, options)).await?;
            return Ok(TestSession::over_engineio(visit, opened));
        }
        let opening = async {
            match Wire::of(visit.transport) {
                Wire::WebSocket { is_framed } => websocket::open(&visit, is_framed).await,
                Wire::Http(wire) => {
                    let sending = wire.sending;
                    let mut receiver = Receiver::new(visit.clone(), wire);
                    let first = receiver.next().await?;
                    Ok(Parts::http(receiver, first, sending))
                }
            }
        };
        let parts = client.in_time(opening).await?;
        TestSession::start(visit, parts).map_err(Into::into)
    }

    /// Expects that the server refuses the session, and gives its answer.
    ///
    /// # Panics
    ///
    /// When the session opens, or when it fails without an answer of the server's.
    pub async fn expect_refused(self) -> Response {
        let what = format!("{} at {:?}", self.visit.transport, self.visit.path);
        match self.open().await {
            Err(OpenError::Refused(response)) => *response,
            Err(error) => panic!("{what} was not refused: {error:?}"),
            Ok(_) => panic!("{what} was not refused but opened"),
        }
    }
}

fn header_name(name: &str) -> HeaderName {
    name.parse()
        .unwrap_or_else(|_| panic!("{name:?} is no header's name"))
}

fn header_value(name: &str, value: &str) -> HeaderValue {
    value
        .parse()
        .unwrap_or_else(|_| panic!("{value:?} cannot be the value of header {name}"))
}

/// Eight characters like a real client's, never the same twice in a process.
fn session_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // The real ones are of `a-z0-5`, 32 characters, five bits each.
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    (0..8)
        .rev()
        .map(|place| char::from(DIGITS[(count >> (5 * place)) as usize % DIGITS.len()]))
        .collect()
}
