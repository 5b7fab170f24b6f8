//! The README must say what is so.

use std::{fs, path::Path};

const README: &str = include_str!("../../README.md");

#[test]
fn its_quick_start_is_the_program_of_that_name() {
    let program = include_str!("../src/bin/quickstart.rs");
    let program = program.split_once("\n\n").unwrap().1;
    assert!(README.contains(program.trim_end()));
    let body = program.split_once("{\n").unwrap().1;
    assert!(body.lines().count() <= 10, "an 8 to 10 line quick start");
}

#[test]
fn every_test_it_names_exists() {
    let mut sources = String::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = [
        "mesh-core",
        "mesh-http",
        "mesh-grpc",
        "mesh-xds",
        "mesh-cli",
        "mesh-tests",
        "conformance",
        "benches",
        "examples",
    ];
    for folder in folders {
        read(&root.join(folder), &mut sources);
    }
    let table = README.split("## Features").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let named: Vec<_> = rows
        .skip(1)
        .flat_map(|row| row.rsplit('|').nth(1).unwrap().split(','))
        .map(|name| name.trim().trim_matches('`'))
        .collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "no test `{name}`");
    }
}

/// Appends every Rust file below `folder`.
#[cfg(test)]
fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|e| e == "rs") {
            sources.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
