//! Picks the endpoint of one attempt, and counts the attempt as under way until its response's body
//! has ended.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use mesh_core::{
    cluster::{Cluster, PickArgs, PickError},
    policy::{HostRewrite, Metadata, RoutingPriority},
};

use super::{Outlier, OutlierLayer, rewrite_host};
use crate::{
    Error,
    call::{Call, Destination, Step, now},
};

pub(super) const X_ENVOY_ATTEMPT_COUNT: HeaderName =
    HeaderName::from_static("x-envoy-attempt-count");

static NO_METADATA: Metadata = Metadata::EMPTY;

/// Chooses among the endpoints of a cluster: the routed one, or one given by hand.
#[derive(Clone, Debug)]
pub struct BalanceLayer {
    cluster: Option<Arc<Cluster>>,
}

impl BalanceLayer {
    /// Every request goes to `cluster`.
    pub const fn new(cluster: Arc<Cluster>) -> Self {
        Self {
            cluster: Some(cluster),
        }
    }

    /// Each request goes to the cluster that its route chose.
    pub const fn from_route() -> Self {
        Self { cluster: None }
    }
}

/// See [`BalanceLayer`].
#[derive(Debug)]
pub struct Balance<S> {
    cluster: Option<Arc<Cluster>>,
    inner: S,
}

super::step_layer!(BalanceLayer => Balance over Outlier(OutlierLayer), |layer, inner| Balance {
    cluster: layer.cluster.clone(),
    inner,
});

impl<S: Step> Step for Balance<S> {
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        if let Some(cluster) = &self.cluster {
            call.ledger.end_in_flight();
            call.ledger.destination = Some(Destination::Cluster(cluster.clone()));
        }
        pick(call)?;
        let result = self.inner.call(call).await;
        if result.is_err() {
            call.ledger.end_in_flight();
        }
        result
    }
}

/// The breaker, the endpoint, and the headers that depend on it.
fn pick(call: &mut Call) -> Result<(), Error> {
    let Some(destination) = &call.ledger.destination else {
        return Err(Error::invalid(
            "the balancer was given no cluster: put it below a RouteLayer, or make it with BalanceLayer::new",
        ));
    };
    let cluster = destination.cluster();
    let target = destination.target();
    let action = destination.action();
    let priority = action.map_or(RoutingPriority::Default, |a| a.priority);
    let state = cluster.state();
    let token = state.begin_request(priority).map_err(|overflow| {
        Error::overflow(overflow.to_string()).with_cluster(cluster.name().clone())
    })?;
    let retrying = call.retrying.as_ref();
    let tried = retrying
        .and_then(|r| r.tried.as_deref())
        .unwrap_or_default();
    let picked = cluster.pick(&PickArgs {
        now: if call.ledger.attempts == 0 {
            call.ledger.attempt_started
        } else {
            now()
        },
        random: &*call.ledger.env.random,
        metadata_match: action.map_or(&NO_METADATA, |a| &a.metadata_match),
        weighted_metadata_match: target
            .and_then(|t| t.weighted())
            .map_or(&NO_METADATA, |w| &w.metadata_match),
        tried,
        host_attempts: if tried.is_empty() {
            0
        } else {
            destination
                .retry_policy()
                .map_or(1, |p| p.host_selection_retry_max_attempts)
        },
        hash: call.extras().and_then(|extras| extras.hash),
    });
    let endpoint = match picked {
        Ok(pick) => pick.in_flight,
        Err(error) => {
            state.end_request(token);
            return Err(no_endpoint(&error, cluster));
        }
    };
    if let Some(tried) = call.retrying.as_mut().and_then(|r| r.tried.as_mut()) {
        tried.push(endpoint.clone());
    }
    let attempt = call.ledger.attempts + 1;
    if matches!(
        action.and_then(|a| a.host_rewrite.as_ref()),
        Some(HostRewrite::Auto)
    ) && !endpoint.hostname().is_empty()
        && let Ok(host) = HeaderValue::from_str(endpoint.hostname())
    {
        let forwarded = action.is_some_and(|a| a.append_x_forwarded_host);
        rewrite_host(call.exchange.request_mut()?, host, forwarded);
    }
    // The first is counted before the route's header changes.
    if attempt > 1 && target.is_some_and(|t| t.virtual_host().include_request_attempt_count) {
        let headers = call.exchange.request_mut()?.headers_mut();
        headers.insert(X_ENVOY_ATTEMPT_COUNT, HeaderValue::from(attempt));
    }
    call.ledger.begin_attempt(token, endpoint);
    if let Some(retrying) = &mut call.retrying {
        retrying.release_mirrors();
    }
    Ok(())
}

#[cold]
fn no_endpoint(error: &PickError, cluster: &Cluster) -> Error {
    Error::new(
        mesh_core::Flag::NoHealthyUpstream,
        http::StatusCode::SERVICE_UNAVAILABLE,
        error.to_string(),
    )
    .with_body("no healthy upstream")
    .with_cluster(cluster.name().clone())
}
