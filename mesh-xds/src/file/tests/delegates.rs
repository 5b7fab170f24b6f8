//! Rules that delegate, and their delegates.

use mesh_core::policy::PathMatcher;

use super::*;

const HOST: &str = "a.default.svc.cluster.local";

fn root(http: &str) -> String {
    let spec = format!("hosts: [a]\nhttp:\n{http}");
    document("VirtualService", "default", "root", &spec)
}

fn delegate(namespace: &str, http: &str) -> String {
    document(
        "VirtualService",
        namespace,
        "leaf",
        &format!("http:\n{http}"),
    )
}

/// The names of the routes on port 80, and their first condition.
fn routes(loaded: &Loaded) -> Vec<(String, PathMatcher)> {
    let routes = loaded.routes(80, HOST).iter();
    routes
        .map(|r| (r.name.to_string(), r.matches.path.clone()))
        .collect()
}

#[test]
fn a_delegates_routes_stand_in_the_place_that_names_it() {
    let loaded = load(
        &(root(
            "- match: [{uri: {prefix: /api}}]\n  name: api\n  delegate: {name: leaf, namespace: \
             team}\n- name: rest\n  route: [{destination: {host: a}}]",
        ) + &delegate(
            "team",
            "- match: [{uri: {exact: /api/one}}]\n  name: one\n  route: [{destination: {host: \
             b}}]\n- route: [{destination: {host: c}}]",
        )),
    );
    assert_eq!(
        routes(&loaded),
        [
            ("api-one".to_owned(), PathMatcher::Exact("/api/one".into())),
            ("api".to_owned(), PathMatcher::Prefix("/api".into())),
            ("rest".to_owned(), PathMatcher::Prefix("/".into())),
        ]
    );
    // A short host belongs to the namespace of the rule that has it.
    let to = targets(&loaded.routes(80, HOST)[0]);
    assert_eq!(to[0].0, "outbound|80||b.team.svc.cluster.local");
    assert_eq!(loaded.routes(80, HOST)[0].origin.to_string(), "f.yaml:22");
    assert_eq!(notes(&loaded), [""; 0]);
}

#[test]
fn the_delegates_settings_win_and_the_roots_fill_in() {
    let loaded = load(
        &(root(
            "- delegate: {name: leaf}\n  timeout: 1s\n  retries: {attempts: 7}\n  headers: \
             {request: {set: {x: root}}}\n  mirror: {host: m}",
        ) + &delegate(
            "default",
            "- match: [{uri: {exact: /1}}]\n  timeout: 2s\n  mirrorPercentage: {value: 50}\n  \
             route: [{destination: {host: b}}]\n- headers: {request: {set: {y: leaf}}}\n  route: \
             [{destination: {host: b}}]",
        )),
    );
    let [one, two] = loaded.routes(80, HOST) else {
        panic!("{:?}", loaded.config);
    };
    let seconds = |r: &Route| forward(r).timeouts.timeout.unwrap().as_secs();
    assert_eq!((seconds(one), seconds(two)), (2, 1));
    for route in [one, two] {
        assert_eq!(forward(route).retry_policy.as_ref().unwrap().num_retries, 7);
    }
    let header = |r: &Route| r.headers.request_add[0].name.to_string();
    assert_eq!((header(one), header(two)), ("x".to_owned(), "y".to_owned()));
    let share = |r: &Route| forward(r).mirrors[0].fraction.ratio();
    assert_eq!((share(one), share(two)), (0.5, 1.0));
}

#[test]
fn conditions_must_be_within_the_roots() {
    let fits = |root_match: &str, leaf_match: &str| {
        let loaded = load(
            &(root(&format!(
                "- match: [{root_match}]\n  delegate: {{name: leaf}}"
            )) + &delegate(
                "default",
                &format!("- match: [{leaf_match}]\n  directResponse: {{status: 200}}"),
            )),
        );
        let fits = !loaded.config.routes.is_empty();
        let told = notes(&loaded)
            .iter()
            .any(|n| n.contains("its conditions are not within those of"));
        assert_eq!(fits, !told, "{:?}", notes(&loaded));
        fits
    };
    for (root, leaf, expected) in [
        ("{uri: {prefix: /a}}", "{uri: {prefix: /a/b}}", true),
        ("{uri: {prefix: /a/b}}", "{uri: {prefix: /a}}", false),
        ("{uri: {prefix: /a}}", "{uri: {exact: /a/b}}", true),
        ("{uri: {exact: /a}}", "{uri: {prefix: /a}}", false),
        ("{uri: {exact: /a}}", "{uri: {exact: /a}}", true),
        ("{uri: {prefix: /a}}", "{uri: {regex: /a.*}}", false),
        ("{uri: {regex: /a.*}}", "{headers: {x: {exact: y}}}", true),
        (
            "{headers: {x: {exact: y}}}",
            "{headers: {x: {exact: z}}}",
            false,
        ),
        (
            "{headers: {x: {exact: y}}}",
            "{headers: {w: {exact: z}}}",
            true,
        ),
        (
            "{queryParams: {x: {exact: y}}}",
            "{queryParams: {x: {exact: z}}}",
            false,
        ),
        ("{port: 80}", "{port: 81}", false),
        ("{ignoreUriCase: true}", "{uri: {prefix: /a}}", false),
        ("{sourceNamespace: default}", "{uri: {prefix: /a}}", false),
        (
            "{sourceNamespace: default}",
            "{sourceNamespace: default}",
            true,
        ),
        ("{gateways: [mesh]}", "{gateways: [gw]}", false),
        // One of the root's entries is enough.
        (
            "{uri: {prefix: /x}}, {uri: {prefix: /a}}",
            "{uri: {prefix: /a}}",
            true,
        ),
    ] {
        assert_eq!(fits(root, leaf), expected, "{root} with {leaf}");
    }
}

#[test]
fn a_missing_or_hidden_delegate_leaves_its_place_empty() {
    let rules = root(
        "- match: [{uri: {prefix: /a}}]\n  delegate: {name: leaf, namespace: team}\n- \
                      directResponse: {status: 204}",
    );
    let missing = load(&rules);
    assert_eq!(missing.routes(80, HOST).len(), 1);
    assert!(notes(&missing)[0].starts_with(
        "warning: f.yaml:10: there is no VirtualService team/leaf without hosts to delegate to"
    ));
    let leaf = delegate("team", "- directResponse: {status: 200}");
    let hidden = leaf.replace("  http:", "  exportTo: [\".\"]\n  http:");
    let hidden = load(&format!("{rules}{hidden}"));
    assert_eq!(hidden.routes(80, HOST).len(), 1);
    assert!(
        notes(&hidden)
            .iter()
            .any(|n| n.contains("is not exported to namespace default")),
        "{:?}",
        notes(&hidden)
    );
    // And one that nobody names is told.
    let unused = notes(&load(&leaf));
    assert!(
        unused[0].contains("no rule that this client sees delegates to it"),
        "{unused:?}"
    );
}

#[test]
fn a_delegate_cannot_delegate_nor_have_gateways() {
    let nested = delegate("default", "- delegate: {name: other}");
    assert!(problems(&nested)[0].contains("cannot delegate any further"));
    let both = root("- delegate: {name: leaf}\n  route: [{destination: {host: a}}]");
    assert!(problems(&both)[0].contains("exclude each other"));
}
