//! Who may do what: every route, method, page and handshake with the answer that it must get.
//!
//! The table is written from the protocol and from what the origin policy promises. Nothing here
//! is sockeye's, so that both can be wrong only together.

use crate::{
    http1::{Head, Request},
    sockjs::CALLBACK,
    websocket::KEY,
};

/// An origin policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The server's own pages.
    SameOrigin,
    /// Those and [`LIST`].
    List,
    /// All pages.
    Any,
}

/// The origins of [`Policy::List`].
pub const LIST: [&str; 2] = ["https://listed.test", "https://*.wild.test:8443"];

/// What a mount speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// All of SockJS.
    SockJs,
    /// WebSockets alone.
    WebSocket,
    /// Server-Sent Events alone.
    EventStream,
}

/// What a route answers a method with, to whom it lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Something that concerns no session.
    Plain(u16),
    /// The first response of a new session, whole or without end.
    Opens { is_whole: bool },
    /// A new session too, after a good handshake.
    Handshake,
    /// A message taken for a session that lives.
    Takes(u16),
}

/// A URL of a mount.
#[derive(Debug)]
pub struct Route {
    /// Its name in failures.
    pub name: &'static str,
    /// Where it is.
    pub mount: Mount,
    path: &'static str,
    answers: &'static [(&'static str, Answer)],
    /// Who is kept out: pages the policy does not admit, or nobody.
    guard: Guard,
    cors: Cors,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// It tells nothing.
    Open,
    /// Off unless pages of other origins may come.
    Framed,
    /// Guarded; a browser keeps the answer from other sites' pages.
    Guarded,
    /// Guarded; every page that loads it can read it.
    Loaded,
}

/// What CORS headers tell pages of other origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cors {
    No,
    Yes,
    /// `null` gets no credentials.
    ButNull,
}

const POLL: Answer = Answer::Opens { is_whole: true };
const STREAM: Answer = Answer::Opens { is_whole: false };
const PREFLIGHT: (&str, Answer) = ("OPTIONS", Answer::Plain(204));

/// All routes; `{new}` is a session that does not exist, `{live}` one that does.
#[rustfmt::skip]
const ROUTES: [Route; 14] = {
    use {Answer::*, Mount::*};
    const fn route(
        name: &'static str, mount: Mount, path: &'static str, guard: Guard, cors: Cors,
        answers: &'static [(&'static str, Answer)],
    ) -> Route {
        Route { name, mount, path, answers, guard, cors }
    }
    [
        //     name             mount        path                      guard           cors           answers
        route("greeting",      SockJs,      "",                       Guard::Open,    Cors::No,      &[("GET", Plain(200))]),
        route("info",          SockJs,      "/info",                  Guard::Guarded, Cors::Yes,     &[("GET", Plain(200)), PREFLIGHT]),
        route("iframe",        SockJs,      "/iframe.html",           Guard::Framed,  Cors::No,      &[("GET", Plain(200))]),
        route("websocket",     SockJs,      "/000/{new}/websocket",   Guard::Guarded, Cors::No,      &[("GET", Handshake)]),
        route("raw websocket", SockJs,      "/websocket",             Guard::Guarded, Cors::No,      &[("GET", Handshake)]),
        route("xhr",           SockJs,      "/000/{new}/xhr",         Guard::Guarded, Cors::Yes,     &[("POST", POLL), PREFLIGHT]),
        route("xhr_streaming", SockJs,      "/000/{new}/xhr_streaming", Guard::Guarded, Cors::Yes,   &[("POST", STREAM), PREFLIGHT]),
        route("xhr_send",      SockJs,      "/000/{live}/xhr_send",   Guard::Guarded, Cors::Yes,     &[("POST", Takes(204)), PREFLIGHT]),
        route("eventsource",   SockJs,      "/000/{new}/eventsource", Guard::Guarded, Cors::ButNull, &[("GET", STREAM)]),
        route("htmlfile",      SockJs,      "/000/{new}/htmlfile",    Guard::Loaded,  Cors::No,      &[("GET", STREAM)]),
        route("jsonp",         SockJs,      "/000/{new}/jsonp",       Guard::Loaded,  Cors::No,      &[("GET", POLL)]),
        route("jsonp_send",    SockJs,      "/000/{live}/jsonp_send", Guard::Guarded, Cors::No,      &[("POST", Takes(200))]),
        route("plain websocket", WebSocket, "/some/where",            Guard::Guarded, Cors::No,      &[("GET", Handshake)]),
        route("event stream",  EventStream, "/some/where",            Guard::Guarded, Cors::Yes,     &[("GET", STREAM), PREFLIGHT]),
    ]
};

const METHODS: [&str; 8] = [
    "GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "BREW",
];

/// What a browser tells of the page that asks.
#[derive(Debug)]
struct Page {
    headers: &'static [(&'static str, &'static str)],
    /// Whether it may use a mount under `SameOrigin`, the list and `Any`.
    may: [bool; 3],
    /// Whether it may load what it can read then.
    may_load: [bool; 3],
}

/// All pages. The server's own origin is that of the Host that [`Request`] sends.
#[rustfmt::skip]
const PAGES: [Page; 33] = {
    const OWN: [bool; 3] = [true, true, true];
    const LISTED: [bool; 3] = [false, true, true];
    const FOREIGN: [bool; 3] = [false, false, true];
    const SAME: (&str, &str) = ("Sec-Fetch-Site", "same-origin");
    const SITE: (&str, &str) = ("Sec-Fetch-Site", "same-site");
    const CROSS: (&str, &str) = ("Sec-Fetch-Site", "cross-site");
    const fn page(may: [bool; 3], headers: &'static [(&'static str, &'static str)]) -> Page {
        Page { headers, may, may_load: may }
    }
    const fn silent(headers: &'static [(&'static str, &'static str)]) -> Page {
        Page { headers, may: OWN, may_load: FOREIGN }
    }
    [
        // Browsers that say nothing, and everything that is no browser.
        page(OWN,     &[]),
        page(OWN,     &[("Origin", "")]),
        page(OWN,     &[("Referer", "https://evil.test/")]),
        // What is typed or comes from our own page.
        page(OWN,     &[("Sec-Fetch-Site", "none")]),
        page(OWN,     &[SAME]),
        page(OWN,     &[SAME, ("Referer", "https://evil.test/")]),
        // Another site's page that says who it is, or does not.
        silent(       &[CROSS]),
        silent(       &[SITE]),
        page(OWN,     &[CROSS, ("Referer", "https://sockeye.test/page")]),
        page(LISTED,  &[CROSS, ("Referer", "https://listed.test/page?x#y")]),
        page(LISTED,  &[SITE, ("Referer", "https://a.wild.test:8443")]),
        page(FOREIGN, &[CROSS, ("Referer", "https://evil.test/https://listed.test")]),
        page(FOREIGN, &[SITE, ("Referer", "https://listed.test.evil.test/")]),
        page(FOREIGN, &[CROSS, ("Referer", "about:blank")]),
        // Pages that send their origin; then nothing else counts.
        page(OWN,     &[("Origin", "http://sockeye.test")]),
        page(OWN,     &[("Origin", "https://sockeye.test:443"), SAME]),
        page(OWN,     &[("Origin", "http://sockeye.test"), CROSS, ("Referer", "https://evil.test/")]),
        page(LISTED,  &[("Origin", "https://listed.test"), CROSS]),
        page(LISTED,  &[("Origin", "https://a.b.wild.test:8443")]),
        page(FOREIGN, &[("Origin", "https://evil.test")]),
        page(FOREIGN, &[("Origin", "https://evil.test"), CROSS, ("Referer", "https://sockeye.test/")]),
        page(FOREIGN, &[("Origin", "https://evil.test"), SAME]),
        page(FOREIGN, &[("Origin", "http://listed.test")]),
        page(FOREIGN, &[("Origin", "https://sub.listed.test"), SITE]),
        page(FOREIGN, &[("Origin", "https://wild.test:8443")]),
        page(FOREIGN, &[("Origin", "http://a.wild.test:8443")]),
        page(FOREIGN, &[("Origin", "http://sockeye.test:8080"), SITE]),
        page(FOREIGN, &[("Origin", "null")]),
        page(FOREIGN, &[("Origin", "null"), SAME]),
        page(FOREIGN, &[("Origin", "%%%")]),
        page(FOREIGN, &[("Origin", "https://listed.test/")]),
        page(FOREIGN, &[("Origin", "https://listed.test https://evil.test"), CROSS]),
        page(FOREIGN, &[("Origin", "https://sockeye.test"), ("Origin", "https://sockeye.test")]),
    ]
};

/// The headers of a handshake, each as it should be, absent, or wrong.
#[derive(Clone, Copy, Debug)]
struct Handshake {
    upgrade: Option<&'static str>,
    connection: Option<&'static str>,
    version: Option<&'static str>,
    key: Option<&'static str>,
}

const UPGRADE: [Option<&str>; 3] = [Some("websocket"), None, Some("h2c")];
const CONNECTION: [Option<&str>; 3] = [Some("keep-alive, Upgrade"), None, Some("keep-alive")];
const VERSION: [Option<&str>; 3] = [Some("13"), None, Some("8")];
const SEC_KEY: [Option<&str>; 3] = [Some(KEY), None, Some("c2hvcnQ=")];

const GOOD: Handshake = Handshake {
    upgrade: UPGRADE[0],
    connection: CONNECTION[0],
    version: VERSION[0],
    key: SEC_KEY[0],
};
const NONE: Handshake = Handshake {
    upgrade: None,
    connection: None,
    version: None,
    key: None,
};

impl Handshake {
    /// RFC 6455 section 4.2.1, in the order in which we look.
    fn status(&self) -> u16 {
        if self.upgrade != UPGRADE[0] || self.connection != CONNECTION[0] || self.key != SEC_KEY[0]
        {
            400
        } else if self.version != VERSION[0] {
            426
        } else {
            101
        }
    }
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Where it goes.
    pub route: &'static Route,
    method: &'static str,
    page: &'static Page,
    has_cookie: bool,
    handshake: Handshake,
}

/// What a request must get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The status.
    pub status: u16,
    /// Whether the answer ends by itself; else it is a stream or another protocol.
    pub is_whole: bool,
    /// Whether there is one session more than before.
    pub opens: bool,
    /// Whether the live session has a message more than before.
    pub takes: bool,
    /// The methods of a 405.
    allow: Vec<&'static str>,
    allowed_origin: Option<&'static str>,
    has_credentials: bool,
}

/// Every case for the routes of a mount.
pub fn cases(mount: Mount) -> Vec<Case> {
    let mut cases = Vec::new();
    for route in ROUTES.iter().filter(|route| route.mount == mount) {
        for method in METHODS {
            for page in &PAGES {
                for (has_cookie, handshake) in [(false, NONE), (true, NONE), (true, GOOD)] {
                    cases.push(Case {
                        route,
                        method,
                        page,
                        has_cookie,
                        handshake,
                    });
                }
            }
        }
        if route.answer("GET") == Some(Answer::Handshake) {
            cases.extend(handshakes(route));
        }
    }
    cases
}

/// All wrong handshakes and the good one, from pages of each kind.
fn handshakes(route: &'static Route) -> Vec<Case> {
    let mut cases = Vec::new();
    let pages = PAGES.iter().filter(|page| page.headers.len() < 2);
    for page in pages {
        for number in 0..81 {
            let handshake = Handshake {
                upgrade: UPGRADE[number % 3],
                connection: CONNECTION[number / 3 % 3],
                version: VERSION[number / 9 % 3],
                key: SEC_KEY[number / 27],
            };
            cases.push(Case {
                route,
                method: "GET",
                page,
                has_cookie: number % 2 == 0,
                handshake,
            });
        }
    }
    cases
}

impl Route {
    fn answer(&self, method: &str) -> Option<Answer> {
        let found = self
            .answers
            .iter()
            .find(|(answered, _)| *answered == method);
        found.map(|(_, answer)| *answer)
    }
}

impl Page {
    fn origin(&self) -> Option<&'static str> {
        let origin = self.headers.iter().find(|(name, _)| *name == "Origin");
        origin
            .map(|(_, origin)| *origin)
            .filter(|origin| !origin.is_empty())
    }
}

impl Case {
    /// The request, below `prefix`, with these sessions.
    pub fn request(&self, prefix: &str, new: &str, live: &str) -> Request {
        let path = self
            .route
            .path
            .replace("{new}", new)
            .replace("{live}", live);
        let query = match self.route.guard {
            Guard::Loaded => format!("?c={CALLBACK}"),
            Guard::Open | Guard::Framed | Guard::Guarded => String::new(),
        };
        let path = format!("{prefix}{path}{query}");
        let path = if path.is_empty() { "/" } else { &path };
        let mut request = match (self.method, self.route.answer(self.method)) {
            ("POST", Some(Answer::Takes(_))) => Request::new("POST", path)
                .header("Content-Type", "text/plain")
                .body(r#"["x"]"#),
            _ => Request::any(self.method, path),
        };
        for (name, value) in self.page.headers {
            request = request.header(name, value);
        }
        if self.has_cookie {
            request = request.header("Cookie", "login=secret");
        }
        let handshake = self.handshake;
        for (name, value) in [
            ("Upgrade", handshake.upgrade),
            ("Connection", handshake.connection),
            ("Sec-WebSocket-Version", handshake.version),
            ("Sec-WebSocket-Key", handshake.key),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request
    }

    /// What it must get under a policy.
    pub fn expected(&self, policy: Policy) -> Expected {
        let mut expected = Expected {
            status: 405,
            is_whole: true,
            opens: false,
            takes: false,
            allow: Vec::new(),
            allowed_origin: None,
            has_credentials: false,
        };
        let Some(answer) = self.route.answer(self.method) else {
            expected.allow = self
                .route
                .answers
                .iter()
                .map(|(method, _)| *method)
                .collect();
            return expected;
        };
        let column = match policy {
            Policy::SameOrigin => 0,
            Policy::List => 1,
            Policy::Any => 2,
        };
        let refused = match self.route.guard {
            Guard::Open => None,
            Guard::Framed => (policy == Policy::SameOrigin).then_some(404),
            Guard::Guarded => (!self.page.may[column]).then_some(403),
            Guard::Loaded => (!self.page.may_load[column]).then_some(403),
        };
        if let Some(status) = refused {
            expected.status = status;
            return expected;
        }
        match answer {
            Answer::Plain(status) => expected.status = status,
            Answer::Opens { is_whole } => {
                (expected.status, expected.is_whole, expected.opens) = (200, is_whole, true);
            }
            Answer::Handshake => {
                expected.status = self.handshake.status();
                expected.opens = expected.status == 101;
                expected.is_whole = !expected.opens;
            }
            Answer::Takes(status) => (expected.status, expected.takes) = (status, true),
        }
        let origin = self
            .page
            .origin()
            .filter(|origin| self.route.cors != Cors::ButNull || *origin != "null");
        if self.route.cors != Cors::No {
            expected.allowed_origin = Some(origin.unwrap_or("*"));
            expected.has_credentials = origin.is_some();
        }
        expected
    }
}

impl Expected {
    /// What is wrong with an answer; the body of a whole one is given.
    pub fn faults(&self, head: &Head, body: Option<&str>) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |is_right: bool, what: &str| {
            if !is_right {
                faults.push(what.to_owned());
            }
        };
        check(head.status == self.status, "status");
        let allowed = head.header("access-control-allow-origin");
        check(allowed == self.allowed_origin, "allowed origin");
        let credentials = head.header("access-control-allow-credentials");
        check(
            credentials == self.has_credentials.then_some("true"),
            "credentials",
        );
        if self.allowed_origin.is_some() {
            check(head.has_token("vary", "Origin"), "vary");
        }
        let mut allow: Vec<_> = head
            .header("allow")
            .unwrap_or_default()
            .split(", ")
            .collect();
        allow.sort_unstable();
        let mut expected = self.allow.clone();
        expected.sort_unstable();
        check(allow.join(" ") == expected.join(" "), "allow");
        if self.status == 426 {
            let version = head.header("sec-websocket-version");
            check(version == Some("13"), "the version that would do");
        }
        if self.status == 403 {
            check(
                body.is_some_and(|body| body.contains("allowed_origins")),
                "the refusal does not name the setting",
            );
        }
        faults
    }
}
