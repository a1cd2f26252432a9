//! POSTs of an Engine.IO session: what the client has to say.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderValue, Response, header, request::Parts};
use http_body::Body as HttpBody;
use sockeye_core::engineio::{
    DecodeError, Packet, Payload, PostEnd, Reason, Revision, Source, TransportError, jsonp,
};

use super::{Manner, config::Mount, polling::of_polling};
use crate::{
    body::Body,
    common::CommonConfig,
    headers,
    refusal::Refusal,
    session::{Shared, State},
    transport::read_body,
};

/// A POST in flight. Dropping it before its end is how the session learns that it broke.
pub(super) struct InFlight {
    shared: Arc<Shared>,
    is_done: bool,
}

impl InFlight {
    /// The POST that the session has just begun.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            is_done: false,
        }
    }

    fn end(self) {
        self.end_behind(|_, _| ());
    }

    /// Ends it behind its last word.
    fn end_behind<R>(mut self, last: impl FnOnce(&mut State, Instant) -> R) -> R {
        let result = self.shared.update(|state| {
            let now = state.now();
            let result = last(state, now);
            end_post(state, PostEnd::Finished, now);
            result
        });
        self.is_done = true;
        result
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.is_done {
            self.shared
                .update(|state| end_post(state, PostEnd::Aborted, state.now()));
        }
    }
}

fn end_post(state: &mut State, how: PostEnd, now: Instant) {
    state.forget_post();
    if let Some(machine) = state.machine.engineio() {
        machine.end_post(how, now);
    }
}

/// Reads what a POST brings and answers it.
pub(super) async fn answer_post<B>(
    mount: &Mount,
    request: &Parts,
    body: B,
    post: InFlight,
    manner: &Manner,
) -> Result<Response<Body>, Refusal>
where
    B: HttpBody<Data = Bytes>,
{
    let shared = post.shared.clone();
    let config = &mount.common.config;
    let Some(form) = form(request, manner) else {
        fail(&shared, TransportError::UnsupportedBody);
        return Err(Refusal::Payload);
    };
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
    let read = unless_void(&shared, reading).await.ok_or(Refusal::Void)?;
    let body = match read.and_then(|body| payload(body, manner, request, config)) {
        Ok(body) => body,
        // These two are answered, and the session lives.
        Err(refusal @ (Refusal::TooLarge | Refusal::Encoding)) => {
            post.end();
            return Err(match refusal {
                Refusal::TooLarge => Refusal::PayloadTooLarge,
                other => other,
            });
        }
        Err(refusal) => return Err(refusal),
    };
    post.end_behind(|state, now| take(state, now, body, form, config.max_messages))?;
    let mut response = Response::new(Body::from(Bytes::from_static(b"ok")));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers::no_sniff(headers);
    of_polling(headers, request);
    Ok(response)
}

/// The form of the payload, if the session's revision has it.
fn form(request: &Parts, manner: &Manner) -> Option<Payload> {
    let content_type = request.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.map(HeaderValue::as_bytes);
    match (&manner.jsonp, manner.revision) {
        (Some(_), Revision::V4) => Some(Payload::V4),
        (Some(_), Revision::V3) => Some(Payload::V3Text),
        (None, revision) => Payload::of_request(revision, content_type),
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

/// What `reading` gives, or `None` when the POST in flight is nobody's any more before that.
async fn unless_void<T>(shared: &Shared, reading: impl Future<Output = T>) -> Option<T> {
    let mut reading = pin!(reading);
    poll_fn(|cx| match reading.as_mut().poll(cx) {
        Poll::Ready(read) => Poll::Ready(Some(read)),
        Poll::Pending => shared.poll_post_void(cx).map(|()| None),
    })
    .await
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

/// Gives the packets to the session. All are taken up to the one that is none or breaks a rule, by
/// which the session ends; of too many none is, and the session lives.
fn take(
    state: &mut State,
    now: Instant,
    payload: FormPayload,
    form: Payload,
    max_packets: usize,
) -> Result<(), Refusal> {
    if !state.is_post_in_flight() {
        return Err(Refusal::Void);
    }
    let machine = state.machine.engineio().ok_or(Refusal::Void)?;
    let packets = match payload {
        Ok(Some(payload)) => form.decode(payload, max_packets),
        // A form without a payload says nothing.
        Ok(None) => return Ok(()),
        Err(_) => {
            machine.fail(Reason::ParseError, now);
            return Err(Refusal::Payload);
        }
    };
    for packet in packets {
        match packet {
            Ok(packet) => {
                let is_last_word = matches!(packet, Packet::Close);
                machine.handle_packet(Source::Post, packet, now);
                if is_last_word {
                    return Ok(());
                }
                // The packet broke a rule, and what follows it is taken by nobody.
                if !machine.is_posting() {
                    return Err(Refusal::Payload);
                }
            }
            Err(DecodeError::TooManyPackets { .. }) => return Err(Refusal::TooManyPackets),
            Err(_) => {
                machine.fail(Reason::ParseError, now);
                return Err(Refusal::Payload);
            }
        }
    }
    Ok(())
}
