//! An answer as the test sees it.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header::SET_COOKIE, response::Parts};

/// An answer's status, headers and body.
///
/// Of a session's answers, whose bodies are its frames, the body is empty here.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    text: String,
}

impl Response {
    pub(super) fn new(parts: &Parts, body: Bytes) -> Self {
        Self {
            status: parts.status,
            headers: parts.headers.clone(),
            text: String::from_utf8_lossy(&body).into_owned(),
            body,
        }
    }

    pub(super) fn head(parts: &Parts) -> Self {
        Self::new(parts, Bytes::new())
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first header of this name, if its value is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let name: HeaderName = name.parse().ok()?;
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of a cookie that this answer sets, without its attributes; the last one if it is
    /// set more than once.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .filter_map(|cookie| cookie.split(';').next()?.split_once('='))
            .filter(|(found, _)| found.trim() == name)
            .map(|(_, value)| value.trim())
            .next_back()
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as text; what is no UTF-8 in it is replaced by U+FFFD.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.status, self.text)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.text)
            .finish()
    }
}
