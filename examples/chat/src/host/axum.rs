//! The chat as an axum router.

use std::sync::Arc;

use axum::{Json, Router, body::Body, extract::State, http::StatusCode, routing::get};
use sockeye::{Handle, Handler, SockJs, axum::sockjs_layer};

use crate::{pages::Asset, room::Room};

pub(super) fn app<H: Handler>(
    assets: Vec<Asset>,
    room: Arc<Room>,
    chat: SockJs<H>,
    handle: &Handle,
) -> Router {
    let handle = handle.clone();
    let readiness = async move || {
        if handle.is_draining() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining")
        } else {
            (StatusCode::OK, "ok")
        }
    };
    let routes = Router::new()
        .route(
            "/api/room",
            get(async |State(room): State<Arc<Room>>| Json(room.summary())),
        )
        .with_state(room)
        .route("/healthz", get(readiness))
        .nest("/chat", sockjs_layer(chat));
    assets.into_iter().fold(routes, |routes, asset| {
        let path = asset.path;
        routes.route(path, get(async move || asset.response::<Body>()))
    })
}
