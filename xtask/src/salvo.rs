//! The salvo example, a workspace of its own: salvo needs a newer compiler than the other crates.

use std::process::Command;

use crate::{cargo, programs, root};

pub(crate) fn format() -> Command {
    within(&["fmt", "--check"])
}

pub(crate) fn lints() -> Command {
    within(&["clippy", "--all-targets", "--", "-D", "warnings"])
}

pub(crate) fn tests() -> Command {
    within(&["test"])
}

/// Cargo in the example's folder, with the target folder of all: most of its dependencies are ours too.
fn within(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .args(arguments)
        .current_dir(root().join("examples/salvo"));
    if let Some(target) = programs().parent() {
        command.env("CARGO_TARGET_DIR", target);
    }
    command
}
