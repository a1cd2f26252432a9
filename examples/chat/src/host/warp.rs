//! The chat as warp filters.

use std::{future::ready, sync::Arc};

use bytes::Bytes;
use http::StatusCode;
use sockeye::{Handle, Handler, SockJs, warp::sockjs};
use warp::{Filter, Rejection, Reply, filters::BoxedFilter, reply};

use crate::{pages::Asset, room::Room};

pub(super) fn app<H: Handler>(
    assets: Vec<Asset>,
    room: Arc<Room>,
    chat: SockJs<H>,
    handle: &Handle,
) -> BoxedFilter<(reply::Response,)> {
    let handle = handle.clone();
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
    let chat = warp::path("chat").and(sockjs(chat));
    let routes = response(summary.or(readiness).or(chat));
    assets.into_iter().fold(routes, |routes, asset| {
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
