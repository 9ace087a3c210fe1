//! The version is defined in the workspace's manifest. These tests check that files which cannot read it from there agree with it.

use std::path::{Path, PathBuf};

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(toolchain::root().join(path)).unwrap()
}

/// Every version in a text that belongs to one of our names: `fantail:fetch/batch@0.1.0`, `registry.example.com/fantail:0.1.0`.
fn versions(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("fantail").filter_map(|(start, _)| {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || ":/@.-".contains(letter);
        let name = text[start..].split(|letter| !is_name(letter)).next()?;
        let (_, version) = name.rsplit_once(['@', ':'])?;
        let is_version =
            version.starts_with(|letter: char| letter.is_ascii_digit()) && version.matches('.').count() >= 2;
        is_version.then_some(version.trim_end_matches('.'))
    })
}

/// The WIT files of our packages.
fn interfaces() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(toolchain::root().join("wit")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "wit")).collect()
}

#[test]
fn every_version_in_the_documents_is_that_of_the_workspace() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let version = manifest["workspace"]["package"]["version"].as_str().unwrap();
    let spin: toml::Table = read("spin.toml").parse().unwrap();
    assert_eq!(spin["application"]["version"].as_str(), Some(version));
    let documents =
        ["README.md", "spin.toml", "deploy/spinapp.yaml", "SECURITY.md", "ARCHITECTURE.md"].map(PathBuf::from);
    let interfaces = interfaces();
    assert_eq!(interfaces.len(), 4, "{interfaces:?}");
    let mut found = 0;
    for path in documents.into_iter().chain(interfaces) {
        let text = read(&path);
        for found_version in versions(&text) {
            assert_eq!(found_version, version, "{}", path.display());
            found += 1;
        }
    }
    assert!(found >= 8, "only {found} were found");
    assert!(read("CHANGELOG.md").contains(version));
}

#[test]
fn wkg_toml_agrees_with_the_workspace() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let wkg: toml::Table = read("wkg.toml").parse().unwrap();
    assert_eq!(wkg["metadata"]["licenses"], manifest["workspace"]["package"]["license"]);
    for (name, entry) in wkg["overrides"].as_table().unwrap() {
        let folder = toolchain::root().join(entry["path"].as_str().unwrap());
        let (resolve, id) = crate::wit::parse(&folder).unwrap();
        let package = &resolve.packages[id].name;
        assert_eq!(*name, format!("{}:{}", package.namespace, package.name));
    }
}
