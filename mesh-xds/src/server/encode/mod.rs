//! Policy into xDS resources, one file for each message family: the reverse of
//! [`resource`](crate::resource), whose reading of what is written here yields an equal policy.
//!
//! What policy says and a client cannot be told is never left out in silence: each such place is a
//! [`Note`] with the origin of the policy (file and line). Either the rest of the resource is said
//! without it ([`NoteKind::Ignored`]), or the resource is not served ([`NoteKind::NotApplied`]).

mod cluster;
mod endpoint;
mod filter;
mod forward;
mod grpc;
mod header;
mod listener;
mod matcher;
mod retry;
mod route;
mod value;

use std::net::SocketAddr;

use mesh_core::{
    Note, NoteKind,
    policy::{
        Cluster, ClusterLoadAssignment, HttpConnectionManager, Listener, Origin, RouteConfiguration,
    },
};

use self::value::any;
use super::view::Dialect;
use crate::pb::{
    core::{
        AggregatedConfigSource, ApiVersion, ConfigSource, config_source::ConfigSourceSpecifier,
    },
    protobuf::Any,
};

/// One resource in the making.
pub(crate) struct Encoder<'a> {
    dialect: &'a Dialect,
    /// Of what is being encoded.
    origin: Origin,
    notes: &'a mut Vec<Note>,
}

impl<'a> Encoder<'a> {
    /// For a client of this kind; what it cannot be told goes into `notes`.
    pub(crate) fn new(dialect: &'a Dialect, notes: &'a mut Vec<Note>) -> Self {
        Self {
            dialect,
            origin: Origin::Code,
            notes,
        }
    }

    /// For a part whose origin this is.
    pub(crate) fn of(mut self, origin: &Origin) -> Self {
        self.enter(origin);
        self
    }

    /// CDS. `None`: it cannot be said.
    pub(crate) fn encode_cluster(mut self, cluster: &Cluster) -> Option<Any> {
        self.cluster(cluster).map(|pb| any(&pb))
    }

    /// EDS, of a cluster.
    pub(crate) fn encode_assignment(
        mut self,
        cluster: &Cluster,
        assignment: &ClusterLoadAssignment,
    ) -> Any {
        let factor = cluster.overprovisioning_factor;
        any(&self.assignment(&cluster.name, assignment, factor))
    }

    /// RDS. `None`: it cannot be said.
    pub(crate) fn encode_routes(mut self, routes: &RouteConfiguration) -> Option<Any> {
        self.route_configuration(routes).map(|pb| any(&pb))
    }

    /// LDS, on a socket. `None`: it cannot be said.
    pub(crate) fn encode_listener(mut self, listener: &Listener, at: SocketAddr) -> Option<Any> {
        self.socket_listener(listener, at).map(|pb| any(&pb))
    }

    /// LDS, by a name alone. `None`: it cannot be said.
    pub(crate) fn encode_api_listener(
        mut self,
        name: &str,
        manager: &HttpConnectionManager,
    ) -> Option<Any> {
        self.api_listener(name, manager).map(|pb| any(&pb))
    }

    fn enter(&mut self, origin: &Origin) {
        self.origin.clone_from(origin);
    }

    const fn is_grpc(&self) -> bool {
        matches!(self.dialect, Dialect::Grpc)
    }

    /// This part cannot be said, and the rest is said without it.
    fn lost(&mut self, field: &str, why: impl Into<String>) {
        let why = format!("not said to {} clients: {}", self.dialect, why.into());
        let note = Note::new(NoteKind::Ignored, self.origin.clone(), field, why);
        self.notes.push(note);
    }

    /// Policy that is newer than this encoder: the whole resource cannot be said.
    fn unknown<T>(&mut self, field: &str) -> Option<T> {
        let why = format!(
            "not served to {} clients: it has no xDS form here",
            self.dialect
        );
        let note = Note::new(NoteKind::NotApplied, self.origin.clone(), field, why);
        self.notes.push(note);
        None
    }

    /// All of a list, or nothing.
    fn all<T, P>(
        &mut self,
        list: &[T],
        mut encode: impl FnMut(&mut Self, &T) -> Option<P>,
    ) -> Option<Vec<P>> {
        list.iter().map(|item| encode(self, item)).collect()
    }
}

/// The stream that the resource itself comes by.
fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
    }
}
