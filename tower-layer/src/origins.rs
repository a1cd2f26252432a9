//! Which origins are let in, on every transport alike.

use http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};

/// The origin policy of a mount: whose pages may use it.
///
/// It guards every route that carries a session, and info; a refusal is 403 and names this
/// setting. It is about browsers: other clients send what they like.
///
/// A request without `Origin` is judged by `Sec-Fetch-Site`: `same-origin`, `none` or no such
/// header passes; from another site the `Referer`, if there is one, must match the policy. jsonp and
/// htmlfile answers can be read by every page that loads them, so there it must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// The page's host and port must be those of the request's `Host`. The default. Transports
    /// that work through an iframe, which exist for pages of other origins, are off (404).
    #[default]
    SameOrigin,
    /// Exactly these origins, such as `https://example.com` or `http://localhost:5173`, and the
    /// server's own, from which the iframe transports of a listed page send.
    List(Vec<String>),
    /// Pages of every origin, with the user's cookies. Sessions must then authenticate in their
    /// own messages.
    Any,
}

/// Who can read an answer that carries no CORS headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Pages of our own origin alone: the browser keeps it from others.
    OwnPages,
    /// Every page: what is loaded as a script or a frame.
    AnyPage,
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

impl Origins {
    /// The policy with its list in the form that browsers send.
    ///
    /// # Panics
    ///
    /// When a listed origin is not `scheme://host` or `scheme://host:port`.
    pub(crate) fn checked(self) -> Self {
        let Self::List(origins) = self else {
            return self;
        };
        Self::List(
            origins
                .into_iter()
                .map(|origin| {
                    Origin::parse(&origin)
                        // A path would be taken for a restriction that nobody checks.
                        .filter(|_| !origin.contains(['?', '#']) && origin.matches('/').count() == 2)
                        .unwrap_or_else(|| {
                            panic!("allowed_origins: {origin:?} is not scheme://host or scheme://host:port")
                        })
                        .to_string()
                })
                .collect(),
        )
    }

    /// Whether a request with these headers comes from a page that may use the mount.
    pub(crate) fn admit(&self, headers: &HeaderMap, uri: &Uri, reading: Reading) -> bool {
        let host = host(headers, uri);
        match headers.get(header::ORIGIN) {
            // An empty Origin says nothing.
            Some(origin) if !origin.is_empty() => self.admits(origin.to_str().ok(), host.as_ref()),
            _ => match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
                Some(b"same-site" | b"cross-site") => match headers.get(header::REFERER) {
                    Some(referer) => {
                        let origin = referer.to_str().ok().and_then(origin_of);
                        self.admits(origin, host.as_ref())
                    }
                    // A page can keep its name to itself, so silence must not open what it could read.
                    None => matches!(self, Self::Any) || reading == Reading::OwnPages,
                },
                _ => true,
            },
        }
    }

    fn admits(&self, origin: Option<&str>, host: Option<&Authority>) -> bool {
        if matches!(self, Self::Any) {
            return true;
        }
        let Some(origin) = origin.and_then(Origin::parse) else {
            return false;
        };
        // The scheme is not compared: behind a proxy that ends TLS it is not the page's.
        let same = host.is_some_and(|host| origin.is_at(host));
        match self {
            Self::Any => true,
            Self::SameOrigin => same,
            Self::List(list) => same || list.contains(&origin.to_string()),
        }
    }

    /// The `frame-ancestors` policy for the iframe page, or `None` where it is not served.
    pub(crate) fn frame_ancestors(&self) -> Option<Option<String>> {
        match self {
            Self::SameOrigin => None,
            Self::List(list) => Some(Some(format!("frame-ancestors 'self' {}", list.join(" ")))),
            Self::Any => Some(None),
        }
    }
}

/// A page's scheme, host and port.
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Reads an origin; `null` is none, and nothing may follow the port.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return None;
        }
        if rest.contains(['/', '?', '#', '@']) {
            return None;
        }
        let authority: Authority = rest.parse().ok()?;
        let scheme = scheme.to_ascii_lowercase();
        Some(Self {
            port: authority.port_u16().or(default_port(&scheme)),
            host: authority.host().to_ascii_lowercase(),
            scheme,
        })
    }

    fn is_at(&self, host: &Authority) -> bool {
        // A Host without port stands for the default port of the page's own scheme.
        let port = host.port_u16().or(default_port(&self.scheme));
        host.host().eq_ignore_ascii_case(&self.host) && port == self.port
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scheme, host, port } = self;
        write!(f, "{scheme}://{host}")?;
        match port {
            Some(port) if Some(*port) != default_port(scheme) => write!(f, ":{port}"),
            _ => Ok(()),
        }
    }
}

/// The origin at the front of a referrer.
fn origin_of(referer: &str) -> Option<&str> {
    let start = referer.find("://")? + 3;
    let end = referer[start..]
        .find(['/', '?', '#'])
        .map_or(referer.len(), |length| start + length);
    Some(&referer[..end])
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

/// Where the request was sent: `Host`, or the authority of an HTTP/2 request.
fn host(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    if let Some(authority) = uri.authority() {
        return Some(authority.clone());
    }
    headers.get(header::HOST)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_origins() {
        let list = || Origins::from(["https://app.example", "http://localhost:5173"]).checked();
        #[rustfmt::skip]
        let cases = [
            // policy              host              origin                        admitted
            (Origins::SameOrigin, "a.example",      "http://a.example",           true),
            (Origins::SameOrigin, "a.example",      "https://a.example",          true),
            (Origins::SameOrigin, "A.example",      "https://a.EXAMPLE:443",      true),
            (Origins::SameOrigin, "a.example:8080", "http://a.example:8080",      true),
            (Origins::SameOrigin, "a.example:8080", "http://a.example",           false),
            (Origins::SameOrigin, "a.example",      "http://a.example:81",        false),
            (Origins::SameOrigin, "a.example",      "http://a.example.evil",      false),
            (Origins::SameOrigin, "a.example",      "http://b@a.example",         false),
            (Origins::SameOrigin, "a.example",      "http://a.example/",          false),
            (Origins::SameOrigin, "a.example",      "http://a.example/path",      false),
            (Origins::SameOrigin, "a.example",      "null",                       false),
            (Origins::SameOrigin, "a.example",      "ftp://a.example",            false),
            (Origins::SameOrigin, "a.example",      "%%%",                        false),
            (list(),              "a.example",      "https://app.example",        true),
            (list(),              "a.example",      "https://app.example:443",    true),
            (list(),              "a.example",      "http://app.example",         false),
            (list(),              "a.example",      "http://localhost:5173",      true),
            (list(),              "a.example",      "http://localhost",           false),
            (list(),              "a.example",      "http://a.example",           true),
            (list(),              "a.example",      "null",                       false),
            (Origins::Any,        "a.example",      "null",                       true),
            (Origins::Any,        "a.example",      "%%%",                        true),
        ];
        for (policy, host, origin, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("host", host.parse().unwrap());
            headers.insert("origin", origin.parse().unwrap());
            let admitted = policy.admit(&headers, &Uri::from_static("/"), Reading::OwnPages);
            assert_eq!(admitted, expected, "{policy:?} {host} {origin}");
        }
    }

    #[test]
    fn without_origin_the_fetch_metadata_decide() {
        #[rustfmt::skip]
        let cases = [
            (None,                None,                     true),
            (Some("none"),        None,                     true),
            (Some("same-origin"), Some("http://b.example"), true),
            (Some("cross-site"),  None,                     true),
            (Some("cross-site"),  Some("http://b.example/x"), false),
            (Some("same-site"),   Some("http://b.a.example/x"), false),
            (Some("cross-site"),  Some("http://a.example/x?y"), true),
        ];
        for (site, referer, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("host", "a.example".parse().unwrap());
            if let Some(site) = site {
                headers.insert("sec-fetch-site", site.parse().unwrap());
            }
            if let Some(referer) = referer {
                headers.insert("referer", referer.parse().unwrap());
            }
            let uri = Uri::from_static("/");
            let admitted = Origins::SameOrigin.admit(&headers, &uri, Reading::OwnPages);
            assert_eq!(admitted, expected, "{site:?} {referer:?}");
            // A script of another site's page must name that page.
            let is_silent = site == Some("cross-site") && referer.is_none();
            let admitted = Origins::SameOrigin.admit(&headers, &uri, Reading::AnyPage);
            assert_eq!(admitted, expected && !is_silent, "{site:?} {referer:?}");
        }
    }
}
