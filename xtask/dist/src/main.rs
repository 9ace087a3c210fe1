//! Writes what is published to the folder dist, for `cargo xtask dist`.

mod bill;
mod error;
mod metadata;
mod sums;
#[cfg(test)]
mod version;
mod wit;

use bill::Bill;
use cargo_metadata::{Metadata, MetadataCommand};
use component_builder::{BuildError, COMPOSED, EDGE, FETCH, FETCH_P2, Module, compile, compose};
use error::Error;
use metadata::{Provenance, package};
use std::path::Path;
use std::process::ExitCode;
use toolchain::{TARGET, cargo_home, guest_target, say};

fn main() -> ExitCode {
    match dist() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// A file of the distribution: its name below dist, and its bytes.
type File = (String, Vec<u8>);

/// Builds everything that is published, and replaces the contents of dist with it.
fn dist() -> Result<(), Error> {
    let root = toolchain::root();
    let metadata = MetadataCommand::new()
        .current_dir(root)
        .other_options(["--locked", "--filter-platform", TARGET].map(str::to_owned).to_vec())
        .exec()?;
    let provenance = Provenance::of(package(&metadata, "fantail")?, root);
    let guests = Guests::compile(root)?;
    let components = guests.components(Module::component, &provenance, &metadata)?;
    let mut files: Vec<File> = components.iter().map(|(file, ..)| file.clone()).collect();
    for ((name, bytes), _) in guests.components(Module::component_with_names, &provenance, &metadata)? {
        files.push((format!("debug/{name}"), bytes));
    }
    files.extend(wit::packages(root, &provenance)?);
    let mut bill = Bill::new(&metadata);
    for ((name, bytes), packages) in &components {
        bill.add(name, bytes, packages)?;
    }
    files.push(("fantail.cdx.json".to_owned(), bill.to_json()?));
    files.push((sums::NAME.to_owned(), sums::of(&files).into_bytes()));
    write(&root.join("dist"), &files)?;
    for what in provenance.missing() {
        say(format_args!("the files in dist have no {what}"));
    }
    Ok(())
}

/// The guests that the components are built from, each compiled once.
struct Guests {
    fetch: Module,
    fetch_p2: Module,
    edge: Module,
    variables: Module,
}

/// The guest packages that a component is built from.
type Packages = &'static [&'static str];

impl Guests {
    fn compile(root: &Path) -> Result<Self, BuildError> {
        let (target, home) = (guest_target(root), cargo_home());
        let guest = |package| compile(root, package, &target, &home);
        Ok(Self {
            fetch: guest("fantail-component")?,
            fetch_p2: guest("fantail-component-p2")?,
            edge: guest("fantail-edge")?,
            variables: guest("fantail-variables")?,
        })
    }

    /// The four components, with their metadata, and the packages that each is built from. The parts of a composed component keep their
    /// own metadata.
    fn components(
        &self,
        encode: fn(&Module) -> Result<Vec<u8>, BuildError>,
        provenance: &Provenance,
        metadata: &Metadata,
    ) -> Result<[(File, Packages); 4], Error> {
        let component = |module: &Module, name: &str, package_name: &str| {
            let description = package(metadata, package_name)?.description.clone().unwrap_or_default();
            provenance.write_into(&encode(module)?, name, &description)
        };
        let fetch = component(&self.fetch, "fantail", "fantail-component")?;
        let fetch_p2 = component(&self.fetch_p2, "fantail-p2", "fantail-component-p2")?;
        let edge = component(&self.edge, "fantail-edge", "fantail-edge")?;
        let variables = component(&self.variables, "fantail-variables", "fantail-variables")?;
        let composed = compose(&edge, &[&fetch, &variables])?;
        let description = "The application for any host of WASI 0.3: it needs no other component";
        let composed = provenance.write_into(&composed, "fantail-edge-composed", description)?;
        Ok([
            ((FETCH.to_owned(), fetch), &["fantail-component"]),
            ((FETCH_P2.to_owned(), fetch_p2), &["fantail-component-p2"]),
            ((EDGE.to_owned(), edge), &["fantail-edge"]),
            ((COMPOSED.to_owned(), composed), &["fantail-component", "fantail-edge", "fantail-variables"]),
        ])
    }
}

/// Writes these files to the folder, and removes all others.
fn write(folder: &Path, files: &[File]) -> Result<(), Error> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(&path, bytes)?;
        say(format_args!("{:>9} bytes  dist/{name}", bytes.len()));
    }
    Ok(())
}
