//! From a target to an open stream: what Envoy's `tcp_proxy` does before the first byte.

use std::{io, sync::Arc, time::Duration};

use http::StatusCode;
use mesh_core::{
    Failure, Flag, Mesh, Outcome, Snapshot,
    cluster::{Cluster, Endpoint, Pick, PickArgs},
    policy::{RoutingPriority, TcpClusterWeight, TcpProxy},
};
use tokio::time::timeout;

use super::{Stream, Target, limits::Limits, session::Session};
use crate::{
    Context, Error,
    call::{Environment, now},
    connect::{Io, connect as open},
};

/// How often to pick again when an endpoint came out that could not be connected to. Envoy takes
/// whatever comes; its balancer's next pick is usually another.
const HOST_ATTEMPTS: u32 = 10;

/// See [`Connector::connect`](super::Connector::connect).
pub(super) async fn connect(
    mesh: &Mesh,
    env: &Arc<Environment>,
    target: &Target,
) -> Result<Stream, Error> {
    let mut session = Session::new(env, target);
    let result = establish(&mesh.load(), &mut session, target).await;
    session.flag = result.as_ref().err().map(Error::flag);
    match result {
        Ok((io, limits)) => Ok(Stream::new(io, session, limits)),
        Err(error) => {
            let error = error.within(format_args!("{target}"));
            tracing::debug!(parent: &session.span, %error, flag = %error.flag(), "connection failed");
            Err(error)
        }
    }
}

async fn establish(
    snapshot: &Snapshot,
    session: &mut Session,
    target: &Target,
) -> Result<(Io, Limits), Error> {
    let route = target.with_connection(|connection| {
        let route = snapshot.tcp_route(connection);
        route.map(|route| route.proxy)
    });
    let proxy = route.map_err(|why| Error::no_route(why.to_string()))?;
    let deadline = Context::current().and_then(|context| context.deadline());
    let mut tried: Vec<Arc<Endpoint>> = Vec::new();
    let mut failed: Option<Error> = None;
    // Envoy's order: the cluster, its breaker, the attempts left, the endpoint.
    loop {
        let draw = session.env.random.next_u64();
        let entry = proxy.clusters.pick(draw);
        let cluster = snapshot
            .target(&entry.name, draw, now)
            .ok_or_else(|| no_cluster(entry))?;
        session.cluster = Some(cluster.clone());
        let state = cluster.state();
        let permit = match state.try_connection(RoutingPriority::Default) {
            Ok(permit) => permit,
            Err(overflow) => {
                return Err(ended(
                    failed,
                    || Error::overflow(overflow.to_string()),
                    cluster,
                ));
            }
        };
        if session.attempts >= proxy.max_connect_attempts.get()
            && let Some(mut error) = failed
        {
            error.set_no_retry(Flag::UpstreamRetryLimitExceeded);
            return Err(error);
        }
        let pick = match pick(session, proxy, entry, cluster, &tried) {
            Ok(pick) => pick,
            Err(error) => return Err(ended(failed, || error, cluster)),
        };
        session.attempts += 1;
        // Limits how many connect at once, as for a request that waits for a connection.
        let pending = match state.try_pending(RoutingPriority::Default) {
            Ok(pending) => pending,
            Err(overflow) => {
                return Err(ended(
                    failed,
                    || Error::overflow(overflow.to_string()),
                    cluster,
                ));
            }
        };
        let started = now();
        let left = deadline.map(|at| at.saturating_duration_since(started));
        let result = attempt(cluster, pick.endpoint(), left).await;
        drop(pending);
        match result {
            Ok(io) => {
                session.record_attempt(cluster, &pick, started, Outcome::Connected);
                session.held = Some((pick, permit));
                return Ok((io, Limits::new(proxy, now())));
            }
            Err(mut error) => {
                error.set_attempts(session.attempts);
                match error.failure() {
                    // Time that ran out for the caller says nothing of the endpoint.
                    None | Some(Failure::Timeout) => return Err(error),
                    Some(failure) => {
                        let outcome = Outcome::Failure(failure);
                        session.record_attempt(cluster, &pick, started, outcome);
                    }
                }
                tried.push(pick.endpoint().clone());
                failed = Some(error);
            }
        }
    }
}

fn pick(
    session: &Session,
    proxy: &TcpProxy,
    entry: &TcpClusterWeight,
    cluster: &Cluster,
    tried: &[Arc<Endpoint>],
) -> Result<Pick, Error> {
    let picked = cluster.pick(&PickArgs {
        metadata_match: &proxy.metadata_match,
        weighted_metadata_match: &entry.metadata_match,
        tried,
        host_attempts: if tried.is_empty() { 0 } else { HOST_ATTEMPTS },
        ..PickArgs::new(now(), &*session.env.random)
    });
    picked.map_err(|error| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Error::new(Flag::NoHealthyUpstream, status, error.to_string())
            .with_cluster(cluster.name().clone())
    })
}

/// One connect, within the cluster's limit and what is left of the caller's time.
async fn attempt(
    cluster: &Cluster,
    endpoint: &Endpoint,
    left: Option<Duration>,
) -> Result<Io, Error> {
    let policy = cluster.policy();
    let limit = policy.connect_timeout;
    let within = left.map_or(limit, |left| left.min(limit));
    let opening = open(
        endpoint.address(),
        policy.connection_pool.tcp_keepalive.as_ref(),
    );
    let error = match timeout(within, opening).await {
        Ok(Ok(io)) => return Ok(io),
        Ok(Err(error)) => {
            let message = format!("cannot connect: {error}");
            Error::upstream(Failure::Connect, message).with_source(error)
        }
        Err(_) if within < limit => {
            let message = "the deadline inherited from the inbound request ran out";
            Error::upstream(Failure::Timeout, message)
        }
        Err(_) => {
            let message = format!("no connection within {limit:?}");
            let source = io::Error::from(io::ErrorKind::TimedOut);
            Error::upstream(Failure::ConnectTimeout, message).with_source(source)
        }
    };
    let (name, address) = (cluster.name(), endpoint.address());
    Err(error
        .within(format_args!("cluster `{name}`, endpoint {address}"))
        .with_cluster(name.clone()))
}

/// An end before an endpoint could be tried: the error, unless an earlier attempt's says more.
fn ended(failed: Option<Error>, error: impl FnOnce() -> Error, cluster: &Cluster) -> Error {
    let error = error().with_cluster(cluster.name().clone());
    match failed {
        Some(mut failed) => {
            failed.set_no_retry(error.flag());
            failed
        }
        None => error,
    }
}

#[cold]
fn no_cluster(entry: &TcpClusterWeight) -> Error {
    let message = format!(
        "{}: the route leads to cluster `{}`, which does not exist",
        entry.origin, entry.name
    );
    Error::new(Flag::NoCluster, StatusCode::SERVICE_UNAVAILABLE, message)
        .with_cluster(entry.name.clone())
}
