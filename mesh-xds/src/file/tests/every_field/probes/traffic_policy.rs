//! `DestinationRule` and its policies.

use super::{
    Probe,
    fields::{policy, probe, resource, service},
};

pub(super) fn destination_rule() -> Vec<Probe> {
    let rule =
        |fields: &str| service() + &resource("DestinationRule", "a", &format!("{{{fields}}}"));
    let tls = policy("tls: {@}");
    vec![
        probe(
            "DestinationRule",
            rule("subsets: [{name: v1}], @"),
            &[("host", "a")],
        ),
        probe(
            "DestinationRule",
            rule("host: a, @"),
            &[
                ("trafficPolicy", "{loadBalancer: {simple: RANDOM}}"),
                ("subsets", "[{name: v1}]"),
                ("exportTo", "[other]"),
                ("workloadSelector", "{matchLabels: {app: other}}"),
            ],
        ),
        probe(
            "type.WorkloadSelector",
            rule("host: a, workloadSelector: {@}"),
            &[("matchLabels", "{app: other}")],
        ),
        probe("Subset", rule("host: a, subsets: [{@}]"), &[("name", "v1")]),
        probe(
            "Subset",
            rule("host: a, subsets: [{name: v1, @}]"),
            &[
                ("labels", "{v: one}"),
                ("trafficPolicy", "{loadBalancer: {simple: RANDOM}}"),
            ],
        ),
        probe(
            "TrafficPolicy",
            policy("@"),
            &[
                ("loadBalancer", "{simple: RANDOM}"),
                ("connectionPool", "{tcp: {maxConnections: 1}}"),
                ("outlierDetection", "{}"),
                (
                    "portLevelSettings",
                    "[{port: {number: 80}, loadBalancer: {simple: RANDOM}}]",
                ),
                ("retryBudget", "{}"),
                ("tls", "{mode: SIMPLE}"),
                ("tunnel", "{targetHost: b, targetPort: 80}"),
                ("proxyProtocol", "{version: V2}"),
            ],
        ),
        probe(
            "PortTrafficPolicy",
            policy("portLevelSettings: [{loadBalancer: {simple: RANDOM}, @}]"),
            &[("port", "{number: 80}")],
        ),
        probe(
            "PortTrafficPolicy",
            policy("portLevelSettings: [{port: {number: 80}, @}]"),
            &[
                ("loadBalancer", "{simple: RANDOM}"),
                ("connectionPool", "{tcp: {maxConnections: 1}}"),
                ("outlierDetection", "{}"),
                ("tls", "{mode: DISABLE}"),
            ],
        ),
        probe(
            "TunnelSettings",
            policy("tunnel: {targetHost: b, targetPort: 80, @}"),
            &[("protocol", "POST")],
        ),
        probe(
            "TunnelSettings",
            policy("tunnel: {targetPort: 80, @}"),
            &[("targetHost", "b")],
        ),
        probe(
            "TunnelSettings",
            policy("tunnel: {targetHost: b, @}"),
            &[("targetPort", "80")],
        ),
        probe(
            "ProxyProtocol",
            policy("proxyProtocol: {@}"),
            &[("version", "V1")],
        ),
        probe(
            "RetryBudget",
            policy("retryBudget: {@}"),
            &[
                ("percent", "50"),
                ("minRetryConcurrency", "1"),
                ("budgetInterval", "1s"),
            ],
        ),
        probe(
            "ClientTLSSettings",
            tls,
            &[
                ("mode", "ISTIO_MUTUAL"),
                ("clientCertificate", "/c"),
                ("privateKey", "/k"),
                ("caCertificates", "/ca"),
                ("credentialName", "c"),
                ("subjectAltNames", "[a]"),
                ("sni", "a"),
                ("insecureSkipVerify", "true"),
                ("caCrl", "/crl"),
            ],
        ),
    ]
}

pub(super) fn connections() -> Vec<Probe> {
    let outlier = policy("outlierDetection: {splitExternalLocalOriginErrors: false, @}");
    vec![
        probe(
            "ConnectionPoolSettings",
            policy("connectionPool: {@}"),
            &[
                ("tcp", "{maxConnections: 1}"),
                ("http", "{http2MaxRequests: 1}"),
            ],
        ),
        probe(
            "TCPSettings",
            policy("connectionPool: {tcp: {@}}"),
            &[
                ("maxConnections", "1"),
                ("connectTimeout", "1s"),
                ("tcpKeepalive", "{probes: 1}"),
                ("maxConnectionDuration", "1s"),
                ("idleTimeout", "1s"),
            ],
        ),
        probe(
            "TcpKeepalive",
            policy("connectionPool: {tcp: {tcpKeepalive: {@}}}"),
            &[("probes", "1"), ("time", "1s"), ("interval", "1s")],
        ),
        probe(
            "HTTPSettings",
            policy("connectionPool: {http: {@}}"),
            &[
                ("http1MaxPendingRequests", "1"),
                ("http2MaxRequests", "1"),
                ("maxRequestsPerConnection", "1"),
                ("maxRetries", "1"),
                ("idleTimeout", "1s"),
                ("h2UpgradePolicy", "UPGRADE"),
                ("useClientProtocol", "true"),
                ("maxConcurrentStreams", "1"),
                ("http2KeepAlive", "{interval: 1s, timeout: 1s}"),
            ],
        ),
        probe(
            "Http2KeepAlive",
            policy("connectionPool: {http: {http2KeepAlive: {timeout: 1s, @}}}"),
            &[("interval", "1s")],
        ),
        probe(
            "Http2KeepAlive",
            policy("connectionPool: {http: {http2KeepAlive: {interval: 1s, @}}}"),
            &[("timeout", "1s")],
        ),
        probe(
            "OutlierDetection",
            outlier,
            &[
                ("consecutive5xxErrors", "1"),
                ("consecutiveGatewayErrors", "1"),
                ("consecutiveLocalOriginFailures", "1"),
                ("interval", "1s"),
                ("baseEjectionTime", "1s"),
                ("maxEjectionPercent", "50"),
                ("minHealthPercent", "10"),
                ("consecutiveErrors", "1"),
                ("outlierDetectionHttpErrorCodes", "[429]"),
            ],
        ),
        probe(
            "OutlierDetection",
            policy("outlierDetection: {@}"),
            &[("splitExternalLocalOriginErrors", "true")],
        ),
    ]
}
