//! Why a connection goes where it goes: from the host and port dialled to the endpoints.

use std::{fmt, time::Instant};

use crate::{
    Random, Snapshot,
    explain::{ClusterReport, Found, found},
    policy::{FilterChain, Name, Origin, TcpProxy},
    routing::{
        ChainOutcome, ClusterExplanation, Connection, How, NoTcpRoute, WeightExplanation,
        explain_filter_chains,
    },
};

/// The way of one connection, as data; `Display` makes a report of several lines, each with the file
/// and line, or xDS resource, behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpExplanation {
    /// The snapshot asked.
    pub version: u64,
    /// The host dialled.
    pub host: String,
    /// The port dialled.
    pub port: u16,
    /// What took it; `None` when nothing did.
    pub listener: Option<ListenerExplanation>,
    /// Which cluster, or why none.
    pub route: Result<ClusterExplanation, NoTcpRoute>,
    /// The cluster and its endpoints, when routing leads to one.
    pub cluster: Option<ClusterReport>,
}

/// The listener that took a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerExplanation {
    /// Its name.
    pub name: Name,
    /// Where it was configured.
    pub origin: Origin,
    /// Its filter chains in order, the default one last.
    pub chains: Vec<ChainExplanation>,
}

/// What came of one filter chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainExplanation {
    /// Its name; may be empty.
    pub name: Name,
    /// Where it was configured, if it says so.
    pub origin: Option<Origin>,
    /// Whether it was chosen, or why not.
    pub outcome: ChainOutcome,
}

/// Explains what `snapshot` does with a connection, given its `draw` for weights.
pub fn explain_tcp(
    snapshot: &Snapshot,
    connection: &Connection<'_>,
    draw: u64,
    now: Instant,
    random: &dyn Random,
) -> TcpExplanation {
    let listener = snapshot.listener(connection.host, connection.port);
    let listener = listener.map(|(listener, address)| {
        let connection = Connection {
            address: connection.address.or(address),
            ..*connection
        };
        let outcomes = explain_filter_chains(listener, &connection);
        let chains = listener.chains().zip(outcomes).map(chain).collect();
        ListenerExplanation {
            name: listener.name.clone(),
            origin: listener.origin.clone(),
            chains,
        }
    });
    let route = snapshot.tcp_route(connection);
    let route = route.map(|route| weights(route.proxy, draw));
    let cluster = route.as_ref().ok().and_then(|route| {
        let name = route.name.as_deref()?;
        Some(ClusterReport {
            name: name.into(),
            found: found(snapshot, name, &route.subset, now, random),
        })
    });
    TcpExplanation {
        version: snapshot.version(),
        host: connection.host.to_owned(),
        port: connection.port,
        listener,
        route,
        cluster,
    }
}

fn chain((chain, outcome): (&FilterChain, ChainOutcome)) -> ChainExplanation {
    ChainExplanation {
        name: chain.name.clone(),
        origin: match &chain.filter {
            crate::policy::NetworkFilter::Tcp(proxy) => Some(proxy.origin.clone()),
            crate::policy::NetworkFilter::Http(_) => None,
        },
        outcome,
    }
}

fn weights(proxy: &TcpProxy, draw: u64) -> ClusterExplanation {
    let clusters = &proxy.clusters;
    let chosen = clusters.pick(draw);
    let subset = proxy.metadata_match.merged(&chosen.metadata_match);
    let mut to = 0;
    let entries: Vec<_> = clusters
        .entries()
        .iter()
        .map(|entry| {
            let from = to;
            to += u64::from(entry.weight);
            WeightExplanation {
                cluster: entry.name.clone(),
                weight: entry.weight,
                from,
                to,
                chosen: std::ptr::eq(entry, chosen),
                origin: entry.origin.clone(),
            }
        })
        .collect();
    let how = match entries.len() {
        1 => How::Named,
        _ => How::Weighted {
            entries,
            draw,
            from_header: None,
            from_hash: false,
            total: clusters.total(),
            roll: draw % u64::from(clusters.total()),
        },
    };
    ClusterExplanation {
        name: Some(chosen.name.to_string()),
        how,
        subset,
    }
}

impl TcpExplanation {
    /// The cluster's name, when routing leads to one.
    pub fn cluster_name(&self) -> Option<&str> {
        self.cluster.as_ref().map(|c| &*c.name)
    }
}

impl fmt::Display for TcpExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}", self.host, self.port)?;
        if let Some(listener) = &self.listener {
            writeln!(f, "listener `{}` ({})", listener.name, listener.origin)?;
            for (index, chain) in listener.chains.iter().enumerate() {
                writeln!(f, "  {}", Chain(index, chain))?;
            }
        }
        match (&self.route, &self.cluster) {
            (Err(why), _) => write!(f, "{why} (NR)"),
            (Ok(route), None) => route.fmt(f),
            (Ok(route), Some(cluster)) => write!(f, "{route}\n{}", Found(cluster)),
        }
    }
}

struct Chain<'a>(usize, &'a ChainExplanation);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(index, chain) = self;
        write!(f, "chain {index}")?;
        if !chain.name.is_empty() {
            write!(f, " `{}`", chain.name)?;
        }
        if let Some(origin) = &chain.origin {
            write!(f, " ({origin})")?;
        }
        match chain.outcome {
            ChainOutcome::Chosen => f.write_str(": chosen"),
            ChainOutcome::Failed(criterion) => write!(f, ": no: {criterion} does not match"),
            ChainOutcome::LessSpecific(criterion) => {
                write!(f, ": no: another chain's {criterion} is more specific")
            }
            ChainOutcome::NotNeeded => f.write_str(": the default, not needed"),
        }
    }
}
