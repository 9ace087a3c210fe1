//! The same sources make the same bytes, whatever folder and home they are built in, and the bytes do not tell which (P4).

#![allow(clippy::unwrap_used, reason = "tests")]

use component_builder::{Module, cargo_home, compile, target_dir};
use std::os::unix::fs::symlink;
use std::path::Path;

/// Copies what is in a folder but for what is built, and for what is hidden.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (name, kind) = (entry.file_name(), entry.file_type().unwrap());
        let target = to.join(&name);
        if kind.is_symlink() {
            symlink(std::fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        } else if !["target", "dist", "node_modules"].contains(&name.to_str().unwrap())
            && !name.as_encoded_bytes().starts_with(b".")
        {
            copy(&entry.path(), &target);
        }
    }
}

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// What the library embeds: built already where that was.
fn component() -> Module {
    compile(root(), "fantail-component", &target_dir(root()), &cargo_home()).unwrap()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_component_has_the_same_bytes_from_another_folder_and_another_home() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    copy(root(), &at("a copy of it"));
    std::fs::create_dir(at("home")).unwrap();
    // What is downloaded is the same; its place is not.
    for shared in ["registry", "config.toml"].into_iter().filter(|name| cargo_home().join(name).exists()) {
        symlink(cargo_home().join(shared), at("home").join(shared)).unwrap();
    }
    let module = compile(&at("a copy of it"), "fantail-component", &at("elsewhere"), &at("home")).unwrap();
    let with_names = |module: &Module| module.component_with_names().unwrap();
    assert!(with_names(&module) == with_names(&component()), "the bytes differ");
}

#[test]
fn the_component_names_no_folder_of_the_machine_it_was_built_on() {
    let bytes = component().component_with_names().unwrap();
    assert!(contains(&bytes, b"/registry/url-"), "a panic names its source");
    for folder in [root().to_str().unwrap(), cargo_home().to_str().unwrap(), "/rustlib/src/"] {
        assert!(!contains(&bytes, folder.as_bytes()), "{folder}");
    }
}

/// P5. What the bytes are made of, and what each choice costs, is in BENCHMARKS.md.
#[test]
fn the_component_has_520_kilobytes_at_most_and_names_no_function_and_the_other_does() {
    let module = component();
    let (bytes, with_names) = (module.component().unwrap(), module.component_with_names().unwrap());
    assert!(bytes.len() <= 520_000, "{}", bytes.len());
    assert!(contains(&with_names, b"fantail_engine") && !contains(&bytes, b"fantail_engine"));
}
