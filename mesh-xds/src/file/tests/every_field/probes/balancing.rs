//! `LoadBalancerSettings`.

use super::{
    Probe,
    fields::{load_balancer, probe},
};

pub(super) fn load_balancing() -> Vec<Probe> {
    vec![
        probe(
            "LoadBalancerSettings",
            load_balancer("@"),
            &[
                ("simple", "RANDOM"),
                ("consistentHash", "{useSourceIp: true}"),
                ("localityLbSetting", "{enabled: false}"),
                ("zoneAwareLbSetting", "{enabled: true}"),
                ("warmup", "{duration: 1s}"),
                ("warmupDurationSecs", "1s"),
            ],
        ),
        probe(
            "ConsistentHashLB",
            load_balancer("consistentHash: {useSourceIp: true, @}"),
            &[
                ("ringHash", "{minimumRingSize: 7}"),
                ("maglev", "{}"),
                ("minimumRingSize", "1"),
            ],
        ),
        probe(
            "ConsistentHashLB",
            load_balancer("consistentHash: {@}"),
            &[
                ("httpHeaderName", "x"),
                ("httpCookie", "{name: c}"),
                ("useSourceIp", "true"),
                ("httpQueryParameterName", "q"),
            ],
        ),
        probe(
            "HTTPCookie",
            load_balancer("consistentHash: {httpCookie: {@}}"),
            &[("name", "c")],
        ),
        probe(
            "HTTPCookie",
            load_balancer("consistentHash: {httpCookie: {name: c, @}}"),
            &[
                ("path", "/"),
                ("ttl", "0s"),
                ("attributes", "[{name: SameSite, value: Strict}]"),
            ],
        ),
        probe(
            "HTTPCookie.Attribute",
            load_balancer("consistentHash: {httpCookie: {name: c, attributes: [{name: a, @}]}}"),
            &[("value", "v")],
        ),
        probe(
            "HTTPCookie.Attribute",
            load_balancer("consistentHash: {httpCookie: {name: c, attributes: [{@}]}}"),
            &[("name", "a")],
        ),
        probe(
            "RingHash",
            load_balancer("consistentHash: {useSourceIp: true, ringHash: {@}}"),
            &[("minimumRingSize", "7")],
        ),
        probe(
            "MagLev",
            load_balancer("consistentHash: {useSourceIp: true, maglev: {@}}"),
            &[("tableSize", "251")],
        ),
        probe(
            "WarmupConfiguration",
            load_balancer("warmup: {@}"),
            &[("duration", "1s")],
        ),
        probe(
            "WarmupConfiguration",
            load_balancer("warmup: {duration: 1s, @}"),
            &[("minimumPercent", "10"), ("aggression", "1.5")],
        ),
        probe(
            "LocalityLoadBalancerSetting",
            load_balancer("localityLbSetting: {@}"),
            &[
                ("distribute", "[{from: r1, to: {r1: 80, r2: 20}}]"),
                ("failover", "[{from: r1, to: r3}]"),
                ("failoverPriority", "[tier=silver]"),
                ("enabled", "false"),
            ],
        ),
        probe(
            "LocalityLoadBalancerSetting.Distribute",
            load_balancer("localityLbSetting: {distribute: [{from: r1, @}]}"),
            &[("to", "{r1: 80, r2: 20}")],
        ),
        probe(
            "LocalityLoadBalancerSetting.Distribute",
            load_balancer("localityLbSetting: {distribute: [{to: {r1: 100}, @}]}"),
            &[("from", "r1")],
        ),
        probe(
            "LocalityLoadBalancerSetting.Failover",
            load_balancer("localityLbSetting: {failover: [{from: r1, @}]}"),
            &[("to", "r3")],
        ),
        probe(
            "LocalityLoadBalancerSetting.Failover",
            load_balancer("localityLbSetting: {failover: [{to: r3, @}]}"),
            &[("from", "r1")],
        ),
        probe(
            "ZoneAwareLoadBalancerSetting",
            load_balancer("zoneAwareLbSetting: {@}"),
            &[
                ("enabled", "true"),
                ("failover", "[{from: r1, to: r2}]"),
                ("failoverPriority", "[v]"),
                ("minClusterSize", "3"),
            ],
        ),
    ]
}
