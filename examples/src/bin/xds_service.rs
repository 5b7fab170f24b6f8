//! A service whose calls go where a control plane says: what `examples/kubernetes` runs under istiod.
//!
//! `GRPC_XDS_BOOTSTRAP` names the control plane, as it does for gRPC; Istio's agent sets it. It serves
//! `/` on `LISTEN` (default `0.0.0.0:8080`) under the name `NAME`, and with `UPSTREAM` (a service and
//! its port, `reviews.default.svc.cluster.local:8080`) it calls that to answer, by the mesh.
//!
//! `cargo run --features xds --bin xds_service`

use std::{env, error::Error, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use mesh_core::{Mesh, telemetry::NoRecorder};
use mesh_http::{
    Client,
    server::{Drain, Listener, ServerLayer, serve},
};
use mesh_xds::{XdsSource, bootstrap::Bootstrap};
use tokio::signal::unix::{SignalKind, signal};
use tower::Layer;

/// Longer than Kubernetes needs to tell the others that this one goes, and less than it waits.
const DRAIN: Duration = Duration::from_secs(25);

#[derive(Clone)]
struct Service {
    name: String,
    upstream: Option<String>,
    client: Client,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mesh = Mesh::new();
    let service = Service {
        name: env::var("NAME").unwrap_or_else(|_| "service".to_owned()),
        upstream: env::var("UPSTREAM").ok(),
        client: Client::new(&mesh),
    };
    if let Some(upstream) = &service.upstream {
        // Does not wait: until its control plane is there, the service answers 502 and says why.
        let source = XdsSource::new(Bootstrap::from_env().await?).with_target(upstream);
        source.start_in_background(&mesh)?;
    }

    let drain = Drain::new();
    let layer = ServerLayer::new(NoRecorder).with_drain(drain.clone());
    let app = Router::new().route("/", get(answer)).with_state(service);
    let listen = env::var("LISTEN").unwrap_or_else(|_| "0.0.0.0:8080".to_owned());
    let listener = Listener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);
    let server = tokio::spawn(serve(listener, layer.layer(app), drain.clone()).into_future());

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    drain.start(DRAIN);
    println!("{} connections were cut", server.await?.cut);
    Ok(())
}

/// Its name, and what the upstream says.
async fn answer(State(service): State<Service>) -> (StatusCode, String) {
    let name = &service.name;
    let Some(upstream) = &service.upstream else {
        return (StatusCode::OK, format!("{name}\n"));
    };
    match call(&service.client, upstream).await {
        Ok(text) => (StatusCode::OK, format!("{name} -> {text}")),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{name} -> {error}\n")),
    }
}

async fn call(client: &Client, upstream: &str) -> Result<String, mesh_http::Error> {
    let reply = client.get(format!("http://{upstream}/")).send().await?;
    reply.into_body().text().await
}
