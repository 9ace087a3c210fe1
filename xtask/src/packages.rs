//! What is packaged.

/// The library and what it needs that is ours.
pub(crate) const PACKAGES: [&str; 7] = [
    "fantail-components",
    "fantail-engine",
    "fantail-conversions",
    "fantail-facts",
    "fantail-wire",
    "fantail-sender",
    "fantail",
];
