//! The leaf of the stack: the picked endpoint's own connections.

use std::{sync::Arc, time::Duration};

use http::{StatusCode, uri::Scheme};
use mesh_core::{
    Flag,
    cluster::{Cluster, ClusterState, Endpoint},
    policy::RoutingPriority,
};

use crate::{
    Error,
    call::{Call, Exchange, Step},
    connections::{ConnectionSet, Gate, Limits, Permit, SendError, SendErrorKind},
};

/// Sends each attempt on a connection of the endpoint that was picked for it. The connections live
/// with the endpoint: they survive config changes, and go when it goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connections;

impl Step for Connections {
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        let Call {
            exchange, ledger, ..
        } = call;
        let (Some(endpoint), Some(destination)) = (&ledger.endpoint, &ledger.destination) else {
            return Err(Error::invalid(
                "no endpoint was picked: put Connections below a BalanceLayer",
            ));
        };
        // Until connections can be encrypted, nobody who asks for it gets less.
        let uri = exchange.request_mut()?.uri();
        if uri.scheme() == Some(&Scheme::HTTPS) {
            return Err(Error::invalid(format!(
                "{uri}: https asks for TLS, which connections do not have yet; http sends it in plain text",
            )));
        }
        let cluster = destination.cluster();
        let connections = endpoint
            .slot()
            .get_or_init(|| EndpointConnections::new(endpoint, cluster));
        let limits = Limits {
            gate: Some(match destination.action().map(|a| a.priority) {
                Some(RoutingPriority::High) => &connections.high,
                _ => &connections.default,
            }),
            // Where a deadline bounds the attempt, it bounds the wait for a connection too.
            max_wait: ledger.limits.deadline.map(|_| Duration::MAX),
            http2_only: ledger.env.http2_only,
        };
        let request = exchange.take_request()?;
        match connections.set.send(request, limits).await {
            Ok(response) => {
                *exchange = Exchange::Response(response);
                Ok(())
            }
            Err(error) => Err(upstream_error(error, endpoint, cluster)),
        }
    }
}

/// What an endpoint's slot holds.
struct EndpointConnections {
    set: ConnectionSet,
    default: Arc<dyn Gate>,
    high: Arc<dyn Gate>,
}

impl EndpointConnections {
    fn new(endpoint: &Endpoint, cluster: &Cluster) -> Self {
        let gate = |priority| -> Arc<dyn Gate> {
            Arc::new(ClusterGate {
                state: cluster.state().clone(),
                priority,
            })
        };
        Self {
            set: ConnectionSet::new(endpoint.address().clone(), (&**cluster.policy()).into()),
            default: gate(RoutingPriority::Default),
            high: gate(RoutingPriority::High),
        }
    }
}

/// The cluster's circuit breakers, for one routing priority.
struct ClusterGate {
    state: Arc<ClusterState>,
    priority: RoutingPriority,
}

impl Gate for ClusterGate {
    fn try_connection(&self, first: bool) -> Option<Permit> {
        let permit = if first {
            self.state.first_connection(self.priority)
        } else {
            self.state.try_connection(self.priority).ok()?
        };
        Some(counted(permit))
    }

    fn try_pending(&self) -> Option<Permit> {
        self.state.try_pending(self.priority).ok().map(counted)
    }
}

fn counted(permit: Option<mesh_core::cluster::Permit>) -> Permit {
    permit.map_or_else(Permit::uncounted, Permit::new)
}

#[cold]
fn upstream_error(error: SendError, endpoint: &Endpoint, cluster: &Cluster) -> Error {
    let message = format!(
        "cluster `{}`, endpoint {}: {error}",
        cluster.name(),
        endpoint.address()
    );
    match error.kind {
        SendErrorKind::Failure(failure) => Error::upstream(failure, message),
        SendErrorKind::Overflow => Error::overflow(message),
        SendErrorKind::Request => {
            Error::new(Flag::InvalidRequest, StatusCode::BAD_REQUEST, message)
        }
    }
    .with_sent(error.sent)
    .with_cluster(cluster.name().clone())
    .with_source(error.into_source())
}
