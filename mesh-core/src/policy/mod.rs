//! The policy model: what the mesh was told, as plain data in xDS terms.
//!
//! Every source (Istio files, xDS, code) translates into these types, and nothing else is read by
//! the engines. A value is validated once, where it is made (`try_new`, or a type that cannot hold a
//! wrong value such as [`Percent`]); the request path never checks it again. All types are
//! `Clone + Eq`, so a source can tell whether an update changed anything.
//!
//! Names are those of `envoy/config/*/v3` and their docs say which proto field they stand for.
//! Runtime state (counters, connections, ejections) never lives here: see
//! [`Cluster`](crate::cluster::Cluster) and [`Endpoint`](crate::cluster::Endpoint).

mod cluster;
mod cors;
mod endpoint;
mod fault;
pub mod filter;
mod filter_chain;
mod format;
mod fraction;
mod header;
mod internal_redirect;
mod lb_policy;
mod listener;
mod matcher;
mod mirror;
mod origin;
mod regex;
mod resilience;
mod route;
mod tcp;
mod uri_template;

pub use self::{
    cluster::{
        CircuitBreakers, Cluster, ConnectionPool, Discovery, DnsTarget, Http2KeepAlive,
        HttpProtocol, SubsetFallback, Subsets, TcpKeepalive, Thresholds,
    },
    cors::Cors,
    endpoint::{
        Address, ClusterLoadAssignment, Endpoint, HealthStatus, Locality, LocalityEndpoints,
        Metadata, ParseAddressError,
    },
    fault::{Abort, Delay, Fault},
    filter::{FilterConfig, FilterOverride, HttpFilter, HttpFilterKind, Mutations},
    filter_chain::{
        CidrError, CidrRange, FilterChain, FilterChainMatch, NetworkFilter, ServerName,
        ServerNameError, TransportProtocol,
    },
    format::{FormatError, Formatter, Operator, Part, TimeFormat},
    fraction::{FractionalPercent, Percent, PercentError},
    header::{AppendAction, HeaderEdit, HeaderMutation, HeaderValueOption},
    internal_redirect::{InternalRedirectPolicy, RedirectPredicate},
    lb_policy::{HashFunction, HashTableError, LbPolicy, Maglev, RingHash},
    listener::{Direction, HttpConnectionManager, Listener, UpgradeConfig},
    matcher::{
        CookieMatcher, HeaderMatch, HeaderMatcher, HeaderMatcherName, PathMatcher, QueryMatch,
        QueryParameterMatcher, RouteMatch, StringMatch, StringMatcher,
    },
    mirror::{MirrorCluster, RequestMirror},
    origin::Origin,
    regex::{Regex, RegexError},
    resilience::{
        BackOffError, HashPolicy, HashPolicyKind, OutlierDetection, RateLimitedBackOff,
        ResetHeader, ResetHeaderFormat, RetryBackOff, RetryBudget, RetryOn, RetryPolicy, Timeouts,
    },
    route::{
        ClusterNotFoundCode, ClusterSpecifier, DirectResponse, ForwardAction, HostRewrite,
        PathRewrite, Redirect, RedirectPath, Route, RouteAction, RouteConfiguration,
        RoutingPriority, TlsRequirement, VirtualHost, WeightedCluster, WeightedClusters,
        WeightsError,
    },
    tcp::{TcpClusterWeight, TcpClusters, TcpProxy},
    uri_template::{UriTemplate, UriTemplateError, UriTemplateRewrite},
};

/// A resource's name, shared rather than copied.
pub type Name = std::sync::Arc<str>;
