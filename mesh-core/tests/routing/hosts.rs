//! Virtual hosts, list order, and configurations that are rejected whole.

use http::{HeaderName, HeaderValue};
use mesh_core::{
    policy::{
        HeaderValueOption, Origin, PathMatcher, Route, RouteConfiguration, RouteMatch, VirtualHost,
    },
    routing::{Router, RouterError},
};

use crate::request::Request;

fn config(hosts: &[&[&str]], ignore_port: bool) -> RouteConfiguration {
    let hosts = hosts.iter().zip(1..).map(|(domains, line)| {
        let all = Route::to_cluster(RouteMatch::any(), "c");
        let mut host = VirtualHost::new(domains.iter().copied(), vec![all]);
        host.name = format!("vh{line}").into();
        host.origin = Origin::file("mesh.yaml", line);
        host
    });
    let mut config = RouteConfiguration::new("rc", hosts.collect());
    config.ignore_port_in_host_matching = ignore_port;
    config
}

fn router(hosts: &[&[&str]], ignore_port: bool) -> Router {
    Router::try_new(config(hosts, ignore_port).into()).unwrap()
}

fn error(config: RouteConfiguration) -> RouterError {
    Router::try_new(config.into()).unwrap_err()
}

#[test]
fn the_port_counts_unless_it_is_ignored() {
    let hosts: [&[&str]; 3] = [&["foo.com"], &["foo.com:*"], &["[::1]"]];
    let counted = router(&hosts, false);
    assert_eq!(counted.virtual_host("foo.com"), Some(0));
    assert_eq!(counted.virtual_host("foo.com:80"), Some(1));
    assert_eq!(counted.virtual_host("foo.com:"), None);
    assert_eq!(counted.virtual_host("[::1]:80"), None);
    // Only the request's port is cut: a domain with one then never matches.
    let ignored = router(&hosts, true);
    assert_eq!(ignored.virtual_host("foo.com"), Some(0));
    assert_eq!(ignored.virtual_host("FOO.com:80"), Some(0));
    assert_eq!(ignored.virtual_host("foo.com:"), Some(0));
    assert_eq!(ignored.virtual_host("[::1]:80"), Some(2));
    assert_eq!(ignored.virtual_host("[::1]"), Some(2));
}

#[test]
fn domains_are_compared_in_lower_case() {
    let router = router(&[&["Foo.COM"], &["*.BAR.com"], &["WWW.*"]], true);
    assert_eq!(router.virtual_host("fOO.com"), Some(0));
    assert_eq!(router.virtual_host("a.bar.COM"), Some(1));
    assert_eq!(router.virtual_host("www.x"), Some(2));
    assert_eq!(router.virtual_host("other"), None);
}

#[test]
fn the_first_route_in_the_list_wins() {
    let routes = ["/", "/api", "/api/v1"].map(|prefix| {
        Route::to_cluster(RouteMatch::new(PathMatcher::Prefix(prefix.into())), prefix)
    });
    let route = |routes: &[Route], path| {
        let host = VirtualHost::new(["*"], routes.to_vec());
        let router = Router::try_new(RouteConfiguration::new("rc", vec![host]).into()).unwrap();
        router.route(0, &Request::get(path).head(), 0)
    };
    assert_eq!(route(&routes, "/api/v1"), Some(0));
    let [all, api, v1] = routes;
    let routes = [v1, api, all];
    assert_eq!(route(&routes, "/api/v1?x"), Some(0));
    assert_eq!(route(&routes, "/api/v"), Some(1));
    assert_eq!(route(&routes, "/ap"), Some(2));
    assert_eq!(route(&routes[..2], "/ap"), None);
    assert_eq!(route(&routes, ""), None, "CONNECT");
}

#[test]
fn an_index_out_of_range_has_no_route() {
    assert_eq!(
        router(&[&["*"]], true).route(7, &Request::get("/").head(), 0),
        None
    );
}

#[test]
fn a_domain_twice_rejects_everything_and_names_both() {
    let twice = error(config(&[&["a", "B.com"], &["b.COM"]], true));
    assert_eq!(
        twice.to_string(),
        "domain `b.COM` of virtual host `vh2` (mesh.yaml:2) is already one of virtual host `vh1` \
         (mesh.yaml:1)"
    );
    for hosts in [
        &[&["*"][..], &["*"]][..],
        &[&["*.a", "*.A"]],
        &[&["a.*", "a.*"]],
    ] {
        let e = error(config(hosts, true));
        assert!(matches!(e, RouterError::DuplicateDomain { .. }), "{e}");
    }
    router(&[&["*.a", "a.*", "a", "*"]], true);
}

#[test]
fn domains_that_could_never_match_are_rejected() {
    let e = error(config(&[&["a"], &["a.*.com"]], true));
    assert_eq!(
        e.to_string(),
        "domain `a.*.com` of virtual host `vh2` (mesh.yaml:2): `*` may only stand at one end"
    );
    let e = error(config(&[&[]], true));
    assert_eq!(
        e.to_string(),
        "virtual host `vh1` (mesh.yaml:1) has no domain"
    );
}

#[test]
fn a_separated_prefix_is_a_path_without_a_final_slash() {
    for (prefix, good) in [
        ("/a", true),
        ("/a/", false),
        ("/", false),
        ("", false),
        ("/a?", false),
    ] {
        let mut config = config(&[&["*"]], true);
        let route = &mut config.virtual_hosts[0].routes[0];
        route.name = "r".into();
        route.matches.path = PathMatcher::SeparatedPrefix(prefix.into());
        let built = Router::try_new(config.into());
        assert_eq!(built.is_ok(), good, "{prefix}");
        if let Err(e) = built {
            let text = e.to_string();
            assert!(
                text.contains("route `r` (code) of virtual host `vh1` (mesh.yaml:1)"),
                "{text}"
            );
        }
    }
}

#[test]
fn a_mutation_may_not_touch_host() {
    let option = HeaderValueOption::new(
        http::header::HOST,
        HeaderValue::from_static("x"),
        Default::default(),
    );
    let mut added = config(&[&["*"]], true);
    added.virtual_hosts[0].routes[0]
        .headers
        .request_add
        .push(option);
    assert!(matches!(error(added), RouterError::HostMutation(_)));
    let mut removed = config(&[&["*"]], true);
    removed.virtual_hosts[0]
        .headers
        .request_remove
        .push(http::header::HOST);
    let text = error(removed).to_string();
    assert!(
        text.contains("`vh1` (mesh.yaml:1) changes `host`"),
        "{text}"
    );
    let mut other = config(&[&["*"]], true);
    other
        .headers
        .request_remove
        .push(HeaderName::from_static("hostname"));
    assert!(Router::try_new(other.into()).is_ok());
}
