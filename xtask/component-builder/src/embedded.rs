//! The components that the library embeds.

use crate::{BuildError, build, compose, target_dir};
use std::path::Path;

/// Builds the components that `fantail-components` embeds from the workspace at `root`. Returns their file names and bytes.
pub fn embedded(root: &Path) -> Result<[(&'static str, Vec<u8>); 3], BuildError> {
    let guest = |package| build(root, package, &target_dir(root));
    let fetch = guest("fantail-component")?;
    let application = compose(&guest("fantail-edge")?, &[&fetch, &guest("fantail-variables")?])?;
    let fetch_p2 = guest("fantail-component-p2")?;
    Ok([("fantail.wasm", fetch), ("fantail-p2.wasm", fetch_p2), ("application.wasm", application)])
}
