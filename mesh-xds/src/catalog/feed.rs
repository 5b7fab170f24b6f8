//! A catalogue whose endpoints join the services of other files.

use std::{collections::BTreeMap, fmt, time::Duration};

use mesh_core::policy::{Endpoint, HealthStatus, Locality, Name};
use tokio::sync::watch;

use super::{
    CatalogError, Task,
    instance::Instances,
    ready,
    sink::{Sink, View},
    watch::Progress,
};
use crate::registry::{Registry, ServiceEndpoints};

/// A catalogue that feeds a [`Registry`]; dropping it takes its endpoints out.
#[must_use = "dropping a feed takes its endpoints out"]
pub struct Feed {
    pub(super) _task: Task,
    pub(super) progress: watch::Receiver<Progress>,
}

impl Feed {
    /// Waits until the registry has everything that is followed.
    ///
    /// # Errors
    /// When that is not so in time; it is followed all the same.
    pub async fn ready(&self, within: Duration) -> Result<(), CatalogError> {
        ready(self.progress.clone(), within).await
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("progress", &*self.progress.borrow())
            .finish_non_exhaustive()
    }
}

/// The host and port by which rules know a service.
pub(super) type Key = Box<dyn Fn(&str) -> (String, u16) + Send>;

pub(super) struct RegistrySink {
    pub(super) registry: Registry,
    /// Who says what is said.
    pub(super) source: Name,
    pub(super) key: Key,
    pub(super) services: BTreeMap<Name, ServiceEndpoints>,
}

impl RegistrySink {
    fn put(&mut self, service: &Name, instances: Option<&Instances>) {
        let (registry, key) = (&self.registry, &self.key);
        let known = self.services.entry(service.clone()).or_insert_with(|| {
            let (host, port) = key(service);
            registry.service(&host, port)
        });
        if let Some(instances) = instances {
            known.replace(endpoints(instances));
        }
    }
}

impl Sink for RegistrySink {
    async fn publish(&mut self, view: View) -> Result<bool, String> {
        let names: Vec<&Name> = view.services.iter().map(|(name, _)| name).collect();
        self.services
            .retain(|name, _| names.binary_search(&name).is_ok());
        for (name, instances) in &view.services {
            self.put(name, instances.as_deref());
        }
        self.registry.report(&self.source, view.notes, None);
        Ok(true)
    }

    fn assign(&mut self, service: &Name, instances: &Instances) {
        self.put(service, Some(instances));
    }

    fn reject(&mut self, error: &str) {
        self.registry.fail(&self.source, error.to_owned());
    }
}

impl Drop for RegistrySink {
    fn drop(&mut self) {
        self.registry.report(&self.source, Vec::new(), None);
    }
}

/// Those that take requests. A rule's cluster may have a panic threshold, as Envoy has it by default, so
/// that what is down must not be there at all.
fn endpoints(instances: &Instances) -> Vec<(Locality, Endpoint)> {
    let localities = instances.assignment.localities.iter();
    let endpoints = localities.flat_map(|l| l.endpoints.iter().map(|e| (&l.locality, e)));
    endpoints
        .filter(|(_, e)| e.health_status != HealthStatus::Unhealthy)
        .map(|(locality, endpoint)| (locality.clone(), endpoint.clone()))
        .collect()
}
