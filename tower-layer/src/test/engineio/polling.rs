//! The two requests of polling.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use sockeye_core::engineio::{Packet, Payload};

use super::{link::Link, options::Options, packets::in_payload};
use crate::{
    engineio::Transport,
    test::{
        Error, Violation,
        error::excerpt,
        route::percent_encoded,
        visit::{Visit, check_content, text_of},
    },
};

/// Asks for packets and waits for the whole answer.
pub(super) async fn get(
    visit: &Visit,
    options: &Options,
    query: String,
) -> Result<Vec<Packet>, Error> {
    let request = visit.request(Method::GET, &visit.in_mount("/"), Some(query));
    let exchange = visit.client.exchange(request).await?;
    visit.note_received(&exchange.head);
    if exchange.head.status != StatusCode::OK {
        return Err(visit.refused(exchange).await);
    }
    let response = visit.client.whole(exchange).await?;
    check_no_store(response.headers())?;
    Ok(in_payload(
        options,
        response.headers(),
        response.body().clone(),
    )?)
}

/// Sends a payload; the server has taken it when this returns.
pub(super) async fn post(link: &Link, form: Payload, payload: Vec<u8>) -> Result<(), Error> {
    let Link { visit, options, .. } = link;
    let query = link.query(Transport::Polling);
    let mut request = visit.request(Method::POST, &visit.in_mount("/"), Some(query));
    let (content_type, body) = match form {
        _ if options.is_jsonp => (
            "application/x-www-form-urlencoded",
            format!("d={}", percent_encoded(&in_form(&payload))).into(),
        ),
        Payload::V3Binary => ("application/octet-stream", payload),
        Payload::V4 | Payload::V3Text => ("text/plain;charset=UTF-8", payload),
    };
    let content_type = HeaderValue::from_static(content_type);
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    *request.body_mut() = Full::new(Bytes::from(body));
    let exchange = visit.client.exchange(request).await?;
    let response = visit.client.whole(exchange).await?;
    visit.note_sent(&response);
    if response.status() == StatusCode::OK && response.text() == "ok" {
        check_no_store(response.headers())?;
        return Ok(check_content(response.headers(), "text/html")?);
    }
    if !response.status().is_success() {
        return Err(Error::Refused(Box::new(response)));
    }
    Err(Violation::SendAnswer {
        status: response.status(),
        body: excerpt(response.body()),
    }
    .into())
}

/// A payload as a script client puts it into its form, so that it survives what browsers make of
/// line ends: a line feed as `\n`, and what looks like that already with one more backslash. A
/// backslash before a line feed is lost in this form, as it is to real clients.
fn in_form(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    text.replace("\\n", "\\\\n").replace('\n', "\\n")
}

/// What was polled must never come out of a cache.
fn check_no_store(head: &HeaderMap) -> Result<(), Violation> {
    let got = text_of(head, &CACHE_CONTROL);
    let mut tokens = got.iter().flat_map(|value| value.split(','));
    if tokens.any(|token| token.trim().eq_ignore_ascii_case("no-store")) {
        return Ok(());
    }
    Err(Violation::Header {
        name: "cache-control",
        expected: Some("no-store".into()),
        got,
    })
}

#[cfg(test)]
mod tests {
    use sockeye_core::engineio::jsonp::decode_form;

    use super::*;

    #[test]
    fn line_feeds_survive_forms() {
        for text in [
            "",
            "4a\nb",
            "4a\\nb",
            "4a\\\\nb",
            "4\n\\n\n",
            "4\u{1e}4é+&=",
        ] {
            let body = format!("d={}", percent_encoded(&in_form(text.as_bytes())));
            let decoded = decode_form(body.as_bytes());
            assert_eq!(decoded, Ok(Some(Bytes::from(text))), "{text:?}");
        }
    }
}
