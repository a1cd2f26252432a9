//! Which origins are let in, on every transport alike.

mod origin;
mod policy;

pub(crate) use origin::{Authority, Scheme, parse_port};
pub(crate) use policy::{Policy, Reading};

/// The origin policy of a mount: whose pages may use it.
///
/// It guards every route that carries a session, and info; a refusal is 403 and names this
/// setting, in its body and in the log. It is about browsers: other clients send what they like.
///
/// | request | `SameOrigin` | `List` | `Any` |
/// |---|---|---|---|
/// | `Origin` is the server's own | passes | passes | passes |
/// | `Origin` is listed | 403 | passes | passes |
/// | any other `Origin` | 403 | 403 | passes |
/// | `Origin: null` | 403 | 403 unless `"null"` is listed | passes |
/// | no `Origin`, `Sec-Fetch-Site` absent, `none` or `same-origin` | passes | passes | passes |
/// | no `Origin`, from another site, with a `Referer` | as an `Origin` | as an `Origin` | passes |
/// | no `Origin`, from another site, without a `Referer` | passes, jsonp and htmlfile 403 | the same | passes |
/// | the iframe page | 404 | served, framed by `frame-ancestors` | served |
///
/// jsonp (SockJS's and Engine.IO's) and htmlfile are stricter because every page that loads their
/// answers can read them.
///
/// The server's own origin is the request's `Host` with any scheme, since a proxy that ends TLS
/// hides the page's. Where one of the [`trusted_proxies`](crate::SockJs::trusted_proxies) tells
/// scheme or host, these count, and the scheme is compared as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// The page's host and port must be those of the request's `Host`. The default. Transports
    /// that work through an iframe, which exist for pages of other origins, are off (404).
    #[default]
    SameOrigin,
    /// These origins, and the server's own, from which the iframe transports of a listed page send.
    ///
    /// | entry | admits |
    /// |---|---|
    /// | `https://example.com` | this origin; port 443 may be written or not |
    /// | `http://localhost:5173` | this scheme, host and port |
    /// | `http://[::1]:5173` | an IPv6 address, however it is written |
    /// | `https://*.example.com` | subdomains at any depth on the same scheme and port; not `https://example.com` itself |
    /// | `null` | **pages without an origin of their own**: any site can make one, with a sandboxed frame. Much like [`Any`](Self::Any), and only for mounts that authenticate in their own messages |
    ///
    /// Schemes are `http` and `https`, and case does not matter. Write an international name as
    /// browsers send it: `https://xn--bcher-kva.example`. Every host of a wildcard is trusted:
    /// think of subdomains that others can claim.
    List(Vec<String>),
    /// Pages of every origin, with the user's cookies. Sessions must then authenticate in their
    /// own messages.
    Any,
}

impl<const N: usize> From<[&str; N]> for Origins {
    fn from(origins: [&str; N]) -> Self {
        origins.as_slice().into()
    }
}

impl From<&[&str]> for Origins {
    fn from(origins: &[&str]) -> Self {
        Self::List(origins.iter().map(|&origin| origin.into()).collect())
    }
}

impl From<Vec<String>> for Origins {
    fn from(origins: Vec<String>) -> Self {
        Self::List(origins)
    }
}
