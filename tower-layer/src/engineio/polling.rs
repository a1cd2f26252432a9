//! Engine.IO over requests: a GET takes what waits, a POST brings what the client has to say.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};
use http_body::Body as HttpBody;
use sockeye_core::{
    Compression,
    engineio::{
        Binary, DecodeError, Packet, PacketRef, Payload, PostEnd, PostError, Query, Reason,
        ReceiverId, Revision, Source, Transport as Carrier, TransportError, jsonp,
    },
    session::Detach,
};

use super::{compression::Coding, config::Mount, delivery::Delivery};
use crate::{
    Limit,
    body::Body,
    common::CommonConfig,
    headers::no_sniff,
    refusal::Refusal,
    session::{Shared, State},
    transport::read_body,
};

/// How a session's answers are written: what its handshake said.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(super) revision: Revision,
    pub(super) binary: Binary,
    /// The number of the callback, for a client that polls by script tags.
    pub(super) jsonp: Option<Box<str>>,
}

impl Manner {
    /// What a handshake asks for.
    pub(super) fn of(query: &Query) -> Self {
        let binary = match query.b64() || query.jsonp().is_some() {
            true => Binary::Base64,
            false => Binary::Bytes,
        };
        Self {
            revision: query.revision(),
            binary,
            jsonp: query.jsonp().map(Into::into),
        }
    }

    /// Whether the answers are scripts.
    pub(super) fn is_jsonp(&self) -> bool {
        self.jsonp.is_some()
    }
}

/// An outstanding poll. Dropping it is how the session learns that the client went.
pub(super) struct Outstanding {
    shared: Arc<Shared>,
    id: ReceiverId,
    manner: Manner,
    is_done: bool,
}

/// What a poll took.
pub(super) struct Answer {
    payload: Payload,
    body: Vec<u8>,
    compression: Compression,
    loss: Loss,
}

/// What it means when the answer does not reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// A gap: the session cannot go on.
    Gap,
    /// Nothing: a noop to a poll that the session has left behind.
    Nothing,
}

impl Outstanding {
    pub(super) fn new(shared: Arc<Shared>, id: ReceiverId, manner: Manner) -> Self {
        Self {
            shared,
            id,
            manner,
            is_done: false,
        }
    }

    /// The payload of what waits, if something does.
    fn take(&mut self, state: &mut State) -> Option<Answer> {
        let now = state.now();
        let Manner {
            revision, binary, ..
        } = self.manner;
        let machine = state.machine.engineio()?;
        // What a poll that has waited takes is a packet or two, most of the time.
        let mut out = Vec::with_capacity(64);
        let mut compression = Compression::Allowed;
        let loss = match machine.transport() {
            Some(Carrier::WebSocket) => Loss::Nothing,
            Some(Carrier::Polling) | None => Loss::Gap,
        };
        let payload = if let Some(batch) = machine.poll_transmit(self.id, now) {
            compression = batch.compression();
            let payload = Payload::of_answer(revision, binary, batch.packets());
            payload.encode(batch.packets(), &mut out);
            payload
        } else if machine.is_attached(self.id) {
            return None;
        } else {
            // The session has ended without it.
            let payload = Payload::of_answer(revision, binary, [PacketRef::Close]);
            payload.encode([PacketRef::Close], &mut out);
            payload
        };
        machine.detach(self.id, Detach::Finished, now);
        self.is_done = true;
        Some(Answer {
            payload,
            body: out,
            compression,
            loss,
        })
    }
}

impl Future for Outstanding {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = self.shared.clone();
        shared.update(|state| match self.take(state) {
            Some(taken) => Poll::Ready(taken),
            None => {
                Shared::set_receiver(state, cx);
                Poll::Pending
            }
        })
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        if !self.is_done {
            self.shared.update(|state| {
                let now = state.now();
                if let Some(machine) = state.machine.engineio() {
                    machine.detach(self.id, Detach::Aborted, now);
                }
            });
        }
    }
}

/// The answer to a poll.
pub(super) async fn answer_poll(
    mount: &Mount,
    request: &Parts,
    poll: Outstanding,
) -> Response<Body> {
    let jsonp = poll.manner.jsonp.clone();
    let is_script = jsonp.is_some();
    let shared = poll.shared.clone();
    let Answer {
        payload,
        mut body,
        compression,
        loss,
    } = poll.await;
    if let Some(index) = jsonp {
        let mut script = Vec::with_capacity(body.len() + 32);
        jsonp::wrap(&index, &body, &mut script);
        body = script;
    }
    let mut coding = None;
    let threshold = mount.config.compression;
    if compression == Compression::Allowed && threshold.is_some_and(|from| body.len() >= from) {
        coding = Coding::accepted(&request.headers);
    }
    if let Some(coding) = coding {
        body = coding.encode(&body);
    }
    let body = Bytes::from(body);
    let mut response = Response::new(match loss {
        Loss::Gap => Delivery::new(shared, body).into(),
        Loss::Nothing => body.into(),
    });
    let headers = response.headers_mut();
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, coding.name());
    }
    let content_type = HeaderValue::from_static(payload.content_type());
    headers.insert(header::CONTENT_TYPE, content_type);
    // No browser runs a script of this type that it may not sniff.
    if !is_script {
        no_sniff(headers);
    }
    of_polling(headers, request);
    response
}

/// A POST that is being read. Dropping it before its end is how the session learns that it broke.
struct InFlight {
    shared: Arc<Shared>,
    is_done: bool,
}

impl InFlight {
    fn end(mut self, how: PostEnd) {
        self.is_done = true;
        end_post(&self.shared, how);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.is_done {
            end_post(&self.shared, PostEnd::Aborted);
        }
    }
}

fn fail(shared: &Shared, reason: impl Into<Reason>) {
    shared.update(|state| {
        let now = state.now();
        if let Some(machine) = state.machine.engineio() {
            machine.fail(reason, now);
        }
    });
}

fn end_post(shared: &Shared, how: PostEnd) {
    shared.update(|state| {
        let now = state.now();
        state.forget_post();
        if let Some(machine) = state.machine.engineio() {
            machine.end_post(how, now);
        }
    });
}

/// Reads what a POST brings and answers it.
pub(super) async fn answer_post<B>(
    mount: &Mount,
    request: &Parts,
    body: B,
    shared: Arc<Shared>,
    manner: &Manner,
) -> Result<Response<Body>, PostError>
where
    B: HttpBody<Data = Bytes>,
{
    let begun = shared.update(|state| {
        let now = state.now();
        let machine = state.machine.engineio().ok_or(PostError::Closed)?;
        machine.begin_post(now)
    });
    match begun {
        Ok(()) => {}
        Err(PostError::Overlap) => {
            mount.common.config.handle.count(Limit::Posts);
            return Ok(empty(StatusCode::BAD_REQUEST));
        }
        Err(error) => return Err(error),
    }
    let post = InFlight {
        shared: shared.clone(),
        is_done: false,
    };
    let content_type = request.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.map(HeaderValue::as_bytes);
    let form = match &manner.jsonp {
        Some(_) => Some(text_form(manner.revision)),
        None => Payload::of_request(manner.revision, content_type),
    };
    let Some(form) = form else {
        fail(&shared, TransportError::UnsupportedBody);
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    let config = &mount.common.config;
    let limit = match &manner.jsonp {
        // Escapes may make a form three times as long as what it holds, which is measured below.
        Some(_) => config.max_framed_size().saturating_mul(3),
        None => config.max_message_size,
    };
    // Boxed for its size, as the whole POST is.
    let reading = Box::pin(async {
        // While the handler is behind, the client waits with its body.
        poll_fn(|cx| shared.poll_inbox_room(cx)).await;
        read_body(body, &request.headers, limit, config).await
    });
    let Some(body) = unless_void(&shared, reading).await else {
        return Ok(void(request));
    };
    let body = match body.and_then(|body| payload(body, manner, request, config)) {
        Ok(body) => body,
        // These two are answered, and the session lives.
        Err(Refusal::TooLarge) => {
            config.handle.count(Limit::MessageSize);
            post.end(PostEnd::Finished);
            return Ok(too_much(request));
        }
        Err(refusal @ Refusal::Encoding) => {
            post.end(PostEnd::Finished);
            return Ok(refusal.response(&config.handle, request.version));
        }
        Err(refusal) => {
            let mut response = refusal.response(&config.handle, request.version);
            close_connection(request, &mut response);
            return Ok(response);
        }
    };
    let taken = shared.update(|state| {
        let now = state.now();
        if !state.is_post_in_flight() {
            return Taken::Nothing;
        }
        let Some(machine) = state.machine.engineio() else {
            return Taken::Nothing;
        };
        let packets = match body {
            Ok(Some(body)) => form.decode(body, config.max_messages),
            // A form without a payload says nothing.
            Ok(None) => return Taken::Whole,
            Err(_) => {
                machine.fail(Reason::ParseError, now);
                return Taken::Broken;
            }
        };
        for packet in packets {
            match packet {
                Ok(packet) => {
                    let is_last_word = matches!(packet, Packet::Close);
                    machine.handle_packet(Source::Post, packet, now);
                    if is_last_word {
                        return Taken::Whole;
                    }
                    // The packet broke a rule, and what follows it is taken by nobody.
                    if !machine.is_posting() {
                        return Taken::Broken;
                    }
                }
                // Then none of them was taken.
                Err(DecodeError::TooManyPackets { .. }) => return Taken::TooMany,
                Err(_) => {
                    machine.fail(Reason::ParseError, now);
                    return Taken::Broken;
                }
            }
        }
        Taken::Whole
    });
    post.end(PostEnd::Finished);
    match taken {
        Taken::Whole => {}
        Taken::Nothing => return Ok(void(request)),
        Taken::Broken => return Ok(empty(StatusCode::BAD_REQUEST)),
        Taken::TooMany => {
            config.handle.count(Limit::Messages);
            return Ok(too_much(request));
        }
    }
    let mut response = Response::new(Body::from(Bytes::from_static(b"ok")));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    no_sniff(headers);
    of_polling(headers, request);
    Ok(response)
}

/// What `reading` gives, or `None` when the POST in flight is nobody's any more before that.
async fn unless_void<T>(shared: &Shared, reading: impl Future<Output = T>) -> Option<T> {
    let mut reading = pin!(reading);
    poll_fn(|cx| match reading.as_mut().poll(cx) {
        Poll::Ready(read) => Poll::Ready(Some(read)),
        Poll::Pending => shared.poll_post_void(cx).map(|()| None),
    })
    .await
}

/// The answer to a POST whose session ended first. Engine.IO's own server cuts its connection; over
/// HTTP/1.1 this is the connection's last answer, and over HTTP/2 the stream's.
fn void(request: &Parts) -> Response<Body> {
    let mut response = empty(StatusCode::BAD_REQUEST);
    close_connection(request, &mut response);
    response
}

/// How much of a payload the session took.
enum Taken {
    Whole,
    /// The session ended before.
    Nothing,
    /// All up to where it is none, or breaks a rule; the session has ended.
    Broken,
    /// Nothing, as there were too many packets; the session lives.
    TooMany,
}

/// The answer to what is beyond a limit.
fn too_much(request: &Parts) -> Response<Body> {
    let mut response = empty(StatusCode::PAYLOAD_TOO_LARGE);
    close_connection(request, &mut response);
    response
}

type FormPayload = Result<Option<Bytes>, DecodeError>;

/// The payload in a body: `None` in a form without one, an error in a form that is none.
fn payload(
    body: Bytes,
    manner: &Manner,
    request: &Parts,
    config: &CommonConfig,
) -> Result<FormPayload, Refusal> {
    let is_plain = (request.headers.get_all(header::CONTENT_ENCODING).iter()).all(|coding| {
        let coding = coding.as_bytes().trim_ascii();
        coding.eq_ignore_ascii_case(b"identity")
    });
    if !is_plain {
        return Err(Refusal::Encoding);
    }
    let payload = match &manner.jsonp {
        None => Ok(Some(body)),
        Some(_) => jsonp::decode_form(&body),
    };
    match &payload {
        Ok(Some(payload)) if payload.len() > config.max_message_size => Err(Refusal::TooLarge),
        _ => Ok(payload),
    }
}

fn text_form(revision: Revision) -> Payload {
    match revision {
        Revision::V4 => Payload::V4,
        Revision::V3 => Payload::V3Text,
    }
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// What the answers of polling have in common.
fn of_polling(headers: &mut HeaderMap, request: &Parts) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(browser) = request.headers.get(header::USER_AGENT) {
        // Internet Explorer's filter takes some answers for an attack, and mangles them.
        if has(browser, b";MSIE") || has(browser, b"Trident/") {
            headers.insert(header::X_XSS_PROTECTION, HeaderValue::from_static("0"));
        }
    }
}

fn has(value: &HeaderValue, part: &[u8]) -> bool {
    (value.as_bytes().windows(part.len())).any(|window| window == part)
}

/// A client that goes beyond a limit does not go on with this connection.
fn close_connection(request: &Parts, response: &mut Response<Body>) {
    if request.version <= http::Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
}
