//! The import rules of `docs/architecture.md`, checked on what cargo resolves and on the sources.

use std::{fs, path::Path, process::Command};

use crate::Result;

/// Crates that must not be in a crate's normal dependency tree, whatever its features.
const TREES: &[(&str, &[&str])] = &[
    (
        "mesh-core",
        &[
            "hyper",
            "hyper-util",
            "tower",
            "tower-service",
            "tonic",
            "prost",
            "tokio-util",
            "socket2",
            "mio",
        ],
    ),
    ("mesh-http", &["tonic", "prost", "mesh-grpc", "mesh-xds"]),
    ("mesh-grpc", &["mesh-xds", "tower"]),
    ("mesh-xds", &["mesh-http", "mesh-grpc", "tower"]),
];

/// Crates that must not be there with only these features: reading files is light.
const LIGHT_TREES: &[(&str, &str, &[&str])] = &[
    ("mesh-xds", "", &["hyper", "prost", "tonic"]),
    ("mesh-xds", "catalog", &["h2", "prost", "tonic", "rustls"]),
    ("mesh-xds", "envoy", &["hyper", "tonic", "rustls"]),
];

/// What mesh-core's sources must not say: it takes time and randomness as arguments.
const FORBIDDEN_IN_CORE: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    ".elapsed()",
    "tokio::spawn",
    "thread::spawn",
    "tokio::time",
    "RandomState",
    "fastrand",
    "rand::",
    "std::net::Tcp",
    "std::fs",
];

pub(crate) fn check() -> Result {
    let mut problems = Vec::new();
    let all = TREES
        .iter()
        .map(|(package, forbidden)| (package, None, forbidden));
    let light = LIGHT_TREES.iter();
    let light = light.map(|(package, features, forbidden)| (package, Some(features), forbidden));
    for (package, features, forbidden) in all.chain(light) {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["tree", "--package", package, "--edges", "normal"])
            .args(["--prefix", "none", "--format", "{p}"])
            .args(match features {
                Some(features) => ["--features", features],
                None => ["--all-features", "--quiet"],
            })
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let name = line.split(' ').next().unwrap_or_default();
            if forbidden.contains(&name) {
                problems.push(format!("{package} must not depend on {name}"));
            }
        }
    }
    sources(Path::new("mesh-core/src"), &mut problems)?;
    problems.sort();
    problems.dedup();
    if problems.is_empty() {
        println!("== import rules hold");
        Ok(())
    } else {
        Err(problems.join("\n").into())
    }
}

fn sources(dir: &Path, problems: &mut Vec<String>) -> Result {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, problems)?;
            continue;
        }
        let text = fs::read_to_string(&path)?;
        // Tests may read clocks and start threads; they come last in a file.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for word in FORBIDDEN_IN_CORE {
                if line.contains(word) {
                    problems.push(format!(
                        "{}:{}: mesh-core must not use `{word}`",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    Ok(())
}
