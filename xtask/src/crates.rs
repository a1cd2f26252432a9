//! The crates of the workspace that are published, and their features.

use std::{fs, path::Path};

/// A published crate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) features: Vec<String>,
}

impl Published {
    /// What cargo calls the package's file and the folder in it.
    pub(crate) fn folder(&self) -> String {
        // All crates carry the workspace's version, which is this program's as well.
        format!("{}-{}", self.name, env!("CARGO_PKG_VERSION"))
    }
}

/// Every published crate: at the root or in a folder of it, and not marked `publish = false`.
///
/// # Errors
///
/// When a folder or manifest cannot be read.
pub(crate) fn published(root: &Path) -> Result<Vec<Published>, String> {
    let cannot_read = |error| format!("cannot read the manifests: {error}");
    let mut folders = vec![root.to_path_buf()];
    for entry in fs::read_dir(root).map_err(cannot_read)? {
        folders.push(entry.map_err(cannot_read)?.path());
    }
    folders.sort();
    let manifests = folders
        .into_iter()
        .map(|folder| folder.join("Cargo.toml"))
        .filter(|manifest| manifest.is_file());
    let mut crates = Vec::new();
    for manifest in manifests {
        crates.extend(parse(&fs::read_to_string(manifest).map_err(cannot_read)?));
    }
    Ok(crates)
}

/// The few lines of a manifest that matter here, which are written plainly in this repository.
fn parse(manifest: &str) -> Option<Published> {
    let lines = |section: &'static str| {
        let after = manifest
            .lines()
            .skip_while(move |line| line.trim() != section)
            .skip(1);
        after
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim()))
    };
    let name = lines("[package]")
        .find(|(key, _)| *key == "name")?
        .1
        .trim_matches('"')
        .to_owned();
    if lines("[package]").any(|entry| entry == ("publish", "false")) {
        return None;
    }
    let features = lines("[features]")
        .map(|(key, _)| key)
        .filter(|key| !key.starts_with('#') && *key != "default");
    Some(Published {
        name,
        features: features.map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_crates_are_found() {
        let crates = published(crate::root()).unwrap();
        let facade = crates.iter().find(|each| each.name == "sockeye").unwrap();
        assert!(facade.features.contains(&"axum".to_owned()), "{facade:?}");
        assert!(
            crates.iter().any(|each| each.name == "sockeye-core"),
            "{crates:?}"
        );
        assert!(crates.iter().all(|each| each.name != "xtask"), "{crates:?}");
    }

    #[test]
    fn no_example_is_left_out() {
        let mut metadata = crate::cargo();
        let metadata = metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
        let members = crate::run::output(metadata).unwrap();
        for entry in fs::read_dir(crate::root().join("examples")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_member = members.contains(&format!("\"example-{name}\""));
            assert_eq!(is_member, name != "salvo", "examples/{name}");
        }
    }

    #[test]
    fn a_manifest_is_read() {
        let manifest = "[package]\nname = \"a\"\n\n[features]\ndefault = [\"x\"]\n## about x = 1\nx = []\n\n[dependencies]\ny = \"1\"\n";
        assert_eq!(
            parse(manifest),
            Some(Published {
                name: "a".into(),
                features: vec!["x".into()]
            })
        );
        assert_eq!(parse("[package]\nname = \"a\"\npublish = false\n"), None);
        assert_eq!(parse("[workspace]\n"), None);
    }
}
