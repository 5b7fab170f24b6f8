//! The kinds of Kubernetes itself that say where a service is: `Service` and `EndpointSlice`. What
//! selects Pods is not among them, for Pods are not in files.

mod endpoint_slice;
mod service;

pub(crate) use self::{endpoint_slice::EndpointSlice, service::KubernetesService};
use crate::file::schema::{Api, Field, Schema};

pub(super) use self::{endpoint_slice::read as read_endpoint_slice, service::read as read_service};

pub(super) fn schemas() -> Vec<&'static Schema> {
    [service::SCHEMAS, endpoint_slice::SCHEMAS].concat()
}

/// A message of these APIs.
const fn schema(name: &'static str, fields: &'static [Field]) -> Schema {
    Schema::of(Api::Kubernetes, name, fields)
}
