//! An answer as the test sees it.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header::SET_COOKIE, response::Parts};

use crate::engineio::ErrorCode;

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

    /// The error that Engine.IO refuses a request with: its code and its message.
    ///
    /// Plain requests are told it as JSON. A WebSocket's request is told the message alone, so
    /// there is an error only if the message is one of the protocol's own; an application's is
    /// [`text`](Self::text).
    ///
    /// # Example
    ///
    /// ```test_harness
    /// # use sockeye_tower as sockeye;
    /// use sockeye::{
    ///     ConnectRequest, EngineIo, Reject, Session, engineio::ErrorCode, test::Client,
    /// };
    ///
    /// #[tokio::test(start_paused = true)]
    /// async fn nobody_comes_in() {
    ///     let mount = EngineIo::new(async |_session: Session| {})
    ///         .on_connect(async |_: &ConnectRequest| Err(Reject::status(403).body("closed")));
    ///     let refused = Client::new(mount.service()).engineio("/").expect_refused().await;
    ///     assert_eq!(refused.status(), 403);
    ///     assert_eq!(refused.engineio_error(), Some((ErrorCode::Forbidden, "closed".into())));
    /// }
    /// ```
    pub fn engineio_error(&self) -> Option<(ErrorCode, String)> {
        super::engineio::error_in(self)
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
