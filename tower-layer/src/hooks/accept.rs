//! What a hook answers.

use std::{
    any::{Any, TypeId, type_name},
    error::Error,
    fmt,
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use sockeye_core::{Text, session::Close};

use crate::{Body, headers};

/// Lets a request in: with data for the session, headers for the answer, and a time to which it
/// holds.
///
/// # Example
///
/// ```
/// use std::time::{Duration, Instant};
/// use sockeye_tower::{Accept, ConnectRequest, Reject, Session, SockJs};
///
/// struct User { name: String }
///
/// async fn greet(session: Session) {
///     let user = session.data::<User>().expect("the hook put it there");
///     let _ = session.send(format!("hello {}", user.name)).await;
/// }
///
/// let mount = SockJs::new(greet).on_connect(async |request: &ConnectRequest| {
///     let name = request.cookie("user").ok_or(Reject::status(401))?;
///     Ok(Accept::new()
///         .data(User { name: name.into() })
///         .until(Instant::now() + Duration::from_secs(3600)))
/// });
/// # let _ = mount;
/// ```
#[derive(Debug, Default)]
pub struct Accept {
    pub(crate) data: Data,
    pub(crate) headers: HeaderMap,
    pub(crate) until: Option<Instant>,
}

impl Accept {
    /// Lets the request in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Attaches a value to the session, one of each type; the handler finds it with
    /// [`Session::data`](crate::Session::data).
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.data.insert(value);
        self
    }

    /// Adds a header to the answer of this request: the 101, or the first poll's, say. On an
    /// Engine.IO mount it stands on no error, a request that is refused after all.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Until when the session may live; then it is closed with 4401 `Credentials expired`.
    ///
    /// A later hook or [`Session::admit_until`](crate::Session::admit_until) moves the time.
    /// Default: for as long as it likes. The clock is tokio's
    /// (`tokio::time::Instant::now().into_std()`), which tests can pause.
    #[must_use]
    pub fn until(mut self, until: Instant) -> Self {
        self.until = Some(until);
        self
    }
}

/// Turns a request away with an answer of the application's own.
///
/// `?` makes one from any error: it is logged, and the answer is a bare 500.
///
/// It is as large as a pointer, so that functions may return it as their error without a second
/// thought.
#[derive(Clone, Debug)]
pub struct Reject(Box<Rejection>);

#[derive(Clone, Debug)]
struct Rejection {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    close: Option<Close>,
}

impl Reject {
    /// An answer with this status and no body.
    ///
    /// A WebSocket over HTTP/2 that is turned away with a 2xx gets 403 instead, since there any 2xx
    /// would open it.
    ///
    /// # Panics
    ///
    /// When `status` is not from 200 to 599.
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|status| (200..600).contains(&status.as_u16()))
            .unwrap_or_else(|| panic!("Reject::status: {status} is not from 200 to 599"));
        Self(Box::new(Rejection {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            close: None,
        }))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// Sets the body; it is `text/plain` unless a header says otherwise.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.0.body = body.into();
        self
    }

    /// Also closes the session that the request belongs to; without it, the session is untouched
    /// by a request that was turned away.
    ///
    /// Whoever learned a session's URL can then end that session, unless the hook made sure that
    /// the request is its owner's. Means nothing in `on_connect`, where there is no session yet.
    ///
    /// Nothing in `code` and `reason` may be confidential: they are told to whoever asks with the
    /// id in the session's URL, also when their request is rejected.
    #[must_use]
    pub fn closing(mut self, code: u16, reason: impl Into<Text>) -> Self {
        self.0.close = Some(Close::new(code, reason));
        self
    }

    /// What the session it belongs to is closed with.
    pub(crate) fn close(&self) -> Option<&Close> {
        self.0.close.as_ref()
    }

    /// The status and the body, for protocols that have a form of their own for them.
    pub(crate) fn parts(&self) -> (StatusCode, &[u8]) {
        (self.0.status, &self.0.body)
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let rejection = *self.0;
        let has_body = !rejection.body.is_empty();
        let mut response = Response::new(Body::from(rejection.body));
        *response.status_mut() = rejection.status;
        let headers = response.headers_mut();
        if has_body {
            headers.insert(header::CONTENT_TYPE, headers::TEXT);
            headers::no_sniff(headers);
        }
        // The application's word goes before ours.
        for name in rejection.headers.keys() {
            headers.remove(name);
        }
        headers.extend(rejection.headers);
        response
    }
}

impl<E: Error> From<E> for Reject {
    fn from(error: E) -> Self {
        tracing::error!(%error, "a hook failed");
        Self::status(500)
    }
}

/// Values of a session, one of each type.
#[derive(Clone, Default)]
pub(crate) struct Data(Vec<Value>);

#[derive(Clone)]
struct Value {
    of: TypeId,
    name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl Data {
    fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.put(Value {
            of: TypeId::of::<T>(),
            name: type_name::<T>(),
            value: Arc::new(value),
        });
    }

    fn put(&mut self, value: Value) {
        self.0.retain(|found| found.of != value.of);
        self.0.push(value);
    }

    /// Takes the values of `later`, which replace those of their types.
    pub(crate) fn merge(&mut self, later: Self) {
        for value in later.0 {
            self.put(value);
        }
        self.0.shrink_to_fit();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let found = self.0.iter().find(|value| value.of == TypeId::of::<T>())?;
        found.value.clone().downcast().ok()
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|value| value.name))
            .finish()
    }
}
