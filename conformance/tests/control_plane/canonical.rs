//! Configurations that mean the same, in one form: without origins, names in order, and without what
//! has no effect and no place in xDS.

use std::{collections::HashSet, fmt::Debug, sync::Arc};

use http::StatusCode;
use mesh_core::{
    Config,
    policy::{
        Cluster, ClusterSpecifier, ConnectionPool, Discovery, FilterOverride, HostRewrite,
        HttpProtocol, NetworkFilter, Origin, PathRewrite, RedirectPath, RouteAction,
        RouteConfiguration, TcpClusters, VirtualHost, WeightedClusters,
    },
};

pub(crate) fn canonical(mut config: Config) -> Config {
    // xDS has no place for hosts.
    config
        .listeners
        .retain(|listener| listener.hosts.is_empty());
    config.listeners.sort_by(|a, b| a.name.cmp(&b.name));
    for listener in &mut config.listeners {
        listener.origin = Origin::Code;
        let chains = listener.filter_chains.iter_mut();
        for chain in chains.chain(&mut listener.default_filter_chain) {
            if let NetworkFilter::Tcp(proxy) = &mut chain.filter {
                proxy.origin = Origin::Code;
                let mut entries = proxy.clusters.entries().to_vec();
                entries.retain(|entry| entry.weight > 0);
                for entry in &mut entries {
                    entry.origin = Origin::Code;
                }
                if let [one] = &mut entries[..]
                    && one.metadata_match.is_empty()
                {
                    one.weight = 1;
                }
                proxy.clusters = TcpClusters::try_weighted(entries).expect("weights as before");
            }
        }
    }
    config.routes.sort_by(|a, b| a.name.cmp(&b.name));
    for routes in &mut config.routes {
        self::routes(Arc::make_mut(routes));
    }
    config.clusters.sort_by(|a, b| a.name.cmp(&b.name));
    for cluster in &mut config.clusters {
        self::cluster(Arc::make_mut(cluster));
    }
    let assigned = |cluster: &&Arc<Cluster>| cluster.discovery == Discovery::Assigned;
    let assigned: Vec<_> = config.clusters.iter().filter(assigned).collect();
    let assignments = assigned.into_iter().map(|cluster| {
        let name = cluster.name.clone();
        let known = config.assignments.get(&name).cloned().unwrap_or_default();
        let mut assignment = Arc::unwrap_or_clone(known);
        for locality in &mut assignment.localities {
            for endpoint in &mut locality.endpoints {
                endpoint.origin = Origin::Code;
            }
        }
        (name, Arc::new(assignment))
    });
    config.assignments = assignments.collect();
    config
}

fn cluster(cluster: &mut Cluster) {
    cluster.origin = Origin::Code;
    if let Some(outlier) = &mut cluster.outlier_detection {
        outlier.origin = Origin::Code;
    }
    if cluster.protocol == HttpProtocol::Http1 {
        let default = ConnectionPool::default();
        cluster.connection_pool.max_concurrent_streams = default.max_concurrent_streams;
        cluster.connection_pool.http2_keep_alive = None;
    }
}

pub(crate) fn routes(routes: &mut RouteConfiguration) {
    routes.origin = Origin::Code;
    overrides(&mut routes.filters);
    let mut names = HashSet::new();
    for (index, host) in routes.virtual_hosts.iter_mut().enumerate() {
        if host.name.is_empty() || !names.insert(host.name.clone()) {
            host.name = format!("{}#{index}", host.name).into();
        }
        virtual_host(host);
    }
}

fn virtual_host(host: &mut VirtualHost) {
    host.origin = Origin::Code;
    overrides(&mut host.filters);
    for route in &mut host.routes {
        route.origin = Origin::Code;
        overrides(&mut route.filters);
        match &mut route.action {
            RouteAction::Forward(action) => {
                let timeouts = &mut action.timeouts;
                let longer = timeouts.grpc_timeout_header_max;
                if timeouts.max_stream_duration.or(longer).is_some() {
                    timeouts.timeout = None;
                    timeouts.max_grpc_timeout = None;
                }
                if matches!(&action.path_rewrite, Some(PathRewrite::Prefix(to)) if to.is_empty()) {
                    action.path_rewrite = None;
                }
                if matches!(&action.host_rewrite, Some(HostRewrite::Literal(to)) if to.is_empty()) {
                    action.host_rewrite = None;
                }
                if let ClusterSpecifier::Weighted(weighted) = &mut action.cluster {
                    let mut clusters = weighted.clusters().to_vec();
                    for cluster in &mut clusters {
                        cluster.origin = Origin::Code;
                        overrides(&mut cluster.filters);
                        cluster.host_rewrite_literal.take_if(|host| host.is_empty());
                        if cluster.cluster_header.is_some() {
                            cluster.name = "".into();
                        }
                    }
                    let mut same = WeightedClusters::try_new(clusters).expect("as before");
                    same.header_name.clone_from(&weighted.header_name);
                    same.use_hash_policy = weighted.use_hash_policy;
                    *weighted = same;
                }
            }
            RouteAction::Redirect(redirect) => {
                redirect.scheme.take_if(|scheme| scheme.is_empty());
                redirect.host.take_if(|host| host.is_empty());
                redirect.path.take_if(|path| match path {
                    RedirectPath::Path(to) | RedirectPath::Prefix(to) => to.is_empty(),
                    _ => false,
                });
                if redirect.response_code == Some(StatusCode::MOVED_PERMANENTLY) {
                    redirect.response_code = None;
                }
            }
            _ => {}
        }
    }
}

fn overrides(filters: &mut [FilterOverride]) {
    filters.sort_by(|a, b| a.name.cmp(&b.name));
}

/// Its text, by which two are compared: matchers of `host` and of `:authority` are the same.
pub(crate) fn text<T: Debug>(of: &T) -> String {
    format!("{of:?}").replace("Header(\"host\")", "Authority")
}
