//! An axum `Router`.

use axum::{Router, routing::get};
use sockeye::{Handle, axum::RouterExt};

use super::health;
use crate::mounts::Mounts;

/// The mounts and the host's own route in one router.
pub(super) fn app(mounts: Mounts, handle: &Handle) -> Router {
    let handle = handle.clone();
    let mut app = Router::new().route("/healthz", get(async move || health(&handle)));
    for (path, mount) in mounts.sockjs {
        app = app.sockjs(path, mount);
    }
    for (path, mount) in mounts.engineio {
        app = app.engineio(path, mount);
    }
    for (path, io) in mounts.socketio {
        app = app.socketio(path, &io);
    }
    app
}
