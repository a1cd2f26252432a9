//! Takes connections in until the server's end.

use super::{
    Limits,
    acceptor::AnyAcceptor,
    activity::Shared,
    connection::{Connection, Phase},
};
use crate::{Handle, Limit};
use http_body::Body;
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    error::Error,
    future::{Future, pending, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep, sleep_until},
};
use tower_service::Service;

/// Runs the server to the end of its drain.
pub(super) async fn run<S, B>(
    listener: TcpListener,
    service: S,
    handle: Option<Handle>,
    limits: Limits,
    acceptor: Option<AnyAcceptor>,
) where
    S: Service<http::Request<Incoming>, Response = http::Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let permits = limits.max_connections.map(permits);
    let shared = Arc::new(Shared::new(
        limits,
        acceptor,
        handle.clone().unwrap_or_default(),
    ));
    let mut entrance = Entrance {
        listener,
        permits,
        handle: shared.handle.clone(),
    };
    let phase = watch::Sender::new(Phase::Running);
    // `FnMut`, for a service that is not `Sync`.
    let (opened, common) = (&phase, &shared);
    let mut admit = move |(stream, peer, permit)| {
        let connection = Connection::new(stream, peer, permit, opened.subscribe(), common.clone());
        match &common.acceptor {
            None => tokio::spawn(connection.run(service.clone())),
            Some(acceptor) => tokio::spawn(connection.run_behind(acceptor, service.clone())),
        };
    };

    let draining = pin!(async {
        match &handle {
            Some(handle) => handle.draining().await,
            None => pending().await,
        }
    });
    entrance.admit_until(draining, &mut admit).await;
    phase.send_replace(Phase::Draining);

    let deadline = handle.as_ref().and_then(Handle::drain_ends);
    let deadline = deadline.unwrap_or_else(Instant::now);
    let ended = pin!(first_of(
        sleep_until(deadline),
        ended(handle.as_ref(), &shared)
    ));
    entrance.admit_until(ended, &mut admit).await;
    // What is still open is cut.
    phase.send_replace(Phase::Over);
}

/// Waits until no session and no connection is left for a drain to wait for.
async fn ended(handle: Option<&Handle>, shared: &Shared) {
    loop {
        if let Some(handle) = handle {
            handle.idle().await;
        }
        shared.held.closed().await;
        // A session can have come from a request that was under way when the drain started.
        if handle.is_none_or(|handle| handle.sessions() == 0) {
            return;
        }
    }
}

struct Entrance {
    listener: TcpListener,
    permits: Option<Arc<Semaphore>>,
    handle: Handle,
}

type Admitted = (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>);

impl Entrance {
    async fn admit_until(
        &mut self,
        mut until: Pin<&mut impl Future<Output = ()>>,
        admit: &mut impl FnMut(Admitted),
    ) {
        while let Some(admitted) = either(until.as_mut(), self.next()).await {
            admit(admitted);
        }
    }

    async fn next(&self) -> Admitted {
        let permit = match &self.permits {
            // Never closed, so never an error; without a permit nobody is let in.
            Some(permits) => match permits.clone().acquire_owned().await {
                Ok(permit) => Some(permit),
                Err(_) => pending().await,
            },
            None => None,
        };
        let mut is_told = false;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return (stream, peer, permit),
                Err(error) if concerns_one_connection(&error) => {
                    tracing::debug!(%error, "a connection ended before it was accepted");
                }
                Err(error) => {
                    // Descriptors or memory have run out, and `accept` fails again at once. What
                    // is open goes on and gives some back; who waits does so in the backlog.
                    self.handle.count(Limit::Descriptors);
                    if !is_told {
                        is_told = true;
                        tracing::warn!(%error, "no connection can be accepted for now");
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Whether an error of `accept` is about the connection that came, not about us: accept(2) hands
/// on what had already happened to it.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted,
        NetworkDown, NetworkUnreachable, TimedOut, WouldBlock,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | TimedOut
            | WouldBlock
    )
}

fn permits(connections: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)))
}

/// `None` when `until` is done, which is asked first.
async fn either<T>(
    mut until: Pin<&mut impl Future<Output = ()>>,
    next: impl Future<Output = T>,
) -> Option<T> {
    let mut next = pin!(next);
    poll_fn(|cx| {
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        next.as_mut().poll(cx).map(Some)
    })
    .await
}

async fn first_of(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    either(pin!(one), other).await;
}

/// Long enough not to spin, short enough not to be felt once there is room again.
const PAUSE: Duration = Duration::from_millis(75);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_goes_on_after_one_connections_error_and_pauses_after_ours() {
        #[rustfmt::skip]
        let cases = [
            // errno on Linux      name       goes on
            (103,                  "ECONNABORTED", true),
            (104,                  "ECONNRESET",   true),
            (4,                    "EINTR",        true),
            (113,                  "EHOSTUNREACH", true),
            (24,                   "EMFILE",       false),
            (23,                   "ENFILE",       false),
            (105,                  "ENOBUFS",      false),
            (12,                   "ENOMEM",       false),
            (22,                   "EINVAL",       false),
        ];
        for (errno, name, goes_on) in cases {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(concerns_one_connection(&error), goes_on, "{name}");
        }
    }
}
