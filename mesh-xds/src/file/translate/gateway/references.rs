//! Where backend references lead.

use std::{collections::HashMap, sync::Arc};

use mesh_core::{
    Reason,
    policy::{HashPolicy, Name},
};

use super::{RouteDocument, Services};
use crate::file::{
    kinds::{Document, ReferenceGrant, Resource, gateway::Target},
    translate::{clusters::cluster_name, destination_rules::DestinationRules, scope::Scope},
};

/// What references are looked up in.
#[derive(Debug)]
pub(super) struct References<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) services: &'a Services,
    destination_rules: &'a DestinationRules<'a>,
    /// By the namespaces that they open, and the Services there; `None` stands for all.
    grants: HashMap<(&'a str, Option<&'a str>), Vec<&'a ReferenceGrant>>,
}

/// A reference that leads nowhere.
#[derive(Debug)]
pub(super) struct Unresolved {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl<'a> References<'a> {
    pub(super) fn new(
        documents: &'a [Arc<Document>],
        scope: &'a Scope<'a>,
        services: &'a Services,
        destination_rules: &'a DestinationRules<'a>,
    ) -> Self {
        let mut grants: HashMap<_, Vec<_>> = HashMap::new();
        for document in documents {
            if let Resource::ReferenceGrant(grant) = &document.resource {
                for service in grant.services() {
                    let of_service = grants.entry((&*document.meta.namespace, service));
                    of_service.or_default().push(grant);
                }
            }
        }
        Self {
            scope,
            services,
            destination_rules,
            grants,
        }
    }

    /// The cluster that a reference of `route` means.
    ///
    /// # Errors
    /// When it means none.
    pub(super) fn resolve(
        &self,
        route: &RouteDocument<'_>,
        target: &Target,
    ) -> Result<Name, Unresolved> {
        let fail = |reason, message| Err(Unresolved { reason, message });
        if !target.is_service() {
            let kind = match &*target.group {
                "" => target.kind.to_string(),
                group => format!("{}.{group}", target.kind),
            };
            let message = format!("{kind} is no kind of backend here; Service is");
            return fail(Reason::InvalidKind, message);
        }
        let namespace = target.namespace.as_ref().unwrap_or(&route.meta.namespace);
        if *namespace != route.meta.namespace && !self.is_permitted(route, namespace, target) {
            let message = format!(
                "no ReferenceGrant in {namespace} lets a {} of {} refer to Service {}",
                route.route.kind.as_str(),
                route.meta.namespace,
                target.name
            );
            return fail(Reason::RefNotPermitted, message);
        }
        let host = self.host(route, target);
        let Some(service) = self.services.get(&host) else {
            let message = format!("there is no Service {namespace}/{}", target.name);
            return fail(Reason::BackendNotFound, message);
        };
        // The reader has refused a Service without a port.
        let number = target.port.unwrap_or_default();
        match service.port(number) {
            Some(port) if port.is_http() => Ok(cluster_name(number, "", &service.host)),
            Some(_) => {
                let message = format!("port {number} of `{host}` cannot be routed by request");
                fail(Reason::UnsupportedProtocol, message)
            }
            None => {
                let message = format!("`{host}` has no port {number}");
                fail(Reason::BackendNotFound, message)
            }
        }
    }

    /// What the rule of a reference's Service says to hash, as for a `VirtualService`'s destination.
    pub(super) fn hash_policy(
        &self,
        route: &RouteDocument<'_>,
        target: &Target,
    ) -> Option<HashPolicy> {
        let host = self.host(route, target);
        let service = self.services.get(&host)?;
        let namespace = service.namespace.as_deref();
        let rule = self.destination_rules.of(&host, namespace)?;
        rule.hash_policy(target.port, None)
    }

    fn host(&self, route: &RouteDocument<'_>, target: &Target) -> String {
        let namespace = target.namespace.as_ref().unwrap_or(&route.meta.namespace);
        let name = target.name.to_ascii_lowercase();
        format!("{name}.{namespace}.svc.{}", self.scope.domain)
    }

    /// By a grant; or because the route is a consumer's and sends to the Service that it is about,
    /// where the requests were going anyway.
    fn is_permitted(&self, route: &RouteDocument<'_>, namespace: &str, target: &Target) -> bool {
        let kind = route.route.kind.as_str();
        let granted = [Some(&*target.name), None].into_iter().any(|service| {
            let mut grants = self.grants.get(&(namespace, service)).into_iter().flatten();
            grants.any(|grant| grant.is_for(kind, &route.meta.namespace))
        });
        let about = |p: &crate::file::kinds::gateway::ParentRef| {
            p.is_service() && p.name == target.name && p.namespace.as_deref() == Some(namespace)
        };
        granted || route.route.parents.iter().any(about)
    }
}
