//! What warp's filters know of a request, put together to its head again.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Ready, ready},
};

use http::{
    Extensions, HeaderMap, Method, Request, StatusCode, Uri, Version, header, request::Parts,
    uri::Authority,
};
use hyper::{ext::Protocol, upgrade::OnUpgrade};
use sockeye_tower::{ExactPath, PeerAddress, Secure};
use warp::{
    Filter, Rejection, addr, ext, host,
    log::{self, Info},
    path::{self, FullPath, Peek},
    reject,
};

use crate::extensions::add;

/// The head of a request as it was sent, with the exact path below the mount in its extensions.
pub(crate) fn head()
-> impl Filter<Extract = (Parts,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::method()
        .and(version())
        .and(path::full())
        .and(path::peek())
        .and(query())
        .and(authority())
        .and(warp::header::headers_cloned())
        .and(extensions())
        .and_then(assemble)
}

#[expect(clippy::too_many_arguments, reason = "they are a chain of filters")]
fn assemble(
    method: Method,
    version: Version,
    full: FullPath,
    peek: Peek,
    query: Option<String>,
    authority: Option<Authority>,
    headers: HeaderMap,
    mut extensions: Extensions,
) -> Ready<Result<Parts, Rejection>> {
    // Where there is a Host header it says the same, or HTTP/1.1 would have it win.
    let authority = authority.filter(|_| !headers.contains_key(header::HOST));
    let is_secure = extensions.get::<Secure>().is_some();
    // It came in as a URI, so it is one.
    let Some(uri) = uri(full.as_str(), query.as_deref(), authority, is_secure) else {
        return ready(Err(reject::not_found()));
    };
    extensions.insert(ExactPath(rest(full.as_str(), peek.as_str()).into()));
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.version = version;
    parts.uri = uri;
    parts.headers = headers;
    parts.extensions = extensions;
    ready(Ok(parts))
}

/// The path below the filters that matched: warp takes the slash behind a segment along with it.
fn rest<'a>(full: &'a str, peek: &str) -> &'a str {
    let matched = full.len() - peek.len();
    if full[..matched].ends_with('/') {
        &full[matched - 1..]
    } else {
        &full[matched..]
    }
}

/// Rejects where nothing, not even a slash, follows the filters that matched.
pub(crate) fn has_slash() -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync {
    path::full()
        .and(path::peek())
        .and_then(|full: FullPath, peek: Peek| {
            ready(match rest(full.as_str(), peek.as_str()) {
                "" => Err(reject::not_found()),
                _ => Ok(()),
            })
        })
        .untuple_one()
}

fn uri(
    path: &str,
    query: Option<&str>,
    authority: Option<Authority>,
    is_secure: bool,
) -> Option<Uri> {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = Some(target.try_into().ok()?);
    if authority.is_some() {
        // warp does not tell the scheme, without which there is no authority.
        let scheme = if is_secure { "https" } else { "http" };
        uri.scheme = Some(scheme.parse().ok()?);
        uri.authority = authority;
    }
    Uri::from_parts(uri).ok()
}

fn query() -> impl Filter<Extract = (Option<String>,), Error = Infallible> + Clone {
    warp::query::raw()
        .map(Some)
        .or_else(|_| ready(Ok::<_, Infallible>((None,))))
}

/// The authority of the URI or of the Host header; none if they differ or are malformed.
fn authority() -> impl Filter<Extract = (Option<Authority>,), Error = Infallible> + Clone {
    host::optional().or_else(|_| ready(Ok::<_, Infallible>((None,))))
}

/// What tells the mount of the connection.
fn extensions() -> impl Filter<Extract = (Extensions,), Error = Infallible> + Clone {
    warp::any()
        .map(Extensions::new)
        .and(addr::remote())
        .map(|extensions, address: Option<_>| add(extensions, address.map(PeerAddress)))
        // Who put the address there in our own terms knew better.
        .and(ext::optional())
        .map(add::<PeerAddress>)
        .and(ext::optional())
        .map(add::<Secure>)
        .and(ext::optional())
        .map(add::<OnUpgrade>)
        .and(ext::optional())
        .map(add::<Protocol>)
}

thread_local! {
    /// The version, and whether there is a path, of the request that was just logged.
    static LOGGED: Cell<(Version, bool)> = const { Cell::new((Version::HTTP_11, false)) };
}

/// The HTTP version, which no filter extracts but log functions are told.
///
/// `map` calls its function in the poll that ended the filter inside, with nothing in between, so
/// a thread-local carries the one to the other.
///
/// A target without any path is an authority alone, below no mount. It is rejected here, since the
/// path filters panic at it.
fn version() -> impl Filter<Extract = (Version,), Error = Rejection> + Clone {
    fn note(info: Info<'_>) {
        LOGGED.set((info.version(), !info.path().is_empty()));
    }
    warp::any()
        .map(|| StatusCode::OK)
        .with(log::custom(note))
        .map(|_| LOGGED.get())
        .and_then(|(version, has_path)| {
            ready(if has_path {
                Ok(version)
            } else {
                Err(reject::not_found())
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_exact_path_below_what_matched() {
        #[rustfmt::skip]
        let cases = [
            // full          peek         rest
            ("/chat",        "",          ""),
            ("/chat/",       "",          "/"),
            ("/chat//",      "/",         "//"),
            ("/chat//info",  "/info",     "//info"),
            ("/chat/a/b/c",  "a/b/c",     "/a/b/c"),
            ("/chat/a//",    "a//",       "/a//"),
            ("/",            "",          "/"),
            ("/info",        "info",      "/info"),
            ("*",            "*",         "*"),
            ("",             "",          ""),
        ];
        for (full, peek, expected) in cases {
            assert_eq!(rest(full, peek), expected, "{full} {peek}");
        }
    }

    #[test]
    fn puts_uris_together_again() {
        let host = || Some("example.com:81".parse().unwrap());
        #[rustfmt::skip]
        let cases = [
            ("/a%2Fb", None,        None,   false, "/a%2Fb"),
            ("/a",     Some(""),    None,   false, "/a?"),
            ("/a",     Some("?=&"), None,   true,  "/a??=&"),
            ("/",      None,        host(), false, "http://example.com:81/"),
            ("/a",     Some("b=c"), host(), true,  "https://example.com:81/a?b=c"),
            ("*",      None,        None,   false, "*"),
        ];
        for (path, query, authority, is_secure, expected) in cases {
            let uri = uri(path, query, authority, is_secure).unwrap();
            assert_eq!(uri.to_string(), expected);
            assert_eq!((uri.path(), uri.query()), (path, query));
        }
    }
}
