//! README and the interface describe the fields of a policy as the engine's table does. `BLESS=1` updates them.

use crate::support::root;
use fantail_engine::{FIELDS, Field};
use std::path::Path;

fn bounds(field: &Field) -> String {
    field.bounds.map(|bounds| bounds.to_string()).unwrap_or_default()
}

fn readme_row(field: &Field) -> Option<String> {
    let option = match (field.option, field.name) {
        (Some(_), "concurrency") => "`-c`".to_owned(),
        (Some(option), _) => format!("`--{option}`"),
        (None, _) => String::new(),
    };
    let doc = field.doc.trim();
    Some(format!("| `{}` | {option} | {} | {} | {doc} |", field.json?, field.default, bounds(field)))
}

fn interface_row(field: &Field) -> String {
    let setter = field.name.replace('_', "-");
    let default = field.default.replace('_', "-");
    format!("  /// | `set-{setter}` | {default} | {} |", bounds(field))
}

/// Asserts that the table in a file that begins with the line `first` has these rows, or writes them with `BLESS=1`.
fn assert_table(path: &Path, first: &str, row_start: &str, rows: &[String]) {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|line| *line == first).unwrap_or_else(|| panic!("{first} in {}", path.display()));
    let count = lines[start..].iter().take_while(|line| line.starts_with(row_start)).count();
    let table: Vec<&str> = rows.iter().map(String::as_str).collect();
    if std::env::var_os("BLESS").is_some() {
        let text = [&lines[..start + 2], &table, &lines[start + count..]].concat().join("\n") + "\n";
        std::fs::write(path, text).unwrap();
    } else {
        assert_eq!(lines[start + 2..start + count], table, "in {}: run with BLESS=1", path.display());
    }
}

#[test]
fn the_readme_table_matches_the_engine() {
    let rows: Vec<String> = FIELDS.iter().filter_map(readme_row).collect();
    assert_table(&root().join("README.md"), "| field | option | default | bounds | |", "|", &rows);
}

#[test]
fn the_interface_tables_match_the_engine() {
    let rows: Vec<String> = FIELDS.iter().map(interface_row).collect();
    for folder in ["fetch", "fetch-p2"] {
        let path = root().join("wit").join(folder).join("fetch.wit");
        assert_table(&path, "  /// | setter | default | bounds |", "  /// |", &rows);
    }
}
