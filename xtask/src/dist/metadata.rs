//! What a file says of itself (`wasm-tools metadata show`).

use crate::run::Failed;
use cargo_metadata::{Metadata, Package};
use std::path::Path;
use std::process::Command;
use wasm_metadata::{AddMetadata, AddMetadataField, Description, Licenses, Revision, Source, Version};

/// What is the same for every file of one distribution.
pub(super) struct Origin {
    version: String,
    licence: Option<String>,
    source: Option<String>,
    revision: Option<String>,
}

impl Origin {
    /// From the workspace's manifest, and from git.
    pub(super) fn of(package: &Package, root: &Path) -> Self {
        Self {
            version: package.version.to_string(),
            licence: package.license.clone(),
            source: package.repository.clone(),
            revision: revision(root),
        }
    }

    /// What a file should say and cannot, and why.
    pub(super) fn lacks(&self) -> impl Iterator<Item = &'static str> {
        let missing = [
            ("source, because Cargo.toml names no repository", self.source.is_none()),
            ("revision, because this is not a clone of a git repository", self.revision.is_none()),
        ];
        missing.into_iter().filter_map(|(what, is_missing)| is_missing.then_some(what))
    }

    /// The same WebAssembly, with what is known written into its outermost component.
    pub(super) fn write_into(&self, wasm: &[u8], name: &str, description: &str) -> Result<Vec<u8>, Failed> {
        let mut add = AddMetadata::default();
        add.name = AddMetadataField::Set(name.to_owned());
        add.description = AddMetadataField::Set(Description::new(description.to_owned()));
        add.version = AddMetadataField::Set(Version::new(self.version.clone()));
        if let Some(revision) = &self.revision {
            add.revision = AddMetadataField::Set(Revision::new(revision.clone()));
        }
        if let Some(licence) = &self.licence {
            add.licenses = AddMetadataField::Set(Licenses::new(licence).map_err(Failed::dist)?);
        }
        if let Some(source) = &self.source {
            add.source = AddMetadataField::Set(Source::new(source).map_err(Failed::dist)?);
        }
        add.to_wasm(wasm).map_err(Failed::dist)
    }
}

/// The commit that is checked out; `-dirty` behind it where the files are not as they were committed. None where the
/// folder is not the top of a git repository: a repository around it says nothing of these sources.
fn revision(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        let said = output.status.success().then_some(output.stdout)?;
        Some(String::from_utf8_lossy(&said).trim().to_owned())
    };
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    let commit = git(&["rev-parse", "HEAD"])?;
    let is_clean = git(&["status", "--porcelain"])?.is_empty();
    Some(if is_clean { commit } else { commit + "-dirty" })
}

/// The package of this name in the workspace.
pub(super) fn package<'a>(metadata: &'a Metadata, name: &str) -> Result<&'a Package, Failed> {
    let found = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == name);
    found.ok_or_else(|| Failed::dist(format_args!("there is no package {name}")))
}
