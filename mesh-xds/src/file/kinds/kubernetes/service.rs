//! `v1 Service`.

use std::{net::IpAddr, sync::Arc};

use mesh_core::policy::{HttpProtocol, Metadata};

use super::schema;
use crate::file::{
    kinds::Protocol,
    problem::NoteKind,
    reader::{Obj, Val},
    schema::{Schema, enforced, ignored, irrelevant, not_yet},
};

/// A `Service`'s spec.
#[derive(Debug)]
pub(crate) struct KubernetesService {
    /// Its virtual IPs.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ports: Vec<KubernetesPort>,
    /// Selects `WorkloadEntry`s of its namespace, as Istio lets it.
    pub(crate) selector: Option<Metadata>,
}

/// `ServicePort`.
#[derive(Debug)]
pub(crate) struct KubernetesPort {
    pub(crate) number: u16,
    pub(crate) name: Arc<str>,
    /// `targetPort` where it is a number.
    pub(crate) target: u16,
    pub(crate) protocol: Protocol,
}

pub(super) const SCHEMAS: &[&Schema] = &[&SERVICE, &PORT];

static SERVICE: Schema = schema(
    "ServiceSpec",
    &[
        enforced("ports"),
        enforced("selector"),
        enforced("clusterIP"),
        enforced("clusterIPs"),
        enforced("type"),
        enforced("sessionAffinity"),
        enforced("internalTrafficPolicy"),
        enforced("trafficDistribution"),
        not_yet("externalName"),
        ignored(
            "publishNotReadyAddresses",
            "an EndpointSlice says of each endpoint whether it is ready",
        ),
        irrelevant("sessionAffinityConfig"),
        irrelevant("externalIPs"),
        irrelevant("externalTrafficPolicy"),
        irrelevant("healthCheckNodePort"),
        irrelevant("loadBalancerIP"),
        irrelevant("loadBalancerSourceRanges"),
        irrelevant("loadBalancerClass"),
        irrelevant("allocateLoadBalancerNodePorts"),
        irrelevant("ipFamilies"),
        irrelevant("ipFamilyPolicy"),
    ],
);

static PORT: Schema = schema(
    "core/v1 ServicePort",
    &[
        enforced("name"),
        enforced("port"),
        enforced("targetPort"),
        enforced("protocol"),
        enforced("appProtocol"),
        irrelevant("nodePort"),
    ],
);

pub(in crate::file::kinds) fn read(value: &Val<'_>) -> Option<KubernetesService> {
    let obj = value.object(&SERVICE)?;
    let external = obj.get("type").and_then(|v| {
        v.keyword(&[
            ("ClusterIP", false),
            ("NodePort", false),
            ("LoadBalancer", false),
            ("ExternalName", true),
        ])
    });
    if external == Some(true) {
        obj.fail(
            "type",
            "ExternalName is not supported yet; a ServiceEntry with resolution DNS does the same",
        );
    }
    for (field, neutral, why) in [
        ("sessionAffinity", "None", "every request is balanced"),
        (
            "internalTrafficPolicy",
            "Cluster",
            "endpoints of all nodes are used",
        ),
        ("trafficDistribution", "", "endpoints of all zones are used"),
    ] {
        if let Some(value) = obj.get(field)
            && value.text().is_some_and(|text| *text != *neutral)
        {
            value.note(NoteKind::Ignored, why);
        }
    }
    Some(KubernetesService {
        addresses: addresses(&obj),
        ports: obj.list("ports").iter().filter_map(port).collect(),
        selector: obj
            .get("selector")
            .map(|v| v.string_map().into_iter().collect::<Metadata>())
            // Kubernetes selects nothing by an empty one.
            .filter(|selector| !selector.is_empty()),
    })
}

fn addresses(obj: &Obj<'_>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    let mut values = obj.list("clusterIPs");
    values.extend(obj.get("clusterIP"));
    for value in values {
        let Some(text) = value.text().filter(|t| !t.is_empty() && &**t != "None") else {
            continue;
        };
        match text.parse() {
            Ok(ip) if addresses.contains(&ip) => {}
            Ok(ip) => addresses.push(ip),
            Err(_) => value.fail("must be an IP address or None"),
        }
    }
    addresses
}

fn port(value: &Val<'_>) -> Option<KubernetesPort> {
    let obj = value.object(&PORT)?;
    let number = obj.required("port")?.port()?;
    let name = obj.text("name").unwrap_or_else(|| Arc::from(""));
    let transport = match obj.get("protocol") {
        Some(v) => v.keyword(&[("TCP", "TCP"), ("UDP", "UDP"), ("SCTP", "SCTP")])?,
        None => "TCP",
    };
    let protocol = protocol(&obj, &name);
    if transport != "TCP" {
        value.note(
            NoteKind::Skipped,
            format!("{transport} is not carried here"),
        );
        return None;
    }
    Some(KubernetesPort {
        number,
        target: target(&obj).unwrap_or(number),
        name,
        protocol,
    })
}

/// `targetPort`; one that is a name is known to Pods only.
fn target(obj: &Obj<'_>) -> Option<u16> {
    let value = obj.get("targetPort")?;
    if value.is_number() {
        return value.port();
    }
    value.text()?;
    value.note(
        NoteKind::Ignored,
        "a name is looked up in Pods; EndpointSlices and WorkloadEntries have their ports",
    );
    None
}

/// As Istio selects: `appProtocol`, else the port's name up to its first dash. What neither says is
/// routed by request, and the request says what it speaks.
fn protocol(obj: &Obj<'_>, name: &str) -> Protocol {
    let app = obj.text("appProtocol");
    let by_name = name.split('-').next().unwrap_or_default();
    let word = app.as_deref().unwrap_or(by_name).to_ascii_lowercase();
    match &*word {
        "http" | "kubernetes.io/ws" => Protocol::Http(HttpProtocol::Http1),
        "http2" | "grpc" | "kubernetes.io/h2c" => Protocol::Http(HttpProtocol::Http2),
        "https" | "tls" | "kubernetes.io/wss" => Protocol::Tls,
        "tcp" | "mongo" | "redis" | "mysql" => Protocol::Tcp,
        _ => Protocol::Http(HttpProtocol::Downstream),
    }
}
