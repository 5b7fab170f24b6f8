//! What is generated is what is checked in.

use std::fs;

#[test]
fn generated_files_are_current() {
    let mut stale = Vec::new();
    for (path, text) in mesh_xds_codegen::generate().unwrap() {
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            stale.push(path);
        }
    }
    assert!(
        stale.is_empty(),
        "run `cargo xtask protos`; not current: {stale:#?}"
    );
}
