//! The library's packages are complete, and contain nothing of the command line. `cargo xtask package` checks that they build on their own,
//! which takes minutes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../src/packages.rs"]
mod packages;

use packages::PACKAGES;
use std::path::Path;
use std::process::{Command, Stdio};

/// The output of a program that is run in the workspace's folder.
fn output(command: &mut Command) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = command.current_dir(root).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_library_and_its_workspace_dependencies_can_be_packaged() {
    // Offline: all dependencies have been downloaded to build this test.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packaging");
    let mut package = Command::new(env!("CARGO"));
    package
        .args(["package", "--offline", "--locked", "--allow-dirty", "--no-verify", "--quiet", "--target-dir"])
        .arg(&target);
    output(package.args(PACKAGES.iter().flat_map(|name| ["--package", name])));
    let listed = |name: &str| {
        let file = target.join("package").join(format!("{name}-{}.crate", env!("CARGO_PKG_VERSION")));
        output(Command::new("tar").arg("-tzf").arg(file))
    };
    for name in PACKAGES {
        assert!(listed(name).contains("/src/lib.rs\n"), "{name}");
    }
    for file in ["/wit/fetch/fetch.wit\n", "/wit/fetch-p2/fetch.wit\n", "/wit/fetch-p2/deps/io/streams.wit\n"] {
        assert!(listed("fantail").contains(file), "{file}");
    }
    assert!(!listed("fantail").contains("build.rs"), "no build script that could write outside its folder");
}

#[test]
fn the_library_depends_on_nothing_of_the_command_line() {
    let tree = ["tree", "--offline", "--locked", "--package", "fantail", "--all-features", "--edges", "normal,build"];
    let tree = output(Command::new(env!("CARGO")).args(tree).args(["--prefix", "none", "--format", "{lib}"]));
    let dependencies: Vec<&str> = tree.lines().collect();
    assert!(dependencies.contains(&"wasmtime"), "{dependencies:?}");
    for unwanted in
        ["bytesize", "clap", "component_builder", "fantail_origin", "indicatif", "mimalloc", "opentelemetry"]
    {
        assert!(!dependencies.contains(&unwanted), "{unwanted}");
    }
}
