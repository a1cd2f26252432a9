//! The cookies of a client, kept as a browser keeps them (RFC 6265).
//!
//! There is one host, and the connection counts as secure. SameSite is not judged: a client has no
//! page to come from.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header::SET_COOKIE};
use tokio::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Jar {
    /// In the order in which they were first set.
    cookies: Vec<Cookie>,
}

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    path: String,
    expires: Option<Instant>,
}

/// More than browsers keep for one host; the oldest goes first.
const COOKIES: usize = 200;

impl Jar {
    /// Takes the cookies of an answer to a request for `path`.
    pub(super) fn take(&mut self, headers: &HeaderMap, path: &str, now: Instant) {
        for value in headers.get_all(SET_COOKIE) {
            let parsed = value.to_str().ok().and_then(|text| parse(text, path, now));
            if let Some(cookie) = parsed {
                self.insert(cookie, now);
            }
        }
    }

    /// Sets a cookie for every path.
    pub(super) fn set(&mut self, name: &str, value: &str, now: Instant) {
        let cookie = Cookie {
            name: name.into(),
            value: value.into(),
            path: "/".into(),
            expires: None,
        };
        self.insert(cookie, now);
    }

    pub(super) fn clear(&mut self) {
        self.cookies.clear();
    }

    /// The value of a cookie, whatever its path.
    pub(super) fn value(&self, name: &str, now: Instant) -> Option<&str> {
        self.cookies
            .iter()
            .find(|cookie| cookie.name == name && cookie.is_live(now))
            .map(|cookie| &*cookie.value)
    }

    /// What a request for `path` carries: longer paths first, then older cookies.
    pub(super) fn pairs(&self, path: &str, now: Instant) -> Vec<(String, String)> {
        let mut matching: Vec<_> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.is_live(now) && path_matches(&cookie.path, path))
            .collect();
        matching.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        matching
            .into_iter()
            .map(|cookie| (cookie.name.clone(), cookie.value.clone()))
            .collect()
    }

    fn insert(&mut self, cookie: Cookie, now: Instant) {
        let known = self
            .cookies
            .iter_mut()
            .find(|known| known.name == cookie.name && known.path == cookie.path);
        match known {
            Some(known) => *known = cookie,
            None => self.cookies.push(cookie),
        }
        self.cookies.retain(|cookie| cookie.is_live(now));
        if self.cookies.len() > COOKIES {
            self.cookies.remove(0);
        }
    }
}

impl Cookie {
    fn is_live(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

fn parse(text: &str, request_path: &str, now: Instant) -> Option<Cookie> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return None;
    }
    let mut path = None;
    let mut max_age = None;
    let mut date = None;
    for attribute in parts {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "path" => path = value.starts_with('/').then(|| value.to_owned()),
            "max-age" => max_age = value.parse::<i64>().ok(),
            "expires" => date = httpdate::parse_http_date(value).ok(),
            _ => {}
        }
    }
    let expires = match (max_age, date) {
        (Some(seconds), _) => Some(later(
            now,
            Duration::from_secs(seconds.max(0).unsigned_abs()),
        )),
        // A date is by the wall clock, which does not pause.
        (None, Some(date)) => {
            let left = date.duration_since(SystemTime::now()).unwrap_or_default();
            Some(later(now, left))
        }
        (None, None) => None,
    };
    Some(Cookie {
        name: name.into(),
        value: value.into(),
        path: path.unwrap_or_else(|| default_path(request_path).into()),
        expires,
    })
}

/// A century is for ever here, and no clock overflows in it.
fn later(now: Instant, age: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now + age.min(CENTURY)
}

/// RFC 6265 section 5.1.4: the request's folder.
fn default_path(request_path: &str) -> &str {
    match request_path.rfind('/') {
        Some(0) | None => "/",
        Some(end) => &request_path[..end],
    }
}

/// RFC 6265 section 5.1.4.
fn path_matches(cookie: &str, request: &str) -> bool {
    request
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(jar: &Jar, path: &str, now: Instant) -> String {
        let pairs = jar.pairs(path, now);
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn take(jar: &mut Jar, path: &str, cookie: &str, now: Instant) {
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, cookie.parse().unwrap());
        jar.take(&headers, path, now);
    }

    #[test]
    fn cookies_go_where_their_path_says() {
        #[rustfmt::skip]
        let cases = [
            // set by         cookie                       asked for    sent
            ("/login",        "a=1",                       "/chat",     "a=1"),
            ("/user/login",   "a=1",                       "/chat",     ""),
            ("/user/login",   "a=1",                       "/user",     "a=1"),
            ("/user/login",   "a=1",                       "/user/x",   "a=1"),
            ("/user/login",   "a=1",                       "/username", ""),
            ("/user/login",   "a=1; Path=/",               "/chat",     "a=1"),
            ("/",             "a=1; path=/chat/",          "/chat",     ""),
            ("/",             "a=1; path=/chat/",          "/chat/x",   "a=1"),
            ("/",             "a=1; Secure; HttpOnly",     "/",         "a=1"),
            ("/",             "a=b=c",                     "/",         "a=b=c"),
            ("/",             "=1",                        "/",         ""),
            ("/",             "a",                         "/",         ""),
            ("/",             "a=1; Max-Age=0",            "/",         ""),
            ("/",             "a=1; Max-Age=-5",           "/",         ""),
            ("/",             "a=1; Max-Age=99999999999999", "/",       "a=1"),
            ("/",             "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/", ""),
            ("/",             "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9", "/", "a=1"),
        ];
        let now = Instant::now();
        for (set_by, cookie, path, sent) in cases {
            let mut jar = Jar::default();
            take(&mut jar, set_by, cookie, now);
            assert_eq!(
                header(&jar, path, now),
                sent,
                "{cookie} by {set_by} for {path}"
            );
        }
    }

    #[test]
    fn a_cookie_is_replaced_expires_and_is_deleted() {
        let now = Instant::now();
        let mut jar = Jar::default();
        take(&mut jar, "/", "a=1; Max-Age=10", now);
        take(&mut jar, "/", "b=1", now);
        take(&mut jar, "/", "a=2; Max-Age=10", now);
        assert_eq!(header(&jar, "/", now), "a=2; b=1");
        let nearly = now + Duration::from_secs(9);
        assert_eq!(jar.value("a", nearly), Some("2"));
        let later = now + Duration::from_secs(10);
        assert_eq!(header(&jar, "/", later), "b=1");
        take(&mut jar, "/", "b=; Max-Age=0", later);
        assert_eq!(header(&jar, "/", later), "");
    }

    #[test]
    fn longer_paths_come_first_and_the_oldest_cookie_goes() {
        let now = Instant::now();
        let mut jar = Jar::default();
        take(&mut jar, "/", "a=outer; Path=/", now);
        take(&mut jar, "/", "a=inner; Path=/x", now);
        assert_eq!(header(&jar, "/x", now), "a=inner; a=outer");
        for n in 0..COOKIES {
            jar.set(&n.to_string(), "", now);
        }
        assert_eq!(jar.cookies.len(), COOKIES);
        assert_eq!(jar.value("a", now), None);
        assert_eq!(jar.value("0", now), Some(""));
    }
}
