//! What a hook sees.

use std::{fmt, net::SocketAddr};

use http::{Extensions, HeaderMap, HeaderValue, Method, Uri, header, request::Parts};

use crate::{PeerAddress, Secure, Sender, Transport, request::cookie};

/// A request that asks to open a session, or that belongs to one: its head, as the host handed it
/// on.
pub struct ConnectRequest {
    pub(crate) parts: Parts,
    transport: Transport,
    pub(crate) session: Option<Sender>,
}

impl ConnectRequest {
    pub(crate) fn new(parts: Parts, transport: Transport, session: Option<Sender>) -> Self {
        Self {
            parts,
            transport,
            session,
        }
    }

    /// The method. Over HTTP/2 a WebSocket is opened by CONNECT.
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The request's target, below the mount where the framework strips its path. The secret id of
    /// an Engine.IO session is left out of its query.
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// The query of the request's target, undecoded, without an Engine.IO session's `sid`.
    ///
    /// Every request that opens a session can carry one, whatever its transport; sockjs-client
    /// sends none of its own, besides a time against caches.
    pub fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The first value of a header, if it is visible ASCII; `name` in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The value of a cookie, undecoded; the first of several, which is that of the longest path.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.parts.headers.get_all(header::COOKIE).iter();
        cookies
            .map(HeaderValue::as_bytes)
            .find_map(|value| cookie(value, name))
    }

    /// The page's origin, if the browser told it.
    pub fn origin(&self) -> Option<&HeaderValue> {
        self.parts.headers.get(header::ORIGIN)
    }

    /// What middleware in front put into the request: a login session, say. A URI that a framework keeps
    /// there is as the client sent it, but for that of the axum adapter's routes.
    pub fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }

    /// One of the request's extensions.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.parts.extensions.get()
    }

    /// The client's address: the connection's other end, or what a trusted proxy says it is.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.extension::<PeerAddress>().map(|peer| peer.0)
    }

    /// Whether the client's connection is encrypted, as far as the host or a trusted proxy tells.
    pub fn is_secure(&self) -> bool {
        self.extension::<Secure>().is_some()
    }

    /// The transport that is asked for; for a request that sends, the session's own.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The session that the request belongs to; `None` while there is none, in `on_connect`.
    pub fn session(&self) -> Option<&Sender> {
        self.session.as_ref()
    }
}

impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values hold cookies and tokens, and the path the session's secret id.
        f.debug_struct("ConnectRequest")
            .field("method", &self.parts.method)
            .field("transport", &self.transport)
            .field("peer_address", &self.peer_address())
            .finish_non_exhaustive()
    }
}
