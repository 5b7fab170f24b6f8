//! A `RouteConfiguration`, checked and compiled.

use std::sync::Arc;

use super::{
    RequestHead,
    check::{Place, RouterError, validate},
    filters::{self, Filter, FilterPlans},
    host::{Domain, HostTable, without_port},
    mirror::mirrors,
    route_index::RouteIndex,
};
use crate::policy::{
    ForwardAction, HeaderMutation, HttpConnectionManager, Route, RouteAction, RouteConfiguration,
    VirtualHost,
};

/// A compiled [`RouteConfiguration`], with the filters of the connection manager that names it.
///
/// ```
/// use mesh_core::{policy::{Route, RouteConfiguration, RouteMatch, VirtualHost}, routing::*};
///
/// let all = Route::to_cluster(RouteMatch::any(), "reviews-v1");
/// let config = RouteConfiguration::new("9080", vec![VirtualHost::new(["reviews"], vec![all])]);
/// let router = Router::try_new(config.into())?;
/// assert_eq!(router.virtual_host("reviews:9080"), Some(0));
/// assert_eq!(router.virtual_host("ratings:9080"), None);
/// # Ok::<(), RouterError>(())
/// ```
#[derive(Debug)]
pub struct Router {
    config: Arc<RouteConfiguration>,
    manager: HttpConnectionManager,
    hosts: HostTable,
    /// Of each virtual host.
    routes: Box<[RouteIndex]>,
    /// `None` when no request runs any.
    filters: Option<Box<FilterPlans>>,
    changes_headers: bool,
    formats_requests: bool,
    formats_responses: bool,
    limits_upgrades: bool,
    /// By virtual host and route, then where there is none; `None` when all are plain.
    special: Option<Box<Special>>,
}

#[derive(Debug)]
struct Special {
    routes: Box<[Box<[bool]>]>,
    unrouted: bool,
}

impl Router {
    /// With the filters that a connection manager has by default.
    ///
    /// # Errors
    /// When Envoy would reject the configuration, or one of its domains could never match.
    pub fn try_new(config: Arc<RouteConfiguration>) -> Result<Self, RouterError> {
        let manager = HttpConnectionManager::new(config.name.clone());
        Self::with_manager(config, &manager)
    }

    /// With the filters of `manager`.
    ///
    /// # Errors
    /// When Envoy would reject the configuration, or one of its domains could never match.
    pub fn with_manager(
        config: Arc<RouteConfiguration>,
        manager: &HttpConnectionManager,
    ) -> Result<Self, RouterError> {
        validate(&config)?;
        let too_large = || RouterError::TooLarge(Place::of(&config.name, &config.origin));
        let mut domains = Vec::new();
        let mut routes = Vec::with_capacity(config.virtual_hosts.len());
        for (virtual_host, index) in config.virtual_hosts.iter().zip(0..) {
            let parsed = virtual_host.domains.iter().filter_map(|d| Domain::parse(d));
            domains.extend(parsed.map(|domain| (domain, index)));
            routes.push(RouteIndex::new(&virtual_host.routes).ok_or_else(too_large)?);
        }
        let hosts = HostTable::new(&domains).ok_or_else(too_large)?;
        let any = |test: fn(&HeaderMutation) -> bool| mutations(&config).any(test);
        let filters_format = filters::formats(&manager.http_filters, &config);
        Ok(Self {
            changes_headers: any(|m| !m.is_empty()),
            formats_requests: any(HeaderMutation::formats_requests)
                || filters_format.0
                || mirrors_edit(&config),
            formats_responses: any(HeaderMutation::formats_responses) || filters_format.1,
            limits_upgrades: !manager.upgrades.is_empty()
                || forwards(&config).any(|action| !action.upgrades.is_empty()),
            filters: FilterPlans::new(&manager.http_filters, &config).map(Box::new),
            manager: manager.clone(),
            config,
            hosts,
            routes: routes.into(),
            special: None,
        }
        .with_special())
    }

    fn with_special(mut self) -> Self {
        let formats = |m: &HeaderMutation| m.formats_requests() || m.formats_responses();
        let special = |h: usize, r: usize, host: &VirtualHost, route: &Route| {
            let levels = formats(&self.config.headers) || formats(&host.headers);
            let (own, clusters) = match &route.action {
                RouteAction::Forward(action) => {
                    let clusters = action.cluster.weighted().map_or(&[][..], |w| w.clusters());
                    let own = !mirrors(&self.config, host, action).is_empty()
                        || action.internal_redirect.is_some();
                    (own, clusters)
                }
                _ => (false, &[][..]),
            };
            let runs = |weighted| !self.filters(Some((h, r)), weighted).is_empty();
            levels
                || own
                || formats(&route.headers)
                || runs(None)
                || (0..clusters.len()).any(|index| runs(Some(index)))
                || clusters.iter().any(|cluster| formats(&cluster.headers))
        };
        let hosts = self.config.virtual_hosts.iter().enumerate();
        let routes: Box<[Box<[bool]>]> = hosts
            .map(|(h, host)| {
                let routes = host.routes.iter().enumerate();
                routes
                    .map(|(r, route)| special(h, r, host, route))
                    .collect()
            })
            .collect();
        // A redirect to HTTPS has no route of its own.
        let unrouted = !self.filters(None, None).is_empty();
        let any = unrouted || routes.iter().flatten().any(|special| *special);
        self.special = any.then(|| Box::new(Special { routes, unrouted }));
        self
    }

    /// Whether a route (by virtual host and route; or what has no route) only forwards: no filter, no
    /// mirror, no internal redirect, and no header value with operators. Such requests pay one branch for
    /// all of these. Rules about upgrades are not among them: they concern requests that ask for one
    /// ([`limits_upgrades`](Self::limits_upgrades)), which are few.
    #[inline]
    pub fn is_plain(&self, route: Option<(usize, usize)>) -> bool {
        match &self.special {
            None => true,
            Some(special) => match route {
                None => !special.unrouted,
                Some((host, route)) => {
                    let routes = special.routes.get(host);
                    !routes.and_then(|r| r.get(route)).is_some_and(|s| *s)
                }
            },
        }
    }

    /// What it was compiled from; the indexes that this type returns point into it.
    #[inline]
    pub fn config(&self) -> &Arc<RouteConfiguration> {
        &self.config
    }

    /// The connection manager that it was compiled for.
    pub const fn manager(&self) -> &HttpConnectionManager {
        &self.manager
    }

    /// What a request to that route (by virtual host and route) and weighted cluster runs, in order;
    /// without a route, what the connection manager alone says.
    #[inline]
    pub fn filters(&self, route: Option<(usize, usize)>, weighted: Option<usize>) -> &[Filter] {
        match &self.filters {
            None => &[],
            Some(plans) => plans.get(route, weighted),
        }
    }

    /// Whether a value that it puts into a request's headers has operators, so that
    /// [`Facts`](super::Facts) are needed.
    #[inline]
    pub const fn formats_requests(&self) -> bool {
        self.formats_requests
    }

    /// The same of responses.
    #[inline]
    pub const fn formats_responses(&self) -> bool {
        self.formats_responses
    }

    /// Whether it says anything about upgrades.
    #[inline]
    pub const fn limits_upgrades(&self) -> bool {
        self.limits_upgrades
    }

    /// Whether any of its levels changes any headers: most configurations have none, and need not be
    /// asked about each request.
    #[inline]
    pub const fn changes_headers(&self) -> bool {
        self.changes_headers
    }

    /// The index of the virtual host that serves `authority`, written in any case: the exact domain,
    /// else the longest suffix wildcard, else the longest prefix wildcard, else `*`.
    #[inline]
    pub fn virtual_host(&self, authority: &str) -> Option<usize> {
        self.hosts.find(self.matched_host(authority))
    }

    /// The index of the first route of a virtual host that matches.
    ///
    /// Exact and prefix paths are looked up. Tried one after the other are: routes that share a path
    /// and differ by header or method (about 20 ns each), routes whose prefixes nest, and every
    /// regex that stands before the match.
    #[inline]
    pub fn route(&self, virtual_host: usize, head: &RequestHead<'_>, random: u64) -> Option<usize> {
        let routes = &self.config.virtual_hosts.get(virtual_host)?.routes;
        self.routes.get(virtual_host)?.first(routes, head, random)
    }

    /// The part of `authority` that is compared with domains.
    #[inline]
    pub(super) fn matched_host<'a>(&self, authority: &'a str) -> &'a str {
        if self.config.ignore_port_in_host_matching {
            without_port(authority)
        } else {
            authority
        }
    }
}

fn forwards(config: &RouteConfiguration) -> impl Iterator<Item = &ForwardAction> {
    let routes = config.virtual_hosts.iter().flat_map(|host| &host.routes);
    routes.filter_map(|route| match &route.action {
        RouteAction::Forward(action) => Some(&**action),
        _ => None,
    })
}

/// Of all levels.
fn mutations(config: &RouteConfiguration) -> impl Iterator<Item = &HeaderMutation> {
    let hosts = config.virtual_hosts.iter();
    let hosts = hosts.flat_map(|host| {
        let routes = host.routes.iter().map(|route| &route.headers);
        std::iter::once(&host.headers).chain(routes)
    });
    let weighted = forwards(config)
        .filter_map(|action| action.cluster.weighted())
        .flat_map(|weighted| weighted.clusters())
        .map(|cluster| &cluster.headers);
    let own = std::iter::once(&config.headers);
    own.chain(hosts).chain(weighted)
}

/// Whether any mirror changes headers.
fn mirrors_edit(config: &RouteConfiguration) -> bool {
    let hosts = config.virtual_hosts.iter().flat_map(|host| &host.mirrors);
    let routes = forwards(config).flat_map(|action| &action.mirrors);
    let mut all = config.mirrors.iter().chain(hosts).chain(routes);
    all.any(|mirror| !mirror.request_headers.is_empty())
}
