//! What `%DURATION%` and a stream's limit count: the delay of a fault, and what came before a redirect
//! that was followed; against a real Envoy.

use std::{sync::Arc, time::Duration};

use http::HeaderName;
use mesh_conformance::{
    Result, ask,
    envoy::Envoy,
    translate::managed_resources,
    upstream::Upstreams,
    wire::{Head, Message},
};
use mesh_core::policy::{
    AppendAction, ClusterSpecifier, Delay, Fault, Formatter, ForwardAction, FractionalPercent,
    HeaderValueOption, HttpConnectionManager, HttpFilter, InternalRedirectPolicy, PathMatcher,
    Route, RouteConfiguration, RouteMatch, VirtualHost,
};

const DELAY: Duration = Duration::from_millis(200);

fn forward(path: &str, change: impl FnOnce(&mut ForwardAction)) -> Route {
    let mut action = ForwardAction::to(ClusterSpecifier::Cluster("a".into()));
    change(&mut action);
    let matches = RouteMatch::new(PathMatcher::Prefix(path.into()));
    Route::new(matches, action.into())
}

fn get(path: &str, location: &str) -> Message {
    let lines = [
        ("host", "h.com"),
        ("x-answer", "302"),
        ("x-location", location),
    ];
    let kept = if location.is_empty() { 1 } else { 3 };
    Message {
        head: Head {
            start: ["GET", path, "HTTP/1.1"].map(str::to_owned),
            headers: lines[..kept]
                .iter()
                .map(|(n, v)| (n.to_string(), v.to_string()))
                .collect(),
        },
        body: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn durations_begin_where_envoys_do() -> Result {
    let delayed = Fault {
        delay: Some(Delay {
            fixed_delay: DELAY,
            percentage: FractionalPercent::ALWAYS,
        }),
        abort: None,
    };
    let mut routes = vec![
        forward("/delayed", |_| {}),
        forward("/redirected", |action| {
            action.internal_redirect = Some(InternalRedirectPolicy::default().into());
        }),
        forward("/limited", |action| {
            action.timeouts.max_stream_duration = Some(DELAY / 2);
        }),
        forward("/to", |_| {}),
        forward("/short", |action| {
            action.timeouts.max_stream_duration = Some(DELAY / 2);
        }),
    ];
    for route in &mut routes[..3] {
        route.filters = vec![delayed.clone().into()];
    }
    let mut host = VirtualHost::new(["*"], routes);
    host.headers.response_add.push(HeaderValueOption::formatted(
        HeaderName::from_static("x-duration"),
        Formatter::try_new("%DURATION%")?,
        AppendAction::default(),
    ));
    let routes = RouteConfiguration::new("rc", vec![host]);
    let mut manager = HttpConnectionManager::new("rc");
    manager.http_filters = vec![HttpFilter::fault()];
    let upstreams = Arc::new(Upstreams::start(&["a"]).await?);
    let clusters = upstreams.clusters();
    let listeners = [("in", &routes, manager.clone())];
    let resources = managed_resources(listeners, clusters.iter().map(|(c, e)| (c, e)))?;
    let envoy = Envoy::start(resources).await?;
    let address = envoy.address("in")?;
    let client = ask::client_with(&routes, &manager, &clusters)?;

    for (case, path, location, counted) in [
        ("1", "/to", "", false),
        ("2", "/delayed", "", true),
        ("3", "/redirected", "http://h.com/delayed", true),
        ("4", "/redirected", "http://h.com/to", true),
        ("5", "/limited", "", true),
        ("6", "/redirected", "http://h.com/short", true),
    ] {
        let request = get(path, location);
        let envoy = ask::envoy(address, &format!("e{case}"), &request, &upstreams).await?;
        let mesh = ask::mesh(&client, &format!("m{case}"), &request, &upstreams).await?;
        assert_eq!(envoy.body, mesh.body);
        // Envoy sends the last, and takes it back at once.
        if case != "6" {
            assert_eq!(envoy.upstream.len(), mesh.upstream.len(), "{path}");
        }
        for (side, answer) in [("Envoy", envoy), ("the mesh", mesh)] {
            let status = if matches!(case, "5" | "6") { 504 } else { 200 };
            assert_eq!(answer.status, status, "{side}, {path}: {answer}");
            let duration = answer.headers.iter().find(|(name, _)| name == "x-duration");
            let (_, ms) = duration.ok_or("no x-duration")?;
            let ms: u128 = ms.parse()?;
            // Envoy's timers are coarse.
            let delayed = ms >= DELAY.as_millis() / 3;
            assert_eq!(delayed, counted, "{side}, {path}: {ms} ms");
        }
    }
    Ok(())
}
