//! API stubs.
#![allow(missing_docs, clippy::unimplemented, unused_variables)]
use axum::Router;
use sockeye_tower::IntoSockJs;

/// A router to nest: `.nest("/chat", sockjs_layer(handler))`.
pub fn sockjs_layer<S, M: IntoSockJs>(mount: M) -> Router<S> where S: Clone + Send + Sync + 'static { unimplemented!() }

pub trait RouterExt {
    /// Mounts under `path`, so that `path/` works too.
    fn sockjs<M: IntoSockJs>(self, path: &str, mount: M) -> Self;
}
impl<S: Clone + Send + Sync + 'static> RouterExt for Router<S> { fn sockjs<M: IntoSockJs>(self, path: &str, mount: M) -> Self { unimplemented!() } }
