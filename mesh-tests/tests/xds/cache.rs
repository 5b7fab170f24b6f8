//! Starts without a control plane.

use mesh_tests::{
    Dir,
    resources::{endpoints, service},
    until,
};

use super::*;

#[tokio::test]
async fn the_last_good_resources_serve_while_no_control_plane_can_be_reached() {
    let servers = servers(["one", "two"]).await;
    let mut control_plane = ControlPlane::start(service("a", &[servers[0].address])).await;
    let dir = Dir::new();
    let file = dir.path().join("cache");
    let source = || {
        let source = source(&control_plane).with_cache(&file);
        source.with_target("a:80")
    };
    let mesh = Mesh::new();
    let xds = source().start(&mesh).await.unwrap();
    until("the file", || file.is_file()).await;
    drop((mesh, xds));
    until("the client has ended", || control_plane.streams() == 0).await;

    control_plane.kill().await;
    let source = XdsSource::new(bootstrap(&control_plane))
        .with_cache(&file)
        .with_target("a:80")
        .with_start_timeout(LONG);
    let mesh = Mesh::new();
    let xds = source.clone().start(&mesh).await.unwrap();
    let client = Client::new(&mesh);
    assert_eq!(who(&client, "a").await, "one");
    let error = mesh.status().last_error.unwrap();
    assert!(error.contains("control plane unreachable"), "{error}");
    assert!(xds.status().await.resources.iter().all(|r| r.is_saved));

    // It comes back, and says something else.
    control_plane.put([endpoints("a", &[servers[1].address])]);
    control_plane.revive().await;
    eventually(|| async { who(&client, "a").await == "two" }).await;
    let is_saved = async || xds.status().await.resources.iter().any(|r| r.is_saved);
    eventually(|| async { !is_saved().await }).await;
    drop((mesh, xds, client));
    until("the client has ended", || control_plane.streams() == 0).await;

    // A file that is broken is told, and otherwise as if it were not there.
    std::fs::write(&file, b"\x7fgarbage").unwrap();
    let mesh = Mesh::new();
    let xds = source.start(&mesh).await.unwrap();
    assert_eq!(who(&Client::new(&mesh), "a").await, "two");
    let problems = xds.status().await.problems;
    assert!(problems[0].contains("cache is not used: "), "{problems:?}");
}
