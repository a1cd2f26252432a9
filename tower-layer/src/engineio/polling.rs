//! GETs of an Engine.IO session: each takes what waits.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header, request::Parts};
use sockeye_core::{
    Compression,
    engineio::{
        Binary, PacketRef, Payload, Query, ReceiverId, Revision, Transport as Carrier, jsonp,
    },
    session::Detach,
};

use super::{compression::Coding, config::Mount, delivery::Delivery};
use crate::{
    body::Body,
    headers,
    session::{Shared, State},
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
        let machine = state.machine.engineio_ref()?;
        if machine.is_attached(self.id) && !machine.has_transmit(self.id) {
            return None;
        }
        let now = state.now();
        let Manner {
            revision, binary, ..
        } = self.manner;
        let machine = state.machine.engineio()?;
        let mut compression = Compression::Allowed;
        let loss = match machine.transport() {
            Some(Carrier::WebSocket) => Loss::Nothing,
            Some(Carrier::Polling) | None => Loss::Gap,
        };
        let mut out = Vec::new();
        let payload = if let Some(batch) = machine.poll_transmit(self.id, now) {
            // What a poll that has waited takes is a packet or two, most of the time.
            out.reserve(64);
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
    // engine.io calls its scripts plain text, and a browser that may not guess refuses them.
    if !is_script {
        headers::no_sniff(headers);
    }
    of_polling(headers, request);
    response
}

/// What the answers of polling have in common.
pub(super) fn of_polling(headers: &mut HeaderMap, request: &Parts) {
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
