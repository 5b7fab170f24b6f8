//! Reads resources for the protocol, with the rules of [`crate::resource`].

use std::sync::Arc;

use mesh_core::policy::Name;
use prost::Message;

use super::ads::{Decode, Kind};
use crate::{
    pb::{protobuf::Any, schema},
    resource::{self, Accepted},
};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder;

/// Every type of resource has its name in field 1.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

impl Decode for Decoder {
    type Body = Any;
    type Resource = Arc<Accepted>;

    fn name(&self, _: Kind, body: &Any) -> Option<Name> {
        let named = Named::decode(&*body.value).ok()?;
        Some(named.name.into())
    }

    fn decode(&self, kind: Kind, body: &Any, version: &Name) -> Result<Arc<Accepted>, String> {
        let type_name = schema::type_name(&body.type_url);
        if type_name != kind.type_name() {
            return Err(format!("a resource of type `{type_name}` is no {kind:?}"));
        }
        match resource::decode(body, version) {
            Ok(accepted) => Ok(Arc::new(accepted)),
            Err(rejected) => Err(rejected.to_string()),
        }
    }
}
