//! Checksums, to be checked with `sha256sum --check SHA256SUMS`.

use sha2::{Digest, Sha256};
use std::fmt::Write;

pub(crate) const NAME: &str = "SHA256SUMS";

/// A line per file, in the format of sha256sum.
pub(crate) fn of(files: &[crate::File]) -> String {
    files.iter().map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect()
}

/// The checksum in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_match_fips_180_and_have_the_format_of_sha256sum() {
        let files = [("a/b.wasm".to_owned(), b"abc".to_vec())];
        let line = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a/b.wasm\n";
        assert_eq!(of(&files), line);
    }
}
