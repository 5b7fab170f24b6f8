//! `HTTPRoute`s into routes.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use http::HeaderValue;
use mesh_core::policy::{
    ClusterSpecifier, ForwardAction, HeaderMutation, HostRewrite, Name, PathMatcher, Route,
    RouteAction, RouteMatch, Timeouts, WeightedCluster, WeightedClusters,
};

use super::{
    Client,
    clusters::cluster_name,
    destination_rules::DestinationRules,
    services::{Service, Services},
    virtual_services::Candidate,
};
use crate::file::{
    host,
    kinds::{Action, Destination, HttpMatch, HttpRoute, default_retry_policy},
    problem::{At, Note, NoteKind},
};

/// Services that exist because a route names them, by host and port, with the first such line.
pub(super) type Implied = BTreeMap<(Name, u16), At>;

/// Translates rules' routes, and remembers what they refer to.
#[derive(Debug)]
pub(super) struct Routes<'a> {
    client: &'a Client,
    services: &'a Services,
    destination_rules: &'a DestinationRules<'a>,
    implied: RefCell<Implied>,
    notes: RefCell<Vec<Note>>,
}

/// Where a service that no rule claims sends everything.
pub(super) fn default_route(service: &Service, port: u16) -> Route {
    let cluster = ClusterSpecifier::Cluster(cluster_name(port, "", &service.host));
    let action = ForwardAction::to(cluster).with_retry(default_retry_policy());
    let mut route = Route::new(RouteMatch::any(), action.into());
    route.name = "default".into();
    route.origin = service.origin.clone();
    route
}

impl<'a> Routes<'a> {
    pub(super) fn new(
        client: &'a Client,
        services: &'a Services,
        destination_rules: &'a DestinationRules<'a>,
    ) -> Self {
        Self {
            client,
            services,
            destination_rules,
            implied: RefCell::default(),
            notes: RefCell::default(),
        }
    }

    pub(super) fn finish(self) -> (Implied, Vec<Note>) {
        (self.implied.into_inner(), self.notes.into_inner())
    }

    /// The rule's routes for requests that dialled `port`, in order, up to the first that matches
    /// everything.
    pub(super) fn of(&self, rule: &Candidate<'_>, port: u16) -> Vec<Route> {
        let mut routes: Vec<Route> = Vec::new();
        let mut all: Option<&At> = None;
        for http in &rule.spec.http {
            if let Some(at) = all {
                let message = format!("is never reached: {at} matches everything");
                self.note(&http.at, NoteKind::NotApplied, message);
                continue;
            }
            if http.matches.is_empty() {
                routes.push(self.route(rule, http, None, port));
                all = Some(&http.at);
            }
            for entry in &http.matches {
                if let Some(at) = all {
                    let message = format!("is never reached: {at} matches everything");
                    self.note(&entry.at, NoteKind::NotApplied, message);
                } else if self.applies(entry, port) {
                    routes.push(self.route(rule, http, Some(entry), port));
                    all = is_catch_all(&entry.matches).then_some(&entry.at);
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
        self.client.labels.contains_all(&entry.source_labels)
            && entry
                .source_namespace
                .as_ref()
                .is_none_or(|ns| ns.is_empty() || *ns == self.client.namespace)
    }

    fn route(
        &self,
        rule: &Candidate<'_>,
        http: &HttpRoute,
        entry: Option<&HttpMatch>,
        port: u16,
    ) -> Route {
        let matches = entry.map_or_else(RouteMatch::any, |e| e.matches.clone());
        let mut headers = http.headers.mutation.clone();
        let action = match &http.action {
            Action::Redirect(redirect) => RouteAction::Redirect(Box::new(redirect.on_port(port))),
            Action::DirectResponse(response) => RouteAction::DirectResponse(response.clone()),
            Action::Forward(destinations) => self
                .forward(rule, http, destinations, port, &mut headers)
                .into(),
        };
        let mut route = Route::new(matches, action);
        route.name = match entry {
            Some(e) if !e.name.is_empty() => format!("{}.{}", http.name, e.name).into(),
            _ => http.name.clone(),
        };
        route.headers = headers;
        route.fault = http.fault.clone();
        route.origin = entry.map_or(&http.at, |e| &e.at).origin();
        route
    }

    fn forward(
        &self,
        rule: &Candidate<'_>,
        http: &HttpRoute,
        destinations: &[Destination],
        port: u16,
        headers: &mut HeaderMutation,
    ) -> ForwardAction {
        // The route's new host wins over a destination's.
        let mut authority = http.authority.clone().or(http.headers.authority.clone());
        let specifier = match destinations {
            [one] => {
                // istiod appends the only destination's changes to the route's, so they win here,
                // while those of one among several are applied before the route's, and lose.
                append(headers, &one.headers.mutation);
                authority = authority.or(one.headers.authority.clone());
                ClusterSpecifier::Cluster(self.cluster(rule, one, port))
            }
            several => self.weighted(rule, several, port, authority.as_ref()),
        };
        let mut action = ForwardAction::to(specifier);
        action.path_rewrite = http.path_rewrite.clone();
        action.host_rewrite = authority.map(HostRewrite::Literal);
        action.retry_policy = http.retry.clone();
        action.timeouts = Timeouts {
            timeout: http.timeout,
            ..Timeouts::default()
        };
        action
    }

    fn weighted(
        &self,
        rule: &Candidate<'_>,
        destinations: &[Destination],
        port: u16,
        authority: Option<&HeaderValue>,
    ) -> ClusterSpecifier {
        let clusters: Vec<WeightedCluster> = destinations
            .iter()
            .filter(|d| d.weight > 0)
            .map(|d| {
                let mut cluster = WeightedCluster::new(self.cluster(rule, d, port), d.weight);
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
    fn cluster(&self, rule: &Candidate<'_>, to: &Destination, listener_port: u16) -> Name {
        let host = host::resolve(&to.host, &rule.meta.namespace, &self.client.domain);
        let service = self.services.get(&host);
        let port = match (to.port, service.map(|s| &*s.ports)) {
            (Some(port), _) => port,
            // The service's only port, else the one that was dialled.
            (None, Some([only])) => only.number,
            (None, _) => listener_port,
        };
        match service {
            None => {
                let mut implied = self.implied.borrow_mut();
                implied
                    .entry((host.clone(), port))
                    .or_insert_with(|| to.at.clone());
            }
            Some(service) if to.port.is_some() => {
                if !service.port(port).is_some_and(|p| p.is_http()) {
                    let message = format!(
                        "service `{host}` has no HTTP port {port}: requests are answered with 503"
                    );
                    self.note(&to.at, NoteKind::Warning, message);
                }
            }
            Some(_) => {}
        }
        let subset = to.subset.as_ref().map_or("", |(name, at)| {
            let namespace = match service {
                Some(service) => service.namespace.as_deref(),
                None => host::kubernetes(&host, &self.client.domain).map(|(_, ns)| ns),
            };
            let found = self.destination_rules.of(&host, namespace);
            if found.and_then(|r| r.subset(name)).is_none() {
                let message = format!(
                    "no DestinationRule defines subset `{name}` of `{host}`: requests are answered \
                     with 503"
                );
                self.note(at, NoteKind::Warning, message);
            }
            name
        });
        cluster_name(port, subset, &host)
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
