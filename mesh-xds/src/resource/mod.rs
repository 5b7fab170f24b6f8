//! xDS resources into policy, one file for each message family.
//!
//! ```text
//!  bytes ──walk──▶ ignored fields, rejections      (every field, by the table of pb::schema)
//!    └──prost──▶ pb::* ──translate──▶ policy       (meaning: bounds, oneofs, what is supported)
//! ```
//!
//! Two phases, so that one bad resource is rejected by name while its siblings apply
//! ([`decode`]). Nothing is ignored in silence: every field of every message is read, or listed as
//! ignored, or a reason to reject the resource; `docs/xds-fields.md` has the table.
//!
//! Rules: Envoy's, and gRFC A27, A28, A39, A44, A46, A52 where Envoy leaves a choice.

mod aggregate;
mod assemble;
mod circuit_breakers;
mod cluster;
mod endpoint;
mod filter;
mod filter_chain_match;
mod forward;
mod hash_tables;
mod header;
mod internal_redirect;
mod lb_policy;
mod listener;
mod matcher;
mod mirror;
mod outlier_detection;
mod protocol_options;
mod redirect;
pub(crate) mod report;
mod retry;
mod route;
mod subset;
mod tcp_proxy;
#[cfg(test)]
mod tests;
mod value;
pub(crate) mod walk;

use std::{fmt, sync::Arc};

use mesh_core::policy::{Name, RouteConfiguration, VirtualHost};
use prost::Message;

use self::report::{At, Report, Source};
pub use self::{
    assemble::Resources,
    cluster::{Cluster, Endpoints},
    endpoint::Assignment,
    listener::{Chain, Filter, Listener, Manager, Routes},
    report::Finding,
};
use crate::pb::{self, protobuf::Any, schema};

/// A resource that is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource {
    /// LDS.
    Listener(Box<Listener>),
    /// RDS.
    RouteConfiguration(Arc<RouteConfiguration>),
    /// VHDS.
    VirtualHost(Arc<VirtualHost>),
    /// CDS.
    Cluster(Box<Cluster>),
    /// EDS.
    ClusterLoadAssignment(Arc<Assignment>),
}

/// A resource and its name.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// What the resource calls itself.
    pub name: Name,
    /// The version that it came with first.
    pub version: Name,
    /// What it says.
    pub resource: Resource,
    /// Fields that have no effect, for people to see.
    pub ignored: Vec<Finding>,
}

/// A resource that is rejected, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// What it calls itself, empty when that cannot be read.
    pub name: Name,
    /// Every reason.
    pub problems: Vec<Finding>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)?;
        for (i, problem) in self.problems.iter().enumerate() {
            write!(f, "{} {problem}", if i == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// Reads one resource of a response of `version`.
///
/// # Errors
/// When it must be rejected (NACK): this one, not its siblings.
pub fn decode(any: &Any, version: &Arc<str>) -> Result<Accepted, Rejected> {
    let type_name = schema::type_name(&any.type_url);
    let kind = type_name
        .rsplit_once('.')
        .map_or(type_name, |(_, kind)| kind);
    let decoded = Wire::decode(type_name, &any.value);
    let name = decoded.as_ref().map(Wire::name).unwrap_or_default();
    let report = Report::new(Source::Xds {
        kind: kind.into(),
        resource: name.clone(),
        version: version.clone(),
    });
    if let Some(message) = schema::message(type_name) {
        walk::walk(&report.root(), message, &any.value);
    }
    let resource = match decoded {
        Ok(pb) => pb.translate(&report.root()),
        Err(why) => {
            report.root().fail(why);
            None
        }
    };
    let (problems, ignored) = report.into_findings();
    match resource {
        Some(resource) if problems.is_empty() => Ok(Accepted {
            name,
            version: version.clone(),
            resource,
            ignored,
        }),
        _ => Err(Rejected { name, problems }),
    }
}

/// A resource that is protobuf, and no more is known of it.
#[derive(Debug)]
pub(crate) enum Wire {
    Listener(Box<pb::listener::Listener>),
    RouteConfiguration(Box<pb::route::RouteConfiguration>),
    VirtualHost(Box<pb::route::VirtualHost>),
    Cluster(Box<pb::cluster::Cluster>),
    ClusterLoadAssignment(pb::endpoint::ClusterLoadAssignment),
}

impl Wire {
    /// The first phase.
    pub(crate) fn decode(type_name: &str, bytes: &[u8]) -> Result<Self, String> {
        fn read<M: Message + Default>(bytes: &[u8]) -> Result<Box<M>, String> {
            M::decode(bytes)
                .map(Box::new)
                .map_err(|error| error.to_string())
        }
        Ok(match type_name {
            "envoy.config.listener.v3.Listener" => Self::Listener(read(bytes)?),
            "envoy.config.route.v3.RouteConfiguration" => Self::RouteConfiguration(read(bytes)?),
            "envoy.config.route.v3.VirtualHost" => Self::VirtualHost(read(bytes)?),
            "envoy.config.cluster.v3.Cluster" => Self::Cluster(read(bytes)?),
            "envoy.config.endpoint.v3.ClusterLoadAssignment" => {
                Self::ClusterLoadAssignment(*read(bytes)?)
            }
            other => return Err(format!("`{other}` is no resource that is known")),
        })
    }

    pub(crate) fn encode(&self) -> Any {
        fn any<M: Message + prost::Name>(pb: &M) -> Any {
            Any {
                type_url: format!("type.googleapis.com/{}", M::full_name()),
                value: pb.encode_to_vec(),
            }
        }
        match self {
            Self::Listener(pb) => any(&**pb),
            Self::RouteConfiguration(pb) => any(&**pb),
            Self::VirtualHost(pb) => any(&**pb),
            Self::Cluster(pb) => any(&**pb),
            Self::ClusterLoadAssignment(pb) => any(pb),
        }
    }

    pub(crate) fn name(&self) -> Name {
        match self {
            Self::Listener(pb) => &pb.name,
            Self::RouteConfiguration(pb) => &pb.name,
            Self::VirtualHost(pb) => &pb.name,
            Self::Cluster(pb) => &pb.name,
            Self::ClusterLoadAssignment(pb) => &pb.cluster_name,
        }
        .as_str()
        .into()
    }

    /// The second phase: what is wrong is recorded at `at`.
    pub(crate) fn translate(&self, at: &At<'_>) -> Option<Resource> {
        Some(match self {
            Self::Listener(pb) => Resource::Listener(listener::listener(at, pb)?.into()),
            Self::RouteConfiguration(pb) => {
                if pb.name.is_empty() {
                    at.field("name").fail("is required");
                }
                Resource::RouteConfiguration(route::route_configuration(at, pb)?.into())
            }
            Self::VirtualHost(pb) => Resource::VirtualHost(route::virtual_host(at, pb)?.into()),
            Self::Cluster(pb) => Resource::Cluster(cluster::cluster(at, pb)?.into()),
            Self::ClusterLoadAssignment(pb) => {
                value::required_text(&at.field("cluster_name"), &pb.cluster_name)?;
                Resource::ClusterLoadAssignment(endpoint::assignment(at, pb).into())
            }
        })
    }
}
