//! Origins, and where a request was sent: read strictly, compared exactly.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

/// A scheme that pages and mounts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A host in the one form it is compared in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A name in lower case, or an IPv4 address.
    Name(Box<str>),
    V6(Ipv6Addr),
}

/// A host and perhaps a port, as in `Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    host: Host,
    port: Option<u16>,
}

/// A page's scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Exact(Origin),
    /// The hosts below that of an origin.
    Below(Origin),
    /// Pages without an origin of their own.
    Null,
}

impl Scheme {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("https") {
            Some(Self::Https)
        } else if text.eq_ignore_ascii_case("http") {
            Some(Self::Http)
        } else {
            None
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Some(address) = text.strip_prefix('[') {
            return Some(Self::V6(address.strip_suffix(']')?.parse().ok()?));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            let is_named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !label.is_empty() && label.bytes().all(is_named)
        };
        if text.len() > MAX_NAME || !name.split('.').all(is_label) {
            return None;
        }
        // Browsers take what ends in a number for an address, and send it in its usual form.
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|byte| byte.is_ascii_digit()) && name.parse::<Ipv4Addr>().is_err() {
            return None;
        }
        Some(Self::Name(text.to_ascii_lowercase().into()))
    }

    /// Whether there can be hosts below it.
    fn is_domain(&self) -> bool {
        matches!(self, Self::Name(name) if name.parse::<Ipv4Addr>().is_err())
    }

    fn is_below(&self, parent: &Self) -> bool {
        let (Self::Name(name), Self::Name(parent)) = (self, parent) else {
            return false;
        };
        name.strip_suffix(&**parent)
            .is_some_and(|front| front.ends_with('.'))
    }
}

impl Authority {
    /// Reads `host`, `host:port` or `host:`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The last colon is a port's, unless it stands within the brackets of an IPv6 address.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (text, ""),
        };
        let port = match port {
            "" => None,
            digits => Some(parse_port(digits)?),
        };
        Some(Self {
            host: Host::parse(host)?,
            port,
        })
    }
}

impl Origin {
    /// Reads an origin; `null` is none, and nothing may follow the port.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = Scheme::parse(scheme)?;
        let authority = Authority::parse(rest).filter(|_| !rest.ends_with(':'))?;
        Some(Self {
            scheme,
            host: authority.host,
            port: authority.port.unwrap_or(scheme.default_port()),
        })
    }

    /// Whether the page comes from where a request was sent, by a scheme that may be known.
    pub(crate) fn is_at(&self, place: &Authority, scheme: Option<Scheme>) -> bool {
        // A Host without port stands for the default port of the scheme, which is the page's own
        // where nobody tells.
        let port = place.port.unwrap_or(self.scheme.default_port());
        scheme.is_none_or(|scheme| scheme == self.scheme)
            && port == self.port
            && place.host == self.host
    }
}

impl Pattern {
    /// Reads an entry of a list.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Null);
        }
        let Some((scheme, parent)) = text.split_once("://*.") else {
            return Origin::parse(text).map(Self::Exact);
        };
        Origin::parse(&format!("{scheme}://{parent}"))
            .filter(|origin| origin.host.is_domain())
            .map(Self::Below)
    }

    pub(crate) fn admits(&self, origin: &Origin) -> bool {
        match self {
            Self::Exact(listed) => listed == origin,
            Self::Below(parent) => {
                parent.scheme == origin.scheme
                    && parent.port == origin.port
                    && origin.host.is_below(&parent.host)
            }
            Self::Null => false,
        }
    }

    /// The source expression of a content security policy, where there is one.
    pub(crate) fn source(&self) -> Option<String> {
        match self {
            Self::Exact(origin) => Some(origin.to_string()),
            Self::Below(parent) => Some(parent.to_string().replacen("://", "://*.", 1)),
            Self::Null => None,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => f.write_str(name)?,
            Host::V6(address) => write!(f, "[{address}]")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = (self.port != self.scheme.default_port()).then_some(self.port);
        let authority = Authority {
            host: self.host.clone(),
            port,
        };
        write!(f, "{}://{authority}", self.scheme)
    }
}

/// Digits alone: `u16` would take a plus sign as well.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Bytes of a domain name with its last dot.
const MAX_NAME: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_origins_as_browsers_send_them() {
        #[rustfmt::skip]
        let cases = [
            // text                       the same, in the usual form
            ("https://example.com",       Some("https://example.com")),
            ("HTTPS://Example.COM:443",   Some("https://example.com")),
            ("http://example.com:443",    Some("http://example.com:443")),
            ("http://a_b-c.example:08080",Some("http://a_b-c.example:8080")),
            ("http://example.com.",       Some("http://example.com.")),
            ("http://xn--bcher-kva.example", Some("http://xn--bcher-kva.example")),
            ("http://127.0.0.1:5173",     Some("http://127.0.0.1:5173")),
            ("http://[0:0::1]:80",        Some("http://[::1]")),
            ("http://[::FFFF:10.0.0.1]",  Some("http://[::ffff:10.0.0.1]")),
            ("null",                      None),
            ("",                          None),
            ("example.com",               None),
            ("//example.com",             None),
            ("ftp://example.com",         None),
            ("http:example.com",          None),
            ("http://",                   None),
            ("http://.",                  None),
            ("http://a..b",               None),
            ("http://.a",                 None),
            ("http://a..",                None),
            ("http://*.a",                None),
            ("http://a:",                 None),
            ("http://a:+80",              None),
            ("http://a:65536",            None),
            ("http://a:8 ",               None),
            ("http://a/",                 None),
            ("http://a/path",             None),
            ("http://a?x",                None),
            ("http://a#x",                None),
            ("http://b@a",                None),
            ("http://a, http://b",        None),
            ("http://a http://b",         None),
            ("http://bücher.example",     None),
            ("http://a%2eb",              None),
            ("http://127.1",              None),
            ("http://1.2.3.4.5",          None),
            ("http://::1",                None),
            ("http://[::1",               None),
            ("http://[::1]80",            None),
            ("http://[fe80::1%25eth0]",   None),
        ];
        for (text, expected) in cases {
            let read = Origin::parse(text).map(|origin| origin.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        let label = "a".repeat(60) + ".";
        assert!(Origin::parse(&format!("http://{}aaaaaaaaa.", label.repeat(4))).is_some());
        assert!(Origin::parse(&format!("http://{}aaaaaaaaaa.", label.repeat(4))).is_none());
    }

    #[test]
    fn wildcards_stand_for_all_subdomains_and_nothing_else() {
        #[rustfmt::skip]
        let cases = [
            // entry                     origin                              admitted
            ("https://*.example.com",    "https://a.example.com",            true),
            ("https://*.example.com",    "https://a.b.c.example.com",        true),
            ("https://*.example.com",    "https://A.Example.com:443",        true),
            ("https://*.example.com",    "https://example.com",              false),
            ("https://*.example.com",    "https://badexample.com",           false),
            ("https://*.example.com",    "https://a.example.com.evil.test",  false),
            ("https://*.example.com",    "https://a.example.com.",           false),
            ("https://*.example.com",    "http://a.example.com",             false),
            ("https://*.example.com",    "https://a.example.com:8443",       false),
            ("https://*.Example.com:8443","https://a.example.com:8443",      true),
            ("http://*.localhost:3000",  "http://app.localhost:3000",        true),
            ("http://*.localhost:3000",  "http://localhost:3000",            false),
            ("null",                     "http://null",                      false),
        ];
        for (entry, origin, expected) in cases {
            let pattern = Pattern::parse(entry).unwrap();
            let origin = Origin::parse(origin).unwrap();
            assert_eq!(pattern.admits(&origin), expected, "{entry} {origin}");
        }
    }

    #[test]
    fn reads_where_a_request_was_sent() {
        let name = |name: &str| Host::Name(name.into());
        let v6 = Host::V6(Ipv6Addr::LOCALHOST);
        #[rustfmt::skip]
        let cases = [
            ("a.example",      Some((name("a.example"), None))),
            ("A.Example:8080", Some((name("a.example"), Some(8080)))),
            ("a:",             Some((name("a"), None))),
            ("[::1]",          Some((v6.clone(), None))),
            ("[::1]:81",       Some((v6.clone(), Some(81)))),
            ("[0::1]:",        Some((v6, None))),
            ("",               None),
            (":80",            None),
            ("a:b",            None),
            ("a:80:80",        None),
            ("::1",            None),
            ("u@a",            None),
            ("a/b",            None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(host, port)| Authority { host, port });
            assert_eq!(Authority::parse(text), expected, "{text}");
        }
    }
}
