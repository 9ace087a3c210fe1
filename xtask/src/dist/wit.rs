//! The interfaces as binary packages, for those who build against them without the components.

use super::File;
use super::metadata::Origin;
use crate::run::Failed;
use std::path::Path;
use wit_parser::{PackageId, Resolve};

/// The folders below wit.
const FOLDERS: [&str; 4] = ["fetch", "fetch-p2", "component", "component-p2"];

/// Each package, with what it says of itself: the description is the first paragraph of its comment.
pub(super) fn packages(root: &Path, origin: &Origin) -> Result<Vec<File>, Failed> {
    let package = |folder: &str| {
        let (resolve, id) = parse(&root.join("wit").join(folder))?;
        let bytes = wit_component::encode(&resolve, id, false).map_err(Failed::dist)?;
        let package = resolve.packages.get(id).ok_or_else(|| Failed::dist("no such package"))?;
        let comment = package.docs.contents.as_deref().unwrap_or_default();
        let description = comment.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let name = format!("{}:{}", package.name.namespace, package.name.name);
        Ok((format!("wit/{folder}.wasm"), origin.write_into(&bytes, &name, &description)?))
    };
    FOLDERS.into_iter().map(package).collect()
}

/// A package of this repository, with what it depends on.
pub(super) fn parse(folder: &Path) -> Result<(Resolve, PackageId), Failed> {
    let mut resolve = Resolve::default();
    let (id, _) = resolve.push_dir(folder).map_err(Failed::dist)?;
    Ok((resolve, id))
}
