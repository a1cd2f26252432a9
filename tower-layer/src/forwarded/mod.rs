//! What trusted proxies say of their clients.

mod element;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName, header, request::Parts};
use ipnet::IpNet;

use crate::{
    PeerAddress, Secure,
    origins::{Authority, Scheme, parse_port},
};

/// The networks whose word is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

/// Where a request was sent by its client, as far as trusted proxies tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) host: Option<Authority>,
    pub(crate) scheme: Option<Scheme>,
}

/// What one proxy says of the request that it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hop {
    /// Whom it came from; `None` where that is not told, or in no known form.
    address: Option<SocketAddr>,
    scheme: Option<Scheme>,
    host: Option<Authority>,
}

impl TrustedProxies {
    /// # Panics
    ///
    /// When an entry is neither an address nor a network.
    pub(crate) fn new<P: AsRef<str>>(entries: impl IntoIterator<Item = P>) -> Self {
        let network = |entry: P| {
            let entry = entry.as_ref();
            let address = || entry.parse::<IpAddr>().map(IpNet::from);
            entry.parse().or_else(|_| address()).unwrap_or_else(|_| {
                panic!(
                    "trusted_proxies: {entry:?} is neither an address nor a network \
                     such as 10.0.0.0/8"
                )
            })
        };
        Self(entries.into_iter().map(network).collect())
    }

    /// Puts the client's address and the safety of its connection into the request's extensions, if
    /// its connection comes from a trusted proxy.
    pub(crate) fn apply(&self, request: &mut Parts) -> Told {
        let peer = match request.extensions.get::<PeerAddress>() {
            Some(peer) if self.trust(peer.0.ip()) => peer.0,
            _ => return Told::default(),
        };
        let headers = &request.headers;
        // The common proxies write X-Forwarded-For, and hand a client's Forwarded on as it is.
        let is_new = !headers.contains_key(FOR) && headers.contains_key(header::FORWARDED);
        let (client, told) = if is_new {
            self.walk(peer, forwarded(headers))
        } else {
            self.walk(peer, x_forwarded(headers))
        };
        request.extensions.insert(PeerAddress(client));
        match told.scheme {
            Some(Scheme::Https) => drop(request.extensions.insert(Secure)),
            Some(Scheme::Http) => drop(request.extensions.remove::<Secure>()),
            None => {}
        }
        told
    }

    /// Follows the hops, the nearest first, to the first address that is not trusted.
    fn walk(&self, peer: SocketAddr, hops: impl Iterator<Item = Hop>) -> (SocketAddr, Told) {
        let mut client = peer;
        let mut told = Told::default();
        for hop in hops.take(MAX_HOPS) {
            told = Told {
                host: hop.host.or(told.host),
                scheme: hop.scheme.or(told.scheme),
            };
            let Some(address) = hop.address else { break };
            client = address;
            if !self.trust(address.ip()) {
                break;
            }
        }
        (client, told)
    }

    fn trust(&self, address: IpAddr) -> bool {
        // A listener for both families shows IPv4 as `::ffff:a.b.c.d`.
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The hops of the `X-Forwarded-` headers, the nearest first.
fn x_forwarded(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let mut addresses = from_right(headers, FOR);
    let mut schemes = from_right(headers, PROTO);
    let mut hosts = from_right(headers, HOST);
    let mut is_first = true;
    std::iter::from_fn(move || {
        let address = addresses.next();
        // A proxy that tells no address may still tell the rest.
        if address.is_none() && !is_first {
            return None;
        }
        is_first = false;
        Some(Hop {
            address: address.flatten().and_then(node),
            scheme: schemes.next().flatten().and_then(scheme),
            host: hosts.next().flatten().and_then(Authority::parse),
        })
    })
}

/// The hops of `Forwarded`, the nearest first.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let lines = headers.get_all(header::FORWARDED).iter().rev();
    lines
        .flat_map(|line| element::split_from_right(line.as_bytes(), b','))
        .filter(|element| !element.is_empty())
        .map(|element| element::parse(element).unwrap_or_default())
}

/// The elements of a list header from its end, empty ones left out; `None` where one is not text.
///
/// Each stands for itself: a client's bytes further left must not hide what a proxy appended.
fn from_right(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Option<&str>> {
    let lines = headers.get_all(name).iter().rev();
    lines
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
        .map(|element| std::str::from_utf8(element).ok())
}

/// An address with or without port: `a.b.c.d`, `a.b.c.d:port`, `v6`, `[v6]`, `[v6]:port`.
fn node(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(socket_address(address, 0));
    }
    let (address, port): (IpAddr, _) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.into(), port)
        }
        None => {
            let at = text.find(':')?;
            (text[..at].parse::<Ipv4Addr>().ok()?.into(), &text[at..])
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 0,
        // RFC 7239 section 6.3: a port may be hidden behind a name.
        Some(hidden) if hidden.starts_with('_') => 0,
        digits => parse_port(digits.filter(|digits| !digits.is_empty())?)?,
    };
    Some(socket_address(address, port))
}

fn socket_address(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}

fn scheme(text: &str) -> Option<Scheme> {
    // Traefik names what a WebSocket's handshake came by like this.
    let text = match text.to_ascii_lowercase().as_str() {
        "wss" => "https",
        "ws" => "http",
        _ => text,
    };
    Scheme::parse(text)
}

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// No chain of proxies is that long; a list may be.
const MAX_HOPS: usize = 32;

#[cfg(test)]
mod tests;
