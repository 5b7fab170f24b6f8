//! Gateway API routes, as the command's users see them.

use std::process::Command;

use serde_json::{Value, json};

const FILE: &str = "tests/fixtures/gateway/shop.yaml";

#[cfg(test)]
fn mesh(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mesh"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(args)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

#[test]
fn check_tells_the_status_of_routes() {
    let (code, text) = mesh(&["check", "--config", FILE]);
    assert_eq!(code, Some(0), "{text}");
    for line in [
        "not applied: tests/fixtures/gateway/shop.yaml:20: there is no Service ship",
        "warning: tests/fixtures/gateway/shop.yaml:28: there is no Service default/cart: requests \
         that fall to it are answered with 500",
        "status: tests/fixtures/gateway/shop.yaml:10: HTTPRoute default/shop at Service \
         default/shop:80: Accepted=True (Accepted), ResolvedRefs=False (BackendNotFound: there is \
         no Service default/cart)",
        "status: tests/fixtures/gateway/shop.yaml:10: HTTPRoute default/shop at Service \
         default/ship: Accepted=False (NoMatchingParent: there is no Service ship), \
         ResolvedRefs=False (BackendNotFound: there is no Service default/cart)",
        "ok, with 2 notes",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\nis not in\n{text}");
    }
}

#[test]
fn check_tells_it_as_kubernetes_writes_it() {
    let (_, text) = mesh(&["check", "--config", FILE, "--output", "json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    let route = &value["routes"][0];
    assert_eq!(
        (&route["kind"], &route["name"], &route["line"]),
        (&json!("HTTPRoute"), &json!("shop"), &json!(10))
    );
    assert_eq!(
        route["parents"][0],
        json!({
            "parentRef": {
                "group": "", "kind": "Service", "namespace": "default", "name": "shop", "port": 80,
            },
            "conditions": [
                {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""},
                {
                    "type": "ResolvedRefs",
                    "status": "False",
                    "reason": "BackendNotFound",
                    "message": "there is no Service default/cart",
                },
            ],
        })
    );
}

#[test]
fn explain_names_the_rule_and_its_line() {
    let get = |path| mesh(&["explain", "--config", FILE, "GET", path]);
    let (code, text) = get("http://shop/cart/1");
    assert_eq!(code, Some(0), "{text}");
    let rule = "rule 0 `default/shop/0` (tests/fixtures/gateway/shop.yaml:25): matched";
    assert!(text.contains(rule), "{text}");
    assert!(text.contains("direct response: 500"), "{text}");
    let (code, text) = get("http://shop/other");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("`default/shop/1`"), "{text}");
    assert!(
        text.contains("outbound|80||shop.default.svc.cluster.local"),
        "{text}"
    );
}
