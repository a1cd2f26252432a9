//! One program that serves every protocol of sockeye on one port, for suites, load tools and real
//! clients to be pointed at.
//!
//! It is written as a user of sockeye would write it: from the public API, with no protocol logic.
//! `options.rs` is the command line, `mounts.rs` says what is mounted where, `apps.rs` what each
//! mount of sessions does, `socketio/` is the Socket.IO application and its mounts, and `stack/` hosts the same mounts in one framework after the other.
#![forbid(unsafe_code)]

mod apps;
mod mounts;
mod options;
mod socketio;
mod stack;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use options::Options;
use sockeye::{DrainPolicy, Handle};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os()) {
        Ok(options) => options,
        Err(error) => return fail(2, &error),
    };
    // A load test opens more connections than the usual soft limit of 1024 lets in. Where even
    // asking fails, the limit stays what it was and connections beyond it wait in the backlog.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error),
    };
    let result = runtime.block_on(run(options));
    // Whatever a client still holds up must not hold up the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error),
    }
}

/// Listens, says where, and serves until a signal's drain is over.
async fn run(options: Options) -> io::Result<()> {
    let handle = Handle::new();
    // Before the port is told: whoever reads the line may send the signal at once.
    drain_on_signals(&handle)?;
    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "listening on {address}")?;
        stdout.flush()?;
    }
    stack::serve(listener, &options, &handle).await
}

/// SIGTERM, and SIGINT for whoever started it by hand, start the drain.
fn drain_on_signals(handle: &Handle) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let handle = handle.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        handle.drain(DrainPolicy::new()).await;
    });
    Ok(())
}

fn fail(status: u8, error: &dyn std::fmt::Display) -> ExitCode {
    // Nothing is left to tell if stderr is closed too.
    let _ = writeln!(io::stderr(), "conformance: {error}");
    ExitCode::from(status)
}
