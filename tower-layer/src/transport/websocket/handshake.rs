//! The opening handshake, validated by us on both HTTP versions.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header,
    request::Parts,
};
use hyper::{ext::Protocol, upgrade::OnUpgrade};
use sha1::{Digest, Sha1};

use crate::{body::Body, refusal::Refusal};

/// A valid handshake, ready to be answered.
pub(crate) struct Handshake {
    /// Resolves to the connection once the answer is written.
    pub(crate) on_upgrade: OnUpgrade,
    accept: Option<HeaderValue>,
}

/// Whether the request is an extended CONNECT, which takes GET's place on HTTP/2 (RFC 8441).
pub(crate) fn is_extended_connect(request: &Parts) -> bool {
    request.method == Method::CONNECT
        && request.version == Version::HTTP_2
        && request
            .extensions
            .get::<Protocol>()
            .is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case("websocket"))
}

/// Whether the request wants to become a WebSocket, rightly or not.
pub(crate) fn is_asked_for(request: &Parts) -> bool {
    is_extended_connect(request) || has_token(&request.headers, &header::UPGRADE, "websocket")
}

/// Checks the handshake (RFC 6455 section 4.2.1, RFC 8441 section 5). The method has been checked.
pub(crate) fn check(request: &mut Parts) -> Result<Handshake, Refusal> {
    let headers = &request.headers;
    let accept = if is_extended_connect(request) {
        None
    } else {
        let is_upgrade = request.version == Version::HTTP_11
            && has_token(headers, &header::UPGRADE, "websocket")
            && has_token(headers, &header::CONNECTION, "upgrade");
        if !is_upgrade {
            return Err(Refusal::NotWebSocket);
        }
        let key = only(headers, &header::SEC_WEBSOCKET_KEY).ok_or(Refusal::WebSocketKey)?;
        Some(accept(key).ok_or(Refusal::WebSocketKey)?)
    };
    let version = only(headers, &header::SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version.as_bytes() != b"13") {
        return Err(Refusal::WebSocketVersion);
    }
    let on_upgrade = request.extensions.remove().ok_or(Refusal::NoUpgrade)?;
    Ok(Handshake { on_upgrade, accept })
}

impl Handshake {
    pub(crate) fn response(accept: Option<HeaderValue>) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        if let Some(accept) = accept {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }

    pub(crate) fn split(self) -> (OnUpgrade, Response<Body>) {
        (self.on_upgrade, Self::response(self.accept))
    }
}

/// The answer to a key, if it is 16 bytes in base64.
fn accept(key: &HeaderValue) -> Option<HeaderValue> {
    let mut decoded = [0; 18];
    let length = STANDARD.decode_slice(key.as_bytes(), &mut decoded).ok()?;
    if length != 16 {
        return None;
    }
    let digest = Sha1::new()
        .chain_update(key.as_bytes())
        .chain_update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    HeaderValue::try_from(STANDARD.encode(digest)).ok()
}

/// The header's value, if it was sent exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether `token` is in the comma-separated header, whatever its case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|found| found.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_the_key_of_rfc_6455() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept(&key).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn refuses_keys_that_are_not_16_bytes() {
        for key in [
            "",
            "x",
            "AAAA",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZWE=",
            "====",
        ] {
            assert_eq!(accept(&HeaderValue::from_static(key)), None, "{key}");
        }
        let long = "A".repeat(10_000);
        assert_eq!(accept(&HeaderValue::try_from(long).unwrap()), None);
    }
}
