//! Where requests go.

use http::{HeaderName, StatusCode, header};
use mesh_core::{
    Flag,
    policy::{
        Abort, Cluster, DirectResponse, Fault, FractionalPercent, HeaderMatcher, HeaderMutation,
        HeaderValueOption, HostRewrite, HttpConnectionManager, LbPolicy, PathMatcher, PathRewrite,
        Redirect, Route, RouteAction, RouteMatch,
    },
};

use crate::script::{Endpoints, config, endpoint, mesh, route, text};

fn two_versions() -> Vec<(Cluster, Vec<mesh_core::policy::Endpoint>)> {
    vec![
        (Cluster::new("v1"), vec![endpoint(1)]),
        (Cluster::new("v2"), vec![endpoint(2)]),
    ]
}

#[tokio::test]
async fn weights_split_and_a_header_pins() {
    let jason = RouteMatch::any().with_header(HeaderMatcher::exact(
        HeaderName::from_static("end-user"),
        "jason",
    ));
    let mesh = mesh(
        vec![
            Route::to_cluster(jason, "v2"),
            Route::split(RouteMatch::any(), [("v1", 90), ("v2", 10)]).unwrap(),
        ],
        two_versions(),
    );
    let client = Endpoints::default().client(&mesh);
    let mut to_v2 = 0;
    for _ in 0..2000 {
        let response = client.get("http://svc/").send().await.unwrap();
        to_v2 += u32::from(text(response).await == "2");
        let pinned = client.get("http://svc/").header("end-user", "jason");
        assert_eq!(text(pinned.send().await.unwrap()).await, "2");
    }
    // Five standard deviations of a binomial(2000, 0.1).
    assert!((133..=267).contains(&to_v2), "{to_v2} of 2000 to v2");
}

#[tokio::test]
async fn a_request_that_nothing_matches_says_what_is_known() {
    let only_a = Route::to_cluster(RouteMatch::new(PathMatcher::Exact("/a".into())), "v1");
    let mesh = mesh(vec![only_a], two_versions());
    let client = Endpoints::default().client(&mesh);

    let error = client.get("http://other/").send().await.unwrap_err();
    assert_eq!(
        (error.flag(), error.status()),
        (Flag::NoRoute, StatusCode::NOT_FOUND)
    );
    assert!(error.to_string().contains("known: svc"), "{error}");

    let error = client.get("http://svc/b").send().await.unwrap_err();
    assert_eq!(error.flag(), Flag::NoRoute);
    assert!(error.to_string().contains("GET /b"), "{error}");

    let error = client.get("/no-host").send().await.unwrap_err();
    assert_eq!(
        (error.flag(), error.status()),
        (Flag::InvalidRequest, StatusCode::BAD_REQUEST)
    );
    assert!(error.is_safe_to_resend());
}

#[tokio::test]
async fn an_unknown_cluster_is_nc_and_an_empty_one_uh() {
    let mut routes = vec![
        Route::to_cluster(
            RouteMatch::new(PathMatcher::Exact("/nowhere".into())),
            "gone",
        ),
        Route::to_cluster(RouteMatch::any(), "empty"),
    ];
    for route in &mut routes {
        route.headers.response_add.push(HeaderValueOption::new(
            HeaderName::from_static("x-back"),
            http::HeaderValue::from_static("2"),
            Default::default(),
        ));
    }
    let mesh = mesh(routes, [(Cluster::new("empty"), vec![])]);
    let client = Endpoints::default().client(&mesh);

    let error = client.get("http://svc/nowhere").send().await.unwrap_err();
    assert_eq!(
        (error.flag(), error.status(), error.cluster()),
        (
            Flag::NoCluster,
            StatusCode::SERVICE_UNAVAILABLE,
            Some("gone")
        )
    );
    // Envoy changes the headers of its own replies too.
    assert_eq!(error.into_response(false).headers()["x-back"], "2");
    let error = client.get("http://svc/").send().await.unwrap_err();
    assert_eq!(
        (error.flag(), error.status()),
        (Flag::NoHealthyUpstream, StatusCode::SERVICE_UNAVAILABLE)
    );
    assert!(error.to_string().contains("no healthy upstream"), "{error}");
    let reply = error.into_response(false);
    assert_eq!(reply.headers()["x-back"], "2");
    assert_eq!(text(reply).await, "no healthy upstream");
}

#[tokio::test]
async fn redirects_and_direct_responses_are_answered_here() {
    let redirect = Redirect {
        scheme: Some("https".into()),
        ..Redirect::default()
    };
    let direct = DirectResponse {
        status: StatusCode::IM_A_TEAPOT,
        body: "short".into(),
    };
    let routes = vec![
        Route::new(
            RouteMatch::new(PathMatcher::Prefix("/old".into())),
            RouteAction::Redirect(Box::new(redirect)),
        ),
        Route::new(RouteMatch::any(), RouteAction::DirectResponse(direct)),
    ];
    let endpoints = Endpoints::default();
    let client = endpoints.client(&mesh(routes, []));
    let response = client.get("http://svc/old?q=1").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);
    assert_eq!(response.headers()[header::LOCATION], "https://svc/old?q=1");
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain");
    assert_eq!(text(response).await, "short");

    // Envoy's local replies to gRPC are HTTP 200 without a body, whatever they say.
    let grpc = |path| {
        let request = client.get(path);
        request.header("content-type", "application/grpc").send()
    };
    let response = grpc("http://svc/").await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "2");
    assert_eq!(response.headers()["grpc-message"], "short");
    let response = grpc("http://svc/old").await.unwrap();
    assert_eq!(response.headers()[header::LOCATION], "https://svc/old");
    assert_eq!(response.headers()["grpc-status"], "2");
    assert!(!response.headers().contains_key("grpc-message"));
    assert!(endpoints.called().is_empty());
}

#[tokio::test]
async fn rewrites_and_header_changes_reach_the_upstream_and_the_caller() {
    let mut routes = route(|mut action| {
        action.path_rewrite = Some(PathRewrite::Prefix("/v2".into()));
        action.host_rewrite = Some(HostRewrite::Literal(http::HeaderValue::from_static(
            "inner",
        )));
        action
    });
    routes[0].matches = RouteMatch::new(PathMatcher::Prefix("/api".into()));
    let add = |name, value| {
        let value = http::HeaderValue::from_static(value);
        HeaderValueOption::new(HeaderName::from_static(name), value, Default::default())
    };
    routes[0].headers = HeaderMutation {
        request_add: vec![add("x-added", "1")],
        request_remove: vec![HeaderName::from_static("x-secret")],
        response_add: vec![add("x-back", "2")],
        response_remove: vec![],
    };
    let endpoints = Endpoints::default();
    let client = endpoints.client(&mesh(routes, [(Cluster::new("c"), vec![endpoint(1)])]));
    let response = client
        .get("http://svc/api/items?x=1")
        .header("x-secret", "s")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-back"], "2");
    let [request] = &endpoints.requests()[..] else {
        panic!("one request")
    };
    assert_eq!(request.uri().path_and_query().unwrap(), "/v2/items?x=1");
    assert_eq!(request.headers()["x-envoy-original-path"], "/api/items?x=1");
    assert_eq!(request.headers()[header::HOST], "inner");
    assert_eq!(request.headers()["x-envoy-original-host"], "svc");
    assert_eq!(request.headers()["x-added"], "1");
    assert!(!request.headers().contains_key("x-secret"));
}

#[tokio::test]
async fn an_empty_header_rewrites_no_host() {
    let routes = route(|mut action| {
        let name = HeaderName::from_static("x-host");
        action.host_rewrite = Some(HostRewrite::Header(name));
        action
    });
    let endpoints = Endpoints::default();
    let client = endpoints.client(&mesh(routes, [(Cluster::new("c"), vec![endpoint(1)])]));
    for host in ["", "inner"] {
        let request = client.get("http://svc/").header("x-host", host);
        request.send().await.unwrap();
    }
    let [kept, rewritten] = &endpoints.requests()[..] else {
        panic!("two requests")
    };
    assert!(!kept.headers().contains_key("x-envoy-original-host"));
    assert_eq!(rewritten.headers()[header::HOST], "inner");
}

#[tokio::test(start_paused = true)]
async fn faults_delay_and_abort_without_reaching_the_upstream() {
    let mut routes = route(|action| action);
    let fault = Fault {
        delay: Some(mesh_core::policy::Delay {
            fixed_delay: std::time::Duration::from_secs(3),
            percentage: FractionalPercent::ALWAYS,
        }),
        abort: Some(Abort {
            http_status: StatusCode::IM_A_TEAPOT,
            percentage: FractionalPercent::ALWAYS,
        }),
    };
    routes[0].filters = vec![fault.into()];
    let endpoints = Endpoints::default();
    let client = endpoints.client(&mesh(routes, [(Cluster::new("c"), vec![endpoint(1)])]));
    let started = tokio::time::Instant::now();
    let response = client.get("http://svc/").send().await.unwrap();
    assert_eq!(started.elapsed(), std::time::Duration::from_secs(3));
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(response.extensions().get(), Some(&Flag::FaultInjected));
    assert_eq!(text(response).await, "fault filter abort");
    assert!(endpoints.called().is_empty());
}

#[tokio::test]
async fn round_robin_takes_turns_and_a_swap_takes_effect_for_the_next_request() {
    let c = || Cluster::new("c").with_lb_policy(LbPolicy::RoundRobin);
    let mesh = mesh(route(|a| a), [(c(), vec![endpoint(1), endpoint(2)])]);
    let endpoints = Endpoints::default();
    let client = endpoints.client(&mesh);
    for _ in 0..4 {
        client.get("http://svc/").send().await.unwrap();
    }
    let called = endpoints.called();
    assert_eq!(called[..2], called[2..], "turns");
    assert_ne!(called[0], called[1]);

    assert!(mesh.assign(
        "c",
        std::sync::Arc::new([endpoint(3)].into_iter().collect())
    ));
    assert_eq!(
        text(client.get("http://svc/").send().await.unwrap()).await,
        "3"
    );

    mesh.publish(config(
        vec![Route::to_cluster(RouteMatch::any(), "d")],
        [(Cluster::new("d"), vec![endpoint(4)])],
    ))
    .unwrap();
    assert_eq!(
        text(client.get("http://svc/").send().await.unwrap()).await,
        "4"
    );
}

#[tokio::test]
async fn a_config_that_is_not_consistent_changes_nothing() {
    let good = || config(route(|a| a), [(Cluster::new("c"), vec![endpoint(1)])]);
    let mesh = mesh_core::Mesh::new();
    mesh.publish(good()).unwrap();
    let mut bad = good();
    bad.listeners[0].filter_chains[0].filter = HttpConnectionManager::new("missing").into();
    let error = mesh.publish(bad).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`missing`, which does not exist"),
        "{error}"
    );
    assert_eq!(
        mesh.status().last_error.as_deref(),
        Some(&*error.to_string())
    );
    let client = Endpoints::default().client(&mesh);
    assert_eq!(
        text(client.get("http://svc/").send().await.unwrap()).await,
        "1"
    );
    mesh.publish(good()).unwrap();
    assert_eq!(mesh.status().last_error, None);
}
