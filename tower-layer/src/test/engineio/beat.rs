//! Heartbeats: who pings whom, and in what time.

use std::{convert::Infallible, future::pending};

use sockeye_core::{Text, engineio::Packet};
use tokio::time::{sleep, timeout};

use super::link::Link;
use crate::{
    engineio::Revision,
    test::{Error, Violation, queue::Queue},
};

/// Goes on until the server breaks a rule; ends of other kinds are for the receiving side to tell.
pub(super) async fn beat(link: &Link, queue: &Queue) -> Error {
    let ended = match link.options.revision {
        Revision::V4 => answer(link, queue).await,
        Revision::V3 => ping(link, queue).await,
    };
    match ended {
        Err(error @ Error::Violation(_)) => error,
        Err(_) => pending().await,
    }
}

/// Revision 4: answers the server's pings.
async fn answer(link: &Link, queue: &Queue) -> Result<Infallible, Error> {
    let limit = link.handshake.ping_interval + link.handshake.ping_timeout;
    loop {
        match timeout(limit, link.heard.notified()).await {
            Ok(()) if link.has_heartbeats() => {
                link.send_packets(&[Packet::Pong(Text::default())]).await?;
            }
            Ok(()) => {}
            Err(_) => check(link, queue)?,
        }
    }
}

/// Revision 3: pings, and waits for each answer.
async fn ping(link: &Link, queue: &Queue) -> Result<Infallible, Error> {
    loop {
        sleep(link.handshake.ping_interval).await;
        if !link.has_heartbeats() {
            continue;
        }
        link.send_packets(&[Packet::Ping(Text::default())]).await?;
        while timeout(link.handshake.ping_timeout, link.heard.notified())
            .await
            .is_err()
        {
            check(link, queue)?;
        }
    }
}

/// A heartbeat is overdue, which is no fault of the server's if the client does not read, or has
/// let it wait itself.
fn check(link: &Link, queue: &Queue) -> Result<(), Violation> {
    match link.has_heartbeats() && !queue.is_full() {
        true => Err(Violation::NoHeartbeat),
        false => Ok(()),
    }
}
