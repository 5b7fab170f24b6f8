//! What resources lead to.

use mesh_tests::{
    resources::{
        api_listener, api_listener_with, broken_cluster, cluster, endpoints, fault_filter, routes,
        service, socket_listener,
    },
    until,
};
use mesh_xds::client::ProblemKind;

use super::*;

#[tokio::test]
async fn only_what_is_called_is_subscribed() {
    let servers = servers(["a", "b"]).await;
    let all = ["a", "b", "c"].into_iter().zip([0, 1, 1]);
    let all = all.flat_map(|(name, i)| service(name, &[servers[i].address]));
    let control_plane = ControlPlane::start(all).await;
    let (mesh, client, xds) = joined(&control_plane, &["a:80"]).await;
    assert_eq!(who(&client, "a").await, "a");
    assert_eq!(who(&client, "b").await, "404 NR");
    assert_eq!(mesh.load().clusters().len(), 1);

    let subscription = xds.subscribe("xds:///b:80", LONG).await.unwrap();
    assert_eq!(who(&client, "b").await, "b");
    assert_eq!(who(&client, "a").await, "a");
    for kind in ["v3.Cluster", "ClusterLoadAssignment", "RouteConfiguration"] {
        assert_eq!(
            control_plane.asked(kind),
            ["a", "b"].map(str::to_owned).into()
        );
    }
    assert_eq!(
        control_plane.asked("Listener"),
        ["a:80", "b:80"].map(str::to_owned).into()
    );

    drop(subscription);
    until("b is left", || mesh.load().clusters().len() == 1).await;
    assert_eq!(who(&client, "b").await, "404 NR");
    let unsubscribed = |request: &mesh_xds::pb::discovery::DiscoveryRequest| {
        request.type_url.ends_with("Listener") && request.resource_names == ["a:80"]
    };
    until("the control plane is told", || {
        control_plane.requests().iter().rposition(unsubscribed) > Some(2)
    })
    .await;
}

#[tokio::test]
async fn everything_is_followed_when_asked_for() {
    let servers = servers(["a", "b"]).await;
    let control_plane = ControlPlane::start([
        socket_listener("web", 80, "web"),
        routes("web", "*", &[("a", 1)]),
        cluster("a"),
        cluster("unused"),
        endpoints("a", &[servers[0].address]),
        endpoints("unused", &[servers[1].address]),
    ])
    .await;
    let (mesh, client, _xds) = joined(&control_plane, &[]).await;
    assert_eq!(who(&client, "anything").await, "a");
    assert_eq!(mesh.load().clusters().len(), 2);
    // A new cluster with its endpoints, and routes to it: one whole.
    control_plane.put([
        routes("web", "*", &[("b", 1)]),
        cluster("b"),
        endpoints("b", &[servers[1].address]),
    ]);
    until("routes lead to b", || {
        let snapshot = mesh.load();
        snapshot.dangling().is_empty() && snapshot.clusters().len() == 3
    })
    .await;
    eventually(|| async { who(&client, "anything").await == "b" }).await;
}

#[tokio::test]
async fn endpoints_change_without_a_new_snapshot() {
    let servers = servers(["one", "two"]).await;
    let control_plane = ControlPlane::start(service("a", &[servers[0].address])).await;
    let (mesh, client, _xds) = joined(&control_plane, &["a:80"]).await;
    assert_eq!(who(&client, "a").await, "one");
    let version = mesh.load().version();
    control_plane.put([endpoints("a", &[servers[1].address])]);
    eventually(|| async { who(&client, "a").await == "two" }).await;
    control_plane.put([endpoints("a", &[])]);
    eventually(|| async { who(&client, "a").await == "503 UH" }).await;
    assert_eq!(mesh.load().version(), version);
}

/// gRFC A46, A74, A88.
#[tokio::test]
async fn a_broken_resource_is_rejected_by_name_while_its_siblings_apply() {
    let servers = servers(["one", "two", "three"]).await;
    let both = [
        service("a", &[servers[0].address]),
        service("b", &[servers[0].address]),
    ];
    let control_plane = ControlPlane::start(both.concat()).await;
    let (mesh, client, xds) = joined(&control_plane, &["a:80", "b:80"]).await;
    control_plane.put([broken_cluster("a"), endpoints("b", &[servers[1].address])]);
    until("the rejection", || !control_plane.rejections().is_empty()).await;
    let rejections = control_plane.rejections();
    assert!(
        rejections[0].starts_with("1 of 2 resources rejected: `a`: lb_policy"),
        "{rejections:?}"
    );
    // The last good cluster is in use; its endpoints, and those of others, go on changing.
    eventually(|| async { who(&client, "b").await == "two" }).await;
    assert_eq!(who(&client, "a").await, "one");
    control_plane.put([endpoints("a", &[servers[2].address])]);
    eventually(|| async { who(&client, "a").await == "three" }).await;

    let status = xds.status().await;
    let a = status
        .resources
        .iter()
        .find(|r| &*r.name == "a" && r.problem.is_some())
        .unwrap();
    assert_eq!(a.problem.as_ref().unwrap().kind, ProblemKind::Rejected);
    assert!(a.version.is_some());
    until("operators see it", || {
        mesh.status()
            .last_error
            .is_some_and(|e| e.contains("Cluster `a`: `a`: lb_policy"))
    })
    .await;
    control_plane.put([cluster("a")]);
    until("it is over", || mesh.status().last_error.is_none()).await;
}

#[tokio::test]
async fn fields_without_effect_are_listed_by_resource() {
    let servers = servers(["a"]).await;
    let mut resources = service("a", &[servers[0].address]);
    // `alt_stat_name`, field 28, which pb does not have since it is not read.
    resources[2].value.extend(*b"\xe2\x01\x05other");
    let control_plane = ControlPlane::start(resources).await;
    let (mesh, _client, xds) = joined(&control_plane, &["a:80"]).await;
    let status = xds.status().await;
    let ignored: Vec<_> = status
        .resources
        .iter()
        .flat_map(|r| r.ignored.iter().map(move |f| format!("{r}: {}", f.field)))
        .collect();
    assert!(
        ignored.iter().any(|i| i == "Cluster `a`@2: alt_stat_name"),
        "{ignored:?}"
    );
    let told = || -> Vec<String> {
        let notes = mesh.status().notes;
        notes.iter().map(ToString::to_string).collect()
    };
    assert!(
        told()
            .iter()
            .any(|n| n.starts_with("ignored: Cluster/a@2: alt_stat_name: ")),
        "{:?}",
        told()
    );
    // Endpoints too, whose changes come into force without a new snapshot.
    let mut assigned = endpoints("a", &[servers[0].address]);
    // `endpoint_stale_after`, field 4 of `policy`, field 4.
    assigned.value.extend(*b"\x22\x02\x22\x00");
    control_plane.put([assigned]);
    until("the note", || {
        let told = told();
        told.iter().any(|n| {
            n.starts_with("ignored: ClusterLoadAssignment/a@3: policy.endpoint_stale_after")
        })
    })
    .await;
}

#[tokio::test]
async fn a_mesh_follows_one_source() {
    let servers = servers(["a"]).await;
    let control_plane = ControlPlane::start(service("a", &[servers[0].address])).await;
    let (mesh, client, xds) = joined(&control_plane, &["a:80"]).await;
    let name = format!("xDS from {}", control_plane.address);
    assert_eq!(mesh.status().source.as_deref(), Some(&*name));
    let second = source(&control_plane).with_target("a:80").start(&mesh);
    let error = second.await.unwrap_err();
    assert!(error.to_string().contains(&name), "{error}");
    assert_eq!(who(&client, "a").await, "a");
    // The mesh itself holds it, too.
    drop(xds);
    assert!(mesh.status().source.is_some());
}

/// gRPC's targets differ in whatever their listeners say, though they share a port.
#[tokio::test]
async fn targets_of_a_port_have_their_own_filters() {
    let servers = servers(["a", "b"]).await;
    let mut all = service("a", &[servers[0].address]);
    all.extend(service("b", &[servers[1].address]));
    all[4] = api_listener_with("b:80", "b", &[fault_filter(418)]);
    let control_plane = ControlPlane::start(all).await;
    let (mesh, client, _xds) = joined(&control_plane, &["a:80", "b:80"]).await;
    assert_eq!(who(&client, "a").await, "a");
    assert_eq!(who(&client, "b").await, "418 FI");
    assert_eq!(mesh.status().last_error, None);
}

/// gRFC A57: 15 s, so this test takes as long.
#[tokio::test]
async fn what_does_not_come_is_known_not_to_exist() {
    let servers = servers(["a"]).await;
    let mut resources = service("a", &[servers[0].address]);
    resources.push(api_listener("b:80", "b"));
    let control_plane = ControlPlane::start(resources).await;
    // `a` is not held up by `b`.
    let mesh = Mesh::new();
    let source = source(&control_plane)
        .with_target("a:80")
        .with_target("b:80");
    let xds = source.start_in_background(&mesh).unwrap();
    let client = Client::new(&mesh);
    eventually(|| async { who(&client, "a").await == "a" }).await;
    let early = xds.ready(Duration::ZERO).await.unwrap_err();
    assert_eq!(
        early.to_string(),
        "not received within 0 s: RouteConfiguration `b`"
    );
    xds.ready(LONG).await.unwrap();
    assert_eq!(who(&client, "b").await, "404 NR");
    let status = xds.status().await;
    let b = status.resources.iter().find(|r| &*r.name == "b").unwrap();
    assert_eq!(
        b.to_string(),
        format!(
            "RouteConfiguration `b`: {} did not send it within 15 s",
            control_plane.address
        )
    );
}

/// One client, however many sources.
#[tokio::test]
async fn sources_of_one_bootstrap_share_a_stream() {
    let servers = servers(["a", "b"]).await;
    let all = [
        service("a", &[servers[0].address]),
        service("b", &[servers[1].address]),
    ];
    let control_plane = ControlPlane::start(all.concat()).await;
    let (_one, first, _) = joined(&control_plane, &["a:80"]).await;
    let (two, second, xds) = joined(&control_plane, &["a:80", "b:80"]).await;
    assert_eq!(who(&first, "a").await, "a");
    assert_eq!(who(&second, "b").await, "b");
    assert_eq!(who(&first, "b").await, "404 NR");
    assert_eq!(control_plane.streams(), 1);
    // The one goes, the other stays; with the last the stream goes.
    drop((two, second, xds));
    until("what only the second wanted is left", || {
        let requests = control_plane.requests();
        let last = requests
            .iter()
            .rfind(|r| r.type_url.ends_with("v3.Cluster"));
        last.unwrap().resource_names == ["a"]
    })
    .await;
    assert_eq!(control_plane.streams(), 1);
    drop((_one, first));
    until("nobody is left", || control_plane.streams() == 0).await;
}

/// VHDS, ECDS and SDS are not there: what needs them is rejected by the name of the field.
#[tokio::test]
async fn what_leads_to_other_discovery_services_is_rejected_by_name() {
    let servers = servers(["a"]).await;
    let mut resources = service("a", &[servers[0].address]);
    let control_plane = ControlPlane::start(resources.clone()).await;
    let (_mesh, client, _xds) = joined(&control_plane, &["a:80"]).await;
    // `RouteConfiguration.vhds`, field 9.
    resources[1].value.extend(*b"\x4a\x00");
    // `Cluster.transport_socket`, field 24, of a name that no transport socket has here.
    resources[2].value.extend(*b"\xc2\x01\x05\x0a\x03tls");
    // A filter whose configuration would come by ECDS: it has none of its own.
    let mut on_demand = fault_filter(500);
    on_demand.config_type = None;
    let broken = api_listener_with("a:80", "a", &[on_demand]);
    control_plane.put([broken, resources[1].clone(), resources[2].clone()]);
    until("three rejections", || control_plane.rejections().len() > 2).await;
    let told = control_plane.rejections().join("\n");
    for part in ["vhds: ", "transport_socket", "http_filters[0]"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    // What was good goes on.
    assert_eq!(who(&client, "a").await, "a");
}
