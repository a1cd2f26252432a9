//! The same chat in one framework or the other.

mod axum;
mod warp;

use std::{io, sync::Arc};

use sockeye::{Handle, Handler, SockJs, SocketIo};
use tokio::net::TcpListener;

use crate::{options::Host, pages::Asset, room::Room};

/// What there is to serve.
pub(crate) struct App<H> {
    pub(crate) assets: Vec<Asset>,
    pub(crate) room: Arc<Room>,
    pub(crate) sockjs: SockJs<H>,
    pub(crate) socketio: SocketIo,
    pub(crate) handle: Handle,
}

/// Serves everything until the drain is over.
pub(crate) async fn serve<H: Handler>(
    host: Host,
    listener: TcpListener,
    app: App<H>,
) -> io::Result<()> {
    let handle = app.handle.clone();
    // Under both hosts: the frameworks' own servers cut WebSockets when they stop, or wait for
    // them for ever.
    match host {
        Host::Axum => {
            let app = axum::app(app);
            sockeye::serve(listener, app).handle(&handle).await
        }
        Host::Warp => {
            let app = ::warp::service(warp::app(app));
            sockeye::serve(listener, app).handle(&handle).await
        }
    }
}
