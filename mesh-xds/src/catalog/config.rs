//! A catalogue by itself as a configuration: a cluster and a virtual host for each service.

use std::{collections::HashSet, fmt, sync::Arc};

use mesh_core::{
    Config, Note, NoteKind,
    policy::{
        Cluster, ClusterLoadAssignment, Name, Origin, Percent, Route, RouteConfiguration,
        RouteMatch, VirtualHost,
    },
};

use super::{instance::Instances, sink::View};

/// Changes what is made of a service.
pub(super) type Each = Arc<dyn Fn(&mut Cluster, &mut VirtualHost) + Send + Sync>;

/// How services are named, and what else is said of them.
#[derive(Clone)]
pub(super) struct Naming {
    /// Consul's DNS domain.
    pub(super) domain: String,
    pub(super) datacenter: Option<String>,
    pub(super) tag_hosts: bool,
    pub(super) each: Option<Each>,
}

impl Naming {
    pub(super) fn config(&self, view: &View) -> (Config, Vec<Note>) {
        let mut config = Config::default();
        let mut hosts = Vec::new();
        let mut taken = HashSet::new();
        let mut notes = view.notes.clone();
        for (service, instances) in &view.services {
            let name = service.to_ascii_lowercase();
            let mut add = |cluster: &str, domains: Vec<String>| {
                let mut cluster = Cluster::new(cluster);
                // Consul never sends anything to what it knows to be down, however much is down.
                cluster.healthy_panic_threshold = Percent::ZERO;
                let route = Route::to_cluster(RouteMatch::any(), cluster.name.clone());
                let mut host = VirtualHost::new(domains, vec![route]);
                host.domains.retain(|domain| {
                    let is_free = taken.insert(domain.clone());
                    if !is_free {
                        let message =
                            format!("service `{service}`: `{domain}` is another service's name");
                        notes.push(Note::new(NoteKind::NotApplied, Origin::Code, "", message));
                    }
                    is_free
                });
                if let Some(each) = &self.each {
                    each(&mut cluster, &mut host);
                }
                config.clusters.push(Arc::new(cluster));
                if !host.domains.is_empty() {
                    hosts.push(host);
                }
            };
            let mut domains = vec![name.clone()];
            domains.extend(self.dns_names(&name));
            add(&name, domains);
            let Some(instances) = instances else {
                continue;
            };
            for tag in self.tags(instances) {
                let tag_name = format!("{}.{name}", tag.to_ascii_lowercase());
                let domains = self.dns_names(&tag_name).collect();
                add(&tagged(&name, tag), domains);
            }
            config
                .assignments
                .extend(self.assignments(service, instances));
        }
        let routes = RouteConfiguration::new("catalogue", hosts);
        (config.routing(routes), notes)
    }

    /// The clusters that a service's instances are endpoints of.
    pub(super) fn assignments(
        &self,
        service: &str,
        instances: &Instances,
    ) -> Vec<(Name, Arc<ClusterLoadAssignment>)> {
        let name = service.to_ascii_lowercase();
        let tags = self.tags(instances);
        let tagged = tags.map(|tag| (tagged(&name, tag).into(), instances.tagged(tag).into()));
        let mut assignments: Vec<_> = tagged.collect();
        assignments.push((name.into(), instances.assignment.clone()));
        assignments
    }

    fn tags<'a>(&self, instances: &'a Instances) -> impl Iterator<Item = &'a Name> {
        let tags = self.tag_hosts.then_some(&instances.tags);
        tags.into_iter().flatten()
    }

    /// As Consul's own DNS has it.
    fn dns_names(&self, name: &str) -> impl Iterator<Item = String> {
        let domain = &self.domain;
        let of_datacenter = self.datacenter.as_ref();
        let of_datacenter = of_datacenter.map(|dc| format!("{name}.service.{dc}.{domain}"));
        std::iter::once(format!("{name}.service.{domain}")).chain(of_datacenter)
    }
}

/// A cluster's name. No service has a `|` in its own.
fn tagged(service: &str, tag: &str) -> String {
    format!("{service}|{tag}")
}

impl fmt::Debug for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Naming")
            .field("domain", &self.domain)
            .field("datacenter", &self.datacenter)
            .field("tag_hosts", &self.tag_hosts)
            .finish_non_exhaustive()
    }
}
