//! A document for every field of every message. The conformance tests have Envoy read them, too.

mod balancing;
mod documents;
mod fields;
mod gateway;
mod gateway_filters;
mod http_route;
mod mesh;
mod registry;
mod routes;
mod traffic_policy;

/// A document in which `@` stands for a field of `schema`, and valid values of some of its fields.
pub(crate) struct Probe {
    pub(crate) schema: &'static str,
    pub(crate) document: String,
    pub(crate) fields: &'static [(&'static str, &'static str)],
}

/// A document for every field of every message.
pub(crate) fn probes() -> Vec<Probe> {
    [
        documents::documents(),
        routes::virtual_service(),
        http_route::http_route(),
        traffic_policy::destination_rule(),
        traffic_policy::connections(),
        balancing::load_balancing(),
        registry::registry(),
        mesh::mesh(),
        gateway::routes(),
        gateway::references(),
        gateway::services(),
        gateway_filters::filters(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
