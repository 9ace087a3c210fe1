//! The metadata that is written into each file (`wasm-tools metadata show`).

use crate::Error;
use cargo_metadata::{Metadata, Package};
use std::path::Path;
use std::process::Command;
use wasm_metadata::{AddMetadata, AddMetadataField, Description, Licenses, Revision, Source, Version};

/// The metadata that all files of one distribution share.
pub(crate) struct Provenance {
    version: String,
    licence: Option<String>,
    source: Option<String>,
    revision: Option<String>,
}

impl Provenance {
    /// From the workspace's manifest, and from git.
    pub(crate) fn of(package: &Package, root: &Path) -> Self {
        Self {
            version: package.version.to_string(),
            licence: package.license.clone(),
            source: package.repository.clone(),
            revision: revision(root),
        }
    }

    /// The metadata that is missing, each with the reason.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &'static str> {
        let fields = [
            ("source, because Cargo.toml names no repository", self.source.is_none()),
            ("revision, because this is not a clone of a git repository", self.revision.is_none()),
        ];
        fields.into_iter().filter_map(|(what, is_missing)| is_missing.then_some(what))
    }

    /// Returns the WebAssembly with the metadata added to its outermost component.
    pub(crate) fn write_into(&self, wasm: &[u8], name: &str, description: &str) -> Result<Vec<u8>, Error> {
        let mut add = AddMetadata::default();
        add.name = AddMetadataField::Set(name.to_owned());
        add.description = AddMetadataField::Set(Description::new(description.to_owned()));
        add.version = AddMetadataField::Set(Version::new(self.version.clone()));
        if let Some(revision) = &self.revision {
            add.revision = AddMetadataField::Set(Revision::new(revision.clone()));
        }
        if let Some(licence) = &self.licence {
            add.licenses = AddMetadataField::Set(Licenses::new(licence).map_err(Error::file)?);
        }
        if let Some(source) = &self.source {
            add.source = AddMetadataField::Set(Source::new(source).map_err(Error::file)?);
        }
        add.to_wasm(wasm).map_err(Error::file)
    }
}

/// The commit that is checked out, followed by `-dirty` if files differ from it. None if the folder is not the root of a git repository:
/// the commit of a repository around it says nothing about these sources.
fn revision(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        let stdout = output.status.success().then_some(output.stdout)?;
        Some(String::from_utf8_lossy(&stdout).trim().to_owned())
    };
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    let commit = git(&["rev-parse", "HEAD"])?;
    let is_clean = git(&["status", "--porcelain"])?.is_empty();
    Some(if is_clean { commit } else { commit + "-dirty" })
}

/// The package of this name in the workspace.
pub(crate) fn package<'a>(metadata: &'a Metadata, name: &str) -> Result<&'a Package, Error> {
    let found = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == name);
    found.ok_or_else(|| Error::file(format_args!("there is no package {name}")))
}
