//! Route actions that the generator does not make: mirrors, redirects that are followed, control
//! headers, filter chains, path templates, upgrades; against a real Envoy.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, StatusCode};
use mesh_conformance::{
    Result,
    compare::{Case, Setup, disagreements_with},
    generate::CLUSTERS,
    upstream::Upstreams,
    wire::{Head, Message},
};
use mesh_core::policy::{
    Abort, AppendAction, ClusterSpecifier, Cors, DirectResponse, Fault, FilterConfig,
    FilterOverride, Formatter, ForwardAction, FractionalPercent, HeaderEdit, HeaderValueOption,
    HostRewrite, HttpFilter, HttpFilterKind, InternalRedirectPolicy, MirrorCluster, Mutations,
    PathMatcher, PathRewrite, Redirect, RedirectPath, RedirectPredicate, RequestMirror, RetryOn,
    RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch, StringMatcher, Timeouts,
    TlsRequirement, UpgradeConfig, UriTemplate, UriTemplateRewrite, VirtualHost, WeightedCluster,
    WeightedClusters,
    filter::{CORS, FAULT, HEADER_MUTATION},
};

type Line = (&'static str, &'static str);

fn ask(method: &str, path: &str, lines: &[Line], body: &str) -> Message {
    let mut headers = vec![("host".to_owned(), "h.com:81".to_owned())];
    headers.extend(lines.iter().map(|(n, v)| (n.to_string(), v.to_string())));
    if !body.is_empty() {
        headers.push(("content-length".to_owned(), body.len().to_string()));
    }
    Message {
        head: Head {
            start: [method, path, "HTTP/1.1"].map(str::to_owned),
            headers,
        },
        body: body.to_owned(),
    }
}

fn get(path: &str, lines: &[Line]) -> Message {
    ask("GET", path, lines, "")
}

fn config(routes: Vec<Route>) -> RouteConfiguration {
    RouteConfiguration::new("rc", vec![VirtualHost::new(["*"], routes)])
}

fn prefix(prefix: &str) -> RouteMatch {
    RouteMatch::new(PathMatcher::Prefix(prefix.into()))
}

fn forward(path: &str, change: impl FnOnce(&mut ForwardAction)) -> Route {
    let mut action = ForwardAction::to(ClusterSpecifier::Cluster("a".into()));
    action.timeouts = Timeouts::total(Duration::from_secs(15));
    change(&mut action);
    let mut route = Route::new(prefix(path), action.into());
    route.name = path.into();
    route
}

fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

fn append(header: &'static str, value: &str) -> HeaderEdit {
    let value = Formatter::try_new(value).unwrap_or_else(|e| panic!("{e}"));
    let action = AppendAction::AppendIfExistsOrAdd;
    HeaderEdit::Append(HeaderValueOption::formatted(name(header), value, action))
}

async fn agree(setup: Setup, cases: Vec<Case>) -> Result {
    let setup = Setup {
        published: true,
        ..setup
    };
    let upstreams = Arc::new(Upstreams::start(&CLUSTERS).await?);
    let found = disagreements_with(&upstreams, &cases, &setup).await?;
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", found.join("\n\n"));
    assert!(upstreams.arrived() > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_go_where_envoy_sends_them() -> Result {
    let edited = RequestMirror {
        request_headers: vec![
            HeaderEdit::Remove(name("x-q")),
            append("x-m", "%REQ(x-q)%%REQ(x-k)%%REQ(:path)%"),
        ],
        ..RequestMirror::to("b")
    };
    let kept = RequestMirror {
        disable_shadow_host_suffix_append: true,
        ..RequestMirror::to("b")
    };
    let literal = RequestMirror {
        host_rewrite_literal: Some(HeaderValue::from_static("lit.com")),
        ..RequestMirror::to("b")
    };
    let named = RequestMirror {
        cluster: MirrorCluster::ClusterHeader(name("x-c")),
        ..RequestMirror::to("")
    };
    let never = RequestMirror {
        fraction: FractionalPercent::per_hundred(0),
        ..RequestMirror::to("c")
    };
    let lines = [("x-q", "v"), ("x-k", "w"), ("x-c", "c")];
    let requests = || {
        vec![
            get("/r?q", &lines),
            ask("POST", "/r", &lines, "a body"),
            get("/r", &[("x-answer", "503"), ("x-c", "c")]),
        ]
    };
    let with = |mirror: RequestMirror| {
        let mut route = forward("/", |action| {
            action.mirrors = vec![mirror.clone(), never.clone()];
            action.path_rewrite = Some(PathRewrite::Prefix("/new/".into()));
        });
        route.headers.request_add.push(HeaderValueOption::new(
            name("x-added"),
            HeaderValue::from_static("1"),
            AppendAction::default(),
        ));
        Case {
            routes: config(vec![route]),
            requests: requests(),
        }
    };
    let rewritten = forward("/", |action| {
        action.mirrors = vec![RequestMirror::to("b")];
        action.host_rewrite = Some(HostRewrite::Literal(HeaderValue::from_static("re.com")));
    });
    let mut by_host = config(vec![forward("/", |_| {})]);
    by_host.mirrors = vec![RequestMirror::to("c")];
    let by_config = by_host.clone();
    by_host.virtual_hosts[0].mirrors = vec![RequestMirror::to("b")];
    let mut cases: Vec<_> = [RequestMirror::to("b"), edited, kept, literal, named]
        .into_iter()
        .map(with)
        .collect();
    // Attempts are counted before headers are changed, and copies are told.
    let mut counted = config(vec![forward("/", |action| {
        action.mirrors = vec![RequestMirror::to("b")];
    })]);
    counted.virtual_hosts[0].include_request_attempt_count = true;
    counted.virtual_hosts[0].routes[0]
        .headers
        .request_add
        .push(HeaderValueOption::formatted(
            name("x-seen"),
            Formatter::try_new("%REQ(x-envoy-attempt-count)%")?,
            AppendAction::default(),
        ));
    for routes in [config(vec![rewritten]), by_host, by_config, counted] {
        cases.push(Case {
            routes,
            requests: requests(),
        });
    }
    let setup = Setup {
        attempts: Some(2),
        ..Setup::default()
    };
    agree(setup, cases).await?;
    // No copy: the cluster is unknown, or the request is not forwarded.
    let nowhere = forward("/", |action| action.mirrors = vec![RequestMirror::to("zz")]);
    let direct = DirectResponse {
        status: StatusCode::OK,
        body: "direct".into(),
    };
    let mut answered = config(vec![
        Route::new(prefix("/d"), RouteAction::DirectResponse(direct)),
        forward("/", |_| {}),
    ]);
    answered.mirrors = vec![RequestMirror::to("zz")];
    let cases = vec![
        Case {
            routes: config(vec![nowhere]),
            requests: vec![get("/", &[])],
        },
        Case {
            routes: answered,
            requests: vec![get("/d", &[]), get("/", &[])],
        },
    ];
    agree(Setup::default(), cases).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_are_followed_as_envoy_follows_them() -> Result {
    let policy = InternalRedirectPolicy::default;
    let redirects = |path: &str, policy: InternalRedirectPolicy| {
        forward(path, |action| {
            action.internal_redirect = Some(policy.into())
        })
    };
    let found = StatusCode::FOUND;
    let all = vec![
        found,
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
    ];
    let direct = |status, body: &str| {
        RouteAction::DirectResponse(DirectResponse {
            status,
            body: body.into(),
        })
    };
    let mut headers = redirects(
        "/headers",
        InternalRedirectPolicy {
            response_headers_to_copy: vec![name("x-s"), name("x-none")],
            ..policy()
        },
    );
    headers.headers.request_add.push(HeaderValueOption::new(
        name("x-added"),
        HeaderValue::from_static("1"),
        AppendAction::default(),
    ));
    let predicates = |path: &str, predicate| {
        redirects(
            path,
            InternalRedirectPolicy {
                predicates: vec![predicate],
                allow_cross_scheme_redirect: true,
                ..policy()
            },
        )
    };
    let mut routes = vec![
        headers,
        redirects(
            "/all",
            InternalRedirectPolicy {
                redirect_response_codes: all,
                allow_cross_scheme_redirect: true,
                max_internal_redirects: 3,
                ..policy()
            },
        ),
        predicates("/previous", RedirectPredicate::PreviousRoutes),
        predicates(
            "/listed",
            RedirectPredicate::AllowListedRoutes(vec!["/to".into()]),
        ),
        predicates("/safe", RedirectPredicate::SafeCrossScheme),
        redirects(
            "/none",
            InternalRedirectPolicy {
                max_internal_redirects: 0,
                ..policy()
            },
        ),
        redirects("/r", policy()),
        Route::new(prefix("/direct"), direct(StatusCode::OK, "direct")),
        Route::new(prefix("/created"), direct(StatusCode::CREATED, "created")),
        forward("/to", |action| {
            action.cluster = ClusterSpecifier::Cluster("b".into());
        }),
        forward("/gone", |action| {
            action.cluster = ClusterSpecifier::Cluster("zz".into());
        }),
    ];
    routes[9]
        .headers
        .request_add
        .push(HeaderValueOption::formatted(
            name("x-to"),
            Formatter::try_new("%REQ(:path)% %REQ(:authority)% %REQ(x-envoy-original-url)%")?,
            AppendAction::default(),
        ));
    let places = [
        "http://o.com/to",
        "http://o.com:99/to?y#frag",
        "http://h.com/direct",
        "http://h.com/created",
        "http://h.com/r2",
        "http://h.com/gone",
        "http://h.com/nowhere",
        "http://o.com",
        "https://o.com/to",
        "/to",
        "to",
        "",
        "http://u@o.com/to",
        "http://o.com/to%zz",
        "http://o.com?q",
        "http://u:p@o.com:99/to",
        "http://[::1]:80/to",
    ];
    let mut requests = Vec::new();
    for place in places {
        for (path, status) in [
            ("/r?b", "302"),
            ("/all", "301"),
            ("/all/x", "303"),
            ("/headers", "302"),
            ("/previous", "302"),
            ("/listed", "302"),
            ("/safe", "302"),
            ("/none", "302"),
            ("/r", "307"),
        ] {
            requests.push(get(path, &[("x-answer", status), ("x-location", place)]));
        }
    }
    for (method, status) in [
        ("POST", "302"),
        ("POST", "303"),
        ("PUT", "307"),
        ("HEAD", "303"),
    ] {
        let lines = [("x-answer", status), ("x-location", "http://o.com/to")];
        let body = if method == "HEAD" { "" } else { "a body" };
        requests.push(ask(method, "/all", &lines, body));
    }
    let cases = vec![Case {
        routes: config(routes),
        requests,
    }];
    agree(Setup::default(), cases).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_headers_are_honoured_as_envoy_honours_them() -> Result {
    let fast = |policy: RetryPolicy| RetryPolicy {
        back_off: mesh_core::policy::RetryBackOff::try_new(Duration::from_millis(1), None)
            .unwrap_or_default(),
        ..policy
    };
    let retries = fast(RetryPolicy::new(RetryOn::GATEWAY_ERROR, 2));
    let routes = config(vec![
        forward("/retry", |action| {
            action.retry_policy = Some(Arc::new(retries));
        }),
        forward("/", |_| {}),
    ]);
    let sets: &[&[Line]] = &[
        &[],
        &[("x-envoy-retry-on", "5xx")],
        &[("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "3")],
        &[("x-envoy-retry-on", " reset , 5xx,zz")],
        &[("x-envoy-retry-on", "cancelled,unavailable")],
        &[
            ("x-envoy-retry-grpc-on", "unavailable"),
            ("x-envoy-max-retries", "2"),
        ],
        &[("x-envoy-max-retries", "3")],
        &[("x-envoy-max-retries", "0"), ("x-envoy-retry-on", "5xx")],
        &[("x-envoy-max-retries", "x"), ("x-envoy-retry-on", "5xx")],
        &[
            ("x-envoy-retry-on", "retriable-status-codes"),
            ("x-envoy-retriable-status-codes", "404, 409"),
        ],
        &[("x-envoy-retriable-status-codes", "404")],
        &[
            ("x-envoy-retry-on", "retriable-headers"),
            ("x-envoy-retriable-header-names", "X-R"),
        ],
        &[("x-envoy-upstream-rq-timeout-ms", "3000")],
        &[("x-envoy-upstream-rq-timeout-ms", "0")],
        &[("x-envoy-upstream-rq-timeout-ms", "x")],
        &[("x-envoy-upstream-rq-per-try-timeout-ms", "2000")],
        &[("x-envoy-upstream-rq-timeout-alt-response", "1")],
        &[("x-envoy-upstream-alt-stat-name", "s")],
        &[("x-envoy-hedge-on-per-try-timeout", "false")],
        &[("x-envoy-upstream-stream-duration-ms", "9000")],
    ];
    let mut requests = Vec::new();
    for set in sets {
        for (path, status) in [
            ("/", "200"),
            ("/", "503"),
            ("/", "404"),
            ("/retry", "503"),
            ("/retry", "500"),
            ("/retry", "409"),
        ] {
            let mut lines = set.to_vec();
            lines.push(("x-answer", status));
            requests.push(get(path, &lines));
        }
    }
    let setup = Setup {
        trusted: true,
        ..Setup::default()
    };
    let cases = vec![Case { routes, requests }];
    agree(setup, cases).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_run_in_the_chains_order() -> Result {
    let mutations = |tag: &'static str| Mutations {
        request: vec![
            append("x-f", tag),
            append("x-path", "%REQ(:path)%%REQ(x-f)%"),
        ],
        response: vec![
            append("x-f", tag),
            append("x-code", "%RESPONSE_CODE% %RESP(x-f)%[%REQ(x-in)%]"),
            HeaderEdit::Remove(name("x-s")),
        ],
    };
    let teapot = Fault {
        delay: None,
        abort: Some(Abort {
            http_status: StatusCode::IM_A_TEAPOT,
            percentage: FractionalPercent::ALWAYS,
        }),
    };
    let cors = Cors {
        allow_origin: vec![StringMatcher::exact("http://a.com")],
        expose_headers: Some("x-e".into()),
        allow_credentials: Some(true),
        ..Cors::default()
    };
    let of_level = |tag| {
        FilterOverride::new(
            HEADER_MUTATION,
            FilterConfig::HeaderMutation(Arc::new(mutations(tag))),
        )
    };
    let mutation = |most_specific_header_mutations_wins| {
        HttpFilter::new(
            HEADER_MUTATION,
            HttpFilterKind::HeaderMutation {
                mutations: mutations("chain"),
                most_specific_header_mutations_wins,
            },
        )
    };
    let mut off = mutation(true);
    off.disabled = true;
    let mut routes = config(vec![
        forward("/fault", |_| {}),
        forward("/off", |_| {}),
        forward("/cors", |_| {}),
        forward("/gone", |action| {
            action.cluster = ClusterSpecifier::Cluster("zz".into());
        }),
        Route::new(
            prefix("/direct"),
            RouteAction::DirectResponse(DirectResponse {
                status: StatusCode::ACCEPTED,
                body: "direct".into(),
            }),
        ),
        forward("/weighted", |action| {
            let mut b = WeightedCluster::new("b", 1);
            b.filters = vec![of_level("cluster"), FilterOverride::disabled(FAULT)];
            let clusters = WeightedClusters::try_new(vec![b]);
            action.cluster = ClusterSpecifier::Weighted(clusters.unwrap_or_else(|e| panic!("{e}")));
        }),
        forward("/a", |_| {}),
    ]);
    routes.filters = vec![of_level("config")];
    let host = &mut routes.virtual_hosts[0];
    host.domains = vec!["h.com".into(), "h.com:81".into()];
    host.filters = vec![of_level("host"), cors.into()];
    host.routes[0].filters = vec![teapot.clone().into()];
    host.routes[1].filters = vec![
        FilterOverride::disabled(HEADER_MUTATION),
        FilterOverride::disabled(CORS),
    ];
    host.routes[5].filters = vec![teapot.into(), of_level("route")];
    for (route, value) in host
        .routes
        .iter_mut()
        .zip(["%RESPONSE_CODE%", "2", "3", "4", "5", "6"])
    {
        route
            .headers
            .response_add
            .push(HeaderValueOption::formatted(
                name("x-route"),
                Formatter::try_new(value)?,
                AppendAction::default(),
            ));
    }
    let mut requests = Vec::new();
    for path in [
        "/fault",
        "/off",
        "/cors",
        "/gone",
        "/direct",
        "/weighted",
        "/a",
        "/none",
    ] {
        let line = ("x-in", "in");
        requests.push(get(path, &[line]));
        requests.push(get(path, &[line, ("origin", "http://a.com")]));
        let lines = [
            line,
            ("origin", "http://a.com"),
            ("access-control-request-method", "PUT"),
        ];
        requests.push(ask("OPTIONS", path, &lines, ""));
    }
    requests.push(ask("GET", "/a", &[], ""));
    let mut elsewhere = get("/a", &[]);
    elsewhere.head.headers[0].1 = "elsewhere".to_owned();
    requests.push(elsewhere);
    let chains = [
        vec![HttpFilter::cors(), HttpFilter::fault(), mutation(false)],
        vec![mutation(true), HttpFilter::fault(), HttpFilter::cors()],
        vec![HttpFilter::fault(), off],
        vec![],
    ];
    for chain in chains {
        let mut setup = Setup::default();
        setup.manager.http_filters = chain;
        let case = Case {
            routes: routes.clone(),
            requests: requests.clone(),
        };
        agree(setup, vec![case]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn path_templates_match_and_rewrite() -> Result {
    let pairs = [
        ("/ut/{lang}/{rest=**}", Some("/re/{rest}/x-{lang}")),
        ("/one/*", None),
        ("/file/{name}.m3u8", Some("/{name}")),
        ("/v/{x=a/*}/b", Some("/{x}")),
        ("/slash/", None),
        ("/text/**", None),
    ];
    let routes: Result<Vec<_>> = pairs
        .into_iter()
        .map(|(template, rewrite)| {
            let mut route = forward("/", |_| {});
            route.matches = RouteMatch::new(PathMatcher::Template(UriTemplate::try_new(template)?));
            if let (RouteAction::Forward(action), Some(rewrite)) = (&mut route.action, rewrite) {
                let rewrite = UriTemplateRewrite::try_new(rewrite)?;
                action.path_rewrite = Some(PathRewrite::Template(rewrite));
            }
            Ok(route)
        })
        .collect();
    let paths = [
        "/ut/en/a/b/c?q=1",
        "/ut/en/",
        "/ut/en",
        "/ut/en/a=b",
        "/ut/e*/a",
        "/one/a",
        "/one/a/b",
        "/one/",
        "/one/a%20b;c",
        "/one/a=b",
        "/file/x.m3u8?y",
        "/file/.m3u8",
        "/v/a/1/b",
        "/v/b/1/b",
        "/slash/",
        "/slash",
        "/text/",
        "/text/a//b",
        "/TEXT/a",
    ];
    let cases = vec![Case {
        routes: config(routes?),
        requests: paths.iter().map(|path| get(path, &[])).collect(),
    }];
    agree(Setup::default(), cases).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upgrades_are_refused_alike() -> Result {
    let list = |list: &[(&str, bool)]| {
        let list = list.iter();
        list.map(|&(upgrade_type, enabled)| UpgradeConfig {
            upgrade_type: upgrade_type.into(),
            enabled,
        })
        .collect::<Vec<_>>()
    };
    let mut routes = config(vec![
        forward("/off", |a| a.upgrades = list(&[("websocket", false)])),
        forward("/other", |a| a.upgrades = list(&[("other", false)])),
        Route::new(
            prefix("/direct"),
            RouteAction::DirectResponse(DirectResponse {
                status: StatusCode::OK,
                body: "direct".into(),
            }),
        ),
        Route::new(
            prefix("/moved"),
            RouteAction::Redirect(Box::new(Redirect {
                path: Some(RedirectPath::Path("/".into())),
                ..Redirect::default()
            })),
        ),
        forward("/to", |_| {}),
    ]);
    let upgrade = |path, kind| get(path, &[("connection", "upgrade"), ("upgrade", kind)]);
    let mut requests = vec![
        upgrade("/off", "websocket"),
        upgrade("/off", "WebSocket"),
        upgrade("/other", "other"),
        upgrade("/to", "unknown"),
        get("/to", &[]),
    ];
    // What is forwarded nowhere has the connection manager's upgrades alone.
    let mut elsewhere = upgrade("/to", "unknown");
    elsewhere.head.headers[0].1 = "elsewhere".to_owned();
    requests.push(elsewhere);
    let mut to_https = VirtualHost::new(["tls.com"], Vec::new());
    to_https.require_tls = TlsRequirement::All;
    routes.virtual_hosts.push(to_https);
    for kind in ["unknown", "websocket"] {
        let mut plain = upgrade("/", kind);
        plain.head.headers[0].1 = "tls.com".to_owned();
        requests.push(plain);
    }
    for path in ["/direct", "/moved", "/none"] {
        requests.extend([
            upgrade(path, "websocket"),
            upgrade(path, "unknown"),
            get(path, &[]),
        ]);
    }
    routes.virtual_hosts[0].domains = vec!["h.com".into()];
    let mut setup = Setup::default();
    setup.manager.upgrades = list(&[("websocket", true)]);
    agree(setup, vec![Case { routes, requests }]).await
}
