//! Files that a mount serves beside its sessions: a client script, say.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use sha1::{Digest, Sha1};

use crate::body::Body;

/// A file in memory, to be served below a mount; cheap to clone.
///
/// It is answered with an `ETag` of its content and `Cache-Control: public, max-age=0`: browsers keep
/// it, and ask each time whether it has changed.
///
/// # Example
///
/// ```
/// use sockeye_tower::{EngineIo, Session, StaticFile};
///
/// let script = StaticFile::new("console.log('hello')", "application/javascript; charset=utf-8");
/// let mount = EngineIo::new(async |_: Session| {}).file("client.js", script);
/// # let _ = mount;
/// ```
#[derive(Clone)]
pub struct StaticFile(Arc<Inner>);

struct Inner {
    body: Bytes,
    content_type: HeaderValue,
    etag: HeaderValue,
}

impl StaticFile {
    /// A file with this content.
    ///
    /// # Panics
    ///
    /// When the type is no header value: it has control characters.
    pub fn new(body: impl Into<Bytes>, content_type: &'static str) -> Self {
        let body = body.into();
        Self(Arc::new(Inner {
            content_type: HeaderValue::from_static(content_type),
            etag: etag(&body),
            body,
        }))
    }

    /// The answer to a request for the file; `None` for methods that only sessions know.
    pub(crate) fn answer(&self, parts: &Parts) -> Option<Response<Body>> {
        let body = match parts.method {
            Method::GET => Body::from(self.0.body.clone()),
            Method::HEAD => Body::empty(),
            _ => return None,
        };
        let mut response = Response::new(Body::empty());
        if is_known(&parts.headers, &self.0.etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = body;
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, self.0.content_type.clone());
            headers.insert(header::CONTENT_LENGTH, self.0.body.len().into());
        }
        let headers = response.headers_mut();
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=0"),
        );
        headers.insert(header::ETAG, self.0.etag.clone());
        Some(response)
    }
}

impl fmt::Debug for StaticFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticFile")
            .field("content_type", &self.0.content_type)
            .field("bytes", &self.0.body.len())
            .finish_non_exhaustive()
    }
}

/// A strong tag that depends on the body alone.
pub(crate) fn etag(body: &[u8]) -> HeaderValue {
    let digest = Sha1::digest(body);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).expect("hexadecimal digits are visible ASCII")
}

/// Whether the client has what the tag stands for.
pub(crate) fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .flat_map(|tags| tags.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes())
}
