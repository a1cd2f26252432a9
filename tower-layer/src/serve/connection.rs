//! One connection: which version it speaks, and the timer and the drain that can end it.

use super::{
    activity::{Activity, Busy, Shared, Version, after},
    door::Door,
    io::Io,
};
use crate::Limit;
use http_body::Body;
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
};
use hyper_util::rt::TokioIo;
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
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    permit: Option<OwnedSemaphorePermit>,
    phase: watch::Receiver<Phase>,
    /// Makes the drain wait. One that comes during the drain gets it with its first request, or
    /// sockets on which nobody says anything would use up the bound.
    held: Option<watch::Receiver<()>>,
    shared: Arc<Shared>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        permit: Option<OwnedSemaphorePermit>,
        phase: watch::Receiver<Phase>,
        shared: Arc<Shared>,
    ) -> Self {
        let is_late = *phase.borrow() != Phase::Running;
        Self {
            stream,
            peer,
            permit,
            phase,
            held: (!is_late).then(|| shared.held.subscribe()),
            shared,
        }
    }

    /// Serves it to its end, or to its upgrade.
    pub(super) async fn run<S, B>(self, service: S)
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
        // Small messages must not wait for the answer to the last one. An error means that the
        // peer has gone; the first read will tell.
        let _ = self.stream.set_nodelay(true);
        let activity = Arc::new(Activity::new(self.shared.clone()));
        let mut io = Io::new(self.stream, activity.clone(), self.permit);
        let mut watched = Watched {
            version: Version::Http1,
            activity,
            phase: self.phase,
            held: self.held,
        };
        let Some(version) = watched.version(&mut io).await else {
            return;
        };
        watched.version = version;
        let door = Door {
            service,
            peer: self.peer,
            activity: watched.activity.clone(),
        };
        // hyper's connections are large: boxed, each takes what its version needs, and the task
        // stays small.
        match version {
            Version::Http1 => {
                let connection = http1(io, door, watched.is_late());
                let finish = http1::UpgradeableConnection::graceful_shutdown;
                watched.drive(connection, finish).await;
            }
            Version::Http2 => {
                let connection = http2(io, door);
                let finish = http2::Connection::graceful_shutdown;
                watched.drive(connection, finish).await;
            }
        }
    }
}

/// What ends a connection that does not end by itself.
struct Watched {
    version: Version,
    activity: Arc<Activity>,
    phase: watch::Receiver<Phase>,
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

    /// Waits for the first bytes; `None` if the connection ends before them.
    ///
    /// A drain that starts meanwhile makes it a late one: a health check that has just connected
    /// still gets its answer.
    async fn version(&mut self, io: &mut Io) -> Option<Version> {
        let due = self.activity.due(Version::Http1)?;
        let mut timer = pin!(sleep_until(due));
        let mut preface = pin!(io.has_preface());
        loop {
            let found = {
                let mut change = pin!(self.phase.changed());
                poll_fn(|cx| {
                    if let Poll::Ready(found) = preface.as_mut().poll(cx) {
                        return Poll::Ready(Some(found));
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
            match found {
                Some(Ok(true)) => return Some(Version::Http2),
                Some(Ok(false)) => return Some(Version::Http1),
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
    ///
    /// `finish` lets hyper close it once the answers in progress are out.
    async fn drive<C: Future>(mut self, mut connection: Pin<Box<C>>, finish: fn(Pin<&mut C>)) {
        let mut timer = pin!(sleep_until(self.next_look()));
        // Whether hyper knows that it is to finish.
        let mut told = false;
        loop {
            let event = {
                let mut change = pin!(self.phase.changed());
                poll_fn(|cx| {
                    if connection.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Event::Ended);
                    }
                    if change.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Event::PhaseChanged);
                    }
                    if self.held.is_none() && self.activity.has_seen_request() {
                        return Poll::Ready(Event::FirstRequestOfALateOne);
                    }
                    match self.activity.due(self.version) {
                        Some(due) if due < timer.deadline() && !told => timer.as_mut().reset(due),
                        _ => {}
                    }
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
                        finish(connection.as_mut());
                    }
                    Phase::Over => return,
                },
                Event::FirstRequestOfALateOne => {
                    self.held = Some(self.activity.shared.held.subscribe());
                    // HTTP/1.1 was built to close after one answer; HTTP/2 could not be told
                    // before, as a client that reads GOAWAY first would not ask at all.
                    if self.version == Version::Http2 {
                        told = true;
                        finish(connection.as_mut());
                    }
                }
                Event::TimerFired => {
                    let look = self.next_look();
                    if look > Instant::now() {
                        timer.as_mut().reset(look);
                    } else if self.wants_goaway() && !told {
                        told = true;
                        finish(connection.as_mut());
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

type Http1<S> = http1::UpgradeableConnection<TokioIo<Io>, Door<S>>;
type Http2<S> = http2::Connection<TokioIo<Io>, Door<S>, Spawn>;

fn http1<S, B>(io: Io, door: Door<S>, is_late: bool) -> Pin<Box<Http1<S>>>
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
    let limit = io.limits().max_head_size;
    let mut builder = http1::Builder::new();
    builder
        .keep_alive(!is_late)
        // Our timer covers it, and the time before and after as well.
        .header_read_timeout(None)
        .max_header_size(limit)
        // Also what is kept of an answer that the peer is slow to read.
        .max_buf_size(limit.max(SMALLEST_HTTP1_BUFFER));
    let connection = builder.serve_connection(TokioIo::new(io), door);
    Box::pin(connection.with_upgrades())
}

fn http2<S, B>(io: Io, door: Door<S>) -> Pin<Box<Http2<S>>>
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
    let limit = io.limits().max_head_size;
    let mut builder = http2::Builder::new(Spawn(door.activity.clone()));
    builder
        .enable_connect_protocol()
        .adaptive_window(false)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(STREAM_SEND_BUFFER)
        .max_header_list_size(u32::try_from(limit).unwrap_or(u32::MAX));
    Box::pin(builder.serve_connection(TokioIo::new(io), door))
}

/// Spawns HTTP/2's streams and tunnels; while one lives its connection is busy.
#[derive(Clone, Debug)]
struct Spawn(Arc<Activity>);

impl<F> Executor<F> for Spawn
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let busy = Busy::new(&self.0);
        tokio::spawn(async move {
            let _busy = busy;
            future.await;
        });
    }
}

/// How long a peer may take to answer the GOAWAY that ends an idle connection.
const GOAWAY_GRACE: Duration = Duration::from_secs(5);

/// No busy connection is looked at more often, whatever `idle_timeout` is.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);

/// hyper takes no smaller one.
const SMALLEST_HTTP1_BUFFER: usize = 8 * 1024;

/// One tab's worth of polling sessions is a handful; a proxy that joins many clients on one
/// connection opens another beyond this.
const MAX_STREAMS: u32 = 250;

/// A tunnel whose session is not reading holds this much, and leaves room for its neighbours in
/// the connection's window.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// Bytes of one stream's answer that wait for a peer who is slow to read.
const STREAM_SEND_BUFFER: usize = 64 * 1024;
