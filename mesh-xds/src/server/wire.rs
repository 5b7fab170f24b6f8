//! The protocol's messages as protobuf.

use mesh_core::policy::Locality;
use prost::Message;
use serde_json::{Map, Number, Value};

use super::{
    session::{Body, Request, Response},
    view::Node,
};
use crate::{
    client::Protocol,
    pb::{
        core,
        discovery::{
            DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
            Resource,
        },
        protobuf::{Struct, value::Kind},
    },
};

/// One of the two protocols, from the server's side.
pub(super) trait Wire: Send + Sync + 'static {
    type Request: Message + Default + Send + 'static;
    type Response: Message + Default + Send + 'static;
    const PROTOCOL: Protocol;

    /// The node of a first request.
    fn node(request: &mut Self::Request) -> Option<core::Node>;
    fn request(request: Self::Request) -> Request;
    fn response(response: Response) -> Self::Response;
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Sotw;

#[derive(Clone, Copy, Debug)]
pub(super) struct Delta;

impl Wire for Sotw {
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;
    const PROTOCOL: Protocol = Protocol::Sotw;

    fn node(request: &mut DiscoveryRequest) -> Option<core::Node> {
        request.node.take()
    }

    fn request(request: DiscoveryRequest) -> Request {
        Request {
            type_url: request.type_url,
            nonce: request.response_nonce,
            error: request.error_detail.map(|status| status.message),
            body: Body::Sotw {
                names: request.resource_names,
            },
        }
    }

    fn response(response: Response) -> DiscoveryResponse {
        let resources = response.resources.into_iter();
        DiscoveryResponse {
            version_info: response.version,
            resources: resources.map(|(_, r)| r.any.clone()).collect(),
            type_url: response.type_url,
            nonce: response.nonce,
            resource_errors: Vec::new(),
        }
    }
}

impl Wire for Delta {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;
    const PROTOCOL: Protocol = Protocol::Delta;

    fn node(request: &mut DeltaDiscoveryRequest) -> Option<core::Node> {
        request.node.take()
    }

    fn request(request: DeltaDiscoveryRequest) -> Request {
        Request {
            type_url: request.type_url,
            nonce: request.response_nonce,
            error: request.error_detail.map(|status| status.message),
            body: Body::Delta {
                subscribe: request.resource_names_subscribe,
                unsubscribe: request.resource_names_unsubscribe,
                versions: request.initial_resource_versions,
            },
        }
    }

    fn response(response: Response) -> DeltaDiscoveryResponse {
        let resources = response.resources.into_iter();
        let removed = response.removed.into_iter();
        DeltaDiscoveryResponse {
            system_version_info: response.version,
            resources: resources
                .map(|(name, resource)| Resource {
                    name: name.to_string(),
                    version: resource.version.to_string(),
                    resource: Some(resource.any.clone()),
                    ..Resource::default()
                })
                .collect(),
            type_url: response.type_url,
            removed_resources: removed.map(|name| name.to_string()).collect(),
            nonce: response.nonce,
            ..DeltaDiscoveryResponse::default()
        }
    }
}

pub(super) fn node(pb: core::Node) -> Node {
    let locality = pb.locality.unwrap_or_default();
    Node {
        id: pb.id,
        cluster: pb.cluster,
        metadata: pb.metadata.map(object).unwrap_or_default(),
        locality: Locality {
            region: locality.region.into(),
            zone: locality.zone.into(),
            sub_zone: locality.sub_zone.into(),
        },
        user_agent: pb.user_agent_name,
    }
}

/// prost reads messages nested up to 100 deep, so that this ends.
fn object(pb: Struct) -> Map<String, Value> {
    let fields = pb.fields.into_iter();
    fields.map(|(key, value)| (key, json(value.kind))).collect()
}

fn json(kind: Option<Kind>) -> Value {
    match kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(bool)) => Value::Bool(bool),
        Some(Kind::NumberValue(number)) => {
            Number::from_f64(number).map_or(Value::Null, Value::Number)
        }
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => {
            let values = list.values.into_iter();
            Value::Array(values.map(|value| json(value.kind)).collect())
        }
        Some(Kind::StructValue(of)) => Value::Object(object(of)),
    }
}
