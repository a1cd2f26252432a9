//! Getting what is missing: client scripts from npm, a browser from the system's packages.

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
    let apt = || -> Option<Command> {
        let is_root = run::output(command("id").arg("-u")).as_deref() == Some("0");
        if !run::succeeds(command("apt-get").arg("--version")) {
            return None;
        }
        let mut apt = if is_root {
            command("apt-get")
        } else {
            if !run::succeeds(command("sudo").args(["-n", "true"])) {
                return None;
            }
            let mut sudo = command("sudo");
            sudo.args(["-n", "apt-get"]);
            sudo
        };
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        Some(apt)
    };
    let advice = "no Chromium was found: install it, or set CHROMIUM to its path";
    let (mut update, mut install) = (apt().ok_or(advice)?, apt().ok_or(advice)?);
    println!("no Chromium was found: installing the system's package chromium");
    run::plain(update.arg("update"))?;
    run::plain(install.args(["install", "--yes", "--no-install-recommends", "chromium"]))?;
    find_browser().ok_or_else(|| advice.into())
}

fn find_browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    let places = BROWSERS
        .iter()
        .flat_map(|browser| folders.iter().map(move |folder| folder.join(browser)));
    places.into_iter().find(|path| path.is_file())
}
