//! Which match a request takes.

use super::*;

/// Loads rules of Service `a`, and tells which rule (by name) each request takes.
#[track_caller]
fn takes(documents: &str, cases: &[(&str, Option<&str>)]) {
    let loaded = load(&(services() + documents));
    for (line, expected) in cases {
        let request = request(line);
        let route = loaded.route_of("a", &request, 0);
        let name = route.map(|r| r.name.rsplit('/').next().unwrap().to_owned());
        assert_eq!(name.as_deref(), *expected, "{line}");
    }
}

fn rule(name: &str, matches: &str) -> String {
    format!("- {{name: {name}, matches: [{matches}], backendRefs: [{{name: b, port: 80}}]}}\n")
}

#[test]
fn a_prefix_is_one_of_whole_segments() {
    for prefix in ["/foo", "/foo/"] {
        takes(
            &http_route("r", &rule("foo", &format!("{{path: {{value: {prefix}}}}}"))),
            &[
                ("GET /foo", Some("foo")),
                ("GET /foo/", Some("foo")),
                ("GET /foo/x?q", Some("foo")),
                ("GET /foobar", None),
                ("GET /Foo", None),
                ("GET /", None),
            ],
        );
    }
}

#[test]
fn exact_and_regex_are_about_the_whole_path() {
    let rules = rule("exact", "{path: {type: Exact, value: /a/}}")
        + &rule(
            "regex",
            "{path: {type: RegularExpression, value: '/r[0-9]+'}}",
        );
    takes(
        &http_route("r", &rules),
        &[
            ("GET /a/", Some("exact")),
            ("GET /a", None),
            ("GET /r12?q", Some("regex")),
            ("GET /r12/x", None),
        ],
    );
}

#[test]
fn the_more_specific_match_goes_first_across_routes() {
    let one = rule("regex", "{path: {type: RegularExpression, value: '/l.*'}}")
        + &rule("short", "{path: {value: /long}}")
        + &rule(
            "header",
            "{path: {value: /long}, headers: [{name: h, value: '1'}]}",
        )
        + &rule(
            "query",
            "{path: {value: /long}, queryParams: [{name: q, value: '1'}]}",
        );
    let two = rule("long", "{path: {value: /long/er}}")
        + &rule("exact", "{path: {type: Exact, value: /long}}")
        + &rule("method", "{path: {value: /long}, method: PUT}")
        + &rule(
            "headers",
            "{path: {value: /long}, headers: [{name: h, value: '1'}, {name: i, value: '1'}]}",
        );
    takes(
        &(http_route("one", &one) + &http_route("two", &two)),
        &[
            ("GET /lost", Some("regex")),
            ("PUT /long", Some("exact")),
            ("GET /long/x", Some("short")),
            ("GET /long/er h: 1", Some("long")),
            ("PUT /long/x h: 1, i: 1", Some("method")),
            ("GET /long/x h: 1", Some("header")),
            ("GET /long/x?q=1", Some("query")),
            ("GET /long/x?q=1 h: 1", Some("header")),
            ("GET /long/x?q=1 h: 1, i: 1", Some("headers")),
        ],
    );
}

#[test]
fn of_equals_the_oldest_then_the_first_by_name_then_the_first_rule() {
    let route = |name: &str, created: &str, rules: &str| {
        http_route(name, rules).replace(
            &format!("metadata: {{name: {name},"),
            &format!("metadata: {{name: {name}, creationTimestamp: \"{created}\","),
        )
    };
    let any = "{path: {value: /p}}";
    let rules = |name: &str| rule(name, any) + &rule("second", any);
    takes(
        &(route("a", "2026-02-02T00:00:00Z", &rules("young"))
            + &route("z", "2026-01-01T00:00:00Z", &rules("old"))),
        &[("GET /p", Some("old"))],
    );
    takes(
        &(route("z", "2026-01-01T00:00:00Z", &rules("z"))
            + &route("b", "2026-01-01T00:00:00Z", &rules("b"))),
        &[("GET /p", Some("b"))],
    );
}

#[test]
fn of_equivalent_names_the_first_counts() {
    let text = services()
        + &http_route(
            "r",
            &rule(
                "one",
                "{headers: [{name: X, value: '1'}, {name: x, value: '2'}], queryParams: [{name: q, \
                 value: '1'}, {name: q, value: '2'}, {name: Q, value: '3'}]}",
            ),
        );
    let loaded = load(&text);
    let found = |line| loaded.route_of("a", &request(line), 0).is_some();
    assert!(found("GET /?q=1&Q=3 x: 1"));
    assert!(!found("GET /?q=2&Q=3 x: 1") && !found("GET /?q=1&Q=3 x: 2"));
    assert!(!found("GET /?q=1 x: 1"));
    let ignored = notes(&loaded);
    for name in ["`x`", "`q`"] {
        let message = format!("an earlier entry of the list is for {name} too");
        assert!(ignored.iter().any(|n| n.contains(&message)), "{ignored:?}");
    }
}

#[test]
fn what_stands_behind_a_catch_all_is_told() {
    let rules = rule("all", "{}") + &rule("regex", "{path: {type: RegularExpression, value: /r}}");
    let loaded = load(&(services() + &http_route("r", &rules)));
    assert_eq!(loaded.routes(80, "a").len(), 1);
    let said = notes(&loaded);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("is never reached: f.yaml:"), "{said:?}");
}

#[test]
fn grpc_matches_service_and_method() {
    let spec = "parentRefs: [{group: \"\", kind: Service, name: a}]\nrules:\n".to_owned()
        + &rule("none", "")
        + &rule("method", "{method: {method: Get}}")
        + &rule("service", "{method: {service: s.S}}")
        + &rule("both", "{method: {service: s.S, method: Get}}")
        + &rule(
            "header",
            "{method: {service: s.S}, headers: [{name: h, value: '1'}]}",
        )
        + &rule(
            "regex",
            "{method: {type: RegularExpression, service: 't[.].*', method: 'G.t'}}",
        );
    // What a regex ranks is left to implementations: behind all that is exact.
    let regex = rule(
        "regex",
        "{method: {type: RegularExpression, service: 't[.].*', method: 'G.t'}}",
    );
    let spec = spec.replace(&regex, "");
    let grpc = "content-type: application/grpc";
    let lines = [
        ("POST /s.S/Get", Some("both")),
        ("POST /s.S/List", Some("service")),
        ("POST /x.X/Get", Some("method")),
        ("POST /x.X/GetAll", Some("none")),
        ("POST /s.SS/List", Some("none")),
        ("POST /S.S/List", Some("none")),
    ]
    .map(|(line, rule)| (format!("{line} {grpc}"), rule));
    let cases: Vec<(&str, Option<&str>)> = lines.iter().map(|(l, r)| (&**l, *r)).collect();
    takes(&resource("GRPCRoute", "default", "g", &spec), &cases);
    takes(
        &resource("GRPCRoute", "default", "g", &spec),
        &[
            (&format!("POST /s.S/List {grpc}, h: 1"), Some("header")),
            // No gRPC.
            ("POST /s.S/Get", None),
            ("POST /s.S/Get content-type: application/json", None),
        ],
    );
    let parents = "parentRefs: [{group: \"\", kind: Service, name: a}]\nrules:\n";
    takes(
        &resource("GRPCRoute", "default", "g", &(parents.to_owned() + &regex)),
        &[
            (&format!("POST /t.Test/Got {grpc}"), Some("regex")),
            (&format!("POST /t/Got {grpc}"), None),
            (&format!("POST /t.Test/Good {grpc}"), None),
        ],
    );
}
