//! What axum knows of a request, said in sockeye's terms.

use std::{
    net::SocketAddr,
    task::{Context, Poll},
};

use axum::extract::{ConnectInfo, NestedPath, OriginalUri};
use http::{Extensions, Request, Uri};
use sockeye_tower::{ExactPath, PeerAddress, engineio::without_session_id};
use tower_service::Service;

/// Tells the mount inside its exact path and the peer's address.
#[derive(Clone, Debug)]
pub(crate) struct Exact<S>(pub(crate) S);

impl<S, B> Service<Request<B>> for Exact<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(path) = exact_path(request.extensions(), request.uri()) {
            request.extensions_mut().insert(path);
        }
        let extensions = request.extensions_mut();
        compact_uri(extensions);
        if extensions.get::<PeerAddress>().is_none() {
            if let Some(ConnectInfo(address)) = extensions.get::<ConnectInfo<SocketAddr>>() {
                let address = PeerAddress(*address);
                extensions.insert(address);
            }
        }
        self.0.call(request)
    }
}

/// Takes a route's path off, as `nest_service` does and a plain route does not.
#[derive(Clone, Debug)]
pub(crate) struct Below<S> {
    service: S,
    /// Those of the route's path: it may be a pattern (`/app/{tenant}/socket.io`).
    segments: usize,
}

impl<S> Below<S> {
    /// `path` has no slash at its end.
    pub(crate) fn new(path: &str, service: S) -> Self {
        let segments = path.matches('/').count();
        Self { service, segments }
    }
}

impl<S, B> Service<Request<B>> for Below<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let known = request.extensions().get::<ExactPath>();
        let path = known.map_or(request.uri().path(), |exact| &exact.0);
        let rest = match path.match_indices('/').nth(self.segments) {
            Some((start, _)) => &path[start..],
            None => "",
        };
        // Most requests are a session's, with a mere slash below the mount. To those any path below
        // will do, the whole one as well, and nothing needs to be written down.
        if known.is_some() || rest != "/" {
            let rest = ExactPath(rest.into());
            request.extensions_mut().insert(rest);
        }
        self.service.call(request)
    }
}

/// Keeps the secret id of an Engine.IO session out of axum's copy of the URI, which hooks may see.
#[derive(Clone, Debug)]
pub(crate) struct Secret<S>(pub(crate) S);

impl<S, B> Service<Request<B>> for Secret<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(OriginalUri(uri)) = request.extensions_mut().get_mut::<OriginalUri>() {
            *uri = without_session_id(uri);
        }
        self.0.call(request)
    }
}

/// The path below the mount as it was sent, if it is not the URI's.
///
/// `NestedPath` is the pattern (`/app/{tenant}/chat`), not the text: as many segments as it has are
/// taken off the original path. Under a wildcard route there is none, and the rest is the path.
fn exact_path(extensions: &Extensions, stripped: &Uri) -> Option<ExactPath> {
    let original = extensions.get::<OriginalUri>()?.0.path();
    let nested = extensions.get::<NestedPath>()?.as_str();
    let segments = nested.trim_end_matches('/').matches('/').count();
    let rest = match original.match_indices('/').nth(segments) {
        Some((start, _)) => &original[start..],
        None => "",
    };
    let is_same = rest == stripped.path() || (rest.is_empty() && stripped.path() == "/");
    (!is_same).then(|| ExactPath(rest.into()))
}

/// A session keeps its request's extensions, and axum's copy of the URI would keep the whole read
/// buffer of the connection in memory with it.
fn compact_uri(extensions: &mut Extensions) {
    if let Some(OriginalUri(uri)) = extensions.get_mut::<OriginalUri>() {
        if let Ok(compact) = uri.to_string().parse() {
            *uri = compact;
        }
    }
}
