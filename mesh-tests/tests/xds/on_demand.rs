//! What is called is subscribed, when it is called.

use mesh_tests::{
    resources::{api_listener, service},
    within,
};

use super::*;

async fn on_demand(control_plane: &ControlPlane, within: Duration) -> (Mesh, Client, Xds) {
    let mesh = Mesh::new();
    let source = source(control_plane).with_on_demand(within);
    let xds = source.start(&mesh).await.unwrap();
    let client = Client::new(&mesh);
    (mesh, client, xds)
}

#[tokio::test]
async fn a_call_to_an_unknown_host_waits_for_its_listener() {
    let servers = servers(["a", "b"]).await;
    let all = [
        service("a", &[servers[0].address]),
        service("b", &[servers[1].address]),
    ];
    let control_plane = ControlPlane::start(all.concat()).await;
    let (mesh, client, _xds) = on_demand(&control_plane, LONG).await;
    // Nothing is asked for, nor connected to, before something is called.
    assert!(control_plane.requests().is_empty());
    assert!(mesh.load().clusters().is_empty());
    // Several at once, of one host in two cases.
    let both = within(async { tokio::join!(who(&client, "a"), who(&client, "A")) }).await;
    assert_eq!((&*both.0, &*both.1), ("a", "a"));
    assert_eq!(control_plane.asked("Listener"), ["a:80".to_owned()].into());
    assert_eq!(mesh.load().clusters().len(), 1);
    assert_eq!(who(&client, "b").await, "b");
    assert_eq!(mesh.load().clusters().len(), 2);
    // From here on they are known: nobody is asked.
    drop(control_plane);
    assert_eq!(who(&client, "a").await, "a");
}

#[tokio::test]
async fn what_does_not_come_in_time_is_a_named_error() {
    let control_plane = ControlPlane::start([api_listener("a:80", "a")]).await;
    let (_mesh, client, _xds) = on_demand(&control_plane, Duration::from_millis(300)).await;
    let reply = get(&client, "http://a/", &[]).await;
    assert_eq!(reply.outcome(), (404, "NR"));
    assert!(
        reply
            .text
            .contains("`a:80` was not received within 300 ms; waiting for: RouteConfiguration `a`"),
        "{}",
        reply.text
    );
    // The caller's own time counts, too.
    let begin = tokio::time::Instant::now();
    let slow = ControlPlane::start([]).await;
    let (_mesh, client, _xds) = on_demand(&slow, Duration::from_secs(3600)).await;
    let deadline = begin.into_std() + Duration::from_millis(200);
    let context = mesh_http::Context::default().with_deadline(deadline);
    let call = context.scope(async { get(&client, "http://a/", &[]).await });
    assert_eq!(within(call).await.outcome(), (504, "UT"));
}

#[tokio::test]
async fn on_demand_without_a_control_plane_is_a_named_error_at_once() {
    let mut control_plane = ControlPlane::start([]).await;
    control_plane.kill().await;
    let (_mesh, client, _xds) = on_demand(&control_plane, Duration::from_secs(3600)).await;
    let reply = get(&client, "http://a/", &[]).await;
    assert_eq!(reply.outcome(), (404, "NR"));
    assert!(
        reply.text.contains("`a:80`: control plane unreachable: "),
        "{}",
        reply.text
    );
    // It comes back, and with it what was called.
    let servers = servers(["a"]).await;
    control_plane.put(service("a", &[servers[0].address]));
    control_plane.revive().await;
    eventually(|| async { who(&client, "a").await == "a" }).await;
}
