//! Modules of a crate do not import each other in a cycle, directly or indirectly.

use crate::support::root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::UseTree;

/// The files of a crate by module path, such as `["service", "answer"]`.
type Files = BTreeMap<Vec<String>, PathBuf>;

fn collect(folder: &Path, module: &[String], files: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let child = match name.as_str() {
            "lib" | "main" | "mod" => module.to_vec(),
            _ => [module, &[name]].concat(),
        };
        if path.is_dir() {
            collect(&path, &child, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(child, path);
        }
    }
}

/// Collects all paths that a `use` names.
fn collect_paths(tree: &UseTree, prefix: &[String], paths: &mut Vec<Vec<String>>) {
    match tree {
        UseTree::Path(path) => collect_paths(&path.tree, &[prefix, &[path.ident.to_string()]].concat(), paths),
        UseTree::Name(name) => paths.push([prefix, &[name.ident.to_string()]].concat()),
        UseTree::Rename(name) => paths.push([prefix, &[name.ident.to_string()]].concat()),
        UseTree::Glob(_) => paths.push(prefix.to_vec()),
        UseTree::Group(group) => group.items.iter().for_each(|item| collect_paths(item, prefix, paths)),
    }
}

/// The modules that a file imports from, except those that contain it.
fn imports(module: &[String], path: &Path, files: &Files) -> BTreeSet<Vec<String>> {
    let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut paths = Vec::new();
    for item in &file.items {
        if let syn::Item::Use(item) = item {
            collect_paths(&item.tree, &[], &mut paths);
        }
    }
    let absolute = paths.iter().filter_map(|path| {
        let above = path.iter().take_while(|name| *name == "super").count();
        match path.first().map(String::as_str) {
            Some("crate") => Some(path[1..].to_vec()),
            Some("self") => Some([module, &path[1..]].concat()),
            Some("super") => Some([&module[..module.len() - above], &path[above..]].concat()),
            Some(name) if files.contains_key(&[module, &[name.to_owned()]].concat()) => Some([module, path].concat()),
            _ => None,
        }
    });
    let files = absolute.filter_map(|path| {
        (0..=path.len()).rev().map(|end| path[..end].to_vec()).find(|path| files.contains_key(path))
    });
    files.filter(|other| !module.starts_with(other)).collect()
}

/// Finds a path of imports from `at` back to `start`.
fn find_cycle(
    start: &Vec<String>,
    at: &Vec<String>,
    imports: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    seen: &mut BTreeSet<Vec<String>>,
) -> Option<Vec<String>> {
    for next in &imports[at] {
        if next == start {
            return Some(vec![at.join("::"), next.join("::")]);
        }
        if !next.starts_with(at)
            && seen.insert(next.clone())
            && let Some(path) = find_cycle(start, next, imports, seen)
        {
            return Some([vec![at.join("::")], path].concat());
        }
    }
    None
}

#[test]
fn modules_of_a_crate_do_not_import_each_other_in_a_cycle() {
    let mut cycles = Vec::new();
    let mut count = 0;
    let output =
        std::process::Command::new("git").args(["ls-files", "*Cargo.toml"]).current_dir(root()).output().unwrap();
    for manifest in String::from_utf8(output.stdout).unwrap().lines() {
        let folder = root().join(manifest).parent().unwrap().join("src");
        if !folder.is_dir() {
            continue;
        }
        let mut files = Files::new();
        collect(&folder, &[], &mut files);
        count += files.len();
        let imports: BTreeMap<_, _> =
            files.iter().map(|(module, path)| (module.clone(), imports(module, path, &files))).collect();
        for module in imports.keys() {
            if let Some(cycle) = find_cycle(module, module, &imports, &mut BTreeSet::new()) {
                cycles.push(format!("{}: {}", folder.display(), cycle.join(" -> ")));
            }
        }
    }
    assert!(count > 200, "only {count} files were found");
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
}
