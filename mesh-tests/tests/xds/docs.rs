//! `docs/xds.md` must say what is so.

use std::{collections::BTreeSet, fs, path::Path};

const PAGE: &str = include_str!("../../../docs/xds.md");

/// Every `fn` below `directory`.
fn functions(directory: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text
                .split("fn ")
                .skip(1)
                .filter_map(|rest| rest.split('(').next());
            into.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_test_of_the_table_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut known = BTreeSet::new();
    functions(&root.join("mesh-xds/src"), &mut known);
    functions(&root.join("mesh-core/tests"), &mut known);
    functions(&root.join("mesh-tests/tests/xds"), &mut known);
    let rows: Vec<&str> = PAGE.lines().filter(|l| l.starts_with("| A")).collect();
    assert!(rows.len() >= 10);
    let mut named = BTreeSet::new();
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap();
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            assert!(known.contains(test), "there is no test `{test}`");
            named.insert(test.to_owned());
        }
    }
    // And the other way: a test that has a gRFC's number is in its row.
    let is_numbered = |name: &&String| {
        let digits = name
            .strip_prefix('a')
            .and_then(|rest| rest.split('_').next());
        digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    for test in known.iter().filter(is_numbered) {
        assert!(named.contains(test), "`{test}` is not in the table");
    }
}
