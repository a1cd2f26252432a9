//! The CORS headers of an Engine.IO mount.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};

/// Which CORS headers a mount writes. It admits nobody: see `allowed_origins`.
///
/// # Protocol
///
/// What the `cors` package does in front of engine.io, on every answer, errors and the 101
/// included.
///
/// # Example
///
/// ```
/// use sockeye_tower::engineio::Cors;
///
/// let cors = Cors::origin("https://example.com").credentials(true);
/// # let _ = cors;
/// ```
#[derive(Clone, Debug)]
pub struct Cors {
    origin: Origin,
    credentials: bool,
    methods: HeaderValue,
    allowed_headers: Option<HeaderValue>,
    exposed_headers: Option<HeaderValue>,
    max_age: Option<Duration>,
}

#[derive(Clone, Debug)]
enum Origin {
    Any,
    Fixed(HeaderValue),
    List(Vec<HeaderValue>),
    Reflected,
}

impl Cors {
    /// `Access-Control-Allow-Origin: *`. Browsers refuse it where credentials are sent.
    pub fn any() -> Self {
        Self::new(Origin::Any)
    }

    /// This origin, whoever asks.
    ///
    /// # Panics
    ///
    /// When it cannot stand in a header.
    pub fn origin(origin: &str) -> Self {
        Self::new(Origin::Fixed(value(origin)))
    }

    /// The asking page's origin, if it is one of these.
    ///
    /// # Panics
    ///
    /// When one cannot stand in a header.
    pub fn list<'a>(origins: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(Origin::List(origins.into_iter().map(value).collect()))
    }

    /// The asking page's origin, whatever it is.
    pub fn reflected() -> Self {
        Self::new(Origin::Reflected)
    }

    fn new(origin: Origin) -> Self {
        Self {
            origin,
            credentials: false,
            methods: HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE"),
            allowed_headers: None,
            exposed_headers: None,
            max_age: None,
        }
    }

    /// Whether pages may send cookies along. Default: no.
    #[must_use]
    pub fn credentials(mut self, allowed: bool) -> Self {
        self.credentials = allowed;
        self
    }

    /// The methods that a preflight is told. Default: `GET,HEAD,PUT,PATCH,POST,DELETE`.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        let names: Vec<String> = methods.into_iter().map(|it| it.to_string()).collect();
        self.methods = value(&names.join(","));
        self
    }

    /// The headers that a preflight is told. Default: those that it asks for.
    #[must_use]
    pub fn allowed_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.allowed_headers = Some(joined(names));
        self
    }

    /// The headers that scripts may read. Default: not told.
    #[must_use]
    pub fn exposed_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.exposed_headers = Some(joined(names));
        self
    }

    /// How long a preflight's answer holds, in whole seconds. Default: not told.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Headers for any answer.
    pub(crate) fn apply(&self, request: &Parts, headers: &mut HeaderMap) {
        let asking = request.headers.get(header::ORIGIN);
        let origin = match &self.origin {
            Origin::Any => Some(HeaderValue::from_static("*")),
            Origin::Fixed(origin) => Some(origin.clone()),
            Origin::List(origins) => asking.filter(|asking| origins.contains(asking)).cloned(),
            Origin::Reflected => asking.cloned(),
        };
        if !matches!(self.origin, Origin::Any) {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if self.credentials {
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        if let Some(names) = &self.exposed_headers {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, names.clone());
        }
    }

    /// What a preflight is told besides.
    pub(crate) fn preflight(&self, request: &Parts, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        match &self.allowed_headers {
            Some(names) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
            }
            None => {
                let asked = HeaderValue::from_static("Access-Control-Request-Headers");
                headers.append(header::VARY, asked);
                let asked = request.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
                if let Some(asked) = asked.filter(|asked| !asked.is_empty()) {
                    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
                }
            }
        }
        if let Some(age) = self.max_age {
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, age.as_secs().into());
        }
    }
}

fn joined(names: impl IntoIterator<Item = HeaderName>) -> HeaderValue {
    let names: Vec<String> = names.into_iter().map(|it| it.to_string()).collect();
    value(&names.join(","))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| panic!("{text:?} cannot stand in a header"))
}
