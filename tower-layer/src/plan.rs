//! What a request asks of a mount, and whether it may.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method, Version, header, request::Parts};
use sockeye_core::sockjs::{
    decode::{BodyKind, DecodeError, body_kind_jsonp, body_kind_xhr},
    url::{Endpoint, Target, allow, parse_path},
};

use crate::{
    Transport,
    config::{Config, Kind},
    forwarded::Told,
    origins::Reading,
    refusal::Refusal,
    transport::websocket::{Style, is_extended_connect},
};

/// The path below the mount exactly as it was sent, for where the request's URI cannot tell.
///
/// `http::Uri` writes an empty path as `/`, and routers take a mount's prefix off in ways of their
/// own. Adapters put this into the request's extensions, and it wins over the URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactPath(pub Arc<str>);

/// What is to be done for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Greeting,
    Info,
    Iframe,
    /// The answer to a browser's preflight.
    Preflight {
        methods: &'static str,
    },
    WebSocket(Style),
    /// A stream of events that is a session of its own.
    EventStream,
    /// A response that receives frames of the session of that id.
    Receive {
        session: Box<str>,
        by: Receiving,
    },
    /// Messages for the session of that id.
    Send {
        session: Box<str>,
        by: Sending,
    },
}

/// A receiver that is an HTTP response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile,
    Jsonp,
}

/// A sender that is an HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    Xhr,
    Jsonp,
}

impl Receiving {
    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::Xhr => Transport::XhrPolling,
            Self::XhrStreaming => Transport::XhrStreaming,
            Self::EventSource => Transport::EventSource,
            Self::HtmlFile => Transport::HtmlFile,
            Self::Jsonp => Transport::JsonpPolling,
        }
    }
}

impl Sending {
    /// What the client that sends like this has for a transport, as far as that can be told.
    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::Xhr => Transport::XhrPolling,
            Self::Jsonp => Transport::JsonpPolling,
        }
    }

    /// What the body is, by its type.
    pub(crate) fn body_kind(self, headers: &HeaderMap) -> Result<BodyKind, Refusal> {
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .map(|value| value.as_bytes());
        match self {
            Self::Xhr => body_kind_xhr(content_type).then_some(BodyKind::Json),
            Self::Jsonp => body_kind_jsonp(content_type),
        }
        .ok_or(Refusal::Decode(DecodeError::PayloadExpected))
    }
}

/// Decides what a request asks for. Nothing is touched yet. `told` is what a trusted proxy says of
/// where the request was sent.
pub(crate) fn plan(
    config: &Config,
    parts: &Parts,
    told: &Told,
    offset: usize,
) -> Result<Plan, Refusal> {
    let plan = match config.kind {
        Kind::SockJs => sockjs(config, parts, offset)?,
        Kind::WebSocket => websocket(parts)?,
        Kind::EventStream => event_stream(parts)?,
    };
    // The greeting says nothing of use to anyone, and the iframe page is guarded by its framing
    // policy: it is fetched by a navigation, which carries no Origin.
    let is_guarded = !matches!(plan, Plan::Greeting | Plan::Iframe);
    let reading = match &plan {
        Plan::Receive {
            by: Receiving::Jsonp | Receiving::HtmlFile,
            ..
        } => Reading::AnyPage,
        _ => Reading::OwnPages,
    };
    if is_guarded && !config.common.origins.admit(parts, told, reading) {
        return Err(Refusal::Origin);
    }
    Ok(plan)
}

fn sockjs(config: &Config, parts: &Parts, offset: usize) -> Result<Plan, Refusal> {
    let rest = match parts.extensions.get::<ExactPath>() {
        Some(exact) => &*exact.0,
        None => &parts.uri.path()[offset..],
    };
    let target = parse_path(rest, config.max_id_length).ok_or(Refusal::NotFound)?;
    check_host(parts)?;
    let plan = of_method(target, parts).ok_or(Refusal::Method {
        allow: allow(target),
    })?;
    if !is_served(config, &plan) {
        return Err(Refusal::NotFound);
    }
    Ok(plan)
}

/// A plain WebSocket mount answers at every path: what stands below it is the application's.
fn websocket(parts: &Parts) -> Result<Plan, Refusal> {
    check_host(parts)?;
    if parts.method == Method::GET || is_extended_connect(parts) {
        Ok(Plan::WebSocket(Style::Raw))
    } else {
        Err(Refusal::Method { allow: "GET" })
    }
}

/// So does an event stream.
fn event_stream(parts: &Parts) -> Result<Plan, Refusal> {
    const METHODS: &str = "OPTIONS, GET";
    check_host(parts)?;
    match parts.method {
        Method::GET => Ok(Plan::EventStream),
        Method::OPTIONS => Ok(Plan::Preflight { methods: METHODS }),
        _ => Err(Refusal::Method { allow: METHODS }),
    }
}

fn of_method(target: Target<'_>, parts: &Parts) -> Option<Plan> {
    let method = &parts.method;
    let is_get = *method == Method::GET;
    let is_post = *method == Method::POST;
    let is_options = *method == Method::OPTIONS;
    let opens_websocket = is_get || is_extended_connect(parts);
    let receive = |session: &str, by| Plan::Receive {
        session: session.into(),
        by,
    };
    let send = |session: &str, by| Plan::Send {
        session: session.into(),
        by,
    };
    match target {
        Target::Greeting => is_get.then_some(Plan::Greeting),
        Target::Iframe => is_get.then_some(Plan::Iframe),
        Target::Info if is_get => Some(Plan::Info),
        Target::Info => is_options.then_some(Plan::Preflight {
            methods: "OPTIONS, GET",
        }),
        Target::RawWebSocket => opens_websocket.then_some(Plan::WebSocket(Style::Raw)),
        Target::Session { session, endpoint } => match endpoint {
            Endpoint::WebSocket => opens_websocket.then_some(Plan::WebSocket(Style::Framed)),
            Endpoint::EventSource => is_get.then(|| receive(session, Receiving::EventSource)),
            Endpoint::HtmlFile => is_get.then(|| receive(session, Receiving::HtmlFile)),
            Endpoint::Jsonp => is_get.then(|| receive(session, Receiving::Jsonp)),
            Endpoint::JsonpSend => is_post.then(|| send(session, Sending::Jsonp)),
            Endpoint::Xhr | Endpoint::XhrStreaming | Endpoint::XhrSend if is_options => {
                Some(Plan::Preflight {
                    methods: "OPTIONS, POST",
                })
            }
            Endpoint::Xhr => is_post.then(|| receive(session, Receiving::Xhr)),
            Endpoint::XhrStreaming => is_post.then(|| receive(session, Receiving::XhrStreaming)),
            Endpoint::XhrSend => is_post.then(|| send(session, Sending::Xhr)),
        },
    }
}

/// Whether the transport behind the plan is switched on.
fn is_served(config: &Config, plan: &Plan) -> bool {
    match plan {
        Plan::WebSocket(Style::Framed) => config.serves(Transport::WebSocket),
        Plan::WebSocket(Style::Raw) => config.serves(Transport::RawWebSocket),
        Plan::Receive { by, .. } => config.serves(by.transport()),
        Plan::Send {
            by: Sending::Jsonp, ..
        } => config.serves(Transport::JsonpPolling),
        // xhr_send serves every transport that cannot send by itself.
        Plan::Send {
            by: Sending::Xhr, ..
        }
        | Plan::Greeting
        | Plan::Info
        | Plan::Iframe
        | Plan::EventStream
        | Plan::Preflight { .. } => true,
    }
}

/// RFC 9112 section 3.2: an HTTP/1.1 request has one `Host`. hyper does not insist.
pub(crate) fn check_host(parts: &Parts) -> Result<(), Refusal> {
    let hosts = count(&parts.headers, &header::HOST);
    if parts.version == Version::HTTP_11 && hosts != 1 || hosts > 1 {
        return Err(Refusal::Host);
    }
    Ok(())
}

fn count(headers: &HeaderMap, name: &HeaderName) -> usize {
    headers.get_all(name).iter().count()
}
