//! From a control plane to sockets.

#![cfg(test)]

mod cache;
mod clusters;
mod csds;
mod docs;
mod faults;
mod go_control_plane;
mod on_demand;
mod resources;
mod scale;
mod tls;

use std::time::Duration;

use mesh_core::Mesh;
use mesh_http::Client;
use mesh_tests::{ControlPlane, Server, get};
use mesh_xds::{
    XdsSource,
    bootstrap::{Bootstrap, ServerUri},
    client::Xds,
};

/// However busy the machine is.
const LONG: Duration = Duration::from_secs(30);

fn bootstrap(control_plane: &ControlPlane) -> Bootstrap {
    let uri: ServerUri = control_plane.address.to_string().parse().unwrap();
    Bootstrap::new(uri, "test")
}

fn source(control_plane: &ControlPlane) -> XdsSource {
    XdsSource::new(bootstrap(control_plane)).with_start_timeout(LONG)
}

/// A mesh that follows `targets`, or everything when there are none.
async fn joined(control_plane: &ControlPlane, targets: &[&str]) -> (Mesh, Client, Xds) {
    let mesh = Mesh::new();
    let source = source(control_plane);
    let source = match targets {
        [] => source.with_everything(),
        targets => targets.iter().fold(source, |s, t| s.with_target(*t)),
    };
    let xds = source.start(&mesh).await.unwrap();
    let client = Client::new(&mesh);
    (mesh, client, xds)
}

/// Who answers; the status when it is not 200.
async fn who(client: &Client, host: &str) -> String {
    let reply = get(client, &format!("http://{host}/"), &[]).await;
    match reply.status {
        200 => reply.by,
        _ => format!("{} {}", reply.status, reply.flag),
    }
}

async fn servers<const N: usize>(names: [&str; N]) -> Vec<Server> {
    let mut servers = Vec::new();
    for name in names {
        servers.push(Server::start(name).await);
    }
    servers
}

/// Waits until an asynchronous condition holds.
async fn eventually<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    mesh_tests::within(async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
