//! A generated tonic client through the mesh, and a tonic server behind the mesh's server stack.
//!
//! `cargo run -p mesh-grpc --example health`

use std::{error::Error, time::Duration};

use mesh_core::{Config, Mesh, policy::*, telemetry::NoRecorder};
use mesh_http::server::{Drain, Listener, ServerLayer, serve};
use tonic::{Request, service::Routes};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower_layer::Layer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The server: tonic's routes are a tower service, which the mesh serves.
    let (_reporter, health) = tonic_health::server::health_reporter();
    let drain = Drain::new();
    let layer = ServerLayer::new(NoRecorder).with_drain(drain.clone());
    let listener = Listener::bind("127.0.0.1:0").await?;
    let address = Address::from(listener.local_addr()?);
    let service = layer.layer(Routes::new(health).prepare());
    let server = tokio::spawn(serve(listener, service, drain.clone()).into_future());

    // The client: policy in code here; `FileSource` and `XdsSource` bring it from elsewhere.
    let mesh = Mesh::new();
    mesh.publish(
        Config::default()
            .routing(RouteConfiguration::new(
                "all",
                vec![VirtualHost::new(
                    ["reviews.prod"],
                    vec![Route::to_cluster(RouteMatch::any(), "reviews")],
                )],
            ))
            .cluster(Cluster::new("reviews"), [Endpoint::new(address)]),
    )?;
    let channel = mesh_grpc::Channel::new(&mesh, "xds:///reviews.prod")?;
    let mut request = Request::new(HealthCheckRequest::default());
    request.set_timeout(Duration::from_secs(1));
    let answer = HealthClient::new(channel).check(request).await?;
    println!("{:?}", answer.into_inner().status());

    drain.start(Duration::from_secs(5));
    server.await?;
    Ok(())
}
