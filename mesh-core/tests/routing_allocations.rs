//! Choosing virtual host, route and cluster allocates nothing. A binary of its own, because the
//! counting allocator serves a whole process.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use mesh_core::{
    policy::RouteAction,
    policy::{
        CookieMatcher, FractionalPercent, HeaderMatcher, PathMatcher, QueryMatch,
        QueryParameterMatcher, Regex, Route, RouteConfiguration, RouteMatch, StringMatcher,
        VirtualHost,
    },
    routing::{RequestHead, Router, choose_cluster},
};

#[cfg(test)]
fn router() -> Router {
    let end_user = HeaderName::from_static("end-user");
    let mut demanding = RouteMatch::new(PathMatcher::Prefix("/api".into()))
        .with_header(HeaderMatcher::exact(end_user, "jason"));
    demanding.runtime_fraction = Some(FractionalPercent::ALWAYS);
    demanding.query_parameters = vec![QueryParameterMatcher {
        name: "k".into(),
        kind: QueryMatch::String(StringMatcher::exact("nobody").ignoring_case()),
    }];
    demanding.cookies = vec![CookieMatcher {
        name: "beta".into(),
        value: StringMatcher::prefix("1"),
        invert_match: false,
    }];
    let folded = RouteMatch {
        case_sensitive: false,
        ..RouteMatch::new(PathMatcher::Exact("/API/Z".into()))
    };
    let regex = RouteMatch::new(PathMatcher::Regex(Regex::try_new("/api/[0-9]+").unwrap()));
    let routes = vec![
        Route::to_cluster(demanding, "beta"),
        Route::to_cluster(folded, "folded"),
        Route::to_cluster(regex, "numbers"),
        Route::split(RouteMatch::any(), [("v1", 90), ("v2", 10)]).unwrap(),
    ];
    let domains = ["reviews", "*.prod.svc", "reviews.*"];
    let host = VirtualHost::new(domains, routes);
    Router::try_new(RouteConfiguration::new("rc", vec![host]).into()).unwrap()
}

#[test]
fn routing_allocates_nothing() {
    let router = router();
    let mut headers = HeaderMap::new();
    headers.insert("end-user", HeaderValue::from_static("jason"));
    headers.insert("cookie", HeaderValue::from_static("a=b; beta=\"1\""));
    let route = |authority, path, draw| {
        let head = RequestHead {
            method: &Method::GET,
            scheme: "http",
            authority,
            path,
            headers: &headers,
            source: "",
        };
        let host = router.virtual_host(head.authority).unwrap();
        let index = router.route(host, &head, draw).unwrap();
        match &router.config().virtual_hosts[host].routes[index].action {
            RouteAction::Forward(action) => choose_cluster(action, &head, draw).unwrap().name,
            other => panic!("{other:?}"),
        }
    };
    for (authority, path, draw, cluster) in [
        ("reviews:9080", "/", 17, "v1"),
        ("REVIEWS:9080", "/other?k=v", 95, "v2"),
        ("reviews", "/api?k=NoBody", 0, "beta"),
        ("Reviews.PROD.svc", "/api/z", 0, "folded"),
        ("reviews.test", "/api/123?x", 0, "numbers"),
    ] {
        // A regex makes its scratch space on first use.
        assert_eq!(route(authority, path, draw), cluster);
        let counted = allocation_counter::measure(|| {
            assert_eq!(route(authority, path, draw), cluster);
        });
        assert_eq!(counted.count_total, 0, "{authority}{path}");
    }
    // The counter counts: a host longer than DNS allows is copied to the heap.
    let long = format!("{}.prod.svc", "x".repeat(300));
    let counted = allocation_counter::measure(|| {
        route(&long, "/", 0);
    });
    assert_eq!(counted.count_total, 1);
}
