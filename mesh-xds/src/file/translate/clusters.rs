//! A cluster for each service port, and one for each subset of it.

use std::sync::Arc;

use mesh_core::{
    Config, Note, NoteKind,
    policy::{
        Address, CircuitBreakers, Cluster, Discovery, DnsTarget, Endpoint, HttpProtocol, Locality,
        Metadata, Name, Origin, Thresholds,
    },
};

use super::{
    destination_rules::{DestinationRules, Merged},
    endpoints::{EndpointGroup, Part},
    locality::{Failover, priorities},
    routes::Implied,
    scope::Scope,
    services::{Port, Service, Services},
};
use crate::{
    file::{
        host,
        kinds::{Blocks, ConnectionPoolSettings, Protocol, Resolution, Subset},
    },
    registry,
};

/// Istio's `maxConcurrentStreams`.
const MAX_CONCURRENT_STREAMS: u32 = i32::MAX.cast_unsigned();

/// `outbound|port|subset|host`, as istiod names clusters.
pub(super) fn cluster_name(port: u16, subset: &str, host: &str) -> Name {
    ["outbound|", &port.to_string(), "|", subset, "|", host]
        .concat()
        .into()
}

/// Builds the clusters of all services, and of those that only routes name.
pub(super) fn build(
    scope: &Scope<'_>,
    services: &Services,
    implied: &Implied,
    rules: &DestinationRules<'_>,
    registered: &registry::Services,
    config: &mut Config,
    notes: &mut Vec<Note>,
) -> Vec<EndpointGroup> {
    let mut builder = Builder {
        registered,
        config,
        groups: Vec::new(),
    };
    for service in services.iter() {
        let rule = rules.of(&service.host, service.namespace.as_deref());
        for port in &service.ports {
            let protocol = match port.protocol {
                Protocol::Http(protocol) => protocol,
                // What a request that is led here all the same is sent as.
                Protocol::Tcp | Protocol::Tls => HttpProtocol::Http1,
            };
            let group = Group {
                scope,
                host: &service.host,
                number: port.number,
                protocol,
                origin: service.origin.clone(),
                rule,
            };
            if matches!(port.protocol, Protocol::Tcp | Protocol::Tls) {
                notes.extend(group.unhashed());
            }
            builder.known(&group, service, port);
        }
    }
    for ((host, number), at) in implied {
        let namespace = host::kubernetes(host, &scope.domain).map(|(_, ns)| ns);
        let group = Group {
            scope,
            host,
            number: *number,
            protocol: HttpProtocol::Downstream,
            origin: at.origin(),
            rule: rules.of(host, namespace),
        };
        builder.assigned(&group, Vec::new(), Vec::new());
    }
    builder.groups
}

/// The clusters of one service port.
struct Group<'a> {
    scope: &'a Scope<'a>,
    host: &'a Name,
    number: u16,
    protocol: HttpProtocol,
    origin: Origin,
    rule: Option<&'a Merged<'a>>,
}

impl<'a> Group<'a> {
    /// The port's own cluster (`None`) and those of its subsets.
    fn parts(&self) -> impl Iterator<Item = Option<&'a Subset>> {
        let subsets = self.rule.map_or(&[][..], Merged::subsets);
        std::iter::once(None).chain(subsets.iter().copied().map(Some))
    }

    /// Connections have nothing that would be hashed.
    fn unhashed(&self) -> Option<Note> {
        let hashes = |subset| {
            let load_balancer = self.blocks(subset).load_balancer;
            load_balancer.is_some_and(|chosen| chosen.policy.uses_hash())
        };
        let message = format!(
            "consistentHash: connections to port {} of `{}` are not hashed, each is led by a draw",
            self.number, self.host
        );
        let rule = self.rule.filter(|_| self.parts().any(hashes))?;
        Some(rule.at().note(NoteKind::NotApplied, message))
    }

    fn cluster(&self, subset: Option<&Subset>, blocks: Blocks, discovery: Discovery) -> Cluster {
        let name = subset.map_or("", |s| &*s.name);
        let mut cluster = Cluster::new(cluster_name(self.number, name, self.host));
        cluster.discovery = discovery;
        let mesh = &self.scope.mesh;
        cluster.connect_timeout = mesh.connect_timeout;
        cluster.protocol = self.protocol;
        cluster.connection_pool.tcp_keepalive = mesh.tcp_keepalive;
        if mesh.h2_upgrade && self.protocol == HttpProtocol::Http1 {
            cluster.protocol = HttpProtocol::Http2;
        }
        cluster.connection_pool.max_concurrent_streams = MAX_CONCURRENT_STREAMS;
        cluster.circuit_breakers = CircuitBreakers {
            default: Thresholds::UNLIMITED,
            high: Thresholds::UNLIMITED,
        };
        cluster.origin = match (subset, self.rule) {
            (Some(subset), _) => subset.at.origin(),
            (None, Some(rule)) => rule.at().origin(),
            (None, None) => self.origin.clone(),
        };
        apply(blocks, self.protocol, &mut cluster);
        cluster
    }

    /// What the rule says of the part, and the mesh where the rule says nothing.
    fn blocks(&self, subset: Option<&Subset>) -> Blocks {
        let mut blocks = self
            .rule
            .map_or_else(Blocks::default, |rule| rule.policy(self.number, subset));
        let mesh = &self.scope.mesh;
        blocks.connection_pool = blocks.connection_pool.or(mesh.connection_pool.clone());
        blocks.outlier_detection = blocks.outlier_detection.or(mesh.outlier_detection.clone());
        blocks
    }

    fn failover(&self, blocks: &Blocks) -> Option<Failover> {
        let rule = blocks.load_balancer.as_ref();
        let rule = rule.and_then(|lb| lb.locality.as_ref());
        let has_outlier_detection = blocks.outlier_detection.is_some();
        let mesh = self.scope.mesh.locality.as_ref();
        Failover::of(self.scope.client(), rule, mesh, has_outlier_detection)
    }
}

fn labels(subset: Option<&Subset>) -> Metadata {
    subset.map_or_else(Metadata::default, |s| s.labels.clone())
}

struct Builder<'a> {
    registered: &'a registry::Services,
    config: &'a mut Config,
    groups: Vec<EndpointGroup>,
}

impl Builder<'_> {
    fn known(&mut self, group: &Group<'_>, service: &Service, port: &Port) {
        if service.resolution == Resolution::Static {
            self.assigned(group, port.endpoints.clone(), port.registered.clone());
            return;
        }
        let targets = self.dns_targets(service, port);
        for subset in group.parts() {
            let labels = labels(subset);
            let blocks = group.blocks(subset);
            let mut targets = targets.clone();
            targets.retain(|t| t.metadata.contains_all(&labels));
            if targets.is_empty() {
                // istiod's `DNSNoEndpointClusters`: there is no such cluster.
                continue;
            }
            let discovery = match (service.resolution, targets.first()) {
                (Resolution::DnsRoundRobin | Resolution::Host, Some(target)) => {
                    Discovery::LogicalDns {
                        target: target.clone(),
                    }
                }
                _ => {
                    if let Some(failover) = group.failover(&blocks) {
                        let rank = |t: &DnsTarget| failover.rank(&t.locality, &t.metadata);
                        let priorities = priorities(targets.iter().map(rank));
                        targets
                            .iter_mut()
                            .for_each(|t| t.priority = priorities[&rank(t)]);
                    }
                    Discovery::StrictDns { targets }
                }
            };
            let cluster = group.cluster(subset, blocks, discovery);
            self.config.clusters.push(Arc::new(cluster));
        }
    }

    /// What a DNS service looks up: its endpoints, or the host itself when it lists none.
    fn dns_targets(&self, service: &Service, port: &Port) -> Vec<DnsTarget> {
        let mut targets = port.dns.clone();
        let addresses = port.endpoints.iter();
        targets.extend(addresses.filter_map(|(locality, e)| by_address(locality, e)));
        if targets.is_empty() {
            targets.push(DnsTarget::new(service.host.clone(), port.target));
        }
        // Registered endpoints join: an address is a name that resolves to itself.
        for key in &port.registered {
            let workloads = self.registered.get(key).into_iter().flat_map(|w| w.iter());
            targets.extend(workloads.filter_map(|w| by_address(&w.locality, &w.endpoint)));
        }
        targets
    }

    fn assigned(
        &mut self,
        group: &Group<'_>,
        endpoints: Vec<(Locality, Endpoint)>,
        keys: Vec<registry::ServiceKey>,
    ) {
        let mut clusters = Vec::new();
        for subset in group.parts() {
            let blocks = group.blocks(subset);
            let failover = group.failover(&blocks);
            let cluster = group.cluster(subset, blocks, Discovery::Assigned);
            clusters.push(Part {
                cluster: cluster.name.clone(),
                labels: labels(subset),
                failover,
            });
            self.config.clusters.push(Arc::new(cluster));
        }
        let endpoints = EndpointGroup::new(endpoints, keys, clusters);
        let assignments = endpoints.assignments(self.registered);
        self.config.assignments.extend(assignments);
        if endpoints.is_registered() {
            self.groups.push(endpoints);
        }
    }
}

fn by_address(locality: &Locality, endpoint: &Endpoint) -> Option<DnsTarget> {
    match &endpoint.address {
        Address::Socket(address) => Some(DnsTarget {
            metadata: endpoint.metadata.clone(),
            weight: endpoint.weight,
            locality: locality.clone(),
            ..DnsTarget::new(address.ip().to_string(), address.port())
        }),
        _ => None,
    }
}

/// What a destination rule says of one cluster.
fn apply(blocks: Blocks, declared: HttpProtocol, cluster: &mut Cluster) {
    if let Some(load_balancer) = blocks.load_balancer {
        cluster.lb_policy = load_balancer.policy;
    }
    if let Some(pool) = blocks.connection_pool {
        connection_pool(&pool, declared, cluster);
    }
    if let Some(outlier) = blocks.outlier_detection {
        cluster.outlier_detection = Some(outlier.detection);
        cluster.healthy_panic_threshold = outlier.min_health_percent;
    }
    cluster.circuit_breakers.default.retry_budget = blocks.retry_budget;
}

fn connection_pool(
    settings: &ConnectionPoolSettings,
    declared: HttpProtocol,
    cluster: &mut Cluster,
) {
    let limit = |n: Option<u32>| n.unwrap_or(u32::MAX);
    cluster.circuit_breakers.default = Thresholds {
        max_connections: limit(settings.max_connections),
        max_pending_requests: limit(settings.max_pending_requests),
        max_requests: limit(settings.max_requests),
        max_retries: limit(settings.max_retries),
        retry_budget: None,
    };
    if let Some(timeout) = settings.connect_timeout {
        cluster.connect_timeout = timeout;
    }
    let pool = &mut cluster.connection_pool;
    pool.idle_timeout = settings.idle_timeout.or(pool.idle_timeout);
    pool.max_connection_duration = settings.max_connection_duration;
    pool.max_requests_per_connection = settings.max_requests_per_connection;
    pool.max_concurrent_streams = settings
        .max_concurrent_streams
        .unwrap_or(MAX_CONCURRENT_STREAMS);
    pool.http2_keep_alive = settings.http2_keep_alive;
    pool.tcp_keepalive = settings.tcp_keepalive.or(pool.tcp_keepalive);
    if settings.use_client_protocol {
        // Suppresses an upgrade.
        cluster.protocol = HttpProtocol::Downstream;
    } else {
        match settings.h2_upgrade {
            Some(true) => cluster.protocol = HttpProtocol::Http2,
            Some(false) => cluster.protocol = declared,
            None => {}
        }
    }
}
