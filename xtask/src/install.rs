//! Getting what is missing: client scripts from npm, a browser and proxies from the system's packages.

use std::{env, fs, path::PathBuf, process::Command};

use crate::{command, root, run};

/// Browsers as systems name them, best first.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Installs a folder's npm packages unless what is there is as new as the lock file.
///
/// # Errors
///
/// When there is no npm, or it fails.
pub(crate) fn scripts(folder: &str) -> Result<(), String> {
    let path = root().join(folder);
    let changed = |file: &str| {
        fs::metadata(path.join(file))
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    // npm writes this file last of all.
    let installed = changed("node_modules/.package-lock.json");
    if installed.is_some() && installed >= changed("package-lock.json") {
        return Ok(());
    }
    if !run::succeeds(command("npm").arg("--version")) {
        return Err("npm is missing: install Node.js, version 20 or later".into());
    }
    println!("installing the scripts of {folder} with npm");
    run::plain(
        command("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(path),
    )
}

/// The path of a Chromium or Chrome; installs one where that can be done without asking.
///
/// # Errors
///
/// When there is none and it cannot be installed.
pub(crate) fn browser() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("CHROMIUM").map(PathBuf::from) {
        return if path.is_file() {
            Ok(path)
        } else {
            Err(format!("CHROMIUM is {}, which is no file", path.display()))
        };
    }
    if let Some(path) = find_browser() {
        return Ok(path);
    }
    let advice = "no Chromium was found: install it, or set CHROMIUM to its path";
    packages("no Chromium was found", &["chromium"], advice)?;
    find_browser().ok_or_else(|| advice.into())
}

/// Where Debian keeps servers, which a user's PATH leaves out.
const SERVERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Installs those proxies that are missing, each from the package of its name, and makes sure that no
/// service of it is left running.
///
/// # Errors
///
/// When one is missing and cannot be installed, or its service not be stopped.
pub(crate) fn proxies(names: &[&str]) -> Result<(), String> {
    let find = |name: &str| find(&[name], &SERVERS.map(PathBuf::from));
    let missing: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| find(name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let problem = format!("{} not found", missing.join(", "));
    let advice = format!("{problem}: install what is missing");
    packages(&problem, &missing, &advice)?;
    for name in &missing {
        stop_service(name)?;
    }
    match missing.iter().find(|name| find(name).is_none()) {
        None => Ok(()),
        Some(name) => Err(format!("the package {name} brought no program {name}")),
    }
}

/// Stops the service that a package may have started, since nobody asked for one.
fn stop_service(name: &str) -> Result<(), String> {
    let service = |action: &str| {
        let mut service = as_root("service")?;
        service.args([name, action]);
        Some(service)
    };
    if !service("status").is_some_and(|mut status| run::succeeds(&mut status)) {
        return Ok(());
    }
    println!("stopping the service {name}, which its package started");
    let cannot = || format!("the service {name} runs and cannot be stopped");
    run::plain(&mut service("stop").ok_or_else(cannot)?)?;
    // Where there is systemd, it would start again with the machine.
    if PathBuf::from("/run/systemd/system").is_dir() {
        let mut systemctl = as_root("systemctl").ok_or_else(cannot)?;
        run::plain(systemctl.args(["disable", name]))?;
    }
    Ok(())
}

/// Installs packages of a Debian system where that can be done without asking.
fn packages(problem: &str, names: &[&str], advice: &str) -> Result<(), String> {
    let apt = || {
        run::succeeds(command("apt-get").arg("--version"))
            .then(|| as_root("apt-get"))
            .flatten()
            .ok_or(advice)
    };
    let (mut update, mut install) = (apt()?, apt()?);
    println!("{problem}: installing the system's {}", names.join(", "));
    run::plain(update.arg("update"))?;
    run::plain(
        install
            .args(["install", "--yes", "--no-install-recommends"])
            .args(names),
    )
}

/// A command with the rights of root; `None` where that takes a password.
fn as_root(program: &str) -> Option<Command> {
    let is_root = run::output(command("id").arg("-u")).as_deref() == Some("0");
    let mut command = if is_root {
        command(program)
    } else if run::succeeds(command("sudo").args(["-n", "true"])) {
        let mut sudo = command("sudo");
        // sudo keeps no environment.
        sudo.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", program]);
        sudo
    } else {
        return None;
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Some(command)
}

fn find_browser() -> Option<PathBuf> {
    find(&BROWSERS, &[])
}

/// The first of these programs that is in the PATH or one of these folders.
fn find(names: &[&str], folders: &[PathBuf]) -> Option<PathBuf> {
    let mut all: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    all.extend_from_slice(folders);
    let places = names
        .iter()
        .flat_map(|name| all.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|path| path.is_file())
}
