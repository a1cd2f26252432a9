//! Answers to what a request asks for.

mod opening;
mod sending;
mod statics;

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version, request::Parts};
use http_body::Body as HttpBody;

pub(crate) use opening::{TurnedAway, recheck};

use crate::{
    body::Body,
    mount::Mount,
    plan::{Plan, plan},
    refusal::Refusal,
    transport::drain_body,
};

/// An answer, or the future that makes it.
pub(crate) enum Answer {
    Now(Response<Body>),
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

/// Answers a request whose path below the mount begins at `offset` of its URI's path.
pub(crate) fn answer<B>(mount: &Arc<Mount>, request: Request<B>, offset: usize) -> Answer
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    let (mut parts, body) = request.into_parts();
    let told = mount.common.config.trusted_proxies.apply(&mut parts);
    match plan(&mount.config, &parts, &told, offset) {
        Ok(Plan::Send { session, by }) => {
            let mount = mount.clone();
            later(async move { sending::send(&mount, parts, body, &session, by).await })
        }
        // The stream behind an extended CONNECT looks like a body, and is the WebSocket itself.
        Ok(Plan::WebSocket(style)) => {
            if parts.version <= Version::HTTP_11 && !is_empty(body) {
                return Answer::Now(refuse(mount, &parts, Refusal::NotWebSocket));
            }
            let mount = mount.clone();
            later(async move { opening::websocket(&mount, parts, style).await })
        }
        planned if body.is_end_stream() => respond(mount, parts, planned),
        planned => {
            // The body is nobody's. It is read to nowhere, so that the connection can go on.
            let mount = mount.clone();
            later(async move {
                match drain_body(body, &parts.headers, &mount.common.config).await {
                    Ok(()) => match respond(&mount, parts, planned) {
                        Answer::Now(response) => response,
                        Answer::Later(future) => future.await,
                    },
                    Err(refusal) => refuse(&mount, &parts, refusal),
                }
            })
        }
    }
}

/// Whether nothing comes. A body that a layer has wrapped may not know that it is at its end, as
/// tower-http's `TimeoutBody` does not; asked for a frame, it has none.
pub(crate) fn is_empty<B: HttpBody>(body: B) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    body.is_end_stream() || matches!(pin!(body).poll_frame(&mut cx), Poll::Ready(None))
}

pub(crate) fn later(answer: impl Future<Output = Response<Body>> + Send + 'static) -> Answer {
    Answer::Later(Box::pin(answer))
}

/// Answers everything that needs no body.
fn respond(mount: &Arc<Mount>, parts: Parts, planned: Result<Plan, Refusal>) -> Answer {
    let mount = mount.clone();
    Answer::Now(match planned {
        Ok(Plan::Greeting) => statics::greeting(),
        Ok(Plan::Info) => statics::info(&mount, &parts),
        Ok(Plan::Iframe) => statics::iframe(&mount, &parts),
        Ok(Plan::Preflight { methods }) => statics::preflight(&mount, &parts, methods),
        Ok(Plan::Receive { session, by }) => {
            return later(async move { opening::receive(&mount, parts, &session, by).await });
        }
        Ok(Plan::EventStream) => {
            return later(async move { opening::event_stream(&mount, parts).await });
        }
        Err(refusal) => refuse(&mount, &parts, refusal),
        // These two are answered where their bodies are at hand.
        Ok(Plan::WebSocket(_) | Plan::Send { .. }) => refuse(&mount, &parts, Refusal::NotFound),
    })
}

fn refuse(mount: &Mount, parts: &Parts, refusal: Refusal) -> Response<Body> {
    refusal.response(&mount.common.config.handle, parts.version)
}

fn cookie(mount: &Mount, parts: &Parts, headers: &mut HeaderMap) {
    if let Some(hook) = &mount.common.config.cookie {
        hook.apply(parts, None, headers);
    }
}
