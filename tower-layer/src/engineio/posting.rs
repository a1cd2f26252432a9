//! POSTs of an Engine.IO session: what the client has to say.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use http_body::Body as HttpBody;
use sockeye_core::engineio::{
    DecodeError, Packet, Payload, PostEnd, PostError, Reason, Revision, Source, TransportError,
    jsonp,
};

use super::{
    Manner,
    config::Mount,
    polling::{empty, of_polling},
};
use crate::{
    Limit, body::Body, common::CommonConfig, headers, refusal::Refusal, session::Shared,
    transport::read_body,
};

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
    let reading = async {
        // While the handler is behind, the client waits with its body.
        poll_fn(|cx| shared.poll_inbox_room(cx)).await;
        read_body(body, &request.headers, limit, config).await
    };
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
    headers::no_sniff(headers);
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

/// A client that goes beyond a limit does not go on with this connection.
fn close_connection(request: &Parts, response: &mut Response<Body>) {
    if request.version <= http::Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
}
