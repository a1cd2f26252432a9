//! The policy at work.

use std::{borrow::Cow, fmt, str};

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

use super::{
    Authority, Origins,
    origin::{Origin, Pattern},
};
use crate::forwarded::Told;

/// An origin policy in the form that requests are held against.
#[derive(Clone, Debug)]
pub(crate) enum Policy {
    SameOrigin,
    List(Vec<Pattern>),
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

impl Policy {
    /// # Panics
    ///
    /// When the list holds what is not an origin.
    pub(crate) fn new(origins: Origins) -> Self {
        match origins {
            Origins::SameOrigin => Self::SameOrigin,
            Origins::Any => Self::Any,
            Origins::List(list) => Self::List(
                list.iter()
                    .map(|entry| {
                        Pattern::parse(entry).unwrap_or_else(|| {
                            panic!(
                                "allowed_origins: {entry:?} is not scheme://host, \
                                 scheme://host:port or scheme://*.domain, as browsers send it"
                            )
                        })
                    })
                    .collect(),
            ),
        }
    }

    /// Whether a request comes from a page that may use the mount. `told` is what a trusted proxy
    /// says of where it was sent.
    pub(crate) fn admit(&self, request: &Parts, told: &Told, reading: Reading) -> bool {
        if matches!(self, Self::Any) {
            return true;
        }
        let page = page(&request.headers);
        let is_admitted = match page {
            Page::Named(origin) => self.admits(str::from_utf8(origin).ok(), request, told),
            Page::Several => false,
            // A page can keep its name to itself, so silence must not open what it could read.
            Page::Silent => reading == Reading::OwnPages,
            Page::Own => true,
        };
        if !is_admitted {
            // What a front end on another port meets on its first day.
            tracing::info!(
                origin = %page,
                host = %shown(place_text(request)),
                told_host = told.host.as_ref().map(tracing::field::display),
                told_scheme = told.scheme.as_ref().map(tracing::field::display),
                "a page of another origin was refused with 403; \
                 the setting that lets it in is allowed_origins"
            );
        }
        is_admitted
    }

    fn admits(&self, origin: Option<&str>, request: &Parts, told: &Told) -> bool {
        if origin == Some("null") {
            return matches!(self, Self::List(list) if list.contains(&Pattern::Null));
        }
        let Some(origin) = origin.and_then(Origin::parse) else {
            return false;
        };
        let listed = match self {
            Self::Any => true,
            Self::SameOrigin => false,
            Self::List(list) => list.iter().any(|entry| entry.admits(&origin)),
        };
        let place = || match &told.host {
            Some(host) => Some(Cow::Borrowed(host)),
            None => place(request).map(Cow::Owned),
        };
        listed || place().is_some_and(|place| origin.is_at(&place, told.scheme))
    }

    /// The `frame-ancestors` policy for the iframe page, or `None` where it is not served.
    pub(crate) fn frame_ancestors(&self) -> Option<Option<String>> {
        match self {
            Self::SameOrigin => None,
            Self::List(list) => {
                let sources = list.iter().filter_map(Pattern::source);
                let policy = sources.fold("frame-ancestors 'self'".to_owned(), |policy, source| {
                    policy + " " + &source
                });
                Some(Some(policy))
            }
            Self::Any => Some(None),
        }
    }
}

/// What a request tells of the page behind it.
#[derive(Clone, Copy, Debug)]
enum Page<'a> {
    /// What should be its origin.
    Named(&'a [u8]),
    /// More than one.
    Several,
    /// A page of another site, which one is not told.
    Silent,
    /// Our own page, or none.
    Own,
}

fn page(headers: &HeaderMap) -> Page<'_> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(_), Some(_)) => Page::Several,
        // An empty Origin says nothing.
        (Some(origin), None) if !origin.is_empty() => Page::Named(origin.as_bytes()),
        _ => match headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
            Some(b"same-site" | b"cross-site") => match headers.get(header::REFERER) {
                Some(referer) => Page::Named(origin_of(referer.as_bytes())),
                None => Page::Silent,
            },
            _ => Page::Own,
        },
    }
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(origin) => f.write_str(&shown(origin)),
            Self::Several => f.write_str("(several)"),
            Self::Silent => f.write_str("(another site's)"),
            Self::Own => f.write_str("(our own)"),
        }
    }
}

/// The origin at the front of a referrer; nothing where there is none.
fn origin_of(referer: &[u8]) -> &[u8] {
    let Some(colon) = referer.windows(3).position(|window| window == b"://") else {
        return b"";
    };
    let rest = &referer[colon + 3..];
    let is_end = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
    let length = rest.iter().position(is_end).unwrap_or(rest.len());
    &referer[..colon + 3 + length]
}

/// Where the request was sent: `Host`, or the authority of an HTTP/2 request.
fn place(request: &Parts) -> Option<Authority> {
    Authority::parse(str::from_utf8(place_text(request)).ok()?)
}

fn place_text(request: &Parts) -> &[u8] {
    match request.uri.authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => {
            let host = request.headers.get(header::HOST);
            host.map(HeaderValue::as_bytes).unwrap_or_default()
        }
    }
}

/// What a peer sent, as a line of a log can hold it.
fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(MAX_SHOWN)]
        .escape_ascii()
        .to_string()
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Bytes of a header's value in the log: a whole domain name, its scheme and port.
const MAX_SHOWN: usize = 270;

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;
    use crate::origins::Scheme;

    fn request(headers: &[(&'static str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn judges_origins() {
        let list = || {
            Policy::new(Origins::from([
                "https://app.example",
                "http://localhost:5173",
                "https://*.sub.example",
            ]))
        };
        let null = || Policy::new(Origins::from(["null"]));
        #[rustfmt::skip]
        let cases = [
            // policy             host              origin                        admitted
            (Policy::SameOrigin, "a.example",      "http://a.example",           true),
            (Policy::SameOrigin, "a.example",      "https://a.example",          true),
            (Policy::SameOrigin, "A.example",      "https://a.EXAMPLE:443",      true),
            (Policy::SameOrigin, "a.example:8080", "http://a.example:8080",      true),
            (Policy::SameOrigin, "a.example:8080", "http://a.example",           false),
            (Policy::SameOrigin, "a.example",      "http://a.example:81",        false),
            (Policy::SameOrigin, "a.example:80",   "https://a.example",          false),
            (Policy::SameOrigin, "a.example",      "http://a.example.evil",      false),
            (Policy::SameOrigin, "a.example",      "http://b@a.example",         false),
            (Policy::SameOrigin, "a.example",      "http://a.example/",          false),
            (Policy::SameOrigin, "[::1]:81",       "http://[0::1]:81",           true),
            (Policy::SameOrigin, "a b",            "http://a b",                 false),
            (Policy::SameOrigin, "a.example",      "null",                       false),
            (Policy::SameOrigin, "null",           "null",                       false),
            (Policy::SameOrigin, "a.example",      "ftp://a.example",            false),
            (Policy::SameOrigin, "a.example",      "%%%",                        false),
            (list(),             "a.example",      "https://app.example",        true),
            (list(),             "a.example",      "https://app.example:443",    true),
            (list(),             "a.example",      "http://app.example",         false),
            (list(),             "a.example",      "http://localhost:5173",      true),
            (list(),             "a.example",      "http://localhost",           false),
            (list(),             "a.example",      "https://x.sub.example",      true),
            (list(),             "a.example",      "https://sub.example",        false),
            (list(),             "a.example",      "http://a.example",           true),
            (list(),             "a.example",      "null",                       false),
            (null(),             "a.example",      "null",                       true),
            (null(),             "a.example",      "NULL",                       false),
            (null(),             "a.example",      "http://b.example",           false),
            (Policy::Any,        "a.example",      "null",                       true),
            (Policy::Any,        "a.example",      "%%%",                        true),
        ];
        for (policy, host, origin, expected) in cases {
            let request = request(&[("host", host), ("origin", origin)]);
            let admitted = policy.admit(&request, &Told::default(), Reading::OwnPages);
            assert_eq!(admitted, expected, "{policy:?} {host} {origin}");
        }
        let two = request(&[
            ("host", "a"),
            ("origin", "http://a"),
            ("origin", "http://a"),
        ]);
        assert!(!Policy::SameOrigin.admit(&two, &Told::default(), Reading::OwnPages));
    }

    #[test]
    fn what_a_proxy_tells_stands_for_host_and_scheme() {
        use Scheme::{Http, Https};
        #[rustfmt::skip]
        let cases = [
            // told host         scheme       origin                   admitted
            (None,               None,        "http://a.example",      true),
            (None,               Some(Https), "https://a.example",     true),
            (None,               Some(Https), "http://a.example",      false),
            (None,               Some(Http),  "https://a.example",     false),
            (Some("b.example"),  None,        "https://b.example",     true),
            (Some("b.example"),  None,        "https://a.example",     false),
            (Some("b.example"),  Some(Https), "https://b.example",     true),
            (Some("b.example"),  Some(Https), "https://b.example:8443",false),
            (Some("b.example:8443"), Some(Https), "https://b.example:8443", true),
            (Some("b.example"),  Some(Https), "http://b.example:443",  false),
        ];
        for (host, scheme, origin, expected) in cases {
            let told = Told {
                host: host.and_then(Authority::parse),
                scheme,
            };
            let request = request(&[("host", "a.example"), ("origin", origin)]);
            let admitted = Policy::SameOrigin.admit(&request, &told, Reading::OwnPages);
            assert_eq!(admitted, expected, "{host:?} {scheme:?} {origin}");
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
            let mut headers = vec![("host", "a.example")];
            headers.extend(site.map(|site| ("sec-fetch-site", site)));
            headers.extend(referer.map(|referer| ("referer", referer)));
            let request = request(&headers);
            let admit = |reading| Policy::SameOrigin.admit(&request, &Told::default(), reading);
            assert_eq!(admit(Reading::OwnPages), expected, "{site:?} {referer:?}");
            // A script of another site's page must name that page.
            let is_silent = site == Some("cross-site") && referer.is_none();
            let is_admitted = admit(Reading::AnyPage);
            assert_eq!(is_admitted, expected && !is_silent, "{site:?} {referer:?}");
        }
    }

    #[test]
    fn frames_are_those_of_the_list() {
        let list = [
            "HTTPS://App.example:443",
            "https://*.sub.example:8443",
            "null",
        ];
        let policy = Policy::new(Origins::from(list)).frame_ancestors();
        let expected = "frame-ancestors 'self' https://app.example https://*.sub.example:8443";
        assert_eq!(policy, Some(Some(expected.into())));
        assert_eq!(Policy::SameOrigin.frame_ancestors(), None);
        assert_eq!(Policy::Any.frame_ancestors(), Some(None));
    }

    #[test]
    fn what_is_not_an_origin_is_named() {
        for entry in [
            "",
            "*",
            "example.com",
            "https://example.com/",
            "https://example.com/path",
            "https://*",
            "https://*.",
            "https://a.*.example.com",
            "https://*example.com",
            "https://*.*.example.com",
            "https://*.10.0.0.1",
            "https://*.[::1]",
            "*://example.com",
            "https://*.example.com/",
            "https://bücher.example",
            "https://a.example https://b.example",
            "https://a.example; script-src *",
            "Null",
        ] {
            let refused = catch_unwind(|| Policy::new(Origins::from([entry]))).unwrap_err();
            let message = refused.downcast::<String>().unwrap();
            assert!(
                message.starts_with(&format!("allowed_origins: {entry:?} ")),
                "{message}"
            );
        }
    }

    #[test]
    fn nothing_in_the_log_can_pass_for_a_line_of_its_own() {
        assert_eq!(shown(b"http://a\t\xffb\n\x1b"), r"http://a\t\xffb\n\x1b");
        assert_eq!(shown(&[b'a'; 60_000]).len(), MAX_SHOWN);
        assert_eq!(shown(b""), "");
    }
}
