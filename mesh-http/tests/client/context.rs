//! What a call inherits from the inbound request.

use std::time::Duration;

use mesh_core::{Flag, policy::Cluster};
use mesh_http::{Context, trace_context::TraceContext};
use tokio::time::Instant;

use crate::script::{Act, Endpoints, endpoint, mesh, route};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(start_paused = true)]
async fn deadline_and_trace_travel_to_outbound_calls() {
    let endpoints = Endpoints::default();
    endpoints.act(1, [Act::Stall]);
    let mesh = mesh(route(|a| a), [(Cluster::new("c"), vec![endpoint(1)])]);
    let client = endpoints.client(&mesh);
    let started = Instant::now();
    let context = Context::new()
        .with_deadline((started + Duration::from_secs(3)).into_std())
        .with_trace(TraceContext::parse_parent(PARENT.as_bytes()).unwrap());
    let error = context
        .clone()
        .scope(client.get("http://svc/").send())
        .await
        .unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamTimeout);
    assert!(error.to_string().contains("inherited"), "{error}");
    assert_eq!(started.elapsed(), Duration::from_secs(3));

    let sent = endpoints.requests()[0].headers()["traceparent"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
        "{sent}"
    );
    assert!(sent.ends_with("-01"), "{sent}");
    assert_ne!(sent, PARENT, "the call is a span of its own");

    // Given by hand where the task-local is lost.
    endpoints.act(1, [Act::Answer(200)]);
    let spawned = tokio::spawn(client.get("http://svc/").inherit(context).send());
    assert_eq!(
        spawned.await.unwrap().unwrap_err().flag(),
        Flag::UpstreamTimeout
    );
}
