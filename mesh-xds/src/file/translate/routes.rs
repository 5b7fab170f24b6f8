//! `HTTPRoute`s into routes.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc, time::Duration};

use http::HeaderValue;
use mesh_core::policy::{
    ClusterSpecifier, FilterOverride, ForwardAction, HashPolicy, HeaderMutation, HostRewrite, Name,
    PathMatcher, RequestMirror, Route, RouteAction, RouteMatch, Timeouts, WeightedCluster,
    WeightedClusters,
};

use super::{
    clusters::cluster_name,
    destination_rules::DestinationRules,
    scope::Scope,
    services::{Service, Services},
    virtual_services::Candidate,
};
use crate::file::{
    host,
    kinds::{
        Action, ConnectionPoolSettings, Destination, HttpMatch, HttpRoute, WeightedDestination,
    },
    problem::{At, Note, NoteKind},
    schema::nearest,
};

/// So many hosts that no file describes are compared with those that files do: each with all.
const SPELT: usize = 16;

/// Services that exist because a route names them, by host and port, with the first such line.
pub(super) type Implied = BTreeMap<(Name, u16), At>;

/// Translates rules' routes, and remembers what they refer to.
#[derive(Debug)]
pub(super) struct Routes<'a> {
    scope: &'a Scope<'a>,
    services: &'a Services,
    destination_rules: &'a DestinationRules<'a>,
    implied: RefCell<Implied>,
    notes: RefCell<Vec<Note>>,
}

/// istiod's `setTimeout`: gRPC requests are limited by their `grpc-timeout`, too.
pub(in crate::file::translate) fn timeouts(timeout: Option<Duration>) -> Timeouts {
    Timeouts {
        timeout: timeout.filter(|timeout| !timeout.is_zero()),
        max_grpc_timeout: Some(timeout.unwrap_or_default()),
        ..Timeouts::default()
    }
}

impl<'a> Routes<'a> {
    pub(super) fn new(
        scope: &'a Scope<'a>,
        services: &'a Services,
        destination_rules: &'a DestinationRules<'a>,
    ) -> Self {
        Self {
            scope,
            services,
            destination_rules,
            implied: RefCell::default(),
            notes: RefCell::default(),
        }
    }

    pub(super) fn finish(self) -> (Implied, Vec<Note>) {
        (self.implied.into_inner(), self.notes.into_inner())
    }

    /// Where a service that no rule claims sends everything.
    pub(super) fn default_route(&self, service: &Service, port: u16) -> Route {
        let cluster = ClusterSpecifier::Cluster(cluster_name(port, "", &service.host));
        let mut action = ForwardAction::to(cluster);
        let rule = self
            .destination_rules
            .of(&service.host, service.namespace.as_deref());
        action.hash_policy = rule
            .and_then(|rule| rule.hash_policy(Some(port), None))
            .into_iter()
            .collect();
        action.timeouts = timeouts(None);
        // Here istiod does not look at the hash.
        action.retry_policy = self.scope.mesh.retry.policy(false);
        let mut route = Route::new(RouteMatch::any(), action.into());
        route.name = "default".into();
        route.origin = service.origin.clone();
        route
    }

    /// The rule's routes for requests that dialled `port`, in order, up to the first that matches
    /// everything.
    pub(super) fn of(&self, rule: &Candidate<'_>, port: u16) -> Vec<Route> {
        let mut routes: Vec<Route> = Vec::new();
        let mut all: Option<&At> = None;
        for http in &rule.http {
            if let Some(at) = all {
                let message = format!("is never reached: {at} matches everything");
                self.note(&http.at, NoteKind::NotApplied, message);
                continue;
            }
            if http.matches.is_empty() {
                routes.push(self.route(http, None, port));
                all = Some(&http.at);
            }
            for entry in &http.matches {
                if let Some(at) = all {
                    let message = format!("is never reached: {at} matches everything");
                    self.note(&entry.at, NoteKind::NotApplied, message);
                } else if self.applies(entry, port) {
                    let route = self.route(http, Some(entry), port);
                    all = is_catch_all(&route.matches).then_some(&entry.at);
                    routes.push(route);
                }
            }
        }
        routes
    }

    /// The conditions about the client and the listener, which no request changes.
    fn applies(&self, entry: &HttpMatch, port: u16) -> bool {
        if entry.port.is_some_and(|p| p != port) {
            return false;
        }
        if !entry.gateways.is_empty() {
            return entry.gateways.iter().any(|g| **g == *"mesh");
        }
        self.scope.labels.contains_all(&entry.source_labels)
            && entry
                .source_namespace
                .as_ref()
                .is_none_or(|ns| *ns == self.scope.namespace)
    }

    fn route(&self, http: &HttpRoute, entry: Option<&HttpMatch>, port: u16) -> Route {
        let matches = entry.map_or_else(RouteMatch::any, HttpMatch::route_match);
        let own = http.headers.as_ref();
        let mut headers = own.map_or_else(HeaderMutation::default, |h| h.mutation.clone());
        let action = match &http.action {
            Action::Redirect(redirect) => RouteAction::Redirect(Box::new(redirect.on_port(port))),
            Action::DirectResponse(response) => RouteAction::DirectResponse(response.clone()),
            Action::Forward(destinations) => {
                self.forward(http, destinations, port, &mut headers).into()
            }
            // A delegate's routes are in its place, and they do not delegate.
            Action::Delegate(to) => {
                let cluster = ClusterSpecifier::Cluster(to.name.clone());
                ForwardAction::to(cluster).into()
            }
        };
        let mut route = Route::new(matches, action);
        route.name = match entry {
            Some(e) if !e.name.is_empty() => format!("{}.{}", http.name, e.name).into(),
            _ => http.name.clone(),
        };
        route.headers = headers;
        let fault = http.fault.clone().map(FilterOverride::from);
        let cors = http.cors.clone().map(FilterOverride::from);
        route.filters = cors.into_iter().chain(fault).collect();
        route.origin = entry.map_or(&http.at, |e| &e.at).origin();
        route
    }

    fn forward(
        &self,
        http: &HttpRoute,
        destinations: &[WeightedDestination],
        port: u16,
        headers: &mut HeaderMutation,
    ) -> ForwardAction {
        // The route's new host wins over a destination's.
        let of_rewrite = http.rewrite.as_ref().and_then(|r| r.authority.clone());
        let of_headers = http.headers.as_ref().and_then(|h| h.authority.clone());
        let mut authority = of_rewrite.or(of_headers);
        let specifier = match destinations {
            [one] => {
                // istiod appends the only destination's changes to the route's, so they win here,
                // while those of one among several are applied before the route's, and lose.
                append(headers, &one.headers.mutation);
                authority = authority.or(one.headers.authority.clone());
                ClusterSpecifier::Cluster(self.cluster(&one.to, port))
            }
            several => self.weighted(several, port, authority.as_ref()),
        };
        let mut action = ForwardAction::to(specifier);
        action.path_rewrite = http.rewrite.as_ref().and_then(|r| r.path.clone());
        action.host_rewrite = authority.map(HostRewrite::Literal);
        let reached = destinations
            .iter()
            .filter(|d| d.weight > 0 || destinations.len() == 1);
        action.hash_policy = reached.filter_map(|d| self.hash_policy(&d.to)).collect();
        let retry = http.retry.as_ref().unwrap_or(&self.scope.mesh.retry);
        let is_hashed = destinations.len() == 1 && !action.hash_policy.is_empty();
        action.retry_policy = retry.policy(is_hashed);
        action.timeouts = timeouts(http.timeout);
        let mirrors = http.mirror.destinations();
        action.mirrors = mirrors
            .map(|(to, fraction)| RequestMirror {
                fraction,
                disable_shadow_host_suffix_append: true,
                ..RequestMirror::to(self.cluster(to, port))
            })
            .collect();
        action
    }

    fn weighted(
        &self,
        destinations: &[WeightedDestination],
        port: u16,
        authority: Option<&HeaderValue>,
    ) -> ClusterSpecifier {
        let clusters: Vec<WeightedCluster> = destinations
            .iter()
            .filter(|d| d.weight > 0)
            .map(|d| {
                let mut cluster = WeightedCluster::new(self.cluster(&d.to, port), d.weight);
                cluster.headers = d.headers.mutation.clone();
                if authority.is_none() {
                    cluster.host_rewrite_literal = d.headers.authority.clone();
                }
                cluster.origin = d.at.origin();
                cluster
            })
            .collect();
        match WeightedClusters::try_new(clusters) {
            Ok(weighted) => ClusterSpecifier::Weighted(weighted),
            // The reader has refused such weights; a cluster that does not exist answers 503.
            Err(_) => ClusterSpecifier::Cluster(Arc::from("")),
        }
    }

    /// The name of a destination's cluster; takes note when there will be no such cluster.
    pub(super) fn cluster(&self, to: &Destination, listener_port: u16) -> Name {
        let host = host::resolve(&to.host, &to.namespace, &self.scope.domain);
        let service = self.services.get(&host);
        let port = match (to.port, service.map(|s| &*s.ports)) {
            (Some(port), _) => port,
            // The service's only port, else the one that was dialled.
            (None, Some([only])) => only.number,
            (None, _) => listener_port,
        };
        if service.is_none() {
            let mut implied = self.implied.borrow_mut();
            let so_far = implied.len();
            let first = implied.entry((host.clone(), port));
            first.or_insert_with(|| {
                if so_far < SPELT {
                    self.misspelt(&host, &to.at);
                }
                to.at.clone()
            });
        }
        let subset = to.subset.as_ref();
        let name = cluster_name(port, subset.map_or("", |(name, _)| name), &host);
        if to.port.is_none()
            && let Some(service) = service.filter(|s| s.port(port).is_none())
        {
            // As in istiod, every rule holds on port 80, where few such services are called.
            let ports: Vec<_> = service.ports.iter().map(|p| p.number.to_string()).collect();
            let message = format!(
                "on port {port}, which service `{host}` does not have (its ports: {}): requests are \
                 answered with 503 there",
                ports.join(", ")
            );
            let mut note = to.at.note(NoteKind::NotApplied, message);
            note.missing_clusters.push(name.clone());
            self.notes.borrow_mut().push(note);
        }
        if to.port.is_some() && service.is_some_and(|s| s.port(port).is_none()) {
            let message =
                format!("service `{host}` has no port {port}: requests are answered with 503");
            self.missing(&to.at, message, &name);
        }
        if let Some((subset, at)) = subset {
            let found = self.destination_rules.of(&host, self.namespace_of(&host));
            if found.and_then(|r| r.subset(subset)).is_none() {
                let message = format!(
                    "no DestinationRule defines subset `{subset}` of `{host}`: requests are \
                     answered with 503"
                );
                self.missing(at, message, &name);
            }
        }
        name
    }

    /// Warns of a host that no file describes and that looks like one that is described. Names that differ
    /// in digits alone are more often siblings.
    fn misspelt(&self, host: &str, at: &At) {
        let Some((name, domain)) = host.split_once('.') else {
            return;
        };
        let letters = |name: &str| name.replace(|c: char| c.is_ascii_digit(), "");
        let siblings = self.services.iter().filter_map(|service| {
            let (other, rest) = service.host.split_once('.')?;
            (rest == domain && other.len().abs_diff(name.len()) <= 2).then_some(other)
        });
        if let Some(near) = nearest(name, siblings)
            && letters(near) != letters(name)
        {
            let message = format!(
                "no file describes `{host}`, which is taken to exist; did you mean `{near}.{domain}`?"
            );
            self.note(at, NoteKind::Warning, message);
        }
    }

    /// What the destination's rule says to hash.
    fn hash_policy(&self, to: &Destination) -> Option<HashPolicy> {
        let host = host::resolve(&to.host, &to.namespace, &self.scope.domain);
        let rule = self.destination_rules.of(&host, self.namespace_of(&host))?;
        rule.hash_policy(to.port, to.subset.as_ref().map(|(name, _)| &**name))
    }

    /// Warns of a cluster that will not exist.
    fn missing(&self, at: &At, message: String, cluster: &Name) {
        let mut note = at.note(NoteKind::Warning, message);
        note.missing_clusters.push(cluster.clone());
        self.notes.borrow_mut().push(note);
    }

    /// The connection pool that limits streams: that of the host's own traffic policy.
    pub(super) fn host_pool(&self, host: &str) -> Option<&'a ConnectionPoolSettings> {
        let rule = self.destination_rules.of(host, self.namespace_of(host))?;
        for at in rule.unread_stream_limits() {
            let message = "idleTimeout and maxConnectionDuration of a port or subset do not limit \
                           TCP streams; those of the host's own trafficPolicy do, as in istiod";
            self.note(at, NoteKind::NotApplied, message.to_owned());
        }
        rule.host_pool()
    }

    /// Where the owner's destination rules for a host are.
    fn namespace_of<'h>(&'h self, host: &'h str) -> Option<&'h str> {
        match self.services.get(host) {
            Some(service) => service.namespace.as_deref(),
            None => host::kubernetes(host, &self.scope.domain).map(|(_, ns)| ns),
        }
    }

    fn note(&self, at: &At, kind: NoteKind, message: String) {
        self.notes.borrow_mut().push(at.note(kind, message));
    }
}

fn append(to: &mut HeaderMutation, from: &HeaderMutation) {
    to.request_remove.extend_from_slice(&from.request_remove);
    to.request_add.extend_from_slice(&from.request_add);
    to.response_remove.extend_from_slice(&from.response_remove);
    to.response_add.extend_from_slice(&from.response_add);
}

/// istiod's `IsCatchAllRoute`: prefix `/` or regex `.*`, and nothing else.
fn is_catch_all(matches: &RouteMatch) -> bool {
    let path = match &matches.path {
        PathMatcher::Prefix(prefix) => &**prefix == "/",
        PathMatcher::Regex(regex) => regex.as_str() == ".*",
        _ => false,
    };
    path && matches.headers.is_empty() && matches.query_parameters.is_empty()
}
