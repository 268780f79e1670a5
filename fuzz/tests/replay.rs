//! Replays every seed and every regression on stable, and holds the folders to the table of targets.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, panic};

fn names_in(folder: &str) -> BTreeSet<String> {
    fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .map(|entries| {
            entries
                .map(|entry| {
                    let path = entry.unwrap().path();
                    path.file_stem().unwrap().to_str().unwrap().to_owned()
                })
                .collect()
        })
        .unwrap_or_default()
}

/// The programs that the manifest names.
fn binaries() -> BTreeSet<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let parts = manifest.split("[[bin]]").skip(1);
    let names = parts.map(|part| part.split_once("name = \"").unwrap().1);
    names
        .map(|rest| rest.split_once('"').unwrap().0.to_owned())
        .collect()
}

fn names_in_table() -> BTreeSet<String> {
    fuzz::TARGETS
        .iter()
        .flat_map(|t| t.iter())
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

#[test]
fn every_target_has_its_file_its_row_and_its_seeds() {
    let table = names_in_table();
    assert_eq!(
        table,
        names_in("fuzz_targets"),
        "the table and fuzz_targets/ differ"
    );
    assert_eq!(table, names_in("seeds"), "the table and seeds/ differ");
    assert_eq!(table, binaries(), "the table and Cargo.toml differ");
    let unknown: Vec<_> = names_in("regressions")
        .difference(&table)
        .cloned()
        .collect();
    assert!(unknown.is_empty(), "regressions of no target: {unknown:?}");
}

#[test]
fn seeds_and_regressions_hold() {
    let mut failed = Vec::new();
    for (name, property) in fuzz::TARGETS.iter().flat_map(|t| t.iter()) {
        for path in fuzz::inputs(name).unwrap() {
            let data = fs::read(&path).unwrap();
            if panic::catch_unwind(|| property(&data)).is_err() {
                failed.push(path);
            }
        }
    }
    assert!(failed.is_empty(), "properties broken by {failed:#?}");
}
