//! The Gateway API's filters.

use super::{
    Probe,
    fields::probe,
    gateway::{grpc_rule, rule},
};

pub(super) fn filters() -> Vec<Probe> {
    let http = |filter: &str| {
        rule(&format!(
            "backendRefs: [{{name: b, port: 80}}], filters: [{{{filter}}}]"
        ))
    };
    let grpc = |filter: &str| {
        grpc_rule(&format!(
            "backendRefs: [{{name: b, port: 80}}], filters: [{{{filter}}}]"
        ))
    };
    let headers = |fields: &str| {
        http(&format!(
            "type: RequestHeaderModifier, requestHeaderModifier: {{{fields}}}"
        ))
    };
    let mirror = |fields: &str| {
        http(&format!(
            "type: RequestMirror, requestMirror: {{backendRef: {{name: c, port: 80}}, {fields}}}"
        ))
    };
    let redirect = |fields: &str| {
        rule(&format!(
            "filters: [{{type: RequestRedirect, requestRedirect: {{{fields}}}}}]"
        ))
    };
    let rewrite = |fields: &str| http(&format!("type: URLRewrite, urlRewrite: {{{fields}}}"));
    let mut probes = vec![
        probe(
            "HTTPRouteFilter",
            http("urlRewrite: {hostname: h.example}, @"),
            &[("type", "URLRewrite")],
        ),
        probe(
            "HTTPRouteFilter",
            rule("filters: [{type: RequestRedirect, @}]"),
            &[("requestRedirect", "{}")],
        ),
        probe(
            "GRPCRouteFilter",
            grpc("requestHeaderModifier: {remove: [x]}, @"),
            &[("type", "RequestHeaderModifier")],
        ),
        probe(
            "HTTPHeader",
            headers("set: [{value: y, @}]"),
            &[("name", "x")],
        ),
        probe(
            "HTTPHeader",
            headers("set: [{name: x, @}]"),
            &[("value", "y")],
        ),
        probe(
            "HTTPHeaderFilter",
            headers("@"),
            &[
                ("set", "[{name: x, value: y}]"),
                ("add", "[{name: x, value: y}]"),
                ("remove", "[x]"),
            ],
        ),
        probe(
            "HTTPRequestMirrorFilter",
            http("type: RequestMirror, requestMirror: {@}"),
            &[("backendRef", "{name: c, port: 80}")],
        ),
        probe(
            "HTTPRequestMirrorFilter",
            mirror("@"),
            &[("percent", "10"), ("fraction", "{numerator: 1}")],
        ),
        probe("Fraction", mirror("fraction: {@}"), &[("numerator", "1")]),
        probe(
            "Fraction",
            mirror("fraction: {numerator: 1, @}"),
            &[("denominator", "3")],
        ),
        probe(
            "HTTPRequestRedirectFilter",
            redirect("@"),
            &[
                ("scheme", "https"),
                ("hostname", "h.example"),
                ("path", "{type: ReplaceFullPath, replaceFullPath: /x}"),
                ("port", "8080"),
                ("statusCode", "301"),
            ],
        ),
        probe(
            "HTTPURLRewriteFilter",
            rewrite("@"),
            &[
                ("hostname", "h.example"),
                ("path", "{type: ReplaceFullPath, replaceFullPath: /x}"),
            ],
        ),
        probe(
            "HTTPPathModifier",
            rewrite("path: {replaceFullPath: /x, @}"),
            &[("type", "ReplaceFullPath")],
        ),
        probe(
            "HTTPPathModifier",
            rewrite("path: {type: ReplaceFullPath, @}"),
            &[("replaceFullPath", "/x")],
        ),
        probe(
            "HTTPPathModifier",
            rewrite("path: {type: ReplacePrefixMatch, @}"),
            &[("replacePrefixMatch", "/x")],
        ),
        probe(
            "HTTPCORSFilter",
            http("type: CORS, cors: {@}"),
            &[
                ("allowOrigins", "[\"*\"]"),
                ("allowCredentials", "true"),
                ("allowMethods", "[GET]"),
                ("allowHeaders", "[x]"),
                ("exposeHeaders", "[x]"),
                ("maxAge", "10"),
            ],
        ),
    ];
    let changes = "{remove: [x]}";
    let to_c = "{backendRef: {name: c, port: 80}}";
    let probe_type = |name: &'static str, document: String, field, value| Probe {
        schema: name,
        document,
        fields: Box::leak(Box::new([(field, value)])),
    };
    for (kind, field, value) in [
        ("RequestHeaderModifier", "requestHeaderModifier", changes),
        ("ResponseHeaderModifier", "responseHeaderModifier", changes),
        ("RequestMirror", "requestMirror", to_c),
        ("ExtensionRef", "extensionRef", "{}"),
    ] {
        let of_kind = format!("type: {kind}, @");
        probes.push(probe_type("HTTPRouteFilter", http(&of_kind), field, value));
        probes.push(probe_type("GRPCRouteFilter", grpc(&of_kind), field, value));
    }
    for (kind, field, value) in [
        ("URLRewrite", "urlRewrite", "{hostname: h.example}"),
        ("CORS", "cors", "{}"),
        ("ExternalAuth", "externalAuth", "{}"),
    ] {
        probes.push(probe_type(
            "HTTPRouteFilter",
            http(&format!("type: {kind}, @")),
            field,
            value,
        ));
    }
    probes
}
