//! What a route does.

use super::{
    Probe,
    fields::{TO_A, http, probe, resource},
};

pub(super) fn http_route() -> Vec<Probe> {
    let route = |fields: &str| http(&format!("{{{TO_A}, {fields}}}"));
    let cors = route("corsPolicy: {@}");
    let delegate = |fields: &str| {
        http(&format!("{{delegate: {{{fields}}}}}"))
            + &resource("VirtualService", "d", &format!("{{http: [{{{TO_A}}}]}}"))
    };
    vec![
        probe(
            "HTTPRoute",
            route("@"),
            &[
                ("name", "r"),
                ("match", "[{uri: {prefix: /a}}]"),
                ("rewrite", "{uri: /b}"),
                ("timeout", "1s"),
                ("retries", "{attempts: 3}"),
                (
                    "fault",
                    "{abort: {httpStatus: 500, percentage: {value: 1}}}",
                ),
                ("mirror", "{host: b}"),
                ("mirrors", "[{destination: {host: b}}]"),
                ("corsPolicy", "{allowOrigins: [{exact: a}]}"),
                ("headers", "{response: {remove: [x]}}"),
            ],
        ),
        probe(
            "HTTPRoute",
            route("mirror: {host: b}, @"),
            &[("mirrorPercent", "5"), ("mirrorPercentage", "{value: 5}")],
        ),
        probe(
            "HTTPRoute",
            http("{@}"),
            &[
                ("route", "[{destination: {host: a}}]"),
                ("redirect", "{uri: /}"),
                ("directResponse", "{status: 200}"),
            ],
        ),
        probe(
            "HTTPRoute",
            delegate("name: d").replace("{delegate: {name: d}}", "{@}"),
            &[("delegate", "{name: d}")],
        ),
        probe("Delegate", delegate("@"), &[("name", "d")]),
        probe(
            "Delegate",
            delegate("name: d, @"),
            &[("namespace", "other")],
        ),
        probe(
            "HTTPRedirect",
            http("{redirect: {@}}"),
            &[
                ("uri", "/"),
                ("prefixRewrite", "/"),
                ("authority", "b"),
                ("port", "8080"),
                ("scheme", "https"),
                ("redirectCode", "302"),
            ],
        ),
        probe(
            "HTTPRedirect",
            http("{redirect: {scheme: https, @}}"),
            &[("derivePort", "FROM_REQUEST_PORT")],
        ),
        probe(
            "HTTPDirectResponse",
            http("{directResponse: {@}}"),
            &[("status", "200")],
        ),
        probe(
            "HTTPDirectResponse",
            http("{directResponse: {status: 200, @}}"),
            &[("body", "{string: hello}")],
        ),
        probe(
            "HTTPBody",
            http("{directResponse: {status: 200, body: {@}}}"),
            &[("string", "hello"), ("bytes", "aGVsbG8=")],
        ),
        probe(
            "HTTPRewrite",
            route("rewrite: {@}"),
            &[
                ("uri", "/b"),
                ("authority", "b"),
                ("uriRegexRewrite", "{match: /a, rewrite: /b}"),
            ],
        ),
        probe(
            "RegexRewrite",
            route("rewrite: {uriRegexRewrite: {@}}"),
            &[("match", "/a")],
        ),
        probe(
            "RegexRewrite",
            route("rewrite: {uriRegexRewrite: {match: /a, @}}"),
            &[("rewrite", "/b")],
        ),
        probe(
            "Headers",
            route("headers: {@}"),
            &[("request", "{set: {x: y}}"), ("response", "{set: {x: y}}")],
        ),
        probe(
            "HeaderOperations",
            route("headers: {request: {@}}"),
            &[("set", "{x: y}"), ("add", "{x: y}"), ("remove", "[x]")],
        ),
        probe(
            "HTTPFaultInjection",
            route("fault: {@}"),
            &[
                ("delay", "{fixedDelay: 1s, percentage: {value: 1}}"),
                ("abort", "{httpStatus: 500, percentage: {value: 1}}"),
            ],
        ),
        probe(
            "HTTPFaultInjection.Delay",
            route("fault: {delay: {percent: 1, @}}"),
            &[("fixedDelay", "1s")],
        ),
        probe(
            "HTTPFaultInjection.Delay",
            route("fault: {delay: {fixedDelay: 1s, @}}"),
            &[
                ("percentage", "{value: 1}"),
                ("percent", "5"),
                ("exponentialDelay", "1s"),
            ],
        ),
        probe(
            "HTTPFaultInjection.Abort",
            route("fault: {abort: {percentage: {value: 1}, @}}"),
            &[("httpStatus", "500"), ("grpcStatus", "UNAVAILABLE")],
        ),
        probe(
            "HTTPFaultInjection.Abort",
            route("fault: {abort: {httpStatus: 500, @}}"),
            &[("percentage", "{value: 1}"), ("http2Error", "x")],
        ),
        probe(
            "Percent",
            route("mirror: {host: b}, mirrorPercentage: {@}"),
            &[("value", "1.5")],
        ),
        probe("HTTPRetry", route("retries: {@}"), &[("attempts", "3")]),
        probe(
            "HTTPRetry",
            route("retries: {attempts: 3, @}"),
            &[
                ("perTryTimeout", "1s"),
                ("retryOn", "5xx"),
                ("retryIgnorePreviousHosts", "false"),
                ("retryRemoteLocalities", "true"),
                ("backoff", "10ms"),
            ],
        ),
        probe(
            "HTTPMirrorPolicy",
            route("mirrors: [{@}]"),
            &[("destination", "{host: b}")],
        ),
        probe(
            "HTTPMirrorPolicy",
            route("mirrors: [{destination: {host: b}, @}]"),
            &[("percentage", "{value: 1}")],
        ),
        probe(
            "CorsPolicy",
            cors,
            &[
                ("allowOrigins", "[{exact: a}]"),
                ("allowOrigin", "[a]"),
                ("allowMethods", "[GET]"),
                ("allowHeaders", "[x]"),
                ("exposeHeaders", "[x]"),
                ("maxAge", "24h"),
                ("allowCredentials", "true"),
                ("unmatchedPreflights", "IGNORE"),
            ],
        ),
    ]
}
