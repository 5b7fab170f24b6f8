//! What a generator does not make: configurations that are rejected, and requests at the edge of HTTP.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode};
use mesh_conformance::{
    Result, ask,
    compare::{Case, disagreements},
    differences,
    envoy::{Envoy, Rejected},
    generate::CLUSTERS,
    translate::static_resources,
    upstream::Upstreams,
    wire::{Head, Message},
};
use mesh_core::policy::{
    ClusterSpecifier, DirectResponse, ForwardAction, HeaderMatch, HeaderMatcher, HeaderMatcherName,
    HeaderValueOption, PathMatcher, Regex, Route, RouteAction, RouteConfiguration, RouteMatch,
    StringMatcher, TlsRequirement, VirtualHost, WeightedCluster, WeightedClusters,
};

fn to(path: PathMatcher, cluster: &str) -> Route {
    Route::to_cluster(RouteMatch::new(path), cluster)
}

fn host(domains: &[&str], routes: Vec<Route>) -> VirtualHost {
    VirtualHost::new(domains.iter().copied(), routes)
}

fn config(hosts: Vec<VirtualHost>) -> RouteConfiguration {
    let mut config = RouteConfiguration::new("rc", hosts);
    config.ignore_port_in_host_matching = false;
    config
}

fn long_direct_response(length: usize) -> RouteConfiguration {
    let direct = DirectResponse {
        status: StatusCode::OK,
        body: "x".repeat(length).into(),
    };
    let route = Route::new(RouteMatch::any(), RouteAction::DirectResponse(direct));
    config(vec![host(&["*"], vec![route])])
}

fn regex_ignoring_case() -> Result<RouteConfiguration> {
    let matcher = StringMatcher::regex(Regex::try_new("a")?).ignoring_case();
    let x_a = HeaderMatcherName::Header(HeaderName::from_static("x-a"));
    let matches =
        RouteMatch::any().with_header(HeaderMatcher::new(x_a, HeaderMatch::String(matcher)));
    Ok(config(vec![host(
        &["*"],
        vec![Route::to_cluster(matches, "a")],
    )]))
}

/// Configurations that both sides take or reject as a whole.
fn configurations() -> Result<Vec<(&'static str, RouteConfiguration)>> {
    let path = |path| config(vec![host(&["*"], vec![to(path, "a")])]);
    let two = |first: &[&str], second: &[&str]| {
        config(vec![host(first, Vec::new()), host(second, Vec::new())])
    };
    let header = |name| {
        let mut route = Route::to_cluster(RouteMatch::any(), "a");
        route.headers.request_add.push(HeaderValueOption::new(
            name,
            HeaderValue::from_static("1"),
            Default::default(),
        ));
        config(vec![host(&["*"], vec![route])])
    };
    let remove = |name| {
        let mut host = host(&["*"], Vec::new());
        host.headers.response_remove.push(name);
        config(vec![host])
    };
    Ok(vec![
        ("plain", path(PathMatcher::Prefix("/".into()))),
        ("two domains", two(&["a.com"], &["b.com"])),
        ("one domain twice", two(&["a.com"], &["a.com"])),
        (
            "one domain twice in one host",
            two(&["a.com", "a.com"], &["b"]),
        ),
        ("one domain in two cases", two(&["a.com"], &["A.COM"])),
        ("one wildcard twice", two(&["*.a.com"], &["*.A.com"])),
        ("one prefix twice", two(&["a.*"], &["A.*"])),
        ("any twice", two(&["*"], &["*"])),
        ("no domain", two(&[], &["*"])),
        (
            "separated prefix",
            path(PathMatcher::SeparatedPrefix("/a".into())),
        ),
        (
            "separated prefix with a slash",
            path(PathMatcher::SeparatedPrefix("/a/".into())),
        ),
        (
            "separated prefix of all",
            path(PathMatcher::SeparatedPrefix("/".into())),
        ),
        (
            "empty separated prefix",
            path(PathMatcher::SeparatedPrefix("".into())),
        ),
        (
            "separated prefix with a query",
            path(PathMatcher::SeparatedPrefix("/a?b".into())),
        ),
        (
            "separated prefix with a fragment",
            path(PathMatcher::SeparatedPrefix("/a#b".into())),
        ),
        ("adds a header", header(HeaderName::from_static("x-a"))),
        ("adds host", header(http::header::HOST)),
        ("removes a header", remove(HeaderName::from_static("x-a"))),
        ("removes host", remove(http::header::HOST)),
        ("long direct response", long_direct_response(4096)),
        ("ignore_case with a regex", regex_ignoring_case()?),
    ])
}

/// Whether Envoy starts with it.
async fn accepts(routes: &RouteConfiguration) -> Result<std::result::Result<(), Rejected>> {
    match Envoy::start(static_resources([("in", routes)], [])?).await {
        Ok(_) => Ok(Ok(())),
        Err(error) => Ok(Err(*error.downcast::<Rejected>()?)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mesh_rejects_what_envoy_rejects() -> Result {
    let mut differ = Vec::new();
    for (name, routes) in configurations()? {
        let envoy = accepts(&routes).await?;
        let mesh = ask::client(&routes, &[]);
        if envoy.is_ok() != mesh.is_ok() {
            let mesh = mesh.err().map(|e| e.to_string());
            differ.push(format!("{name}\n  Envoy: {envoy:?}\n  mesh:  {mesh:?}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    Ok(())
}

fn get(path: &str, headers: &[(&str, &str)]) -> Message {
    let headers = headers.iter();
    Message {
        head: Head {
            start: ["GET", path, "HTTP/1.1"].map(str::to_owned),
            headers: headers
                .map(|(n, v)| (n.to_string(), v.to_string()))
                .collect(),
        },
        body: String::new(),
    }
}

fn cases() -> Result<Vec<Case>> {
    let any = || RouteMatch::any();
    let all = |cluster: &str| vec![Route::to_cluster(any(), cluster)];
    let to_host = |host: &str| get("/", &[("host", host)]);
    let hosts = [
        "a.com",
        "A.com.",
        "a.com.",
        "a.com:",
        "a.com:80",
        "a.com:x",
        "a.com:080",
        "[::1]",
        "[::1]:80",
        "[::1]:",
        "::1",
        "[fe80::1%25eth0]:80",
        "x.a.com",
        ".a.com",
        "a..com",
        "user@a.com",
        "1.2.3.4",
        "a_b.com",
        "a%62.com",
        "a,com",
        "-",
        "*",
        "*.a.com",
        "a.com:99999",
    ];
    let by_host = |ignore_port| {
        let mut config = config(vec![
            host(&["a.com", "[::1]", "1.2.3.4"], all("a")),
            host(&["*.a.com", "*.com", "a.com:*", "[::1]:*"], all("b")),
            host(&["*"], all("c")),
        ]);
        config.ignore_port_in_host_matching = ignore_port;
        Case {
            routes: config,
            requests: hosts.iter().map(|host| to_host(host)).collect(),
        }
    };
    // One cluster has all the weight, wherever the draw falls.
    let mut weighted = WeightedClusters::try_new(vec![
        WeightedCluster::new("a", 0),
        WeightedCluster::new("b", 1),
        WeightedCluster::new("c", 0),
    ])?;
    weighted.header_name = Some(HeaderName::from_static("x-draw"));
    let weighted = ForwardAction::to(ClusterSpecifier::Weighted(weighted));
    let draws = [
        "",
        "x",
        "-1",
        "1.0",
        "0x1",
        "99999999999999999999999",
        "+7",
        " 7 ",
    ];
    let mut tls = host(&["*"], all("a"));
    tls.require_tls = TlsRequirement::All;
    let paths = [
        "/", "//", "/a", "/a/", "/a//", "/a/b", "/a/../b", "/a/./", "/a%2fb", "/a%2Fb", "/A",
        "/a;x=1", "/a?", "/a?/b", "/a??", "/%", "/%zz", "/a+b", "/a|b", "/a\"b", "/a{b}", "/a'b",
        "/~", "/*", "/a^b", "/a\\b", "/a%00b", "/a,b", "/a:b", "/a@b", "/=", "/&", "/a[b]",
    ];
    Ok(vec![
        by_host(false),
        by_host(true),
        Case {
            routes: config(vec![host(&["*"], vec![Route::new(any(), weighted.into())])]),
            requests: draws
                .iter()
                .map(|d| get("/", &[("host", "h"), ("x-draw", d)]))
                .collect(),
        },
        Case {
            routes: config(vec![tls]),
            requests: ["http", "https", "ftp", "HTTPS"]
                .map(|proto| get("/p?q", &[("host", "h:80"), ("x-forwarded-proto", proto)]))
                .into(),
        },
        Case {
            routes: config(vec![host(
                &["*"],
                vec![
                    to(PathMatcher::Exact("/a".into()), "a"),
                    to(PathMatcher::SeparatedPrefix("/a".into()), "b"),
                    to(PathMatcher::Prefix("/".into()), "c"),
                ],
            )]),
            requests: paths
                .iter()
                .map(|path| get(path, &[("host", "h")]))
                .collect(),
        },
        Case {
            routes: config(vec![host(&["*"], all("a"))]),
            requests: vec![
                get("/", &[]),
                get("/", &[("host", "h"), ("x-a", "\u{e9}")]),
                get("/", &[("host", "h"), ("x-a", "a\tb")]),
                get("/", &[("host", "h"), ("te", "trailers")]),
                get("/", &[("host", "h"), ("x_a", "underscore")]),
                get("/", &[("host", "h"), ("via", "1.1 x")]),
                get("/", &[("host", "h"), ("x-request-id", "mine")]),
                get(
                    "/",
                    &[
                        ("host", "h"),
                        (
                            "traceparent",
                            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                        ),
                    ],
                ),
                get("/", &[("host", "h"), ("x-forwarded-for", "1.2.3.4")]),
            ],
        },
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_requests_end_alike() -> Result {
    let upstreams = Arc::new(Upstreams::start(&CLUSTERS).await?);
    let found = disagreements(&upstreams, &cases()?).await?;
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", found.join("\n\n"));
    Ok(())
}

/// One request for each row of `docs/envoy-differences.md` that a single request shows.
const DIFFERENT: &[(&str, &[(&str, &str)])] = &[
    ("`empty host`", &[("host", "")]),
    ("`te`", &[("host", "h"), ("te", "gzip")]),
    (
        "`keep-alive`",
        &[("host", "h"), ("keep-alive", "timeout=5")],
    ),
    (
        "`proxy-connection`",
        &[("host", "h"), ("proxy-connection", "keep-alive")],
    ),
    (
        "`connection`",
        &[("host", "h"), ("connection", "x-a"), ("x-a", "1")],
    ),
    (
        "`x-envoy-retry-on`",
        &[
            ("host", "h"),
            ("x-envoy-retry-on", "5xx"),
            ("x-answer", "503"),
        ],
    ),
];

/// A row that is true no more must go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_to_differ_does() -> Result {
    let upstreams = Arc::new(Upstreams::start(&CLUSTERS).await?);
    let route = Route::to_cluster(RouteMatch::any(), "a");
    let case = Case {
        routes: config(vec![host(&["*"], vec![route])]),
        requests: DIFFERENT.iter().map(|(_, h)| get("/", h)).collect(),
    };
    let found = disagreements(&upstreams, std::slice::from_ref(&case)).await?;
    let found: Vec<_> = found.into_iter().map(|d| d.request).collect();
    assert_eq!(found, case.requests);

    let accepted = long_direct_response(4097);
    assert!(ask::client(&accepted, &[]).is_ok());
    assert!(accepts(&accepted).await?.is_err());
    Ok(())
}

#[test]
fn every_difference_is_documented() {
    let page = include_str!("../../docs/envoy-differences.md");
    let headers = differences::names().map(|name| format!("`{name}`"));
    let shown = DIFFERENT.iter().map(|(name, _)| (*name).to_owned());
    let missing: Vec<_> = headers.chain(shown).filter(|n| !page.contains(n)).collect();
    assert!(
        missing.is_empty(),
        "not in docs/envoy-differences.md: {missing:?}"
    );
}
