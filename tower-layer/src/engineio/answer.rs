//! What a request to an Engine.IO mount asks for, and what it is answered.

// A refusal is an answer like the others, and leaves by the same way: a box would save nothing.
#![allow(clippy::result_large_err)]

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts,
};
use http_body::Body as HttpBody;
use hyper_util::rt::TokioIo;
use sockeye_core::{
    Text,
    engineio::{
        AttachError, ConnectionError, PostError, Query, Refused, Revision, SessionParam,
        Transport as Carrier,
    },
};

use super::{
    config::Mount,
    polling::{Manner, Outstanding, answer_poll},
    posting::{InFlight, answer_post},
    probe,
    secret::without_session_id,
    websocket::Packets,
};
use crate::{
    Accept, ConnectRequest, ExactPath, Handle, Limit, Reject, Transport,
    answer::{Answer, TurnedAway, is_empty, later, recheck},
    body::Body,
    clock,
    common::Opening,
    forwarded::Told,
    headers,
    origins::Reading,
    plan::check_host,
    refusal::Refusal,
    registry::{Found, Registry, Reserved},
    session::{PollingDriver, Shared, V3Id},
    transport::{drain_body, websocket as ws},
};

/// Answers a request whose path below the mount begins at `offset` of its URI's path.
pub(crate) fn answer<B>(mount: &Arc<Mount>, request: Request<B>, offset: usize) -> Answer
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    let (mut parts, body) = request.into_parts();
    let config = &mount.common.config;
    let told = config.trusted_proxies.apply(&mut parts);
    let rest = match parts.extensions.get::<ExactPath>() {
        Some(exact) => &*exact.0,
        None => &parts.uri.path()[offset..],
    };
    // The protocol's paths have a slash behind the mount's; what has none is the application's.
    let refusal = if !rest.starts_with('/') {
        Some(Refusal::NotFound)
    } else {
        check_host(&parts).err()
    };
    if let Some(refusal) = refusal {
        let mut response = refusal.response(&config.handle, parts.version);
        headers::complete(response.headers_mut(), cors(mount, &parts));
        return Answer::Now(response);
    }
    if let Some(response) = mount.file(rest).and_then(|file| file.answer(&parts)) {
        return Answer::Now(public(mount, &parts, response));
    }
    // Before everything else, and on every answer: the page is to read a refusal, too.
    let mut cors = cors(mount, &parts);
    let ours = mount.config.cors.as_ref();
    if let Some(ours) = ours.filter(|_| parts.method == Method::OPTIONS) {
        ours.preflight(&parts, &mut cors);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        headers::append(response.headers_mut(), cors);
        return Answer::Now(response);
    }
    let mut asked = Asked::new(mount, parts);
    if let Err(mut response) = asked.check(&told) {
        headers::complete(response.headers_mut(), cors);
        return Answer::Now(response);
    }
    later(async move {
        let mut added = HeaderMap::new();
        let mut response = match asked.respond(body, &mut added).await {
            Ok(mut response) if is_success(&response) => {
                headers::append(response.headers_mut(), added);
                response
            }
            // What a hook accepted with stands on no error.
            Ok(response) | Err(response) => response,
        };
        headers::complete(response.headers_mut(), cors);
        response
    })
}

/// What the page behind a request may read of its answer.
fn cors(mount: &Mount, request: &Parts) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(cors) = &mount.config.cors {
        cors.apply(request, &mut headers);
    }
    headers
}

fn is_success(response: &Response<Body>) -> bool {
    response.status().is_success() || response.status() == StatusCode::SWITCHING_PROTOCOLS
}

/// An answer for everyone, whatever the origin policy: it says the same to all, and starts nothing.
fn public(mount: &Mount, parts: &Parts, mut response: Response<Body>) -> Response<Body> {
    if let Some(ours) = &mount.config.cors {
        let mut cors = HeaderMap::new();
        ours.apply(parts, &mut cors);
        headers::complete(response.headers_mut(), cors);
    }
    response
}

/// One request on its way. The error is an answer too.
///
/// What it does is asked of a reference, and all but a poll is boxed: each request has room for
/// whatever one may do, and a copy for each step on the way would be most of what it weighs. Above
/// 1,032 bytes glibc's malloc leaves its short way.
struct Asked {
    mount: Arc<Mount>,
    query: Query,
    /// What is asked for; of an unknown transport what comes nearest.
    carrier: Carrier,
    is_upgrade: bool,
    /// The session that it names, if there is one.
    session: Option<Arc<Shared>>,
    request: ConnectRequest,
}

impl Asked {
    fn new(mount: &Arc<Mount>, mut parts: Parts) -> Self {
        let query = Query::parse(Text::from(parts.uri.query().unwrap_or_default()));
        if *query.session() != SessionParam::Absent && mount.shows_requests() {
            // From here on the application sees the request.
            parts.uri = without_session_id(&parts.uri);
        }
        let session = match query.session() {
            SessionParam::Id(sid) => mount.common.registry.get(sid),
            SessionParam::Absent | SessionParam::Malformed => None,
        };
        let is_upgrade = ws::is_asked_for(&parts);
        let carrier = query.transport().unwrap_or(match is_upgrade {
            true => Carrier::WebSocket,
            false => Carrier::Polling,
        });
        let transport = match carrier {
            Carrier::Polling => Transport::Polling,
            Carrier::WebSocket => Transport::WebSocket,
        };
        Self {
            mount: mount.clone(),
            query,
            carrier,
            is_upgrade,
            session,
            request: ConnectRequest::new(parts, transport, None),
        }
    }

    /// Whether the page may ask, and for this transport.
    fn check(&self, told: &Told) -> Result<(), Response<Body>> {
        let origins = &self.mount.common.config.origins;
        if !origins.admit(&self.request.parts, told, self.reading()) {
            return Err(self.foreign());
        }
        let served = self.query.transport();
        if !served.is_some_and(|carrier| self.mount.serves(carrier)) {
            let transport = self.query.get("transport").map(|name| Text::from(&*name));
            return Err(self.error(&ConnectionError::TransportUnknown { transport }));
        }
        Ok(())
    }

    /// Who could read the answer: any page loads a script, and a session that was opened by JSONP is
    /// answered in scripts, whatever its later requests say.
    fn reading(&self) -> Reading {
        let is_script = || {
            self.session.as_ref().is_some_and(|shared| {
                shared.peek(|state| state.machine.manner().is_some_and(Manner::is_jsonp))
            })
        };
        if self.query.jsonp().is_some() || is_script() {
            Reading::AnyPage
        } else {
            Reading::OwnPages
        }
    }

    async fn respond<B>(
        &mut self,
        body: B,
        added: &mut HeaderMap,
    ) -> Result<Response<Body>, Response<Body>>
    where
        B: HttpBody<Data = Bytes> + Send,
        B::Error: Send,
    {
        let session = match self.query.session() {
            SessionParam::Absent => None,
            SessionParam::Malformed => {
                return Err(self.error(&ConnectionError::SessionUnknown { sid: None }));
            }
            SessionParam::Id(_) => {
                let found = self.session.take();
                Some(found.ok_or_else(|| self.unknown())?)
            }
        };
        let is_post = self.request.method() == Method::POST;
        match session {
            Some(shared) => {
                self.check_session(&shared)?;
                if self.is_upgrade && self.carrier == Carrier::Polling {
                    return Err(self.bad_request());
                }
                // Only GET, or what takes its place, switches protocols.
                if self.is_upgrade && !self.is_get() {
                    Err(self.bad_request())
                } else if self.is_upgrade {
                    self.expect_no_body(body)?;
                    Box::pin(self.upgrade(shared, added)).await
                } else if is_post {
                    Box::pin(self.post(shared, body, added)).await
                } else {
                    self.drain(body).await?;
                    self.poll(shared, added).await
                }
            }
            None => {
                if !self.is_get() {
                    let method = Text::from(self.request.method().as_str());
                    self.drain(body).await?;
                    return Err(self.error(&ConnectionError::BadHandshakeMethod { method }));
                }
                match self.carrier {
                    Carrier::Polling if self.is_upgrade => Err(self.bad_request()),
                    Carrier::Polling => {
                        self.drain(body).await?;
                        Box::pin(self.open_polling(added)).await
                    }
                    Carrier::WebSocket if self.is_upgrade => {
                        self.expect_no_body(body)?;
                        Box::pin(self.open_websocket(added)).await
                    }
                    Carrier::WebSocket => Err(self.error(&ConnectionError::TransportHandshake)),
                }
            }
        }
    }

    fn is_get(&self) -> bool {
        self.request.method() == Method::GET || ws::is_extended_connect(&self.request.parts)
    }

    /// A body in front of the frames would be read as some. The stream behind an extended CONNECT
    /// looks like a body, and is the WebSocket itself.
    fn expect_no_body<B: HttpBody>(&self, body: B) -> Result<(), Response<Body>> {
        if self.request.parts.version <= Version::HTTP_11 && !is_empty(body) {
            return Err(self.refusal(Refusal::NotWebSocket));
        }
        Ok(())
    }

    /// Whether the request fits the session that it names.
    fn check_session(&self, shared: &Shared) -> Result<(), Response<Body>> {
        let known = shared.peek(|state| {
            let machine = state.machine.engineio_ref()?;
            Some((machine.transport()?, machine.revision()))
        });
        let Some((previous, revision)) = known else {
            return Err(self.unknown());
        };
        if !self.is_upgrade && previous != self.carrier {
            return Err(self.error(&ConnectionError::TransportMismatch {
                transport: self.carrier,
                previous,
            }));
        }
        if revision != self.query.revision() {
            return Err(self.error(&ConnectionError::ProtocolMismatch {
                revision: self.query.revision(),
                previous: revision,
            }));
        }
        Ok(())
    }

    /// A GET of a session.
    async fn poll(
        &mut self,
        shared: Arc<Shared>,
        added: &mut HeaderMap,
    ) -> Result<Response<Body>, Response<Body>> {
        if self.request.method() != Method::GET {
            let refusal = Refusal::Method { allow: "GET, POST" };
            return Err(self.refusal(refusal));
        }
        self.recheck(&shared, added).await?;
        let attached = shared.update(|state| {
            let now = state.now();
            let machine = state.machine.engineio().ok_or(AttachError::Closed)?;
            machine.attach(Carrier::Polling, now)
        });
        match attached {
            Ok(id) => {
                let manner = shared.peek(|state| state.machine.manner().cloned());
                let manner = manner.ok_or_else(|| self.unknown())?;
                let poll = Outstanding::new(shared, id, manner);
                Ok(answer_poll(&self.mount, &self.request.parts, poll).await)
            }
            Err(AttachError::Overlap) => Err(self.refusal(Refusal::PollOverlap)),
            Err(AttachError::WrongTransport) => Err(self.bad_request()),
            Err(AttachError::Closed) => Err(self.unknown()),
        }
    }

    /// A POST of a session.
    async fn post<B>(
        &mut self,
        shared: Arc<Shared>,
        body: B,
        added: &mut HeaderMap,
    ) -> Result<Response<Body>, Response<Body>>
    where
        B: HttpBody<Data = Bytes>,
    {
        if let Err(response) = self.recheck(&shared, added).await {
            self.drain(body).await?;
            return Err(response);
        }
        let manner = shared.peek(|state| state.machine.manner().cloned());
        let manner = manner.ok_or_else(|| self.unknown())?;
        let begun = shared.update(|state| {
            let now = state.now();
            let machine = state.machine.engineio().ok_or(PostError::Closed)?;
            machine.begin_post(now)
        });
        match begun {
            Ok(()) => {
                let post = InFlight::new(shared);
                let answer = answer_post(&self.mount, &self.request.parts, body, post, &manner);
                answer.await.map_err(|refusal| self.refusal(refusal))
            }
            Err(PostError::WrongTransport) => Err(self.bad_request()),
            Err(PostError::Overlap) => Err(self.refusal(Refusal::PostOverlap)),
            Err(PostError::Closed) => Err(self.unknown()),
        }
    }

    /// A WebSocket for a session on polling.
    async fn upgrade(
        &mut self,
        shared: Arc<Shared>,
        added: &mut HeaderMap,
    ) -> Result<Response<Body>, Response<Body>> {
        if !self.mount.config.allow_upgrades {
            return Err(self.bad_request());
        }
        let handshake = self.handshake()?;
        self.recheck(&shared, added).await?;
        let (on_upgrade, response) = handshake.split();
        let probe = shared.update(|state| {
            let now = state.now();
            let machine = state.machine.engineio().ok_or(Refused::NotOpen)?;
            machine.begin_probe(now)
        });
        if probe == Err(Refused::Probing) {
            self.mount.common.config.handle.count(Limit::Upgrade);
        }
        let probe = probe.ok();
        let common = self.mount.common.clone();
        let (revision, binary) = (self.query.revision(), Manner::of(&self.query).binary);
        tokio::spawn(async move {
            match ws::Taken::new(on_upgrade, &common.config).await {
                Some(upgraded) => {
                    let io = TokioIo::new(upgraded);
                    let (session, handle) = (shared.clone(), common.config.handle.clone());
                    probe::run(io, shared, common, probe, revision, binary).await;
                    count_overdue(&session, &handle);
                }
                None => shared.update(|state| {
                    if let (Some(machine), Some(probe)) = (state.machine.engineio(), probe) {
                        machine.end_probe(probe);
                    }
                }),
            }
        });
        Ok(response)
    }

    /// A session that begins on polling.
    async fn open_polling(
        &mut self,
        added: &mut HeaderMap,
    ) -> Result<Response<Body>, Response<Body>> {
        let manner = Manner::of(&self.query);
        let (opening, reserved) = self.open(added).await?;
        let shared = opening.live.shared.clone();
        let attached = shared.update(|state| {
            let now = state.now();
            let machine = state.machine.engineio().ok_or(AttachError::Closed)?;
            machine.attach(Carrier::Polling, now)
        });
        // Nobody else knows the session yet.
        let id = attached.map_err(|_| self.unknown())?;
        let poll = Outstanding::new(shared.clone(), id, manner);
        tokio::spawn(PollingDriver::new(opening.run(Some(reserved))));
        Ok(answer_poll(&self.mount, &self.request.parts, poll).await)
    }

    /// A session that begins on WebSocket.
    async fn open_websocket(
        &mut self,
        added: &mut HeaderMap,
    ) -> Result<Response<Body>, Response<Body>> {
        let handshake = self.handshake()?;
        let (opening, reserved) = self.open(added).await?;
        let (on_upgrade, response) = handshake.split();
        let (revision, binary) = (self.query.revision(), Manner::of(&self.query).binary);
        let connection = ws::Taken::new(on_upgrade, &self.mount.common.config);
        tokio::spawn(ws::Task::new(connection, move |io| {
            let attached = opening.live.shared.update(|state| {
                let now = state.now();
                let machine = state.machine.engineio()?;
                machine.attach(Carrier::WebSocket, now).ok()
            });
            let wire = Packets {
                receiver: attached?,
                revision,
                binary,
            };
            Some(ws::Driver::new(io, opening.run(Some(reserved)), wire))
        }));
        Ok(response)
    }

    /// A session for the request, if the limits, the application and the options let it in.
    async fn open(&mut self, added: &mut HeaderMap) -> Result<(Opening, Reserved), Response<Body>> {
        let mount = self.mount.clone();
        let config = &mount.common.config;
        let admission = mount.common.admit(&self.request.parts);
        let admission = admission.map_err(|refusal| self.refusal(refusal))?;
        let mut accept = match &config.on_connect {
            Some(hook) => match hook.ask(&self.request).await {
                Ok(accept) => accept,
                Err(reject) => return Err(self.rejected(reject)),
            },
            None => Accept::new(),
        };
        if self.query.revision() == Revision::V3 && !mount.config.allow_eio3 {
            let revision = Revision::V3;
            return Err(self.error(&ConnectionError::UnsupportedProtocolVersion { revision }));
        }
        let (sid, reserved) = self.name()?;
        headers::append(added, std::mem::take(&mut accept.headers));
        if let (Some(cookie), Carrier::Polling) = (&config.cookie, self.carrier) {
            cookie.apply(&self.request.parts, Some(&sid), added);
        }
        if self.query.revision() == Revision::V3 {
            accept = accept.data(V3Id(Text::from(sid.as_str())));
        }
        let machine = mount.machine(&self.query, self.carrier, &sid, clock::now());
        let transport = self.request.transport();
        let opening = admission
            .open(&mut self.request.parts, transport, machine, accept)
            .map_err(|refusal| self.refusal(refusal))?;
        if let Some(message) = &mount.config.initial_packet {
            // An empty outbox takes any message, unless a drain has closed the session meanwhile.
            let _ = opening.live.shared.try_send(message.clone().into());
        }
        Ok((opening, reserved))
    }

    /// The secret id of a session to come.
    fn name(&self) -> Result<(String, Reserved), Response<Body>> {
        let sid = self.mount.config.name(&self.request);
        let sid = sid.map_err(|panicked| self.error(&panicked))?;
        let is_usable =
            (1..=128).contains(&sid.len()) && sid.bytes().all(|it| it.is_ascii_graphic());
        match Registry::find_or_reserve(&self.mount.common, &sid) {
            Found::Free(reserved) if is_usable => Ok((sid, reserved)),
            Found::Free(_) | Found::Taken | Found::Session(_) => {
                let error =
                    Text::from_static("the id is taken, or not 1 to 128 printable characters");
                Err(self.error(&ConnectionError::IdGeneration { error }))
            }
        }
    }

    fn handshake(&mut self) -> Result<ws::Handshake, Response<Body>> {
        ws::check(&mut self.request.parts).map_err(|refusal| self.refusal(refusal))
    }

    async fn recheck(
        &mut self,
        shared: &Arc<Shared>,
        added: &mut HeaderMap,
    ) -> Result<(), Response<Body>> {
        match recheck(&self.mount.common, &mut self.request, shared, added).await {
            Ok(()) => Ok(()),
            Err(TurnedAway::By(reject)) => Err(self.rejected(reject)),
            Err(TurnedAway::Ended(_)) => Err(self.unknown()),
        }
    }

    /// Reads a body that is nobody's to nowhere.
    async fn drain<B>(&self, body: B) -> Result<(), Response<Body>>
    where
        B: HttpBody<Data = Bytes>,
    {
        if body.is_end_stream() {
            return Ok(());
        }
        let config = &self.mount.common.config;
        Box::pin(drain_body(body, self.request.headers(), config))
            .await
            .map_err(|refusal| self.refusal(refusal))
    }

    fn unknown(&self) -> Response<Body> {
        let sid = match self.query.session() {
            SessionParam::Id(sid) => Some(sid.clone()),
            SessionParam::Absent | SessionParam::Malformed => None,
        };
        self.error(&ConnectionError::SessionUnknown { sid })
    }

    fn bad_request(&self) -> Response<Body> {
        self.error(&ConnectionError::TransportHandshake)
    }

    /// The answer to a page that the origin policy does not admit.
    fn foreign(&self) -> Response<Body> {
        let refusal = Refusal::Origin;
        if let Some(limit) = refusal.limit() {
            self.mount.common.config.handle.count(limit);
        }
        let message = Text::from_static(refusal.text().unwrap_or_default());
        self.error(&ConnectionError::Forbidden { message })
    }

    /// The answer to what the protocol has an error for.
    fn error(&self, error: &ConnectionError) -> Response<Body> {
        tracing::debug!(%error, "a request was refused");
        self.mount.config.tell(&self.request, error);
        let (content_type, body) = if self.is_upgrade {
            (headers::TEXT, error.message().to_owned())
        } else {
            (
                HeaderValue::from_static("application/json"),
                error.to_json(),
            )
        };
        let mut response = Response::new(Body::from(Bytes::from(body)));
        *response.status_mut() =
            StatusCode::from_u16(error.code().status()).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        headers::no_sniff(headers);
        if self.is_upgrade && self.request.parts.version <= Version::HTTP_11 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn refusal(&self, refusal: Refusal) -> Response<Body> {
        refusal.response(&self.mount.common.config.handle, self.request.parts.version)
    }

    /// The application's word, in the protocol's form.
    fn rejected(&self, reject: Reject) -> Response<Body> {
        let (status, text) = reject.parts();
        let message = Text::from(&*String::from_utf8_lossy(text));
        let mut response = self.error(&ConnectionError::Forbidden { message });
        // Over HTTP/2 any success would open the WebSocket.
        if !(self.is_upgrade && status.is_success()) {
            *response.status_mut() = status;
        }
        let own = reject.into_response();
        for (name, value) in own.headers() {
            if name != header::CONTENT_TYPE && name != header::X_CONTENT_TYPE_OPTIONS {
                response.headers_mut().append(name, value.clone());
            }
        }
        response
    }
}

/// Counts the probes that took too long.
fn count_overdue(shared: &Shared, handle: &Handle) {
    let overdue = shared.update(|state| {
        let machine = state.machine.engineio();
        machine.map_or(0, |machine| machine.take_overdue_probes())
    });
    for _ in 0..overdue {
        handle.count(Limit::Upgrade);
    }
}
