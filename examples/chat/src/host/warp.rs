//! The chat as warp filters.

use std::future::ready;

use bytes::Bytes;
use http::StatusCode;
use sockeye::{
    Handler,
    warp::{socketio, sockjs},
};
use warp::{Filter, Rejection, Reply, filters::BoxedFilter, reply};

use super::App;

pub(super) fn app<H: Handler>(app: App<H>) -> BoxedFilter<(reply::Response,)> {
    let App { room, handle, .. } = app;
    let summary = warp::path!("api" / "room")
        .and(warp::get())
        .map(move || reply::json(&room.summary()));
    let readiness = warp::path!("healthz").and(warp::get()).map(move || {
        if handle.is_draining() {
            reply::with_status("draining", StatusCode::SERVICE_UNAVAILABLE)
        } else {
            reply::with_status("ok", StatusCode::OK)
        }
    });
    let by_sockjs = warp::path("chat").and(sockjs(app.sockjs));
    let by_socketio = warp::path("socket.io").and(socketio(&app.socketio));
    let routes = response(summary.or(readiness).or(by_sockjs).or(by_socketio));
    app.assets.into_iter().fold(routes, |routes, asset| {
        let path = asset.path;
        let page = warp::get()
            .and(warp::path::full())
            // The paths are known as wholes.
            .and_then(move |full: warp::path::FullPath| {
                ready(if full.as_str() == path {
                    Ok(())
                } else {
                    Err(warp::reject::not_found())
                })
            })
            .untuple_one()
            .map(move || asset.clone().response::<Bytes>());
        response(routes.or(page))
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
