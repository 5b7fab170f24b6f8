//! Everything a request needs to know, as one immutable whole.
//!
//! A [`Config`] is what a source says; a [`Snapshot`] is that, compiled and cross-checked:
//! listeners lead to routers, routers to clusters. Building one reuses whatever did not change,
//! so routers are not rebuilt and clusters keep their state (see [`Cluster`]).

use std::{collections::HashMap, fmt, net::IpAddr, sync::Arc};

use foldhash::fast::FixedState;

use crate::{
    cluster::Cluster,
    policy::{
        self, ClusterLoadAssignment, ClusterSpecifier, Direction, HttpConnectionManager, Listener,
        Name, NetworkFilter, Origin, RouteAction, RouteConfiguration,
    },
    routing::{
        Connection, ListenerError, Listeners, NoTcpRoute, Router, RouterError, TcpRoute, http_chain,
    },
};

type Map<K, V> = HashMap<K, V, FixedState>;

/// What a source publishes: the whole of it, every time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Where requests enter.
    pub listeners: Vec<Listener>,
    /// Named by the listeners.
    pub routes: Vec<Arc<RouteConfiguration>>,
    /// Named by the routes.
    pub clusters: Vec<Arc<policy::Cluster>>,
    /// Endpoints by cluster name. A cluster without an entry keeps the endpoints it has.
    pub assignments: HashMap<Name, Arc<ClusterLoadAssignment>>,
}

impl Config {
    /// One outbound listener for every port, with one route configuration.
    #[must_use]
    pub fn routing(mut self, routes: RouteConfiguration) -> Self {
        self.listeners
            .push(Listener::outbound(None, routes.name.clone()));
        self.routes.push(Arc::new(routes));
        self
    }

    /// Adds a listener, such as one of [`Listener::outbound_tcp`].
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Adds a cluster and its endpoints.
    #[must_use]
    pub fn cluster(
        mut self,
        cluster: policy::Cluster,
        endpoints: impl IntoIterator<Item = policy::Endpoint>,
    ) -> Self {
        self.assignments.insert(
            cluster.name.clone(),
            Arc::new(endpoints.into_iter().collect()),
        );
        self.clusters.push(Arc::new(cluster));
        self
    }
}

/// A config that cannot be used; nothing of it was applied.
#[derive(thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct PublishError(Vec<ConfigError>);

impl fmt::Debug for PublishError {
    /// As `Display`: this is what a `main` that returns the error prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PublishError {
    /// Each problem.
    pub fn problems(&self) -> &[ConfigError] {
        &self.0
    }
}

/// One problem of a [`Config`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Two resources of one kind have one name.
    #[error("{second}: {kind} `{name}` is already defined at {first}")]
    Duplicate {
        /// The kind of resource.
        kind: &'static str,
        /// The name.
        name: String,
        /// The first definition.
        first: Origin,
        /// The second.
        second: Origin,
    },
    /// A listener names a route configuration that is not there.
    #[error(
        "{origin}: listener `{listener}` names route configuration `{route_config}`, which does not exist"
    )]
    MissingRouteConfiguration {
        /// The listener.
        listener: Name,
        /// What it names.
        route_config: Name,
        /// Where.
        origin: Origin,
    },
    /// A listener cannot be compiled.
    #[error("{origin}: listener `{listener}`: {source}")]
    Listener {
        /// The listener.
        listener: Name,
        /// Why.
        source: ListenerError,
        /// Where.
        origin: Origin,
    },
    /// A route configuration cannot be compiled.
    #[error("route configuration `{name}`: {source}")]
    Router {
        /// Its name.
        name: Name,
        /// Why.
        source: RouterError,
    },
    /// The policy model knows it, but no engine honours it yet.
    #[error("{origin}: {what} is not supported yet")]
    Unsupported {
        /// The feature.
        what: &'static str,
        /// Where it was asked for.
        origin: Origin,
    },
}

/// A route that leads to a cluster which does not exist: such requests get 503 NC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DanglingRoute {
    /// The cluster's name.
    pub cluster: Name,
    /// The route.
    pub origin: Origin,
}

impl fmt::Display for DanglingRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: cluster `{}` does not exist; requests to it fail with 503 (NC)",
            self.origin, self.cluster
        )
    }
}

/// One consistent view of the mesh. Cheap to read, never changed.
#[derive(Debug)]
pub struct Snapshot {
    version: u64,
    listeners: Arc<Listeners>,
    outbound: Map<u16, usize>,
    outbound_any: Option<usize>,
    routers: Vec<Arc<Router>>,
    clusters: Vec<Arc<Cluster>>,
    cluster_index: Map<Name, usize>,
    dangling: Vec<DanglingRoute>,
}

impl Snapshot {
    /// A view in which nothing exists.
    pub(crate) fn empty() -> Self {
        Self {
            version: 0,
            listeners: Arc::default(),
            outbound: Map::default(),
            outbound_any: None,
            routers: Vec::new(),
            clusters: Vec::new(),
            cluster_index: Map::default(),
            dangling: Vec::new(),
        }
    }

    /// Compiles `config`, reusing what `previous` has of it.
    pub(crate) fn try_new(config: &Config, previous: &Self) -> Result<Self, PublishError> {
        let mut problems = Vec::new();
        let mut next = Self::empty();
        next.version = previous.version + 1;

        let mut router_index: HashMap<&str, usize> = HashMap::new();
        for routes in &config.routes {
            if let Some(&first) = router_index.get(&*routes.name) {
                problems.push(ConfigError::Duplicate {
                    kind: "route configuration",
                    name: routes.name.to_string(),
                    first: next.routers[first].config().origin.clone(),
                    second: routes.origin.clone(),
                });
                continue;
            }
            let manager = HttpConnectionManager::new(routes.name.clone());
            match previous.reuse_router(routes, &manager) {
                Ok(router) => {
                    router_index.insert(&routes.name, next.routers.len());
                    next.routers.push(router);
                }
                Err(source) => problems.push(ConfigError::Router {
                    name: routes.name.clone(),
                    source,
                }),
            }
        }

        match previous.reuse_listeners(&config.listeners) {
            Ok(listeners) => next.listeners = listeners,
            Err((index, source)) => problems.push(ConfigError::Listener {
                listener: config.listeners[index].name.clone(),
                source,
                origin: config.listeners[index].origin.clone(),
            }),
        }
        for listener in &config.listeners {
            next.add_listener(listener, &router_index, previous, &mut problems);
        }

        for (index, policy) in config.clusters.iter().enumerate() {
            if let Some(first) = next.cluster_index.insert(policy.name.clone(), index) {
                problems.push(ConfigError::Duplicate {
                    kind: "cluster",
                    name: policy.name.to_string(),
                    first: config.clusters[first].origin.clone(),
                    second: policy.origin.clone(),
                });
            }
        }

        if !problems.is_empty() {
            return Err(PublishError(problems));
        }
        // Last, for a new cluster takes over what its predecessor's requests are counted by.
        next.clusters = config
            .clusters
            .iter()
            .map(|policy| previous.reuse_cluster(policy, config))
            .collect();
        next.dangling = next.find_dangling();
        Ok(next)
    }

    fn add_listener(
        &mut self,
        listener: &Listener,
        routers: &HashMap<&str, usize>,
        previous: &Self,
        problems: &mut Vec<ConfigError>,
    ) {
        if listener.direction == Direction::Inbound {
            problems.push(ConfigError::Unsupported {
                what: "an inbound listener",
                origin: listener.origin.clone(),
            });
            return;
        }
        // A route configuration is missed wherever it is named.
        for chain in listener.chains() {
            if let NetworkFilter::Http(http) = &chain.filter
                && !routers.contains_key(&*http.route_config)
            {
                problems.push(ConfigError::MissingRouteConfiguration {
                    listener: listener.name.clone(),
                    route_config: http.route_config.clone(),
                    origin: listener.origin.clone(),
                });
            }
        }
        let Some(NetworkFilter::Http(http)) = http_chain(listener).map(|c| &c.filter) else {
            return;
        };
        let Some(&router) = routers.get(&*http.route_config) else {
            return;
        };
        match self.router_for(router, http, previous) {
            Ok(router) => match listener.port {
                Some(port) => _ = self.outbound.insert(port, router),
                None => self.outbound_any = Some(router),
            },
            Err(source) => problems.push(ConfigError::Router {
                name: http.route_config.clone(),
                source,
            }),
        }
    }

    /// The error says which listener is wrong.
    fn reuse_listeners(
        &self,
        listeners: &[Listener],
    ) -> Result<Arc<Listeners>, (usize, ListenerError)> {
        if self.listeners.policies() == listeners {
            return Ok(self.listeners.clone());
        }
        Listeners::try_new(listeners).map(Arc::new)
    }

    fn reuse_router(
        &self,
        routes: &Arc<RouteConfiguration>,
        manager: &HttpConnectionManager,
    ) -> Result<Arc<Router>, RouterError> {
        let same = |router: &&Arc<Router>| {
            (Arc::ptr_eq(router.config(), routes) || router.config() == routes)
                && router.manager() == manager
        };
        match self.routers.iter().find(same) {
            Some(router) => Ok(router.clone()),
            None => Router::with_manager(routes.clone(), manager).map(Arc::new),
        }
    }

    /// The router at `index`, or one of the same routes with the filters of `manager`.
    fn router_for(
        &mut self,
        index: usize,
        manager: &HttpConnectionManager,
        previous: &Self,
    ) -> Result<usize, RouterError> {
        let routes = self.routers[index].config().clone();
        let fits = |router: &Arc<Router>| {
            Arc::ptr_eq(router.config(), &routes) && router.manager() == manager
        };
        if let Some(found) = self.routers.iter().position(fits) {
            return Ok(found);
        }
        self.routers.push(previous.reuse_router(&routes, manager)?);
        Ok(self.routers.len() - 1)
    }

    fn reuse_cluster(&self, policy: &Arc<policy::Cluster>, config: &Config) -> Arc<Cluster> {
        let previous = self.cluster(&policy.name);
        let assignment = config.assignments.get(&policy.name).cloned();
        match previous {
            // Its endpoints are assigned once the whole config is known to be good.
            Some(same) if Arc::ptr_eq(same.policy(), policy) || same.policy() == policy => {
                same.clone()
            }
            _ => Arc::new(Cluster::new(
                policy.clone(),
                assignment
                    .or_else(|| previous.map(|p| p.assignment()))
                    .unwrap_or_default(),
                previous.map(|p| &**p),
            )),
        }
    }

    /// Gives reused clusters the endpoints of `config`.
    pub(crate) fn assign_all(&self, config: &Config) {
        for cluster in &self.clusters {
            if let Some(assignment) = config.assignments.get(cluster.name()) {
                cluster.assign(assignment.clone());
            }
        }
    }

    fn find_dangling(&self) -> Vec<DanglingRoute> {
        let mut dangling = Vec::new();
        let mut check = |name: &Name, origin: &Origin| {
            if !self.cluster_index.contains_key(name) {
                dangling.push(DanglingRoute {
                    cluster: name.clone(),
                    origin: origin.clone(),
                });
            }
        };
        for chain in self.listeners.policies().iter().flat_map(Listener::chains) {
            if let NetworkFilter::Tcp(proxy) = &chain.filter {
                for entry in proxy.clusters.entries() {
                    let origin = match &entry.origin {
                        Origin::Code => &proxy.origin,
                        origin => origin,
                    };
                    check(&entry.name, origin);
                }
            }
        }
        for router in &self.routers {
            for route in router.config().virtual_hosts.iter().flat_map(|h| &h.routes) {
                if let RouteAction::Forward(action) = &route.action {
                    match &action.cluster {
                        ClusterSpecifier::Cluster(name) => check(name, &route.origin),
                        ClusterSpecifier::Weighted(weighted) => weighted
                            .clusters()
                            .iter()
                            .filter(|c| c.cluster_header.is_none())
                            .for_each(|c| check(&c.name, &c.origin)),
                        ClusterSpecifier::ClusterHeader(_) => {}
                    }
                }
            }
        }
        dangling
    }

    /// Counts the configs published before and including this one.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The router for calls that dial `port`, with its place in [`routers`](Self::routers): its
    /// listener's, else the one for any port.
    #[inline]
    pub fn outbound(&self, port: u16) -> Option<(usize, &Arc<Router>)> {
        let index = self.outbound.get(&port).copied().or(self.outbound_any)?;
        Some((index, self.routers.get(index)?))
    }

    /// Where a connection is led.
    ///
    /// # Errors
    /// When it is led nowhere.
    pub fn tcp_route(&self, connection: &Connection<'_>) -> Result<TcpRoute<'_>, NoTcpRoute> {
        self.listeners.tcp_route(connection)
    }

    /// The listener for what is dialled, if there is one, with the address that the host stands for
    /// there.
    pub fn listener(&self, host: &str, port: u16) -> Option<(&Listener, Option<IpAddr>)> {
        self.listeners.find(host, port)
    }

    /// The ports that have an outbound HTTP listener of their own, ascending.
    pub fn outbound_ports(&self) -> Vec<u16> {
        let mut ports: Vec<_> = self.outbound.keys().copied().collect();
        ports.sort_unstable();
        ports
    }

    /// The cluster of that name.
    pub fn cluster(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.clusters.get(self.cluster_position(name)?)
    }

    /// The cluster's place in [`clusters`](Self::clusters).
    #[inline]
    pub fn cluster_position(&self, name: &str) -> Option<usize> {
        self.cluster_index.get(name).copied()
    }

    /// All clusters, in the order they were published.
    #[inline]
    pub fn clusters(&self) -> &[Arc<Cluster>] {
        &self.clusters
    }

    /// All routers, in the order their configurations were published.
    #[inline]
    pub fn routers(&self) -> &[Arc<Router>] {
        &self.routers
    }

    /// Routes whose cluster does not exist.
    pub fn dangling(&self) -> &[DanglingRoute] {
        &self.dangling
    }
}
