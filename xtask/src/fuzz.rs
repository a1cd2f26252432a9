//! `cargo xtask fuzz`: cargo-fuzz on one target or each in turn.

use std::fs;

use crate::{command, root, run};

pub(crate) fn fuzz(options: &[String]) -> Result<(), String> {
    let mut seconds = "60";
    let mut chosen = None;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.as_str() {
            "--seconds" => seconds = options.next().ok_or("--seconds needs a number")?,
            target if !target.starts_with('-') && chosen.is_none() => {
                chosen = Some(target.to_owned())
            }
            other => return Err(format!("{other} is not an option of fuzz")),
        }
    }
    let known = targets()?;
    let targets = match chosen {
        None => known,
        Some(target) if known.contains(&target) => vec![target],
        Some(target) => {
            return Err(format!(
                "{target} is not a target; there are {}",
                known.join(", ")
            ));
        }
    };
    if !run::succeeds(command("cargo").args(["+nightly", "fuzz", "--version"])) {
        return Err("fuzzing needs a nightly compiler (`rustup toolchain install nightly`) and `cargo install cargo-fuzz`".into());
    }
    for target in targets {
        let limit = format!("-max_total_time={seconds}");
        run::plain(command("cargo").args(["+nightly", "fuzz", "run", &target, "--", &limit]))?;
    }
    Ok(())
}

/// One target per file.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder)
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let files = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let mut targets: Vec<String> = files
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    targets.sort();
    Ok(targets)
}
