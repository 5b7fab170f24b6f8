// Made by `cargo xtask protos`.

use super::super::schema::{Enum, Field, Kind, Message, Support};

pub(crate) static MESSAGES: &[&Message] = &[
    &CONFIG_BOOTSTRAP_V3_BOOTSTRAP,
    &CONFIG_BOOTSTRAP_V3_BOOTSTRAP_STATIC_RESOURCES,
    &CONFIG_CLUSTER_V3_CIRCUIT_BREAKERS,
    &CONFIG_CLUSTER_V3_CIRCUIT_BREAKERS_THRESHOLDS,
    &CONFIG_CLUSTER_V3_CIRCUIT_BREAKERS_THRESHOLDS_RETRY_BUDGET,
    &CONFIG_CLUSTER_V3_CLUSTER,
    &CONFIG_CLUSTER_V3_CLUSTER_COMMON_LB_CONFIG,
    &CONFIG_CLUSTER_V3_CLUSTER_COMMON_LB_CONFIG_CONSISTENT_HASHING_LB_CONFIG,
    &CONFIG_CLUSTER_V3_CLUSTER_CUSTOM_CLUSTER_TYPE,
    &CONFIG_CLUSTER_V3_CLUSTER_EDS_CLUSTER_CONFIG,
    &CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG,
    &CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG_LB_SUBSET_SELECTOR,
    &CONFIG_CLUSTER_V3_CLUSTER_LEAST_REQUEST_LB_CONFIG,
    &CONFIG_CLUSTER_V3_CLUSTER_MAGLEV_LB_CONFIG,
    &CONFIG_CLUSTER_V3_CLUSTER_RING_HASH_LB_CONFIG,
    &CONFIG_CLUSTER_V3_LOAD_BALANCING_POLICY,
    &CONFIG_CLUSTER_V3_LOAD_BALANCING_POLICY_POLICY,
    &CONFIG_CLUSTER_V3_OUTLIER_DETECTION,
    &CONFIG_CLUSTER_V3_UPSTREAM_CONNECTION_OPTIONS,
    &CONFIG_COMMON_MUTATION_RULES_V3_HEADER_MUTATION,
    &CONFIG_CORE_V3_ADDRESS,
    &CONFIG_CORE_V3_AGGREGATED_CONFIG_SOURCE,
    &CONFIG_CORE_V3_CIDR_RANGE,
    &CONFIG_CORE_V3_CONFIG_SOURCE,
    &CONFIG_CORE_V3_DATA_SOURCE,
    &CONFIG_CORE_V3_HEADER_VALUE,
    &CONFIG_CORE_V3_HEADER_VALUE_OPTION,
    &CONFIG_CORE_V3_HTTP1_PROTOCOL_OPTIONS,
    &CONFIG_CORE_V3_HTTP2_PROTOCOL_OPTIONS,
    &CONFIG_CORE_V3_HTTP_PROTOCOL_OPTIONS,
    &CONFIG_CORE_V3_KEEPALIVE_SETTINGS,
    &CONFIG_CORE_V3_LOCALITY,
    &CONFIG_CORE_V3_METADATA,
    &CONFIG_CORE_V3_NODE,
    &CONFIG_CORE_V3_PIPE,
    &CONFIG_CORE_V3_RUNTIME_FRACTIONAL_PERCENT,
    &CONFIG_CORE_V3_SELF_CONFIG_SOURCE,
    &CONFIG_CORE_V3_SOCKET_ADDRESS,
    &CONFIG_CORE_V3_TCP_KEEPALIVE,
    &CONFIG_CORE_V3_TRANSPORT_SOCKET,
    &CONFIG_CORE_V3_TYPED_EXTENSION_CONFIG,
    &CONFIG_ENDPOINT_V3_CLUSTER_LOAD_ASSIGNMENT,
    &CONFIG_ENDPOINT_V3_CLUSTER_LOAD_ASSIGNMENT_POLICY,
    &CONFIG_ENDPOINT_V3_ENDPOINT,
    &CONFIG_ENDPOINT_V3_LB_ENDPOINT,
    &CONFIG_ENDPOINT_V3_LOCALITY_LB_ENDPOINTS,
    &CONFIG_LISTENER_V3_API_LISTENER,
    &CONFIG_LISTENER_V3_FILTER,
    &CONFIG_LISTENER_V3_FILTER_CHAIN,
    &CONFIG_LISTENER_V3_FILTER_CHAIN_MATCH,
    &CONFIG_LISTENER_V3_LISTENER,
    &CONFIG_LISTENER_V3_LISTENER_FILTER,
    &CONFIG_ROUTE_V3_COOKIE_MATCHER,
    &CONFIG_ROUTE_V3_DIRECT_RESPONSE_ACTION,
    &CONFIG_ROUTE_V3_FILTER_CONFIG,
    &CONFIG_ROUTE_V3_HEADER_MATCHER,
    &CONFIG_ROUTE_V3_INTERNAL_REDIRECT_POLICY,
    &CONFIG_ROUTE_V3_QUERY_PARAMETER_MATCHER,
    &CONFIG_ROUTE_V3_REDIRECT_ACTION,
    &CONFIG_ROUTE_V3_RETRY_POLICY,
    &CONFIG_ROUTE_V3_RETRY_POLICY_RATE_LIMITED_RETRY_BACK_OFF,
    &CONFIG_ROUTE_V3_RETRY_POLICY_RESET_HEADER,
    &CONFIG_ROUTE_V3_RETRY_POLICY_RETRY_BACK_OFF,
    &CONFIG_ROUTE_V3_RETRY_POLICY_RETRY_HOST_PREDICATE,
    &CONFIG_ROUTE_V3_ROUTE,
    &CONFIG_ROUTE_V3_ROUTE_ACTION,
    &CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY,
    &CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_CONNECTION_PROPERTIES,
    &CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_COOKIE,
    &CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_COOKIE_ATTRIBUTE,
    &CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_HEADER,
    &CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_QUERY_PARAMETER,
    &CONFIG_ROUTE_V3_ROUTE_ACTION_MAX_STREAM_DURATION,
    &CONFIG_ROUTE_V3_ROUTE_ACTION_REQUEST_MIRROR_POLICY,
    &CONFIG_ROUTE_V3_ROUTE_ACTION_UPGRADE_CONFIG,
    &CONFIG_ROUTE_V3_ROUTE_CONFIGURATION,
    &CONFIG_ROUTE_V3_ROUTE_MATCH,
    &CONFIG_ROUTE_V3_ROUTE_MATCH_GRPC_ROUTE_MATCH_OPTIONS,
    &CONFIG_ROUTE_V3_VIRTUAL_HOST,
    &CONFIG_ROUTE_V3_WEIGHTED_CLUSTER,
    &CONFIG_ROUTE_V3_WEIGHTED_CLUSTER_CLUSTER_WEIGHT,
    &EXTENSIONS_CLUSTERS_AGGREGATE_V3_CLUSTER_CONFIG,
    &EXTENSIONS_FILTERS_COMMON_FAULT_V3_FAULT_DELAY,
    &EXTENSIONS_FILTERS_HTTP_CORS_V3_CORS,
    &EXTENSIONS_FILTERS_HTTP_CORS_V3_CORS_POLICY,
    &EXTENSIONS_FILTERS_HTTP_FAULT_V3_FAULT_ABORT,
    &EXTENSIONS_FILTERS_HTTP_FAULT_V3_HTTPFAULT,
    &EXTENSIONS_FILTERS_HTTP_HEADER_MUTATION_V3_HEADER_MUTATION,
    &EXTENSIONS_FILTERS_HTTP_HEADER_MUTATION_V3_HEADER_MUTATION_PER_ROUTE,
    &EXTENSIONS_FILTERS_HTTP_HEADER_MUTATION_V3_MUTATIONS,
    &EXTENSIONS_FILTERS_HTTP_ROUTER_V3_ROUTER,
    &EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_HTTP_CONNECTION_MANAGER,
    &EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_HTTP_CONNECTION_MANAGER_UPGRADE_CONFIG,
    &EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_HTTP_FILTER,
    &EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_RDS,
    &EXTENSIONS_FILTERS_NETWORK_TCP_PROXY_V3_TCP_PROXY,
    &EXTENSIONS_FILTERS_NETWORK_TCP_PROXY_V3_TCP_PROXY_WEIGHTED_CLUSTER,
    &EXTENSIONS_FILTERS_NETWORK_TCP_PROXY_V3_TCP_PROXY_WEIGHTED_CLUSTER_CLUSTER_WEIGHT,
    &EXTENSIONS_INTERNAL_REDIRECT_ALLOW_LISTED_ROUTES_V3_ALLOW_LISTED_ROUTES_CONFIG,
    &EXTENSIONS_INTERNAL_REDIRECT_PREVIOUS_ROUTES_V3_PREVIOUS_ROUTES_CONFIG,
    &EXTENSIONS_INTERNAL_REDIRECT_SAFE_CROSS_SCHEME_V3_SAFE_CROSS_SCHEME_CONFIG,
    &EXTENSIONS_LOAD_BALANCING_POLICIES_COMMON_V3_CONSISTENT_HASHING_LB_CONFIG,
    &EXTENSIONS_LOAD_BALANCING_POLICIES_LEAST_REQUEST_V3_LEAST_REQUEST,
    &EXTENSIONS_LOAD_BALANCING_POLICIES_MAGLEV_V3_MAGLEV,
    &EXTENSIONS_LOAD_BALANCING_POLICIES_RANDOM_V3_RANDOM,
    &EXTENSIONS_LOAD_BALANCING_POLICIES_RING_HASH_V3_RING_HASH,
    &EXTENSIONS_LOAD_BALANCING_POLICIES_ROUND_ROBIN_V3_ROUND_ROBIN,
    &EXTENSIONS_PATH_MATCH_URI_TEMPLATE_V3_URI_TEMPLATE_MATCH_CONFIG,
    &EXTENSIONS_PATH_REWRITE_URI_TEMPLATE_V3_URI_TEMPLATE_REWRITE_CONFIG,
    &EXTENSIONS_RETRY_HOST_PREVIOUS_HOSTS_V3_PREVIOUS_HOSTS_PREDICATE,
    &EXTENSIONS_TRANSPORT_SOCKETS_RAW_BUFFER_V3_RAW_BUFFER,
    &EXTENSIONS_UPSTREAMS_HTTP_V3_HTTP_PROTOCOL_OPTIONS,
    &EXTENSIONS_UPSTREAMS_HTTP_V3_HTTP_PROTOCOL_OPTIONS_EXPLICIT_HTTP_CONFIG,
    &EXTENSIONS_UPSTREAMS_HTTP_V3_HTTP_PROTOCOL_OPTIONS_USE_DOWNSTREAM_HTTP_CONFIG,
    &TYPE_MATCHER_V3_REGEX_MATCH_AND_SUBSTITUTE,
    &TYPE_MATCHER_V3_REGEX_MATCHER,
    &TYPE_MATCHER_V3_STRING_MATCHER,
    &TYPE_V3_FRACTIONAL_PERCENT,
    &TYPE_V3_INT64_RANGE,
    &TYPE_V3_PERCENT,
];

pub(crate) static CONFIG_BOOTSTRAP_V3_BOOTSTRAP: Message = Message {
    name: "envoy.config.bootstrap.v3.Bootstrap",
    fields: &[
        Field { number: 1, name: "node", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("the process itself is the node") },
        Field { number: 2, name: "static_resources", kind: Kind::Message(&CONFIG_BOOTSTRAP_V3_BOOTSTRAP_STATIC_RESOURCES), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "dynamic_resources", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("this source reads static resources; a control plane is another source") },
        Field { number: 4, name: "cluster_manager", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 5, name: "flags_path", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 6, name: "stats_sinks", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics go through the recorder of mesh-http") },
        Field { number: 7, name: "stats_flush_interval", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics go through the recorder of mesh-http") },
        Field { number: 8, name: "watchdog", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns the Envoy process") },
        Field { number: 9, name: "tracing", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("traces go through the recorder of mesh-http") },
        Field { number: 12, name: "admin", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns the Envoy process") },
        Field { number: 13, name: "stats_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics go through the recorder of mesh-http") },
        Field { number: 14, name: "hds_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 15, name: "overload_manager", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 16, name: "enable_dispatcher_stats", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics go through the recorder of mesh-http") },
        Field { number: 17, name: "layered_runtime", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("there are no runtime keys") },
        Field { number: 18, name: "header_prefix", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 19, name: "stats_server_version_override", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics go through the recorder of mesh-http") },
        Field { number: 20, name: "use_tcp_for_dns_lookups", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 21, name: "bootstrap_extensions", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("an extension of Envoy's binary") },
        Field { number: 22, name: "config_sources", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("this source reads static resources; a control plane is another source") },
        Field { number: 23, name: "default_config_source", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("this source reads static resources; a control plane is another source") },
        Field { number: 24, name: "default_socket_interface", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 25, name: "certificate_provider_instances", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("TLS is not supported yet") },
        Field { number: 26, name: "node_context_params", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("the process itself is the node") },
        Field { number: 27, name: "watchdogs", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns the Envoy process") },
        Field { number: 28, name: "fatal_actions", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns the Envoy process") },
        Field { number: 29, name: "stats_flush_on_admin", kind: Kind::Bytes, repeated: false, oneof: Some("stats_flush"), support: Support::Ignored("statistics go through the recorder of mesh-http") },
        Field { number: 30, name: "dns_resolution_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 31, name: "typed_dns_resolver_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 32, name: "inline_headers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 33, name: "perf_tracing_file_path", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns the Envoy process") },
        Field { number: 34, name: "default_regex_engine", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("the engine is that of the regex crate") },
        Field { number: 35, name: "xds_delegate_extension", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("an extension of Envoy's binary") },
        Field { number: 36, name: "xds_config_tracker_extension", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("an extension of Envoy's binary") },
        Field { number: 37, name: "listener_manager", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("an extension of Envoy's binary") },
        Field { number: 38, name: "application_log_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns the Envoy process") },
        Field { number: 39, name: "deferred_stat_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics go through the recorder of mesh-http") },
        Field { number: 40, name: "grpc_async_client_manager_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns the Envoy process") },
        Field { number: 41, name: "memory_allocator_manager", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns the Envoy process") },
        Field { number: 42, name: "stats_eviction_interval", kind: Kind::Bytes, repeated: false, oneof: Some("stats_eviction"), support: Support::Ignored("statistics go through the recorder of mesh-http") },
        Field { number: 43, name: "enable_worker_cpu_affinity", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns the Envoy process") },
    ],
};

pub(crate) static CONFIG_BOOTSTRAP_V3_BOOTSTRAP_STATIC_RESOURCES: Message = Message {
    name: "envoy.config.bootstrap.v3.Bootstrap.StaticResources",
    fields: &[
        Field { number: 1, name: "listeners", kind: Kind::Message(&CONFIG_LISTENER_V3_LISTENER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 2, name: "clusters", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 3, name: "secrets", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("TLS is not supported yet") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CIRCUIT_BREAKERS: Message = Message {
    name: "envoy.config.cluster.v3.CircuitBreakers",
    fields: &[
        Field { number: 1, name: "thresholds", kind: Kind::Message(&CONFIG_CLUSTER_V3_CIRCUIT_BREAKERS_THRESHOLDS), repeated: true, oneof: None, support: Support::Read },
        Field { number: 2, name: "per_host_thresholds", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CIRCUIT_BREAKERS_THRESHOLDS: Message = Message {
    name: "envoy.config.cluster.v3.CircuitBreakers.Thresholds",
    fields: &[
        Field { number: 1, name: "priority", kind: Kind::Enum(&CONFIG_CORE_V3_ROUTING_PRIORITY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "max_connections", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "max_pending_requests", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "max_requests", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "max_retries", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 6, name: "track_remaining", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 7, name: "max_connection_pools", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an endpoint has one pool") },
        Field { number: 8, name: "retry_budget", kind: Kind::Message(&CONFIG_CLUSTER_V3_CIRCUIT_BREAKERS_THRESHOLDS_RETRY_BUDGET), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CIRCUIT_BREAKERS_THRESHOLDS_RETRY_BUDGET: Message = Message {
    name: "envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget",
    fields: &[
        Field { number: 1, name: "budget_percent", kind: Kind::Message(&TYPE_V3_PERCENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "min_retry_concurrency", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "budget_interval", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER: Message = Message {
    name: "envoy.config.cluster.v3.Cluster",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "type", kind: Kind::Enum(&CONFIG_CLUSTER_V3_CLUSTER_DISCOVERY_TYPE), repeated: false, oneof: Some("cluster_discovery_type"), support: Support::Read },
        Field { number: 3, name: "eds_cluster_config", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER_EDS_CLUSTER_CONFIG), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "connect_timeout", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "per_connection_buffer_limit_bytes", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 6, name: "lb_policy", kind: Kind::Enum(&CONFIG_CLUSTER_V3_CLUSTER_LB_POLICY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 8, name: "health_checks", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("active health checking") },
        Field { number: 9, name: "max_requests_per_connection", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("deprecated; typed_extension_protocol_options replaces it") },
        Field { number: 10, name: "circuit_breakers", kind: Kind::Message(&CONFIG_CLUSTER_V3_CIRCUIT_BREAKERS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 13, name: "http_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("deprecated; typed_extension_protocol_options replaces it") },
        Field { number: 14, name: "http2_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("deprecated; typed_extension_protocol_options replaces it") },
        Field { number: 16, name: "dns_refresh_rate", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("names are looked up every 5 s, as the system does it") },
        Field { number: 17, name: "dns_lookup_family", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("names are looked up every 5 s, as the system does it") },
        Field { number: 18, name: "dns_resolvers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("names are looked up every 5 s, as the system does it") },
        Field { number: 19, name: "outlier_detection", kind: Kind::Message(&CONFIG_CLUSTER_V3_OUTLIER_DETECTION), repeated: false, oneof: None, support: Support::Read },
        Field { number: 20, name: "cleanup_interval", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("has no effect on the discovery types supported") },
        Field { number: 21, name: "upstream_bind_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 22, name: "lb_subset_config", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG), repeated: false, oneof: None, support: Support::Read },
        Field { number: 23, name: "ring_hash_lb_config", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER_RING_HASH_LB_CONFIG), repeated: false, oneof: Some("lb_config"), support: Support::Read },
        Field { number: 24, name: "transport_socket", kind: Kind::Message(&CONFIG_CORE_V3_TRANSPORT_SOCKET), repeated: false, oneof: None, support: Support::Read },
        Field { number: 25, name: "metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("read by nothing here") },
        Field { number: 26, name: "protocol_selection", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("deprecated; typed_extension_protocol_options replaces it") },
        Field { number: 27, name: "common_lb_config", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER_COMMON_LB_CONFIG), repeated: false, oneof: None, support: Support::Read },
        Field { number: 28, name: "alt_stat_name", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 29, name: "common_http_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("deprecated; typed_extension_protocol_options replaces it") },
        Field { number: 30, name: "upstream_connection_options", kind: Kind::Message(&CONFIG_CLUSTER_V3_UPSTREAM_CONNECTION_OPTIONS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 31, name: "close_connections_on_host_health_failure", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("active health checking") },
        Field { number: 32, name: "ignore_health_on_host_removal", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("active health checking") },
        Field { number: 33, name: "load_assignment", kind: Kind::Message(&CONFIG_ENDPOINT_V3_CLUSTER_LOAD_ASSIGNMENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 34, name: "original_dst_lb_config", kind: Kind::Bytes, repeated: false, oneof: Some("lb_config"), support: Support::Rejected("only STATIC, STRICT_DNS, LOGICAL_DNS and EDS are supported") },
        Field { number: 36, name: "typed_extension_protocol_options", kind: Kind::Map(&Kind::Any), repeated: false, oneof: None, support: Support::Read },
        Field { number: 37, name: "least_request_lb_config", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER_LEAST_REQUEST_LB_CONFIG), repeated: false, oneof: Some("lb_config"), support: Support::Read },
        Field { number: 38, name: "cluster_type", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER_CUSTOM_CLUSTER_TYPE), repeated: false, oneof: Some("cluster_discovery_type"), support: Support::Read },
        Field { number: 39, name: "respect_dns_ttl", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("names are looked up every 5 s, as the system does it") },
        Field { number: 40, name: "filters", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("network filters of upstream connections") },
        Field { number: 41, name: "load_balancing_policy", kind: Kind::Message(&CONFIG_CLUSTER_V3_LOAD_BALANCING_POLICY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 42, name: "lrs_server", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("load reports are not sent") },
        Field { number: 43, name: "transport_socket_matches", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("TLS is not supported yet") },
        Field { number: 44, name: "dns_failure_refresh_rate", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("names are looked up every 5 s, as the system does it") },
        Field { number: 45, name: "use_tcp_for_dns_lookups", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("names are looked up every 5 s, as the system does it") },
        Field { number: 46, name: "upstream_http_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("TLS is not supported yet") },
        Field { number: 47, name: "track_timeout_budgets", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 48, name: "upstream_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("another connection pool") },
        Field { number: 49, name: "track_cluster_stats", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 50, name: "preconnect_policy", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 51, name: "connection_pool_per_downstream_connection", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 52, name: "maglev_lb_config", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER_MAGLEV_LB_CONFIG), repeated: false, oneof: Some("lb_config"), support: Support::Read },
        Field { number: 53, name: "dns_resolution_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("names are looked up every 5 s, as the system does it") },
        Field { number: 54, name: "wait_for_warm_on_init", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("has no effect on the discovery types supported") },
        Field { number: 55, name: "typed_dns_resolver_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("names are looked up every 5 s, as the system does it") },
        Field { number: 56, name: "round_robin_lb_config", kind: Kind::Bytes, repeated: false, oneof: Some("lb_config"), support: Support::Unsupported("slow start") },
        Field { number: 57, name: "lrs_report_endpoint_metrics", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("load reports are not sent") },
        Field { number: 58, name: "dns_jitter", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("names are looked up every 5 s, as the system does it") },
        Field { number: 59, name: "transport_socket_matcher", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("TLS is not supported yet") },
        Field { number: 60, name: "per_connection_buffer_high_watermark_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 61, name: "stats_matcher", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 62, name: "queuing_policies", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER_COMMON_LB_CONFIG: Message = Message {
    name: "envoy.config.cluster.v3.Cluster.CommonLbConfig",
    fields: &[
        Field { number: 1, name: "healthy_panic_threshold", kind: Kind::Message(&TYPE_V3_PERCENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "zone_aware_lb_config", kind: Kind::Bytes, repeated: false, oneof: Some("locality_config_specifier"), support: Support::Unsupported("balancing by locality") },
        Field { number: 3, name: "locality_weighted_lb_config", kind: Kind::Bytes, repeated: false, oneof: Some("locality_config_specifier"), support: Support::Unsupported("balancing by locality") },
        Field { number: 4, name: "update_merge_window", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("every update is applied at once") },
        Field { number: 5, name: "ignore_new_hosts_until_first_hc", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("active health checking") },
        Field { number: 6, name: "close_connections_on_host_set_change", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 7, name: "consistent_hashing_lb_config", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER_COMMON_LB_CONFIG_CONSISTENT_HASHING_LB_CONFIG), repeated: false, oneof: None, support: Support::Read },
        Field { number: 8, name: "override_host_status", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("stateful sessions") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER_COMMON_LB_CONFIG_CONSISTENT_HASHING_LB_CONFIG: Message = Message {
    name: "envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig",
    fields: &[
        Field { number: 1, name: "use_hostname_for_hashing", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "hash_balance_factor", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("bounded loads") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER_CUSTOM_CLUSTER_TYPE: Message = Message {
    name: "envoy.config.cluster.v3.Cluster.CustomClusterType",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "typed_config", kind: Kind::Any, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER_EDS_CLUSTER_CONFIG: Message = Message {
    name: "envoy.config.cluster.v3.Cluster.EdsClusterConfig",
    fields: &[
        Field { number: 1, name: "eds_config", kind: Kind::Message(&CONFIG_CORE_V3_CONFIG_SOURCE), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "service_name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG: Message = Message {
    name: "envoy.config.cluster.v3.Cluster.LbSubsetConfig",
    fields: &[
        Field { number: 1, name: "fallback_policy", kind: Kind::Enum(&CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG_LB_SUBSET_FALLBACK_POLICY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "default_subset", kind: Kind::Struct, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "subset_selectors", kind: Kind::Message(&CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG_LB_SUBSET_SELECTOR), repeated: true, oneof: None, support: Support::Read },
        Field { number: 4, name: "locality_weight_aware", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 5, name: "scale_locality_weight", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 6, name: "panic_mode_any", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 7, name: "list_as_any", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 8, name: "metadata_fallback_policy", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG_LB_SUBSET_SELECTOR: Message = Message {
    name: "envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector",
    fields: &[
        Field { number: 1, name: "keys", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 2, name: "fallback_policy", kind: Kind::Enum(&CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG_LB_SUBSET_SELECTOR_LB_SUBSET_SELECTOR_FALLBACK_POLICY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "fallback_keys_subset", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("a selector's own fallback policy") },
        Field { number: 4, name: "single_host_per_subset", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER_LEAST_REQUEST_LB_CONFIG: Message = Message {
    name: "envoy.config.cluster.v3.Cluster.LeastRequestLbConfig",
    fields: &[
        Field { number: 1, name: "choice_count", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "active_request_bias", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 3, name: "slow_start_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER_MAGLEV_LB_CONFIG: Message = Message {
    name: "envoy.config.cluster.v3.Cluster.MaglevLbConfig",
    fields: &[
        Field { number: 1, name: "table_size", kind: Kind::Wrapper(&Kind::Uint64), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_CLUSTER_RING_HASH_LB_CONFIG: Message = Message {
    name: "envoy.config.cluster.v3.Cluster.RingHashLbConfig",
    fields: &[
        Field { number: 1, name: "minimum_ring_size", kind: Kind::Wrapper(&Kind::Uint64), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "hash_function", kind: Kind::Enum(&CONFIG_CLUSTER_V3_CLUSTER_RING_HASH_LB_CONFIG_HASH_FUNCTION), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "maximum_ring_size", kind: Kind::Wrapper(&Kind::Uint64), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_LOAD_BALANCING_POLICY: Message = Message {
    name: "envoy.config.cluster.v3.LoadBalancingPolicy",
    fields: &[
        Field { number: 1, name: "policies", kind: Kind::Message(&CONFIG_CLUSTER_V3_LOAD_BALANCING_POLICY_POLICY), repeated: true, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_LOAD_BALANCING_POLICY_POLICY: Message = Message {
    name: "envoy.config.cluster.v3.LoadBalancingPolicy.Policy",
    fields: &[
        Field { number: 4, name: "typed_extension_config", kind: Kind::Message(&CONFIG_CORE_V3_TYPED_EXTENSION_CONFIG), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_OUTLIER_DETECTION: Message = Message {
    name: "envoy.config.cluster.v3.OutlierDetection",
    fields: &[
        Field { number: 1, name: "consecutive_5xx", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "interval", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "base_ejection_time", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "max_ejection_percent", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "enforcing_consecutive_5xx", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 6, name: "enforcing_success_rate", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "success_rate_minimum_hosts", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("ejection by success rate") },
        Field { number: 8, name: "success_rate_request_volume", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("ejection by success rate") },
        Field { number: 9, name: "success_rate_stdev_factor", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("ejection by success rate") },
        Field { number: 10, name: "consecutive_gateway_failure", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 11, name: "enforcing_consecutive_gateway_failure", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 12, name: "split_external_local_origin_errors", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 13, name: "consecutive_local_origin_failure", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 14, name: "enforcing_consecutive_local_origin_failure", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 15, name: "enforcing_local_origin_success_rate", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("ejection by success rate") },
        Field { number: 16, name: "failure_percentage_threshold", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("ejection by failure percentage") },
        Field { number: 17, name: "enforcing_failure_percentage", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 18, name: "enforcing_failure_percentage_local_origin", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("ejection by failure percentage") },
        Field { number: 19, name: "failure_percentage_minimum_hosts", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("ejection by failure percentage") },
        Field { number: 20, name: "failure_percentage_request_volume", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("ejection by failure percentage") },
        Field { number: 21, name: "max_ejection_time", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 22, name: "max_ejection_time_jitter", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 23, name: "successful_active_health_check_uneject_host", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("active health checking") },
        Field { number: 24, name: "monitors", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 25, name: "always_eject_one_host", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: None, support: Support::Read },
        Field { number: 26, name: "detect_degraded_hosts", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CLUSTER_V3_UPSTREAM_CONNECTION_OPTIONS: Message = Message {
    name: "envoy.config.cluster.v3.UpstreamConnectionOptions",
    fields: &[
        Field { number: 1, name: "tcp_keepalive", kind: Kind::Message(&CONFIG_CORE_V3_TCP_KEEPALIVE), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "set_local_interface_name_on_upstream_connections", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("logs") },
        Field { number: 3, name: "happy_eyeballs_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_COMMON_MUTATION_RULES_V3_HEADER_MUTATION: Message = Message {
    name: "envoy.config.common.mutation_rules.v3.HeaderMutation",
    fields: &[
        Field { number: 1, name: "remove", kind: Kind::String, repeated: false, oneof: Some("action"), support: Support::Read },
        Field { number: 2, name: "append", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE_OPTION), repeated: false, oneof: Some("action"), support: Support::Read },
        Field { number: 3, name: "remove_on_match", kind: Kind::Bytes, repeated: false, oneof: Some("action"), support: Support::Rejected("") },
    ],
};

pub(crate) static CONFIG_CORE_V3_ADDRESS: Message = Message {
    name: "envoy.config.core.v3.Address",
    fields: &[
        Field { number: 1, name: "socket_address", kind: Kind::Message(&CONFIG_CORE_V3_SOCKET_ADDRESS), repeated: false, oneof: Some("address"), support: Support::Read },
        Field { number: 2, name: "pipe", kind: Kind::Message(&CONFIG_CORE_V3_PIPE), repeated: false, oneof: Some("address"), support: Support::Read },
        Field { number: 3, name: "envoy_internal_address", kind: Kind::Bytes, repeated: false, oneof: Some("address"), support: Support::Rejected("internal listeners") },
    ],
};

pub(crate) static CONFIG_CORE_V3_AGGREGATED_CONFIG_SOURCE: Message = Message {
    name: "envoy.config.core.v3.AggregatedConfigSource",
    fields: &[
    ],
};

pub(crate) static CONFIG_CORE_V3_CIDR_RANGE: Message = Message {
    name: "envoy.config.core.v3.CidrRange",
    fields: &[
        Field { number: 1, name: "address_prefix", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "prefix_len", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CORE_V3_CONFIG_SOURCE: Message = Message {
    name: "envoy.config.core.v3.ConfigSource",
    fields: &[
        Field { number: 1, name: "path", kind: Kind::Bytes, repeated: false, oneof: Some("config_source_specifier"), support: Support::Rejected("only ads and self are supported") },
        Field { number: 2, name: "api_config_source", kind: Kind::Bytes, repeated: false, oneof: Some("config_source_specifier"), support: Support::Rejected("only ads and self are supported") },
        Field { number: 3, name: "ads", kind: Kind::Message(&CONFIG_CORE_V3_AGGREGATED_CONFIG_SOURCE), repeated: false, oneof: Some("config_source_specifier"), support: Support::Read },
        Field { number: 4, name: "initial_fetch_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("the client has its own") },
        Field { number: 5, name: "self", kind: Kind::Message(&CONFIG_CORE_V3_SELF_CONFIG_SOURCE), repeated: false, oneof: Some("config_source_specifier"), support: Support::Read },
        Field { number: 6, name: "resource_api_version", kind: Kind::Enum(&CONFIG_CORE_V3_API_VERSION), repeated: false, oneof: None, support: Support::Ignored("v3 is the only one") },
        Field { number: 7, name: "authorities", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("xDS federation") },
        Field { number: 8, name: "path_config_source", kind: Kind::Bytes, repeated: false, oneof: Some("config_source_specifier"), support: Support::Rejected("only ads and self are supported") },
    ],
};

pub(crate) static CONFIG_CORE_V3_DATA_SOURCE: Message = Message {
    name: "envoy.config.core.v3.DataSource",
    fields: &[
        Field { number: 1, name: "filename", kind: Kind::Bytes, repeated: false, oneof: Some("specifier"), support: Support::Rejected("only inline data is read") },
        Field { number: 2, name: "inline_bytes", kind: Kind::Bytes, repeated: false, oneof: Some("specifier"), support: Support::Read },
        Field { number: 3, name: "inline_string", kind: Kind::String, repeated: false, oneof: Some("specifier"), support: Support::Read },
        Field { number: 4, name: "environment_variable", kind: Kind::Bytes, repeated: false, oneof: Some("specifier"), support: Support::Rejected("only inline data is read") },
        Field { number: 5, name: "watched_directory", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("only inline data is read") },
    ],
};

pub(crate) static CONFIG_CORE_V3_HEADER_VALUE: Message = Message {
    name: "envoy.config.core.v3.HeaderValue",
    fields: &[
        Field { number: 1, name: "key", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "value", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "raw_value", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CORE_V3_HEADER_VALUE_OPTION: Message = Message {
    name: "envoy.config.core.v3.HeaderValueOption",
    fields: &[
        Field { number: 1, name: "header", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "append", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "append_action", kind: Kind::Enum(&CONFIG_CORE_V3_HEADER_VALUE_OPTION_HEADER_APPEND_ACTION), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "keep_empty_value", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CORE_V3_HTTP1_PROTOCOL_OPTIONS: Message = Message {
    name: "envoy.config.core.v3.Http1ProtocolOptions",
    fields: &[
        Field { number: 1, name: "allow_absolute_url", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns servers") },
        Field { number: 2, name: "accept_http_10", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns servers") },
        Field { number: 3, name: "default_host_for_http_10", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns servers") },
        Field { number: 4, name: "header_key_format", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 5, name: "enable_trailers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 6, name: "allow_chunked_length", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 7, name: "override_stream_error_on_invalid_http_message", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 8, name: "send_fully_qualified_url", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 9, name: "use_balsa_parser", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("names Envoy's parser") },
        Field { number: 10, name: "allow_custom_methods", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 11, name: "ignore_http_11_upgrade", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CORE_V3_HTTP2_PROTOCOL_OPTIONS: Message = Message {
    name: "envoy.config.core.v3.Http2ProtocolOptions",
    fields: &[
        Field { number: 1, name: "hpack_table_size", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 2, name: "max_concurrent_streams", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "initial_stream_window_size", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 4, name: "initial_connection_window_size", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 5, name: "allow_connect", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 6, name: "allow_metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 7, name: "max_outbound_frames", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 8, name: "max_outbound_control_frames", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 9, name: "max_consecutive_inbound_frames_with_empty_payload", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 10, name: "max_inbound_priority_frames_per_stream", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 11, name: "max_inbound_window_update_frames_per_data_frame_sent", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 12, name: "stream_error_on_invalid_http_messaging", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 13, name: "custom_settings_parameters", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 14, name: "override_stream_error_on_invalid_http_message", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 15, name: "connection_keepalive", kind: Kind::Message(&CONFIG_CORE_V3_KEEPALIVE_SETTINGS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 16, name: "use_oghttp2_codec", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("names Envoy's codec") },
        Field { number: 17, name: "max_metadata_size", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 18, name: "enable_huffman_encoding", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 19, name: "max_header_field_size_kb", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 20, name: "disallow_obs_text", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 21, name: "stream_reset_burst", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
        Field { number: 22, name: "stream_reset_rate", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the h2 crate's settings hold") },
    ],
};

pub(crate) static CONFIG_CORE_V3_HTTP_PROTOCOL_OPTIONS: Message = Message {
    name: "envoy.config.core.v3.HttpProtocolOptions",
    fields: &[
        Field { number: 1, name: "idle_timeout", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "max_headers_count", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("hyper's limits hold") },
        Field { number: 3, name: "max_connection_duration", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "max_stream_duration", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("of a cluster; a route's is supported") },
        Field { number: 5, name: "headers_with_underscores_action", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("hyper's limits hold") },
        Field { number: 6, name: "max_requests_per_connection", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "max_response_headers_kb", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("hyper's limits hold") },
        Field { number: 8, name: "max_connection_duration_jitter", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CORE_V3_KEEPALIVE_SETTINGS: Message = Message {
    name: "envoy.config.core.v3.KeepaliveSettings",
    fields: &[
        Field { number: 1, name: "interval", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "timeout", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "interval_jitter", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 4, name: "connection_idle_interval", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_CORE_V3_LOCALITY: Message = Message {
    name: "envoy.config.core.v3.Locality",
    fields: &[
        Field { number: 1, name: "region", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "zone", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "sub_zone", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CORE_V3_METADATA: Message = Message {
    name: "envoy.config.core.v3.Metadata",
    fields: &[
        Field { number: 1, name: "filter_metadata", kind: Kind::Map(&Kind::Struct), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "typed_filter_metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("only filter_metadata[\"envoy.lb\"] is read") },
    ],
};

pub(crate) static CONFIG_CORE_V3_NODE: Message = Message {
    name: "envoy.config.core.v3.Node",
    fields: &[
        Field { number: 1, name: "id", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "cluster", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "metadata", kind: Kind::Struct, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "locality", kind: Kind::Message(&CONFIG_CORE_V3_LOCALITY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 6, name: "user_agent_name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "user_agent_version", kind: Kind::String, repeated: false, oneof: Some("user_agent_version_type"), support: Support::Read },
        Field { number: 8, name: "user_agent_build_version", kind: Kind::Bytes, repeated: false, oneof: Some("user_agent_version_type"), support: Support::Ignored("not sent") },
        Field { number: 9, name: "extensions", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("not sent") },
        Field { number: 10, name: "client_features", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 11, name: "listening_addresses", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("not sent") },
        Field { number: 12, name: "dynamic_parameters", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("not sent") },
    ],
};

pub(crate) static CONFIG_CORE_V3_PIPE: Message = Message {
    name: "envoy.config.core.v3.Pipe",
    fields: &[
        Field { number: 1, name: "path", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "mode", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("has no effect on connecting") },
    ],
};

pub(crate) static CONFIG_CORE_V3_RUNTIME_FRACTIONAL_PERCENT: Message = Message {
    name: "envoy.config.core.v3.RuntimeFractionalPercent",
    fields: &[
        Field { number: 1, name: "default_value", kind: Kind::Message(&TYPE_V3_FRACTIONAL_PERCENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "runtime_key", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("there are no runtime keys; the default value counts") },
    ],
};

pub(crate) static CONFIG_CORE_V3_SELF_CONFIG_SOURCE: Message = Message {
    name: "envoy.config.core.v3.SelfConfigSource",
    fields: &[
        Field { number: 1, name: "transport_api_version", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("v3 is the only one") },
    ],
};

pub(crate) static CONFIG_CORE_V3_SOCKET_ADDRESS: Message = Message {
    name: "envoy.config.core.v3.SocketAddress",
    fields: &[
        Field { number: 1, name: "protocol", kind: Kind::Enum(&CONFIG_CORE_V3_SOCKET_ADDRESS_PROTOCOL), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "address", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "port_value", kind: Kind::Uint32, repeated: false, oneof: Some("port_specifier"), support: Support::Read },
        Field { number: 4, name: "named_port", kind: Kind::Bytes, repeated: false, oneof: Some("port_specifier"), support: Support::Rejected("a custom resolver") },
        Field { number: 5, name: "resolver_name", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("a custom resolver") },
        Field { number: 6, name: "ipv4_compat", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("has no effect on connecting") },
        Field { number: 7, name: "network_namespace_filepath", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("network namespaces") },
    ],
};

pub(crate) static CONFIG_CORE_V3_TCP_KEEPALIVE: Message = Message {
    name: "envoy.config.core.v3.TcpKeepalive",
    fields: &[
        Field { number: 1, name: "keepalive_probes", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "keepalive_time", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "keepalive_interval", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_CORE_V3_TRANSPORT_SOCKET: Message = Message {
    name: "envoy.config.core.v3.TransportSocket",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "typed_config", kind: Kind::Any, repeated: false, oneof: Some("config_type"), support: Support::Read },
    ],
};

pub(crate) static CONFIG_CORE_V3_TYPED_EXTENSION_CONFIG: Message = Message {
    name: "envoy.config.core.v3.TypedExtensionConfig",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "typed_config", kind: Kind::Any, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ENDPOINT_V3_CLUSTER_LOAD_ASSIGNMENT: Message = Message {
    name: "envoy.config.endpoint.v3.ClusterLoadAssignment",
    fields: &[
        Field { number: 1, name: "cluster_name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "endpoints", kind: Kind::Message(&CONFIG_ENDPOINT_V3_LOCALITY_LB_ENDPOINTS), repeated: true, oneof: None, support: Support::Read },
        Field { number: 4, name: "policy", kind: Kind::Message(&CONFIG_ENDPOINT_V3_CLUSTER_LOAD_ASSIGNMENT_POLICY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "named_endpoints", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("endpoints are listed where they are used") },
    ],
};

pub(crate) static CONFIG_ENDPOINT_V3_CLUSTER_LOAD_ASSIGNMENT_POLICY: Message = Message {
    name: "envoy.config.endpoint.v3.ClusterLoadAssignment.Policy",
    fields: &[
        Field { number: 2, name: "drop_overloads", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("dropping a share of the requests") },
        Field { number: 3, name: "overprovisioning_factor", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "endpoint_stale_after", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 6, name: "weighted_priority_health", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_ENDPOINT_V3_ENDPOINT: Message = Message {
    name: "envoy.config.endpoint.v3.Endpoint",
    fields: &[
        Field { number: 1, name: "address", kind: Kind::Message(&CONFIG_CORE_V3_ADDRESS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "health_check_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("active health checking") },
        Field { number: 3, name: "hostname", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "additional_addresses", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the first address is used") },
        Field { number: 5, name: "observability_name", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("logs") },
    ],
};

pub(crate) static CONFIG_ENDPOINT_V3_LB_ENDPOINT: Message = Message {
    name: "envoy.config.endpoint.v3.LbEndpoint",
    fields: &[
        Field { number: 1, name: "endpoint", kind: Kind::Message(&CONFIG_ENDPOINT_V3_ENDPOINT), repeated: false, oneof: Some("host_identifier"), support: Support::Read },
        Field { number: 2, name: "health_status", kind: Kind::Enum(&CONFIG_CORE_V3_HEALTH_STATUS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "metadata", kind: Kind::Message(&CONFIG_CORE_V3_METADATA), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "load_balancing_weight", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "endpoint_name", kind: Kind::Bytes, repeated: false, oneof: Some("host_identifier"), support: Support::Rejected("endpoints are listed where they are used") },
    ],
};

pub(crate) static CONFIG_ENDPOINT_V3_LOCALITY_LB_ENDPOINTS: Message = Message {
    name: "envoy.config.endpoint.v3.LocalityLbEndpoints",
    fields: &[
        Field { number: 1, name: "locality", kind: Kind::Message(&CONFIG_CORE_V3_LOCALITY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "lb_endpoints", kind: Kind::Message(&CONFIG_ENDPOINT_V3_LB_ENDPOINT), repeated: true, oneof: None, support: Support::Read },
        Field { number: 3, name: "load_balancing_weight", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "priority", kind: Kind::Uint32, repeated: false, oneof: None, support: Support::Read },
        Field { number: 6, name: "proximity", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("not used by Envoy either") },
        Field { number: 7, name: "load_balancer_endpoints", kind: Kind::Bytes, repeated: false, oneof: Some("lb_config"), support: Support::Rejected("lb_endpoints replaces it") },
        Field { number: 8, name: "leds_cluster_locality_config", kind: Kind::Bytes, repeated: false, oneof: Some("lb_config"), support: Support::Rejected("endpoints come with their assignment") },
        Field { number: 9, name: "metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("read by nothing here") },
    ],
};

pub(crate) static CONFIG_LISTENER_V3_API_LISTENER: Message = Message {
    name: "envoy.config.listener.v3.ApiListener",
    fields: &[
        Field { number: 1, name: "api_listener", kind: Kind::Any, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_LISTENER_V3_FILTER: Message = Message {
    name: "envoy.config.listener.v3.Filter",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "typed_config", kind: Kind::Any, repeated: false, oneof: Some("config_type"), support: Support::Read },
        Field { number: 5, name: "config_discovery", kind: Kind::Bytes, repeated: false, oneof: Some("config_type"), support: Support::Rejected("filters on demand") },
    ],
};

pub(crate) static CONFIG_LISTENER_V3_FILTER_CHAIN: Message = Message {
    name: "envoy.config.listener.v3.FilterChain",
    fields: &[
        Field { number: 1, name: "filter_chain_match", kind: Kind::Message(&CONFIG_LISTENER_V3_FILTER_CHAIN_MATCH), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "filters", kind: Kind::Message(&CONFIG_LISTENER_V3_FILTER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 4, name: "use_proxy_proto", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 5, name: "metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("read by nothing here") },
        Field { number: 6, name: "transport_socket", kind: Kind::Message(&CONFIG_CORE_V3_TRANSPORT_SOCKET), repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 9, name: "transport_socket_connect_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
    ],
};

pub(crate) static CONFIG_LISTENER_V3_FILTER_CHAIN_MATCH: Message = Message {
    name: "envoy.config.listener.v3.FilterChainMatch",
    fields: &[
        Field { number: 3, name: "prefix_ranges", kind: Kind::Message(&CONFIG_CORE_V3_CIDR_RANGE), repeated: true, oneof: None, support: Support::Read },
        Field { number: 4, name: "address_suffix", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("Envoy does not implement it") },
        Field { number: 5, name: "suffix_len", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("Envoy does not implement it") },
        Field { number: 6, name: "source_prefix_ranges", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("callers have no addresses of their own") },
        Field { number: 7, name: "source_ports", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("callers have no addresses of their own") },
        Field { number: 8, name: "destination_port", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 9, name: "transport_protocol", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 10, name: "application_protocols", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 11, name: "server_names", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 12, name: "source_type", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("callers have no addresses of their own") },
        Field { number: 13, name: "direct_source_prefix_ranges", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("callers have no addresses of their own") },
    ],
};

pub(crate) static CONFIG_LISTENER_V3_LISTENER: Message = Message {
    name: "envoy.config.listener.v3.Listener",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "address", kind: Kind::Message(&CONFIG_CORE_V3_ADDRESS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "filter_chains", kind: Kind::Message(&CONFIG_LISTENER_V3_FILTER_CHAIN), repeated: true, oneof: None, support: Support::Read },
        Field { number: 4, name: "use_original_dst", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a client dials by name; nothing is intercepted") },
        Field { number: 5, name: "per_connection_buffer_limit_bytes", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 6, name: "metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("read by nothing here") },
        Field { number: 7, name: "deprecated_v1", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 8, name: "drain_type", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 9, name: "listener_filters", kind: Kind::Message(&CONFIG_LISTENER_V3_LISTENER_FILTER), repeated: true, oneof: None, support: Support::Ignored("an outbound listener has no socket here; a caller says itself what it speaks") },
        Field { number: 10, name: "transparent", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a client dials by name; nothing is intercepted") },
        Field { number: 11, name: "freebind", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 12, name: "tcp_fast_open_queue_length", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 13, name: "socket_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 15, name: "listener_filters_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 16, name: "traffic_direction", kind: Kind::Enum(&CONFIG_CORE_V3_TRAFFIC_DIRECTION), repeated: false, oneof: None, support: Support::Read },
        Field { number: 17, name: "continue_on_listener_filters_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 18, name: "udp_listener_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("only TCP listeners are supported") },
        Field { number: 19, name: "api_listener", kind: Kind::Message(&CONFIG_LISTENER_V3_API_LISTENER), repeated: false, oneof: None, support: Support::Read },
        Field { number: 20, name: "connection_balance_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 21, name: "reuse_port", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 22, name: "access_log", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("requests are reported through the recorder of mesh-http") },
        Field { number: 24, name: "tcp_backlog_size", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 25, name: "default_filter_chain", kind: Kind::Message(&CONFIG_LISTENER_V3_FILTER_CHAIN), repeated: false, oneof: None, support: Support::Read },
        Field { number: 26, name: "bind_to_port", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 27, name: "internal_listener", kind: Kind::Bytes, repeated: false, oneof: Some("listener_specifier"), support: Support::Rejected("only TCP listeners are supported") },
        Field { number: 28, name: "stat_prefix", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 29, name: "enable_reuse_port", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 30, name: "enable_mptcp", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 31, name: "ignore_global_conn_limit", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 32, name: "filter_chain_matcher", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("filter chains are chosen by filter_chain_match") },
        Field { number: 33, name: "additional_addresses", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the first address counts") },
        Field { number: 34, name: "max_connections_to_accept_per_socket_event", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 35, name: "bypass_overload_manager", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 36, name: "fcds_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("filter chains on demand") },
        Field { number: 37, name: "tcp_keepalive", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 38, name: "per_connection_buffer_high_watermark_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 39, name: "stats_matcher", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
    ],
};

pub(crate) static CONFIG_LISTENER_V3_LISTENER_FILTER: Message = Message {
    name: "envoy.config.listener.v3.ListenerFilter",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no socket here") },
        Field { number: 3, name: "typed_config", kind: Kind::Any, repeated: false, oneof: Some("config_type"), support: Support::Ignored("an outbound listener has no socket here") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_COOKIE_MATCHER: Message = Message {
    name: "envoy.config.route.v3.CookieMatcher",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "string_match", kind: Kind::Message(&TYPE_MATCHER_V3_STRING_MATCHER), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "invert_match", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_DIRECT_RESPONSE_ACTION: Message = Message {
    name: "envoy.config.route.v3.DirectResponseAction",
    fields: &[
        Field { number: 1, name: "status", kind: Kind::Uint32, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "body", kind: Kind::Message(&CONFIG_CORE_V3_DATA_SOURCE), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "body_format", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("formatters") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_FILTER_CONFIG: Message = Message {
    name: "envoy.config.route.v3.FilterConfig",
    fields: &[
        Field { number: 1, name: "config", kind: Kind::Any, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "is_optional", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "disabled", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_HEADER_MATCHER: Message = Message {
    name: "envoy.config.route.v3.HeaderMatcher",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "exact_match", kind: Kind::String, repeated: false, oneof: Some("header_match_specifier"), support: Support::Read },
        Field { number: 6, name: "range_match", kind: Kind::Message(&TYPE_V3_INT64_RANGE), repeated: false, oneof: Some("header_match_specifier"), support: Support::Read },
        Field { number: 7, name: "present_match", kind: Kind::Bool, repeated: false, oneof: Some("header_match_specifier"), support: Support::Read },
        Field { number: 8, name: "invert_match", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 9, name: "prefix_match", kind: Kind::String, repeated: false, oneof: Some("header_match_specifier"), support: Support::Read },
        Field { number: 10, name: "suffix_match", kind: Kind::String, repeated: false, oneof: Some("header_match_specifier"), support: Support::Read },
        Field { number: 11, name: "safe_regex_match", kind: Kind::Message(&TYPE_MATCHER_V3_REGEX_MATCHER), repeated: false, oneof: Some("header_match_specifier"), support: Support::Read },
        Field { number: 12, name: "contains_match", kind: Kind::String, repeated: false, oneof: Some("header_match_specifier"), support: Support::Read },
        Field { number: 13, name: "string_match", kind: Kind::Message(&TYPE_MATCHER_V3_STRING_MATCHER), repeated: false, oneof: Some("header_match_specifier"), support: Support::Read },
        Field { number: 14, name: "treat_missing_header_as_empty", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_INTERNAL_REDIRECT_POLICY: Message = Message {
    name: "envoy.config.route.v3.InternalRedirectPolicy",
    fields: &[
        Field { number: 1, name: "max_internal_redirects", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "redirect_response_codes", kind: Kind::Uint32, repeated: true, oneof: None, support: Support::Read },
        Field { number: 3, name: "predicates", kind: Kind::Message(&CONFIG_CORE_V3_TYPED_EXTENSION_CONFIG), repeated: true, oneof: None, support: Support::Read },
        Field { number: 4, name: "allow_cross_scheme_redirect", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "response_headers_to_copy", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_QUERY_PARAMETER_MATCHER: Message = Message {
    name: "envoy.config.route.v3.QueryParameterMatcher",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "string_match", kind: Kind::Message(&TYPE_MATCHER_V3_STRING_MATCHER), repeated: false, oneof: Some("query_parameter_match_specifier"), support: Support::Read },
        Field { number: 6, name: "present_match", kind: Kind::Bool, repeated: false, oneof: Some("query_parameter_match_specifier"), support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_REDIRECT_ACTION: Message = Message {
    name: "envoy.config.route.v3.RedirectAction",
    fields: &[
        Field { number: 1, name: "host_redirect", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "path_redirect", kind: Kind::String, repeated: false, oneof: Some("path_rewrite_specifier"), support: Support::Read },
        Field { number: 3, name: "response_code", kind: Kind::Enum(&CONFIG_ROUTE_V3_REDIRECT_ACTION_REDIRECT_RESPONSE_CODE), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "https_redirect", kind: Kind::Bool, repeated: false, oneof: Some("scheme_rewrite_specifier"), support: Support::Read },
        Field { number: 5, name: "prefix_rewrite", kind: Kind::String, repeated: false, oneof: Some("path_rewrite_specifier"), support: Support::Read },
        Field { number: 6, name: "strip_query", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "scheme_redirect", kind: Kind::String, repeated: false, oneof: Some("scheme_rewrite_specifier"), support: Support::Read },
        Field { number: 8, name: "port_redirect", kind: Kind::Uint32, repeated: false, oneof: None, support: Support::Read },
        Field { number: 9, name: "regex_rewrite", kind: Kind::Message(&TYPE_MATCHER_V3_REGEX_MATCH_AND_SUBSTITUTE), repeated: false, oneof: Some("path_rewrite_specifier"), support: Support::Read },
        Field { number: 10, name: "path_rewrite", kind: Kind::Bytes, repeated: false, oneof: Some("path_rewrite_specifier"), support: Support::Rejected("formatters") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_RETRY_POLICY: Message = Message {
    name: "envoy.config.route.v3.RetryPolicy",
    fields: &[
        Field { number: 1, name: "retry_on", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "num_retries", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "per_try_timeout", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "retry_priority", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 5, name: "retry_host_predicate", kind: Kind::Message(&CONFIG_ROUTE_V3_RETRY_POLICY_RETRY_HOST_PREDICATE), repeated: true, oneof: None, support: Support::Read },
        Field { number: 6, name: "host_selection_retry_max_attempts", kind: Kind::Int64, repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "retriable_status_codes", kind: Kind::Uint32, repeated: true, oneof: None, support: Support::Read },
        Field { number: 8, name: "retry_back_off", kind: Kind::Message(&CONFIG_ROUTE_V3_RETRY_POLICY_RETRY_BACK_OFF), repeated: false, oneof: None, support: Support::Read },
        Field { number: 9, name: "retriable_headers", kind: Kind::Message(&CONFIG_ROUTE_V3_HEADER_MATCHER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 10, name: "retriable_request_headers", kind: Kind::Message(&CONFIG_ROUTE_V3_HEADER_MATCHER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 11, name: "rate_limited_retry_back_off", kind: Kind::Message(&CONFIG_ROUTE_V3_RETRY_POLICY_RATE_LIMITED_RETRY_BACK_OFF), repeated: false, oneof: None, support: Support::Read },
        Field { number: 12, name: "retry_options_predicates", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 13, name: "per_try_idle_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 14, name: "refresh_cluster_on_retry", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_RETRY_POLICY_RATE_LIMITED_RETRY_BACK_OFF: Message = Message {
    name: "envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff",
    fields: &[
        Field { number: 1, name: "reset_headers", kind: Kind::Message(&CONFIG_ROUTE_V3_RETRY_POLICY_RESET_HEADER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 2, name: "max_interval", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_RETRY_POLICY_RESET_HEADER: Message = Message {
    name: "envoy.config.route.v3.RetryPolicy.ResetHeader",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "format", kind: Kind::Enum(&CONFIG_ROUTE_V3_RETRY_POLICY_RESET_HEADER_FORMAT), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_RETRY_POLICY_RETRY_BACK_OFF: Message = Message {
    name: "envoy.config.route.v3.RetryPolicy.RetryBackOff",
    fields: &[
        Field { number: 1, name: "base_interval", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "max_interval", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_RETRY_POLICY_RETRY_HOST_PREDICATE: Message = Message {
    name: "envoy.config.route.v3.RetryPolicy.RetryHostPredicate",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "typed_config", kind: Kind::Any, repeated: false, oneof: Some("config_type"), support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE: Message = Message {
    name: "envoy.config.route.v3.Route",
    fields: &[
        Field { number: 1, name: "match", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_MATCH), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "route", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION), repeated: false, oneof: Some("action"), support: Support::Read },
        Field { number: 3, name: "redirect", kind: Kind::Message(&CONFIG_ROUTE_V3_REDIRECT_ACTION), repeated: false, oneof: Some("action"), support: Support::Read },
        Field { number: 4, name: "metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("read by nothing here") },
        Field { number: 5, name: "decorator", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("traces go through the recorder of mesh-http") },
        Field { number: 7, name: "direct_response", kind: Kind::Message(&CONFIG_ROUTE_V3_DIRECT_RESPONSE_ACTION), repeated: false, oneof: Some("action"), support: Support::Read },
        Field { number: 9, name: "request_headers_to_add", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE_OPTION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 10, name: "response_headers_to_add", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE_OPTION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 11, name: "response_headers_to_remove", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 12, name: "request_headers_to_remove", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 13, name: "typed_per_filter_config", kind: Kind::Map(&Kind::Any), repeated: false, oneof: None, support: Support::Read },
        Field { number: 14, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 15, name: "tracing", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("traces go through the recorder of mesh-http") },
        Field { number: 16, name: "per_request_buffer_limit_bytes", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 17, name: "filter_action", kind: Kind::Bytes, repeated: false, oneof: Some("action"), support: Support::Rejected("only route, redirect and direct_response are supported") },
        Field { number: 18, name: "non_forwarding_action", kind: Kind::Bytes, repeated: false, oneof: Some("action"), support: Support::Rejected("only route, redirect and direct_response are supported") },
        Field { number: 19, name: "stat_prefix", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 20, name: "request_body_buffer_limit", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 21, name: "route_specifiers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION: Message = Message {
    name: "envoy.config.route.v3.RouteAction",
    fields: &[
        Field { number: 1, name: "cluster", kind: Kind::String, repeated: false, oneof: Some("cluster_specifier"), support: Support::Read },
        Field { number: 2, name: "cluster_header", kind: Kind::String, repeated: false, oneof: Some("cluster_specifier"), support: Support::Read },
        Field { number: 3, name: "weighted_clusters", kind: Kind::Message(&CONFIG_ROUTE_V3_WEIGHTED_CLUSTER), repeated: false, oneof: Some("cluster_specifier"), support: Support::Read },
        Field { number: 4, name: "metadata_match", kind: Kind::Message(&CONFIG_CORE_V3_METADATA), repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "prefix_rewrite", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 6, name: "host_rewrite_literal", kind: Kind::String, repeated: false, oneof: Some("host_rewrite_specifier"), support: Support::Read },
        Field { number: 7, name: "auto_host_rewrite", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: Some("host_rewrite_specifier"), support: Support::Read },
        Field { number: 8, name: "timeout", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 9, name: "retry_policy", kind: Kind::Message(&CONFIG_ROUTE_V3_RETRY_POLICY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 11, name: "priority", kind: Kind::Enum(&CONFIG_CORE_V3_ROUTING_PRIORITY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 13, name: "rate_limits", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the rate limit filter") },
        Field { number: 14, name: "include_vh_rate_limits", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the rate limit filter") },
        Field { number: 15, name: "hash_policy", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY), repeated: true, oneof: None, support: Support::Read },
        Field { number: 17, name: "cors", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("deprecated; typed_per_filter_config replaces it") },
        Field { number: 20, name: "cluster_not_found_response_code", kind: Kind::Enum(&CONFIG_ROUTE_V3_ROUTE_ACTION_CLUSTER_NOT_FOUND_RESPONSE_CODE), repeated: false, oneof: None, support: Support::Read },
        Field { number: 23, name: "max_grpc_timeout", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 24, name: "idle_timeout", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 25, name: "upgrade_configs", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_UPGRADE_CONFIG), repeated: true, oneof: None, support: Support::Read },
        Field { number: 26, name: "internal_redirect_action", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("deprecated; internal_redirect_policy replaces it") },
        Field { number: 27, name: "hedge_policy", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 28, name: "grpc_timeout_offset", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 29, name: "host_rewrite_header", kind: Kind::String, repeated: false, oneof: Some("host_rewrite_specifier"), support: Support::Read },
        Field { number: 30, name: "request_mirror_policies", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_REQUEST_MIRROR_POLICY), repeated: true, oneof: None, support: Support::Read },
        Field { number: 31, name: "max_internal_redirects", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("deprecated; internal_redirect_policy replaces it") },
        Field { number: 32, name: "regex_rewrite", kind: Kind::Message(&TYPE_MATCHER_V3_REGEX_MATCH_AND_SUBSTITUTE), repeated: false, oneof: None, support: Support::Read },
        Field { number: 33, name: "retry_policy_typed_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 34, name: "internal_redirect_policy", kind: Kind::Message(&CONFIG_ROUTE_V3_INTERNAL_REDIRECT_POLICY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 35, name: "host_rewrite_path_regex", kind: Kind::Message(&TYPE_MATCHER_V3_REGEX_MATCH_AND_SUBSTITUTE), repeated: false, oneof: Some("host_rewrite_specifier"), support: Support::Read },
        Field { number: 36, name: "max_stream_duration", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_MAX_STREAM_DURATION), repeated: false, oneof: None, support: Support::Read },
        Field { number: 37, name: "cluster_specifier_plugin", kind: Kind::Bytes, repeated: false, oneof: Some("cluster_specifier"), support: Support::Rejected("cluster specifier plugins") },
        Field { number: 38, name: "append_x_forwarded_host", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 39, name: "inline_cluster_specifier_plugin", kind: Kind::Bytes, repeated: false, oneof: Some("cluster_specifier"), support: Support::Rejected("cluster specifier plugins") },
        Field { number: 40, name: "early_data_policy", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("concerns HTTP/3 and TLS") },
        Field { number: 41, name: "path_rewrite_policy", kind: Kind::Message(&CONFIG_CORE_V3_TYPED_EXTENSION_CONFIG), repeated: false, oneof: None, support: Support::Read },
        Field { number: 42, name: "flush_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 44, name: "host_rewrite", kind: Kind::Bytes, repeated: false, oneof: Some("host_rewrite_specifier"), support: Support::Rejected("formatters") },
        Field { number: 45, name: "path_rewrite", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("formatters") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY: Message = Message {
    name: "envoy.config.route.v3.RouteAction.HashPolicy",
    fields: &[
        Field { number: 1, name: "header", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_HEADER), repeated: false, oneof: Some("policy_specifier"), support: Support::Read },
        Field { number: 2, name: "cookie", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_COOKIE), repeated: false, oneof: Some("policy_specifier"), support: Support::Read },
        Field { number: 3, name: "connection_properties", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_CONNECTION_PROPERTIES), repeated: false, oneof: Some("policy_specifier"), support: Support::Read },
        Field { number: 4, name: "terminal", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "query_parameter", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_QUERY_PARAMETER), repeated: false, oneof: Some("policy_specifier"), support: Support::Read },
        Field { number: 6, name: "filter_state", kind: Kind::Bytes, repeated: false, oneof: Some("policy_specifier"), support: Support::Unsupported("there is no filter state") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_CONNECTION_PROPERTIES: Message = Message {
    name: "envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties",
    fields: &[
        Field { number: 1, name: "source_ip", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_COOKIE: Message = Message {
    name: "envoy.config.route.v3.RouteAction.HashPolicy.Cookie",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "ttl", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "path", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "attributes", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_COOKIE_ATTRIBUTE), repeated: true, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_COOKIE_ATTRIBUTE: Message = Message {
    name: "envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "value", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_HEADER: Message = Message {
    name: "envoy.config.route.v3.RouteAction.HashPolicy.Header",
    fields: &[
        Field { number: 1, name: "header_name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "regex_rewrite", kind: Kind::Message(&TYPE_MATCHER_V3_REGEX_MATCH_AND_SUBSTITUTE), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION_HASH_POLICY_QUERY_PARAMETER: Message = Message {
    name: "envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION_MAX_STREAM_DURATION: Message = Message {
    name: "envoy.config.route.v3.RouteAction.MaxStreamDuration",
    fields: &[
        Field { number: 1, name: "max_stream_duration", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "grpc_timeout_header_max", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "grpc_timeout_header_offset", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION_REQUEST_MIRROR_POLICY: Message = Message {
    name: "envoy.config.route.v3.RouteAction.RequestMirrorPolicy",
    fields: &[
        Field { number: 1, name: "cluster", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "runtime_fraction", kind: Kind::Message(&CONFIG_CORE_V3_RUNTIME_FRACTIONAL_PERCENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "trace_sampled", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("traces go through the recorder of mesh-http") },
        Field { number: 5, name: "cluster_header", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 6, name: "disable_shadow_host_suffix_append", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "request_headers_mutations", kind: Kind::Message(&CONFIG_COMMON_MUTATION_RULES_V3_HEADER_MUTATION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 8, name: "host_rewrite_literal", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_ACTION_UPGRADE_CONFIG: Message = Message {
    name: "envoy.config.route.v3.RouteAction.UpgradeConfig",
    fields: &[
        Field { number: 1, name: "upgrade_type", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "enabled", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "connect_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("CONNECT") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_CONFIGURATION: Message = Message {
    name: "envoy.config.route.v3.RouteConfiguration",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "virtual_hosts", kind: Kind::Message(&CONFIG_ROUTE_V3_VIRTUAL_HOST), repeated: true, oneof: None, support: Support::Read },
        Field { number: 3, name: "internal_only_headers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("callers in this process are internal") },
        Field { number: 4, name: "response_headers_to_add", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE_OPTION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 5, name: "response_headers_to_remove", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 6, name: "request_headers_to_add", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE_OPTION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 7, name: "validate_clusters", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("a route to a missing cluster is reported, and answers 503") },
        Field { number: 8, name: "request_headers_to_remove", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 9, name: "vhds", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("virtual hosts on demand") },
        Field { number: 10, name: "most_specific_header_mutations_wins", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 11, name: "max_direct_response_body_size_bytes", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("a body may be of any size here") },
        Field { number: 12, name: "cluster_specifier_plugins", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a route that uses one is rejected") },
        Field { number: 13, name: "request_mirror_policies", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_REQUEST_MIRROR_POLICY), repeated: true, oneof: None, support: Support::Read },
        Field { number: 14, name: "ignore_port_in_host_matching", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 15, name: "ignore_path_parameters_in_path_matching", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("") },
        Field { number: 16, name: "typed_per_filter_config", kind: Kind::Map(&Kind::Any), repeated: false, oneof: None, support: Support::Read },
        Field { number: 17, name: "metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("read by nothing here") },
        Field { number: 18, name: "vhost_header", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("") },
        Field { number: 19, name: "route_specifiers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_MATCH: Message = Message {
    name: "envoy.config.route.v3.RouteMatch",
    fields: &[
        Field { number: 1, name: "prefix", kind: Kind::String, repeated: false, oneof: Some("path_specifier"), support: Support::Read },
        Field { number: 2, name: "path", kind: Kind::String, repeated: false, oneof: Some("path_specifier"), support: Support::Read },
        Field { number: 4, name: "case_sensitive", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: None, support: Support::Read },
        Field { number: 6, name: "headers", kind: Kind::Message(&CONFIG_ROUTE_V3_HEADER_MATCHER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 7, name: "query_parameters", kind: Kind::Message(&CONFIG_ROUTE_V3_QUERY_PARAMETER_MATCHER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 8, name: "grpc", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_MATCH_GRPC_ROUTE_MATCH_OPTIONS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 9, name: "runtime_fraction", kind: Kind::Message(&CONFIG_CORE_V3_RUNTIME_FRACTIONAL_PERCENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 10, name: "safe_regex", kind: Kind::Message(&TYPE_MATCHER_V3_REGEX_MATCHER), repeated: false, oneof: Some("path_specifier"), support: Support::Read },
        Field { number: 11, name: "tls_context", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("TLS is not supported yet") },
        Field { number: 12, name: "connect_matcher", kind: Kind::Bytes, repeated: false, oneof: Some("path_specifier"), support: Support::Rejected("") },
        Field { number: 13, name: "dynamic_metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("") },
        Field { number: 14, name: "path_separated_prefix", kind: Kind::String, repeated: false, oneof: Some("path_specifier"), support: Support::Read },
        Field { number: 15, name: "path_match_policy", kind: Kind::Message(&CONFIG_CORE_V3_TYPED_EXTENSION_CONFIG), repeated: false, oneof: Some("path_specifier"), support: Support::Read },
        Field { number: 16, name: "filter_state", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("") },
        Field { number: 17, name: "cookies", kind: Kind::Message(&CONFIG_ROUTE_V3_COOKIE_MATCHER), repeated: true, oneof: None, support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_ROUTE_MATCH_GRPC_ROUTE_MATCH_OPTIONS: Message = Message {
    name: "envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions",
    fields: &[
    ],
};

pub(crate) static CONFIG_ROUTE_V3_VIRTUAL_HOST: Message = Message {
    name: "envoy.config.route.v3.VirtualHost",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "domains", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 3, name: "routes", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE), repeated: true, oneof: None, support: Support::Read },
        Field { number: 4, name: "require_tls", kind: Kind::Enum(&CONFIG_ROUTE_V3_VIRTUAL_HOST_TLS_REQUIREMENT_TYPE), repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "virtual_clusters", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 6, name: "rate_limits", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("the rate limit filter") },
        Field { number: 7, name: "request_headers_to_add", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE_OPTION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 8, name: "cors", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("deprecated; typed_per_filter_config replaces it") },
        Field { number: 10, name: "response_headers_to_add", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE_OPTION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 11, name: "response_headers_to_remove", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 13, name: "request_headers_to_remove", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 14, name: "include_request_attempt_count", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 15, name: "typed_per_filter_config", kind: Kind::Map(&Kind::Any), repeated: false, oneof: None, support: Support::Read },
        Field { number: 16, name: "retry_policy", kind: Kind::Message(&CONFIG_ROUTE_V3_RETRY_POLICY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 17, name: "hedge_policy", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 18, name: "per_request_buffer_limit_bytes", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 19, name: "include_attempt_count_in_response", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 20, name: "retry_policy_typed_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 21, name: "matcher", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("generic matchers") },
        Field { number: 22, name: "request_mirror_policies", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_ACTION_REQUEST_MIRROR_POLICY), repeated: true, oneof: None, support: Support::Read },
        Field { number: 23, name: "include_is_timeout_retry_header", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 24, name: "metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("read by nothing here") },
        Field { number: 25, name: "request_body_buffer_limit", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 26, name: "route_specifiers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("generic matchers") },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_WEIGHTED_CLUSTER: Message = Message {
    name: "envoy.config.route.v3.WeightedCluster",
    fields: &[
        Field { number: 1, name: "clusters", kind: Kind::Message(&CONFIG_ROUTE_V3_WEIGHTED_CLUSTER_CLUSTER_WEIGHT), repeated: true, oneof: None, support: Support::Read },
        Field { number: 2, name: "runtime_key_prefix", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("there are no runtime keys; the default value counts") },
        Field { number: 3, name: "total_weight", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("the sum of the weights counts") },
        Field { number: 4, name: "header_name", kind: Kind::String, repeated: false, oneof: Some("random_value_specifier"), support: Support::Read },
        Field { number: 5, name: "use_hash_policy", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: Some("random_value_specifier"), support: Support::Read },
    ],
};

pub(crate) static CONFIG_ROUTE_V3_WEIGHTED_CLUSTER_CLUSTER_WEIGHT: Message = Message {
    name: "envoy.config.route.v3.WeightedCluster.ClusterWeight",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "weight", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "metadata_match", kind: Kind::Message(&CONFIG_CORE_V3_METADATA), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "request_headers_to_add", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE_OPTION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 5, name: "response_headers_to_add", kind: Kind::Message(&CONFIG_CORE_V3_HEADER_VALUE_OPTION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 6, name: "response_headers_to_remove", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 9, name: "request_headers_to_remove", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
        Field { number: 10, name: "typed_per_filter_config", kind: Kind::Map(&Kind::Any), repeated: false, oneof: None, support: Support::Read },
        Field { number: 11, name: "host_rewrite_literal", kind: Kind::String, repeated: false, oneof: Some("host_rewrite_specifier"), support: Support::Read },
        Field { number: 12, name: "cluster_header", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_CLUSTERS_AGGREGATE_V3_CLUSTER_CONFIG: Message = Message {
    name: "envoy.extensions.clusters.aggregate.v3.ClusterConfig",
    fields: &[
        Field { number: 1, name: "clusters", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_COMMON_FAULT_V3_FAULT_DELAY: Message = Message {
    name: "envoy.extensions.filters.common.fault.v3.FaultDelay",
    fields: &[
        Field { number: 3, name: "fixed_delay", kind: Kind::Duration, repeated: false, oneof: Some("fault_delay_secifier"), support: Support::Read },
        Field { number: 4, name: "percentage", kind: Kind::Message(&TYPE_V3_FRACTIONAL_PERCENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "header_delay", kind: Kind::Bytes, repeated: false, oneof: Some("fault_delay_secifier"), support: Support::Unsupported("faults asked for by request headers") },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_HTTP_CORS_V3_CORS: Message = Message {
    name: "envoy.extensions.filters.http.cors.v3.Cors",
    fields: &[
    ],
};

pub(crate) static EXTENSIONS_FILTERS_HTTP_CORS_V3_CORS_POLICY: Message = Message {
    name: "envoy.extensions.filters.http.cors.v3.CorsPolicy",
    fields: &[
        Field { number: 1, name: "allow_origin_string_match", kind: Kind::Message(&TYPE_MATCHER_V3_STRING_MATCHER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 2, name: "allow_methods", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "allow_headers", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "expose_headers", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "max_age", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 6, name: "allow_credentials", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "filter_enabled", kind: Kind::Message(&CONFIG_CORE_V3_RUNTIME_FRACTIONAL_PERCENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 8, name: "shadow_enabled", kind: Kind::Message(&CONFIG_CORE_V3_RUNTIME_FRACTIONAL_PERCENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 9, name: "allow_private_network_access", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: None, support: Support::Read },
        Field { number: 10, name: "forward_not_matching_preflights", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_HTTP_FAULT_V3_FAULT_ABORT: Message = Message {
    name: "envoy.extensions.filters.http.fault.v3.FaultAbort",
    fields: &[
        Field { number: 2, name: "http_status", kind: Kind::Uint32, repeated: false, oneof: Some("error_type"), support: Support::Read },
        Field { number: 3, name: "percentage", kind: Kind::Message(&TYPE_V3_FRACTIONAL_PERCENT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "header_abort", kind: Kind::Bytes, repeated: false, oneof: Some("error_type"), support: Support::Unsupported("faults asked for by request headers") },
        Field { number: 5, name: "grpc_status", kind: Kind::Bytes, repeated: false, oneof: Some("error_type"), support: Support::Rejected("only http_status is supported") },
        Field { number: 6, name: "response_body", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_HTTP_FAULT_V3_HTTPFAULT: Message = Message {
    name: "envoy.extensions.filters.http.fault.v3.HTTPFault",
    fields: &[
        Field { number: 1, name: "delay", kind: Kind::Message(&EXTENSIONS_FILTERS_COMMON_FAULT_V3_FAULT_DELAY), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "abort", kind: Kind::Message(&EXTENSIONS_FILTERS_HTTP_FAULT_V3_FAULT_ABORT), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "upstream_cluster", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("a fault for some requests only") },
        Field { number: 4, name: "headers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("a fault for some requests only") },
        Field { number: 5, name: "downstream_nodes", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("a fault for some requests only") },
        Field { number: 6, name: "max_active_faults", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 7, name: "response_rate_limit", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 8, name: "delay_percent_runtime", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("there are no runtime keys; the default value counts") },
        Field { number: 9, name: "abort_percent_runtime", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("there are no runtime keys; the default value counts") },
        Field { number: 10, name: "delay_duration_runtime", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("there are no runtime keys; the default value counts") },
        Field { number: 11, name: "abort_http_status_runtime", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("there are no runtime keys; the default value counts") },
        Field { number: 12, name: "max_active_faults_runtime", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("there are no runtime keys; the default value counts") },
        Field { number: 13, name: "response_rate_limit_percent_runtime", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("there are no runtime keys; the default value counts") },
        Field { number: 14, name: "abort_grpc_status_runtime", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("there are no runtime keys; the default value counts") },
        Field { number: 15, name: "disable_downstream_cluster_stats", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 16, name: "filter_metadata", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics") },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_HTTP_HEADER_MUTATION_V3_HEADER_MUTATION: Message = Message {
    name: "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
    fields: &[
        Field { number: 1, name: "mutations", kind: Kind::Message(&EXTENSIONS_FILTERS_HTTP_HEADER_MUTATION_V3_MUTATIONS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "most_specific_header_mutations_wins", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_HTTP_HEADER_MUTATION_V3_HEADER_MUTATION_PER_ROUTE: Message = Message {
    name: "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
    fields: &[
        Field { number: 1, name: "mutations", kind: Kind::Message(&EXTENSIONS_FILTERS_HTTP_HEADER_MUTATION_V3_MUTATIONS), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_HTTP_HEADER_MUTATION_V3_MUTATIONS: Message = Message {
    name: "envoy.extensions.filters.http.header_mutation.v3.Mutations",
    fields: &[
        Field { number: 1, name: "request_mutations", kind: Kind::Message(&CONFIG_COMMON_MUTATION_RULES_V3_HEADER_MUTATION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 2, name: "response_mutations", kind: Kind::Message(&CONFIG_COMMON_MUTATION_RULES_V3_HEADER_MUTATION), repeated: true, oneof: None, support: Support::Read },
        Field { number: 3, name: "query_parameter_mutations", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 4, name: "response_trailers_mutations", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 5, name: "request_trailers_mutations", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_HTTP_ROUTER_V3_ROUTER: Message = Message {
    name: "envoy.extensions.filters.http.router.v3.Router",
    fields: &[
        Field { number: 1, name: "dynamic_stats", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics, traces and logs go through the recorder of mesh-http") },
        Field { number: 2, name: "start_child_span", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics, traces and logs go through the recorder of mesh-http") },
        Field { number: 3, name: "upstream_log", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics, traces and logs go through the recorder of mesh-http") },
        Field { number: 4, name: "suppress_envoy_headers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 5, name: "strict_check_headers", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 6, name: "respect_expected_rq_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 7, name: "suppress_grpc_request_failure_code_stats", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics, traces and logs go through the recorder of mesh-http") },
        Field { number: 8, name: "upstream_http_filters", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("HTTP filters of single attempts") },
        Field { number: 9, name: "upstream_log_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("statistics, traces and logs go through the recorder of mesh-http") },
        Field { number: 10, name: "reject_connect_request_early_data", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_HTTP_CONNECTION_MANAGER: Message = Message {
    name: "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    fields: &[
        Field { number: 1, name: "codec_type", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("a caller in this process says itself what it speaks") },
        Field { number: 2, name: "stat_prefix", kind: Kind::String, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 3, name: "rds", kind: Kind::Message(&EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_RDS), repeated: false, oneof: Some("route_specifier"), support: Support::Read },
        Field { number: 4, name: "route_config", kind: Kind::Message(&CONFIG_ROUTE_V3_ROUTE_CONFIGURATION), repeated: false, oneof: Some("route_specifier"), support: Support::Read },
        Field { number: 5, name: "http_filters", kind: Kind::Message(&EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_HTTP_FILTER), repeated: true, oneof: None, support: Support::Read },
        Field { number: 6, name: "add_user_agent", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 7, name: "tracing", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("requests are reported through the recorder of mesh-http") },
        Field { number: 8, name: "http_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 9, name: "http2_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 10, name: "server_name", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 12, name: "drain_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 13, name: "access_log", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("requests are reported through the recorder of mesh-http") },
        Field { number: 14, name: "use_remote_address", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("callers in this process are internal") },
        Field { number: 15, name: "generate_request_id", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("the mesh makes no request ids") },
        Field { number: 16, name: "forward_client_cert_details", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("callers in this process have no certificates") },
        Field { number: 17, name: "set_current_client_cert_details", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("callers in this process have no certificates") },
        Field { number: 18, name: "proxy_100_continue", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 19, name: "xff_num_trusted_hops", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("callers have no addresses of their own") },
        Field { number: 20, name: "represent_ipv4_remote_address_as_ipv4_mapped_ipv6", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 21, name: "skip_xff_append", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 22, name: "via", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 23, name: "upgrade_configs", kind: Kind::Message(&EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_HTTP_CONNECTION_MANAGER_UPGRADE_CONFIG), repeated: true, oneof: None, support: Support::Read },
        Field { number: 24, name: "stream_idle_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a route's timeouts are supported") },
        Field { number: 25, name: "internal_address_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("callers in this process are internal") },
        Field { number: 26, name: "delayed_close_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 28, name: "request_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a route's timeouts are supported") },
        Field { number: 29, name: "max_request_headers_kb", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 30, name: "normalize_path", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("paths and hosts are matched as they are written") },
        Field { number: 31, name: "scoped_routes", kind: Kind::Bytes, repeated: false, oneof: Some("route_specifier"), support: Support::Rejected("scoped routes") },
        Field { number: 32, name: "preserve_external_request_id", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("the mesh makes no request ids") },
        Field { number: 33, name: "merge_slashes", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("paths and hosts are matched as they are written") },
        Field { number: 34, name: "server_header_transformation", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 35, name: "common_http_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 36, name: "request_id_extension", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("the mesh makes no request ids") },
        Field { number: 37, name: "always_set_request_id_in_response", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("the mesh makes no request ids") },
        Field { number: 38, name: "local_reply_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 39, name: "strip_matching_host_port", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("paths and hosts are matched as they are written") },
        Field { number: 40, name: "stream_error_on_invalid_http_message", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 41, name: "request_headers_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a route's timeouts are supported") },
        Field { number: 42, name: "strip_any_host_port", kind: Kind::Bytes, repeated: false, oneof: Some("strip_port_mode"), support: Support::Unsupported("paths and hosts are matched as they are written") },
        Field { number: 43, name: "path_normalization_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("paths and hosts are matched as they are written") },
        Field { number: 44, name: "http3_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 45, name: "path_with_escaped_slashes_action", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("paths and hosts are matched as they are written") },
        Field { number: 46, name: "original_ip_detection_extensions", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("callers have no addresses of their own") },
        Field { number: 47, name: "strip_trailing_host_dot", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("paths and hosts are matched as they are written") },
        Field { number: 48, name: "scheme_header_transformation", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 49, name: "proxy_status_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 50, name: "typed_header_validation_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("paths and hosts are matched as they are written") },
        Field { number: 51, name: "append_x_forwarded_port", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 52, name: "early_header_mutation_extensions", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("") },
        Field { number: 53, name: "add_proxy_protocol_connection_state", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 54, name: "access_log_flush_interval", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("requests are reported through the recorder of mesh-http") },
        Field { number: 55, name: "flush_access_log_on_new_request", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("requests are reported through the recorder of mesh-http") },
        Field { number: 56, name: "access_log_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("requests are reported through the recorder of mesh-http") },
        Field { number: 57, name: "append_local_overload", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 58, name: "http1_safe_max_connection_duration", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 59, name: "stream_flush_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
        Field { number: 60, name: "forward_client_cert_matcher", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("callers in this process have no certificates") },
        Field { number: 61, name: "forward_proto_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("headers about a proxy") },
        Field { number: 62, name: "drain_timeout_jitter", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("an outbound listener has no connections from callers") },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_HTTP_CONNECTION_MANAGER_UPGRADE_CONFIG: Message = Message {
    name: "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig",
    fields: &[
        Field { number: 1, name: "upgrade_type", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "filters", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("filters of an upgrade alone") },
        Field { number: 3, name: "enabled", kind: Kind::Wrapper(&Kind::Bool), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_HTTP_FILTER: Message = Message {
    name: "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "typed_config", kind: Kind::Any, repeated: false, oneof: Some("config_type"), support: Support::Read },
        Field { number: 5, name: "config_discovery", kind: Kind::Bytes, repeated: false, oneof: Some("config_type"), support: Support::Rejected("filters on demand") },
        Field { number: 6, name: "is_optional", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "disabled", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_NETWORK_HTTP_CONNECTION_MANAGER_V3_RDS: Message = Message {
    name: "envoy.extensions.filters.network.http_connection_manager.v3.Rds",
    fields: &[
        Field { number: 1, name: "config_source", kind: Kind::Message(&CONFIG_CORE_V3_CONFIG_SOURCE), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "route_config_name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_NETWORK_TCP_PROXY_V3_TCP_PROXY: Message = Message {
    name: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    fields: &[
        Field { number: 1, name: "stat_prefix", kind: Kind::String, repeated: false, oneof: None, support: Support::Ignored("statistics") },
        Field { number: 2, name: "cluster", kind: Kind::String, repeated: false, oneof: Some("cluster_specifier"), support: Support::Read },
        Field { number: 3, name: "downstream_idle_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("Envoy does not implement it") },
        Field { number: 4, name: "upstream_idle_timeout", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("Envoy does not implement it") },
        Field { number: 5, name: "access_log", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("connections are reported through the recorder of mesh-http") },
        Field { number: 7, name: "max_connect_attempts", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 8, name: "idle_timeout", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 9, name: "metadata_match", kind: Kind::Message(&CONFIG_CORE_V3_METADATA), repeated: false, oneof: None, support: Support::Read },
        Field { number: 10, name: "weighted_clusters", kind: Kind::Message(&EXTENSIONS_FILTERS_NETWORK_TCP_PROXY_V3_TCP_PROXY_WEIGHTED_CLUSTER), repeated: false, oneof: Some("cluster_specifier"), support: Support::Read },
        Field { number: 11, name: "hash_policy", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("connections have no hash") },
        Field { number: 12, name: "tunneling_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("tunnels over HTTP") },
        Field { number: 13, name: "max_downstream_connection_duration", kind: Kind::Duration, repeated: false, oneof: None, support: Support::Read },
        Field { number: 14, name: "on_demand", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("clusters on demand") },
        Field { number: 15, name: "access_log_flush_interval", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("connections are reported through the recorder of mesh-http") },
        Field { number: 16, name: "flush_access_log_on_connected", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("connections are reported through the recorder of mesh-http") },
        Field { number: 17, name: "access_log_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Ignored("connections are reported through the recorder of mesh-http") },
        Field { number: 18, name: "backoff_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("attempts follow each other at once") },
        Field { number: 19, name: "proxy_protocol_tlvs", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 20, name: "max_downstream_connection_duration_jitter_percentage", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_NETWORK_TCP_PROXY_V3_TCP_PROXY_WEIGHTED_CLUSTER: Message = Message {
    name: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster",
    fields: &[
        Field { number: 1, name: "clusters", kind: Kind::Message(&EXTENSIONS_FILTERS_NETWORK_TCP_PROXY_V3_TCP_PROXY_WEIGHTED_CLUSTER_CLUSTER_WEIGHT), repeated: true, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_FILTERS_NETWORK_TCP_PROXY_V3_TCP_PROXY_WEIGHTED_CLUSTER_CLUSTER_WEIGHT: Message = Message {
    name: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight",
    fields: &[
        Field { number: 1, name: "name", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "weight", kind: Kind::Uint32, repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "metadata_match", kind: Kind::Message(&CONFIG_CORE_V3_METADATA), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_INTERNAL_REDIRECT_ALLOW_LISTED_ROUTES_V3_ALLOW_LISTED_ROUTES_CONFIG: Message = Message {
    name: "envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig",
    fields: &[
        Field { number: 1, name: "allowed_route_names", kind: Kind::String, repeated: true, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_INTERNAL_REDIRECT_PREVIOUS_ROUTES_V3_PREVIOUS_ROUTES_CONFIG: Message = Message {
    name: "envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig",
    fields: &[
    ],
};

pub(crate) static EXTENSIONS_INTERNAL_REDIRECT_SAFE_CROSS_SCHEME_V3_SAFE_CROSS_SCHEME_CONFIG: Message = Message {
    name: "envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig",
    fields: &[
    ],
};

pub(crate) static EXTENSIONS_LOAD_BALANCING_POLICIES_COMMON_V3_CONSISTENT_HASHING_LB_CONFIG: Message = Message {
    name: "envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig",
    fields: &[
        Field { number: 1, name: "use_hostname_for_hashing", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "hash_balance_factor", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("bounded loads") },
        Field { number: 3, name: "hash_policy", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a route's are supported") },
    ],
};

pub(crate) static EXTENSIONS_LOAD_BALANCING_POLICIES_LEAST_REQUEST_V3_LEAST_REQUEST: Message = Message {
    name: "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
    fields: &[
        Field { number: 1, name: "choice_count", kind: Kind::Wrapper(&Kind::Uint32), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "active_request_bias", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 3, name: "slow_start_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 4, name: "locality_lb_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("balancing by locality") },
        Field { number: 5, name: "enable_full_scan", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 6, name: "selection_method", kind: Kind::Enum(&EXTENSIONS_LOAD_BALANCING_POLICIES_LEAST_REQUEST_V3_LEAST_REQUEST_SELECTION_METHOD), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_LOAD_BALANCING_POLICIES_MAGLEV_V3_MAGLEV: Message = Message {
    name: "envoy.extensions.load_balancing_policies.maglev.v3.Maglev",
    fields: &[
        Field { number: 1, name: "table_size", kind: Kind::Wrapper(&Kind::Uint64), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "consistent_hashing_lb_config", kind: Kind::Message(&EXTENSIONS_LOAD_BALANCING_POLICIES_COMMON_V3_CONSISTENT_HASHING_LB_CONFIG), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "locality_weighted_lb_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("balancing by locality") },
    ],
};

pub(crate) static EXTENSIONS_LOAD_BALANCING_POLICIES_RANDOM_V3_RANDOM: Message = Message {
    name: "envoy.extensions.load_balancing_policies.random.v3.Random",
    fields: &[
        Field { number: 1, name: "locality_lb_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("balancing by locality") },
    ],
};

pub(crate) static EXTENSIONS_LOAD_BALANCING_POLICIES_RING_HASH_V3_RING_HASH: Message = Message {
    name: "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash",
    fields: &[
        Field { number: 1, name: "hash_function", kind: Kind::Enum(&EXTENSIONS_LOAD_BALANCING_POLICIES_RING_HASH_V3_RING_HASH_HASH_FUNCTION), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "minimum_ring_size", kind: Kind::Wrapper(&Kind::Uint64), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "maximum_ring_size", kind: Kind::Wrapper(&Kind::Uint64), repeated: false, oneof: None, support: Support::Read },
        Field { number: 4, name: "use_hostname_for_hashing", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 5, name: "hash_balance_factor", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("bounded loads") },
        Field { number: 6, name: "consistent_hashing_lb_config", kind: Kind::Message(&EXTENSIONS_LOAD_BALANCING_POLICIES_COMMON_V3_CONSISTENT_HASHING_LB_CONFIG), repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "locality_weighted_lb_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("balancing by locality") },
    ],
};

pub(crate) static EXTENSIONS_LOAD_BALANCING_POLICIES_ROUND_ROBIN_V3_ROUND_ROBIN: Message = Message {
    name: "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
    fields: &[
        Field { number: 1, name: "slow_start_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 2, name: "locality_lb_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("balancing by locality") },
    ],
};

pub(crate) static EXTENSIONS_PATH_MATCH_URI_TEMPLATE_V3_URI_TEMPLATE_MATCH_CONFIG: Message = Message {
    name: "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
    fields: &[
        Field { number: 1, name: "path_template", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_PATH_REWRITE_URI_TEMPLATE_V3_URI_TEMPLATE_REWRITE_CONFIG: Message = Message {
    name: "envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig",
    fields: &[
        Field { number: 1, name: "path_template_rewrite", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static EXTENSIONS_RETRY_HOST_PREVIOUS_HOSTS_V3_PREVIOUS_HOSTS_PREDICATE: Message = Message {
    name: "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    fields: &[
    ],
};

pub(crate) static EXTENSIONS_TRANSPORT_SOCKETS_RAW_BUFFER_V3_RAW_BUFFER: Message = Message {
    name: "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
    fields: &[
    ],
};

pub(crate) static EXTENSIONS_UPSTREAMS_HTTP_V3_HTTP_PROTOCOL_OPTIONS: Message = Message {
    name: "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    fields: &[
        Field { number: 1, name: "common_http_protocol_options", kind: Kind::Message(&CONFIG_CORE_V3_HTTP_PROTOCOL_OPTIONS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "upstream_http_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("TLS is not supported yet") },
        Field { number: 3, name: "explicit_http_config", kind: Kind::Message(&EXTENSIONS_UPSTREAMS_HTTP_V3_HTTP_PROTOCOL_OPTIONS_EXPLICIT_HTTP_CONFIG), repeated: false, oneof: Some("upstream_protocol_options"), support: Support::Read },
        Field { number: 4, name: "use_downstream_protocol_config", kind: Kind::Message(&EXTENSIONS_UPSTREAMS_HTTP_V3_HTTP_PROTOCOL_OPTIONS_USE_DOWNSTREAM_HTTP_CONFIG), repeated: false, oneof: Some("upstream_protocol_options"), support: Support::Read },
        Field { number: 5, name: "auto_config", kind: Kind::Bytes, repeated: false, oneof: Some("upstream_protocol_options"), support: Support::Rejected("protocol negotiation needs TLS") },
        Field { number: 6, name: "http_filters", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("HTTP filters of single attempts") },
        Field { number: 7, name: "header_validation_config", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 8, name: "outlier_detection", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("") },
        Field { number: 9, name: "request_mirror_policies", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a route's are supported") },
        Field { number: 10, name: "hash_policy", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a route's are supported") },
        Field { number: 11, name: "retry_policy", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Unsupported("a route's are supported") },
    ],
};

pub(crate) static EXTENSIONS_UPSTREAMS_HTTP_V3_HTTP_PROTOCOL_OPTIONS_EXPLICIT_HTTP_CONFIG: Message = Message {
    name: "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig",
    fields: &[
        Field { number: 1, name: "http_protocol_options", kind: Kind::Message(&CONFIG_CORE_V3_HTTP1_PROTOCOL_OPTIONS), repeated: false, oneof: Some("protocol_config"), support: Support::Read },
        Field { number: 2, name: "http2_protocol_options", kind: Kind::Message(&CONFIG_CORE_V3_HTTP2_PROTOCOL_OPTIONS), repeated: false, oneof: Some("protocol_config"), support: Support::Read },
        Field { number: 3, name: "http3_protocol_options", kind: Kind::Bytes, repeated: false, oneof: Some("protocol_config"), support: Support::Rejected("HTTP/3") },
    ],
};

pub(crate) static EXTENSIONS_UPSTREAMS_HTTP_V3_HTTP_PROTOCOL_OPTIONS_USE_DOWNSTREAM_HTTP_CONFIG: Message = Message {
    name: "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig",
    fields: &[
        Field { number: 1, name: "http_protocol_options", kind: Kind::Message(&CONFIG_CORE_V3_HTTP1_PROTOCOL_OPTIONS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "http2_protocol_options", kind: Kind::Message(&CONFIG_CORE_V3_HTTP2_PROTOCOL_OPTIONS), repeated: false, oneof: None, support: Support::Read },
        Field { number: 3, name: "http3_protocol_options", kind: Kind::Bytes, repeated: false, oneof: None, support: Support::Rejected("HTTP/3") },
    ],
};

pub(crate) static TYPE_MATCHER_V3_REGEX_MATCH_AND_SUBSTITUTE: Message = Message {
    name: "envoy.type.matcher.v3.RegexMatchAndSubstitute",
    fields: &[
        Field { number: 1, name: "pattern", kind: Kind::Message(&TYPE_MATCHER_V3_REGEX_MATCHER), repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "substitution", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static TYPE_MATCHER_V3_REGEX_MATCHER: Message = Message {
    name: "envoy.type.matcher.v3.RegexMatcher",
    fields: &[
        Field { number: 1, name: "google_re2", kind: Kind::Bytes, repeated: false, oneof: Some("engine_type"), support: Support::Ignored("the engine is that of the regex crate") },
        Field { number: 2, name: "regex", kind: Kind::String, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static TYPE_MATCHER_V3_STRING_MATCHER: Message = Message {
    name: "envoy.type.matcher.v3.StringMatcher",
    fields: &[
        Field { number: 1, name: "exact", kind: Kind::String, repeated: false, oneof: Some("match_pattern"), support: Support::Read },
        Field { number: 2, name: "prefix", kind: Kind::String, repeated: false, oneof: Some("match_pattern"), support: Support::Read },
        Field { number: 3, name: "suffix", kind: Kind::String, repeated: false, oneof: Some("match_pattern"), support: Support::Read },
        Field { number: 5, name: "safe_regex", kind: Kind::Message(&TYPE_MATCHER_V3_REGEX_MATCHER), repeated: false, oneof: Some("match_pattern"), support: Support::Read },
        Field { number: 6, name: "ignore_case", kind: Kind::Bool, repeated: false, oneof: None, support: Support::Read },
        Field { number: 7, name: "contains", kind: Kind::String, repeated: false, oneof: Some("match_pattern"), support: Support::Read },
        Field { number: 8, name: "custom", kind: Kind::Bytes, repeated: false, oneof: Some("match_pattern"), support: Support::Rejected("") },
    ],
};

pub(crate) static TYPE_V3_FRACTIONAL_PERCENT: Message = Message {
    name: "envoy.type.v3.FractionalPercent",
    fields: &[
        Field { number: 1, name: "numerator", kind: Kind::Uint32, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "denominator", kind: Kind::Enum(&TYPE_V3_FRACTIONAL_PERCENT_DENOMINATOR_TYPE), repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static TYPE_V3_INT64_RANGE: Message = Message {
    name: "envoy.type.v3.Int64Range",
    fields: &[
        Field { number: 1, name: "start", kind: Kind::Int64, repeated: false, oneof: None, support: Support::Read },
        Field { number: 2, name: "end", kind: Kind::Int64, repeated: false, oneof: None, support: Support::Read },
    ],
};

pub(crate) static TYPE_V3_PERCENT: Message = Message {
    name: "envoy.type.v3.Percent",
    fields: &[
        Field { number: 1, name: "value", kind: Kind::Double, repeated: false, oneof: None, support: Support::Read },
    ],
};

static CONFIG_CLUSTER_V3_CLUSTER_DISCOVERY_TYPE: Enum = Enum {
    values: &[
        ("STATIC", 0),
        ("STRICT_DNS", 1),
        ("LOGICAL_DNS", 2),
        ("EDS", 3),
        ("ORIGINAL_DST", 4),
    ],
};

static CONFIG_CLUSTER_V3_CLUSTER_LB_POLICY: Enum = Enum {
    values: &[
        ("ROUND_ROBIN", 0),
        ("LEAST_REQUEST", 1),
        ("RING_HASH", 2),
        ("RANDOM", 3),
        ("MAGLEV", 5),
        ("CLUSTER_PROVIDED", 6),
        ("LOAD_BALANCING_POLICY_CONFIG", 7),
    ],
};

static CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG_LB_SUBSET_FALLBACK_POLICY: Enum = Enum {
    values: &[
        ("NO_FALLBACK", 0),
        ("ANY_ENDPOINT", 1),
        ("DEFAULT_SUBSET", 2),
    ],
};

static CONFIG_CLUSTER_V3_CLUSTER_LB_SUBSET_CONFIG_LB_SUBSET_SELECTOR_LB_SUBSET_SELECTOR_FALLBACK_POLICY: Enum = Enum {
    values: &[
        ("NOT_DEFINED", 0),
        ("NO_FALLBACK", 1),
        ("ANY_ENDPOINT", 2),
        ("DEFAULT_SUBSET", 3),
        ("KEYS_SUBSET", 4),
    ],
};

static CONFIG_CLUSTER_V3_CLUSTER_RING_HASH_LB_CONFIG_HASH_FUNCTION: Enum = Enum {
    values: &[
        ("XX_HASH", 0),
        ("MURMUR_HASH_2", 1),
    ],
};

static CONFIG_CORE_V3_API_VERSION: Enum = Enum {
    values: &[
        ("AUTO", 0),
        ("V2", 1),
        ("V3", 2),
    ],
};

static CONFIG_CORE_V3_HEADER_VALUE_OPTION_HEADER_APPEND_ACTION: Enum = Enum {
    values: &[
        ("APPEND_IF_EXISTS_OR_ADD", 0),
        ("ADD_IF_ABSENT", 1),
        ("OVERWRITE_IF_EXISTS_OR_ADD", 2),
        ("OVERWRITE_IF_EXISTS", 3),
    ],
};

static CONFIG_CORE_V3_HEALTH_STATUS: Enum = Enum {
    values: &[
        ("UNKNOWN", 0),
        ("HEALTHY", 1),
        ("UNHEALTHY", 2),
        ("DRAINING", 3),
        ("TIMEOUT", 4),
        ("DEGRADED", 5),
    ],
};

static CONFIG_CORE_V3_ROUTING_PRIORITY: Enum = Enum {
    values: &[
        ("DEFAULT", 0),
        ("HIGH", 1),
    ],
};

static CONFIG_CORE_V3_SOCKET_ADDRESS_PROTOCOL: Enum = Enum {
    values: &[
        ("TCP", 0),
        ("UDP", 1),
    ],
};

static CONFIG_CORE_V3_TRAFFIC_DIRECTION: Enum = Enum {
    values: &[
        ("UNSPECIFIED", 0),
        ("INBOUND", 1),
        ("OUTBOUND", 2),
    ],
};

static CONFIG_ROUTE_V3_REDIRECT_ACTION_REDIRECT_RESPONSE_CODE: Enum = Enum {
    values: &[
        ("MOVED_PERMANENTLY", 0),
        ("FOUND", 1),
        ("SEE_OTHER", 2),
        ("TEMPORARY_REDIRECT", 3),
        ("PERMANENT_REDIRECT", 4),
    ],
};

static CONFIG_ROUTE_V3_RETRY_POLICY_RESET_HEADER_FORMAT: Enum = Enum {
    values: &[
        ("SECONDS", 0),
        ("UNIX_TIMESTAMP", 1),
    ],
};

static CONFIG_ROUTE_V3_ROUTE_ACTION_CLUSTER_NOT_FOUND_RESPONSE_CODE: Enum = Enum {
    values: &[
        ("SERVICE_UNAVAILABLE", 0),
        ("NOT_FOUND", 1),
        ("INTERNAL_SERVER_ERROR", 2),
    ],
};

static CONFIG_ROUTE_V3_VIRTUAL_HOST_TLS_REQUIREMENT_TYPE: Enum = Enum {
    values: &[
        ("NONE", 0),
        ("EXTERNAL_ONLY", 1),
        ("ALL", 2),
    ],
};

static EXTENSIONS_LOAD_BALANCING_POLICIES_LEAST_REQUEST_V3_LEAST_REQUEST_SELECTION_METHOD: Enum = Enum {
    values: &[
        ("N_CHOICES", 0),
        ("FULL_SCAN", 1),
    ],
};

static EXTENSIONS_LOAD_BALANCING_POLICIES_RING_HASH_V3_RING_HASH_HASH_FUNCTION: Enum = Enum {
    values: &[
        ("DEFAULT_HASH", 0),
        ("XX_HASH", 1),
        ("MURMUR_HASH_2", 2),
    ],
};

static TYPE_V3_FRACTIONAL_PERCENT_DENOMINATOR_TYPE: Enum = Enum {
    values: &[
        ("HUNDRED", 0),
        ("TEN_THOUSAND", 1),
        ("MILLION", 2),
    ],
};
