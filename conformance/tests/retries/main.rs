//! Scripted upstreams under every retry condition: the final answer, the attempts that arrive, and the
//! response flags, against a real Envoy's and its access log.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, StatusCode};
use mesh_conformance::{
    Result, ask, differences,
    envoy::Envoy,
    translate::{access_log, static_resources},
    upstream::Upstreams,
    wire::{Head, Message},
};
use mesh_core::policy::{
    Address, AppendAction, Cluster, ClusterLoadAssignment, ClusterSpecifier, Endpoint,
    ForwardAction, HeaderMatch, HeaderMatcher, HeaderMatcherName, HeaderValueOption, PathMatcher,
    RetryBackOff, RetryOn, RetryPolicy, Route, RouteConfiguration, RouteMatch, Thresholds,
    Timeouts, VirtualHost,
};
use tokio::{net::TcpSocket, task::JoinSet, time::timeout};

mod scenarios;

use scenarios::{Scenario, scenarios};

/// No case takes as long.
const LIMIT: Duration = Duration::from_secs(10);

fn policies() -> Vec<(String, RetryPolicy)> {
    let tokens = RetryOn::TOKENS.iter().map(|(_, bit)| *bit);
    let sets = [
        RetryOn::NONE,
        RetryOn::SERVER_ERROR.or(RetryOn::ENVOY_RATELIMITED),
        RetryOn::CONNECT_FAILURE.or(RetryOn::RETRIABLE_4XX),
    ];
    let mut all = Vec::new();
    for on in tokens.chain(sets) {
        for retries in [0, 1, 2] {
            let policy = RetryPolicy {
                retriable_status_codes: vec![StatusCode::IM_A_TEAPOT, StatusCode::OK],
                retriable_headers: vec![HeaderMatcher::new(
                    HeaderMatcherName::Header(HeaderName::from_static("x-retry")),
                    HeaderMatch::Present(true),
                )],
                back_off: RetryBackOff::try_new(Duration::from_millis(1), None).unwrap_or_default(),
                ..RetryPolicy::new(on, retries)
            };
            all.push((format!("{on} {retries}"), policy));
        }
    }
    // Only requests with the header are retried; none of these has it.
    let mut policy = RetryPolicy::new(RetryOn::SERVER_ERROR, 2);
    policy.retriable_request_headers = vec![HeaderMatcher::exact(
        HeaderName::from_static("x-idempotent"),
        "1",
    )];
    all.push(("other requests".to_owned(), policy));
    all
}

fn clusters(upstreams: &Upstreams, refused: SocketAddr) -> Vec<(Cluster, ClusterLoadAssignment)> {
    let mut clusters = upstreams.clusters();
    let refused = [Endpoint::new(Address::from(refused))]
        .into_iter()
        .collect();
    clusters.push((Cluster::new("refused"), refused));
    clusters.push((Cluster::new("empty"), ClusterLoadAssignment::default()));
    for (cluster, _) in &mut clusters {
        cluster.circuit_breakers.default = match &*cluster.name {
            "capped" => Thresholds {
                max_retries: 0,
                ..Thresholds::UNLIMITED
            },
            "full" => Thresholds {
                max_requests: 0,
                ..Thresholds::UNLIMITED
            },
            _ => Thresholds::UNLIMITED,
        };
    }
    clusters
}

fn route(path: &str, scenario: &Scenario, policy: &RetryPolicy) -> Route {
    let [timeout, per_try_timeout] = scenario.timeouts;
    let cluster = ClusterSpecifier::Cluster(scenario.cluster.into());
    let action = ForwardAction::to(cluster)
        .with_timeouts(Timeouts {
            timeout,
            max_stream_duration: scenario.max_stream_duration,
            ..Timeouts::default()
        })
        .with_retry(RetryPolicy {
            per_try_timeout,
            ..policy.clone()
        });
    let mut route = Route::new(
        RouteMatch::new(PathMatcher::Exact(path.into())),
        action.into(),
    );
    let added = scenario.added.iter().map(|(name, value)| {
        HeaderValueOption::new(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
            AppendAction::default(),
        )
    });
    route.headers.request_add.extend(added);
    route
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_end_as_envoys_do() -> Result {
    let upstreams = Arc::new(Upstreams::start(&["a", "capped", "full"]).await?);
    // Bound, but not listening: connections to it are refused, and nobody else takes the port.
    let refused = TcpSocket::new_v4()?;
    refused.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let clusters = clusters(&upstreams, refused.local_addr()?);
    let (scenarios, policies) = (scenarios(), policies());
    let mut routes = Vec::new();
    let mut cases = Vec::new();
    for scenario in &scenarios {
        for (policy_name, policy) in &policies {
            let path = format!("/{}", routes.len());
            routes.push(route(&path, scenario, policy));
            let (method, body, headers) = scenario.request;
            let length = body.len().to_string();
            let fixed = [("host", "svc"), ("content-length", &length)];
            let headers = fixed.iter().chain(headers);
            let request = Message {
                head: Head {
                    start: [method, &path, "HTTP/1.1"].map(str::to_owned),
                    headers: headers
                        .map(|(n, v)| (n.to_string(), v.to_string()))
                        .collect(),
                },
                body: body.to_owned(),
            };
            cases.push((
                format!("{} / {policy_name}", scenario.name),
                scenario.acts.clone(),
                request,
            ));
        }
    }
    let mut host = VirtualHost::new(["*"], routes);
    host.include_request_attempt_count = true;
    let config = RouteConfiguration::new("rc", vec![host]);

    let mut resources = static_resources([("in", &config)], clusters.iter().map(|(c, e)| (c, e)))?;
    access_log(&mut resources);
    let envoy = Envoy::start(resources).await?;
    let address = envoy.address("in")?;
    let client = ask::client(&config, &clusters)?;

    let asked = cases.len();
    let mut tasks = JoinSet::new();
    let mut answers = Vec::new();
    for (number, (name, acts, request)) in cases.into_iter().enumerate() {
        let (upstreams, client) = (upstreams.clone(), client.clone());
        tasks.spawn(async move {
            let [one, other] = ["envoy", "mesh"].map(|side| format!("{side}-{number}"));
            upstreams.script(&one, acts.clone());
            upstreams.script(&other, acts);
            let envoy = timeout(LIMIT, ask::envoy(address, &one, &request, &upstreams)).await;
            let mesh = timeout(LIMIT, ask::mesh(&client, &other, &request, &upstreams)).await;
            (name, one, envoy, mesh)
        });
        // As many at once as two cores serve without time running out.
        while tasks.len() >= 16 {
            answers.extend(tasks.join_next().await);
        }
    }
    answers.extend(tasks.join_all().await.into_iter().map(Ok));
    let log = envoy.access_log(asked).await?;
    let flags: HashMap<&str, &str> = log.iter().filter_map(|line| line.split_once(' ')).collect();

    let mut differ = Vec::new();
    for answer in answers {
        let (name, case, envoy, mesh) = answer?;
        let why = flags.get(&*case).copied().unwrap_or_default();
        let (mut envoy, mesh) = match (envoy, mesh) {
            (Ok(envoy), Ok(mesh)) => (envoy?, mesh?),
            (envoy, mesh) => {
                differ.push(format!(
                    "{name}: not answered\n  Envoy: {envoy:?}\n  mesh:  {mesh:?}"
                ));
                continue;
            }
        };
        envoy.flags = why.split(' ').next().map(str::to_owned);
        if name.starts_with(differences::BROKEN_OFF) {
            differences::broke_off(&mut envoy);
        }
        if name.starts_with(differences::MAX_STREAM_DURATION) {
            differences::outlasted(&mut envoy);
        }
        if envoy != mesh {
            differ.push(format!(
                "{name}\n  Envoy: {envoy}\n    because: {why}\n  mesh:  {mesh}"
            ));
        }
    }
    assert!(
        differ.is_empty(),
        "{} of {asked} cases differ:\n\n{}",
        differ.len(),
        differ.join("\n\n")
    );
    println!("{asked} cases agree");
    Ok(())
}
