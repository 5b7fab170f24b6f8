//! The command as its users run it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

const SHOP: &str = "tests/fixtures/services";
const BROKEN: &str = "tests/fixtures/broken";
const SEEDS: &str = "../mesh-xds/tests/seeds";

/// Exit code, standard output and standard error.
#[cfg(test)]
fn mesh(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mesh"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(args)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[cfg(test)]
fn explain(config: &str, args: &[&str]) -> (i32, String) {
    let (code, out, errors) = mesh(&[&["explain", "--config", config], args].concat());
    (code, out + &errors)
}

#[cfg(test)]
fn json(args: &[&str]) -> (i32, Value) {
    let (code, out, errors) = mesh(&[args, &["--output", "json"]].concat());
    let value = serde_json::from_str(&out);
    (code, value.unwrap_or_else(|e| panic!("{e}: {out}{errors}")))
}

/// A directory with the seed's subsets and one of its rules: the two rules are alternatives.
#[cfg(test)]
fn seeds(rule: &str) -> PathBuf {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(rule);
    fs::create_dir_all(&to).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(SEEDS);
    for file in [rule, "destination-rule.yaml"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    to
}

#[track_caller]
#[cfg(test)]
fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(
            text.lines().any(|l| l.trim() == *line),
            "{line}\nis not in\n{text}"
        );
    }
}

#[test]
fn explain_names_the_line_behind_every_step() {
    let (code, text) = explain(SHOP, &["--seed", "1", "GET", "http://shop.example/cart"]);
    assert_eq!(code, 0, "{text}");
    assert_lines(
        &text,
        &[
            "rule 0 `old` (tests/fixtures/services/shop.yaml:31): no: path: /cart does not begin with /old",
            "rule 2 `get` (tests/fixtures/services/shop.yaml:48): matched",
            "3..4 weight 1 `outbound|80|v2|shop.example` (tests/fixtures/services/shop.yaml:55)",
            "endpoint 10.0.0.1:80 (tests/fixtures/services/shop.yaml:14): healthy, weight 1, 0 in flight, version=v1",
            "the roll is that of --seed 1",
        ],
    );
}

#[test]
fn the_guide_shows_what_explain_prints() {
    let guide = include_str!("../../docs/guide.md");
    let output = Command::new(env!("CARGO_BIN_EXE_mesh"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["explain", "--config", "examples/canary/mesh", "--seed", "3"])
        .args(["--service", "reviews:9080=10.0.0.1:9080,version=v1"])
        .args(["GET", "http://reviews:9080/reviews/1"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(guide.contains(&text), "docs/guide.md does not show\n{text}");
}

#[test]
fn the_yaml_of_the_guide_loads() {
    let guide = include_str!("../../docs/guide.md");
    let yaml = guide.split_once("```yaml\n").unwrap().1;
    let yaml = yaml.split_once("```").unwrap().0;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide.yaml");
    fs::write(&file, yaml).unwrap();
    let source = ["--config", file.to_str().unwrap(), "--namespace", "shop"];
    let (code, text, _) = mesh(&[&["check"][..], &source].concat());
    assert_eq!((code, &*text), (0, "ok, with 0 notes\n"));
    let request = ["GET", "http://reviews:9080/reviews/1"];
    let (code, text, _) = mesh(&[&["explain"][..], &source, &request].concat());
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("0..70 weight 70"), "{text}");
}

#[test]
fn a_seed_repeats_the_roll_and_seeds_reach_both_subsets() {
    let cluster = |seed: u64| {
        let seed = seed.to_string();
        let args = [
            "explain",
            "--config",
            SHOP,
            "--seed",
            &seed,
            "GET",
            "http://shop.example/",
        ];
        json(&args).1["cluster"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first: Vec<_> = (0..12).map(cluster).collect();
    let again: Vec<_> = (0..12).map(cluster).collect();
    assert_eq!(first, again);
    for subset in ["outbound|80|v1|shop.example", "outbound|80|v2|shop.example"] {
        assert!(first.iter().any(|name| name == subset), "{first:?}");
    }
}

#[test]
fn explain_in_json_has_the_same_as_fields() {
    let url = "http://shop.example/cart?dry=true";
    let (code, value) = json(&["explain", "--config", SHOP, "POST", url]);
    assert_eq!(code, 0);
    assert_eq!(value["ok"], true);
    let rules = &value["routing"]["rules"];
    assert_eq!(rules[0]["matched"], false);
    assert!(
        rules[0]["why_not"].as_str().unwrap().contains("/old"),
        "{rules}"
    );
    assert_eq!(rules[1]["name"], "post");
    assert_eq!(rules[1]["origin"], "tests/fixtures/services/shop.yaml:37");
    assert_eq!(value["routing"]["untried"], 1);
    assert_eq!(value["cluster"]["endpoints"][0]["address"], "10.0.0.2:80");
    assert_eq!(value["cluster"]["lb_policy"], "LEAST_REQUEST");
}

#[test]
fn a_redirect_is_an_answer_and_nowhere_to_go_is_a_failure() {
    let (code, text) = explain(SHOP, &["GET", "http://shop.example/old/hat"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("redirect: 301 to http://shop.example/new"),
        "{text}"
    );
    let (code, text) = explain(SHOP, &["PUT", "http://shop.example/"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("no route: 404"), "{text}");
}

#[test]
fn the_seed_documents_explain_themselves() {
    let weights = seeds("virtual-service-weights.yaml");
    let weights = weights.to_str().unwrap();
    let url = "http://recommendation:8080/";
    let (code, text) = explain(weights, &["--namespace", "tutorial", "GET", url]);
    assert_eq!(code, 0, "{text}");
    for entry in [
        "0..90 weight 90 `outbound|8080|version-v1|",
        "90..100 weight 10 `outbound|8080|version-v2|",
    ] {
        assert!(text.contains(entry), "{text}");
    }
    assert!(
        text.contains("no file describes the service recommendation:8080"),
        "{text}"
    );

    let agent = seeds("virtual-service-user-agent.yaml");
    let agent = agent.to_str().unwrap();
    for (browser, version) in [("Mozilla Safari/605", "v1"), ("curl", "v2")] {
        let header = format!("baggage-user-agent: {browser}");
        let endpoint = |version: &str| format!("recommendation:8080=10.0.0.1:1,version={version}");
        let args = [
            "--namespace",
            "tutorial",
            "-H",
            &header,
            "--service",
            &endpoint(version),
            "GET",
            url,
        ];
        let (code, text) = explain(agent, &args);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains(&format!("|version-{version}|")), "{text}");
        assert!(text.contains("endpoint 10.0.0.1:1"), "{text}");
    }
}

#[test]
fn check_names_file_line_field_and_what_was_meant() {
    let (code, text, _) = mesh(&["check", "--config", BROKEN]);
    assert_eq!(code, 1);
    let of = |place: &str| {
        let line = text.lines().find(|line| line.contains(place));
        line.unwrap_or_else(|| panic!("{place} is not in\n{text}"))
    };
    assert!(
        of("reviews.yaml:12").contains("spec.http[0].route[0].wieght"),
        "{text}"
    );
    assert!(of("reviews.yaml:12").contains("`weight`"), "{text}");
    assert!(
        of("reviews.yaml:14").contains("spec.http[0].retries.attempts"),
        "{text}"
    );
    assert!(of("cut-off.yaml:").starts_with("error: "), "{text}");
    assert!(text.ends_with("3 errors\n"), "{text}");

    let (code, value) = json(&["check", "--config", BROKEN]);
    assert_eq!(code, 1);
    assert_eq!(value["ok"], false);
    let lines: Vec<_> = value["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["line"])
        .collect();
    assert!(
        lines.contains(&&Value::from(12)) && lines.contains(&&Value::from(14)),
        "{value}"
    );
}

/// Checks one file of this text.
#[cfg(test)]
fn check(name: &str, yaml: &str, args: &[&str]) -> (i32, String) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, yaml).unwrap();
    let config = ["check", "--config", file.to_str().unwrap()];
    let (code, text, errors) = mesh(&[&config, args].concat());
    (code, text + &errors)
}

#[cfg(test)]
fn rule(http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a}}\nspec:\n  \
         hosts: [a]\n  http:\n  - {http}\n"
    )
}

#[test]
fn a_misspelt_weight_is_told_without_its_consequence() {
    let yaml = rule("route: [{destination: {host: a}, wieght: 1}, {destination: {host: b}}]");
    let (code, text) = check("wieght.yaml", &yaml, &[]);
    assert_eq!(code, 1);
    assert!(text.contains("did you mean `weight`?"), "{text}");
    assert!(text.ends_with("1 error\n"), "{text}");
}

#[test]
fn a_dangling_subset_is_one_warning_which_can_be_denied() {
    let yaml = rule("route: [{destination: {host: a, subset: v9}}]");
    let (code, text) = check("dangling.yaml", &yaml, &[]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(text.matches("warning: ").count(), 1, "{text}");
    assert!(
        text.contains("no DestinationRule defines subset `v9`"),
        "{text}"
    );
    assert!(text.ends_with("ok, with 1 note\n"), "{text}");
    let (code, text) = check("dangling.yaml", &yaml, &["--deny-warnings"]);
    assert_eq!(code, 1);
    assert!(
        text.ends_with("1 warning, which --deny-warnings denies\n"),
        "{text}"
    );
    // What merely does not apply is no warning.
    let other = rule("directResponse: {status: 200}").replace("spec:", "spec:\n  gateways: [gw]");
    let (code, text) = check("gateway.yaml", &other, &["--deny-warnings"]);
    assert_eq!(
        (code, text.matches("not applied: ").count()),
        (0, 1),
        "{text}"
    );
}

#[test]
fn the_workload_has_labels_and_a_locality() {
    let yaml = rule("match: [{sourceLabels: {app: web}}]\n    directResponse: {status: 200}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("labels.yaml");
    fs::write(&file, yaml).unwrap();
    let file = file.to_str().unwrap();
    let of = |label: &str| {
        let args = ["--locality", "r1/z1", "--label", label, "GET", "http://a/"];
        explain(file, &args)
    };
    let (code, text) = of("app=web");
    assert!(code == 0 && !text.contains("no file describes"), "{text}");
    // The rule is for others, so only a service that is taken to exist answers.
    let (_, text) = of("app=db");
    assert!(
        text.contains("no file describes the service a:80"),
        "{text}"
    );
}

#[test]
fn what_no_engine_does_yet_is_refused_by_place() {
    let yaml = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec:\n  \
                host: a\n  trafficPolicy:\n    tls: {mode: SIMPLE}\n";
    let (code, text) = check("tls.yaml", yaml, &[]);
    assert_eq!(code, 1);
    assert!(
        text.contains("tls.yaml:7: spec.trafficPolicy.tls.mode: TLS to other services"),
        "{text}"
    );
}

#[test]
fn check_passes_what_loads() {
    for config in [SHOP, "../examples/canary/mesh", "../examples/quickstart"] {
        let (code, text, _) = mesh(&["check", "--config", config]);
        assert_eq!((code, &*text), (0, "ok, with 0 notes\n"), "{config}");
    }
    for rule in [
        "virtual-service-weights.yaml",
        "virtual-service-user-agent.yaml",
    ] {
        let seeds = seeds(rule);
        let args = [
            "check",
            "--namespace",
            "tutorial",
            "--config",
            seeds.to_str().unwrap(),
        ];
        let (code, text, _) = mesh(&args);
        assert_eq!(code, 0, "{text}");
    }
}

#[test]
fn what_cannot_be_used_is_refused() {
    let (code, _, errors) = mesh(&["explain", "--config", SHOP, "GET", "/cart"]);
    assert_eq!(code, 2);
    assert!(errors.contains("an absolute URL is needed"), "{errors}");
    let (code, _, _) = mesh(&[
        "explain",
        "--config",
        SHOP,
        "-H",
        "no colon",
        "GET",
        "http://a/",
    ]);
    assert_eq!(code, 2);
    let (code, text, _) = mesh(&["check", "--config", "tests/fixtures/missing"]);
    assert_eq!(code, 1);
    assert!(
        text.contains("tests/fixtures/missing: cannot be read"),
        "{text}"
    );
    let (code, value) = json(&["explain", "--config", BROKEN, "GET", "http://reviews/"]);
    assert_eq!((code, &value["ok"]), (1, &Value::from(false)));
}

/// A preflight is answered by the CORS filter: it is neither mirrored nor sent.
#[test]
fn explain_stops_where_a_preflight_is_answered() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("preflight");
    fs::create_dir_all(&dir).unwrap();
    let rule = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  \
                hosts: [a.example]\n  http:\n  - corsPolicy: {allowOrigins: [{exact: http://shop}]}\n    \
                mirror: {host: b.example}\n    route: [{destination: {host: a.example}}]\n";
    fs::write(dir.join("a.yaml"), rule).unwrap();
    let origin = ["-H", "origin: http://shop"];
    let asks = ["-H", "access-control-request-method: GET"];
    let url = ["OPTIONS", "http://a.example/"];
    let dir = dir.to_str().unwrap();
    let (_, text) = explain(dir, &[&origin[..], &asks, &url].concat());
    assert!(
        text.contains("answers the preflight, 200, and sends it nowhere"),
        "{text}"
    );
    assert!(!text.contains("mirrored"), "{text}");
    let (_, text) = explain(dir, &[&origin[..], &["GET", "http://a.example/"]].concat());
    assert!(text.contains("mirrored to cluster"), "{text}");
}
