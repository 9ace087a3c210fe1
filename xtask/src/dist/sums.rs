//! `sha256sum --check SHA256SUMS`.

use sha2::{Digest, Sha256};
use std::fmt::Write;

pub(super) const NAME: &str = "SHA256SUMS";

/// A line per file, in the form that sha256sum reads.
pub(super) fn of(files: &[super::File]) -> String {
    files.iter().map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect()
}

/// The sum in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(bytes) {
        // A String takes whatever is written to it.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_fips_180_in_the_form_of_sha256sum() {
        let files = [("a/b.wasm".to_owned(), b"abc".to_vec())];
        let line = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a/b.wasm\n";
        assert_eq!(of(&files), line);
    }
}
