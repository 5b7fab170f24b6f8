//! Why a request goes where it goes: the whole way, from the port dialled to the endpoints.
//!
//! It asks the engines that route and pick, so it cannot tell another story than they do; it changes
//! nothing, not even a round robin's turn.

use std::{fmt, time::Instant};

use crate::{
    Random, Snapshot,
    cluster::{EndpointStatus, Health, PickArgs, PickError},
    policy::{LbPolicy, Metadata, Name, Origin, OutlierDetection},
    routing::{self, Decision, Dialled, RequestHead, RouteExplanation},
};

/// The way of one request, as data; `Display` makes a report of several lines, each with the file
/// and line, or xDS resource, behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The snapshot asked.
    pub version: u64,
    /// The port dialled.
    pub port: u16,
    /// The routing, or why no listener takes the port.
    pub routing: Result<RouteExplanation, String>,
    /// The cluster and its endpoints, when routing leads to one.
    pub cluster: Option<ClusterReport>,
}

/// What a request finds in its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterReport {
    /// Its name; of an aggregate, the one of its clusters that takes the request.
    pub name: Name,
    /// Where it was configured; `None` when no such cluster exists (503 NC).
    pub found: Option<FoundCluster>,
}

/// A cluster that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundCluster {
    /// Where it was configured.
    pub origin: Origin,
    /// How one endpoint is chosen.
    pub lb_policy: LbPolicy,
    /// When endpoints are ejected.
    pub outlier_detection: Option<OutlierDetection>,
    /// The endpoints to choose from, unhealthy ones included; or why there are none.
    pub endpoints: Result<Vec<EndpointStatus>, PickError>,
    /// Whether so few are healthy that health is not looked at.
    pub panic: bool,
}

/// Explains what `snapshot` does with a request that dials `dialled`, given the request's `draw` (for
/// weights and runtime fractions).
pub fn explain(
    snapshot: &Snapshot,
    head: &RequestHead<'_>,
    dialled: Dialled<'_>,
    draw: u64,
    now: Instant,
    random: &dyn Random,
) -> Explanation {
    let routing = snapshot
        .outbound(dialled)
        .map(|(_, router)| routing::explain(router, head, draw))
        .ok_or_else(|| snapshot.no_outbound(dialled));
    let cluster = match routing.as_ref().map(|r| &r.decision) {
        Ok(Decision::Cluster(choice)) => choice.name.as_deref().map(|name| {
            let target = snapshot.target(name, draw, || now);
            let name = target.map_or_else(|| name.into(), |target| target.name().clone());
            let found = found(snapshot, &name, &choice.subset, now, random);
            ClusterReport { name, found }
        }),
        _ => None,
    };
    Explanation {
        version: snapshot.version(),
        port: dialled.port,
        routing,
        cluster,
    }
}

pub(crate) fn found(
    snapshot: &Snapshot,
    name: &str,
    subset: &Metadata,
    now: Instant,
    random: &dyn Random,
) -> Option<FoundCluster> {
    let cluster = snapshot.cluster(name)?;
    let policy = cluster.policy();
    let args = PickArgs {
        metadata_match: subset,
        ..PickArgs::new(now, random)
    };
    let (endpoints, panic) = match cluster.candidates(&args) {
        Ok((endpoints, panic)) => (Ok(endpoints), panic),
        Err(error) => (Err(error), false),
    };
    Some(FoundCluster {
        origin: policy.origin.clone(),
        lb_policy: policy.lb_policy.clone(),
        outlier_detection: policy.outlier_detection.clone(),
        endpoints,
        panic,
    })
}

impl Explanation {
    /// The cluster's name, when routing leads to one.
    pub fn cluster_name(&self) -> Option<&str> {
        self.cluster.as_ref().map(|c| &*c.name)
    }

    /// The place that decided: the matched route's, else the virtual host's or listener's.
    pub fn origin(&self) -> Option<&Origin> {
        let routing = self.routing.as_ref().ok()?;
        let matched = routing
            .rules
            .iter()
            .find(|rule| rule.outcome == routing::RuleOutcome::Matched);
        Some(matched.map_or(&routing.origin, |rule| &rule.origin))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.routing {
            Ok(routing) => write!(f, "{routing}")?,
            Err(why) => return write!(f, "{why}: 404 (NR)"),
        }
        let Some(cluster) = &self.cluster else {
            return Ok(());
        };
        write!(f, "\n{}", Found(cluster))
    }
}

/// The report of a cluster.
pub(crate) struct Found<'a>(pub(crate) &'a ClusterReport);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(cluster) = self;
        let Some(found) = &cluster.found else {
            return write!(f, "cluster `{}` does not exist: 503 (NC)", cluster.name);
        };
        let lb = match &found.lb_policy {
            LbPolicy::RoundRobin => "round robin".to_owned(),
            LbPolicy::LeastRequest { choice_count } => {
                format!("least request of {choice_count}")
            }
            LbPolicy::Random => "random".to_owned(),
            LbPolicy::RingHash(_) => "ring hash".to_owned(),
            LbPolicy::Maglev(_) => "Maglev".to_owned(),
        };
        write!(f, "  configured at {}: {lb}", found.origin)?;
        match &found.outlier_detection {
            Some(outlier) => write!(f, ", outlier detection ({})", outlier.origin)?,
            None => write!(f, ", no outlier detection")?,
        }
        if found.panic {
            write!(f, "; in panic: health is not looked at")?;
        }
        match &found.endpoints {
            Ok(endpoints) if endpoints.is_empty() => {
                write!(f, "\n  no endpoints: 503 no healthy upstream (UH)")
            }
            Ok(endpoints) => endpoints.iter().try_for_each(|e| endpoint(f, e)),
            Err(error) => write!(f, "\n  {error}: 503 (UH)"),
        }
    }
}

fn endpoint(f: &mut fmt::Formatter<'_>, status: &EndpointStatus) -> fmt::Result {
    let health = match status.health {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Unhealthy => "unhealthy",
        Health::Ejected { .. } => "ejected",
    };
    write!(
        f,
        "\n  endpoint {} ({}): {health}, weight {}, {} in flight",
        status.address, status.origin, status.weight, status.in_flight
    )?;
    if !status.metadata.is_empty() {
        write!(f, ", {}", status.metadata)?;
    }
    if status.ejections > 0 {
        write!(f, ", ejected {} times", status.ejections)?;
    }
    Ok(())
}
