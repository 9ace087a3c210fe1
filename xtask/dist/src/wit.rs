//! The interfaces as binary packages, for callers that are built without the components.

use crate::Error;
use crate::File;
use crate::metadata::Provenance;
use std::path::Path;
use wit_parser::{PackageId, Resolve};

/// The folders of the packages, below wit.
const FOLDERS: [&str; 4] = ["fetch", "fetch-p2", "component", "component-p2"];

/// Each package with its metadata. The description is the first paragraph of its doc comment.
pub(crate) fn packages(root: &Path, provenance: &Provenance) -> Result<Vec<File>, Error> {
    let package = |folder: &str| {
        let (resolve, id) = parse(&root.join("wit").join(folder))?;
        let bytes = wit_component::encode(&resolve, id, false).map_err(Error::file)?;
        let package = resolve.packages.get(id).ok_or_else(|| Error::file("no such package"))?;
        let comment = package.docs.contents.as_deref().unwrap_or_default();
        let description = comment.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let name = format!("{}:{}", package.name.namespace, package.name.name);
        Ok((format!("wit/{folder}.wasm"), provenance.write_into(&bytes, &name, &description)?))
    };
    FOLDERS.into_iter().map(package).collect()
}

/// Parses a package of this repository, with its dependencies.
pub(crate) fn parse(folder: &Path) -> Result<(Resolve, PackageId), Error> {
    let mut resolve = Resolve::default();
    let (id, _) = resolve.push_dir(folder).map_err(Error::file)?;
    Ok((resolve, id))
}
