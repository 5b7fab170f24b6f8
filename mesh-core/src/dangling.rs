//! Routes that lead to clusters which do not exist: no error, for a control plane may send the cluster
//! later, but something to tell.

use std::{collections::HashSet, fmt};

use crate::{
    policy::{
        ClusterSpecifier, ForwardAction, Listener, MirrorCluster, Name, NetworkFilter, Origin,
        RequestMirror, RouteAction, RouteConfiguration,
    },
    snapshot::Snapshot,
};

/// A route that leads to a cluster which does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DanglingRoute {
    /// The cluster's name.
    pub cluster: Name,
    /// Whether only copies of requests are meant for it ([`RequestMirror`]): they are not made.
    /// Requests get 503 (NC).
    pub mirror: bool,
    /// The route.
    pub origin: Origin,
}

impl DanglingRoute {
    /// What is wrong, without the place.
    pub fn message(&self) -> String {
        let consequence = match self.mirror {
            true => "nothing is mirrored to it",
            false => "requests to it fail with 503 (NC)",
        };
        format!("cluster `{}` does not exist; {consequence}", self.cluster)
    }
}

impl fmt::Display for DanglingRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message())
    }
}

/// Each of them once, however many listeners lead to its route.
pub(crate) fn find<'a>(
    snapshot: &Snapshot,
    listeners: impl Iterator<Item = &'a Listener>,
) -> Vec<DanglingRoute> {
    let mut search = Search {
        snapshot,
        told: HashSet::new(),
        found: Vec::new(),
    };
    for chain in listeners.flat_map(Listener::chains) {
        if let NetworkFilter::Tcp(proxy) = &chain.filter {
            for entry in proxy.clusters.entries() {
                let origin = match &entry.origin {
                    Origin::Code => &proxy.origin,
                    origin => origin,
                };
                search.check(&entry.name, origin, false);
            }
        }
    }
    let mut searched = HashSet::new();
    for router in snapshot.routers() {
        if searched.insert(std::sync::Arc::as_ptr(router.config())) {
            search.routes(router.config());
        }
    }
    search.found
}

struct Search<'a> {
    snapshot: &'a Snapshot,
    told: HashSet<DanglingRoute>,
    found: Vec<DanglingRoute>,
}

impl Search<'_> {
    fn check(&mut self, name: &Name, origin: &Origin, mirror: bool) {
        if self.snapshot.has_target(name) {
            return;
        }
        let dangling = DanglingRoute {
            cluster: name.clone(),
            mirror,
            origin: origin.clone(),
        };
        if self.told.insert(dangling.clone()) {
            self.found.push(dangling);
        }
    }

    fn routes(&mut self, config: &RouteConfiguration) {
        self.mirrors(&config.mirrors, &config.origin);
        for host in &config.virtual_hosts {
            self.mirrors(&host.mirrors, &host.origin);
            for route in &host.routes {
                if let RouteAction::Forward(action) = &route.action {
                    self.forward(action, &route.origin);
                }
            }
        }
    }

    fn forward(&mut self, action: &ForwardAction, origin: &Origin) {
        match &action.cluster {
            ClusterSpecifier::Cluster(name) => self.check(name, origin, false),
            ClusterSpecifier::Weighted(weighted) => {
                let named = weighted.clusters().iter();
                for cluster in named.filter(|c| c.cluster_header.is_none()) {
                    self.check(&cluster.name, &cluster.origin, false);
                }
            }
            ClusterSpecifier::ClusterHeader(_) => {}
        }
        self.mirrors(&action.mirrors, origin);
    }

    fn mirrors(&mut self, mirrors: &[RequestMirror], origin: &Origin) {
        for mirror in mirrors {
            if let MirrorCluster::Cluster(name) = &mirror.cluster {
                self.check(name, origin, true);
            }
        }
    }
}
