//! The tests that run every transport through proxies.

use std::process::Command;

use crate::{cargo, install};

/// What the tests start, each in a package of its name.
const PROXIES: [&str; 3] = ["nginx", "haproxy", "caddy"];

/// The tests are left out of a plain `cargo test`, because they need the proxies.
const TARGET: [&str; 4] = ["--package", "sockeye-tests", "--test", "proxies"];

/// The lints of the tests, which `--all-targets` does not reach.
pub(crate) fn lints() -> Command {
    let mut lints = cargo();
    lints
        .arg("clippy")
        .args(TARGET)
        .args(["--", "-D", "warnings"]);
    lints
}

/// Installs what the tests need, and gives the command that runs them.
///
/// # Errors
///
/// When a proxy is missing and cannot be installed.
pub(crate) fn prepare() -> Result<Command, String> {
    install::proxies(&PROXIES)?;
    let mut tests = cargo();
    tests.arg("test").args(TARGET);
    Ok(tests)
}
