//! `MeshConfig` and `Sidecar`.

use super::{
    Probe,
    fields::{TO_A, http, probe, resource, service},
};

pub(super) fn mesh() -> Vec<Probe> {
    let mesh = |fields: &str| {
        resource("MeshConfig", "istio", &format!("{{{fields}}}"))
            + &resource(
                "DestinationRule",
                "r",
                "{host: a, subsets: [{name: v1}], trafficPolicy: {outlierDetection: {}}}",
            )
            + &http(&format!("{{{TO_A}}}"))
    };
    let bare =
        |fields: &str| resource("MeshConfig", "istio", &format!("{{{fields}}}")) + &service();
    // One rule in a namespace that only the mesh's settings make that of all.
    let rooted = |fields: &str| {
        bare(fields)
            + "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, \
               namespace: root}, spec: {host: \"*.local\", subsets: [{name: v1}]}}\n---\n"
    };
    let elsewhere = |fields: &str| {
        let named = "{apiVersion: networking.istio.io/v1, kind: ";
        let at = ", metadata: {name: o, namespace: o}, spec: {";
        resource("MeshConfig", "istio", &format!("{{{fields}}}"))
            + &format!(
                "{named}ServiceEntry{at}hosts: [b.o.svc.cluster.local], ports: [{{number: 80}}], \
                 resolution: STATIC}}}}\n---\n{named}DestinationRule{at}host: b, subsets: [{{name: \
                 v1}}]}}}}\n---\n{named}VirtualService{at}hosts: [b], http: [{{directResponse: \
                 {{status: 200}}}}]}}}}"
            )
    };
    let sidecar = |fields: &str| service() + &resource("Sidecar", "s", &format!("{{{fields}}}"));
    vec![
        probe("MeshConfig", rooted("@"), &[("rootNamespace", "root")]),
        probe(
            "MeshConfig",
            elsewhere("@"),
            &[
                ("defaultServiceExportTo", "[\".\"]"),
                ("defaultVirtualServiceExportTo", "[\".\"]"),
                ("defaultDestinationRuleExportTo", "[\".\"]"),
            ],
        ),
        probe(
            "MeshConfig",
            mesh("@"),
            &[
                ("connectTimeout", "1s"),
                ("tcpKeepalive", "{probes: 1}"),
                ("h2UpgradePolicy", "UPGRADE"),
                ("localityLbSetting", "{enabled: false}"),
                ("defaultHttpRetryPolicy", "{attempts: 5}"),
                ("outboundTrafficPolicy", "{mode: REGISTRY_ONLY}"),
                (
                    "defaultTrafficPolicy",
                    "{connectionPool: {tcp: {maxConnections: 1}}}",
                ),
                ("zoneAwareLbSetting", "{enabled: true}"),
                ("dnsRefreshRate", "1s"),
                ("serviceEntryVisibility", "{}"),
                ("defaultInboundHttpRetryPolicy", "{}"),
                ("inboundTrafficPolicy", "{}"),
                ("pathNormalization", "{}"),
                ("protocolDetectionTimeout", "1s"),
                ("proxyListenPort", "15001"),
                ("proxyInboundListenPort", "15006"),
                ("proxyHttpPort", "15002"),
                ("hboneIdleTimeout", "1s"),
                ("defaultConfig", "{}"),
                ("enableEnvoyAccessLogService", "true"),
                ("disableEnvoyListenerLog", "true"),
                ("inboundClusterStatName", "a"),
                ("outboundClusterStatName", "a"),
                ("enablePrometheusMerge", "true"),
                ("ingressClass", "a"),
                ("ingressService", "a"),
                ("ingressControllerMode", "OFF"),
                ("ingressSelector", "a"),
                ("enableTracing", "true"),
                ("accessLogFile", "/dev/stdout"),
                ("accessLogFormat", "a"),
                ("accessLogEncoding", "JSON"),
                ("extensionProviders", "[]"),
                ("defaultProviders", "{}"),
                ("configSources", "[]"),
                ("serviceSettings", "[]"),
                ("serviceScopeConfigs", "[]"),
                ("discoverySelectors", "[]"),
                ("certificates", "[]"),
                ("ca", "{}"),
                ("caCertificates", "[]"),
                ("enableAutoMtls", "true"),
                ("verifyCertificateAtClient", "true"),
                ("trustDomain", "td"),
                ("trustDomainAliases", "[td2]"),
                ("meshMTLS", "{}"),
                ("tlsDefaults", "{}"),
            ],
        ),
        probe(
            "MeshConfig.DefaultTrafficPolicy",
            bare("defaultTrafficPolicy: {@}"),
            &[
                ("connectionPool", "{tcp: {maxConnections: 1}}"),
                ("outlierDetection", "{}"),
            ],
        ),
        probe(
            "MeshConfig.OutboundTrafficPolicy",
            bare("outboundTrafficPolicy: {@}"),
            &[("mode", "ALLOW_ANY"), ("tls", "{}")],
        ),
        probe(
            "Sidecar",
            sidecar("@"),
            &[
                ("egress", "[{hosts: [\"~/*\"]}]"),
                ("outboundTrafficPolicy", "{mode: REGISTRY_ONLY}"),
                ("ingress", "[]"),
                ("inboundConnectionPool", "{}"),
            ],
        ),
        probe(
            "Sidecar",
            sidecar("egress: [{hosts: [\"~/*\"]}], @"),
            &[("workloadSelector", "{labels: {app: other}}")],
        ),
        probe(
            "IstioEgressListener",
            sidecar("egress: [{@}]"),
            &[("hosts", "[\"~/*\"]")],
        ),
        probe(
            "IstioEgressListener",
            sidecar("egress: [{hosts: [\"*/*\"], @}]"),
            &[
                ("port", "{number: 80}"),
                ("bind", "127.0.0.1"),
                ("captureMode", "NONE"),
            ],
        ),
        probe(
            "OutboundTrafficPolicy",
            sidecar("outboundTrafficPolicy: {@}"),
            &[("mode", "ALLOW_ANY"), ("egressProxy", "{host: b}")],
        ),
    ]
}
