//! What filters, timeouts and retries become.

use std::time::Duration;

use http::StatusCode;
use mesh_core::{
    policy::{FractionalPercent, HostRewrite, PathRewrite, RetryOn},
    routing::{mutate_request, redirect_location, rewrite_path},
};

use super::*;

/// The only rule of Service `a`, sent to `b`, with these fields.
#[track_caller]
fn rule_with(fields: &str) -> Loaded {
    let text = format!("- {{{fields}, backendRefs: [{{name: b, port: 80}}]}}");
    load(&(services() + &http_route("r", &text)))
}

fn rewrites(filter: &str, prefix: &str) -> Route {
    let filter = format!("filters: [{{type: URLRewrite, urlRewrite: {{{filter}}}}}]");
    let loaded = rule_with(&format!(
        "matches: [{{path: {{value: {prefix}}}}}], {filter}"
    ));
    loaded.routes(80, "a")[0].clone()
}

/// The table of `HTTPPathModifier.replacePrefixMatch`.
#[test]
fn a_prefix_is_replaced_by_whole_segments() {
    for (path, prefix, to, expected) in [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "''", "/bar"),
        ("/foo/", "/foo", "''", "/"),
        ("/foo", "/foo", "''", "/"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
        ("/foo/bar?q=/foo", "/foo", "/", "/bar?q=/foo"),
        ("/f.o/bar", "/f.o", "/", "/bar"),
        ("/bar", "/", "/xyz", "/xyz/bar"),
        ("/bar", "/", "/", "/bar"),
    ] {
        let modifier = format!("path: {{type: ReplacePrefixMatch, replacePrefixMatch: {to}}}");
        let route = rewrites(&modifier, prefix);
        let rewrite = forward(&route).path_rewrite.clone();
        let became = rewrite.and_then(|r| rewrite_path(&route.matches.path, &r, path));
        let case = format!("{path} with {prefix} to {to}");
        assert_eq!(became.as_deref().unwrap_or(path), expected, "{case}");

        let filter =
            format!("filters: [{{type: RequestRedirect, requestRedirect: {{{modifier}}}}}]");
        let text = format!("- {{matches: [{{path: {{value: {prefix}}}}}], {filter}}}");
        let loaded = load(&(services() + &http_route("r", &text)));
        assert_eq!(
            location(&loaded, 80, "a", path),
            format!("http://a{expected}"),
            "{case}"
        );
    }
}

#[test]
fn a_whole_path_is_replaced_and_the_query_kept() {
    let route = rewrites(
        "path: {type: ReplaceFullPath, replaceFullPath: /new}",
        "/foo",
    );
    let rewrite = forward(&route).path_rewrite.clone().unwrap();
    let became = |path| rewrite_path(&route.matches.path, &rewrite, path);
    assert_eq!(became("/foo/bar?q=1").as_deref(), Some("/new?q=1"));
    assert_eq!(became("/foo").as_deref(), Some("/new"));
}

#[test]
fn the_host_is_rewritten() {
    let route = rewrites("hostname: b.example", "/");
    let host = http::HeaderValue::from_static("b.example");
    assert_eq!(
        forward(&route).host_rewrite,
        Some(HostRewrite::Literal(host))
    );
    assert_eq!(forward(&route).path_rewrite, None::<PathRewrite>);
}

/// Where a request for `path` on `port` is redirected to.
#[track_caller]
fn location(loaded: &Loaded, port: u16, authority: &str, path: &str) -> String {
    let route = &loaded.routes(port, "a")[0];
    let RouteAction::Redirect(redirect) = &route.action else {
        panic!("{route:?}");
    };
    let request = request(&format!("GET {path}"));
    let head = RequestHead {
        method: request.method(),
        scheme: "http",
        authority,
        path,
        headers: request.headers(),
        source: "",
    };
    redirect_location(redirect, &route.matches.path, &head)
}

#[test]
fn a_redirects_port_follows_from_scheme_and_listener() {
    let ports = kubernetes_service("default", "a", &[80, 8080]);
    for (fields, on_80, on_8080) in [
        ("", "http://a/p?q", "http://a:8080/p?q"),
        ("scheme: http", "http://a/p?q", "http://a/p?q"),
        ("scheme: https", "https://a/p?q", "https://a/p?q"),
        ("port: 80", "http://a/p?q", "http://a/p?q"),
        ("port: 443", "http://a:443/p?q", "http://a:443/p?q"),
        ("scheme: https, port: 443", "https://a/p?q", "https://a/p?q"),
        (
            "scheme: https, port: 8443",
            "https://a:8443/p?q",
            "https://a:8443/p?q",
        ),
        (
            "hostname: o.com",
            "http://o.com/p?q",
            "http://o.com:8080/p?q",
        ),
        (
            "hostname: o.com, scheme: https",
            "https://o.com/p?q",
            "https://o.com/p?q",
        ),
        (
            "path: {type: ReplaceFullPath, replaceFullPath: /new}",
            "http://a/new?q",
            "http://a:8080/new?q",
        ),
    ] {
        let text =
            format!("- {{filters: [{{type: RequestRedirect, requestRedirect: {{{fields}}}}}]}}");
        let loaded = load(&(ports.clone() + &http_route("r", &text)));
        assert_eq!(location(&loaded, 80, "a", "/p?q"), on_80, "{fields}");
        assert_eq!(location(&loaded, 80, "a:80", "/p?q"), on_80, "{fields}");
        assert_eq!(
            location(&loaded, 8080, "a:8080", "/p?q"),
            on_8080,
            "{fields}"
        );
    }
}

#[test]
fn a_redirects_status_is_302_or_as_given() {
    for (fields, status) in [
        ("", 302),
        ("statusCode: 301", 301),
        ("statusCode: 308", 308),
    ] {
        let text =
            format!("- {{filters: [{{type: RequestRedirect, requestRedirect: {{{fields}}}}}]}}");
        let loaded = load(&(services() + &http_route("r", &text)));
        let RouteAction::Redirect(redirect) = &loaded.routes(80, "a")[0].action else {
            panic!("no redirect");
        };
        assert_eq!(redirect.response_code, StatusCode::from_u16(status).ok());
    }
}

/// What a request with header `x: 0` has for `x` when it took the route of draw `random`.
#[track_caller]
fn x_of(loaded: &Loaded, random: u64) -> Vec<String> {
    let route = loaded.route_of("a", &request("GET /"), random).unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("x", "0".parse().unwrap());
    if let ClusterSpecifier::Weighted(weighted) = &forward(route).cluster {
        mutate_request(
            &mut headers,
            &weighted.clusters()[weighted.pick(random)].headers,
            None,
        );
    }
    mutate_request(&mut headers, &route.headers, None);
    let lines = headers.get_all("x").iter();
    lines.map(|v| v.to_str().unwrap().to_owned()).collect()
}

fn modifier(what: &str) -> String {
    format!("filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{{what}}}}}]")
}

/// A backend's filters run after the rule's, which a weighted cluster's headers would not.
#[test]
fn a_backends_header_changes_come_after_the_rules() {
    let set = |n: u8| modifier(&format!("set: [{{name: X, value: '{n}'}}]"));
    let add = |n: u8| modifier(&format!("add: [{{name: x, value: '{n}'}}]"));
    for (of_rule, of_backend, expected) in [
        (set(1), set(2), vec!["2"]),
        (set(1), add(2), vec!["1", "2"]),
        (add(1), set(2), vec!["2"]),
        (add(1), modifier("remove: [x]"), vec![]),
        (modifier("remove: [x]"), add(2), vec!["2"]),
    ] {
        let one = format!("- {{{of_rule}, backendRefs: [{{name: b, port: 80, {of_backend}}}]}}");
        let loaded = load(&(services() + &http_route("r", &one)));
        assert_eq!(x_of(&loaded, 0), expected, "{of_rule} {of_backend}");
        let two = format!(
            "- {{{of_rule}, backendRefs: [{{name: b, port: 80, {of_backend}}}, {{name: c, port: \
             80}}]}}"
        );
        let loaded = load(&(services() + &http_route("r", &two)));
        assert_eq!(x_of(&loaded, 0), expected, "{of_rule} {of_backend}");
    }
}

#[test]
fn filters_of_one_backend_are_for_its_share_only() {
    let filters = "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, \
                   replaceFullPath: /new}}}]";
    let redirect = "filters: [{type: RequestRedirect, requestRedirect: {hostname: o.com}}]";
    let text = format!(
        "- backendRefs:\n  - {{name: a, port: 80, weight: 2}}\n  - {{name: b, port: 80, weight: 3, \
         {filters}}}\n  - {{name: c, port: 80, weight: 5, {redirect}}}\n  - {{name: c, port: 80, \
         weight: 0}}"
    );
    let loaded = load(&(services() + &http_route("r", &text)));
    let mut counts = [0; 3];
    for random in 0..1_000 {
        let route = loaded.route_of("a", &request("GET /"), random).unwrap();
        match &route.action {
            RouteAction::Redirect(_) => counts[2] += 1,
            RouteAction::Forward(action) if action.path_rewrite.is_some() => {
                assert_eq!(targets(route), [(B.to_owned(), 0)]);
                counts[1] += 1;
            }
            _ => {
                assert_eq!(targets(route), [(A.to_owned(), 0)]);
                counts[0] += 1;
            }
        }
    }
    assert_eq!(counts, [200, 300, 500]);
}

#[test]
fn weights_are_one_weighted_cluster_where_that_says_all() {
    let text = "- backendRefs:\n  - {name: b, port: 80, weight: 70}\n  - {name: c, port: 80, weight: \
                30}\n  - {name: a, port: 80, weight: 0}";
    let loaded = load(&(services() + &http_route("r", text)));
    let [route] = loaded.routes(80, "a") else {
        panic!("{:?}", loaded.routes(80, "a"));
    };
    assert_eq!(targets(route), [(B.to_owned(), 70), (C.to_owned(), 30)]);
}

#[test]
fn timeouts_and_retries() {
    let of = |fields: &str| {
        let loaded = rule_with(fields);
        let action = forward(&loaded.routes(80, "a")[0]).clone();
        let retry = (*action.retry_policy.unwrap()).clone();
        (action.timeouts.timeout, retry)
    };
    let ms = |n| Some(Duration::from_millis(n));
    let (timeout, retry) = of("name: r");
    let plain = load(&services());
    let default = forward(&plain.routes(80, "a")[0]).retry_policy.clone();
    assert_eq!(
        (timeout, Some(retry)),
        (None, default.map(|d| (*d).clone()))
    );
    assert_eq!(of("timeouts: {request: 500ms}").0, ms(500));
    assert_eq!(of("timeouts: {request: 0s}").0, None);
    // One request to a backend is the whole of it, unless the rule says that there are more.
    assert_eq!(of("timeouts: {backendRequest: 200ms}").0, ms(200));
    assert_eq!(
        of("timeouts: {request: 1s, backendRequest: 200ms}").0,
        ms(200)
    );
    assert_eq!(
        of("timeouts: {request: 0s, backendRequest: 1h0m10s}").0,
        ms(3_610_000)
    );
    let (timeout, retry) = of(
        "retry: {codes: [500, 503], attempts: 3, backoff: 10ms}, timeouts: \
                               {request: 1s, backendRequest: 200ms}",
    );
    assert_eq!((timeout, retry.per_try_timeout), (ms(1_000), ms(200)));
    assert_eq!(retry.num_retries, 3);
    assert_eq!(
        retry.retriable_status_codes,
        [
            StatusCode::INTERNAL_SERVER_ERROR,
            StatusCode::SERVICE_UNAVAILABLE
        ]
    );
    assert!(retry.retry_on.has(RetryOn::RESET) && retry.retry_on.has(RetryOn::CONNECT_FAILURE));
    assert!(!retry.retry_on.has(RetryOn::SERVER_ERROR));
    assert_eq!(Some(retry.back_off.minimum()), ms(10));
    let (timeout, retry) = of("retry: {}, timeouts: {backendRequest: 0s}");
    assert_eq!(
        (timeout, retry.per_try_timeout, retry.num_retries),
        (None, None, 2)
    );
}

#[track_caller]
fn loaded(rules: &str) -> Loaded {
    let text = services() + &http_route("r", rules);
    load(&text)
}

#[test]
fn mirrors() {
    let mirror = |fields: &str| {
        format!("{{type: RequestMirror, requestMirror: {{backendRef: {{{fields}}}}}}}")
    };
    let text = format!(
        "- {{backendRefs: [{{name: b, port: 80}}], filters: [{}, {}, {}, {}]}}",
        mirror("name: c, port: 80"),
        mirror("name: c, port: 80}, percent: 20, fraction: null, backendRef: {name: c, port: 80")
            .replacen("backendRef: {name: c, port: 80}, ", "", 1),
        mirror("name: c, port: 80}, fraction: {numerator: 1, denominator: 3"),
        mirror("name: gone, port: 80"),
    );
    let loaded = loaded(&text);
    let action = forward(&loaded.routes(80, "a")[0]);
    let fractions: Vec<_> = action
        .mirrors
        .iter()
        .map(|m| (m.cluster.to_string(), m.fraction))
        .collect();
    assert_eq!(
        fractions,
        [
            (C.to_owned(), FractionalPercent::ALWAYS),
            (C.to_owned(), FractionalPercent::per_hundred(20)),
            (C.to_owned(), FractionalPercent::try_new(1, 3).unwrap()),
        ]
    );
    let (status, reason, _) = loaded.condition("r", ConditionType::ResolvedRefs);
    assert_eq!((status, reason), (false, Reason::BackendNotFound));
    assert!(
        notes(&loaded)
            .join("\n")
            .contains("nothing is mirrored to it")
    );
}

#[test]
fn cors() {
    let loaded = loaded(
        "- {backendRefs: [{name: b, port: 80}], filters: [{type: CORS, cors: {allowOrigins: \
         ['https://www.foo.com', 'https://*.bar.com'], allowMethods: [GET, PUT], allowHeaders: \
         [X-A, x-b], exposeHeaders: ['*'], allowCredentials: true}}]}",
    );
    let cors = loaded.routes(80, "a")[0].cors().cloned().unwrap();
    let allows = |origin: &str| {
        cors.allow_origin
            .iter()
            .any(|m| m.is_match(origin.as_bytes()))
    };
    for origin in [
        "https://www.foo.com",
        "https://a.bar.com",
        "https://a.b.bar.com",
    ] {
        assert!(allows(origin), "{origin}");
    }
    for origin in [
        "https://foo.com",
        "https://bar.com",
        "http://a.bar.com",
        "https://a.barxcom",
    ] {
        assert!(!allows(origin), "{origin}");
    }
    assert_eq!(cors.allow_methods.as_deref(), Some("GET,PUT"));
    assert_eq!(cors.allow_headers.as_deref(), Some("X-A,x-b"));
    assert_eq!(cors.expose_headers.as_deref(), Some("*"));
    assert_eq!(cors.max_age.as_deref(), Some("5"));
    assert_eq!(cors.allow_credentials, Some(true));
    assert_eq!(cors.forward_not_matching_preflights, Some(false));
}
