//! SECURITY.md says what is tested: it is held against the tests there are.

use crate::support::root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Every fault there is: how many of each kind.
const FAULTS: [(char, u32); 9] =
    [('C', 12), ('H', 11), ('B', 14), ('R', 11), ('Q', 6), ('T', 4), ('X', 8), ('W', 11), ('S', 7)];

/// The functions whose names begin with ids, by id: `r2_r3_no_spelling…` is one of both.
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

fn visit(folder: &Path, see: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The table of SECURITY.md: what it says of each id.
fn said() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let faults = text.split("## Faults").nth(1).unwrap();
    let rows = faults.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (id, _, says) = (cells.next()?, cells.next()?, cells.next()?);
        id.ends_with(|digit: char| digit.is_ascii_digit()).then(|| (id.to_owned(), says.to_owned()))
    });
    rows.collect()
}

#[test]
fn every_fault_is_tested_or_argued_and_security_md_says_which() {
    let (tested, said) = (tested(), said());
    let all: BTreeSet<String> =
        FAULTS.iter().flat_map(|(kind, count)| (1..=*count).map(move |number| format!("{kind}{number}"))).collect();
    assert!(said.keys().cloned().collect::<BTreeSet<_>>() == all, "{:?}", said.keys());
    for (id, says) in &said {
        match says.strip_prefix("argued: ") {
            Some(why) => assert!(why.len() > 20 && !tested.contains(id), "{id} is tested after all, or not argued"),
            None => assert!(says.starts_with("tested") && tested.contains(id), "{id}: there is no such test"),
        }
    }
}
