//! Endpoints that join those of files: of this process (demos, tests, services started side by side), and
//! of any other source.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mesh_core::{
    Note,
    policy::{Address, Endpoint, HealthStatus, Locality, Metadata, Name},
};
use tokio::sync::watch;

/// A directory of services inside the process. Cheap to clone; clones share it.
///
/// A registered endpoint joins the endpoints of the service that files describe under that host; a
/// service that no file describes exists by its registration, as a Kubernetes Service does, and
/// keeps existing without endpoints when the last of them is gone.
///
/// ```
/// use mesh_xds::Registry;
/// let registry = Registry::new();
/// let v1 = registry.register(
///     "reviews.default",
///     9080,
///     "127.0.0.1:40001".parse::<std::net::SocketAddr>().unwrap(),
///     [("version", "v1")].into_iter().collect(),
/// );
/// drop(v1); // deregistered
/// ```
#[derive(Clone, Default)]
pub struct Registry(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    services: Arc<Services>,
    next_id: u64,
    reports: BTreeMap<Name, Report>,
}

/// What a source that registers endpoints has to say.
#[derive(Default, PartialEq, Eq)]
struct Report {
    notes: Vec<Note>,
    error: Option<String>,
}

/// All that is registered, by host as it was given and service port.
pub(crate) type Services = BTreeMap<ServiceKey, Arc<Vec<Workload>>>;

/// The host, lower-cased, and the service's port.
pub(crate) type ServiceKey = (Name, u16);

/// One registered endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    id: u64,
    pub(crate) locality: Locality,
    pub(crate) endpoint: Endpoint,
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an endpoint of the service `host`, on the service's port `port`, until the returned
    /// [`Registration`] is dropped.
    ///
    /// `host` is what a request would name: `reviews` (in the client's namespace),
    /// `reviews.default`, a full name, or any other host.
    pub fn register(
        &self,
        host: &str,
        port: u16,
        address: impl Into<Address>,
        labels: Metadata,
    ) -> Registration {
        let key = service_key(host, port);
        let endpoint = Endpoint::new(address).with_metadata(labels);
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        let workloads = Arc::make_mut(&mut state.services)
            .entry(key.clone())
            .or_default();
        Arc::make_mut(workloads).push(Workload {
            id,
            locality: Locality::default(),
            endpoint,
        });
        drop(state);
        self.announce();
        Registration {
            registry: self.clone(),
            key,
            id,
        }
    }

    /// The service `host` on port `port`, all of whose endpoints somebody else knows: they join those that
    /// were registered one by one. It exists, without endpoints, from now on, and ends when the returned
    /// value is dropped, unless an endpoint was registered meanwhile.
    ///
    /// This is how a source of endpoints alone (a catalogue of services, say) leaves the rules to files.
    pub fn service(&self, host: &str, port: u16) -> ServiceEndpoints {
        let key = service_key(host, port);
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        Arc::make_mut(&mut state.services)
            .entry(key.clone())
            .or_default();
        drop(state);
        self.announce();
        ServiceEndpoints {
            registry: self.clone(),
            key,
            id,
        }
    }

    /// What a source that registers endpoints has to say, in place of what it said before: notes, and why it
    /// could not be brought up to date. The mesh that the files are published into tells it in its status.
    pub fn report(&self, source: &str, notes: Vec<Note>, error: Option<String>) {
        let report = Report { notes, error };
        let mut state = self.lock();
        let changed = state.reports.get(source) != Some(&report);
        if report == Report::default() {
            if state.reports.remove(source).is_none() {
                return;
            }
        } else if changed {
            state.reports.insert(source.into(), report);
        }
        drop(state);
        if changed {
            self.announce();
        }
    }

    /// As [`report`](Self::report), with the notes as they are.
    pub fn fail(&self, source: &str, error: String) {
        let notes = self.lock().reports.get(source).map(|r| r.notes.clone());
        self.report(source, notes.unwrap_or_default(), Some(error));
    }

    /// What all sources say that registered endpoints.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let state = self.lock();
        let notes = state.reports.values().flat_map(|r| r.notes.clone());
        notes.collect()
    }

    /// Why what is registered may be out of date.
    pub(crate) fn error(&self) -> Option<String> {
        let state = self.lock();
        let errors: Vec<&str> = state
            .reports
            .values()
            .filter_map(|r| r.error.as_deref())
            .collect();
        (!errors.is_empty()).then(|| errors.join("\n"))
    }

    /// Counts up with every change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    pub(crate) fn services(&self) -> Arc<Services> {
        self.lock().services.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a panic elsewhere leaves nothing half done.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self) {
        self.0.changed.send_modify(|n| *n += 1);
    }

    fn edit(&self, key: &ServiceKey, edit: impl FnOnce(&mut Vec<Workload>)) {
        let mut state = self.lock();
        if let Some(workloads) = Arc::make_mut(&mut state.services).get_mut(key) {
            edit(Arc::make_mut(workloads));
        }
        drop(state);
        self.announce();
    }
}

fn service_key(host: &str, port: u16) -> ServiceKey {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    (Name::from(host), port)
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.services()).finish()
    }
}

/// An endpoint's place in a [`Registry`]; dropping it takes the endpoint out.
#[derive(Debug)]
#[must_use = "dropping a registration removes the endpoint"]
pub struct Registration {
    registry: Registry,
    key: ServiceKey,
    id: u64,
}

impl Registration {
    /// Replaces the endpoint's labels, and so the subsets it belongs to.
    pub fn set_labels(&self, labels: Metadata) {
        self.edit(|endpoint| endpoint.metadata = labels);
    }

    /// Says whether the endpoint takes requests.
    pub fn set_health(&self, health: HealthStatus) {
        self.edit(|endpoint| endpoint.health_status = health);
    }

    /// Replaces the endpoint's weight; 0 counts as 1.
    pub fn set_weight(&self, weight: u32) {
        self.edit(|endpoint| endpoint.weight = weight.max(1));
    }

    fn edit(&self, edit: impl FnOnce(&mut Endpoint)) {
        self.registry.edit(&self.key, |workloads| {
            if let Some(workload) = workloads.iter_mut().find(|w| w.id == self.id) {
                edit(&mut workload.endpoint);
            }
        });
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry
            .edit(&self.key, |workloads| workloads.retain(|w| w.id != self.id));
    }
}

/// A service in a [`Registry`] whose endpoints are replaced all at once; dropping it takes them out.
#[derive(Debug)]
#[must_use = "dropping it takes the endpoints out"]
pub struct ServiceEndpoints {
    registry: Registry,
    key: ServiceKey,
    id: u64,
}

impl ServiceEndpoints {
    /// Replaces the endpoints. The same ones again change nothing.
    pub fn replace(&self, endpoints: impl IntoIterator<Item = (Locality, Endpoint)>) {
        let id = self.id;
        let endpoints = endpoints.into_iter();
        let own: Vec<Workload> = endpoints
            .map(|(locality, endpoint)| Workload {
                id,
                locality,
                endpoint,
            })
            .collect();
        let services = self.registry.services();
        let known = services.get(&self.key);
        let known = known.into_iter().flat_map(|w| w.iter());
        if known.filter(|w| w.id == id).eq(&own) {
            return;
        }
        drop(services);
        self.registry.edit(&self.key, |workloads| {
            workloads.retain(|w| w.id != id);
            workloads.extend(own);
        });
    }
}

impl Drop for ServiceEndpoints {
    fn drop(&mut self) {
        let mut state = self.registry.lock();
        let services = Arc::make_mut(&mut state.services);
        if let Some(workloads) = services.get_mut(&self.key) {
            Arc::make_mut(workloads).retain(|w| w.id != self.id);
            if workloads.is_empty() {
                services.remove(&self.key);
            }
        }
        drop(state);
        self.registry.announce();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn a_dropped_registration_leaves_the_service() {
        let registry = Registry::new();
        let changed = registry.subscribe();
        let one = registry.register("Reviews.default.", 80, address(1), Metadata::default());
        let two = registry.register("reviews.default", 80, address(2), Metadata::default());
        drop(one);
        two.set_labels([("version", "v2")].into_iter().collect());
        two.set_health(HealthStatus::Unhealthy);
        let services = registry.services();
        let workloads = &services[&("reviews.default".into(), 80)];
        assert_eq!(workloads.len(), 1);
        assert_eq!(workloads[0].endpoint.metadata.get("version"), Some("v2"));
        assert_eq!(workloads[0].endpoint.health_status, HealthStatus::Unhealthy);
        drop(two);
        assert_eq!(
            registry.services()[&("reviews.default".into(), 80)].len(),
            0
        );
        assert_eq!(*changed.borrow(), 6);
    }

    #[test]
    fn a_services_endpoints_are_replaced_at_once_and_go_with_it() {
        let registry = Registry::new();
        let changes = registry.subscribe();
        let key = ("reviews".into(), 80);
        let addresses = |registry: &Registry| {
            let services = registry.services();
            let workloads = services.get(&key)?.iter();
            Some(
                workloads
                    .map(|w| w.endpoint.address.to_string())
                    .collect::<Vec<_>>(),
            )
        };
        let endpoint = |port| (Locality::default(), Endpoint::new(address(port)));
        let service = registry.service("Reviews", 80);
        assert_eq!(addresses(&registry), Some(Vec::new()));
        let own = registry.register("reviews", 80, address(1), Metadata::default());
        service.replace([endpoint(2), endpoint(3)]);
        let before = *changes.borrow();
        service.replace([endpoint(2), endpoint(3)]);
        assert_eq!(*changes.borrow(), before);
        service.replace([endpoint(3)]);
        let both = ["127.0.0.1:1", "127.0.0.1:3"].map(str::to_owned);
        assert_eq!(addresses(&registry), Some(both.into()));
        drop(own);
        drop(service);
        assert_eq!(addresses(&registry), None);
        assert!(*changes.borrow() > before);
    }

    #[test]
    fn what_sources_say_is_kept_until_they_say_otherwise() {
        let registry = Registry::new();
        let changes = registry.subscribe();
        let note = Note::new(mesh_core::NoteKind::Warning, Default::default(), "", "odd");
        registry.report("a", vec![note.clone()], None);
        registry.fail("a", "gone".to_owned());
        registry.fail("b", "gone too".to_owned());
        registry.fail("b", "gone too".to_owned());
        assert_eq!(registry.notes(), [note]);
        assert_eq!(registry.error().as_deref(), Some("gone\ngone too"));
        registry.report("a", Vec::new(), None);
        registry.report("b", Vec::new(), None);
        assert_eq!((registry.notes(), registry.error()), (Vec::new(), None));
        assert_eq!(*changes.borrow(), 5);
    }

    #[test]
    fn a_snapshot_does_not_change() {
        let registry = Registry::new();
        let before = registry.services();
        let _one = registry.register("a", 80, address(1), Metadata::default());
        assert!(before.is_empty());
    }
}
