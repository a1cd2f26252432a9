//! Namespaces that come into being when a client asks for them.

use std::{
    fmt,
    future::{Future, Ready, ready},
    sync::{Arc, Weak},
};

use regex::Regex;
use serde::Serialize;
use sockeye_core::socketio::{Data, Value};
use sockeye_rooms::Outcome;

use crate::{
    EmitError, Namespace, Refusal,
    handler::{Handler, Kept, Returned},
    listeners::keep,
    namespace::Behaviour,
    server::Server,
    start::BoxFuture,
};

/// What decides whether there is a namespace of some name.
///
/// A [`Regex`], or an async closure over the name and the auth payload. `Kind` tells these apart, and
/// is found by the compiler.
pub trait Matcher<Kind>: Send + Sync + 'static {
    /// Whether there is, for a client that comes with this auth payload.
    fn matches(&self, name: &str, auth: Value) -> BoxFuture<bool>;

    /// Whether a namespace that the server makes by name belongs here.
    fn owns(&self, name: &str) -> bool {
        let _ = name;
        false
    }
}

/// The matcher is a pattern of names.
#[derive(Debug)]
pub struct ByPattern;

/// The matcher is an async closure.
#[derive(Debug)]
pub struct ByClosure;

impl Matcher<ByPattern> for Regex {
    fn matches(&self, name: &str, _: Value) -> BoxFuture<bool> {
        Box::pin(ready(self.is_match(name)))
    }

    fn owns(&self, name: &str) -> bool {
        self.is_match(name)
    }
}

impl<F, Fut> Matcher<ByClosure> for F
where
    F: Fn(String, Value) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = bool> + Send + 'static,
{
    fn matches(&self, name: &str, auth: Value) -> BoxFuture<bool> {
        Box::pin(self(name.to_owned(), auth))
    }
}

/// A matcher whose kind is forgotten.
pub(crate) trait AnyMatcher: Send + Sync {
    fn matches(&self, name: &str, auth: Value) -> BoxFuture<bool>;
    fn owns(&self, name: &str) -> bool;
}

pub(crate) struct Forgotten<M, Kind>(
    pub(crate) M,
    pub(crate) std::marker::PhantomData<fn() -> Kind>,
);

impl<Kind, M: Matcher<Kind>> AnyMatcher for Forgotten<M, Kind> {
    fn matches(&self, name: &str, auth: Value) -> BoxFuture<bool> {
        self.0.matches(name, auth)
    }

    fn owns(&self, name: &str) -> bool {
        self.0.owns(name)
    }
}

/// The parent of all namespaces that match; cheap to clone. See [`SocketIo::dynamic`](crate::SocketIo::dynamic).
///
/// Its middlewares and handlers are those of every child, the ones that exist included. What is added to
/// one child ([`SocketIo::of`](crate::SocketIo::of)) is that one's alone, and comes behind.
///
/// # Example
///
/// ```
/// use sockeye_socketio::{Refusal, Socket, SocketIo, Value};
///
/// let io = SocketIo::new();
/// let tenants = io.dynamic(async |name: String, _auth: Value| name.starts_with("/tenant-"));
/// tenants.middleware(async |socket: Socket| match socket.handshake().parameter("key") {
///     Some(_) => Ok(()),
///     None => Err(Refusal::new("no key")),
/// });
/// tenants.on_connect(async |socket: Socket| socket.emit("welcome", &()).await);
/// let _ = tenants.emit("maintenance", &"at noon"); // to all children
/// ```
#[derive(Clone)]
pub struct DynamicNamespace {
    pub(crate) matcher: Arc<dyn AnyMatcher>,
    pub(crate) behaviour: Arc<Behaviour>,
    pub(crate) server: Weak<Server>,
}

impl DynamicNamespace {
    /// As [`Namespace::on_connect`], for every child.
    pub fn on_connect<H, A>(&self, handler: H)
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        self.behaviour.on_connect(keep(handler, None));
    }

    /// As [`Namespace::middleware`], for every child.
    pub fn middleware<H, A, E>(&self, middleware: H)
    where
        H: Handler<A, Output = Result<(), E>>,
        A: 'static,
        E: Into<Refusal> + 'static,
    {
        self.behaviour
            .middleware(Arc::new(Kept::new(middleware, None)));
    }

    /// As [`Namespace::sequential`], for every child.
    pub fn sequential(&self) {
        self.behaviour.sequential();
    }

    /// The children there are, in no order.
    pub fn children(&self) -> Vec<Namespace> {
        let server = self.server.upgrade();
        server.map_or_else(Vec::new, |server| server.children(&self.behaviour))
    }

    /// Sends an event to all sockets of all children; the outcomes are added up.
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit`](crate::Broadcast::emit).
    pub fn emit<T: Serialize + ?Sized>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> Ready<Result<Outcome, EmitError>> {
        let mut total = Outcome::default();
        for child in self.children() {
            match child.emit(event.as_ref(), arguments).into_inner() {
                Ok(outcome) => {
                    total.reached += outcome.reached;
                    total.skipped += outcome.skipped;
                    total.closed += outcome.closed;
                    total.unpublished = total.unpublished.or(outcome.unpublished);
                }
                Err(error) => return ready(Err(error)),
            }
        }
        ready(Ok(total))
    }
}

impl fmt::Debug for DynamicNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DynamicNamespace")
    }
}

/// The auth payload as a matcher sees it.
pub(crate) fn auth_value(auth: Option<&Data>) -> Value {
    let auth = auth.and_then(|auth| auth.to_value().ok());
    auth.unwrap_or(Value::Object(Vec::new()))
}
