//! A client of one session that goes on until it is told to stop, as a browser's does: it polls
//! again and again, opens a stream again that reached its limit, and answers pings. What it sees is
//! put in a queue, so that a test can wait for something that may never come.

mod http;
mod socket;

use std::{
    collections::BTreeSet,
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use sockeye_tests::{
    PATIENCE,
    http1::{Connection, Head, Request, Response},
    sockjs::{Receiver, array, message_frame, session_id},
    websocket::Frame,
};

use crate::proxy::UPSTREAM;

/// A SockJS transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    RawWebSocket,
    Http(Receiver),
}

impl Transport {
    pub(crate) const ALL: [Self; 7] = [
        Self::WebSocket,
        Self::RawWebSocket,
        Self::Http(Receiver::Xhr),
        Self::Http(Receiver::XhrStreaming),
        Self::Http(Receiver::EventSource),
        Self::Http(Receiver::HtmlFile),
        Self::Http(Receiver::Jsonp),
    ];

    /// Those of sessions with an id, which a proxy has to keep on one node.
    pub(crate) fn with_session() -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(|transport| *transport != Self::RawWebSocket)
    }

    /// Those that need no upgrade.
    pub(crate) fn over_http() -> impl Iterator<Item = Self> {
        Receiver::ALL.into_iter().map(Self::Http)
    }

    /// Those that bring frame after frame in one response.
    pub(crate) fn streaming() -> impl Iterator<Item = Self> {
        Receiver::STREAMING.into_iter().map(Self::Http)
    }
}

/// What a line saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A frame; of a raw WebSocket a message.
    Frame(String),
    /// A heartbeat: `h`, or a raw WebSocket's ping.
    Beat,
    /// A WebSocket's close frame.
    Closed(u16),
    /// An answer that is none of the transport's.
    Refused(u16),
    /// An end in the middle.
    Cut(String),
}

/// Whose session, and how its requests look.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    transport: Transport,
    mount: String,
    /// `<server>/<session>`, as the client chooses them.
    session: String,
    takes_gzip: bool,
    keeps_cookies: bool,
}

impl Target {
    /// A new session of `/echo`.
    pub(crate) fn new(address: SocketAddr, transport: Transport) -> Self {
        // Like the real client's, but each only once in a thousand.
        static SERVERS: AtomicU32 = AtomicU32::new(0);
        let server = SERVERS.fetch_add(1, Ordering::Relaxed) % 1000;
        Self {
            address,
            transport,
            mount: "/echo".to_owned(),
            session: format!("{server:03}/{}", session_id()),
            takes_gzip: false,
            keeps_cookies: false,
        }
    }

    /// Takes compressed answers.
    pub(crate) fn with_gzip(mut self) -> Self {
        self.takes_gzip = true;
        self
    }

    /// On the mount with cookies, which it keeps.
    pub(crate) fn with_cookies(mut self) -> Self {
        self.mount = "/cookie_needed_echo".to_owned();
        self.keeps_cookies = true;
        self
    }

    /// Starts the line, whatever will become of it.
    pub(crate) fn start(self) -> Line {
        let (seen, events) = mpsc::channel();
        let shared = Arc::new(Shared {
            target: self,
            seen,
            facts: Mutex::default(),
        });
        let reader = shared.clone();
        thread::spawn(move || {
            let last = match reader.target.transport {
                Transport::Http(receiver) => http::read(&reader, receiver),
                Transport::WebSocket | Transport::RawWebSocket => socket::read(&reader),
            };
            if let Some(last) = last {
                reader.saw(last);
            }
        });
        Line {
            shared,
            events,
            beats: 0,
        }
    }

    /// Starts the line and sees the session open.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub(crate) fn open(self) -> Line {
        let mut line = self.start();
        if let Err(seen) = line.opened() {
            panic!("{:?} did not open: {seen:?}", line.shared.target);
        }
        line
    }

    /// The path of a request of this session.
    fn path(&self, end: &str) -> String {
        match self.transport {
            Transport::RawWebSocket => format!("{}/websocket", self.mount),
            _ => format!("{}/{}/{end}", self.mount, self.session),
        }
    }
}

/// What the line and its reader share.
#[derive(Debug)]
struct Shared {
    target: Target,
    seen: mpsc::Sender<(Instant, Seen)>,
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    /// The test wants no more of it.
    is_over: bool,
    /// The connection the reader reads from.
    stream: Option<TcpStream>,
    cookie: Option<String>,
    /// The nodes that answered.
    upstreams: BTreeSet<String>,
    encodings: BTreeSet<String>,
}

impl Shared {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saw(&self, seen: Seen) {
        // The test may be over.
        let _ = self.seen.send((Instant::now(), seen));
    }

    /// A connection for the reader; `None` when there is nothing to read any more.
    fn connect(&self) -> Option<std::io::Result<TcpStream>> {
        let connect = || {
            let stream = TcpStream::connect(self.target.address)?;
            stream.set_nodelay(true)?;
            let kept = stream.try_clone()?;
            Ok((stream, kept))
        };
        let mut facts = self.facts();
        if facts.is_over {
            return None;
        }
        Some(connect().map(|(stream, kept)| {
            facts.stream = Some(kept);
            stream
        }))
    }

    /// Adds what this client adds to each of its requests.
    fn dress(&self, mut request: Request) -> Request {
        if self.target.takes_gzip {
            request = request.header("Accept-Encoding", "gzip");
        }
        let cookie = self.facts().cookie.clone();
        if let Some(cookie) = cookie.filter(|_| self.target.keeps_cookies) {
            request = request.header("Cookie", cookie);
        }
        request
    }

    /// Notes what a response's head tells.
    fn note(&self, head: &Head) {
        let mut facts = self.facts();
        // nginx lists the nodes it tried; the last one answered.
        if let Some(tried) = head.header(UPSTREAM) {
            let node = tried.rsplit(", ").next().unwrap_or(tried);
            facts.upstreams.insert(node.to_owned());
        }
        if let Some(encoding) = head.header("content-encoding") {
            facts.encodings.insert(encoding.to_owned());
        }
        if let Some(cookie) = head.header("set-cookie") {
            facts.cookie = cookie.split(';').next().map(str::to_owned);
        }
    }
}

/// A running client.
#[derive(Debug)]
pub(crate) struct Line {
    shared: Arc<Shared>,
    events: mpsc::Receiver<(Instant, Seen)>,
    /// Heartbeats until now.
    pub(crate) beats: usize,
}

impl Line {
    /// The next thing it sees that is no heartbeat, and when it came; `None` when nothing comes in time.
    #[track_caller]
    pub(crate) fn next(&mut self, patience: Duration) -> Option<(Instant, Seen)> {
        let deadline = Instant::now() + patience;
        loop {
            match self.next_or_beat(deadline.saturating_duration_since(Instant::now()))? {
                (_, Seen::Beat) => {}
                other => return Some(other),
            }
        }
    }

    /// As [`next`](Self::next), heartbeats included.
    #[track_caller]
    pub(crate) fn next_or_beat(&mut self, patience: Duration) -> Option<(Instant, Seen)> {
        let event = self.events.recv_timeout(patience).ok()?;
        if event.1 == Seen::Beat {
            self.beats += 1;
        }
        Some(event)
    }

    /// The next thing but heartbeats.
    ///
    /// # Panics
    ///
    /// When nothing comes.
    #[track_caller]
    pub(crate) fn see(&mut self) -> (Instant, Seen) {
        self.next(PATIENCE)
            .unwrap_or_else(|| panic!("{:?}: nothing within {PATIENCE:?}", self.shared.target))
    }

    /// Waits until the session is open.
    ///
    /// # Errors
    ///
    /// What came instead.
    #[track_caller]
    pub(crate) fn opened(&mut self) -> Result<(), Seen> {
        match self.see().1 {
            Seen::Frame(frame) if frame == "o" => Ok(()),
            other => Err(other),
        }
    }

    /// Sends a message and gives the answer, if the transport has one for it.
    #[track_caller]
    pub(crate) fn send(&self, message: &str) -> Option<Response> {
        let target = &self.shared.target;
        let request = match target.transport {
            Transport::WebSocket | Transport::RawWebSocket => {
                let text = if target.transport == Transport::WebSocket {
                    array(&[message])
                } else {
                    message.to_owned()
                };
                // Where it fails, the reader saw why.
                let _ = self.shared.write(&Frame::text(text));
                return None;
            }
            Transport::Http(Receiver::Jsonp) => Request::new("POST", target.path("jsonp_send"))
                .header("Content-Type", "text/plain")
                .body(array(&[message])),
            Transport::Http(_) => Request::new("POST", target.path("xhr_send"))
                .header("Content-Type", "text/plain")
                .body(array(&[message])),
        };
        let response = Connection::to(target.address).ask(&self.shared.dress(request));
        self.shared.note(&response.head);
        Some(response)
    }

    /// Sends a message, sees it come back, and tells how long that took.
    ///
    /// # Panics
    ///
    /// When something else comes.
    #[track_caller]
    pub(crate) fn echo(&mut self, message: &str) -> Duration {
        let begin = Instant::now();
        if let Some(response) = self.send(message) {
            assert!(
                matches!(response.status(), 200 | 204),
                "{:?}: {response:?}",
                self.shared.target
            );
        }
        let (at, seen) = self.see();
        let frame = match self.shared.target.transport {
            Transport::RawWebSocket => message.to_owned(),
            _ => message_frame(&[message]),
        };
        assert!(
            seen == Seen::Frame(frame),
            "{:?}: {seen:?}",
            self.shared.target
        );
        at.duration_since(begin)
    }

    /// How its bodies were coded until now.
    pub(crate) fn encodings(&self) -> BTreeSet<String> {
        self.shared.facts().encodings.clone()
    }

    /// The cookie it holds.
    pub(crate) fn cookie(&self) -> Option<String> {
        self.shared.facts().cookie.clone()
    }

    /// The one node that answered all its requests; `None` for WebSockets behind Caddy, which adds no
    /// headers to a 101.
    ///
    /// # Panics
    ///
    /// When there were several.
    #[track_caller]
    pub(crate) fn node(&self) -> Option<SocketAddr> {
        let upstreams = self.shared.facts().upstreams.clone();
        let target = &self.shared.target;
        let may_be_unknown = matches!(
            target.transport,
            Transport::WebSocket | Transport::RawWebSocket
        );
        assert!(
            upstreams.len() == 1 || upstreams.is_empty() && may_be_unknown,
            "{target:?} was on {upstreams:?}"
        );
        let node = upstreams.first()?;
        let node = node.parse();
        Some(node.unwrap_or_else(|_| panic!("{target:?} was on {upstreams:?}")))
    }

    /// Its transport.
    pub(crate) fn transport(&self) -> Transport {
        self.shared.target.transport
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut facts = self.shared.facts();
        facts.is_over = true;
        if let Some(stream) = &facts.stream {
            // Fails when the other side was faster.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
