//! The side channel to the orchestrator: questions on stdin, answers on stdout.
//!
//! On a thread of its own that only ever waits, so that asking disturbs neither the runtime nor
//! what is counted.

use std::{
    io::{self, BufRead, Write},
    process, thread,
};

use tokio::net::TcpListener;

use crate::{Result, counting, sys};

/// Tells the orchestrator where this process listens, and answers it from now on.
pub(super) fn start(listeners: &[&TcpListener]) -> Result<()> {
    let mut line = "listening".to_owned();
    for listener in listeners {
        line.push_str(&format!(" {}", listener.local_addr()?.port()));
    }
    say(&line)?;
    thread::Builder::new()
        .name("control".to_owned())
        .spawn(|| {
            let mut question = String::with_capacity(64);
            loop {
                question.clear();
                match io::stdin().lock().read_line(&mut question) {
                    // The orchestrator is gone or done with us.
                    Ok(0) | Err(_) => process::exit(0),
                    Ok(_) => {}
                }
                if answer(question.trim_end()).is_err() {
                    process::exit(0);
                }
            }
        })?;
    Ok(())
}

fn answer(question: &str) -> io::Result<()> {
    if let Some(large) = question
        .strip_prefix("count ")
        .and_then(|size| size.parse().ok())
    {
        counting::start(large);
        return say("counting");
    }
    match question {
        "counts" => {
            let counts = counting::stop();
            say(&format!(
                "{} {} {}",
                counts.allocations, counts.bytes, counts.large
            ))
        }
        "trim" if sys::trim_heap() => say("trimmed"),
        _ => say("unsupported"),
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
