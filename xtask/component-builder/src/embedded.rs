//! The components that the library embeds, and those that are published.

use crate::{BuildError, build, compose};
use std::path::Path;
use toolchain::guest_target;

/// The component for WASI 0.3.
pub const FETCH: &str = "fantail.wasm";

/// The same for WASI 0.2.
pub const FETCH_P2: &str = "fantail-p2.wasm";

/// The application, which imports the component. Spin composes the two.
pub const EDGE: &str = "fantail-edge.wasm";

/// The application with all that it needs, for any host of WASI 0.3.
pub const COMPOSED: &str = "fantail-edge-composed.wasm";

/// A component's file name, and its bytes.
type File = (&'static str, Vec<u8>);

/// Builds the components that are published from the workspace at `root`, without their metadata.
pub fn published(root: &Path) -> Result<[File; 4], BuildError> {
    let guest = |package| build(root, package, &guest_target(root));
    let (fetch, fetch_p2) = (guest("fantail-component")?, guest("fantail-component-p2")?);
    let edge = guest("fantail-edge")?;
    let composed = compose(&edge, &[&fetch, &guest("fantail-variables")?])?;
    Ok([(FETCH, fetch), (FETCH_P2, fetch_p2), (EDGE, edge), (COMPOSED, composed)])
}

/// Builds the components that `fantail-components` embeds, under their file names there.
pub fn embedded(root: &Path) -> Result<[File; 3], BuildError> {
    let [fetch, fetch_p2, _, (_, application)] = published(root)?;
    Ok([fetch, fetch_p2, ("application.wasm", application)])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn spin_toml_names_the_files_that_build_writes_and_the_build_command() {
        let manifest: toml::Table = include_str!("../../../spin.toml").parse().unwrap();
        let component = &manifest["component"]["edge"];
        assert_eq!(component["source"].as_str().unwrap(), format!("target/components/{EDGE}"));
        let dependency = component["dependencies"].as_table().unwrap().values().next().unwrap();
        assert_eq!(dependency["path"].as_str().unwrap(), format!("target/components/{FETCH}"));
        assert_eq!(component["build"]["command"].as_str().unwrap(), "cargo xtask build");
    }
}
