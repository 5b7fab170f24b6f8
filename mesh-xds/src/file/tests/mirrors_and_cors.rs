//! `mirror`, `mirrors`, `corsPolicy`, and what else a route has besides its destination.

use mesh_core::policy::{Cors, FractionalPercent, StringMatcher};

use super::*;

const HOST: &str = "a.default.svc.cluster.local";

/// The one route with `fields`, to host `a`.
#[track_caller]
fn route(fields: &str) -> Route {
    let spec = format!("hosts: [a]\nhttp:\n- route: [{{destination: {{host: a}}}}]\n  {fields}");
    let loaded = load(&document("VirtualService", "default", "a", &spec));
    loaded.routes(80, HOST)[0].clone()
}

/// Clusters and shares in percent.
fn mirrors(fields: &str) -> Vec<(String, f64)> {
    let route = route(fields);
    let mirrors = forward(&route).mirrors.iter();
    mirrors
        .map(|m| {
            // The copy keeps its host.
            assert!(m.disable_shadow_host_suffix_append);
            (
                m.cluster.to_string(),
                (m.fraction.ratio() * 1000.0).round() / 10.0,
            )
        })
        .collect()
}

#[test]
fn a_mirror_gets_all_requests_unless_a_share_is_given() {
    let b = || "outbound|80||b.default.svc.cluster.local".to_owned();
    assert_eq!(mirrors("mirror: {host: b}"), [(b(), 100.0)]);
    assert_eq!(
        mirrors("mirror: {host: b}\n  mirrorPercentage: {value: 0.5}"),
        [(b(), 0.5)]
    );
    assert_eq!(
        mirrors("mirror: {host: b}\n  mirrorPercent: 7"),
        [(b(), 7.0)]
    );
    assert_eq!(
        mirrors("mirror: {host: b}\n  mirrorPercent: 7\n  mirrorPercentage: {value: 5}"),
        [(b(), 5.0)]
    );
    // A written 0 mirrors nothing.
    for zero in [
        "mirrorPercentage: {value: 0}",
        "mirrorPercentage: {}",
        "mirrorPercent: 0",
    ] {
        assert_eq!(mirrors(&format!("mirror: {{host: b}}\n  {zero}")), []);
    }
    assert_eq!(
        mirrors(
            "mirrors: [{destination: {host: b, subset: v2, port: {number: 81}}}, {destination: \
             {host: c.com}, percentage: {value: 10}}, {destination: {host: d}, percentage: \
             {value: 0}}]"
        ),
        [
            (
                "outbound|81|v2|b.default.svc.cluster.local".to_owned(),
                100.0
            ),
            ("outbound|80||c.com".to_owned(), 10.0)
        ]
    );
}

#[test]
fn mirror_and_mirrors_exclude_each_other() {
    let spec = "hosts: [a]\nhttp: [{mirror: {host: b}, mirrors: [], route: [{destination: {host: \
                a}}]}]";
    let said = problems(&document("VirtualService", "default", "a", spec));
    assert!(
        said[0].contains("`mirror` and `mirrors` exclude each other"),
        "{said:?}"
    );
}

#[test]
fn cors_is_translated_as_istiod_does_it() {
    let cors =
        |fields: &str| (**route(&format!("corsPolicy: {{{fields}}}")).cors().unwrap()).clone();
    assert_eq!(
        cors(
            "allowOrigins: [{exact: \"https://a.com\"}, {prefix: \"https://b\"}], allowMethods: \
             [GET, POST], allowHeaders: [x-a, x-b], exposeHeaders: [x-c], maxAge: 24h, \
             allowCredentials: true, unmatchedPreflights: IGNORE"
        ),
        Cors {
            allow_origin: vec![
                StringMatcher::exact("https://a.com"),
                StringMatcher::prefix("https://b")
            ],
            allow_methods: Some("GET,POST".into()),
            allow_headers: Some("x-a,x-b".into()),
            expose_headers: Some("x-c".into()),
            max_age: Some("86400".into()),
            allow_credentials: Some(true),
            forward_not_matching_preflights: Some(false),
            ..Cors::default()
        }
    );
    let deprecated = cors("allowOrigin: [\"*\"]");
    assert_eq!(deprecated.allow_origin, [StringMatcher::exact("*")]);
    assert_eq!(deprecated.forward_not_matching_preflights, Some(true));
    assert_eq!(deprecated.allow_methods, None);
}

#[test]
fn a_body_of_bytes_is_base64() {
    let spec = |body: &str| {
        let spec = format!("hosts: [a]\nhttp: [{{directResponse: {{status: 200, body: {body}}}}}]");
        document("VirtualService", "default", "a", &spec)
    };
    let loaded = load(&spec("{bytes: aGVsbG8=}"));
    let RouteAction::DirectResponse(response) = &loaded.routes(80, HOST)[0].action else {
        panic!("no direct response");
    };
    assert_eq!(&*response.body, "hello");
    assert!(problems(&spec("{bytes: \"!\"}"))[0].contains("is not base64"));
    assert!(problems(&spec("{bytes: /w==}"))[0].contains("is not supported yet"));
}

#[test]
fn a_gradual_share_keeps_its_precision() {
    let route = route("mirror: {host: b}\n  mirrorPercentage: {value: 0.0001}");
    let fraction = forward(&route).mirrors[0].fraction;
    assert_eq!(fraction, FractionalPercent::per_million(1));
}
