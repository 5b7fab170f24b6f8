//! Rules into routes: their order, and what each does.

use std::{cmp::Reverse, sync::Arc};

use mesh_core::policy::{
    ClusterSpecifier, DirectResponse, FilterOverride, ForwardAction, FractionalPercent,
    HostRewrite, Name, PathMatcher, RequestMirror, Route, RouteAction, RouteMatch, WeightedCluster,
    WeightedClusters,
};

use super::{RouteDocument, headers, paths, references::References};
use crate::file::{
    kinds::gateway::{Backend, Filters, Match, Mirror, Rule},
    problem::{At, Note, NoteKind},
    translate::routes::timeouts,
};

/// A match of a rule of a route.
struct Entry<'a> {
    route: RouteDocument<'a>,
    rule: (usize, &'a Rule),
    one: &'a Match,
}

/// Why a rule cannot be, if it cannot: filters that do not go together.
pub(super) fn incompatible(rule: &Rule) -> Option<String> {
    let own = &rule.filters;
    if own.redirect.is_some() && !own.mirrors.is_empty() {
        return Some("a request that is redirected is not mirrored".to_owned());
    }
    rule.backends.iter().find_map(|backend| {
        let of_backend = &backend.filters;
        let why = if of_backend.redirect.is_some() && own.rewrites {
            "RequestRedirect of a backend and URLRewrite of its rule exclude each other"
        } else if of_backend.redirect.is_some()
            && (!own.mirrors.is_empty() || !of_backend.mirrors.is_empty())
        {
            "a request that is redirected is not mirrored"
        } else if of_backend.path.is_some() && own.path.is_some() {
            "both the rule and its backend rewrite the path"
        } else if of_backend.cors.is_some() && own.cors.is_some() {
            "both the rule and its backend have a CORS filter"
        } else {
            return None;
        };
        Some(why.to_owned())
    })
}

/// The routes of all that is attached to a service port, the most specific match first, up to the
/// first that matches everything.
pub(super) fn build(
    attached: &[RouteDocument<'_>],
    port: u16,
    references: &References<'_>,
    notes: &mut Vec<Note>,
) -> Vec<Route> {
    let mut entries = Vec::new();
    for route in attached {
        for (index, rule) in route.route.rules.iter().enumerate() {
            if incompatible(rule).is_none() {
                entries.extend(rule.matches.iter().map(|one| Entry {
                    route: *route,
                    rule: (index, rule),
                    one,
                }));
            }
        }
    }
    // A stable sort: what is equal stays in the order of rules and matches.
    entries.sort_by_cached_key(|e| {
        let meta = e.route.meta;
        // `{namespace}/{name}` in alphabetical order, slash included.
        let name = format!("{}/{}", meta.namespace, meta.name);
        (Reverse(e.one.rank), meta.created.clone(), name, e.rule.0)
    });
    let mut routes = Vec::new();
    let mut all: Option<&At> = None;
    for entry in &entries {
        if let Some(at) = all {
            let message = format!("is never reached: {at} matches everything");
            notes.push(entry.one.at.note(NoteKind::NotApplied, message));
            continue;
        }
        entry.routes(port, references, &mut routes);
        all = is_catch_all(&entry.one.matches).then_some(&entry.one.at);
    }
    routes
}

/// That a GRPCRoute's matches want gRPC says nothing here: all routes beside them are of that kind.
fn is_catch_all(matches: &RouteMatch) -> bool {
    matches.path == PathMatcher::Prefix("/".into())
        && matches.headers.is_empty()
        && matches.query_parameters.is_empty()
}

/// A backend with a share of the requests.
struct Share<'a> {
    backend: &'a Backend,
    /// `Err`: the reference leads nowhere, and why.
    cluster: Result<Name, String>,
}

impl Share<'_> {
    /// Whether a weighted cluster can say all there is to say about it.
    fn is_plain(&self, rule: &Rule) -> bool {
        let filters = &self.backend.filters;
        self.cluster.is_ok()
            && filters.redirect.is_none()
            && filters.path.is_none()
            && filters.mirrors.is_empty()
            && filters.cors.is_none()
            // A weighted cluster's changes are applied before the route's, and would lose.
            && !headers::collide(&filters.headers, &rule.filters.headers)
            && (filters.hostname.is_none() || rule.filters.hostname.is_none())
    }
}

impl Entry<'_> {
    fn routes(&self, port: u16, references: &References<'_>, out: &mut Vec<Route>) {
        let rule = self.rule.1;
        if let Some(redirect) = &rule.filters.redirect {
            let redirect = paths::redirect(redirect, &self.one.matches.path, port);
            out.push(self.route(
                RouteAction::Redirect(Box::new(redirect)),
                &Filters::default(),
            ));
            return;
        }
        let shares: Vec<Share<'_>> = rule
            .backends
            .iter()
            .filter(|backend| backend.weight > 0)
            .map(|backend| Share {
                backend,
                cluster: references
                    .resolve(&self.route, &backend.target)
                    .map_err(|unresolved| unresolved.message),
            })
            .collect();
        match &shares[..] {
            [] => {
                let why = if rule.backends.is_empty() {
                    "the rule has no backend"
                } else {
                    "all weights are 0"
                };
                out.push(self.route(self.fail(why), &Filters::default()));
            }
            [only] => out.push(self.share(only, port, references)),
            several if several.iter().all(|share| share.is_plain(rule)) => {
                let action = self.weighted(several, references);
                out.push(self.route(action, &Filters::default()));
            }
            several => self.split(several, port, references, out),
        }
    }

    /// One route for each share. A request has one draw, and each route takes the draws up to its
    /// own share and those before it, so that every share gets exactly its own.
    fn split(
        &self,
        shares: &[Share<'_>],
        port: u16,
        references: &References<'_>,
        out: &mut Vec<Route>,
    ) {
        let total: u64 = shares.iter().map(|s| u64::from(s.backend.weight)).sum();
        let mut taken: u64 = 0;
        for share in shares {
            taken += u64::from(share.backend.weight);
            let mut route = self.share(share, port, references);
            if taken < total {
                let (Ok(numerator), Ok(denominator)) = (u32::try_from(taken), u32::try_from(total))
                else {
                    // More than 4,000 backends, each of the largest weight.
                    out.push(
                        self.route(self.fail("the weights are too large"), &Filters::default()),
                    );
                    return;
                };
                let fraction = FractionalPercent::try_new(numerator, denominator);
                route.matches.runtime_fraction = fraction.ok();
            }
            out.push(route);
        }
    }

    /// The whole route of one share.
    fn share(&self, share: &Share<'_>, port: u16, references: &References<'_>) -> Route {
        let filters = &share.backend.filters;
        let action = match (&share.cluster, &filters.redirect) {
            (Err(why), _) => self.fail(why),
            (Ok(_), Some(redirect)) => {
                let redirect = paths::redirect(redirect, &self.one.matches.path, port);
                RouteAction::Redirect(Box::new(redirect))
            }
            (Ok(cluster), None) => {
                let cluster = ClusterSpecifier::Cluster(cluster.clone());
                let backend = share.backend;
                self.forward(cluster, filters, &[backend], references)
                    .into()
            }
        };
        self.route(action, filters)
    }

    fn weighted(&self, shares: &[Share<'_>], references: &References<'_>) -> RouteAction {
        let clusters = shares.iter().map(|share| {
            let backend = share.backend;
            let name = share.cluster.clone().unwrap_or_default();
            let mut cluster = WeightedCluster::new(name, backend.weight);
            cluster.headers = backend.filters.headers.clone();
            cluster.host_rewrite_literal = backend.filters.hostname.clone();
            cluster.origin = backend.target.at.origin();
            cluster
        });
        match WeightedClusters::try_new(clusters.collect()) {
            Ok(weighted) => {
                let cluster = ClusterSpecifier::Weighted(weighted);
                let backends: Vec<&Backend> = shares.iter().map(|s| s.backend).collect();
                self.forward(cluster, &Filters::default(), &backends, references)
                    .into()
            }
            Err(e) => self.fail(&e.to_string()),
        }
    }

    /// Sends on; `filters` are the backend's.
    fn forward(
        &self,
        cluster: ClusterSpecifier,
        filters: &Filters,
        backends: &[&Backend],
        references: &References<'_>,
    ) -> ForwardAction {
        let rule = self.rule.1;
        let mut action = ForwardAction::to(cluster);
        let path = filters.path.as_ref().or(rule.filters.path.as_ref());
        action.path_rewrite = path.and_then(|p| paths::rewrite(p, &self.one.matches.path));
        let hostname = filters.hostname.as_ref().or(rule.filters.hostname.as_ref());
        action.host_rewrite = hostname.cloned().map(HostRewrite::Literal);
        let mirrors = rule.filters.mirrors.iter().chain(&filters.mirrors);
        action.mirrors = mirrors
            .filter_map(|mirror| self.mirror(mirror, references))
            .collect();
        let (mut timeout, backend) = (rule.request_timeout, rule.backend_timeout);
        let mut retry = rule.retry.clone();
        match &mut retry {
            Some(policy) => policy.per_try_timeout = backend,
            // Without retries by the rule there is one request to a backend.
            None => timeout = timeout.into_iter().chain(backend).min(),
        }
        let hashes = backends.iter().map(|b| &b.target);
        action.hash_policy = hashes
            .filter_map(|target| references.hash_policy(&self.route, target))
            .collect();
        // A request to one backend that is placed by its hash is retried there.
        let is_hashed = backends.len() == 1 && !action.hash_policy.is_empty();
        action.retry_policy = match retry {
            Some(mut policy) => {
                policy.previous_hosts &= !is_hashed;
                Some(Arc::new(policy))
            }
            None => references.scope.mesh.retry.policy(is_hashed),
        };
        action.timeouts = timeouts(timeout);
        action
    }

    /// A mirror whose backend is invalid, or whose share is nothing, is dropped.
    fn mirror(&self, mirror: &Mirror, references: &References<'_>) -> Option<RequestMirror> {
        if mirror.fraction.ratio() == 0.0 {
            return None;
        }
        let cluster = references.resolve(&self.route, &mirror.target).ok()?;
        Some(RequestMirror {
            fraction: mirror.fraction,
            disable_shadow_host_suffix_append: true,
            ..RequestMirror::to(cluster)
        })
    }

    fn fail(&self, why: &str) -> RouteAction {
        RouteAction::DirectResponse(DirectResponse {
            status: self.route.route.kind.invalid_backend(),
            body: why.into(),
        })
    }

    /// A route of this match; `filters` are the backend's.
    fn route(&self, action: RouteAction, filters: &Filters) -> Route {
        let (index, rule) = self.rule;
        let mut route = Route::new(self.one.matches.clone(), action);
        let meta = self.route.meta;
        route.name = match &rule.name {
            Some(name) => format!("{}/{}/{name}", meta.namespace, meta.name).into(),
            None => format!("{}/{}/{index}", meta.namespace, meta.name).into(),
        };
        route.headers = headers::compose(&rule.filters.headers, &filters.headers);
        let cors = filters.cors.as_ref().or(rule.filters.cors.as_ref());
        route.filters = cors
            .cloned()
            .map(FilterOverride::from)
            .into_iter()
            .collect();
        route.origin = self.one.at.origin();
        route
    }
}
