//! The same sources produce the same bytes in any folder and with any cargo home, and the bytes do not reveal which (P4).

#![allow(clippy::unwrap_used, reason = "tests")]

use component_builder::{Module, cargo_home, compile, target_dir};
use std::os::unix::fs::symlink;
use std::path::Path;

/// Copies a folder without build outputs and hidden files.
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
        } else if !["target", "node_modules"].contains(&name.to_str().unwrap())
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

/// The module that the library embeds. It is compiled already if the library is.
fn component() -> Module {
    compile(root(), "fantail-component", &target_dir(root()), &cargo_home()).unwrap()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_component_has_the_same_bytes_when_built_in_another_folder_with_another_home() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    copy(root(), &at("a copy of it"));
    std::fs::create_dir(at("home")).unwrap();
    // The downloads are the same, but in another place.
    for shared in ["registry", "config.toml"].into_iter().filter(|name| cargo_home().join(name).exists()) {
        symlink(cargo_home().join(shared), at("home").join(shared)).unwrap();
    }
    let module = compile(&at("a copy of it"), "fantail-component", &at("elsewhere"), &at("home")).unwrap();
    let with_names = |module: &Module| module.component_with_names().unwrap();
    assert!(with_names(&module) == with_names(&component()), "the bytes differ");
}

#[test]
fn the_component_contains_no_path_of_the_machine_that_built_it() {
    let bytes = component().component_with_names().unwrap();
    assert!(contains(&bytes, b"/registry/url-"), "a panic names its source");
    for folder in [root().to_str().unwrap(), cargo_home().to_str().unwrap(), "/rustlib/src/"] {
        assert!(!contains(&bytes, folder.as_bytes()), "{folder}");
    }
}

/// P5. BENCHMARKS.md says what the bytes consist of, and what each choice costs.
#[test]
fn the_component_has_at_most_520_kilobytes_and_function_names_only_in_the_debug_build() {
    let module = component();
    let (bytes, with_names) = (module.component().unwrap(), module.component_with_names().unwrap());
    assert!(bytes.len() <= 520_000, "{}", bytes.len());
    assert!(contains(&with_names, b"fantail_engine") && !contains(&bytes, b"fantail_engine"));
}
