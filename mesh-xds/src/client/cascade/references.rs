//! Which clusters routes lead to.

use mesh_core::policy::{
    ClusterSpecifier, MirrorCluster, Name, RequestMirror, RouteAction, RouteConfiguration,
};

/// Calls `found` with each cluster that is named; those that a request header names are not known.
pub(super) fn clusters_of(routes: &RouteConfiguration, mut found: impl FnMut(&Name)) {
    mirrors_of(&routes.mirrors, &mut found);
    for host in &routes.virtual_hosts {
        mirrors_of(&host.mirrors, &mut found);
        for route in &host.routes {
            let RouteAction::Forward(action) = &route.action else {
                continue;
            };
            mirrors_of(&action.mirrors, &mut found);
            match &action.cluster {
                ClusterSpecifier::Cluster(name) => found(name),
                ClusterSpecifier::Weighted(weighted) => weighted
                    .clusters()
                    .iter()
                    .filter(|c| c.cluster_header.is_none())
                    .for_each(|c| found(&c.name)),
                _ => {}
            }
        }
    }
}

fn mirrors_of(mirrors: &[RequestMirror], found: &mut impl FnMut(&Name)) {
    for mirror in mirrors {
        if let MirrorCluster::Cluster(name) = &mirror.cluster {
            found(name);
        }
    }
}
