//! Writes the components that the library embeds to a folder. The build script of `fantail-components` runs it.

use component_builder::embedded;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "the build script passes it on")]
fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: component-builder FOLDER");
        return ExitCode::FAILURE;
    };
    match write_to(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write_to(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    // This crate is two folders below the workspace's root.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("the workspace is above this crate")?;
    for (name, bytes) in embedded(root)? {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
