//! Cookies for load balancers.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, header, request::Parts};

/// Adds cookies to every answer that belongs to a session, the WebSocket handshake excepted.
///
/// With a hook, info answers `cookie_needed: true`.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use sockeye_tower::{CookieHook, SameSite};
///
/// // For a load balancer that looks for its own cookie, also from pages of other sites.
/// let hook = CookieHook::sticky("node", "n1")
///     .same_site(SameSite::None)
///     .http_only()
///     .max_age(Duration::from_secs(3600));
/// # let _ = hook;
/// ```
#[derive(Clone, Debug)]
pub struct CookieHook {
    kind: Kind,
    /// What follows the value, `; ` included.
    attributes: Attributes,
}

#[derive(Clone)]
enum Kind {
    JSessionId,
    /// `name=value`, ready to be sent.
    Sticky(Box<str>),
    /// The name of a cookie with the session's own id.
    SessionId(Box<str>),
    Function(Arc<Function>),
}

type Function = dyn Fn(&Parts, &mut HeaderMap) + Send + Sync;

#[derive(Clone, Debug, Default)]
struct Attributes {
    path: Option<Box<str>>,
    domain: Option<Box<str>>,
    max_age: Option<Duration>,
    is_secure: bool,
    is_http_only: bool,
    same_site: Option<SameSite>,
}

/// Whether browsers send a cookie along from pages of other sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// Only when the user follows a link: what browsers do when nothing is said.
    Lax,
    /// Always. Browsers demand `Secure` with it, which is added.
    None,
}

impl CookieHook {
    /// `JSESSIONID=<value>; path=/`, as load balancers use it for stickiness: the request's value
    /// if it has one, else `dummy`.
    pub fn jsessionid() -> Self {
        Self::new(Kind::JSessionId)
    }

    /// A cookie that names this node: `<name>=<value>; Path=/`, with the attributes that are set.
    ///
    /// # Panics
    ///
    /// When the name is not a token, or the value has other characters than RFC 6265 allows in one.
    pub fn sticky(name: &str, value: &str) -> Self {
        assert!(
            !name.is_empty() && name.bytes().all(is_token),
            "CookieHook::sticky: the name {name:?} is not a token"
        );
        assert!(
            value.bytes().all(is_cookie_octet),
            "CookieHook::sticky: the value {value:?} is not a cookie's value"
        );
        Self::new(Kind::Sticky(format!("{name}={value}").into()))
    }

    /// `<name>=<the session's id>; Path=/; HttpOnly; SameSite=Lax`, as engine.io sets it on the answer
    /// that opens a session on polling. On mounts without such ids it sets nothing. The id is a secret
    /// between the session and its client, and whoever sees the cookies of later requests sees it then,
    /// hooks included; what a balancer needs is told by [`sticky`](Self::sticky) as well.
    ///
    /// # Panics
    ///
    /// When the name is not a token.
    pub fn session_id(name: &str) -> Self {
        assert!(
            !name.is_empty() && name.bytes().all(is_token),
            "CookieHook::session_id: the name {name:?} is not a token"
        );
        Self::new(Kind::SessionId(name.into()))
            .http_only()
            .same_site(SameSite::Lax)
    }

    /// A function of the request's head that adds headers to the response. Attributes set here do
    /// not concern it.
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
        Self::new(Kind::Function(Arc::new(hook)))
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            attributes: Attributes::default(),
        }
    }

    /// The paths that browsers send the cookie for. Default: `/`.
    ///
    /// # Panics
    ///
    /// When it does not begin with a slash, or has a semicolon or control characters in it.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        assert!(
            path.starts_with('/'),
            "path: {path:?} must begin with a slash"
        );
        self.attributes.path = Some(checked("path", path));
        self
    }

    /// The domain whose hosts get the cookie. Default: the answering host alone.
    ///
    /// # Panics
    ///
    /// When it has a semicolon or control characters in it.
    #[must_use]
    pub fn domain(mut self, domain: &str) -> Self {
        self.attributes.domain = Some(checked("domain", domain));
        self
    }

    /// How long browsers keep the cookie, in whole seconds. Default: until they are closed.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.attributes.max_age = Some(age);
        self
    }

    /// Sent over encrypted connections alone.
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.attributes.is_secure = true;
        self
    }

    /// Kept from the page's scripts.
    #[must_use]
    pub fn http_only(mut self) -> Self {
        self.attributes.is_http_only = true;
        self
    }

    /// Whether pages of other sites have it sent along. Default: not said.
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.attributes.same_site = Some(same_site);
        self
    }

    pub(crate) fn apply(&self, request: &Parts, id: Option<&str>, headers: &mut HeaderMap) {
        let cookie = match &self.kind {
            Kind::JSessionId => {
                let value = jsessionid(&request.headers);
                // Written as sockjs-node writes it.
                format!("JSESSIONID={value}; path{}", self.attributes)
            }
            Kind::Sticky(cookie) => format!("{cookie}; Path{}", self.attributes),
            Kind::SessionId(name) => match id {
                Some(id) => format!("{name}={id}; Path{}", self.attributes),
                None => return,
            },
            Kind::Function(hook) => return hook(request, headers),
        };
        if let Ok(value) = HeaderValue::try_from(cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

/// RFC 6265 section 4.1.1.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "={}", self.path.as_deref().unwrap_or("/"))?;
        if let Some(domain) = &self.domain {
            write!(f, "; Domain={domain}")?;
        }
        if let Some(age) = self.max_age {
            write!(f, "; Max-Age={}", age.as_secs())?;
        }
        if self.is_secure || self.same_site == Some(SameSite::None) {
            f.write_str("; Secure")?;
        }
        if self.is_http_only {
            f.write_str("; HttpOnly")?;
        }
        match self.same_site {
            Some(SameSite::Strict) => f.write_str("; SameSite=Strict"),
            Some(SameSite::Lax) => f.write_str("; SameSite=Lax"),
            Some(SameSite::None) => f.write_str("; SameSite=None"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JSessionId => f.write_str("JSessionId"),
            Self::Sticky(cookie) => f.debug_tuple("Sticky").field(cookie).finish(),
            Self::SessionId(name) => f.debug_tuple("SessionId").field(name).finish(),
            Self::Function(_) => f.write_str("Function"),
        }
    }
}

fn checked(attribute: &str, value: &str) -> Box<str> {
    assert!(
        value
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte) && byte != b';'),
        "{attribute}: {value:?} cannot stand in a cookie"
    );
    value.into()
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

/// RFC 9110 section 5.6.2: what names are made of.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(hook: &CookieHook) -> String {
        let (request, ()) = http::Request::new(()).into_parts();
        let mut headers = HeaderMap::new();
        hook.apply(&request, Some("abc"), &mut headers);
        headers["set-cookie"].to_str().unwrap().to_owned()
    }

    #[test]
    fn writes_attributes() {
        let hook = CookieHook::jsessionid();
        let sticky = || CookieHook::sticky("node", "n1");
        let hour = Duration::from_secs(3600);
        #[rustfmt::skip]
        let cases = [
            (hook.clone(),                                  "JSESSIONID=dummy; path=/"),
            (hook.same_site(SameSite::None),                "JSESSIONID=dummy; path=/; Secure; SameSite=None"),
            (sticky(),                                      "node=n1; Path=/"),
            (sticky().path("/chat").domain("example.com"),  "node=n1; Path=/chat; Domain=example.com"),
            (sticky().secure().http_only().max_age(hour),   "node=n1; Path=/; Max-Age=3600; Secure; HttpOnly"),
            (CookieHook::session_id("io"),                  "io=abc; Path=/; HttpOnly; SameSite=Lax"),
            (sticky().same_site(SameSite::Strict),          "node=n1; Path=/; SameSite=Strict"),
            (sticky().same_site(SameSite::Lax).secure(),    "node=n1; Path=/; Secure; SameSite=Lax"),
        ];
        for (hook, expected) in cases {
            assert_eq!(sent(&hook), expected);
        }
    }

    #[test]
    fn refuses_what_would_break_out_of_the_cookie() {
        let tries: [fn() -> CookieHook; 6] = [
            || CookieHook::sticky("", "x"),
            || CookieHook::sticky("a b", "x"),
            || CookieHook::sticky("a", "x; Secure"),
            || CookieHook::sticky("a", "x\r\ny"),
            || CookieHook::sticky("a", "x").path("/;"),
            || CookieHook::sticky("a", "x").domain("a\nb"),
        ];
        for hook in tries {
            assert!(std::panic::catch_unwind(hook).is_err());
        }
    }

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
