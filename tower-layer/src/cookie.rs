//! Cookies for load balancers.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue, header, request::Parts};

/// Adds cookies to every answer that belongs to a session, the WebSocket handshake excepted.
///
/// With a hook, info answers `cookie_needed: true`.
#[derive(Clone)]
pub struct CookieHook(Kind);

#[derive(Clone)]
enum Kind {
    JSessionId,
    Function(Arc<Function>),
}

type Function = dyn Fn(&Parts, &mut HeaderMap) + Send + Sync;

impl CookieHook {
    /// `JSESSIONID=<value>; path=/`, as load balancers use it for stickiness: the request's value
    /// if it has one, else `dummy`.
    pub fn jsessionid() -> Self {
        Self(Kind::JSessionId)
    }

    /// A function of the request's head that adds headers to the response.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_tower::CookieHook;
    ///
    /// let hook = CookieHook::function(|_request, headers| {
    ///     headers.append("set-cookie", "node=n1; Path=/; HttpOnly".parse().expect("a value"));
    /// });
    /// ```
    pub fn function(hook: impl Fn(&Parts, &mut HeaderMap) + Send + Sync + 'static) -> Self {
        Self(Kind::Function(Arc::new(hook)))
    }

    pub(crate) fn apply(&self, request: &Parts, headers: &mut HeaderMap) {
        match &self.0 {
            Kind::JSessionId => {
                let cookie = format!("JSESSIONID={}; path=/", jsessionid(&request.headers));
                if let Ok(value) = HeaderValue::from_str(&cookie) {
                    headers.append(header::SET_COOKIE, value);
                }
            }
            Kind::Function(hook) => hook(request, headers),
        }
    }
}

impl fmt::Debug for CookieHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::JSessionId => "CookieHook::jsessionid()",
            Kind::Function(_) => "CookieHook::function(..)",
        })
    }
}

/// The request's `JSESSIONID`, the last of several, or `dummy`.
fn jsessionid(headers: &HeaderMap) -> &str {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| {
            // As the reference reads it: the text between the first and the second `=`.
            let mut parts = cookie.split('=');
            let name = parts.next()?.trim();
            (name == "JSESSIONID").then(|| parts.next().unwrap_or_default().trim())
        })
        .next_back()
        .filter(|value| !value.is_empty() && value.bytes().all(is_cookie_octet))
        .unwrap_or("dummy")
}

/// RFC 6265 section 4.1.1: what a cookie's value is made of.
fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoes_the_cookie_or_says_dummy() {
        #[rustfmt::skip]
        let cases = [
            ("",                                  "dummy"),
            ("JSESSIONID=abc",                    "abc"),
            ("a=b; JSESSIONID = abc ; c=d",       "abc"),
            ("JSESSIONID=first; JSESSIONID=last", "last"),
            ("JSESSIONID=",                       "dummy"),
            ("JSESSIONID",                        "dummy"),
            ("JSESSIONID=a=b",                    "a"),
            ("XJSESSIONID=a",                     "dummy"),
            ("jsessionid=a",                      "dummy"),
            ("JSESSIONID=a b",                    "dummy"),
            ("JSESSIONID=a\"b",                   "dummy"),
        ];
        for (cookie, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("cookie", cookie.parse().unwrap());
            assert_eq!(jsessionid(&headers), expected, "{cookie}");
        }
    }
}
