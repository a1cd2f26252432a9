//! Runs the committed corpora through what the fuzz targets do.

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use sockeye_fuzz_bodies::TARGETS;

#[test]
fn every_corpus_file_passes_through_its_target() {
    let mut failed = Vec::new();
    for (name, body) in TARGETS {
        let files = entries(&fuzz().join("corpus").join(name));
        assert!(!files.is_empty(), "no corpus for {name}");
        for file in files {
            let data = fs::read(&file).expect("a readable corpus file");
            if catch_unwind(|| body(&data)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "these corpus files fail: {failed:#?}");
}

/// Where fuzzing finds its way through decoders byte by byte, nearly any script is one; so these are
/// tried wherever tests run.
#[test]
fn scripts_of_a_fixed_seed_pass_through_the_session_targets() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for (name, body) in TARGETS {
        if !name.ends_with("_session") {
            continue;
        }
        for _ in 0..SCRIPTS {
            let length = random() % 300;
            let script: Vec<u8> = (0..length).map(|_| (random() >> 32) as u8).collect();
            assert!(catch_unwind(|| body(&script)).is_ok(), "{name}: {script:?}");
        }
    }
}

const SCRIPTS: usize = 2_000;

#[test]
fn targets_corpora_and_bodies_are_the_same() {
    let names = |folder: &str| -> Vec<String> {
        let stem = |path: &PathBuf| {
            path.file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
        };
        entries(&fuzz().join(folder))
            .iter()
            .filter_map(stem)
            .collect()
    };
    let bodies: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("corpus"), bodies);
    assert_eq!(names("fuzz_targets"), bodies);
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a folder holds, in the order of names.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = listing
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    paths
}
