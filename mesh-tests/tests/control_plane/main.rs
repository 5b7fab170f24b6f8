//! The mesh's own control plane, from YAML to sockets: its own client and gRPC's C core follow it.

#![cfg(test)]

mod grpc_core;
mod own_client;

use std::net::SocketAddr;

use mesh_core::Mesh;
use mesh_tests::{Dir, document};
use mesh_xds::{
    FileSource,
    server::{ControlPlane, Serving},
};
use tokio::net::TcpListener;

/// A service with endpoints of versions `v1` and `v2`.
fn service(host: &str, port: u16, protocol: &str, endpoints: &[(&str, u16)]) -> String {
    let endpoints = endpoints.iter().map(|(version, port)| {
        format!(
            "- address: 127.0.0.1\n  ports: {{main: {port}}}\n  labels: {{version: {version}}}\n"
        )
    });
    let endpoints: String = endpoints.collect();
    let entry = format!(
        "hosts: [{host}]\nlocation: MESH_INTERNAL\nresolution: STATIC\n\
         ports: [{{number: {port}, name: main, protocol: {protocol}}}]\nendpoints:\n{endpoints}"
    );
    let rule = format!(
        "host: {host}\nsubsets:\n- name: v1\n  labels: {{version: v1}}\n\
         - name: v2\n  labels: {{version: v2}}\n"
    );
    document("ServiceEntry", "service", &entry) + &document("DestinationRule", "versions", &rule)
}

/// Who sends `x-user: tester` to `v2`, and of all others so many percent.
fn split(host: &str, v1: u32, v2: u32) -> String {
    let spec = format!(
        "hosts: [{host}]\nhttp:\n\
         - match:\n  - headers: {{x-user: {{exact: tester}}}}\n  route:\n  - destination: {{host: {host}, subset: v2}}\n\
         - route:\n  - destination: {{host: {host}, subset: v1}}\n    weight: {v1}\n  \
         - destination: {{host: {host}, subset: v2}}\n    weight: {v2}\n"
    );
    document("VirtualService", "split", &spec)
}

/// A control plane of a directory, in this process.
async fn serve(dir: &Dir, at: SocketAddr) -> (Serving, Mesh, SocketAddr) {
    let mesh = Mesh::new();
    let started = FileSource::new(dir.path()).start(&mesh).await;
    started.unwrap_or_else(|error| panic!("{error}"));
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    (ControlPlane::new(&mesh).serve(listener), mesh, address)
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
