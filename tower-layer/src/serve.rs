//! A small HTTP server loop. (API stub.)
use crate::Handle;
use http_body::Body;
use hyper::body::Incoming;
use std::{convert::Infallible, io, pin::Pin, future::{Future, IntoFuture}, marker::PhantomData, time::Duration};
use tower_service::Service;

/// Serves `service` on `listener`.
pub fn serve<S, B>(listener: tokio::net::TcpListener, service: S) -> Serve<S, B>
where
    S: Service<http::Request<Incoming>, Response = http::Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    unimplemented!()
}
/// The future of [`serve`], with its options.
pub struct Serve<S, B>(PhantomData<(S, B)>);
impl<S, B> Serve<S, B> {
    pub fn handle(self, handle: &Handle) -> Self { self }
    pub fn head_timeout(self, timeout: Duration) -> Self { self }
    pub fn max_head_size(self, bytes: usize) -> Self { self }
    pub fn max_target_length(self, bytes: usize) -> Self { self }
    pub fn write_stall(self, timeout: Duration) -> Self { self }
    pub fn drain_bound(self, bound: Duration) -> Self { self }
}
impl<S, B> IntoFuture for Serve<S, B>
where S: Send + 'static, B: Send + 'static
{
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;
    fn into_future(self) -> Self::IntoFuture { unimplemented!() }
}
