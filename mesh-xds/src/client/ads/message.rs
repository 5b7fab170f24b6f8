//! What goes over a stream, in either protocol, without its encoding.

use mesh_core::policy::Name;

/// A type of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// CDS.
    Cluster,
    /// EDS.
    ClusterLoadAssignment,
    /// LDS.
    Listener,
    /// RDS.
    RouteConfiguration,
}

/// How many there are.
pub(crate) const KINDS: usize = Kind::ALL.len();

impl Kind {
    /// All, in the order in which they are asked for: what is referred to comes first.
    pub const ALL: [Self; 4] = [
        Self::Cluster,
        Self::ClusterLoadAssignment,
        Self::Listener,
        Self::RouteConfiguration,
    ];

    /// The full name of its message.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Cluster => "envoy.config.cluster.v3.Cluster",
            Self::ClusterLoadAssignment => "envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "envoy.config.listener.v3.Listener",
            Self::RouteConfiguration => "envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// The last part of that name.
    pub fn short_name(self) -> &'static str {
        let name = self.type_name();
        name.rsplit_once('.').map_or(name, |(_, short)| short)
    }

    /// `type.googleapis.com/` and its name.
    pub fn type_url(self) -> String {
        format!("type.googleapis.com/{}", self.type_name())
    }

    pub(crate) fn from_type_url(url: &str) -> Option<Self> {
        let name = url.rsplit_once('/').map_or(url, |(_, name)| name);
        Self::ALL.into_iter().find(|kind| kind.type_name() == name)
    }

    /// Whether a state-of-the-world response holds all there is, so that what is missing was
    /// deleted: only LDS and CDS (A27).
    pub(crate) const fn is_whole(self) -> bool {
        matches!(self, Self::Listener | Self::Cluster)
    }
}

/// A message to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    /// The first of its stream, which carries the node.
    pub(crate) first: bool,
    /// Of the response that is accepted or rejected; empty when none is.
    pub(crate) nonce: Name,
    /// Why that response is rejected.
    pub(crate) error: Option<String>,
    pub(crate) body: RequestBody,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestBody {
    Sotw {
        /// The last version that was accepted whole.
        version: Name,
        /// All that is wanted; none at first means everything.
        names: Vec<Name>,
    },
    Delta {
        subscribe: Vec<Name>,
        unsubscribe: Vec<Name>,
        /// What is there already, on the first request of the type.
        initial_versions: Vec<(Name, Name)>,
    },
}

/// A message from the server.
#[derive(Clone, Debug)]
pub(crate) struct Response<B> {
    pub(crate) type_url: String,
    pub(crate) version: Name,
    pub(crate) nonce: Name,
    pub(crate) resources: Vec<Raw<B>>,
    /// Delta only.
    pub(crate) removed: Vec<Name>,
    /// `resource_errors` (xRFC TP3).
    pub(crate) errors: Vec<ResourceError>,
}

/// A resource as it came.
#[derive(Clone, Debug)]
pub(crate) struct Raw<B> {
    /// From the envelope around it, if it has one.
    pub(crate) name: Option<Name>,
    /// Its own; in state of the world the response's.
    pub(crate) version: Option<Name>,
    pub(crate) body: B,
}

/// Why the server does not send a resource.
#[derive(Clone, Debug)]
pub(crate) struct ResourceError {
    pub(crate) name: Name,
    /// A gRPC status code.
    pub(crate) code: i32,
    pub(crate) message: String,
}

impl ResourceError {
    /// NOT_FOUND or PERMISSION_DENIED: there is nothing to be had (A88).
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self.code, 5 | 7)
    }
}
