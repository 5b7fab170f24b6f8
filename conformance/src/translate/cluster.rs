//! `Cluster`.

use std::time::Duration;

use mesh_core::policy::{
    Cluster, ClusterLoadAssignment, ConnectionPool, Discovery, HashFunction, Http2KeepAlive,
    HttpProtocol, LbPolicy, Metadata, OutlierDetection, SubsetFallback, Subsets, TcpKeepalive,
    Thresholds,
};
use serde_json::{Map, Value, json};

use super::{
    endpoint::{dns_assignment, load_assignment},
    seconds,
};
use crate::Result;

pub(super) fn cluster(cluster: &Cluster, assignment: &ClusterLoadAssignment) -> Result<Value> {
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
        origin: _,
    } = cluster;
    let (kind, endpoints) = match discovery {
        Discovery::Assigned => ("STATIC", load_assignment(assignment)?),
        Discovery::StrictDns { targets } => ("STRICT_DNS", dns_assignment(targets)),
        Discovery::LogicalDns { target } => {
            ("LOGICAL_DNS", dns_assignment(std::slice::from_ref(target)))
        }
        other => return Err(format!("{other:?} has no translation").into()),
    };
    let mut value = json!({
        "name": &**name,
        "type": kind,
        "connect_timeout": seconds(*connect_timeout),
        "common_lb_config": {"healthy_panic_threshold": {"value": healthy_panic_threshold.get()}},
        "circuit_breakers": {"thresholds": [
            thresholds("DEFAULT", &circuit_breakers.default),
            thresholds("HIGH", &circuit_breakers.high),
        ]},
        "load_assignment": {
            "cluster_name": &**name,
            "endpoints": endpoints,
            "policy": {"overprovisioning_factor": overprovisioning_factor},
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions":
                protocol_options(*protocol, connection_pool),
        },
    });
    match lb_policy {
        LbPolicy::RoundRobin => value["lb_policy"] = json!("ROUND_ROBIN"),
        LbPolicy::Random => value["lb_policy"] = json!("RANDOM"),
        LbPolicy::LeastRequest { choice_count } => {
            value["lb_policy"] = json!("LEAST_REQUEST");
            value["least_request_lb_config"] = json!({"choice_count": choice_count});
        }
        LbPolicy::RingHash(ring) => {
            let mut config = json!({
                "minimum_ring_size": ring.minimum_ring_size(),
                "maximum_ring_size": ring.maximum_ring_size(),
                "hash_function": match ring.hash_function {
                    HashFunction::XxHash => "XX_HASH",
                    HashFunction::MurmurHash2 => "MURMUR_HASH_2",
                },
            });
            if ring.use_hostname_for_hashing {
                config["consistent_hashing_lb_config"] = json!({"use_hostname_for_hashing": true});
                value["load_balancing_policy"] = extension("ring_hash", "RingHash", config);
            } else {
                value["lb_policy"] = json!("RING_HASH");
                value["ring_hash_lb_config"] = config;
            }
        }
        LbPolicy::Maglev(maglev) => {
            let mut config = json!({"table_size": maglev.table_size()});
            if maglev.use_hostname_for_hashing {
                config["consistent_hashing_lb_config"] = json!({"use_hostname_for_hashing": true});
                value["load_balancing_policy"] = extension("maglev", "Maglev", config);
            } else {
                value["lb_policy"] = json!("MAGLEV");
                value["maglev_lb_config"] = config;
            }
        }
        other => return Err(format!("{other:?} has no translation").into()),
    }
    if let Some(subsets) = subsets {
        value["lb_subset_config"] = self::subsets(subsets);
    }
    if let Some(detection) = outlier_detection {
        value["outlier_detection"] = self::outlier_detection(detection);
    }
    if let Some(keepalive) = connection_pool.tcp_keepalive {
        value["upstream_connection_options"] = json!({"tcp_keepalive": tcp_keepalive(keepalive)});
    }
    Ok(value)
}

/// A balancer as an extension, which may hash hostnames of endpoints that were not looked up.
fn extension(package: &str, message: &str, mut config: Value) -> Value {
    config["@type"] = json!(format!(
        "type.googleapis.com/envoy.extensions.load_balancing_policies.{package}.v3.{message}"
    ));
    let name = format!("envoy.load_balancing_policies.{package}");
    json!({"policies": [{"typed_extension_config": {"name": name, "typed_config": config}}]})
}

fn thresholds(priority: &str, thresholds: &Thresholds) -> Value {
    let Thresholds {
        max_connections,
        max_pending_requests,
        max_requests,
        max_retries,
        retry_budget,
    } = thresholds;
    let mut value = json!({
        "priority": priority,
        "max_connections": max_connections,
        "max_pending_requests": max_pending_requests,
        "max_requests": max_requests,
        "max_retries": max_retries,
    });
    if let Some(budget) = retry_budget {
        value["retry_budget"] = json!({
            "budget_percent": {"value": budget.budget_percent.get()},
            "min_retry_concurrency": budget.min_retry_concurrency,
        });
    }
    value
}

fn protocol_options(protocol: HttpProtocol, pool: &ConnectionPool) -> Value {
    let ConnectionPool {
        idle_timeout,
        max_connection_duration,
        max_requests_per_connection,
        max_concurrent_streams,
        http2_keep_alive,
        tcp_keepalive: _,
    } = pool;
    // Zero is for ever.
    let mut common = json!({"idle_timeout": seconds(idle_timeout.unwrap_or_default())});
    if let Some(max) = max_connection_duration {
        common["max_connection_duration"] = json!(seconds(*max));
    }
    if let Some(max) = max_requests_per_connection {
        common["max_requests_per_connection"] = json!(max);
    }
    let mut http2 = json!({"max_concurrent_streams": max_concurrent_streams});
    if let Some(Http2KeepAlive { interval, timeout }) = http2_keep_alive {
        http2["connection_keepalive"] =
            json!({"interval": seconds(*interval), "timeout": seconds(*timeout)});
    }
    let mut value = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": common,
    });
    match protocol {
        HttpProtocol::Http1 => value["explicit_http_config"] = json!({"http_protocol_options": {}}),
        HttpProtocol::Http2 => {
            value["explicit_http_config"] = json!({"http2_protocol_options": http2});
        }
        HttpProtocol::Downstream => {
            value["use_downstream_protocol_config"] =
                json!({"http_protocol_options": {}, "http2_protocol_options": http2});
        }
    }
    value
}

/// In whole seconds, as Envoy has them.
fn tcp_keepalive(keepalive: TcpKeepalive) -> Value {
    let TcpKeepalive {
        probes,
        time,
        interval,
    } = keepalive;
    let mut value = Map::new();
    let seconds = |d: Option<Duration>| d.map(|d| json!(d.as_secs()));
    for (name, number) in [
        ("keepalive_probes", probes.map(|n| json!(n))),
        ("keepalive_time", seconds(time)),
        ("keepalive_interval", seconds(interval)),
    ] {
        value.extend(number.map(|n| (name.to_owned(), n)));
    }
    Value::Object(value)
}

fn subsets(subsets: &Subsets) -> Value {
    let Subsets {
        selectors,
        fallback,
    } = subsets;
    let selectors = selectors.iter().map(|keys| {
        let keys: Vec<&str> = keys.iter().map(|k| &**k).collect();
        json!({"keys": keys})
    });
    let mut value = json!({"subset_selectors": selectors.collect::<Vec<_>>()});
    let labels = |labels: &Metadata| -> Map<String, Value> {
        let pairs = labels.iter();
        pairs.map(|(k, v)| (k.to_owned(), json!(v))).collect()
    };
    match fallback {
        SubsetFallback::NoFallback => value["fallback_policy"] = json!("NO_FALLBACK"),
        SubsetFallback::AnyEndpoint => value["fallback_policy"] = json!("ANY_ENDPOINT"),
        SubsetFallback::DefaultSubset(of) => {
            value["fallback_policy"] = json!("DEFAULT_SUBSET");
            value["default_subset"] = json!(labels(of));
        }
    }
    value
}

fn outlier_detection(detection: &OutlierDetection) -> Value {
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
    json!({
        "consecutive_5xx": consecutive_5xx,
        "enforcing_consecutive_5xx": enforcing_consecutive_5xx.get(),
        "consecutive_gateway_failure": consecutive_gateway_failure,
        "enforcing_consecutive_gateway_failure": enforcing_consecutive_gateway_failure.get(),
        "consecutive_local_origin_failure": consecutive_local_origin_failure,
        "enforcing_consecutive_local_origin_failure":
            enforcing_consecutive_local_origin_failure.get(),
        "split_external_local_origin_errors": split_external_local_origin_errors,
        "interval": seconds(*interval),
        "base_ejection_time": seconds(*base_ejection_time),
        "max_ejection_time": seconds(*max_ejection_time),
        "max_ejection_time_jitter": seconds(*max_ejection_time_jitter),
        "max_ejection_percent": max_ejection_percent.get(),
        "always_eject_one_host": always_eject_one_host,
        // Ejection by rates, which Envoy has on by default, has no engine here.
        "enforcing_success_rate": 0,
    })
}
