//! The signed cookie: who, which login, and until when.

use std::time::Duration;

use cookie::{Cookie, CookieJar, Key, SameSite, time};

/// How long a ticket holds, unless it is renewed.
pub(crate) const HOLDS: Duration = Duration::from_secs(600);

const COOKIE: &str = "ticket";

/// What the cookie says. It is signed, not secret: its bearer can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) name: String,
    /// Stays the same when the ticket is renewed.
    pub(crate) login: u64,
    /// Milliseconds since 1970.
    pub(crate) until: u64,
}

impl Ticket {
    /// A name that can stand in a ticket.
    pub(crate) fn name(text: &str) -> Option<&str> {
        let fits = (1..=24).contains(&text.len());
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (fits && is_plain).then_some(text)
    }

    /// # Errors
    ///
    /// When the system has no randomness.
    pub(crate) fn new(name: &str, now: u64) -> Result<Self, getrandom::Error> {
        let ticket = Self {
            name: name.into(),
            login: getrandom::u64()?,
            until: 0,
        };
        Ok(ticket.renewed(now))
    }

    /// The same login for its whole time from now on.
    pub(crate) fn renewed(self, now: u64) -> Self {
        let holds = u64::try_from(HOLDS.as_millis()).unwrap_or(u64::MAX);
        Self {
            until: now.saturating_add(holds),
            ..self
        }
    }

    pub(crate) fn signed(&self, key: &Key) -> Cookie<'static> {
        let value = format!("{}.{:x}.{}", self.name, self.login, self.until);
        let mut jar = CookieJar::new();
        jar.signed_mut(key).add(Cookie::new(COOKIE, value));
        let signed = jar.get(COOKIE).cloned();
        let mut cookie = signed.unwrap_or_else(|| Cookie::new(COOKIE, ""));
        guard(&mut cookie);
        cookie.set_max_age(time::Duration::try_from(HOLDS).ok());
        cookie
    }

    /// Reads a cookie, if it is one that was signed with this key. The key signs nothing else.
    pub(crate) fn read(key: &Key, cookie: Cookie<'static>) -> Option<Self> {
        if cookie.name() != COOKIE {
            return None;
        }
        let cookie = CookieJar::new().signed(key).verify(cookie)?;
        let mut parts = cookie.value().split('.');
        let ticket = Self {
            name: parts.next()?.into(),
            login: u64::from_str_radix(parts.next()?, 16).ok()?,
            until: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(ticket)
    }
}

/// What makes a browser forget the ticket.
pub(crate) fn removal() -> Cookie<'static> {
    let mut cookie = Cookie::new(COOKIE, "");
    guard(&mut cookie);
    cookie.make_removal();
    cookie
}

fn guard(cookie: &mut Cookie<'_>) {
    cookie.set_path("/");
    cookie.set_http_only(true);
    // No page of another site can send it, so none can log anybody out.
    cookie.set_same_site(SameSite::Strict);
    // This example speaks plain HTTP. Behind TLS also: cookie.set_secure(true).
}
