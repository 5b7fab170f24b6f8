//! What is refused, by file, line and field.

use super::*;

#[test]
fn all_versions_that_the_kinds_have_had_are_read() {
    for (kind, versions, spec) in [
        ("HTTPRoute", &["v1", "v1beta1", "v1alpha2"][..], "{}"),
        ("GRPCRoute", &["v1", "v1alpha2"], "{}"),
        (
            "ReferenceGrant",
            &["v1", "v1beta1", "v1alpha2"],
            "{from: [{group: '', kind: a, namespace: b}], to: [{group: '', kind: Service}]}",
        ),
    ] {
        for version in ["v1", "v1beta1", "v1alpha2", "v2"] {
            let text = format!(
                "apiVersion: gateway.networking.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: \
                 a}}\nspec: {spec}\n"
            );
            let loaded = try_load_as(&client(), &Registry::new(), &text);
            assert_eq!(
                loaded.is_ok(),
                versions.contains(&version),
                "{kind} {version}"
            );
        }
    }
    let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}\n";
    let said = notes(&load(gateway)).join("\n");
    assert!(
        said.contains("skipped: f.yaml:1: Gateway: configures gateways"),
        "{said}"
    );
}

/// Rules that the API's own validation refuses, or that nothing here can do.
const WRONG: &[(&str, &str)] = &[
    (
        "matches: [{path: {value: foo}}]",
        "matches[0].path.value: must begin with /",
    ),
    ("matches: [{path: {value: '/a//b'}}]", "must begin with /"),
    ("matches: [{path: {value: '/a?b'}}]", "must begin with /"),
    ("matches: [{path: {value: '/a%2Fb'}}]", "must begin with /"),
    ("matches: [{path: {value: '/a%2'}}]", "must begin with /"),
    (
        "matches: [{path: {type: Prefix, value: /a}}]",
        "path.type: unknown value `Prefix`",
    ),
    (
        "matches: [{path: {type: RegularExpression, value: '('}}]",
        "path.value: invalid regex",
    ),
    (
        "matches: [{path: {type: RegularExpression}}]",
        "a RegularExpression needs a value",
    ),
    (
        "matches: [{method: get}]",
        "matches[0].method: unknown value `get`, did you mean `GET`?",
    ),
    (
        "matches: [{headers: [{name: ':path', value: a}]}]",
        "headers[0].name: is no header name",
    ),
    (
        "matches: [{headers: [{name: a, value: ''}]}]",
        "headers[0].value: must not be empty",
    ),
    (
        "matches: [{headers: [{name: a}]}]",
        "headers[0].value: is required",
    ),
    (
        "matches: [{queryParams: [{value: a}]}]",
        "queryParams[0].name: is required",
    ),
    (
        "matches: [{header: []}]",
        "unknown field `header`, did you mean `headers`?",
    ),
    (
        "sessionPersistence: {}",
        "Gateway API's HTTPRouteRule.sessionPersistence is not supported yet",
    ),
    (
        "timeouts: {request: 1}",
        "timeouts.request: must be a string",
    ),
    (
        "timeouts: {request: 1.5s}",
        "must be a duration such as 10s",
    ),
    (
        "timeouts: {request: 1s, backendRequest: 2s}",
        "must not be longer than `request`",
    ),
    (
        "retry: {attempts: 0}",
        "retry.attempts: must be a whole number from 1",
    ),
    (
        "retry: {codes: [302]}",
        "retry.codes[0]: must be a whole number from 400 to 599",
    ),
    (
        "backendRefs: [{name: b}]",
        "backendRefs[0].port: is required",
    ),
    (
        "backendRefs: [{name: 'b.c*', port: 80}]",
        "is no name of a Kubernetes object",
    ),
    (
        "backendRefs: [{name: b, port: 80, weight: 1000001}]",
        "weight: must be a whole number",
    ),
    (
        "filters: [{type: Nope}]",
        "filters[0].type: unknown value `Nope`",
    ),
    (
        "filters: [{type: URLRewrite}]",
        "filters[0].urlRewrite: is required",
    ),
    (
        "filters: [{type: URLRewrite, urlRewrite: {}, cors: {}}]",
        "filters[0].cors: is for filters of type CORS",
    ),
    (
        "filters: [{type: ExtensionRef, extensionRef: {group: a, kind: b, name: c}}]",
        "a filter of this type is not supported yet",
    ),
    (
        "filters: [{type: ExternalAuth}]",
        "a filter of this type is not supported yet",
    ),
    (
        "filters: [{type: URLRewrite, urlRewrite: {}}, {type: URLRewrite, urlRewrite: {}}]",
        "filters[1]: a filter of this type must not be repeated",
    ),
    (
        "filters: [{type: URLRewrite, urlRewrite: {}}, {type: RequestRedirect, requestRedirect: {}}]",
        "RequestRedirect and URLRewrite exclude each other",
    ),
    (
        "filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: b, port: 80}]",
        "have no meaning beside a RequestRedirect filter",
    ),
    (
        "filters: [{type: RequestRedirect, requestRedirect: {scheme: ftp}}]",
        "scheme: unknown value `ftp`",
    ),
    (
        "filters: [{type: RequestRedirect, requestRedirect: {statusCode: 300}}]",
        "must be 301, 302, 303, 307 or 308",
    ),
    (
        "filters: [{type: RequestRedirect, requestRedirect: {hostname: 10.0.0.1}}]",
        "hostname: must be a host name",
    ),
    (
        "matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: \
         {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]",
        "needs a rule with exactly one match, whose path is a PathPrefix",
    ),
    (
        "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replacePrefixMatch: \
         /}}}]",
        "replacePrefixMatch: does not go with the type",
    ),
    (
        "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: \
         '/a?b'}}}]",
        "must be a path without query",
    ),
    (
        "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], \
         add: [{name: A, value: c}]}}]",
        "add[0]: `a` is changed by another list too",
    ),
    (
        "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Host, value: \
         b}]}}]",
        "the host is changed by URLRewrite's hostname",
    ),
    (
        "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: b, port: 80}, percent: \
         1, fraction: {numerator: 1}}}]",
        "`percent` and `fraction` exclude each other",
    ),
    (
        "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: b, port: 80}, fraction: \
         {numerator: 2, denominator: 1}}}]",
        "the numerator must not be above the denominator",
    ),
    (
        "filters: [{type: CORS, cors: {allowOrigins: ['*', 'https://a']}}]",
        "allowOrigins[0]: `*` stands alone",
    ),
    (
        "filters: [{type: CORS, cors: {allowOrigins: [a.com]}}]",
        "must be `*`, or an origin",
    ),
    (
        "filters: [{type: CORS, cors: {allowMethods: [get]}}]",
        "unknown value `get`",
    ),
];

#[test]
fn what_the_api_refuses_and_what_is_not_done_here_is_refused_by_place() {
    for (rule, part) in WRONG {
        let text = services() + &http_route("r", &format!("- {{{rule}}}"));
        let said = problems(&text);
        // The rule is on the eighth line of the last document.
        let line = text.lines().count() - 1;
        let place = format!("f.yaml:{line}: spec.rules[0]");
        let found = said
            .iter()
            .any(|p| p.starts_with(&place) && p.contains(part));
        assert!(found, "{rule}: no `{part}` at {place} in {said:#?}");
    }
}

#[test]
fn specs_are_strict_too() {
    let parent = "{group: \"\", kind: Service, name: a}";
    for (spec, part) in [
        (
            format!("parentRefs: [{parent}, {parent}]"),
            "is given already, on line 5",
        ),
        (
            "parentRefs: [{kind: Service}]".to_owned(),
            "parentRefs[0].name: is required",
        ),
        (
            "rules: [{name: a}, {name: a}]".to_owned(),
            "rule name `a` is used already",
        ),
        ("rule: []".to_owned(), "did you mean `rules`?"),
    ] {
        let said = problems(&resource("HTTPRoute", "default", "r", &spec));
        assert!(said.iter().any(|p| p.contains(part)), "{part}: {said:?}");
    }
    for (matches, part) in [
        ("{method: {}}", "must have a service or a method"),
        (
            "{method: {service: a/b}}",
            "service: is no name of protobuf's",
        ),
        ("{path: {}}", "unknown field `path`"),
    ] {
        let spec = format!("rules: [{{matches: [{matches}]}}]");
        let said = problems(&resource("GRPCRoute", "default", "r", &spec));
        assert!(said.iter().any(|p| p.contains(part)), "{part}: {said:?}");
    }
    let rewrite = "rules: [{filters: [{type: URLRewrite, urlRewrite: {}}]}]";
    let said = problems(&resource("GRPCRoute", "default", "r", rewrite));
    assert!(
        said.iter()
            .any(|p| p.contains("unknown field `urlRewrite`")),
        "{said:?}"
    );
    for (spec, part) in [
        (
            "{type: ExternalName, externalName: a.b}",
            "ExternalName is not supported yet",
        ),
        ("{ports: [{name: a}]}", "ports[0].port: is required"),
        ("{portz: []}", "did you mean `ports`?"),
    ] {
        let text = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {spec}\n");
        let said = problems(&text);
        assert!(said.iter().any(|p| p.contains(part)), "{part}: {said:?}");
    }
}

#[test]
fn hostnames_are_told_to_have_no_meaning() {
    let spec = "parentRefs: [{group: \"\", kind: Service, name: a}]\nhostnames: [a.example]";
    let loaded = load(&(services() + &resource("HTTPRoute", "default", "r", spec)));
    let said = notes(&loaded).join("\n");
    assert!(
        said.contains("spec.hostnames: a route of a Service is for"),
        "{said}"
    );
}
