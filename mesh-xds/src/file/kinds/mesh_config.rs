//! `MeshConfig`: what holds for the whole mesh unless a resource says otherwise.
//!
//! Istio reads it from a ConfigMap or a file of its own. Here it is a document beside the others:
//! `apiVersion: mesh.istio.io/v1alpha1`, `kind: MeshConfig`, with the settings as its `spec`; or the
//! ConfigMap itself, as `kubectl get configmap istio -o yaml` prints it.

use std::{sync::Arc, time::Duration};

use mesh_core::policy::TcpKeepalive;

use super::{
    common::ExportTo,
    connection_pool::{self, ConnectionPoolSettings},
    locality::{self, LocalitySetting},
    outbound_traffic_policy::{self, OutboundMode},
    outlier_detection::{self, OutlierSettings},
    retry::{self, Retries},
};
use crate::file::{
    reader::Val,
    schema::{Schema, enforced, ignored, not_yet},
};

/// A `MeshConfig`, as far as it is enforced.
#[derive(Clone, Debug)]
pub(crate) struct MeshConfig {
    /// Whose rules apply everywhere.
    pub(crate) root_namespace: Arc<str>,
    pub(crate) connect_timeout: Duration,
    pub(crate) tcp_keepalive: Option<TcpKeepalive>,
    pub(crate) h2_upgrade: bool,
    /// For a `ServiceEntry` without `exportTo`; the next two likewise.
    pub(crate) service_export_to: ExportTo,
    pub(crate) virtual_service_export_to: ExportTo,
    pub(crate) destination_rule_export_to: ExportTo,
    pub(crate) locality: Option<LocalitySetting>,
    /// For routes without `retries`.
    pub(crate) retry: Retries,
    pub(crate) outbound: Option<OutboundMode>,
    /// For clusters whose rule has none.
    pub(crate) connection_pool: Option<ConnectionPoolSettings>,
    pub(crate) outlier_detection: Option<OutlierSettings>,
}

impl Default for MeshConfig {
    /// Istio's, but for hosts that nothing describes, which are not forwarded here.
    fn default() -> Self {
        Self {
            root_namespace: "istio-system".into(),
            connect_timeout: Duration::from_secs(10),
            tcp_keepalive: None,
            h2_upgrade: false,
            service_export_to: ExportTo::default(),
            virtual_service_export_to: ExportTo::default(),
            destination_rule_export_to: ExportTo::default(),
            locality: None,
            retry: Retries::default(),
            outbound: None,
            connection_pool: None,
            outlier_detection: None,
        }
    }
}

pub(super) const SCHEMAS: &[&Schema] = &[&MESH_CONFIG, &DEFAULT_TRAFFIC_POLICY];

const SIDECAR: &str = "configures sidecar processes";
const ISTIOD: &str = "configures Istio's control plane";
const GATEWAY: &str = "configures gateways";
const TELEMETRY: &str = "telemetry is set up in code: see mesh_http::telemetry";
const IDENTITY: &str = "identities are not verified yet, so nothing is encrypted for it";
const SERVER: &str = "is about servers, and this is a client's configuration";

static MESH_CONFIG: Schema = Schema::new(
    "MeshConfig",
    &[
        enforced("rootNamespace"),
        enforced("connectTimeout"),
        enforced("tcpKeepalive"),
        enforced("h2UpgradePolicy"),
        enforced("defaultServiceExportTo"),
        enforced("defaultVirtualServiceExportTo"),
        enforced("defaultDestinationRuleExportTo"),
        enforced("localityLbSetting"),
        enforced("defaultHttpRetryPolicy"),
        enforced("outboundTrafficPolicy"),
        enforced("defaultTrafficPolicy"),
        not_yet("zoneAwareLbSetting"),
        not_yet("dnsRefreshRate"),
        not_yet("serviceEntryVisibility"),
        ignored("defaultInboundHttpRetryPolicy", SERVER),
        ignored("inboundTrafficPolicy", SERVER),
        ignored("pathNormalization", SERVER),
        ignored("protocolDetectionTimeout", SIDECAR),
        ignored("proxyListenPort", SIDECAR),
        ignored("proxyInboundListenPort", SIDECAR),
        ignored("proxyHttpPort", SIDECAR),
        ignored("hboneIdleTimeout", SIDECAR),
        ignored("defaultConfig", SIDECAR),
        ignored("enableEnvoyAccessLogService", SIDECAR),
        ignored("disableEnvoyListenerLog", SIDECAR),
        ignored("inboundClusterStatName", SIDECAR),
        ignored("outboundClusterStatName", SIDECAR),
        ignored("enablePrometheusMerge", SIDECAR),
        ignored("ingressClass", GATEWAY),
        ignored("ingressService", GATEWAY),
        ignored("ingressControllerMode", GATEWAY),
        ignored("ingressSelector", GATEWAY),
        ignored("enableTracing", TELEMETRY),
        ignored("accessLogFile", TELEMETRY),
        ignored("accessLogFormat", TELEMETRY),
        ignored("accessLogEncoding", TELEMETRY),
        ignored("extensionProviders", TELEMETRY),
        ignored("defaultProviders", TELEMETRY),
        ignored("configSources", ISTIOD),
        ignored("serviceSettings", ISTIOD),
        ignored("serviceScopeConfigs", ISTIOD),
        ignored("discoverySelectors", ISTIOD),
        ignored("certificates", ISTIOD),
        ignored("ca", ISTIOD),
        ignored("caCertificates", IDENTITY),
        ignored("enableAutoMtls", IDENTITY),
        ignored("verifyCertificateAtClient", IDENTITY),
        ignored("trustDomain", IDENTITY),
        ignored("trustDomainAliases", IDENTITY),
        ignored("meshMTLS", IDENTITY),
        ignored("tlsDefaults", IDENTITY),
    ],
);

static DEFAULT_TRAFFIC_POLICY: Schema = Schema::new(
    "MeshConfig.DefaultTrafficPolicy",
    &[enforced("connectionPool"), enforced("outlierDetection")],
);

pub(super) fn read(value: &Val<'_>) -> Option<MeshConfig> {
    let obj = value.object(&MESH_CONFIG)?;
    let default = MeshConfig::default();
    if let Some(v) = obj.unenforced("zoneAwareLbSetting") {
        locality::check_zone_aware(&v);
    }
    if let Some(v) = obj.unenforced("dnsRefreshRate") {
        let _ = v.positive_duration();
    }
    let upgrade = obj
        .get("h2UpgradePolicy")
        .and_then(|v| v.choice(&[("DO_NOT_UPGRADE", 0, false), ("UPGRADE", 1, true)]));
    let retry = match obj.get("defaultHttpRetryPolicy") {
        Some(v) => retry::read(&v)?,
        None => default.retry,
    };
    let policy = obj.object("defaultTrafficPolicy", &DEFAULT_TRAFFIC_POLICY);
    let policy = policy.as_ref();
    Some(MeshConfig {
        root_namespace: obj
            .text("rootNamespace")
            .filter(|ns| !ns.is_empty())
            .unwrap_or(default.root_namespace),
        connect_timeout: obj
            .duration("connectTimeout")
            .unwrap_or(default.connect_timeout),
        tcp_keepalive: obj
            .get("tcpKeepalive")
            .and_then(|v| connection_pool::tcp_keepalive(&v)),
        h2_upgrade: upgrade.unwrap_or(false),
        service_export_to: ExportTo::read_from(&obj, "defaultServiceExportTo"),
        virtual_service_export_to: ExportTo::read_from(&obj, "defaultVirtualServiceExportTo"),
        destination_rule_export_to: ExportTo::read_from(&obj, "defaultDestinationRuleExportTo"),
        locality: obj
            .get("localityLbSetting")
            .and_then(|v| locality::read(&v)),
        retry,
        outbound: obj
            .get("outboundTrafficPolicy")
            .and_then(|v| outbound_traffic_policy::read_mesh(&v)),
        connection_pool: policy
            .and_then(|p| p.get("connectionPool"))
            .and_then(|v| connection_pool::read(&v)),
        outlier_detection: policy
            .and_then(|p| p.get("outlierDetection"))
            .and_then(|v| outlier_detection::read(&v)),
    })
}
