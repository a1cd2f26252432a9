//! What a handler sees of its session's request.

use std::{fmt, net::SocketAddr};

use crate::ExactPath;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts};

/// The address of the connection's other end, in a request's extensions.
///
/// [`serve`](crate::serve) puts it there. Under another host insert it yourself; the axum adapter
/// takes it from `ConnectInfo<SocketAddr>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Says, in a request's extensions, that the client's connection is encrypted.
///
/// [`serve`](crate::serve) puts it there when it has an [`acceptor`](crate::Serve::acceptor). Under
/// another host that ends TLS insert it yourself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secure;

/// The latest receiving request of a session: its headers, address and extensions.
///
/// Kept in one compact block, since an idle session holds it for its whole life: header values are
/// copied out of the server's read buffer, which would otherwise stay in memory with them.
pub struct Request {
    /// The URI, then a line for each header, ended by a line feed: `name:value`, or the value behind
    /// the one byte that stands for its name. None of them can contain a line feed, and no name a byte
    /// that stands for one.
    block: Box<[u8]>,
    uri_length: usize,
    peer_address: Option<SocketAddr>,
    is_secure: bool,
    extensions: Extensions,
}

/// The byte that stands for the first of `NAMES`; those of the others follow.
const FIRST_NAME: u8 = 0x80;

/// What nearly every request of a session has: a third of a browser's handshake is names of headers.
static NAMES: [HeaderName; 28] = [
    header::HOST,
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_KEY,
    header::ORIGIN,
    header::USER_AGENT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::PRAGMA,
    header::COOKIE,
    header::AUTHORIZATION,
    header::REFERER,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DNT,
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("sec-fetch-dest"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
];

impl Request {
    /// Takes what is kept out of a request's parts.
    pub(crate) fn new(parts: &mut Parts) -> Self {
        let mut extensions = std::mem::take(&mut parts.extensions);
        let peer_address = extensions.remove::<PeerAddress>().map(|peer| peer.0);
        let is_secure = extensions.remove::<Secure>().is_some();
        // Said its say when the request was looked at.
        extensions.remove::<ExactPath>();
        if extensions.is_empty() {
            // An emptied map still holds its memory.
            extensions = Extensions::new();
        }
        let uri = compact_uri(&parts.uri);
        let lines: usize = parts
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 2)
            .sum();
        let mut block = Vec::with_capacity(uri.len() + lines);
        block.extend_from_slice(uri.as_bytes());
        for (name, value) in &parts.headers {
            match NAMES.iter().zip(FIRST_NAME..).find(|(it, _)| *it == name) {
                Some((_, byte)) => block.push(byte),
                None => {
                    block.extend_from_slice(name.as_str().as_bytes());
                    block.push(b':');
                }
            }
            block.extend_from_slice(value.as_bytes());
            block.push(b'\n');
        }
        Self {
            uri_length: uri.len(),
            // A copy: to shrink it in place would leave a gap behind it.
            block: block.as_slice().into(),
            peer_address,
            is_secure,
            extensions,
        }
    }

    /// The request's path and query as sent, below the mount where the framework strips its path.
    pub fn uri(&self) -> &str {
        // It was a `str` when it was copied here.
        std::str::from_utf8(&self.block[..self.uri_length]).unwrap_or_default()
    }

    /// The first value of a header; `name` in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.lines()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The value of a cookie, undecoded; the first of several.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.lines()
            .filter(|(found, _)| found.eq_ignore_ascii_case(b"cookie"))
            .find_map(|(_, value)| cookie(value, name))
    }

    /// The id of the last event that a reconnecting event stream had: the header `Last-Event-ID`,
    /// or the query's `lastEventId` (undecoded), which scripts send in its place.
    pub fn last_event_id(&self) -> Option<&str> {
        let header = self.header("last-event-id");
        header
            .and_then(|id| std::str::from_utf8(id).ok())
            .or_else(|| {
                let (_, query) = self.uri().split_once('?')?;
                let mut pairs = query.split('&');
                pairs.find_map(|pair| pair.strip_prefix("lastEventId="))
            })
            .filter(|id| !id.is_empty())
    }

    /// All headers, copied into a map.
    pub fn headers(&self) -> HeaderMap {
        self.lines()
            .filter_map(|(name, value)| {
                let name = HeaderName::from_bytes(name).ok()?;
                let value = HeaderValue::from_bytes(value).ok()?;
                Some((name, value))
            })
            .collect()
    }

    /// The client's address, where the host tells it: the connection's other end, or what a
    /// trusted proxy says it is.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.peer_address
    }

    /// Whether the client's connection is encrypted, as far as the host or a trusted proxy tells.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// What middleware in front put into the request: a login session, say.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// One of the request's extensions.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.get()
    }

    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.block[self.uri_length..]
            .split(|byte| *byte == b'\n')
            .filter_map(|line| {
                let (first, behind) = line.split_first()?;
                if let Some(index) = first.checked_sub(FIRST_NAME) {
                    let name = NAMES.get(usize::from(index))?;
                    return Some((name.as_str().as_bytes(), behind));
                }
                let colon = line.iter().position(|byte| *byte == b':')?;
                Some((&line[..colon], &line[colon + 1..]))
            })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values hold cookies and tokens, and the path the session's secret id.
        f.debug_struct("Request")
            .field("peer_address", &self.peer_address)
            .finish_non_exhaustive()
    }
}

/// The value of a cookie in one `Cookie` header.
///
/// Read byte by byte: another cookie that is no text must not hide this one.
pub(crate) fn cookie<'a>(header: &'a [u8], name: &str) -> Option<&'a str> {
    header.split(|byte| *byte == b';').find_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (found, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        let bare = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""));
        let is_it = found == name.as_bytes();
        is_it.then(|| std::str::from_utf8(bare.unwrap_or(value)).ok())?
    })
}

fn compact_uri(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_headers_uri_and_extensions() {
        let (mut parts, ()) = http::Request::get("/a/b/xhr?t=1")
            .header("Cookie", "a=b; c=d:e")
            .header("x-empty", "")
            .extension(PeerAddress(([127, 0, 0, 1], 80).into()))
            .extension("login")
            .body(())
            .unwrap()
            .into_parts();
        let request = Request::new(&mut parts);
        assert_eq!(request.uri(), "/a/b/xhr?t=1");
        assert_eq!(request.header("COOKIE"), Some(&b"a=b; c=d:e"[..]));
        assert_eq!(request.header("x-empty"), Some(&b""[..]));
        assert_eq!(request.header("x-none"), None);
        assert_eq!(request.headers(), parts.headers);
        assert_eq!(request.peer_address(), Some(([127, 0, 0, 1], 80).into()));
        assert_eq!(request.extension::<&str>(), Some(&"login"));
    }

    #[test]
    fn keeps_every_name_and_value_however_they_are_written_down() {
        let mut builder = http::Request::get("/");
        let odd = HeaderValue::from_bytes(b"\x80: \xff:").unwrap();
        for name in NAMES.iter().map(HeaderName::as_str).chain(["x", "x-80"]) {
            builder = builder
                .header(name, "")
                .header(name, &odd)
                .header(name, name);
        }
        let (mut parts, ()) = builder.body(()).unwrap().into_parts();
        let request = Request::new(&mut parts);
        assert_eq!(request.headers(), parts.headers);
        assert_eq!(request.lines().count(), 3 * (NAMES.len() + 2));
        assert_eq!(request.header("Sec-WebSocket-Key"), Some(&b""[..]));
    }

    #[test]
    fn the_names_that_nearly_every_request_has_take_a_byte_each() {
        let (mut parts, ()) = http::Request::get("/ws")
            .header("Sec-WebSocket-Version", "13")
            .header("x-own", "1")
            .body(())
            .unwrap()
            .into_parts();
        assert_eq!(&*Request::new(&mut parts).block, b"/ws\x8313\nx-own:1\n");
    }
}
