//! Endpoints that live in this process: demos, tests, and services started side by side.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mesh_core::policy::{Address, Endpoint, HealthStatus, Metadata, Name};
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
}

/// All that is registered, by host as it was given and service port.
pub(crate) type Services = BTreeMap<ServiceKey, Arc<Vec<Workload>>>;

/// The host, lower-cased, and the service's port.
pub(crate) type ServiceKey = (Name, u16);

/// One registered endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    id: u64,
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
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let key = (Name::from(host), port);
        let endpoint = Endpoint::new(address).with_metadata(labels);
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        let workloads = Arc::make_mut(&mut state.services)
            .entry(key.clone())
            .or_default();
        Arc::make_mut(workloads).push(Workload { id, endpoint });
        drop(state);
        self.announce();
        Registration {
            registry: self.clone(),
            key,
            id,
        }
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
    fn a_snapshot_does_not_change() {
        let registry = Registry::new();
        let before = registry.services();
        let _one = registry.register("a", 80, address(1), Metadata::default());
        assert!(before.is_empty());
    }
}
