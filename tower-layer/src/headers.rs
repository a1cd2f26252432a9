//! The headers that the protocol's answers share.

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

use crate::clock;

pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
pub(crate) const SCRIPT: HeaderValue =
    HeaderValue::from_static("application/javascript; charset=UTF-8");
pub(crate) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

const NO_CACHE: HeaderValue =
    HeaderValue::from_static("no-store, no-cache, no-transform, must-revalidate, max-age=0");
const CACHE_A_YEAR: HeaderValue = HeaderValue::from_static("public, max-age=31536000");

/// For answers that are new each time. `no-transform` keeps middle boxes from holding frames back
/// while they compress.
pub(crate) fn no_cache(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
}

/// For answers that never change.
pub(crate) fn cache_a_year(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, CACHE_A_YEAR);
    if let Ok(date) = HeaderValue::try_from(clock::http_date_in_a_year()) {
        headers.insert(header::EXPIRES, date);
    }
}

/// Nothing may guess another type for text that a peer had a hand in.
pub(crate) fn no_sniff(headers: &mut HeaderMap) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}

/// nginx holds back what it relays unless told not to; it does not look at `no-transform`.
pub(crate) fn no_buffering(headers: &mut HeaderMap) {
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
}

/// Adds all of `added`, beside what is there of the same name: several cookies, say.
pub(crate) fn append(headers: &mut HeaderMap, added: HeaderMap) {
    if added.is_empty() {
        return;
    }
    let mut last = None;
    for (name, value) in added {
        // A name is told once, with the first of its values.
        last = name.or(last);
        if let Some(name) = &last {
            headers.append(name, value);
        }
    }
}

/// Adds those of `ours` whose names the answer does not have yet: a hook's word goes before ours.
pub(crate) fn complete(headers: &mut HeaderMap, ours: HeaderMap) {
    if ours.is_empty() {
        return;
    }
    // Whoever looks at the origin says so, whatever else the answer varies by.
    let is_of_ours = !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    for (name, value) in ours {
        // Ours have one value each.
        match name {
            Some(header::VARY) if is_of_ours => drop(headers.append(header::VARY, value)),
            Some(name) => drop(headers.entry(name).or_insert(value)),
            None => {}
        }
    }
}

/// Which row of the CORS table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cors {
    Usual,
    /// eventsource answers `Origin: null` without credentials.
    EventSource,
}

/// CORS headers: the origin echoed with credentials, which the browser client always sends.
pub(crate) fn cors(request: &Parts, kind: Cors, headers: &mut HeaderMap) {
    let origin = request
        .headers
        .get(header::ORIGIN)
        .filter(|origin| !origin.is_empty() && is_echoed(origin))
        .filter(|origin| !(kind == Cors::EventSource && origin.as_bytes() == b"null"));
    match origin {
        Some(origin) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        None => {
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_ORIGIN,
                HeaderValue::from_static("*"),
            );
        }
    }
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(asked) = request
        .headers
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .filter(|asked| !asked.is_empty() && is_echoed(asked))
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
}

/// Nothing with control characters is echoed; header values may hold tabs.
fn is_echoed(value: &HeaderValue) -> bool {
    !value.as_bytes().iter().any(u8::is_ascii_control)
}

/// What a preflight answer says besides CORS.
pub(crate) fn preflight(methods: &'static str, headers: &mut HeaderMap) {
    cache_a_year(headers);
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("31536000"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(methods),
    );
}
