//! Policy without files: a 90/10 split over two servers, built in code, and why one request went
//! where it did.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, routing::get};
use http::Request;
use mesh_core::{
    Config, Mesh, Seeded,
    policy::{
        Cluster, Endpoint, RetryOn, RetryPolicy, Route, RouteConfiguration, RouteMatch, VirtualHost,
    },
    telemetry::NoRecorder,
};
use mesh_http::{
    BoxError, Client,
    server::{Drain, Listener, ServerLayer, serve},
};
use tower::Layer;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (v1, v2) = (server("v1").await?, server("v2").await?);
    let split = Route::split(RouteMatch::any(), [("reviews-v1", 90), ("reviews-v2", 10)])?;
    let mut reviews = VirtualHost::new(["reviews"], vec![split]);
    reviews.retry_policy = Some(Arc::new(RetryPolicy::new(RetryOn::GATEWAY_ERROR, 2)));

    let mesh = Mesh::new();
    mesh.publish(
        Config::default()
            .routing(RouteConfiguration::new("all", vec![reviews]))
            .cluster(Cluster::new("reviews-v1"), [v1])
            .cluster(Cluster::new("reviews-v2"), [v2]),
    )?;

    let client = Client::builder(&mesh).random(Seeded::new(7)).build();
    let mut counts = BTreeMap::new();
    for _ in 0..1000 {
        let reply = client.get("http://reviews/").send().await?;
        *counts.entry(reply.into_body().text().await?).or_insert(0) += 1;
    }
    println!("{counts:?}");
    let request = Request::get("http://reviews/").body(())?;
    println!("{}", client.explain(&request)?);
    Ok(())
}

/// Serves `version` on a free port.
async fn server(version: &'static str) -> Result<Endpoint, BoxError> {
    let app = Router::new().route("/", get(move || async move { version }));
    let listener = Listener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::new(listener.local_addr()?);
    let app = ServerLayer::new(NoRecorder).layer(app);
    tokio::spawn(serve(listener, app, Drain::new()).into_future());
    Ok(endpoint)
}
