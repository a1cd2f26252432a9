//! warp filters.

use sockeye::Handle;
use warp::{Filter, Rejection, Reply, filters::BoxedFilter, reply};

use super::health;
use crate::mounts::Mounts;

/// The host's own route, and the mounts, one after the other.
pub(super) fn app(mounts: Mounts, handle: &Handle) -> BoxedFilter<(reply::Response,)> {
    let handle = handle.clone();
    let host = warp::path!("healthz").and(warp::get()).map(move || {
        let (status, text) = health(&handle);
        reply::with_status(text, status)
    });
    let mut app = response(host);
    for (path, mount) in mounts.sockjs {
        app = response(app.or(below(path).and(sockeye::warp::sockjs(mount))));
    }
    for (path, mount) in mounts.engineio {
        app = response(app.or(below(path).and(sockeye::warp::engineio(mount))));
    }
    for (path, io) in mounts.socketio {
        app = response(app.or(below(path).and(sockeye::warp::socketio(&io))));
    }
    app
}

/// Every mount of the server is one segment deep.
fn below(path: &'static str) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::path(path.trim_start_matches('/'))
}

/// One type for all filters, as a fold wants it.
fn response<F, R>(filter: F) -> BoxedFilter<(reply::Response,)>
where
    F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
    R: Reply + 'static,
{
    filter.map(Reply::into_response).boxed()
}
