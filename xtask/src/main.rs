//! The project's commands: `cargo xtask help` lists them.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

mod clients;
mod crates;
mod fuzz;
mod install;
mod packages;
mod proxies;
mod report;
mod run;
mod salvo;
mod test;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const HELP: &str = "\
cargo xtask COMMAND

  chat [--port N] [--host ADDRESS]   serves the example chat [--port 3000 --host 127.0.0.1];
                                     --host 0.0.0.0 lets phones on your network in
  test                               checks and tests everything; installs what is missing and says so
  bench [OPTIONS]                    runs the load harness, with the options it takes
  fuzz [TARGET] [--seconds N]        fuzzes one target, or each in turn [--seconds 60]; needs a nightly
                                     compiler and cargo-fuzz
  help                               prints this";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let options: Vec<String> = arguments.collect();
    let result = match (command.as_str(), options.as_slice()) {
        ("chat", options) => chat(options),
        ("test", []) => return test::everything(),
        ("bench", options) => bench(options),
        ("fuzz", options) => fuzz::fuzz(options),
        ("help" | "--help" | "-h", []) => {
            println!("{HELP}");
            Ok(())
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the repository")
}

/// Where cargo put this program, and puts the others of the same profile.
fn programs() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// A command that runs at the root.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

fn cargo() -> Command {
    // The cargo that runs this program, whatever `cargo` means elsewhere.
    command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
}

fn chat(options: &[String]) -> Result<(), String> {
    let mut port = "3000";
    let mut host = "127.0.0.1";
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let value = options
            .next()
            .ok_or_else(|| format!("{option} needs a value\n\n{HELP}"))?;
        match option.as_str() {
            "--port" => port = value,
            "--host" => host = value,
            _ => return Err(format!("{option} is not an option of chat\n\n{HELP}")),
        }
    }
    install::scripts("examples/chat")?;
    let mut chat = cargo();
    chat.args([
        "run",
        "--package",
        "example-chat",
        "--",
        "--listen",
        &format!("{host}:{port}"),
    ]);
    run::replace(chat)
}

fn bench(options: &[String]) -> Result<(), String> {
    let mut bench = cargo();
    bench
        .args(["run", "--release", "--package", "sockeye-bench", "--"])
        .args(options);
    run::replace(bench)
}
