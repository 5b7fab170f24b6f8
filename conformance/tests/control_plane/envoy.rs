//! A real Envoy as client of the control plane, in both protocols.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use mesh_conformance::{
    Result,
    answer::Answer,
    ask, differences,
    envoy::Envoy,
    generate::{CLUSTERS, Draws, request, route_configuration},
    upstream::Upstreams,
    wire::Message,
};
use mesh_core::{Config, Mesh, Seeded, policy::RouteConfiguration};
use mesh_http::Client;
use mesh_xds::{
    XdsSource,
    bootstrap::Bootstrap,
    client::Protocol,
    server::{ControlPlane, NodeEventKind, Serving, Sockets},
};
use serde_json::json;
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{canonical, sets};

/// The longest that a change may take to be everywhere, on a loaded machine.
const BOUND: Duration = Duration::from_secs(30);

/// The port of the listener for all ports.
const ANY_PORT: u16 = 15001;

/// A control plane of `mesh`. Its Envoys listen at loopback addresses that no other test has.
async fn serve(mesh: &Mesh, number: u8) -> Result<(Serving, SocketAddr, Ipv4Addr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let ip = Ipv4Addr::new(127, 77, u8::try_from(std::process::id() % 250)?, number);
    let sockets = Sockets {
        address: ip.into(),
        port_offset: 10_000,
        any_port: ANY_PORT,
    };
    let serving = ControlPlane::with_sockets(mesh, sockets).serve(listener);
    Ok((serving, address, ip))
}

/// An Envoy that takes everything from there.
async fn envoy(protocol: Protocol, control_plane: SocketAddr) -> Result<Envoy> {
    let ads = json!({"ads": {}, "resource_api_version": "V3"});
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    Envoy::run(json!({
        "node": {"id": "envoy", "cluster": "test"},
        "dynamic_resources": {
            "ads_config": {
                "api_type": match protocol {
                    Protocol::Delta => "DELTA_GRPC",
                    _ => "GRPC",
                },
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "control_plane"}}],
            },
            "lds_config": ads,
            "cds_config": ads,
        },
        "static_resources": {"clusters": [{
            "name": "control_plane",
            "type": "STATIC",
            "load_assignment": {"cluster_name": "control_plane", "endpoints": [{
                "lb_endpoints": [{"endpoint": {"address": {"socket_address": {
                    "address": control_plane.ip().to_string(),
                    "port_value": control_plane.port(),
                }}}}],
            }]},
            "typed_extension_protocol_options": {options: {
                "@type": format!("type.googleapis.com/{options}"),
                "explicit_http_config": {"http2_protocol_options": {}},
            }},
        }]},
    }))
    .await
}

/// Waits until all nodes, so many, have what is in force.
async fn synchronized(serving: &Serving, mesh: &Mesh, nodes: usize) -> Result {
    let end = Instant::now() + BOUND;
    loop {
        let version = Some(mesh.status().version);
        let status = serving.status();
        let all = status.nodes.iter().all(|node| node.synchronized == version);
        if all && status.nodes.len() == nodes {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("not synchronized: {status:#?}").into());
        }
        sleep(Duration::from_millis(2)).await;
    }
}

async fn accepts(protocol: Protocol, number: u8) -> Result {
    let mesh = Mesh::new();
    mesh.publish(Config::default())?;
    let (serving, address, _) = serve(&mesh, number).await?;
    let mut events = serving.events();
    let envoy = envoy(protocol, address).await?;
    let (mut served, mut accepted, mut rejected) = (0, 0, Vec::new());
    for set in sets()? {
        let Some(config) = set.load()? else {
            continue;
        };
        mesh.publish(config)?;
        synchronized(&serving, &mesh, 1).await?;
        served += 1;
        while let Ok(event) = events.try_recv() {
            match &event.kind {
                NodeEventKind::Rejected { .. } => rejected.push(format!("{}: {event}", set.name)),
                NodeEventKind::Accepted { .. } => accepted += 1,
                _ => {}
            }
        }
    }
    assert!(rejected.is_empty(), "{}", rejected.join("\n"));
    assert!(served > 100 && accepted > served, "{served} {accepted}");
    let dump = envoy.config_dump().await?;
    assert!(dump.to_string().contains("dynamic_active_clusters"));
    serving.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_accepts_all_yaml_of_the_project() -> Result {
    accepts(Protocol::Sotw, 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_accepts_all_yaml_of_the_project_in_delta() -> Result {
    accepts(Protocol::Delta, 2).await
}

/// Waits until these are the routes of the mesh that follows the control plane.
async fn followed(mesh: &Mesh, routes: &RouteConfiguration) -> Result {
    let end = Instant::now() + BOUND;
    let text = |routes: &RouteConfiguration| {
        let mut routes = routes.clone();
        canonical::routes(&mut routes);
        canonical::text(&routes)
    };
    let expected = text(routes);
    loop {
        let snapshot = mesh.load();
        let found = snapshot
            .routers()
            .first()
            .map(|router| text(router.config()));
        if found.as_deref() == Some(&*expected) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("has {found:?}\nnot {expected}").into());
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// A configuration after the other is published; Envoy and the mesh's client, which both follow the
/// control plane, answer alike.
async fn routes(protocol: Protocol, number: u8) -> Result {
    let draws = Draws::new(u64::from(number));
    let upstreams = Arc::new(Upstreams::start(&CLUSTERS).await?);
    let mesh = Mesh::new();
    let config = |routes: &RouteConfiguration| {
        let clusters = upstreams.clusters();
        let clusters = clusters.iter();
        clusters.fold(Config::default().routing(routes.clone()), |all, (c, e)| {
            all.cluster(c.clone(), e.endpoints().cloned())
        })
    };
    mesh.publish(config(&RouteConfiguration::new("rc", Vec::new())))?;
    let (serving, address, ip) = serve(&mesh, number).await?;
    let _envoy = envoy(protocol, address).await?;
    let follower = Mesh::new();
    let bootstrap = Bootstrap::new(address.to_string().parse()?, "mesh");
    let source = XdsSource::new(bootstrap).with_protocol(protocol);
    let _xds = source.with_everything().start(&follower).await?;
    let client = Client::builder(&follower).random(Seeded::new(1));
    let client = client.source_address([127, 0, 0, 1].into()).build();
    let mut asked = 0;
    let mut differ = Vec::new();
    for case in 0..10 {
        let routes = route_configuration(&draws);
        mesh.publish(config(&routes))?;
        synchronized(&serving, &mesh, 2).await?;
        followed(&follower, &routes).await?;
        let requests = std::iter::repeat_with(|| request(&draws, &routes))
            .filter(|request| differences::excluded(request).is_none());
        let mut tasks = JoinSet::new();
        for request in requests.take(16) {
            asked += 1;
            let at = (ip, ANY_PORT).into();
            let name = format!("{number}-{case}-{asked}");
            let (client, upstreams) = (client.clone(), upstreams.clone());
            tasks.spawn(async move {
                let found = disagree(at, &name, &request, &client, &upstreams).await;
                found.map(|both| both.map(|both| format!("{both}\n{request:?}")))
            });
        }
        while let Some(found) = tasks.join_next().await {
            differ.extend(found??.map(|both| format!("{both}\n{routes:?}")));
        }
    }
    let rejected = serving
        .status()
        .nodes
        .into_iter()
        .flat_map(|node| node.types);
    let rejected: Vec<_> = rejected.filter_map(|of| of.rejected).collect();
    assert!(rejected.is_empty(), "{rejected:?}");
    assert!(differ.is_empty(), "{} differ: {}", differ.len(), differ[0]);
    // Were most of them 404, little would be compared.
    assert!(upstreams.arrived() > asked / 3);
    Ok(())
}

/// Asks both until they agree: Envoy accepts a configuration before its worker has it.
async fn disagree(
    envoy: SocketAddr,
    name: &str,
    request: &Message,
    client: &Client,
    upstreams: &Upstreams,
) -> Result<Option<String>> {
    let end = Instant::now() + Duration::from_secs(2);
    let mesh = ask::mesh(client, &format!("{name}m"), request, upstreams).await?;
    let mesh = Answer {
        flags: None,
        ..mesh
    };
    for attempt in 0.. {
        let mut said = ask::envoy(envoy, &format!("{name}e{attempt}"), request, upstreams).await?;
        for attempt in &mut said.upstream {
            attempt.headers.retain(|(name, _)| name != "x-request-id");
        }
        if said == mesh || differences::excused(&said, &mesh).is_some() {
            break;
        }
        if Instant::now() > end {
            return Ok(Some(format!("Envoy: {said}\nmesh: {mesh}")));
        }
    }
    Ok(None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_routes_as_the_meshs_client_does() -> Result {
    routes(Protocol::Sotw, 3).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_routes_as_the_meshs_client_does_in_delta() -> Result {
    routes(Protocol::Delta, 4).await
}
