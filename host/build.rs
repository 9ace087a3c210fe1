//! Builds the components that the library embeds.

use component_builder::{build, compose, target_dir};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let guests = ["component", "component-p2", "edge", "engine", "facts", "shell", "variables", "wire"]
        .map(|guest| format!("../guest/{guest}"));
    for watched in guests.iter().map(String::as_str).chain(["../wit", "../Cargo.toml", "../Cargo.lock"]) {
        println!("cargo::rerun-if-changed={watched}");
    }
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={}", error.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn embed() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace is above this crate")?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let guest = |package| build(root, package, &target_dir(root));
    let component = guest("fantail-component")?;
    let application = compose(&guest("fantail-edge")?, &[&component, &guest("fantail-variables")?])?;
    std::fs::write(out.join("fantail.wasm"), component)?;
    std::fs::write(out.join("fantail-p2.wasm"), guest("fantail-component-p2")?)?;
    std::fs::write(out.join("application.wasm"), application)?;
    Ok(())
}
