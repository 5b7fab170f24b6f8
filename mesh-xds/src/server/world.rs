//! Everything that one view serves, as one consistent whole: it is made of one snapshot.
//!
//! A resource's version is a hash of its bytes, so that one that did not change keeps its version
//! through all changes around it, and through a restart of the control plane: clients that reconnect
//! are sent what is new to them only.

use std::{
    collections::{BTreeMap, HashMap},
    hash::BuildHasher,
    sync::{Arc, Mutex, PoisonError},
};

use foldhash::quality::FixedState;
use mesh_core::{
    Findings, Note, NoteKind, SnapshotRef,
    policy::{
        Cluster, ClusterLoadAssignment, Discovery, HttpConnectionManager, Listener, Name,
        NetworkFilter, RouteConfiguration,
    },
};

use super::{encode::Encoder, target, view::Dialect};
use crate::{
    client::{Kind, ads::KINDS},
    pb::protobuf::Any,
};

/// Encoded for targets, which clients make up: more are encoded again each time.
const MAX_TARGETS: usize = 100_000;

/// A resource as it is sent.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) version: Name,
    pub(crate) any: Any,
    /// The next resources that a client needs with it: a cluster's endpoints, a listener's routes.
    pub(crate) leads_to: Vec<Name>,
}

/// All resources of one view.
#[derive(Debug)]
pub(crate) struct World {
    snapshot: SnapshotRef,
    dialect: Dialect,
    kinds: [Served; KINDS],
    clusters: HashMap<Name, Encoded>,
    routes: HashMap<Name, EncodedRoutes>,
    listener_notes: Vec<Note>,
    targets: Mutex<Targets>,
}

/// `None`: there is nothing to be served.
type Targets = HashMap<(Kind, Name), Option<Arc<Resource>>>;

/// The resources of a kind.
#[derive(Clone, Debug, Default)]
struct Served {
    /// Counts the changes.
    stamp: u64,
    by_name: BTreeMap<Name, Arc<Resource>>,
}

/// A route configuration.
#[derive(Clone, Debug)]
struct EncodedRoutes {
    policy: Arc<RouteConfiguration>,
    resource: Option<Arc<Resource>>,
    notes: Vec<Note>,
}

/// A cluster and its endpoints.
#[derive(Clone, Debug)]
struct Encoded {
    policy: Arc<Cluster>,
    cluster: Option<Arc<Resource>>,
    cluster_notes: Vec<Note>,
    assignment: Arc<ClusterLoadAssignment>,
    endpoints: Option<Arc<Resource>>,
    endpoint_notes: Vec<Note>,
}

impl World {
    /// Of a snapshot; what has not changed since `previous` is taken from there.
    pub(crate) fn of(snapshot: SnapshotRef, dialect: Dialect, previous: Option<&Self>) -> Self {
        let mut next = Self {
            snapshot,
            dialect,
            kinds: previous.map(|p| p.kinds.clone()).unwrap_or_default(),
            clusters: HashMap::new(),
            routes: HashMap::new(),
            listener_notes: Vec::new(),
            targets: Mutex::default(),
        };
        next.encode_clusters(previous);
        match previous.filter(|p| p.snapshot.version() == next.snapshot.version()) {
            Some(same) => {
                next.routes.clone_from(&same.routes);
                next.listener_notes.clone_from(&same.listener_notes);
                let targets = same.targets.lock().unwrap_or_else(PoisonError::into_inner);
                next.targets = Mutex::new(targets.clone());
            }
            None => {
                next.encode_routes(previous);
                next.encode_listeners();
                if dialect.has_targets() {
                    // Any of them may have changed.
                    next.kinds[Kind::Listener as usize].stamp += 1;
                    next.kinds[Kind::RouteConfiguration as usize].stamp += 1;
                }
            }
        }
        next
    }

    /// The snapshot that it is of.
    pub(crate) fn version(&self) -> u64 {
        self.snapshot.version()
    }

    /// Grows whenever a resource of the kind may have changed.
    pub(crate) fn stamp(&self, kind: Kind) -> u64 {
        self.kinds[kind as usize].stamp
    }

    /// What a wildcard stands for.
    pub(crate) fn all(&self, kind: Kind) -> &BTreeMap<Name, Arc<Resource>> {
        &self.kinds[kind as usize].by_name
    }

    /// The resource of that name.
    pub(crate) fn get(&self, kind: Kind, name: &Name) -> Option<Arc<Resource>> {
        if let Some(found) = self.all(kind).get(name) {
            return Some(found.clone());
        }
        if !self.dialect.has_targets() || !matches!(kind, Kind::Listener | Kind::RouteConfiguration)
        {
            return None;
        }
        let key = (kind, name.clone());
        let targets = || self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = targets().get(&key) {
            return known.clone();
        }
        let found = self.target(kind, name).map(Arc::new);
        let mut targets = targets();
        if targets.len() < MAX_TARGETS {
            targets.insert(key, found.clone());
        }
        found
    }

    /// What cannot be said to clients of this kind, of bounded size.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let clusters = self.clusters.values();
        let clusters = clusters.flat_map(|e| e.cluster_notes.iter().chain(&e.endpoint_notes));
        let routes = self.routes.values().flat_map(|e| &e.notes);
        let all = clusters.chain(routes).chain(&self.listener_notes);
        Findings::new(all.cloned().collect(), Vec::new())
            .bounded()
            .notes
    }

    fn encode_clusters(&mut self, previous: Option<&Self>) {
        let snapshot = self.snapshot.clone();
        let mut clusters = BTreeMap::new();
        let mut endpoints = BTreeMap::new();
        let own = snapshot.clusters().iter();
        let own = own.map(|cluster| (cluster.policy(), cluster.assignment()));
        let aggregates = snapshot.aggregates().map(|a| (a, Arc::default()));
        for (policy, assignment) in own.chain(aggregates) {
            let known = previous.and_then(|p| p.clusters.get(&policy.name));
            let encoded = self.encode_cluster(policy, assignment, known);
            let name = &policy.name;
            clusters.extend(encoded.cluster.clone().map(|r| (name.clone(), r)));
            endpoints.extend(encoded.endpoints.clone().map(|r| (name.clone(), r)));
            self.clusters.insert(name.clone(), encoded);
        }
        self.serve(Kind::Cluster, clusters);
        self.serve(Kind::ClusterLoadAssignment, endpoints);
    }

    fn encode_cluster(
        &self,
        policy: &Arc<Cluster>,
        assignment: Arc<ClusterLoadAssignment>,
        known: Option<&Encoded>,
    ) -> Encoded {
        let is_by_eds = match policy.discovery {
            Discovery::Assigned => true,
            Discovery::StrictDns { .. } => self.dialect == Dialect::Grpc,
            _ => false,
        };
        let same = known.filter(|k| Arc::ptr_eq(&k.policy, policy) || k.policy == *policy);
        let mut encoded = match same {
            Some(same) => same.clone(),
            None => {
                let mut notes = Vec::new();
                let any = Encoder::new(&self.dialect, &mut notes).encode_cluster(policy);
                let leads_to = is_by_eds.then(|| policy.name.clone());
                Encoded {
                    policy: policy.clone(),
                    cluster: any.map(|any| resource(any, leads_to)),
                    cluster_notes: notes,
                    assignment: assignment.clone(),
                    endpoints: None,
                    endpoint_notes: Vec::new(),
                }
            }
        };
        let has_same = same.is_some() && encoded.assignment == assignment;
        if is_by_eds && encoded.cluster.is_some() && !has_same {
            encoded.endpoint_notes.clear();
            let any = Encoder::new(&self.dialect, &mut encoded.endpoint_notes)
                .encode_assignment(policy, &assignment);
            encoded.endpoints = Some(resource(any, None));
            encoded.assignment = assignment;
        }
        encoded
    }

    fn encode_routes(&mut self, previous: Option<&Self>) {
        let snapshot = self.snapshot.clone();
        let mut served = BTreeMap::new();
        for router in snapshot.routers() {
            let routes = router.config();
            if self.routes.contains_key(&routes.name) {
                continue;
            }
            let known = previous.and_then(|p| p.routes.get(&routes.name));
            let same = known.filter(|k| Arc::ptr_eq(&k.policy, routes) || k.policy == *routes);
            let entry = same.cloned().unwrap_or_else(|| {
                let mut notes = Vec::new();
                let any = Encoder::new(&self.dialect, &mut notes).encode_routes(routes);
                EncodedRoutes {
                    policy: routes.clone(),
                    resource: any.map(|any| resource(any, None)),
                    notes,
                }
            });
            let resource = entry.resource.clone();
            served.extend(resource.map(|resource| (routes.name.clone(), resource)));
            self.routes.insert(routes.name.clone(), entry);
        }
        self.serve(Kind::RouteConfiguration, served);
    }

    fn encode_listeners(&mut self) {
        let snapshot = self.snapshot.clone();
        let mut served = BTreeMap::new();
        let mut taken = HashMap::new();
        for listener in snapshot.listeners() {
            if !self.dialect.has_sockets() {
                self.note_listener(listener);
                continue;
            }
            let mut notes = Vec::new();
            let place = self.dialect.socket(listener).and_then(|at| {
                match taken.insert(at, listener.name.clone()) {
                    Some(first) => Err(format!("`{first}` is at {at} already")),
                    None => Ok(at),
                }
            });
            match place {
                Ok(at) => {
                    let any = Encoder::new(&self.dialect, &mut notes).encode_listener(listener, at);
                    let routes = listener.chains().filter_map(|chain| match &chain.filter {
                        NetworkFilter::Http(manager) => Some(manager.route_config.clone()),
                        _ => None,
                    });
                    served.extend(any.map(|any| (listener.name.clone(), resource(any, routes))));
                }
                Err(why) => notes.push(not_served(listener, self.dialect, &why)),
            }
            self.listener_notes.append(&mut notes);
        }
        self.serve(Kind::Listener, served);
    }

    /// What of a listener is not said where it is asked for by name.
    fn note_listener(&mut self, listener: &Listener) {
        let Some(manager) = http(listener) else {
            let why = "gRPC makes requests, and it is for connections";
            let note = not_served(listener, self.dialect, why);
            self.listener_notes.push(note);
            return;
        };
        let encoder = Encoder::new(&self.dialect, &mut self.listener_notes);
        // Only what it cannot say counts here.
        let _ = encoder
            .of(&listener.origin)
            .encode_api_listener(&listener.name, manager);
    }

    fn serve(&mut self, kind: Kind, mut served: BTreeMap<Name, Arc<Resource>>) {
        let kind = &mut self.kinds[kind as usize];
        let mut changed = served.len() != kind.by_name.len();
        for (name, resource) in &mut served {
            match kind.by_name.get(name) {
                Some(known) if known.version == resource.version => resource.clone_from(known),
                _ => changed = true,
            }
        }
        if changed {
            kind.stamp += 1;
            kind.by_name = served;
        }
    }

    /// The listener or the routes of `host:port`.
    fn target(&self, kind: Kind, name: &Name) -> Option<Resource> {
        let target = target::find(&self.snapshot, name)?;
        // What cannot be said of it is noted at the whole.
        let mut notes = Vec::new();
        let encoder = Encoder::new(&self.dialect, &mut notes);
        Some(match kind {
            Kind::Listener => {
                let any = encoder.encode_api_listener(name, &target.manager)?;
                new_resource(any, Some(name.clone()))
            }
            _ => new_resource(encoder.encode_routes(&target.routes)?, None),
        })
    }
}

fn http(listener: &Listener) -> Option<&HttpConnectionManager> {
    listener.chains().find_map(|chain| match &chain.filter {
        NetworkFilter::Http(manager) => Some(manager),
        _ => None,
    })
}

fn not_served(listener: &Listener, dialect: Dialect, why: &str) -> Note {
    let why = format!(
        "listener `{}` is not served to {dialect} clients: {why}",
        listener.name
    );
    Note::new(NoteKind::NotApplied, listener.origin.clone(), "", why)
}

fn resource(any: Any, leads_to: impl IntoIterator<Item = Name>) -> Arc<Resource> {
    Arc::new(new_resource(any, leads_to))
}

fn new_resource(any: Any, leads_to: impl IntoIterator<Item = Name>) -> Resource {
    Resource {
        version: format!("{:016x}", FixedState::default().hash_one(&any.value)).into(),
        any,
        leads_to: leads_to.into_iter().collect(),
    }
}
