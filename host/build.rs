//! Builds the component that the library embeds.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    for watched in ["../guest/component", "../guest/engine", "../wit", "../Cargo.toml", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={}", error.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace is above this crate")?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let component = component_builder::build(root, "fantail-component", &component_builder::target_dir(root))?;
    std::fs::write(out.join("fantail.wasm"), component)?;
    Ok(())
}
