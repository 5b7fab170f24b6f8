//! What operators see of a client.

use std::fmt;

use mesh_core::policy::Name;

use super::{Kind, Problem, ads::Entry, authorities::Authorities, decoder::Decoder};
use crate::resource::Finding;

/// The state of a source, its control planes and its resources.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct XdsStatus {
    /// Every control plane of the bootstrap.
    pub servers: Vec<ServerStatus>,
    /// Every resource that is known or wanted, by kind and name. The client's: sources share it.
    pub resources: Vec<ResourceStatus>,
    /// What this source waits for, as ``Cluster `name` ``.
    pub waiting: Vec<String>,
    /// What it has and cannot use.
    pub problems: Vec<String>,
}

/// A control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStatus {
    /// `server_uri`.
    pub uri: String,
    /// There is a stream, and it has answered.
    pub connected: bool,
    /// Why it cannot be reached.
    pub error: Option<String>,
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceStatus {
    /// Its type.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// The version in use; `None` when there is none.
    pub version: Option<Name>,
    /// What is in use was saved by an earlier process ([`XdsSource::with_cache`](super::XdsSource)).
    pub is_saved: bool,
    /// What is wrong with it; with a version, that is of the time since.
    pub problem: Option<Problem>,
    /// Its fields that have no effect.
    pub ignored: Vec<Finding>,
}

impl fmt::Display for ResourceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} `{}`", self.kind, self.name)?;
        match (&self.version, &self.problem) {
            (Some(version), None) => write!(f, "@{version}"),
            (Some(version), Some(problem)) => write!(f, "@{version}, since then: {problem}"),
            (None, Some(problem)) => write!(f, ": {problem}"),
            (None, None) => f.write_str(": not received yet"),
        }
    }
}

pub(super) fn servers(authorities: &Authorities) -> Vec<ServerStatus> {
    let servers = authorities.all.iter().flat_map(|a| a.ads.servers());
    servers
        .map(|(uri, connected, error)| ServerStatus {
            uri: uri.to_owned(),
            connected,
            error: error.map(str::to_owned),
        })
        .collect()
}

pub(super) fn resources(authorities: &Authorities) -> Vec<ResourceStatus> {
    let kinds = Kind::ALL.into_iter();
    let mut all: Vec<_> = kinds
        .flat_map(|kind| {
            authorities
                .entries(kind)
                .map(move |(n, e)| resource(kind, n, e))
        })
        .collect();
    all.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    all
}

fn resource(kind: Kind, name: &Name, entry: &Entry<Decoder>) -> ResourceStatus {
    let held = entry.held();
    ResourceStatus {
        kind,
        name: name.clone(),
        version: held.map(|h| h.version.clone()),
        is_saved: entry.is_saved(),
        problem: entry.problem().cloned(),
        ignored: held.map(|h| h.resource.ignored.clone()).unwrap_or_default(),
    }
}

/// What is wrong at present, for [`mesh_core::Mesh::status`]; within a bound.
pub(super) fn summary(authorities: &Authorities, problems: &[String]) -> Option<String> {
    const SHOWN: usize = 20;
    let mut all: Vec<String> = Vec::new();
    all.extend(authorities.unreachable().map(ToString::to_string));
    let mut resources: Vec<String> = Kind::ALL
        .into_iter()
        .flat_map(|kind| {
            let entries = authorities.entries(kind);
            entries
                .filter_map(move |(name, e)| Some(format!("{kind:?} `{name}`: {}", e.problem()?)))
        })
        .collect();
    resources.sort();
    all.extend(resources);
    all.extend_from_slice(problems);
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    (!all.is_empty()).then(|| all.join("\n"))
}
