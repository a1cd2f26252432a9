//! Running other programs.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use crate::report::Counts;

/// Runs a command to its end. Its output streams through; what test runners count in it is added up.
///
/// # Errors
///
/// When it cannot be started or its output not be read.
pub(crate) fn counting(command: &mut Command) -> Result<(bool, Counts), String> {
    announce(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}", name_of(command)))?;
    let mut counts = Counts::default();
    let mut output = BufReader::new(child.stdout.take().expect("standard output was asked for"));
    let mut line = Vec::new();
    while output
        .read_until(b'\n', &mut line)
        .map_err(|error| format!("cannot read the output: {error}"))?
        > 0
    {
        // Nobody may be listening any more; the count goes on.
        let _ = std::io::stdout().write_all(&line);
        counts.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let status = child
        .wait()
        .map_err(|error| format!("cannot wait for its end: {error}"))?;
    Ok((status.success(), counts))
}

/// Runs a command to its end, all output streaming through.
///
/// # Errors
///
/// When it cannot be started, or fails.
pub(crate) fn plain(command: &mut Command) -> Result<(), String> {
    announce(command);
    let program = name_of(command);
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed: {status}")),
        Err(error) => Err(format!("cannot run {program}: {error}")),
    }
}

/// Whether a command can be run and succeeds. Silent.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a command prints, if it succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Becomes this command, so that ctrl-c and signals reach it alone.
///
/// # Errors
///
/// When it cannot be started, or fails.
pub(crate) fn replace(mut command: Command) -> Result<(), String> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;

        let error = command.exec();
        Err(format!("cannot run {}: {error}", name_of(&command)))
    }
    #[cfg(not(unix))]
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("it failed: {status}")),
        Err(error) => Err(format!("cannot run it: {error}")),
    }
}

fn announce(command: &Command) {
    let words: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    println!("$ {} {}", name_of(command), words.join(" "));
}

/// The program's name, without the path to it.
fn name_of(command: &Command) -> String {
    Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
