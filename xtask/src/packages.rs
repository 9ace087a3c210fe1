//! The packages that are published.

/// The library and the crates of this workspace that it needs, each after its own dependencies.
pub(crate) const PACKAGES: [&str; 8] = [
    "fantail-components",
    "fantail-engine",
    "fantail-conversions",
    "fantail-facts",
    "fantail-tokens",
    "fantail-wire",
    "fantail-sender",
    "fantail",
];
