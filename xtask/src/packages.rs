//! The packages as they would be uploaded: that they can be made, and that what they hold builds.
//!
//! `cargo package` can build them too, but unpacks a dependency of the workspace only once per version: after a change it would
//! build against what an earlier run on the same machine left behind.

use std::{env, fs, path::PathBuf, process::Command};

use crate::{cargo, command, crates::Published, programs, root, run};

/// The command that makes a package of each crate.
///
/// # Errors
///
/// When there is no crate.
pub(crate) fn make(crates: &[Published]) -> Result<Command, String> {
    if crates.is_empty() {
        return Err("no published crate was found".into());
    }
    let mut command = cargo();
    command
        .args(["package", "--no-verify"])
        .args(crates.iter().flat_map(|each| ["--package", &each.name]));
    // Continuous integration has a clean checkout; on a desk there may be work in progress.
    if env::var_os("CI").is_none() {
        command.arg("--allow-dirty");
    }
    Ok(command)
}

/// Unpacks the packages into a workspace of their own, and gives the command that builds it.
///
/// # Errors
///
/// When a package is not there or cannot be unpacked.
pub(crate) fn build(crates: &[Published]) -> Result<Command, String> {
    let target = programs()
        .parent()
        .ok_or("cargo's target folder is unknown")?
        .to_path_buf();
    let folder = target.join("unpacked");
    let failed = |error| format!("cannot lay out {}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    for each in crates {
        let package: PathBuf = target
            .join("package")
            .join(format!("{}.crate", each.folder()));
        // `-m`: cargo writes one date of long ago into packages, by which nothing would ever seem changed.
        run::plain(
            command("tar")
                .arg("-xmzf")
                .arg(package)
                .current_dir(&folder),
        )?;
    }
    // The versions this repository is tested with.
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).map_err(failed)?;
    fs::write(folder.join("Cargo.toml"), manifest(crates)).map_err(failed)?;

    let mut command = cargo();
    command
        .args(["check", "--workspace", "--all-features", "--target-dir"])
        .arg(&target)
        .current_dir(folder);
    Ok(command)
}

/// A workspace of the unpacked packages, which depend on each other as if they came from the registry.
fn manifest(crates: &[Published]) -> String {
    let members: Vec<_> = crates
        .iter()
        .map(|each| format!("{:?}", each.folder()))
        .collect();
    let patches = crates
        .iter()
        .map(|each| format!("{} = {{ path = {:?} }}\n", each.name, each.folder()));
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n{}",
        members.join(", "),
        patches.collect::<String>()
    )
}
