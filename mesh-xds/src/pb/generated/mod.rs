// Made by `cargo xtask protos`.

pub(crate) mod schema;
pub mod envoy {
pub mod config {
pub mod bootstrap {
pub mod v3 {
include!("envoy.config.bootstrap.v3.rs");
}
}
pub mod cluster {
pub mod v3 {
include!("envoy.config.cluster.v3.rs");
}
}
pub mod common {
pub mod mutation_rules {
pub mod v3 {
include!("envoy.config.common.mutation_rules.v3.rs");
}
}
}
pub mod core {
pub mod v3 {
include!("envoy.config.core.v3.rs");
}
}
pub mod endpoint {
pub mod v3 {
include!("envoy.config.endpoint.v3.rs");
}
}
pub mod listener {
pub mod v3 {
include!("envoy.config.listener.v3.rs");
}
}
pub mod route {
pub mod v3 {
include!("envoy.config.route.v3.rs");
}
}
}
pub mod extensions {
pub mod clusters {
pub mod aggregate {
pub mod v3 {
include!("envoy.extensions.clusters.aggregate.v3.rs");
}
}
}
pub mod filters {
pub mod common {
pub mod fault {
pub mod v3 {
include!("envoy.extensions.filters.common.fault.v3.rs");
}
}
}
pub mod http {
pub mod cors {
pub mod v3 {
include!("envoy.extensions.filters.http.cors.v3.rs");
}
}
pub mod fault {
pub mod v3 {
include!("envoy.extensions.filters.http.fault.v3.rs");
}
}
pub mod header_mutation {
pub mod v3 {
include!("envoy.extensions.filters.http.header_mutation.v3.rs");
}
}
pub mod router {
pub mod v3 {
include!("envoy.extensions.filters.http.router.v3.rs");
}
}
}
pub mod network {
pub mod http_connection_manager {
pub mod v3 {
include!("envoy.extensions.filters.network.http_connection_manager.v3.rs");
}
}
pub mod tcp_proxy {
pub mod v3 {
include!("envoy.extensions.filters.network.tcp_proxy.v3.rs");
}
}
}
}
pub mod internal_redirect {
pub mod allow_listed_routes {
pub mod v3 {
include!("envoy.extensions.internal_redirect.allow_listed_routes.v3.rs");
}
}
pub mod previous_routes {
pub mod v3 {
include!("envoy.extensions.internal_redirect.previous_routes.v3.rs");
}
}
pub mod safe_cross_scheme {
pub mod v3 {
include!("envoy.extensions.internal_redirect.safe_cross_scheme.v3.rs");
}
}
}
pub mod load_balancing_policies {
pub mod common {
pub mod v3 {
include!("envoy.extensions.load_balancing_policies.common.v3.rs");
}
}
pub mod least_request {
pub mod v3 {
include!("envoy.extensions.load_balancing_policies.least_request.v3.rs");
}
}
pub mod maglev {
pub mod v3 {
include!("envoy.extensions.load_balancing_policies.maglev.v3.rs");
}
}
pub mod random {
pub mod v3 {
include!("envoy.extensions.load_balancing_policies.random.v3.rs");
}
}
pub mod ring_hash {
pub mod v3 {
include!("envoy.extensions.load_balancing_policies.ring_hash.v3.rs");
}
}
pub mod round_robin {
pub mod v3 {
include!("envoy.extensions.load_balancing_policies.round_robin.v3.rs");
}
}
}
pub mod path {
pub mod r#match {
pub mod uri_template {
pub mod v3 {
include!("envoy.extensions.path.r#match.uri_template.v3.rs");
}
}
}
pub mod rewrite {
pub mod uri_template {
pub mod v3 {
include!("envoy.extensions.path.rewrite.uri_template.v3.rs");
}
}
}
}
pub mod retry {
pub mod host {
pub mod previous_hosts {
pub mod v3 {
include!("envoy.extensions.retry.host.previous_hosts.v3.rs");
}
}
}
}
pub mod transport_sockets {
pub mod raw_buffer {
pub mod v3 {
include!("envoy.extensions.transport_sockets.raw_buffer.v3.rs");
}
}
}
pub mod upstreams {
pub mod http {
pub mod v3 {
include!("envoy.extensions.upstreams.http.v3.rs");
}
}
}
}
pub mod r#type {
pub mod matcher {
pub mod v3 {
include!("envoy.r#type.matcher.v3.rs");
}
}
pub mod v3 {
include!("envoy.r#type.v3.rs");
}
}
pub mod service {
pub mod discovery {
pub mod v3 {
include!("envoy.service.discovery.v3.rs");
}
}
}
}
pub mod google {
pub mod protobuf {
include!("google.protobuf.rs");
}
pub mod rpc {
include!("google.rpc.rs");
}
}
