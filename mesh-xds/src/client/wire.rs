//! The protocol's messages as protobuf.

use mesh_core::policy::Name;
use prost::Message;
use serde_json::Value;

use super::ads::{Raw, Request, RequestBody, ResourceError, Response};
use crate::{
    bootstrap,
    pb::{
        core::{Locality, Node, node::UserAgentVersionType},
        discovery::{
            DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
            Resource, ResourceError as PbResourceError,
        },
        protobuf::{self, Any, value},
        rpc,
    },
};

/// gRPC's INVALID_ARGUMENT, which every rejection has.
const INVALID_ARGUMENT: i32 = 3;

/// What this client says of itself.
pub(super) fn node(node: &bootstrap::Node) -> Node {
    let some = !node.metadata.is_empty();
    Node {
        id: node.id.clone(),
        cluster: node.cluster.clone(),
        metadata: some.then(|| structure(&node.metadata)),
        locality: Some(Locality {
            region: node.locality.region.to_string(),
            zone: node.locality.zone.to_string(),
            sub_zone: node.locality.sub_zone.to_string(),
        }),
        user_agent_name: "mesh".to_owned(),
        user_agent_version_type: Some(UserAgentVersionType::UserAgentVersion(
            env!("CARGO_PKG_VERSION").to_owned(),
        )),
        // Resources may come in envelopes that name them.
        client_features: vec!["xds.config.resource-in-sotw".to_owned()],
    }
}

fn structure(fields: &serde_json::Map<String, Value>) -> protobuf::Struct {
    let fields = fields.iter().map(|(k, v)| (k.clone(), json(v))).collect();
    protobuf::Struct { fields }
}

fn json(json: &Value) -> protobuf::Value {
    let kind = match json {
        Value::Null => value::Kind::NullValue(0),
        Value::Bool(bool) => value::Kind::BoolValue(*bool),
        Value::Number(number) => value::Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => value::Kind::StringValue(text.clone()),
        Value::Array(items) => value::Kind::ListValue(protobuf::ListValue {
            values: items.iter().map(self::json).collect(),
        }),
        Value::Object(fields) => value::Kind::StructValue(structure(fields)),
    };
    protobuf::Value { kind: Some(kind) }
}

/// One of the two protocols.
pub(super) trait Wire: Send + 'static {
    type Request: Message + Default + Send + Sync + 'static;
    type Response: Message + Default + Send + Sync + 'static;
    const METHOD: &'static str;

    fn request(request: Request, node: &Node) -> Self::Request;
    fn response(response: Self::Response) -> Response<Any>;
}

#[derive(Debug)]
pub(super) struct Sotw;

#[derive(Debug)]
pub(super) struct Delta;

const SERVICE: &str = "envoy.service.discovery.v3.AggregatedDiscoveryService";

impl Wire for Sotw {
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;
    const METHOD: &'static str = "StreamAggregatedResources";

    fn request(request: Request, node: &Node) -> DiscoveryRequest {
        let (version, names) = match request.body {
            RequestBody::Sotw { version, names } => (version, names),
            RequestBody::Delta { subscribe, .. } => (Name::default(), subscribe),
        };
        DiscoveryRequest {
            version_info: version.to_string(),
            node: request.first.then(|| node.clone()),
            resource_names: texts(names),
            type_url: request.kind.type_url(),
            response_nonce: request.nonce.to_string(),
            error_detail: request.error.map(status),
        }
    }

    fn response(response: DiscoveryResponse) -> Response<Any> {
        Response {
            type_url: response.type_url,
            version: response.version_info.into(),
            nonce: response.nonce.into(),
            resources: response.resources.into_iter().map(raw).collect(),
            removed: Vec::new(),
            errors: errors(response.resource_errors),
        }
    }
}

impl Wire for Delta {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;
    const METHOD: &'static str = "DeltaAggregatedResources";

    fn request(request: Request, node: &Node) -> DeltaDiscoveryRequest {
        let (subscribe, unsubscribe, versions) = match request.body {
            RequestBody::Delta {
                subscribe,
                unsubscribe,
                initial_versions,
            } => (subscribe, unsubscribe, initial_versions),
            RequestBody::Sotw { names, .. } => (names, Vec::new(), Vec::new()),
        };
        let versions = versions.into_iter();
        DeltaDiscoveryRequest {
            node: request.first.then(|| node.clone()),
            type_url: request.kind.type_url(),
            resource_names_subscribe: texts(subscribe),
            resource_names_unsubscribe: texts(unsubscribe),
            initial_resource_versions: versions
                .map(|(name, version)| (name.to_string(), version.to_string()))
                .collect(),
            response_nonce: request.nonce.to_string(),
            error_detail: request.error.map(status),
        }
    }

    fn response(response: DeltaDiscoveryResponse) -> Response<Any> {
        let removed = response.removed_resources.into_iter();
        let removed = removed.chain(response.removed_resource_names.into_iter().map(|n| n.name));
        Response {
            type_url: response.type_url,
            version: response.system_version_info.into(),
            nonce: response.nonce.into(),
            // One without a body only says that it is still there.
            resources: response
                .resources
                .into_iter()
                .filter_map(envelope)
                .collect(),
            removed: removed.map(Name::from).collect(),
            errors: errors(response.resource_errors),
        }
    }
}

/// The path of a protocol's method.
pub(super) fn path<W: Wire>() -> String {
    format!("/{SERVICE}/{}", W::METHOD)
}

fn texts(names: Vec<Name>) -> Vec<String> {
    names.into_iter().map(|n| n.to_string()).collect()
}

fn status(message: String) -> rpc::Status {
    rpc::Status {
        code: INVALID_ARGUMENT,
        message,
        details: Vec::new(),
    }
}

/// A resource, with or without an envelope.
fn raw(any: Any) -> Raw<Any> {
    let is_envelope = any
        .type_url
        .ends_with("/envoy.service.discovery.v3.Resource");
    let enveloped = is_envelope
        .then(|| Resource::decode(&*any.value).ok().and_then(envelope))
        .flatten();
    enveloped.map_or(
        Raw {
            name: None,
            version: None,
            body: any,
        },
        // The version of a state-of-the-world resource is that of the response.
        |raw| Raw {
            version: None,
            ..raw
        },
    )
}

fn envelope(resource: Resource) -> Option<Raw<Any>> {
    let name = match resource.resource_name {
        Some(name) if resource.name.is_empty() => name.name,
        _ => resource.name,
    };
    Some(Raw {
        name: (!name.is_empty()).then(|| name.into()),
        version: Some(resource.version.into()),
        body: resource.resource?,
    })
}

fn errors(errors: Vec<PbResourceError>) -> Vec<ResourceError> {
    let errors = errors.into_iter().filter_map(|error| {
        let detail = error.error_detail.unwrap_or_default();
        Some(ResourceError {
            name: error.resource_name?.name.into(),
            code: detail.code,
            message: detail.message,
        })
    });
    errors.collect()
}
