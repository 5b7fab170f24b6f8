//! `mesh explain tcp://host:port`, as its users run it.

use std::process::Command;

use serde_json::Value;

const DB: &str = "tests/fixtures/tcp";

#[cfg(test)]
fn explain(args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mesh"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["explain", "--config", DB])
        .args(args)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

#[cfg(test)]
fn json(args: &[&str]) -> Value {
    let (_, text) = explain(&[args, &["--output", "json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_connection_is_explained_with_the_line_behind_every_step() {
    let (code, text) = explain(&["--seed", "1", "tcp://db.example:5432"]);
    assert_eq!(code, 0, "{text}");
    for line in [
        "db.example:5432",
        "chain 0 `db` (tests/fixtures/tcp/db.yaml:32): chosen",
        "▶ 0..3 weight 3 `outbound|5432|v1|db.example` (tests/fixtures/tcp/db.yaml:33)",
        "the roll is that of --seed 1",
    ] {
        assert!(
            text.lines().any(|l| l.trim() == line),
            "{line}\nis not in\n{text}"
        );
    }
    let cluster = |seed: u64| {
        let value = json(&["--seed", &seed.to_string(), "tcp://db.example:5432"]);
        assert_eq!(value["route"]["weights"]["total"], 4);
        value["cluster"]["name"].as_str().unwrap().to_owned()
    };
    let rolls: Vec<_> = (0..12).map(cluster).collect();
    for version in ["v1", "v2"] {
        let name = format!("outbound|5432|{version}|db.example");
        assert!(rolls.contains(&name), "{rolls:?}");
    }
}

#[test]
fn the_server_name_chooses_the_chain() {
    let value = json(&["--sni", "db.example", "tcp://db.example:5433"]);
    assert_eq!(value["ok"], true, "{value}");
    assert_eq!(value["cluster"]["name"], "outbound|5433|v2|db.example");
    assert_eq!(value["cluster"]["endpoints"][0]["address"], "10.0.0.2:5433");
    let chains = &value["listener"]["chains"];
    assert_eq!(chains[0]["chosen"], true, "{value}");
    let other = json(&["--sni", "other.example", "tcp://db.example:5433"]);
    let chains = &other["listener"]["chains"];
    let why = chains[0]["why_not"].as_str().unwrap();
    assert!(why.contains("server"), "{other}");
}

#[test]
fn nothing_listens_elsewhere_and_kubernetes_services_are_taken_to_exist() {
    let (code, text) = explain(&["tcp://mongo:27017"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("no file describes the service mongo:27017"),
        "{text}"
    );
    assert!(
        text.contains("outbound|27017||mongo.default.svc.cluster.local"),
        "{text}"
    );
}

#[test]
fn what_a_connection_does_not_have_is_refused() {
    for (args, why) in [
        (&["GET", "tcp://db.example:5432"][..], "no method"),
        (&["-H", "a: b", "tcp://db.example:5432"], "no headers"),
        (&["--sni", "a", "http://db.example/"], "for connections"),
        (&["tcp://db.example"], "a port is needed"),
        (&["tcp://db.example:1/path"], "an absolute URL is needed"),
    ] {
        let (code, text) = explain(args);
        assert_eq!(code, 2, "{args:?}: {text}");
        assert!(text.contains(why), "{args:?}: {text}");
    }
}
