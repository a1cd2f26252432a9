//! The senders that are HTTP requests: reading a body within its limits, and delivering it.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use sockeye_core::{Message, sockjs::decode::Decoded};
use tokio::time::{Instant, timeout_at};

use crate::{
    common::CommonConfig,
    refusal::Refusal,
    session::{PostTurn, Shared},
};

/// Reads a whole body, at most `limit` bytes and within its timeouts.
pub(crate) async fn read_body<B>(
    body: B,
    headers: &HeaderMap,
    limit: usize,
    config: &CommonConfig,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
{
    if announced_length(headers).is_some_and(|length| length > limit as u64) {
        return Err(Refusal::TooLarge);
    }
    let mut body = pin!(body);
    let mut whole = Bytes::new();
    let mut joined = BytesMut::new();
    let mut now = Instant::now();
    let end = now + config.body_timeout;
    loop {
        let pause = pause_end(now, config.body_idle_timeout, end);
        let frame = timeout_at(pause, poll_fn(|cx| body.as_mut().poll_frame(cx)))
            .await
            .map_err(|_| Refusal::Timeout)?;
        let data = match frame {
            None => break,
            Some(Err(_)) => return Err(Refusal::Aborted),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                // Trailers say nothing to us.
                Err(_) => {
                    now = Instant::now();
                    continue;
                }
            },
        };
        if whole.len() + joined.len() + data.remaining() > limit {
            return Err(Refusal::TooLarge);
        }
        // A body usually comes in one piece, which is taken as it is.
        if whole.is_empty() && joined.is_empty() {
            whole = data;
        } else {
            if joined.is_empty() {
                joined.extend_from_slice(&whole);
                whole = Bytes::new();
            }
            joined.extend_from_slice(&data);
        }
        // One whose length was told ends with that piece, and nothing more is to be waited for.
        if body.is_end_stream() {
            break;
        }
        now = Instant::now();
    }
    Ok(if joined.is_empty() {
        whole
    } else {
        joined.freeze()
    })
}

/// Reads a body to nowhere, so that the connection can go on after a refusal.
pub(crate) async fn drain_body<B>(
    body: B,
    headers: &HeaderMap,
    config: &CommonConfig,
) -> Result<(), Refusal>
where
    B: Body<Data = Bytes>,
{
    let limit = config.max_framed_size();
    if announced_length(headers).is_some_and(|length| length > limit as u64) {
        return Err(Refusal::TooLarge);
    }
    let mut body = pin!(body);
    let mut read = 0;
    let end = Instant::now() + config.body_timeout;
    loop {
        let pause = pause_end(Instant::now(), config.body_idle_timeout, end);
        match timeout_at(pause, poll_fn(|cx| body.as_mut().poll_frame(cx))).await {
            Err(_) => return Err(Refusal::Timeout),
            Ok(None) => return Ok(()),
            Ok(Some(Err(_))) => return Err(Refusal::Aborted),
            Ok(Some(Ok(frame))) => {
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > limit {
                    return Err(Refusal::TooLarge);
                }
            }
        }
    }
}

/// Waits until no other request brings messages to the session, and it has room for some.
pub(crate) async fn turn(shared: &Arc<Shared>) -> PostTurn {
    shared.turn().await
}

/// Hands all messages to the session, waiting while its handler is behind.
pub(crate) async fn deliver(shared: &Shared, decoded: &mut Decoded) {
    poll_fn(|cx| shared.poll_deliver(cx, || decoded.drain().map(Message::Text))).await;
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn pause_end(now: Instant, pause: Duration, end: Instant) -> Instant {
    (now + pause).min(end)
}
