//! `--envoy`: the command over Envoy's own configuration, as its users run it.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

const BOOTSTRAP: &str = "tests/fixtures/envoy/bootstrap.yaml";

#[cfg(test)]
fn mesh(args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mesh"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(args)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

#[test]
fn check_reads_a_bootstrap_strictly() {
    let (code, text) = mesh(&["check", "--envoy", BOOTSTRAP]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.lines()
            .rev()
            .skip(1)
            .all(|l| l.starts_with("ignored: ")),
        "{text}"
    );
    assert!(text.contains("callers dial names, not 127.0.0.1"), "{text}");
    assert!(text.ends_with("ok, with 5 notes\n"), "{text}");
    let yaml = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(BOOTSTRAP)).unwrap();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("envoy.yaml");
    let file = file.to_str().unwrap();
    let check = |from: &str, to: &str| {
        fs::write(file, yaml.replace(from, to)).unwrap();
        mesh(&["check", "--envoy", file])
    };
    let (code, text) = check("connect_timeout: 1s", "conect_timeout: 1s");
    assert_eq!(code, 1);
    assert!(
        text.contains("envoy.yaml:42: static_resources.clusters[0].conect_timeout"),
        "{text}"
    );
    assert!(text.ends_with("1 error\n"), "{text}");
    let (code, text) = check("route: { cluster: shop }", "route: { cluster: gone }");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("\nwarning: "), "{text}");
    assert!(text.contains("`gone`"), "{text}");
}

#[test]
fn json_is_read_as_well() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster.json");
    let text = r#"{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "a"}"#;
    fs::write(&file, text).unwrap();
    let (code, text) = mesh(&["check", "--envoy", file.to_str().unwrap()]);
    assert_eq!((code, &*text), (0, "ok, with 0 notes\n"));
}

#[test]
fn explain_routes_by_a_bootstrap() {
    let (code, text) = mesh(&[
        "explain",
        "--envoy",
        BOOTSTRAP,
        "http://shop.example:8080/old",
    ]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("redirect: 301 to http://shop.example:8080/new"),
        "{text}"
    );
    let args = ["--output", "json", "POST", "http://shop.example:8080/cart"];
    let (_, text) = mesh(&[&["explain", "--envoy", BOOTSTRAP], &args[..]].concat());
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["cluster"]["endpoints"][0]["address"], "10.0.0.1:80");
    let origin = &value["routing"]["rules"][1]["origin"];
    assert_eq!(*origin, format!("{BOOTSTRAP}:24"));
    let connection = ["--sni", "eu.db.example", "tcp://db.example:5432"];
    let (code, text) = mesh(&[&["explain", "--envoy", BOOTSTRAP], &connection[..]].concat());
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("chain 0 `eu` ("), "{text}");
    assert!(text.contains("endpoint 10.0.0.1:80"), "{text}");
    // Envoy's files describe all there is: nothing is taken to exist.
    let (code, text) = mesh(&["explain", "--envoy", BOOTSTRAP, "http://other:8080/"]);
    assert_eq!(code, 1, "{text}");
    assert!(!text.contains("taken to exist"), "{text}");
}

#[test]
fn the_wrong_option_is_told() {
    let (code, text) = mesh(&["check", "--config", BOOTSTRAP]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("this is Envoy's configuration: --envoy reads it"),
        "{text}"
    );
    let (code, text) = mesh(&["check", "--envoy", "tests/fixtures/services"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("this is not Envoy's configuration: --config reads it"),
        "{text}"
    );
    for args in [
        &["check"][..],
        &["check", "--config", "a", "--envoy", "b"],
        &["check", "--envoy", BOOTSTRAP, "--namespace", "shop"],
        &["check", "--envoy", BOOTSTRAP, "--service", "a:80"],
    ] {
        assert_eq!(mesh(args).0, 2, "{args:?}");
    }
}
