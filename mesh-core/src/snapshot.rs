//! Everything a request needs to know, as one immutable whole.
//!
//! A [`Config`] is what a source says; a [`Snapshot`] is that, compiled and cross-checked:
//! listeners lead to routers, routers to clusters. Building one reuses whatever did not change,
//! so routers are not rebuilt and clusters keep their state (see [`Cluster`]).

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Instant};

use foldhash::fast::FixedState;

use crate::{
    Config, ConfigError, PublishError, aggregate,
    cluster::Cluster,
    dangling::{self, DanglingRoute},
    policy::{
        self, Direction, HttpConnectionManager, Listener, Name, NetworkFilter, RouteConfiguration,
    },
    routing::{
        Connection, Dialled, HttpHosts, ListenerError, Listeners, NoTcpRoute, Router, TcpRoute,
        http_chain,
    },
};

type Map<K, V> = HashMap<K, V, FixedState>;

/// One consistent view of the mesh. Cheap to read, never changed.
#[derive(Debug)]
pub struct Snapshot {
    version: u64,
    listeners: Arc<Listeners>,
    outbound: Map<u16, usize>,
    outbound_any: Option<usize>,
    /// HTTP listeners that are for some hosts only; most meshes have none.
    outbound_hosts: Option<Box<HttpHosts>>,
    routers: Vec<Arc<Router>>,
    clusters: Vec<Arc<Cluster>>,
    cluster_index: Map<Name, usize>,
    /// By name; those are in no other list.
    aggregates: Map<Name, Aggregate>,
    dangling: Vec<DanglingRoute>,
}

/// A cluster of clusters.
#[derive(Debug)]
struct Aggregate {
    policy: Arc<policy::Cluster>,
    /// The places of its clusters.
    leaves: Vec<usize>,
}

impl Snapshot {
    /// A view in which nothing exists.
    pub(crate) fn empty() -> Self {
        Self {
            version: 0,
            listeners: Arc::default(),
            outbound: Map::default(),
            outbound_any: None,
            outbound_hosts: None,
            routers: Vec::new(),
            clusters: Vec::new(),
            cluster_index: Map::default(),
            aggregates: Map::default(),
            dangling: Vec::new(),
        }
    }

    /// Compiles `config`, reusing what `previous` has of it.
    pub(crate) fn try_new(config: &Config, previous: &Self) -> Result<Self, PublishError> {
        let mut problems = Vec::new();
        let mut next = Self::empty();
        next.version = previous.version + 1;

        let mut routes: Map<&str, &Arc<RouteConfiguration>> = Map::default();
        for one in &config.routes {
            if let Some(first) = routes.insert(&one.name, one) {
                problems.push(ConfigError::Duplicate {
                    kind: "route configuration",
                    name: one.name.to_string(),
                    first: first.origin.clone(),
                    second: one.origin.clone(),
                });
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
        let mut routers = Routers::new(previous);
        let mut hosts: Vec<(Option<u16>, &[Name], usize)> = Vec::new();
        for listener in &config.listeners {
            let router = http_router(listener, &routes, &mut routers, &mut problems);
            match (router, listener.port) {
                (None, _) => {}
                (Some(router), port) if !listener.hosts.is_empty() => {
                    hosts.push((port, &listener.hosts, router));
                }
                (Some(router), Some(port)) => _ = next.outbound.insert(port, router),
                (Some(router), None) => next.outbound_any = Some(router),
            }
        }
        if !hosts.is_empty() {
            // Hosts that are too long were a problem of their listeners already.
            next.outbound_hosts = HttpHosts::new(&hosts).map(Box::new);
        }
        // What no listener names is checked all the same.
        for one in &config.routes {
            if !routers.compiled.contains_key(&*one.name) {
                let manager = HttpConnectionManager::new(one.name.clone());
                routers.compile(one, &manager, &mut problems);
            }
        }
        next.routers = routers.all;

        let mut names: Map<&Name, &policy::Cluster> = Map::default();
        for policy in &config.clusters {
            if let Some(first) = names.insert(&policy.name, policy) {
                problems.push(ConfigError::Duplicate {
                    kind: "cluster",
                    name: policy.name.to_string(),
                    first: first.origin.clone(),
                    second: policy.origin.clone(),
                });
            }
        }
        let own = |policy: &&Arc<policy::Cluster>| aggregate::clusters_of(policy).is_none();
        for (index, policy) in config.clusters.iter().filter(own).enumerate() {
            next.cluster_index.insert(policy.name.clone(), index);
        }
        for policy in config.clusters.iter().filter(|policy| !own(policy)) {
            let clusters = |name: &Name| Some(aggregate::clusters_of(names.get(name)?)?.to_vec());
            let place = |name: &Name| next.cluster_position(name);
            let leaves = aggregate::leaves(&policy.name, clusters, place);
            let policy = policy.clone();
            let aggregate = Aggregate { policy, leaves };
            next.aggregates
                .insert(aggregate.policy.name.clone(), aggregate);
        }

        if !problems.is_empty() {
            return Err(PublishError(problems));
        }
        // Last, for a new cluster takes over what its predecessor's requests are counted by.
        next.clusters = config
            .clusters
            .iter()
            .filter(own)
            .map(|policy| previous.reuse_cluster(policy, config))
            .collect();
        next.dangling = dangling::find(&next, next.listeners.policies().iter());
        Ok(next)
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

    /// Counts the configs published before and including this one.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The router for requests that dial `dialled`, with its place in
    /// [`routers`](Self::routers): that of the listener for this host on this port, else for
    /// all of the port, else for the host on any port, else for all.
    #[inline]
    pub fn outbound(&self, dialled: Dialled<'_>) -> Option<(usize, &Arc<Router>)> {
        let Dialled { host, port } = dialled;
        let of_port = self.outbound.get(&port).copied();
        let index = match &self.outbound_hosts {
            None => of_port,
            Some(hosts) => hosts
                .of_port(host, port)
                .or(of_port)
                .or_else(|| hosts.of_any_port(host)),
        };
        let index = index.or(self.outbound_any)?;
        Some((index, self.routers.get(index)?))
    }

    /// Why [`outbound`](Self::outbound) has nothing for it, in words.
    pub fn no_outbound(&self, Dialled { host, port }: Dialled<'_>) -> String {
        let known = match self.outbound_ports().contains(&port) {
            true => format!("no listener for `{host}` on port {port}"),
            false => format!("no listener for port {port} (asked for {host})"),
        };
        format!("{known}; known ports: {}", self.known_ports())
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
        ports.extend(self.outbound_hosts.iter().flat_map(|hosts| hosts.ports()));
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// The first few [`outbound_ports`](Self::outbound_ports), for a message.
    pub fn known_ports(&self) -> String {
        const SHOWN: usize = 8;
        let ports = self.outbound_ports();
        let shown: Vec<_> = ports.iter().take(SHOWN).map(u16::to_string).collect();
        match ports.len() {
            0 => "none".to_owned(),
            1..=SHOWN => shown.join(", "),
            all => format!("{}, … ({all} in all)", shown.join(", ")),
        }
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

    /// All listeners, in the order they were published.
    pub fn listeners(&self) -> &[Listener] {
        self.listeners.policies()
    }

    /// The place of the cluster that a request to `name` goes to: that cluster, or, when it is an
    /// aggregate, one of its clusters, by `draw` where several share its requests.
    #[inline]
    pub fn target_position(
        &self,
        name: &str,
        draw: u64,
        now: impl FnOnce() -> Instant,
    ) -> Option<usize> {
        let found = self.cluster_position(name);
        if found.is_some() || self.aggregates.is_empty() {
            return found;
        }
        let leaves = &self.aggregates.get(name)?.leaves;
        aggregate::choose(leaves, |leaf| &self.clusters[leaf], draw, now())
    }

    /// The same as a cluster.
    pub fn target(
        &self,
        name: &str,
        draw: u64,
        now: impl FnOnce() -> Instant,
    ) -> Option<&Arc<Cluster>> {
        self.clusters.get(self.target_position(name, draw, now)?)
    }

    /// Whether requests to `name` have somewhere to go: it is a cluster, or an aggregate of some.
    pub(crate) fn has_target(&self, name: &str) -> bool {
        let leads = |aggregate: &Aggregate| !aggregate.leaves.is_empty();
        self.cluster_index.contains_key(name) || self.aggregates.get(name).is_some_and(leads)
    }

    /// All clusters but aggregates, in the order they were published.
    #[inline]
    pub fn clusters(&self) -> &[Arc<Cluster>] {
        &self.clusters
    }

    /// The policies of all aggregates, in no order.
    pub fn aggregates(&self) -> impl Iterator<Item = &Arc<policy::Cluster>> {
        self.aggregates.values().map(|aggregate| &aggregate.policy)
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

/// The router of a listener's requests; `None` when it takes none, or is a problem.
fn http_router(
    listener: &Listener,
    routes: &Map<&str, &Arc<RouteConfiguration>>,
    routers: &mut Routers<'_>,
    problems: &mut Vec<ConfigError>,
) -> Option<usize> {
    if listener.direction == Direction::Inbound {
        problems.push(ConfigError::Unsupported {
            what: "an inbound listener",
            origin: listener.origin.clone(),
        });
        return None;
    }
    // A route configuration is missed wherever it is named.
    for chain in listener.chains() {
        if let NetworkFilter::Http(http) = &chain.filter
            && !routes.contains_key(&*http.route_config)
        {
            problems.push(ConfigError::MissingRouteConfiguration {
                listener: listener.name.clone(),
                route_config: http.route_config.clone(),
                origin: listener.origin.clone(),
            });
        }
    }
    let NetworkFilter::Http(http) = &http_chain(listener)?.filter else {
        return None;
    };
    routers.compile(routes.get(&*http.route_config)?, http, problems)
}

/// The routers of a snapshot in the making: each route configuration is compiled once for each list
/// of filters that a listener puts before it.
struct Routers<'a> {
    /// Of the previous snapshot.
    previous: Map<&'a str, Vec<&'a Arc<Router>>>,
    all: Vec<Arc<Router>>,
    /// Places in `all` by the configuration's name; none for one that cannot be compiled.
    compiled: Map<Name, Vec<usize>>,
}

impl<'a> Routers<'a> {
    fn new(previous: &'a Snapshot) -> Self {
        let mut known: Map<&str, Vec<_>> = Map::default();
        for router in &previous.routers {
            known.entry(&router.config().name).or_default().push(router);
        }
        Self {
            previous: known,
            all: Vec::new(),
            compiled: Map::default(),
        }
    }

    /// The router's place in `all`; `None` when the configuration is broken, which is a problem told
    /// once.
    fn compile(
        &mut self,
        routes: &Arc<RouteConfiguration>,
        manager: &HttpConnectionManager,
        problems: &mut Vec<ConfigError>,
    ) -> Option<usize> {
        let known = self.compiled.get(&routes.name);
        if let Some(places) = known {
            let fits = |&&at: &&usize| self.all[at].manager() == manager;
            match places.iter().find(fits) {
                Some(&at) => return Some(at),
                None if places.is_empty() => return None,
                None => {}
            }
        }
        let same = |router: &&&Arc<Router>| {
            router.manager() == manager
                && (Arc::ptr_eq(router.config(), routes) || router.config() == routes)
        };
        let previous = self.previous.get(&*routes.name);
        let router = match previous.and_then(|routers| routers.iter().find(same)) {
            Some(&router) => Ok(router.clone()),
            None => Router::with_manager(routes.clone(), manager).map(Arc::new),
        };
        let places = self.compiled.entry(routes.name.clone()).or_default();
        match router {
            Ok(router) => {
                places.push(self.all.len());
                self.all.push(router);
                Some(self.all.len() - 1)
            }
            Err(source) => {
                problems.push(ConfigError::Router {
                    name: routes.name.clone(),
                    source,
                });
                None
            }
        }
    }
}
