//! The servers that are measured: one process each, one thread, one and the same runtime.

mod axum_ws;
mod control;
mod engineioxide;
mod floor;
mod hyper_wait;
mod socketioxide;
mod sockeye;
mod tungstenite;

use std::{io, net::Ipv4Addr};

use tokio::net::TcpListener;

use crate::{Result, sys};

/// The core that servers are kept on. The generator takes [`GENERATOR_CORE`].
pub const SERVER_CORE: usize = 0;

/// The core that the load generator is kept on.
pub const GENERATOR_CORE: usize = 1;

/// The servers that [`serve`] knows.
pub const NAMES: [&str; 9] = [
    "sockeye",
    "sockeye-axum",
    "axum-ws",
    "tungstenite",
    "tungstenite-tuned",
    "floor",
    "hyper-wait",
    "engineioxide",
    "socketioxide",
];

/// Serves until stdin is closed.
pub fn serve(name: &str, pinned: bool) -> Result<()> {
    if pinned {
        sys::pin_to_core(SERVER_CORE)?;
    }
    sys::raise_open_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = listen().await?;
        match name {
            "sockeye" => sockeye::serve(listener, listen().await?).await,
            "sockeye-axum" => sockeye::serve_on_axum(listener).await,
            "axum-ws" => axum_ws::serve(listener).await,
            "tungstenite" => tungstenite::serve(listener, tungstenite::Tuning::Default).await,
            "tungstenite-tuned" => tungstenite::serve(listener, tungstenite::Tuning::Tuned).await,
            "floor" => floor::serve(listener).await,
            "hyper-wait" => hyper_wait::serve(listener).await,
            "engineioxide" => engineioxide::serve(listener).await,
            "socketioxide" => socketioxide::serve(listener).await,
            _ => Err(format!("no server {name:?}; there are {}", NAMES.join(", ")).into()),
        }
    })
}

async fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}
