//! SECURITY.md names the faults that are tested, and this checks that the tests exist.

use crate::support::root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The number of faults of each kind.
const FAULTS: [(char, u32); 10] =
    [('C', 12), ('H', 11), ('B', 14), ('R', 11), ('Q', 6), ('T', 4), ('X', 8), ('W', 11), ('S', 7), ('V', 4)];

/// The ids with which names of functions begin: `r2_r3_no_spelling…` has both R2 and R3.
fn tested() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for folder in ["tests", "guest/engine/tests", "guest/simulator/tests"] {
        visit(&root().join(folder), &mut |text| {
            for name in text.split("fn ").skip(1) {
                let parts = name.split(['_', '(']).map_while(|part| {
                    let number = part.strip_prefix(|kind: char| kind.is_ascii_lowercase())?;
                    (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
                        .then(|| part.to_uppercase())
                });
                ids.extend(parts);
            }
        });
    }
    ids
}

/// Calls `read` with the text of every Rust file under a folder.
fn visit(folder: &Path, read: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, read);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The table of SECURITY.md: the status of each id.
fn documented() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let faults = text.split("## Faults").nth(1).unwrap();
    let rows = faults.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (id, _, status) = (cells.next()?, cells.next()?, cells.next()?);
        id.ends_with(|digit: char| digit.is_ascii_digit()).then(|| (id.to_owned(), status.to_owned()))
    });
    rows.collect()
}

#[test]
fn security_md_lists_every_fault_as_tested_or_argued() {
    let (tested, documented) = (tested(), documented());
    let all: BTreeSet<String> =
        FAULTS.iter().flat_map(|(kind, count)| (1..=*count).map(move |number| format!("{kind}{number}"))).collect();
    assert!(documented.keys().cloned().collect::<BTreeSet<_>>() == all, "{:?}", documented.keys());
    for (id, status) in &documented {
        match status.strip_prefix("argued: ") {
            Some(why) => assert!(why.len() > 20 && !tested.contains(id), "{id} has a test, or lacks an argument"),
            None => assert!(status.starts_with("tested") && tested.contains(id), "{id}: there is no such test"),
        }
    }
}
