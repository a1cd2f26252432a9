//! Request extensions that handlers want to see, and the filter that ends a builder of them.

use std::{convert::Infallible, fmt, future::poll_fn};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http::{Extensions, Request, Response, request::Parts};
use http_body::Body;
use sockeye_tower::{IntoEventStream, IntoSockJs, IntoWebSocket};
use tower_service::Service;
use warp::{Filter, Rejection, ext};

use crate::{
    body::{RequestBody, reply},
    head::head,
};

/// Hands a request's extension of type `T` on to the mount, if the request has one.
///
/// warp gives extensions out by type, so each must be named. Handlers and hooks find them in their
/// request, as on any other stack.
///
/// # Example
///
/// ```
/// use sockeye_tower::Session;
/// use warp::Filter;
///
/// #[derive(Clone)]
/// struct Login { name: String }
/// #[derive(Clone)]
/// struct Tenant(u32);
///
/// let chat = sockeye_warp::extension::<Login>().extension::<Tenant>().sockjs(
///     async |session: Session| {
///         let name = session.request().extension::<Login>().map(|login| login.name.clone());
///         let _ = session.send(name.unwrap_or_default()).await;
///     },
/// );
/// let routes = warp::path("chat").and(chat);
/// ```
pub fn extension<T>() -> WithExtensions<
    impl Filter<Extract = (Extensions,), Error = Infallible> + Clone + Send + Sync + 'static,
>
where
    T: Clone + Send + Sync + 'static,
{
    none().extension::<T>()
}

/// No extensions but those that the head itself brings.
pub(crate) fn none() -> WithExtensions<
    impl Filter<Extract = (Extensions,), Error = Infallible> + Clone + Send + Sync + 'static,
> {
    WithExtensions {
        extensions: warp::any().map(Extensions::new),
    }
}

/// A mount in the making, and the extensions it is to see; begins with [`extension`].
#[derive(Clone, Copy)]
pub struct WithExtensions<F> {
    extensions: F,
}

impl<F> WithExtensions<F>
where
    F: Filter<Extract = (Extensions,), Error = Infallible> + Clone + Send + Sync + 'static,
{
    /// Another one.
    pub fn extension<T>(
        self,
    ) -> WithExtensions<
        impl Filter<Extract = (Extensions,), Error = Infallible> + Clone + Send + Sync + 'static,
    >
    where
        T: Clone + Send + Sync + 'static,
    {
        WithExtensions {
            extensions: self.extensions.and(ext::optional::<T>()).map(add::<T>),
        }
    }

    /// The filter of a SockJS mount, as [`sockjs`](crate::sockjs) makes it.
    ///
    /// # Panics
    ///
    /// When options contradict each other.
    pub fn sockjs<M>(
        self,
        mount: M,
    ) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
    where
        M: IntoSockJs,
    {
        self.service(mount.into_sockjs().service())
    }

    /// The filter of a plain WebSocket mount, as [`websocket`](crate::websocket) makes it.
    ///
    /// # Panics
    ///
    /// When options contradict each other.
    pub fn websocket<M>(
        self,
        mount: M,
    ) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
    where
        M: IntoWebSocket,
    {
        self.service(mount.into_websocket().service())
    }

    /// The filter of an event stream's mount, as [`event_stream`](crate::event_stream) makes it.
    ///
    /// # Panics
    ///
    /// When options contradict each other.
    pub fn event_stream<M>(
        self,
        mount: M,
    ) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
    where
        M: IntoEventStream,
    {
        self.service(mount.into_event_stream().service())
    }

    /// The filter of any service, as [`service`](crate::service) makes it.
    pub fn service<S, B>(
        self,
        service: S,
    ) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        // The body comes last, when nothing can reject any more: a request whose body was taken is
        // of no use to the filter behind an `.or`.
        head()
            .and(self.extensions)
            .and(warp::body::stream())
            .then(move |head, extensions, body| answer(service.clone(), head, extensions, body))
    }
}

impl<F> fmt::Debug for WithExtensions<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithExtensions").finish_non_exhaustive()
    }
}

/// Adds what was found.
pub(crate) fn add<T>(mut extensions: Extensions, found: Option<T>) -> Extensions
where
    T: Clone + Send + Sync + 'static,
{
    if let Some(found) = found {
        extensions.insert(found);
    }
    extensions
}

async fn answer<S, B, In, D>(
    mut service: S,
    mut head: Parts,
    extensions: Extensions,
    body: In,
) -> warp::reply::Response
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    In: Stream<Item = Result<D, warp::Error>> + Send + Sync + Unpin + 'static,
    D: Buf,
{
    head.extensions.extend(extensions);
    let body = RequestBody::new(&head.headers, body).await;
    match poll_fn(|cx| service.poll_ready(cx)).await {
        Ok(()) => {}
        Err(never) => match never {},
    }
    match service.call(Request::from_parts(head, body)).await {
        Ok(response) => reply(response).await,
        Err(never) => match never {},
    }
}
