//! An axum `Router`.

use axum::{Router, routing::get};
use sockeye::{Handle, axum::RouterExt};

use super::health;
use crate::mounts::Mount;

/// The mounts and the host's own route in one router.
pub(super) fn app<const N: usize>(mounts: [Mount; N], handle: &Handle) -> Router {
    let handle = handle.clone();
    let host = Router::new().route("/healthz", get(async move || health(&handle)));
    mounts
        .into_iter()
        .fold(host, |router, (path, mount)| router.sockjs(path, mount))
}
