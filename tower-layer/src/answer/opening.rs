//! Requests that open a session, or attach a response to one.

use std::{future::poll_fn, sync::Arc, time::Duration};

use http::{HeaderMap, Method, Response, StatusCode, header, request::Parts};
use sockeye_core::{
    limits,
    session::{Close, CloseReason},
    sockjs::{AttachError, ReceiverKind, callback::parse_callback, framing::Framing},
};
use tokio::time::timeout;

use super::{cookie, refuse};
use crate::{
    Accept, ConnectRequest, Limit, PeerAddress, Reject, Sender, Transport,
    body::Body,
    common::{Common, Opening},
    headers::{self, Cors},
    mount::Mount,
    plan::Receiving,
    refusal::Refusal,
    registry::{Found, Registry},
    request::Request,
    session::{Arrival, PollingDriver, Shared},
    transport::{Dress, Mode, Receiver, refused, websocket},
};

/// Answers a handshake.
pub(super) async fn websocket(
    mount: &Arc<Mount>,
    mut parts: Parts,
    style: websocket::Style,
) -> Response<Body> {
    let handshake = match websocket::check(&mut parts) {
        Ok(handshake) => handshake,
        Err(refusal) => return refuse(mount, &parts, refusal),
    };
    let transport = match style {
        websocket::Style::Framed => Transport::WebSocket,
        websocket::Style::Raw => Transport::RawWebSocket,
    };
    let mut request = ConnectRequest::new(parts, transport, None);
    let mut added = HeaderMap::new();
    let opening = match open(mount, &mut request, &mut added).await {
        Ok(opening) => opening,
        Err(mut response) => {
            // To an extended CONNECT any 2xx says that the WebSocket is open (RFC 8441, section 5).
            if request.method() == Method::CONNECT && response.status().is_success() {
                *response.status_mut() = StatusCode::FORBIDDEN;
            }
            return response;
        }
    };
    let (on_upgrade, mut response) = handshake.split();
    headers::append(response.headers_mut(), added);
    let connection = websocket::Taken::new(on_upgrade, &mount.common.config);
    tokio::spawn(websocket::Task::new(connection, move |io| {
        let running = opening.run(None);
        let wire = websocket::Frames::attach(&running.live.shared, style);
        Some(websocket::Driver::new(io, running, wire))
    }));
    response
}

/// Answers with a stream of events, which is a session of its own.
pub(super) async fn event_stream(mount: &Arc<Mount>, parts: Parts) -> Response<Body> {
    let mut added = HeaderMap::new();
    cookie(mount, &parts, &mut added);
    let mut request = ConnectRequest::new(parts, Transport::EventStream, None);
    let opened = open(mount, &mut request, &mut added).await;
    let mut response = match opened.map(|opening| stream(mount, opening)) {
        Ok(Ok(body)) => {
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, headers::EVENT_STREAM);
            headers::no_sniff(headers);
            response
        }
        // It was closed before it began.
        Ok(Err(_)) => refuse(mount, &request.parts, Refusal::Draining),
        Err(response) => response,
    };
    let mut ours = HeaderMap::new();
    headers::no_cache(&mut ours);
    headers::no_buffering(&mut ours);
    if mount.config.cors {
        headers::cors(&request.parts, Cors::Usual, &mut ours);
    }
    let headers = response.headers_mut();
    headers::complete(headers, ours);
    headers::append(headers, added);
    response
}

/// Starts the session of an event stream.
fn stream(mount: &Mount, opening: Opening) -> Result<Body, Close> {
    let dress = Dress::Events {
        retry: mount.config.retry,
    };
    let body = first_receiver(
        &opening.live.shared,
        ReceiverKind::EventStream,
        dress,
        Mode::Streaming { limit: usize::MAX },
    )?;
    tokio::spawn(PollingDriver::new(opening.run(None)));
    Ok(body)
}

/// Answers with frames of a session, which may begin with this request.
pub(super) async fn receive(
    mount: &Arc<Mount>,
    parts: Parts,
    id: &str,
    by: Receiving,
) -> Response<Body> {
    let mut added = HeaderMap::new();
    cookie(mount, &parts, &mut added);
    let mut request = ConnectRequest::new(parts, by.transport(), None);
    let result = attach(mount, &mut request, id, by, &mut added).await;
    let mut response = received(mount, &request.parts, by, result);
    headers::append(response.headers_mut(), added);
    if response.body().is_waiting_poll() {
        hold_head(response).await
    } else {
        response
    }
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

/// A session for a request, if the limits and the application let it in. The error is the answer.
async fn open(
    mount: &Arc<Mount>,
    request: &mut ConnectRequest,
    added: &mut HeaderMap,
) -> Result<Opening, Response<Body>> {
    let admission = match mount.common.admit(&request.parts) {
        Ok(admission) => admission,
        Err(refusal) => return Err(refuse(mount, &request.parts, refusal)),
    };
    let mut accept = match &mount.common.config.on_connect {
        Some(hook) => hook.ask(request).await.map_err(Reject::into_response)?,
        None => Accept::new(),
    };
    headers::append(added, std::mem::take(&mut accept.headers));
    let transport = request.transport();
    admission
        .open(
            &mut request.parts,
            transport,
            mount.machine(transport),
            accept,
        )
        .map_err(|refusal| refuse(mount, &request.parts, refusal))
}

/// What a later request of a session is told that the application turned away.
pub(crate) enum TurnedAway {
    /// The application's word.
    By(Reject),
    /// The session's end. A login that is over ends both, and its page shall hear why rather than
    /// that it is not logged in; messages that still wait are not told.
    Ended(Close),
}

/// Asks the application about a later request of a session.
pub(crate) async fn recheck(
    common: &Common,
    request: &mut ConnectRequest,
    shared: &Arc<Shared>,
    added: &mut HeaderMap,
) -> Result<(), TurnedAway> {
    let Some(hook) = &common.config.on_request else {
        return Ok(());
    };
    request.session = Some(Sender::new(shared.clone()));
    match hook.ask(request).await {
        Ok(accept) => {
            shared.admit(accept.data, accept.until);
            headers::append(added, accept.headers);
            Ok(())
        }
        Err(reject) => {
            let ended = shared.close_reason();
            if let Some(farewell) = ended.and_then(|reason| reason.farewell()) {
                return Err(TurnedAway::Ended(farewell));
            }
            if let Some(close) = reject.close() {
                shared.close(CloseReason::Application(close.clone()));
            }
            Err(TurnedAway::By(reject))
        }
    }
}

/// Attaches a response to its session, which may begin with it. The error is the answer.
async fn attach(
    mount: &Arc<Mount>,
    request: &mut ConnectRequest,
    id: &str,
    by: Receiving,
    added: &mut HeaderMap,
) -> Result<Body, Response<Body>> {
    let framing =
        framing(&request.parts, by).map_err(|refusal| refuse(mount, &request.parts, refusal))?;
    let mode = match by {
        Receiving::Xhr | Receiving::Jsonp => Mode::Polling,
        Receiving::XhrStreaming | Receiving::EventSource | Receiving::HtmlFile => Mode::Streaming {
            limit: mount.config.response_limit,
        },
    };
    loop {
        let shared = match Registry::find_or_reserve(&mount.common, id) {
            // Of two first requests at once, one is told that the other is still open.
            Found::Taken => return Ok(refused(&framing, mode, &Close::STILL_OPEN)),
            Found::Session(shared) => shared,
            Found::Free(reserved) => {
                let opening = open(mount, request, added).await?;
                let shared = opening.live.shared.clone();
                let dress = Dress::Frames(framing.clone());
                return Ok(
                    match first_receiver(&shared, ReceiverKind::Response, dress, mode) {
                        Ok(body) => {
                            tokio::spawn(PollingDriver::new(opening.run(Some(reserved))));
                            body
                        }
                        Err(close) => refused(&framing, mode, &close),
                    },
                );
            }
        };
        if mount.config.verify_address && !comes_from_same_address(&shared, &request.parts) {
            return Ok(refused(&framing, mode, &Close::OTHER_ADDRESS));
        }
        // The disconnect delay is for peers that do not come back; this one has. Without a hook
        // there is nothing to wait for.
        let is_looked_at = mount.common.config.on_request.is_some();
        let _arrival = is_looked_at.then(|| Arrival::new(&shared));
        if !shared.peek(|state| state.machine.is_closed()) {
            match recheck(&mount.common, request, &shared, added).await {
                Ok(()) => {}
                Err(TurnedAway::By(reject)) => return Err(reject.into_response()),
                Err(TurnedAway::Ended(close)) => return Ok(refused(&framing, mode, &close)),
            }
        }
        let attached = shared.update(|state| {
            let now = state.now();
            let machine = state.machine.sockjs().ok_or(AttachError::Closed)?;
            machine.attach(ReceiverKind::Response, now)
        });
        match attached {
            Ok(receiver) => {
                let latest = Arc::new(Request::new(&mut request.parts));
                shared.update(|state| {
                    state.request = latest;
                    state.transport = by.transport();
                });
                let dress = Dress::Frames(framing);
                return Ok(Receiver::new(shared, receiver, dress, mode).into_body());
            }
            Err(AttachError::Closing(close)) => return Ok(refused(&framing, mode, &close)),
            Err(AttachError::StillOpen) => {
                mount.common.config.handle.count(Limit::Receivers);
                return Ok(refused(&framing, mode, &Close::STILL_OPEN));
            }
            // It ended, and its task has not cleared it away yet.
            Err(AttachError::Closed) => {
                mount.common.registry.remove(id, &shared);
                request.session = None;
            }
        }
    }
}

/// Attaches the response that opens a session to it.
fn first_receiver(
    shared: &Arc<Shared>,
    kind: ReceiverKind,
    dress: Dress,
    mode: Mode,
) -> Result<Body, Close> {
    let attached = shared.update(|state| {
        let now = state.now();
        let machine = state.machine.sockjs().ok_or(AttachError::Closed)?;
        machine.attach(kind, now)
    });
    match attached {
        Ok(receiver) => Ok(Receiver::new(shared.clone(), receiver, dress, mode).into_body()),
        // Nobody else knows the session, so only its end can have come first.
        Err(AttachError::Closing(close)) => Err(close),
        Err(AttachError::StillOpen | AttachError::Closed) => Err(Close::STILL_OPEN),
    }
}

fn comes_from_same_address(shared: &Shared, parts: &Parts) -> bool {
    let known = shared.peek(|state| state.request.peer_address());
    let comes = parts.extensions.get::<PeerAddress>();
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

/// Puts a receiver's headers around its body, or around what it is answered instead.
fn received(
    mount: &Mount,
    parts: &Parts,
    by: Receiving,
    result: Result<Body, Response<Body>>,
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
        Err(response) => response,
    };
    let mut ours = HeaderMap::new();
    headers::no_cache(&mut ours);
    match by {
        Receiving::XhrStreaming | Receiving::EventSource | Receiving::HtmlFile => {
            headers::no_buffering(&mut ours);
        }
        Receiving::Xhr | Receiving::Jsonp => {}
    }
    match by {
        _ if !mount.config.cors => {}
        Receiving::Xhr | Receiving::XhrStreaming => headers::cors(parts, Cors::Usual, &mut ours),
        Receiving::EventSource => headers::cors(parts, Cors::EventSource, &mut ours),
        Receiving::HtmlFile | Receiving::Jsonp => {}
    }
    headers::complete(response.headers_mut(), ours);
    response
}
