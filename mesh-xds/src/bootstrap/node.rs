//! `envoy.config.core.v3.Node`, as the bootstrap gives it.

use mesh_core::policy::Locality;
use serde_json::{Map, Value};

use super::{BootstrapError, json::Field};

/// What the control planes learn of this process. The client adds its own name, version and
/// features (A27).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// `id`.
    pub id: String,
    /// `cluster`.
    pub cluster: String,
    /// `metadata`.
    pub metadata: Map<String, Value>,
    /// `locality`.
    pub locality: Locality,
}

impl Node {
    /// A node that has an id only.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    /// With an entry of `metadata`.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// What a proxyless workload of Istio says of itself: `GENERATOR`, `NAMESPACE`, and its address
    /// in id and `INSTANCE_IPS`.
    pub fn istio_grpc(ip: std::net::IpAddr, pod: &str, namespace: &str, domain: &str) -> Self {
        Self::new(format!(
            "sidecar~{ip}~{pod}.{namespace}~{namespace}.svc.{domain}"
        ))
        .with_metadata("GENERATOR", "grpc")
        .with_metadata("NAMESPACE", namespace)
        .with_metadata("INSTANCE_IPS", ip.to_string())
    }
}

pub(super) fn node(field: &Field<'_>) -> Result<Node, BootstrapError> {
    let mut object = field.object()?;
    let mut node = Node {
        id: object.text("id")?.unwrap_or_default().to_owned(),
        cluster: object.text("cluster")?.unwrap_or_default().to_owned(),
        ..Node::default()
    };
    if let Some(metadata) = object.take("metadata") {
        node.metadata = metadata.map()?.clone();
    }
    if let Some(locality) = object.take("locality") {
        let mut locality = locality.object()?;
        let mut part = |name| Ok(locality.text(name)?.unwrap_or_default().into());
        node.locality = Locality {
            region: part("region")?,
            zone: part("zone")?,
            sub_zone: part("sub_zone")?,
        };
    }
    for name in ["user_agent_name", "user_agent_version", "client_features"] {
        if let Some(field) = object.take(name) {
            field.ignored("the client says this of itself");
        }
    }
    Ok(node)
}
