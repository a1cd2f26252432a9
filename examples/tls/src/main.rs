//! TLS with rustls, and HTTP/2 with it: WebSocket, streaming and ordinary requests over one connection.
//!
//!     npm ci --prefix examples/tls && cargo run -p example-tls
//!     cargo run -p example-tls -- 0.0.0.0:443 certificate.pem key.pem
//!
//! Without files the certificate is made at the start, for this machine's own names, and signed by nobody: the browser warns
//! of it, and goes on when told to. curl does with `-k`.
//!
//! Browsers speak HTTP/2 over TLS alone, where ALPN offers it. The page then shows what becomes of three SockJS sessions: one
//! TCP connection carries them all, each request in a stream of its own, and so nothing is left of HTTP/1.1's six connections
//! per host, which two tabs with a stream and a poll each nearly use up. The WebSocket is a stream as well: Chromium and Firefox
//! open it by extended CONNECT (RFC 8441), since the server's settings allow that; a browser that knows no such thing makes a
//! second connection with HTTP/1.1 for it, which is taken too. `/requests` tells who came how.
//!
//! ctrl-c or SIGTERM says goodbye to all sessions and ends the program.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

mod certificate;
mod journal;
mod pages;

use std::{io, process::ExitCode, sync::Arc};

use axum::{Router, middleware};
use sockeye::{DrainPolicy, Handle, Session, SockJs, axum::sockjs_layer};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, ServerConfig},
};

use crate::journal::Journal;

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, files) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => ("127.0.0.1:3000", None),
        [address] => (address, None),
        [address, certificate, key] => (address, Some((certificate, key))),
        _ => {
            eprintln!("example-tls [ADDRESS [CERTIFICATE.pem KEY.pem]]");
            return ExitCode::from(2);
        }
    };
    match run(address, files).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tls: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str, files: Option<(&str, &str)>) -> io::Result<()> {
    let tls = TlsAcceptor::from(Arc::new(config(files).map_err(io::Error::other)?));
    let handle = Handle::new();
    let journal = Arc::new(Journal::default());
    let app = Router::new()
        .merge(pages::routes()?)
        .merge(journal::routes(journal.clone()))
        .nest("/echo", sockjs_layer(SockJs::new(echo).handle(&handle)))
        .layer(middleware::from_fn_with_state(journal, journal::note));

    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    println!("open https://{address}/");
    tokio::spawn(drain_on_signal(handle.clone()));
    sockeye::serve(listener, app)
        .acceptor(move |stream| tls.accept(stream))
        .handle(&handle)
        .await
}

fn config(
    files: Option<(&str, &str)>,
) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
    let (chain, key) = match files {
        Some((certificate, key)) => certificate::read(certificate, key)?,
        None => certificate::make()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // What the client takes of these shows in its first bytes; `serve` needs no word of it.
    config.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
    Ok(config)
}

/// Lets everyone go with a goodbye when the program is told to stop.
async fn drain_on_signal(handle: Handle) {
    match stop_signal().await {
        Ok(()) => println!("stopping: saying goodbye to {} sessions", handle.sessions()),
        Err(error) => eprintln!("tls: cannot wait for signals: {error}"),
    }
    handle.drain(DrainPolicy::new()).await;
}

#[cfg(unix)]
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
