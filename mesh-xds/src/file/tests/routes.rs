//! `HTTPRoute` into `Route`.

use std::time::Duration;

use mesh_core::policy::{
    AppendAction, HeaderMatch, HeaderMatcher, HeaderMatcherName, HostRewrite, PathMatcher,
    PathRewrite, QueryMatch, RedirectPath, RetryOn, RouteMatch, StringMatch, StringMatcher,
};

use super::*;

const HOST: &str = "a.default.svc.cluster.local";

/// A rule for host `a` whose `http` list is given.
fn rule(http: &str) -> String {
    document(
        "VirtualService",
        "default",
        "a",
        &format!("hosts: [a]\nhttp:\n{http}"),
    )
}

/// The routes of that rule on port 80.
#[track_caller]
fn routes(http: &str) -> Vec<Route> {
    load(&rule(http)).routes(80, HOST).to_vec()
}

/// The one route with `fields`, to host `a`.
#[track_caller]
fn route(fields: &str) -> Route {
    let mut routes = routes(&format!(
        "- route: [{{destination: {{host: a}}}}]\n  {fields}"
    ));
    assert_eq!(routes.len(), 1);
    routes.remove(0)
}

fn matches(entry: &str) -> RouteMatch {
    route(&format!("match: [{entry}]")).matches
}

fn is_regex(matcher: &StringMatcher, pattern: &str) -> bool {
    matches!(&matcher.kind, StringMatch::Regex(r) if r.as_str() == pattern)
}

#[test]
fn every_condition_of_a_match_is_translated() {
    let m = matches(
        "{uri: {prefix: /foo}, scheme: {exact: https}, method: {prefix: P}, authority: {exact: \
         \"a:80\"}, ignoreUriCase: true, headers: {X-Env: {exact: dev}, \":path\": {prefix: /f}, \
         y: {}, z: {regex: \"*\"}}, queryParams: {q: {exact: \"1\"}, r: {regex: \"*\"}}}",
    );
    // A byte prefix, not one of segments.
    assert_eq!(m.path, PathMatcher::Prefix("/foo".into()));
    assert!(!m.case_sensitive);
    let header = |name: &'static str, kind| {
        HeaderMatcher::new(
            HeaderMatcherName::Header(http::HeaderName::from_static(name)),
            kind,
        )
    };
    let exact = |v: &str| HeaderMatch::String(StringMatcher::exact(v));
    assert_eq!(
        m.headers,
        [
            HeaderMatcher::new(HeaderMatcherName::Scheme, exact("https")),
            HeaderMatcher::new(
                HeaderMatcherName::Method,
                HeaderMatch::String(StringMatcher::prefix("P"))
            ),
            HeaderMatcher::new(HeaderMatcherName::Authority, exact("a:80")),
            header("x-env", exact("dev")),
            HeaderMatcher::new(
                HeaderMatcherName::Path,
                HeaderMatch::String(StringMatcher::prefix("/f"))
            ),
            header("y", HeaderMatch::Present(true)),
            header("z", HeaderMatch::Present(true)),
        ]
    );
    let [q, r] = &m.query_parameters[..] else {
        panic!("{m:?}");
    };
    assert_eq!(q.kind, QueryMatch::String(StringMatcher::exact("1")));
    assert_eq!(r.kind, QueryMatch::Present(true));
}

#[test]
fn without_headers_reads_absence_as_empty_but_for_presence() {
    let m = matches(
        "{withoutHeaders: {a: {exact: jason}, b: {regex: \".*\"}, c: {regex: \"*\"}, d: {}}}",
    );
    let as_empty: Vec<bool> = m
        .headers
        .iter()
        .map(|h| h.treat_missing_header_as_empty)
        .collect();
    assert_eq!(as_empty, [true, true, false, false]);
    assert!(m.headers.iter().all(|h| h.invert_match));
    assert_eq!(m.headers[2].kind, HeaderMatch::Present(true));
    assert!(matches!(&m.headers[1].kind, HeaderMatch::String(s) if is_regex(s, ".*")));
}

#[test]
fn paths_are_exact_regex_or_everything() {
    assert_eq!(
        matches("{uri: {exact: /a}}").path,
        PathMatcher::Exact("/a".into())
    );
    assert!(matches!(
        matches("{uri: {regex: \"/a+\"}}").path,
        PathMatcher::Regex(r) if r.as_str() == "/a+"
    ));
    assert_eq!(matches("{uri: {}}"), RouteMatch::any());
    assert_eq!(
        matches("{uri: {prefix: \"\"}}").path,
        PathMatcher::Prefix("".into())
    );
}

#[test]
fn conditions_about_the_client_are_decided_at_once() {
    let labelled = Client {
        labels: [("app", "web"), ("version", "v1")].into_iter().collect(),
        ..client()
    };
    let applies = |client: &Client, entry: &str| {
        let text = rule(&format!(
            "- match: [{entry}]\n  route: [{{destination: {{host: a}}}}]"
        ));
        !load_as(client, &Registry::new(), &text)
            .config
            .routes
            .is_empty()
    };
    assert!(applies(&labelled, "{sourceLabels: {app: web}}"));
    assert!(!applies(
        &labelled,
        "{sourceLabels: {app: web, version: v2}}"
    ));
    assert!(!applies(&client(), "{sourceLabels: {app: web}}"));
    assert!(applies(&client(), "{sourceNamespace: default}"));
    assert!(!applies(&client(), "{sourceNamespace: other}"));
    assert!(applies(&client(), "{port: 80}"));
    assert!(!applies(&client(), "{port: 81}"));
    // Gateways replace the other two.
    assert!(applies(
        &client(),
        "{gateways: [mesh], sourceNamespace: other}"
    ));
    assert!(!applies(&client(), "{gateways: [gw]}"));
}

#[test]
fn entries_of_match_are_routes_and_a_catch_all_ends_the_list() {
    let loaded = load(&rule(
        "- name: one\n  match: [{name: x, uri: {exact: /a}}, {uri: {prefix: /b}}]\n  route: \
         [{destination: {host: a}}]\n- name: two\n  match: [{uri: {prefix: /}}, {uri: {exact: \
         /c}}]\n  route: [{destination: {host: b}}]\n- name: three\n  route: [{destination: \
         {host: c}}]",
    ));
    let routes = loaded.routes(80, HOST);
    let names: Vec<&str> = routes.iter().map(|r| &*r.name).collect();
    assert_eq!(names, ["one.x", "one", "two"]);
    assert_eq!(routes[0].origin.to_string(), "f.yaml:10");
    assert_eq!(
        notes(&loaded),
        [
            "not applied: f.yaml:13: is never reached: f.yaml:13 matches everything",
            "not applied: f.yaml:15: is never reached: f.yaml:13 matches everything",
        ]
    );
    // With a header condition it is none.
    let open = "- match: [{uri: {prefix: /}, headers: {x: {}}}]\n  route: [{destination: {host: \
                a}}]\n- route: [{destination: {host: a}}]";
    assert_eq!(self::routes(open).len(), 2);
}

#[test]
fn weights_are_relative_and_zero_gets_nothing() {
    let of = |destinations: &str| targets(&route_to(destinations));
    fn route_to(destinations: &str) -> Route {
        let http = format!("- route: [{destinations}]");
        routes(&http).remove(0)
    }
    let name = |host: &str| format!("outbound|80||{host}.default.svc.cluster.local");
    assert_eq!(
        of(
            "{destination: {host: a}, weight: 1}, {destination: {host: b}, weight: 0}, \
             {destination: {host: c}, weight: 2}"
        ),
        [(name("a"), 1), (name("c"), 2)]
    );
    // A single destination ignores its weight.
    assert_eq!(of("{destination: {host: a}, weight: 0}"), [(name("a"), 0)]);
    assert_eq!(of("{destination: {host: a}, weight: 50}"), [(name("a"), 0)]);
}

#[test]
fn an_unknown_subset_has_a_warning_and_no_cluster() {
    let rule = rule("- route:\n  - destination:\n      host: a\n      subset: v9");
    let loaded = load(&rule);
    let cluster = targets(&loaded.routes(80, HOST)[0])[0].0.clone();
    assert_eq!(cluster, format!("outbound|80|v9|{HOST}"));
    assert_eq!(loaded.find_cluster(&cluster), None);
    // The service itself is known by the route, so only the subset is missing.
    loaded.cluster(&format!("outbound|80||{HOST}"));
    assert_eq!(
        notes(&loaded),
        [format!(
            "warning: f.yaml:12: no DestinationRule defines subset `v9` of `{HOST}`: requests are \
             answered with 503"
        )]
    );
}

#[test]
fn a_missing_port_is_the_services_only_one() {
    let known = service("default", HOST, 9080);
    let to = |destination: &str| {
        let rule = rule(&format!("- route: [{{destination: {destination}}}]"));
        let loaded = load(&format!("{known}{rule}"));
        let target = targets(&loaded.routes(80, HOST)[0])[0].0.clone();
        (target, notes(&loaded))
    };
    assert_eq!(to("{host: a}"), (format!("outbound|9080||{HOST}"), vec![]));
    let (target, notes) = to("{host: a, port: {number: 81}}");
    assert_eq!(target, format!("outbound|81||{HOST}"));
    assert!(notes[0].contains("has no port 81"), "{notes:?}");
}

#[test]
fn no_stanza_is_two_retries_and_zero_attempts_is_none() {
    let default = forward(&route("name: x")).retry_policy.clone().unwrap();
    assert_eq!(default.num_retries, 2);
    assert_eq!(
        default.retry_on.to_string(),
        "connect-failure,refused-stream,retriable-status-codes,cancelled,unavailable"
    );
    // So neither a 503 response nor a per-try timeout is retried.
    assert!(default.retriable_status_codes.is_empty());
    assert!(
        !default
            .retry_on
            .has(RetryOn::SERVER_ERROR.or(RetryOn::RESET))
    );
    assert_eq!(default.host_selection_retry_max_attempts, 5);
    assert_eq!(default.per_try_timeout, None);
    assert_eq!(forward(&route("retries: {attempts: 0}")).retry_policy, None);
    assert_eq!(forward(&route("retries: {}")).retry_policy, None);
}

#[test]
fn a_stanza_says_what_is_retried() {
    let policy = |fields: &str| {
        let route = route(&format!("retries: {{attempts: 3, {fields}}}"));
        forward(&route).retry_policy.clone().unwrap()
    };
    let given = policy(
        "perTryTimeout: 1.5s, retryOn: \"reset, 503,gateway-error,429\", \
         retryIgnorePreviousHosts: false, backoff: 100ms",
    );
    assert_eq!(given.num_retries, 3);
    assert_eq!(given.per_try_timeout, Some(Duration::from_millis(1500)));
    assert_eq!(
        given.retry_on.to_string(),
        "gateway-error,reset,retriable-status-codes"
    );
    let codes: Vec<u16> = given
        .retriable_status_codes
        .iter()
        .map(|c| c.as_u16())
        .collect();
    assert_eq!(codes, [503, 429]);
    assert!(!given.previous_hosts);
    assert_eq!(given.back_off.base(), Duration::from_millis(100));
    assert_eq!(given.back_off.max(), Duration::from_secs(1));
    // Without conditions, the default ones.
    assert!(
        policy("retryOn: \"\"")
            .retry_on
            .has(RetryOn::CONNECT_FAILURE)
    );
}

#[test]
fn the_timeout_is_off_by_default_and_at_0s() {
    let timeout = |fields: &str| forward(&route(fields)).timeouts.timeout;
    assert_eq!(timeout("name: x"), None);
    assert_eq!(timeout("timeout: 1h10m"), Some(Duration::from_secs(4200)));
    assert_eq!(timeout("timeout: 0s"), None);
    // What a gRPC request asks for holds all the same.
    let of_grpc = |fields: &str| forward(&route(fields)).timeouts.max_grpc_timeout;
    assert_eq!(of_grpc("timeout: 2s"), Some(Duration::from_secs(2)));
    assert_eq!(of_grpc("name: x"), Some(Duration::ZERO));
    let loaded = load(&service("default", "a.com", 80));
    let default = forward(&loaded.routes(80, "a.com")[0]);
    assert_eq!(default.timeouts.max_grpc_timeout, Some(Duration::ZERO));
    let loaded = load(&rule("- route: [{destination: {host: a}}]\n  timeout: 0s"));
    assert!(notes(&loaded)[0].contains("spec.http[0].timeout: 0s is the default"));
    let refused = problems(&rule(
        "- route: [{destination: {host: a}}]\n  timeout: 100us",
    ));
    assert!(refused[0].contains("must be at least 1ms"), "{refused:?}");
}

#[test]
fn rewrites_change_path_and_host() {
    let action = route("rewrite: {uri: /, authority: b.com}");
    let action = forward(&action);
    assert_eq!(action.path_rewrite, Some(PathRewrite::Prefix("/".into())));
    assert_eq!(
        action.host_rewrite,
        Some(HostRewrite::Literal(http::HeaderValue::from_static(
            "b.com"
        )))
    );
    let regex = route("rewrite: {uriRegexRewrite: {match: \"^/(a)\", rewrite: '/\\1'}}");
    let Some(PathRewrite::Regex {
        pattern,
        substitution,
    }) = &forward(&regex).path_rewrite
    else {
        panic!("{regex:?}");
    };
    assert_eq!((pattern.as_str(), &**substitution), ("^/(a)", "/\\1"));
}

fn redirect(fields: &str) -> mesh_core::policy::Redirect {
    match &routes(&format!("- redirect: {{{fields}}}"))
        .remove(0)
        .action
    {
        RouteAction::Redirect(redirect) => (**redirect).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn redirects_leave_out_the_schemes_own_port() {
    let full = redirect("uri: /x, authority: b, port: 8443, scheme: https, redirectCode: 308");
    assert_eq!(full.path, Some(RedirectPath::Path("/x".into())));
    assert_eq!(full.host.as_deref(), Some("b"));
    assert_eq!(full.scheme.as_deref(), Some("https"));
    assert_eq!(full.port, Some(8443));
    assert_eq!(full.response_code.map(|c| c.as_u16()), Some(308));
    assert_eq!(redirect("scheme: https, port: 443").port, None);
    assert_eq!(redirect("scheme: https, port: 80").port, Some(80));
    assert_eq!(redirect("derivePort: FROM_REQUEST_PORT").port, None);
    assert_eq!(
        redirect("derivePort: FROM_REQUEST_PORT, scheme: https").port,
        Some(80)
    );
    assert_eq!(
        redirect("prefixRewrite: /y").path,
        Some(RedirectPath::Prefix("/y".into()))
    );
    let refused = problems(&rule("- redirect: {uri: /, redirectCode: 304}"));
    assert!(refused[0].contains("must be 301, 302, 303, 307 or 308"));
}

#[test]
fn a_direct_response_has_status_and_body() {
    let RouteAction::DirectResponse(response) =
        &routes("- directResponse: {status: 503, body: {string: no}}")
            .remove(0)
            .action
    else {
        panic!("no direct response");
    };
    assert_eq!((response.status.as_u16(), &*response.body), (503, "no"));
    assert!(problems(&rule("- directResponse: {status: 600}"))[0].contains("from 200 to 599"));
}

#[test]
fn header_changes_are_sorted_and_the_host_is_rewritten() {
    let route = route(
        "headers: {request: {set: {z: \"1\", b: 100%%, \":authority\": h.com}, add: {a: \"2\"}, \
         remove: [r]}, response: {add: {s: t}}}",
    );
    let headers = &route.headers;
    let added: Vec<(&str, String, AppendAction)> = headers
        .request_add
        .iter()
        .map(|h| (h.name.as_str(), h.value.to_string(), h.action))
        .collect();
    assert_eq!(
        added,
        [
            (
                "b",
                "100%%".to_owned(),
                AppendAction::OverwriteIfExistsOrAdd
            ),
            ("z", "1".to_owned(), AppendAction::OverwriteIfExistsOrAdd),
            ("a", "2".to_owned(), AppendAction::AppendIfExistsOrAdd),
        ]
    );
    assert_eq!(headers.request_remove, ["r"]);
    assert_eq!(headers.response_add[0].name, "s");
    assert_eq!(
        forward(&route).host_rewrite,
        Some(HostRewrite::Literal(http::HeaderValue::from_static(
            "h.com"
        )))
    );
}

#[test]
fn the_winner_of_a_header_differs_between_one_and_several_destinations() {
    let set = |v: &str| format!("headers: {{request: {{set: {{x: {v}, host: {v}.com}}}}}}");
    let one = routes(&format!(
        "- {}\n  route: [{{destination: {{host: a}}, {}}}]",
        set("route"),
        set("dest")
    ))
    .remove(0);
    // One list, of which the last wins.
    let added = one.headers.request_add.iter();
    let values: Vec<_> = added.map(|h| h.value.to_string()).collect();
    assert_eq!(values, ["route", "dest"]);
    let host = |v: &'static str| Some(HostRewrite::Literal(http::HeaderValue::from_static(v)));
    assert_eq!(forward(&one).host_rewrite, host("route.com"));

    let several = routes(&format!(
        "- {}\n  route: [{{destination: {{host: a}}, weight: 1, {}}}, {{destination: {{host: \
         b}}, weight: 1}}]",
        set("route"),
        set("dest")
    ))
    .remove(0);
    assert_eq!(several.headers.request_add.len(), 1);
    let ClusterSpecifier::Weighted(weighted) = &forward(&several).cluster else {
        panic!("{several:?}");
    };
    assert_eq!(
        weighted.clusters()[0].headers.request_add[0]
            .value
            .to_string(),
        "dest"
    );
    // The route's host wins in both cases.
    assert_eq!(weighted.clusters()[0].host_rewrite_literal, None);
    assert_eq!(forward(&several).host_rewrite, host("route.com"));
}

#[test]
fn a_fault_without_a_percentage_happens_to_nobody() {
    let fault = |f: &str| route(&format!("fault: {f}")).fault().unwrap().clone();
    let given = fault(
        "{delay: {fixedDelay: 2s, percentage: {value: 0.5}}, abort: {httpStatus: 503, percentage: \
         {value: 100}}}",
    );
    let (delay, abort) = (given.delay.unwrap(), given.abort.unwrap());
    assert_eq!(delay.fixed_delay, Duration::from_secs(2));
    assert!((delay.percentage.ratio() - 0.005).abs() < 1e-9);
    assert_eq!(abort.http_status.as_u16(), 503);
    assert!(abort.percentage.contains(u64::MAX));
    let never = fault("{abort: {httpStatus: 503}}").abort.unwrap();
    assert_eq!(never.percentage.ratio(), 0.0);
    let loaded = load(&rule(
        "- route: [{destination: {host: a}}]\n  fault: {delay: {fixedDelay: 2s}}",
    ));
    assert!(notes(&loaded)[0].contains("happens to 0 % of requests"));
}
