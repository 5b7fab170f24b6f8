//! What `explain` reports. That it agrees with the router is in `agreement`.

use http::{HeaderName, StatusCode};
use mesh_core::{
    policy::{
        ClusterSpecifier, DirectResponse, ForwardAction, HeaderMatcher, Metadata, Origin,
        PathMatcher, Redirect, Route, RouteAction, RouteConfiguration, RouteMatch, StringMatcher,
        TlsRequirement, VirtualHost, WeightedCluster, WeightedClusters,
    },
    routing::{Decision, How, Router, explain},
};

use crate::request::Request;

fn at(mut route: Route, name: &str, line: u32) -> Route {
    route.name = name.into();
    route.origin = Origin::file("reviews.yaml", line);
    route
}

fn prefix(path: &str) -> RouteMatch {
    RouteMatch::new(PathMatcher::Prefix(path.into()))
}

fn router() -> Router {
    let mut jason = prefix("/").with_header(HeaderMatcher::exact(
        HeaderName::from_static("end-user"),
        "jason",
    ));
    jason.cookies.push(mesh_core::policy::CookieMatcher {
        name: "beta".into(),
        value: StringMatcher::exact("1"),
        invert_match: false,
    });
    let mut v1 = WeightedCluster::new("v1", 90);
    v1.origin = Origin::file("reviews.yaml", 22);
    let mut v2 = WeightedCluster::new("v2", 10);
    v2.origin = Origin::file("reviews.yaml", 24);
    v2.metadata_match = Metadata::from_iter([("version", "v2")]);
    let mut weighted = WeightedClusters::try_new(vec![v1, v2]).unwrap();
    weighted.header_name = Some(HeaderName::from_static("roll"));
    let mut split = ForwardAction::to(ClusterSpecifier::Weighted(weighted));
    split.metadata_match = Metadata::from_iter([("version", "any"), ("zone", "a")]);
    let teapot = DirectResponse {
        status: StatusCode::IM_A_TEAPOT,
        body: "".into(),
    };
    let by_header = ClusterSpecifier::ClusterHeader(HeaderName::from_static("to"));
    let redirect = RouteAction::Redirect(Redirect::default().into());
    let routes = vec![
        at(Route::to_cluster(prefix("/admin"), "admin"), "", 10),
        at(Route::to_cluster(jason, "test"), "jason", 14),
        at(
            Route::new(prefix("/tea"), RouteAction::DirectResponse(teapot)),
            "",
            16,
        ),
        at(Route::new(prefix("/moved"), redirect), "", 17),
        at(
            Route::new(prefix("/named"), ForwardAction::to(by_header).into()),
            "",
            18,
        ),
        at(Route::new(prefix("/api"), split.into()), "canary", 20),
        at(Route::to_cluster(prefix("/"), "rest"), "", 30),
    ];
    let mut host = VirtualHost::new(["other", "reviews"], routes);
    host.name = "reviews".into();
    host.origin = Origin::file("reviews.yaml", 5);
    let mut secure = VirtualHost::new(["secure"], Vec::new());
    secure.require_tls = TlsRequirement::All;
    let mut config = RouteConfiguration::new("9080", vec![host, secure]);
    config.origin = Origin::file("reviews.yaml", 1);
    Router::try_new(config.into()).unwrap()
}

#[test]
fn the_report_shows_every_step_with_its_place() {
    let request = Request::get("/api/x").with("end-user", "bob");
    let report = explain(&router(), &request.head(), 195).to_string();
    let expected = r#"GET http://reviews:9080/api/x
route configuration `9080` (reviews.yaml:1)
virtual host `reviews` by domain `reviews` (reviews.yaml:5)
  rule 0 (reviews.yaml:10): no: path: /api/x does not begin with /admin
  rule 1 `jason` (reviews.yaml:14): no: header end-user: "bob" is not exactly "jason"; cookie beta: missing
  rule 2 (reviews.yaml:16): no: path: /api/x does not begin with /tea
  rule 3 (reviews.yaml:17): no: path: /api/x does not begin with /moved
  rule 4 (reviews.yaml:18): no: path: /api/x does not begin with /named
  rule 5 `canary` (reviews.yaml:20): matched
  1 more rule not tried
weights: roll 95 of 100 (draw 195)
  0..90 weight 90 `v1` (reviews.yaml:22)
▶ 90..100 weight 10 `v2` (reviews.yaml:24)
cluster `v2`, subset version=v2, zone=a"#;
    assert_eq!(report, expected);
}

#[test]
fn a_dictated_roll_says_so() {
    let request = Request::get("/api").with("roll", "105");
    let explained = explain(&router(), &request.head(), 99);
    let Decision::Cluster(cluster) = explained.decision else {
        panic!("{explained}");
    };
    assert_eq!(cluster.name.as_deref(), Some("v1"));
    let How::Weighted {
        draw,
        from_header,
        roll,
        ..
    } = cluster.how
    else {
        panic!("{:?}", cluster.how);
    };
    assert_eq!((draw, roll), (105, 5));
    assert_eq!(from_header, Some(HeaderName::from_static("roll")));
}

#[test]
fn each_end_of_the_way_is_told() {
    let last_line = |request: Request| {
        let report = explain(&router(), &request.head(), 0).to_string();
        report.lines().last().unwrap().to_owned()
    };
    for (request, expected) in [
        (Request::get("/tea"), "direct response: 418"),
        (
            Request::get("/moved"),
            "redirect: 301 to http://reviews:9080/moved",
        ),
        (
            Request::get("/named"),
            "no cluster: header to, which should name it, is missing",
        ),
        (
            Request::get("/named").with("to", "x"),
            "cluster `x`, named by header to",
        ),
        (Request::get("/zzz"), "cluster `rest`"),
        (Request::get(""), "no route: 404"),
        (
            Request::get("/a").to("secure"),
            "the virtual host demands TLS: 301 to https://secure/a",
        ),
        (Request::get("/").to("ratings"), "no route: 404"),
    ] {
        assert_eq!(last_line(request), expected);
    }
}

#[test]
fn a_host_that_only_its_port_keeps_out_is_told_so() {
    let mut config = RouteConfiguration::clone(router().config());
    config.ignore_port_in_host_matching = false;
    let router = Router::try_new(config.into()).unwrap();
    let why = explain(&router, &Request::get("/").head(), 0)
        .virtual_host
        .unwrap_err();
    assert_eq!(
        why,
        "no domain covers `reviews:9080`; the port counts here: without it, `reviews` of virtual \
         host `reviews` (reviews.yaml:5) would"
    );
    let why = explain(&router, &Request::get("/").to("x:1").head(), 0)
        .virtual_host
        .unwrap_err();
    assert_eq!(why, "no domain covers `x:1`");
}
