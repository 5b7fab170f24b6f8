//! The demo checks itself, and its check can fail.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

#[cfg(test)]
fn canary(args: &[&Path]) -> (Output, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_canary"));
    let output = command.arg("--once").args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text + &errors)
}

/// The shipped YAML with `from` replaced in `reviews.yaml`.
#[cfg(test)]
fn edited(name: &str, from: &str, to: &str) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("canary/mesh");
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(shipped).unwrap() {
        let path = entry.unwrap().path();
        let mut text = fs::read_to_string(&path).unwrap();
        if path.ends_with("reviews.yaml") {
            assert!(text.contains(from));
            text = text.replacen(from, to, 1);
        }
        fs::write(copy.join(path.file_name().unwrap()), text).unwrap();
    }
    copy
}

#[test]
fn the_shipped_mesh_is_what_its_yaml_says() {
    let (output, text) = canary(&[]);
    assert!(output.status.success(), "{text}");
    for row in [
        "anyone → v1",
        "anyone → v2",
        "jason → v3",
        "failed pages",
        "revived and back",
    ] {
        let line = text.lines().find(|line| line.starts_with(row));
        assert!(
            line.is_some_and(|line| line.ends_with(" ok")),
            "{row}: {text}"
        );
    }
}

#[test]
fn other_weights_are_expected_when_the_yaml_says_so() {
    let half = edited("half", "weight: 90", "weight: 10");
    let (output, text) = canary(&[Path::new("--config"), &half]);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("anyone → v2            50.0 %"), "{text}");
}

#[test]
fn traffic_that_is_not_what_the_yaml_says_fails() {
    let other = edited("other", "subset: v3", "subset: v2");
    let (output, text) = canary(&[Path::new("--expect"), &other]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let wrong: Vec<_> = text
        .lines()
        .filter(|line| line.ends_with("WRONG"))
        .collect();
    assert_eq!(wrong.len(), 2, "{text}");
    assert!(
        wrong.iter().all(|line| line.starts_with("jason → v")),
        "{text}"
    );
}

#[test]
fn broken_yaml_is_refused_with_its_line() {
    let broken = edited("broken", "weight: 90", "wieght: 90");
    let (output, text) = canary(&[Path::new("--config"), &broken]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("reviews.yaml:28"), "{text}");
}
