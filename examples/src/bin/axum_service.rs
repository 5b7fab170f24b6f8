//! An axum service behind the mesh's server layer, which drains when it is told to stop.
//!
//! `cargo run --bin axum_service`, then `cargo run --bin quickstart` in another terminal. Ctrl-C
//! begins the drain: requests under way end first.

use std::{error::Error, time::Duration};

use axum::{Router, routing::get};
use mesh_core::telemetry::NoRecorder;
use mesh_http::{
    Context,
    server::{Drain, Listener, ServerLayer, serve},
};
use tower::Layer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let drain = Drain::new();
    let layer = ServerLayer::new(NoRecorder).with_drain(drain.clone());
    let app = Router::new().route("/", get(hello));
    let listener = Listener::bind("127.0.0.1:8081").await?;
    println!("listening on {}", listener.local_addr()?);

    // The same with axum's own loop: `axum::serve(listener, app.layer(layer))
    // .with_graceful_shutdown(drain.signalled())`. That one waits for idle connections without end.
    let server = tokio::spawn(serve(listener, layer.layer(app), drain.clone()).into_future());
    tokio::signal::ctrl_c().await?;
    drain.start(Duration::from_secs(25));
    println!("{} connections were cut", server.await?.cut);
    Ok(())
}

/// The deadline came along with the request, and would go along with calls made from here.
async fn hello() -> String {
    let now = tokio::time::Instant::now().into_std();
    match Context::current().and_then(|context| context.remaining(now)) {
        Some(left) => format!("hello, {} ms before the deadline", left.as_millis()),
        None => "hello, without a deadline".to_owned(),
    }
}
