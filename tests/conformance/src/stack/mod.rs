//! The mounts, hosted by one framework after the other, all under `sockeye::serve`.

mod axum;
mod tower;
mod warp;

use std::io;

use http::StatusCode;
use sockeye::Handle;
use tokio::net::TcpListener;

use crate::{
    mounts,
    options::{Options, Stack},
};

/// Serves until the drain is over.
pub(crate) async fn serve(
    listener: TcpListener,
    options: &Options,
    handle: &Handle,
) -> io::Result<()> {
    let mounts = mounts::all(options, handle);
    match options.stack {
        Stack::Axum => {
            sockeye::serve(listener, axum::app(mounts, handle))
                .handle(handle)
                .await
        }
        Stack::Tower => {
            sockeye::serve(listener, tower::app(mounts, handle))
                .handle(handle)
                .await
        }
        Stack::Warp => {
            sockeye::serve(listener, ::warp::service(warp::app(mounts, handle)))
                .handle(handle)
                .await
        }
    }
}

/// What `/healthz` says: an ordinary route of the host app.
fn health(handle: &Handle) -> (StatusCode, &'static str) {
    if handle.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ok")
    }
}
