//! One layer of the mesh in a stack of your own: retries around a service that has nothing to do
//! with a mesh.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use mesh_core::policy::{RetryOn, RetryPolicy};
use mesh_http::{
    Body, BoxError,
    layer::{RetryLayer, TimeoutLayer},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let flaky = service_fn(|_: Request<Body>| async {
        let call = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        let mut response = Response::new(Body::from(format!("call {call} answered")));
        if call < 3 {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok::<_, Infallible>(response)
    });
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(2)))
        .layer(RetryLayer::new(RetryPolicy::new(RetryOn::GATEWAY_ERROR, 2)))
        .service(flaky);

    let request = Request::get("http://anywhere/").body(Body::empty())?;
    let reply = service.oneshot(request).await?;
    println!("{}: {}", reply.status(), reply.into_body().text().await?);
    Ok(())
}
