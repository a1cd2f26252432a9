//! Requests that bring messages: `xhr_send` and `jsonp_send`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header, request::Parts};
use http_body::Body as HttpBody;
use sockeye_core::sockjs::decode::{BodyKind, DecodeError, Decoded, decode_array, decode_form};

use super::{
    cookie,
    opening::{TurnedAway, recheck},
    refuse,
};
use crate::{
    ConnectRequest,
    body::Body,
    headers::{self, Cors},
    mount::Mount,
    plan::Sending,
    refusal::Refusal,
    session::Shared,
    transport::{deliver, drain_body, read_body, turn},
};

/// Answers a request that brings messages.
pub(super) async fn send<B>(
    mount: &Mount,
    parts: Parts,
    body: B,
    session: &str,
    by: Sending,
) -> Response<Body>
where
    B: HttpBody<Data = Bytes>,
{
    let found = mount.common.registry.get(session);
    let transport = match &found {
        Some(shared) => shared.peek(|state| state.transport),
        None => by.transport(),
    };
    let mut request = ConnectRequest::new(parts, transport, None);
    let mut added = HeaderMap::new();
    let checked = match &found {
        Some(shared) => recheck(&mount.common, &mut request, shared, &mut added).await,
        None => Ok(()),
    };
    let parts = &request.parts;
    let result = match checked {
        Ok(()) => receive_messages(mount, &parts.headers, body, session, by, found)
            .await
            .map_err(|refusal| refuse(mount, parts, refusal)),
        // What it brings is read to nowhere, so that the connection can go on.
        Err(turned_away) => match drain_body(body, &parts.headers, &mount.common.config).await {
            Ok(()) => match turned_away {
                TurnedAway::By(reject) => Err(reject.into_response()),
                // As everything that comes too late: the next poll tells why.
                TurnedAway::Ended(_) => Ok(()),
            },
            Err(refusal) => Err(refuse(mount, parts, refusal)),
        },
    };
    let mut response = sent(mount, parts, by, result);
    headers::append(response.headers_mut(), added);
    response
}

/// Reads the messages of a sender and hands them to its session: the one that was `found` when the
/// request came, or one that began meanwhile.
async fn receive_messages<B>(
    mount: &Mount,
    headers: &HeaderMap,
    body: B,
    session: &str,
    by: Sending,
    found: Option<Arc<Shared>>,
) -> Result<(), Refusal>
where
    B: HttpBody<Data = Bytes>,
{
    let is_plain = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|encoding| {
            encoding
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"identity")
        });
    // A request of an unknown session is read as well: what is wrong with its body is said first.
    let _turn = match &found {
        Some(shared) => Some(turn(shared).await),
        None => None,
    };
    let config = &mount.common.config;
    let body = read_body(body, headers, config.max_framed_size(), config).await?;
    if !is_plain {
        return Err(Refusal::Encoding);
    }
    let mut decoded = Decoded::new();
    if body.is_empty() {
        return Err(Refusal::Decode(DecodeError::PayloadExpected));
    }
    match by.body_kind(headers)? {
        BodyKind::Json => decode_array(&body, mount.common.config.max_messages, &mut decoded),
        BodyKind::Form => decode_form(&body, mount.common.config.max_messages, &mut decoded),
    }
    .map_err(Refusal::Decode)?;
    drop(body);
    let shared = mount
        .common
        .registry
        .get(session)
        // One that is over may not have been cleared away by its task yet.
        .filter(|shared| !shared.peek(|state| state.machine.is_closed()))
        // The application was asked about the one that was found, and no other.
        .filter(|shared| {
            let is_same = found.is_some_and(|found| Arc::ptr_eq(&found, shared));
            is_same || mount.common.config.on_request.is_none()
        })
        .ok_or(Refusal::NoSession)?;
    deliver(&shared, &mut decoded).await;
    Ok(())
}

/// Puts a sender's headers around its answer.
fn sent(
    mount: &Mount,
    parts: &Parts,
    by: Sending,
    result: Result<(), Response<Body>>,
) -> Response<Body> {
    let mut response = match result {
        Ok(()) => {
            let mut response = match by {
                Sending::Xhr => Response::new(Body::empty()),
                Sending::Jsonp => Response::new(Body::from(Bytes::from_static(b"ok"))),
            };
            if by == Sending::Xhr {
                *response.status_mut() = StatusCode::NO_CONTENT;
            }
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, headers::TEXT);
            headers::no_sniff(headers);
            response
        }
        Err(response) => response,
    };
    let mut ours = HeaderMap::new();
    headers::no_cache(&mut ours);
    if mount.config.cors && by == Sending::Xhr {
        headers::cors(parts, Cors::Usual, &mut ours);
    }
    let headers = response.headers_mut();
    headers::complete(headers, ours);
    cookie(mount, parts, headers);
    response
}
