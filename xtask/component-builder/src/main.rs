//! Writes components to a folder: those that the library embeds, for the build script of `fantail-components`, or those that are
//! published, for `cargo xtask build`.

use component_builder::{embedded, published};
use std::path::Path;
use std::process::ExitCode;

type Error = Box<dyn std::error::Error>;

#[expect(clippy::print_stderr, reason = "for people, also through a build script")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let written = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["embedded", folder] => embedded(toolchain::root()).map(Vec::from).map(|files| (folder, files)),
        ["published", folder] => published(toolchain::root()).map(Vec::from).map(|files| (folder, files)),
        _ => {
            eprintln!("usage: component-builder embedded|published FOLDER");
            return ExitCode::FAILURE;
        }
    };
    match written.map_err(Error::from).and_then(|(folder, files)| write(Path::new(folder), &files)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the files that differ from what is there: what depends on the others is not built again.
fn write(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), Error> {
    std::fs::create_dir_all(folder)?;
    for (name, bytes) in files {
        let path = folder.join(name);
        if std::fs::read(&path).ok().as_ref() != Some(bytes) {
            std::fs::write(&path, bytes)?;
        }
        toolchain::say(format_args!("built {}", path.display()));
    }
    Ok(())
}
