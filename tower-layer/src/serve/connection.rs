//! One connection: what opens it, and the timer and the drain that can end it.

use super::{
    acceptor::{AnyAcceptor, Stream},
    activity::{Activity, Shared, Version, after},
    door::Door,
    io::PlainStream,
    versions::Http,
};
use crate::Limit;
use http_body::Body;
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    error::Error,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until},
};
use tower_service::Service;

/// How far the server is. A closed channel is its end too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    Draining,
    Over,
}

/// A connection as it was accepted.
pub(super) struct Connection {
    stream: PlainStream,
    peer: SocketAddr,
    watched: Watched,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        permit: Option<OwnedSemaphorePermit>,
        phase: watch::Receiver<Phase>,
        shared: Arc<Shared>,
    ) -> Self {
        // Small messages must not wait for the answer to the last one. An error means that the
        // peer has gone; the first read will tell.
        let _ = stream.set_nodelay(true);
        let is_late = *phase.borrow() != Phase::Running;
        let held = (!is_late).then(|| shared.held.subscribe());
        let activity = Arc::new(Activity::new(shared));
        Self {
            stream: PlainStream::new(stream, activity.clone(), permit),
            peer,
            watched: Watched {
                version: Version::Http1,
                activity,
                phase,
                held,
            },
        }
    }

    /// Serves it to its end, or to its upgrade.
    // Not an `async fn`, in whose future arguments that are taken apart take up their room twice.
    pub(super) fn run<S, B>(self, service: S) -> impl Future<Output = ()> + Send + 'static
    where
        S: Service<http::Request<Incoming>, Response = http::Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Self {
            mut stream,
            peer,
            mut watched,
        } = self;
        async move {
            let is_http2 = watched.opened(pin!(stream.has_preface())).await;
            if let Some(is_http2) = is_http2 {
                let mut http = watched.http(Stream::Plain(stream), is_http2, peer, service);
                watched.drive(&mut http).await;
            }
        }
    }

    /// As `run`, after the acceptor's handshake.
    ///
    /// A future of its own: what only this needs would make every plain connection's task larger.
    pub(super) fn run_behind<S, B>(
        self,
        acceptor: &AnyAcceptor,
        service: S,
    ) -> impl Future<Output = ()> + Send + 'static
    where
        S: Service<http::Request<Incoming>, Response = http::Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Self {
            stream,
            peer,
            mut watched,
        } = self;
        let opening = acceptor.open(stream);
        async move {
            if let Some((stream, is_http2)) = watched.opened(opening).await {
                let mut http = watched.http(stream, is_http2, peer, service);
                watched.drive(&mut http).await;
            }
        }
    }
}

/// What ends a connection that does not end by itself.
struct Watched {
    version: Version,
    activity: Arc<Activity>,
    phase: watch::Receiver<Phase>,
    /// Makes the drain wait. One that comes during the drain gets it with its first request, or
    /// sockets on which nobody says anything would use up the bound.
    held: Option<watch::Receiver<()>>,
}

enum Event {
    Ended,
    PhaseChanged,
    FirstRequestOfALateOne,
    TimerFired,
}

impl Watched {
    fn is_late(&self) -> bool {
        self.held.is_none()
    }

    /// Starts HTTP on a stream of which the version is known.
    fn http<S, B>(
        &mut self,
        stream: Stream,
        is_http2: bool,
        peer: SocketAddr,
        service: S,
    ) -> Http<S>
    where
        S: Service<http::Request<Incoming>, Response = http::Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let door = Door {
            service,
            peer,
            is_secure: stream.is_secured(),
            activity: self.activity.clone(),
        };
        if is_http2 {
            self.version = Version::Http2;
            Http::version2(stream, door)
        } else {
            Http::version1(stream, door, self.is_late())
        }
    }

    /// Waits for the first bytes and what comes before them; `None` if the connection ends there.
    ///
    /// A drain that starts meanwhile makes it a late one: a health check that has just connected
    /// still gets its answer.
    async fn opened<T>(
        &mut self,
        mut opening: impl Future<Output = io::Result<T>> + Unpin,
    ) -> Option<T> {
        let due = self.activity.due(Version::Http1)?;
        let mut timer = pin!(sleep_until(due));
        loop {
            let opened = {
                let mut change = pin!(self.phase.changed());
                poll_fn(|cx| {
                    if let Poll::Ready(opened) = Pin::new(&mut opening).poll(cx) {
                        return Poll::Ready(Some(opened));
                    }
                    if change.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(None);
                    }
                    let timed_out = timer.as_mut().poll(cx);
                    timed_out.map(|()| {
                        self.activity.shared.handle.count(Limit::HeadTime);
                        Some(Err(io::ErrorKind::TimedOut.into()))
                    })
                })
                .await
            };
            match opened {
                Some(Ok(opened)) => return Some(opened),
                Some(Err(error)) => {
                    tracing::debug!(%error, "a connection ended before its first request");
                    return None;
                }
                None => match self.phase() {
                    Phase::Running => {}
                    Phase::Draining => self.held = None,
                    Phase::Over => return None,
                },
            }
        }
    }

    /// Drives a connection until it has ended, was upgraded, or has to be cut.
    async fn drive<S, B>(&mut self, http: &mut Http<S>)
    where
        S: Service<http::Request<Incoming>, Response = http::Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut timer = pin!(sleep_until(self.next_look()));
        // Whether the timer knows whom to wake, from its last poll. The task stays the same, so it
        // has to be told once: requests come and go without a word to it.
        let mut is_told_whom = false;
        // Whether hyper knows that it is to finish.
        let mut told = false;
        loop {
            let event = {
                let mut change = pin!(self.phase.changed());
                poll_fn(|cx| {
                    if http.poll_end(cx).is_ready() {
                        return Poll::Ready(Event::Ended);
                    }
                    if change.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Event::PhaseChanged);
                    }
                    if self.held.is_none() && self.activity.has_seen_request() {
                        return Poll::Ready(Event::FirstRequestOfALateOne);
                    }
                    match self.activity.due(self.version) {
                        Some(due) if due < timer.deadline() && !told => {
                            timer.as_mut().reset(due);
                            is_told_whom = false;
                        }
                        _ => {}
                    }
                    if is_told_whom && !timer.is_elapsed() {
                        return Poll::Pending;
                    }
                    is_told_whom = true;
                    timer.as_mut().poll(cx).map(|()| Event::TimerFired)
                })
                .await
            };
            match event {
                Event::Ended => return,
                Event::PhaseChanged => match self.phase() {
                    Phase::Running => {}
                    Phase::Draining => {
                        told = true;
                        http.finish();
                    }
                    Phase::Over => return,
                },
                Event::FirstRequestOfALateOne => {
                    self.held = Some(self.activity.shared.held.subscribe());
                    // HTTP/1.1 was built to close after one answer; HTTP/2 could not be told
                    // before, as a client that reads GOAWAY first would not ask at all.
                    if self.version == Version::Http2 {
                        told = true;
                        http.finish();
                    }
                }
                Event::TimerFired => {
                    // Wherever it is set to from here.
                    is_told_whom = false;
                    let look = self.next_look();
                    if look > Instant::now() {
                        timer.as_mut().reset(look);
                    } else if self.wants_goaway() && !told {
                        told = true;
                        http.finish();
                        timer.as_mut().reset(Instant::now() + GOAWAY_GRACE);
                    } else {
                        self.activity.shared.handle.count(Limit::HeadTime);
                        tracing::debug!("a connection is closed for want of a request");
                        return;
                    }
                }
            }
        }
    }

    /// Whether the peer speaks HTTP/2 for certain, beyond the preface.
    fn wants_goaway(&self) -> bool {
        self.version == Version::Http2 && self.activity.has_seen_request()
    }

    /// When the connection is due, or when to look again while it is busy.
    fn next_look(&self) -> Instant {
        self.activity.due(self.version).unwrap_or_else(|| {
            let idle = self.activity.shared.limits.idle_timeout;
            after(Instant::now(), idle.max(SHORTEST_LOOK))
        })
    }

    fn phase(&mut self) -> Phase {
        match self.phase.has_changed() {
            Ok(_) => *self.phase.borrow_and_update(),
            Err(_) => Phase::Over,
        }
    }
}

/// How long a peer may take to answer the GOAWAY that ends an idle connection.
const GOAWAY_GRACE: Duration = Duration::from_secs(5);

/// No busy connection is looked at more often, whatever `idle_timeout` is.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
