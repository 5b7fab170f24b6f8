//! `Cluster`.

use mesh_core::policy::{
    CircuitBreakers, Cluster, ConnectionPool, Discovery, HashFunction, Http2KeepAlive,
    HttpProtocol, LbPolicy, Name, OutlierDetection, RoutingPriority, SubsetFallback, Subsets,
    TcpKeepalive, Thresholds,
};

use super::{
    Encoder, ads,
    forward::priority,
    value::{any, duration, extension, percent, structure},
};
use crate::pb::{
    aggregate::ClusterConfig,
    cluster::{
        self, LoadBalancingPolicy,
        circuit_breakers::{Thresholds as PbThresholds, thresholds::RetryBudget},
        cluster::{
            ClusterDiscoveryType, CommonLbConfig, CustomClusterType, DiscoveryType,
            EdsClusterConfig, LbConfig, LbPolicy as PbPolicy, LbSubsetConfig, LeastRequestLbConfig,
            MaglevLbConfig, RingHashLbConfig,
            common_lb_config::ConsistentHashingLbConfig,
            lb_subset_config::{LbSubsetFallbackPolicy, LbSubsetSelector},
            ring_hash_lb_config::HashFunction as LegacyFunction,
        },
        load_balancing_policy::Policy,
    },
    core::{
        Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as CommonOptions,
        KeepaliveSettings, TcpKeepalive as PbKeepalive,
    },
    least_request::LeastRequest,
    maglev,
    protobuf::Any,
    random::Random,
    ring_hash::{self, ring_hash::HashFunction as PbFunction},
    round_robin::RoundRobin,
    upstreams_http::{
        HttpProtocolOptions,
        http_protocol_options::{
            ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
            explicit_http_config::ProtocolConfig,
        },
    },
};

/// The key of the options, which is their type.
const PROTOCOL_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Its clusters have all else that there is to say.
fn aggregate(name: &Name, clusters: &[Name]) -> cluster::Cluster {
    let config = ClusterConfig {
        clusters: clusters.iter().map(ToString::to_string).collect(),
    };
    cluster::Cluster {
        name: name.to_string(),
        lb_policy: PbPolicy::ClusterProvided.into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::ClusterType(CustomClusterType {
            name: "envoy.clusters.aggregate".to_owned(),
            typed_config: Some(any(&config)),
        })),
        ..cluster::Cluster::default()
    }
}

impl Encoder<'_> {
    pub(super) fn cluster(&mut self, cluster: &Cluster) -> Option<cluster::Cluster> {
        let Cluster {
            name,
            discovery,
            lb_policy,
            subsets,
            healthy_panic_threshold,
            overprovisioning_factor,
            connect_timeout,
            protocol,
            connection_pool,
            circuit_breakers,
            outlier_detection,
            origin,
        } = cluster;
        self.enter(origin);
        if let Discovery::Aggregate { clusters } = discovery {
            return Some(aggregate(name, clusters));
        }
        let eds = EdsClusterConfig {
            eds_config: Some(ads()),
            service_name: String::new(),
        };
        let (kind, eds, targets) = match discovery {
            Discovery::Assigned => (DiscoveryType::Eds, Some(eds), None),
            // gRPC has no such clusters; the addresses are looked up here.
            Discovery::StrictDns { .. } if self.is_grpc() => (DiscoveryType::Eds, Some(eds), None),
            Discovery::StrictDns { targets } => {
                (DiscoveryType::StrictDns, None, Some(&targets[..]))
            }
            Discovery::LogicalDns { target } => (
                DiscoveryType::LogicalDns,
                None,
                Some(std::slice::from_ref(target)),
            ),
            _ => return self.unknown("type"),
        };
        let (lb, lb_config, lb_extension) = self.lb_policy(lb_policy)?;
        let keepalive = connection_pool.tcp_keepalive;
        let times = keepalive.and_then(|k| k.time).into_iter();
        let mut times = times.chain(keepalive.and_then(|k| k.interval));
        if times.any(|time| time.subsec_nanos() > 0) {
            self.lost("tcp_keepalive", "xDS has whole seconds");
        }
        if self.is_grpc() && subsets.is_some() {
            self.lost("lb_subset_config", "gRPC has no subsets");
        }
        Some(cluster::Cluster {
            name: name.to_string(),
            eds_cluster_config: eds,
            connect_timeout: (!connect_timeout.is_zero()).then(|| duration(*connect_timeout)),
            lb_policy: lb.into(),
            load_assignment: targets
                .map(|targets| self.dns_assignment(name, targets, *overprovisioning_factor)),
            circuit_breakers: Some(self.circuit_breakers(circuit_breakers)),
            typed_extension_protocol_options: [(
                PROTOCOL_OPTIONS.to_owned(),
                protocol_options(*protocol, connection_pool),
            )]
            .into(),
            outlier_detection: outlier_detection.as_ref().map(outlier),
            lb_subset_config: subsets.as_ref().map(subset_config),
            common_lb_config: Some(CommonLbConfig {
                healthy_panic_threshold: Some(percent(*healthy_panic_threshold)),
                consistent_hashing_lb_config: self.hashing(lb_policy),
            }),
            transport_socket: None,
            upstream_connection_options: connection_pool.tcp_keepalive.map(|keepalive| {
                cluster::UpstreamConnectionOptions {
                    tcp_keepalive: Some(tcp_keepalive(keepalive)),
                }
            }),
            load_balancing_policy: lb_extension,
            cluster_discovery_type: Some(ClusterDiscoveryType::Type(kind.into())),
            lb_config,
        })
    }

    /// gRPC takes the first that it knows of `load_balancing_policy` (A52), and rejects a `lb_policy` that
    /// it does not know; all of it know round robin.
    fn lb_policy(
        &mut self,
        policy: &LbPolicy,
    ) -> Option<(PbPolicy, Option<LbConfig>, Option<LoadBalancingPolicy>)> {
        let is_grpc = self.is_grpc();
        let first = |extension| {
            let round_robin = extension_policy("round_robin", &RoundRobin {});
            is_grpc.then(|| LoadBalancingPolicy {
                policies: vec![extension, round_robin],
            })
        };
        Some(match policy {
            LbPolicy::RoundRobin => (PbPolicy::RoundRobin, None, None),
            LbPolicy::Random => {
                let list = first(extension_policy("random", &Random {}));
                if list.is_some() {
                    self.lost("lb_policy", "gRPC has no RANDOM: it is round robin");
                    return Some((PbPolicy::RoundRobin, None, list));
                }
                (PbPolicy::Random, None, None)
            }
            LbPolicy::LeastRequest { choice_count } => {
                let config = LeastRequest {
                    choice_count: Some(*choice_count),
                    ..LeastRequest::default()
                };
                if let Some(list) = first(extension_policy("least_request", &config)) {
                    return Some((PbPolicy::RoundRobin, None, Some(list)));
                }
                let config = LeastRequestLbConfig {
                    choice_count: Some(*choice_count),
                };
                let config = LbConfig::LeastRequestLbConfig(config);
                (PbPolicy::LeastRequest, Some(config), None)
            }
            LbPolicy::RingHash(ring) => {
                let (minimum, maximum) = (ring.minimum_ring_size(), ring.maximum_ring_size());
                let sizes = (Some(minimum.into()), Some(maximum.into()));
                if is_grpc && ring.hash_function != HashFunction::XxHash {
                    self.lost("lb_policy", "gRPC has XX_HASH only");
                }
                let extension = ring_hash::RingHash {
                    minimum_ring_size: sizes.0,
                    maximum_ring_size: sizes.1,
                    hash_function: PbFunction::XxHash.into(),
                    ..ring_hash::RingHash::default()
                };
                if let Some(list) = first(extension_policy("ring_hash", &extension)) {
                    return Some((PbPolicy::RoundRobin, None, Some(list)));
                }
                let config = LbConfig::RingHashLbConfig(RingHashLbConfig {
                    minimum_ring_size: sizes.0,
                    maximum_ring_size: sizes.1,
                    hash_function: match ring.hash_function {
                        HashFunction::XxHash => LegacyFunction::XxHash,
                        HashFunction::MurmurHash2 => LegacyFunction::MurmurHash2,
                    }
                    .into(),
                });
                (PbPolicy::RingHash, Some(config), None)
            }
            LbPolicy::Maglev(table) => {
                let table_size = Some(table.table_size().into());
                let extension = maglev::Maglev {
                    table_size,
                    ..maglev::Maglev::default()
                };
                if let Some(list) = first(extension_policy("maglev", &extension)) {
                    self.lost("lb_policy", "gRPC has no MAGLEV: it is round robin");
                    return Some((PbPolicy::RoundRobin, None, Some(list)));
                }
                let config = LbConfig::MaglevLbConfig(MaglevLbConfig { table_size });
                (PbPolicy::Maglev, Some(config), None)
            }
            _ => return self.unknown("lb_policy"),
        })
    }

    fn hashing(&mut self, policy: &LbPolicy) -> Option<ConsistentHashingLbConfig> {
        let use_hostname_for_hashing = match policy {
            LbPolicy::RingHash(ring) => ring.use_hostname_for_hashing,
            LbPolicy::Maglev(table) => table.use_hostname_for_hashing,
            _ => false,
        };
        if use_hostname_for_hashing && self.is_grpc() {
            self.lost("lb_policy", "gRPC hashes addresses, not hostnames");
        }
        use_hostname_for_hashing.then_some(ConsistentHashingLbConfig {
            use_hostname_for_hashing,
        })
    }

    fn circuit_breakers(&mut self, breakers: &CircuitBreakers) -> cluster::CircuitBreakers {
        let CircuitBreakers { default, high } = breakers;
        if self.is_grpc() {
            self.grpc_thresholds(default);
        }
        cluster::CircuitBreakers {
            thresholds: vec![
                thresholds(RoutingPriority::Default, default),
                thresholds(RoutingPriority::High, high),
            ],
        }
    }
}

fn extension_policy<M: prost::Message + prost::Name>(name: &str, pb: &M) -> Policy {
    let name = format!("envoy.load_balancing_policies.{name}");
    Policy {
        typed_extension_config: Some(extension(&name, pb)),
    }
}

fn thresholds(of: RoutingPriority, thresholds: &Thresholds) -> PbThresholds {
    let Thresholds {
        max_connections,
        max_pending_requests,
        max_requests,
        max_retries,
        retry_budget,
    } = thresholds;
    PbThresholds {
        priority: priority(of).into(),
        max_connections: Some(*max_connections),
        max_pending_requests: Some(*max_pending_requests),
        max_requests: Some(*max_requests),
        max_retries: Some(*max_retries),
        retry_budget: retry_budget.map(|budget| RetryBudget {
            budget_percent: Some(percent(budget.budget_percent)),
            min_retry_concurrency: Some(budget.min_retry_concurrency),
        }),
    }
}

/// A limit of 0 is none, as of these fields in Envoy.
fn protocol_options(protocol: HttpProtocol, pool: &ConnectionPool) -> Any {
    let ConnectionPool {
        idle_timeout,
        max_connection_duration,
        max_requests_per_connection,
        max_concurrent_streams,
        http2_keep_alive,
        tcp_keepalive: _,
    } = pool;
    let http2 = Http2ProtocolOptions {
        max_concurrent_streams: Some(*max_concurrent_streams),
        connection_keepalive: http2_keep_alive.map(|Http2KeepAlive { interval, timeout }| {
            KeepaliveSettings {
                interval: Some(duration(interval)),
                timeout: Some(duration(timeout)),
            }
        }),
    };
    let explicit = |config| {
        UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(config),
        })
    };
    let options = match protocol {
        HttpProtocol::Http1 => {
            explicit(ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions {}))
        }
        HttpProtocol::Http2 => explicit(ProtocolConfig::Http2ProtocolOptions(http2)),
        HttpProtocol::Downstream => {
            UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
                http_protocol_options: Some(Http1ProtocolOptions {}),
                http2_protocol_options: Some(http2),
            })
        }
    };
    any(&HttpProtocolOptions {
        common_http_protocol_options: Some(CommonOptions {
            idle_timeout: Some(duration(idle_timeout.unwrap_or_default())),
            max_connection_duration: max_connection_duration.map(duration),
            max_requests_per_connection: *max_requests_per_connection,
        }),
        upstream_protocol_options: Some(options),
    })
}

/// In whole seconds, as Envoy has them.
fn tcp_keepalive(keepalive: TcpKeepalive) -> PbKeepalive {
    let TcpKeepalive {
        probes,
        time,
        interval,
    } = keepalive;
    let seconds =
        |time: std::time::Duration| u32::try_from(time.as_secs().max(1)).unwrap_or(u32::MAX);
    PbKeepalive {
        keepalive_probes: probes,
        keepalive_time: time.map(seconds),
        keepalive_interval: interval.map(seconds),
    }
}

fn subset_config(subsets: &Subsets) -> LbSubsetConfig {
    let Subsets {
        selectors,
        fallback,
    } = subsets;
    let (policy, default) = match fallback {
        SubsetFallback::NoFallback => (LbSubsetFallbackPolicy::NoFallback, None),
        SubsetFallback::AnyEndpoint => (LbSubsetFallbackPolicy::AnyEndpoint, None),
        SubsetFallback::DefaultSubset(labels) => {
            (LbSubsetFallbackPolicy::DefaultSubset, Some(labels))
        }
    };
    LbSubsetConfig {
        fallback_policy: policy.into(),
        default_subset: default.map(structure),
        subset_selectors: selectors
            .iter()
            .map(|keys| LbSubsetSelector {
                keys: keys.iter().map(ToString::to_string).collect(),
                fallback_policy: 0,
            })
            .collect(),
    }
}

fn outlier(detection: &OutlierDetection) -> cluster::OutlierDetection {
    let OutlierDetection {
        consecutive_5xx,
        enforcing_consecutive_5xx,
        consecutive_gateway_failure,
        enforcing_consecutive_gateway_failure,
        consecutive_local_origin_failure,
        enforcing_consecutive_local_origin_failure,
        split_external_local_origin_errors,
        interval,
        base_ejection_time,
        max_ejection_time,
        max_ejection_time_jitter,
        max_ejection_percent,
        always_eject_one_host,
        origin: _,
    } = detection;
    cluster::OutlierDetection {
        consecutive_5xx: Some(*consecutive_5xx),
        interval: Some(duration(*interval)),
        base_ejection_time: Some(duration(*base_ejection_time)),
        max_ejection_percent: Some(max_ejection_percent.get()),
        enforcing_consecutive_5xx: Some(enforcing_consecutive_5xx.get()),
        // Ejection by rates, which Envoy has on by default, has no engine in the mesh.
        enforcing_success_rate: Some(0),
        consecutive_gateway_failure: Some(*consecutive_gateway_failure),
        enforcing_consecutive_gateway_failure: Some(enforcing_consecutive_gateway_failure.get()),
        split_external_local_origin_errors: *split_external_local_origin_errors,
        consecutive_local_origin_failure: Some(*consecutive_local_origin_failure),
        enforcing_consecutive_local_origin_failure: Some(
            enforcing_consecutive_local_origin_failure.get(),
        ),
        enforcing_failure_percentage: Some(0),
        max_ejection_time: Some(duration(*max_ejection_time)),
        max_ejection_time_jitter: Some(duration(*max_ejection_time_jitter)),
        always_eject_one_host: Some(*always_eject_one_host),
    }
}
