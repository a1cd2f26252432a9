//! Answers to what a request asks for.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body::Body as HttpBody;
use hyper_util::rt::TokioIo;
use sockeye_core::{
    limits,
    sockjs::{
        AttachError, Close, ReceiverKind,
        callback::parse_callback,
        decode::{BodyKind, DecodeError, Decoded, decode_array, decode_form},
        framing::Framing,
        info::{GREETING, Info},
    },
};
use tokio::time::timeout;

use crate::{
    Transport,
    body::Body,
    headers::{self, Cors},
    ident,
    mount::Mount,
    plan::{Plan, Receiving, Sending, plan},
    refusal::Refusal,
    request,
    session::{PollingDriver, Shared},
    transport::{Mode, Receiver, deliver, drain_body, read_body, refused, turn, websocket},
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
    match plan(&mount.config, &parts, offset) {
        Ok(Plan::Send { session, by }) => {
            let mount = mount.clone();
            Answer::Later(Box::pin(async move {
                let result = receive_messages(&mount, &parts.headers, body, &session, by).await;
                sent(&mount, &parts, by, result)
            }))
        }
        // The stream behind an extended CONNECT looks like a body, and is the WebSocket itself.
        Ok(Plan::WebSocket(style)) => {
            let is_plain = parts.version <= http::Version::HTTP_11;
            Answer::Now(if is_plain && !is_empty(body) {
                Refusal::NotWebSocket.response(&mount.config.handle, parts.version)
            } else {
                open_websocket(mount, &mut parts, style)
            })
        }
        planned if body.is_end_stream() => {
            let response = respond(mount, &mut parts, planned);
            if response.body().is_waiting_poll() {
                Answer::Later(Box::pin(hold_head(response)))
            } else {
                Answer::Now(response)
            }
        }
        planned => {
            // The body is nobody's. It is read to nowhere, so that the connection can go on.
            let mount = mount.clone();
            Answer::Later(Box::pin(async move {
                match drain_body(body, &parts.headers, &mount.config).await {
                    Ok(()) => respond(&mount, &mut parts, planned),
                    Err(refusal) => refusal.response(&mount.config.handle, parts.version),
                }
            }))
        }
    }
}

/// Whether nothing comes. A body that a layer has wrapped may not know that it is at its end, as
/// tower-http's `TimeoutBody` does not; asked for a frame, it has none.
fn is_empty<B: HttpBody>(body: B) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    body.is_end_stream() || matches!(pin!(body).poll_frame(&mut cx), Poll::Ready(None))
}

/// Holds a waiting poll's head back for a moment.
///
/// An answer to what the client has just sent comes within it, and head and frame then leave in one
/// write: a third of the cost of an echo. A poll that waits longer gets its head, so that whoever
/// stands between sees that there is an answer.
async fn hold_head(mut response: Response<Body>) -> Response<Body> {
    const MOMENT: Duration = Duration::from_millis(10);
    let frame = poll_fn(|cx| response.body_mut().poll_complete(cx));
    // On time or not, the response is what it has become.
    let _ = timeout(MOMENT, frame).await;
    response
}

/// Answers everything that needs no body.
fn respond(
    mount: &Arc<Mount>,
    parts: &mut Parts,
    planned: Result<Plan, Refusal>,
) -> Response<Body> {
    match planned {
        Ok(Plan::Greeting) => greeting(),
        Ok(Plan::Info) => info(mount, parts),
        Ok(Plan::Iframe) => iframe(mount, parts),
        Ok(Plan::Preflight { methods }) => preflight(mount, parts, methods),
        Ok(Plan::Receive { session, by }) => {
            // The session takes the request's extensions over, which the hook may want to see.
            let mut cookies = HeaderMap::new();
            cookie(mount, parts, &mut cookies);
            let result = attach(mount, parts, &session, by);
            let mut response = received(mount, parts, by, result);
            response.headers_mut().extend(cookies);
            response
        }
        Err(refusal) => refusal.response(&mount.config.handle, parts.version),
        // These two are answered where their bodies are at hand.
        Ok(Plan::WebSocket(_) | Plan::Send { .. }) => {
            Refusal::NotFound.response(&mount.config.handle, parts.version)
        }
    }
}

fn greeting() -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(GREETING.as_bytes())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, headers::TEXT);
    response
}

fn info(mount: &Mount, parts: &Parts) -> Response<Body> {
    let config = &mount.config;
    let info = Info {
        websocket: config.serves(Transport::WebSocket),
        cookie_needed: config.cookie.is_some(),
        base_url: config.base_url.as_deref(),
        cors: config.cors,
        entropy: ident::entropy(),
    };
    let mut response = Response::new(Body::from(Bytes::from(info.to_json())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, headers::JSON);
    headers::no_cache(headers);
    headers::no_sniff(headers);
    if config.cors {
        headers::cors(parts, Cors::Usual, headers);
    }
    response
}

fn iframe(mount: &Mount, parts: &Parts) -> Response<Body> {
    let page = &mount.iframe;
    let Some(framing) = &page.framing else {
        return Refusal::NotFound.response(&mount.config.handle, parts.version);
    };
    let is_known = parts
        .headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .flat_map(|tags| tags.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == page.etag.as_bytes());
    let mut response = Response::new(Body::empty());
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = page.page.clone().into();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, headers::HTML);
    }
    let headers = response.headers_mut();
    headers::cache_a_year(headers);
    headers.insert(header::ETAG, page.etag.clone());
    if let Some(policy) = framing {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    response
}

fn preflight(mount: &Mount, parts: &Parts, methods: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers::preflight(methods, headers);
    if mount.config.cors {
        headers::cors(parts, Cors::Usual, headers);
    } else {
        headers.remove(header::ACCESS_CONTROL_ALLOW_METHODS);
        headers.remove(header::ACCESS_CONTROL_MAX_AGE);
    }
    cookie(mount, parts, headers);
    response
}

fn open_websocket(
    mount: &Arc<Mount>,
    parts: &mut Parts,
    style: websocket::Style,
) -> Response<Body> {
    let handshake = match websocket::check(parts) {
        Ok(handshake) => handshake,
        Err(refusal) => return refusal.response(&mount.config.handle, parts.version),
    };
    let transport = match style {
        websocket::Style::Framed => Transport::WebSocket,
        websocket::Style::Raw => Transport::RawWebSocket,
    };
    let opening = match mount.open(parts, transport) {
        Ok(opening) => opening,
        Err(refusal) => return refusal.response(&mount.config.handle, parts.version),
    };
    let (on_upgrade, response) = handshake.split();
    tokio::spawn(async move {
        match on_upgrade.await {
            Ok(upgraded) => {
                websocket::Driver::new(TokioIo::new(upgraded), opening.run(), style).await;
            }
            // The peer went away before it had our answer: no session began.
            Err(error) => tracing::debug!(%error, "the connection ended within the handshake"),
        }
    });
    response
}

/// Attaches a response to its session, which may begin with it.
fn attach(mount: &Arc<Mount>, parts: &mut Parts, id: &str, by: Receiving) -> Result<Body, Refusal> {
    let framing = framing(parts, by)?;
    let mode = match by {
        Receiving::Xhr | Receiving::Jsonp => Mode::Polling,
        Receiving::XhrStreaming | Receiving::EventSource | Receiving::HtmlFile => Mode::Streaming {
            limit: mount.config.response_limit,
        },
    };
    if let Some(shared) = mount.registry.get(id) {
        if mount.config.verify_address && !comes_from_same_address(&shared, parts) {
            return Ok(refused(&framing, mode, &Close::OTHER_ADDRESS));
        }
        let attached = shared.update(|state| {
            let now = state.now();
            state.machine.attach(ReceiverKind::Response, now)
        });
        match attached {
            Ok(receiver) => {
                let request = Arc::new(request::Request::new(parts));
                shared.update(|state| {
                    state.request = request;
                    state.transport = by.transport();
                });
                return Ok(Receiver::new(shared, receiver, framing, mode).into_body());
            }
            Err(AttachError::Closing(close)) => return Ok(refused(&framing, mode, &close)),
            Err(AttachError::StillOpen) => return Ok(refused(&framing, mode, &Close::STILL_OPEN)),
            // It ended, and its task has not cleared it away yet.
            Err(AttachError::Closed) => mount.registry.remove(id, &shared),
        }
    }
    let opening = mount.open(parts, by.transport())?;
    let shared = opening.shared.clone();
    let attached = shared.update(|state| {
        let now = state.now();
        state.machine.attach(ReceiverKind::Response, now)
    });
    // The session is attached before it can be found, so of two first requests at once one is told
    // that the other is still open.
    let found = mount.registry.get_or_insert(id, &shared);
    match attached {
        Ok(receiver) if Arc::ptr_eq(&found, &shared) => {
            tokio::spawn(PollingDriver::new(opening.run(), id));
            Ok(Receiver::new(shared, receiver, framing, mode).into_body())
        }
        _ => Ok(refused(&framing, mode, &Close::STILL_OPEN)),
    }
}

fn comes_from_same_address(shared: &Shared, parts: &Parts) -> bool {
    let known = shared.peek(|state| state.request.peer_address());
    let comes = parts.extensions.get::<request::PeerAddress>();
    match (known, comes) {
        (Some(known), Some(comes)) => known.ip() == comes.0.ip(),
        _ => true,
    }
}

fn framing(parts: &Parts, by: Receiving) -> Result<Framing, Refusal> {
    let callback =
        || parse_callback(parts.uri.query(), limits::CALLBACK_LENGTH).map_err(Refusal::Callback);
    Ok(match by {
        Receiving::Xhr | Receiving::XhrStreaming => Framing::Xhr,
        Receiving::EventSource => Framing::EventSource,
        Receiving::HtmlFile => Framing::HtmlFile {
            callback: callback()?,
        },
        Receiving::Jsonp => Framing::Jsonp {
            callback: callback()?,
        },
    })
}

/// Puts a receiver's headers around its body.
fn received(
    mount: &Mount,
    parts: &Parts,
    by: Receiving,
    result: Result<Body, Refusal>,
) -> Response<Body> {
    let mut response = match result {
        Ok(body) => {
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                match by {
                    Receiving::Xhr | Receiving::XhrStreaming | Receiving::Jsonp => headers::SCRIPT,
                    Receiving::EventSource => headers::EVENT_STREAM,
                    Receiving::HtmlFile => headers::HTML,
                },
            );
            headers::no_sniff(headers);
            response
        }
        Err(refusal) => refusal.response(&mount.config.handle, parts.version),
    };
    let headers = response.headers_mut();
    headers::no_cache(headers);
    match by {
        Receiving::XhrStreaming | Receiving::EventSource | Receiving::HtmlFile => {
            headers::no_buffering(headers);
        }
        Receiving::Xhr | Receiving::Jsonp => {}
    }
    match by {
        _ if !mount.config.cors => {}
        Receiving::Xhr | Receiving::XhrStreaming => headers::cors(parts, Cors::Usual, headers),
        Receiving::EventSource => headers::cors(parts, Cors::EventSource, headers),
        Receiving::HtmlFile | Receiving::Jsonp => {}
    }
    response
}

/// Reads the messages of a sender and hands them to its session.
async fn receive_messages<B>(
    mount: &Mount,
    headers: &HeaderMap,
    body: B,
    session: &str,
    by: Sending,
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
    let _turn = match mount.registry.get(session) {
        Some(shared) => Some(turn(&shared).await),
        None => None,
    };
    let body = read_body(body, headers, &mount.config).await?;
    if !is_plain {
        return Err(Refusal::Encoding);
    }
    let mut decoded = Decoded::new();
    if body.is_empty() {
        return Err(Refusal::Decode(DecodeError::PayloadExpected));
    }
    match by.body_kind(headers)? {
        BodyKind::Json => decode_array(&body, mount.config.max_messages, &mut decoded),
        BodyKind::Form => decode_form(&body, mount.config.max_messages, &mut decoded),
    }
    .map_err(Refusal::Decode)?;
    drop(body);
    let shared = mount
        .registry
        .get(session)
        // One that is over may not have been cleared away by its task yet.
        .filter(|shared| !shared.peek(|state| state.machine.is_closed()))
        .ok_or(Refusal::NoSession)?;
    deliver(&shared, &mut decoded).await;
    Ok(())
}

/// Puts a sender's headers around its answer.
fn sent(mount: &Mount, parts: &Parts, by: Sending, result: Result<(), Refusal>) -> Response<Body> {
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
        Err(refusal) => refusal.response(&mount.config.handle, parts.version),
    };
    let headers = response.headers_mut();
    headers::no_cache(headers);
    if mount.config.cors && by == Sending::Xhr {
        headers::cors(parts, Cors::Usual, headers);
    }
    cookie(mount, parts, headers);
    response
}

fn cookie(mount: &Mount, parts: &Parts, headers: &mut http::HeaderMap<HeaderValue>) {
    if let Some(hook) = &mount.config.cookie {
        hook.apply(parts, headers);
    }
}
