//! The packages that are published.

/// The library and the crates of this workspace that it needs, each after its own dependencies.
pub(crate) const PACKAGES: [&str; 7] = [
    "fantail-components",
    "fantail-engine",
    "fantail-conversions",
    "fantail-facts",
    "fantail-wire",
    "fantail-sender",
    "fantail",
];
