//! The same chat in one framework or the other.

mod axum;
mod warp;

use std::{io, sync::Arc};

use sockeye::{Handle, Handler, SockJs};
use tokio::net::TcpListener;

use crate::{options::Host, pages::Asset, room::Room};

/// Serves everything until the drain is over.
pub(crate) async fn serve<H: Handler>(
    host: Host,
    listener: TcpListener,
    assets: Vec<Asset>,
    room: Arc<Room>,
    chat: SockJs<H>,
    handle: &Handle,
) -> io::Result<()> {
    // Under both hosts: the frameworks' own servers cut WebSockets when they stop, or wait for
    // them for ever.
    match host {
        Host::Axum => {
            let app = axum::app(assets, room, chat, handle);
            sockeye::serve(listener, app).handle(handle).await
        }
        Host::Warp => {
            let app = warp::app(assets, room, chat, handle);
            sockeye::serve(listener, ::warp::service(app))
                .handle(handle)
                .await
        }
    }
}
