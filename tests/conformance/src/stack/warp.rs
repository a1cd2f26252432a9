//! warp filters.

use sockeye::Handle;
use warp::{Filter, Rejection, Reply, filters::BoxedFilter, reply};

use super::health;
use crate::mounts::Mount;

/// The host's own route, and the mounts, one after the other.
pub(super) fn app<const N: usize>(
    mounts: [Mount; N],
    handle: &Handle,
) -> BoxedFilter<(reply::Response,)> {
    let handle = handle.clone();
    let host = warp::path!("healthz").and(warp::get()).map(move || {
        let (status, text) = health(&handle);
        reply::with_status(text, status)
    });
    mounts
        .into_iter()
        .fold(response(host), |routes, (path, mount)| {
            // Every mount of the server is one segment deep.
            let segment = path.trim_start_matches('/');
            response(routes.or(warp::path(segment).and(sockeye::warp::sockjs(mount))))
        })
}

/// One type for all filters, as a fold wants it.
fn response<F, R>(filter: F) -> BoxedFilter<(reply::Response,)>
where
    F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
    R: Reply + 'static,
{
    filter.map(Reply::into_response).boxed()
}
