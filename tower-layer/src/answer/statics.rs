//! Answers that concern no session: greeting, info, iframe page, preflight.

use bytes::Bytes;
use http::{Response, StatusCode, header, request::Parts};
use sockeye_core::sockjs::info::{GREETING, Info};

use super::cookie;
use crate::{
    Transport,
    body::Body,
    headers::{self, Cors},
    ident,
    mount::Mount,
    refusal::Refusal,
    static_file::is_known,
};

pub(super) fn greeting() -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(GREETING.as_bytes())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, headers::TEXT);
    response
}

pub(super) fn info(mount: &Mount, parts: &Parts) -> Response<Body> {
    let config = &mount.config;
    let info = Info {
        websocket: config.serves(Transport::WebSocket),
        cookie_needed: config.common.cookie.is_some(),
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

pub(super) fn iframe(mount: &Mount, parts: &Parts) -> Response<Body> {
    let page = &mount.iframe;
    let Some(framing) = &page.framing else {
        return Refusal::NotFound.response(&mount.common.config.handle, parts.version);
    };
    let mut response = Response::new(Body::empty());
    if is_known(&parts.headers, &page.etag) {
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

pub(super) fn preflight(mount: &Mount, parts: &Parts, methods: &'static str) -> Response<Body> {
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
