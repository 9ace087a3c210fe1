//! The software bill of materials: which packages each component contains (CycloneDX 1.5). It has no serial number or time, so that
//! the same sources produce the same bill.

use crate::Error;
use crate::sums::sha256;
use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};
use cyclonedx_bom::external_models::normalized_string::NormalizedString;
use cyclonedx_bom::external_models::uri::Purl;
use cyclonedx_bom::models::bom::{Bom, SpecVersion};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata as About;
use std::collections::{BTreeMap, BTreeSet};
use toolchain::{RunError, TARGET, cargo, command_line};

/// Collects which packages each file contains.
pub(crate) struct Bill<'a> {
    metadata: &'a Metadata,
    files: Vec<Component>,
    packages: BTreeMap<&'a PackageId, &'a Package>,
    /// What each file and each package depends on.
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Bill<'a> {
    /// An empty bill, for metadata of the workspace that is filtered for the guests' target.
    pub(crate) fn new(metadata: &'a Metadata) -> Self {
        Self { metadata, files: Vec::new(), packages: BTreeMap::new(), needs: BTreeMap::new() }
    }

    /// Adds a file that is built from `roots`, with the packages that it contains.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8], roots: &[&str]) -> Result<(), Error> {
        let version = crate::metadata::package(self.metadata, "fantail")?.version.to_string();
        let mut file = Component::new(Classification::File, name, &version, Some(name.to_owned()));
        let content = HashValue(sha256(bytes));
        file.hashes = Some(Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content }]));
        self.files.push(file);
        for root in roots {
            let inside = compiled_packages(root)?;
            let root = crate::metadata::package(self.metadata, root)?;
            self.needs.entry(name.to_owned()).or_default().insert(reference(root));
            self.follow(root, &inside);
        }
        Ok(())
    }

    /// Adds a package and its dependencies, as far as they are `inside`.
    fn follow(&mut self, package: &'a Package, inside: &BTreeSet<String>) {
        self.packages.insert(&package.id, package);
        let nodes = self.metadata.resolve.as_ref().map_or(&[][..], |resolve| &resolve.nodes);
        let node = nodes.iter().find(|node| node.id == package.id);
        for dependency in node.iter().flat_map(|node| &node.deps) {
            let is_linked = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            let needed = self.metadata.packages.iter().find(|package| package.id == dependency.pkg);
            let Some(needed) = needed.filter(|needed| is_linked && inside.contains(&name_and_version(needed))) else {
                continue;
            };
            if self.needs.entry(reference(package)).or_default().insert(reference(needed)) {
                self.follow(needed, inside);
            }
        }
    }

    /// The bill as JSON.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, Error> {
        let fantail = crate::metadata::package(self.metadata, "fantail")?;
        let bom = Bom {
            version: 1,
            serial_number: None,
            metadata: Some(About {
                component: Some(component(fantail, Classification::Application)?),
                ..About::default()
            }),
            components: Some(Components(self.components()?)),
            dependencies: Some(Dependencies(self.dependencies())),
            spec_version: SpecVersion::V1_5,
            ..Bom::default()
        };
        let mut json = Vec::new();
        bom.output_as_json(&mut json, SpecVersion::V1_5).map_err(Error::file)?;
        Ok(json)
    }

    fn components(&self) -> Result<Vec<Component>, Error> {
        let packages = self.packages.values().map(|package| component(package, Classification::Library));
        self.files.iter().cloned().map(Ok).chain(packages).collect()
    }

    fn dependencies(&self) -> Vec<Dependency> {
        let dependency = |(name, needs): (&String, &BTreeSet<String>)| Dependency {
            dependency_ref: name.clone(),
            dependencies: needs.iter().cloned().collect(),
        };
        self.needs.iter().map(dependency).collect()
    }
}

fn component(package: &Package, kind: Classification) -> Result<Component, Error> {
    let version = package.version.to_string();
    let mut component = Component::new(kind, &package.name, &version, Some(reference(package)));
    component.description = package.description.as_deref().map(|text| NormalizedString::new(text.trim()));
    let licence = |text: &String| LicenseChoice::expression(&text.replace('/', " OR "));
    component.licenses = package.license.as_ref().map(|text| Licenses(vec![licence(text)]));
    if package.source.is_some() {
        component.purl = Some(Purl::new("cargo", &package.name, &version).map_err(Error::file)?);
    }
    Ok(component)
}

/// The reference of a package in the bill: cargo's own identifier would contain a path of this machine.
fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

fn name_and_version(package: &Package) -> String {
    format!("{} v{}", package.name, package.version)
}

/// The packages that are compiled into a guest when it is built alone, with the features that it then has.
fn compiled_packages(package: &str) -> Result<BTreeSet<String>, Error> {
    let mut tree =
        cargo(["tree", "--locked", "--prefix", "none", "--edges", "normal,no-proc-macro", "--format", "{p}"]);
    tree.args(["--target", TARGET, "--package", package]);
    let output = tree.output()?;
    if !output.status.success() {
        return Err(RunError::Failed(command_line(&tree)).into());
    }
    // A path may follow the name and version.
    let first_two_words = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(first_two_words).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cargo_metadata::MetadataCommand;
    use cyclonedx_bom::validation::Validate;

    #[test]
    fn the_bill_is_valid_and_lists_the_packages_inside_without_naming_this_machine() {
        let options = ["--locked", "--filter-platform", TARGET].map(str::to_owned).to_vec();
        let metadata = MetadataCommand::new().current_dir(toolchain::root()).other_options(options).exec().unwrap();
        let mut bill = Bill::new(&metadata);
        bill.add("fantail.wasm", b"abc", &["fantail-component"]).unwrap();
        let json = bill.to_json().unwrap();
        let bom = Bom::parse_from_json(json.as_slice()).unwrap();
        let checked = bom.validate_version(SpecVersion::V1_5);
        assert!(checked.passed(), "{checked:?}");
        let components = bom.components.unwrap().0;
        let contains = |name: &str| components.iter().any(|component| component.name.to_string() == name);
        assert!(
            contains("fantail.wasm") && contains("fantail-engine") && contains("url") && contains("icu_normalizer")
        );
        assert!(!contains("syn") && !contains("serde") && !contains("wasmtime") && !contains("spin-sdk"));
        assert!(components.iter().all(|component| component.version.is_some()));
        let licensed = components.iter().filter(|component| component.licenses.is_some()).count();
        assert_eq!(licensed, components.len() - 1, "all but the file");
        let text = String::from_utf8(json).unwrap();
        assert!(!text.contains(toolchain::root().to_str().unwrap()) && !text.contains("file://"));
    }
}
