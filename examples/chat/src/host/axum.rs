//! The chat as an axum router.

use std::sync::Arc;

use axum::{Json, Router, body::Body, extract::State, http::StatusCode, routing::get};
use sockeye::{
    Handler,
    axum::{RouterExt, sockjs_layer},
};

use super::App;
use crate::room::Room;

pub(super) fn app<H: Handler>(app: App<H>) -> Router {
    let handle = app.handle;
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
        .with_state(app.room)
        .route("/healthz", get(readiness))
        .nest("/chat", sockjs_layer(app.sockjs))
        .socketio("/socket.io", &app.socketio);
    app.assets.into_iter().fold(routes, |routes, asset| {
        let path = asset.path;
        routes.route(path, get(async move || asset.response::<Body>()))
    })
}
