//! What makes a whole `RouteConfiguration` wrong, whoever names it.

use std::{borrow::Cow, collections::HashMap, fmt};

use foldhash::fast::FixedState;
use http::header::HOST;

use super::host::Domain;
use crate::policy::{
    HeaderMutation, Name, Origin, PathMatcher, PathRewrite, Route, RouteAction, RouteConfiguration,
    VirtualHost,
};

/// A virtual host or route that an error speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name, which may be empty.
    pub name: Name,
    /// Where it was configured.
    pub origin: Origin,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.name, self.origin)
    }
}

/// Why a whole `RouteConfiguration` is rejected, as Envoy rejects it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// Two domains are the same when case is ignored; of one virtual host or of two.
    #[error("domain `{domain}` of virtual host {second} is already one of virtual host {first}")]
    DuplicateDomain {
        /// As the second wrote it.
        domain: Name,
        /// Who has it.
        first: Box<Place>,
        /// Who wants it too.
        second: Box<Place>,
    },
    /// A `*` that is not the first or the last character. Envoy would take it literally, so that
    /// the domain never matches.
    #[error("domain `{domain}` of virtual host {virtual_host}: `*` may only stand at one end")]
    Wildcard {
        /// The domain.
        domain: Name,
        /// Whose it is.
        virtual_host: Box<Place>,
    },
    /// No request could choose the virtual host.
    #[error("virtual host {0} has no domain")]
    NoDomain(Place),
    /// A `path_separated_prefix` that is empty, ends in `/`, or has a query or fragment.
    #[error(
        "route {route} of virtual host {virtual_host}: path_separated_prefix `{prefix}` must be a \
         path that does not end in `/`"
    )]
    SeparatedPrefix {
        /// The prefix.
        prefix: Name,
        /// Whose it is.
        route: Box<Place>,
        /// Whose that is.
        virtual_host: Box<Place>,
    },
    /// A path rewrite that needs a variable which the route's path template lacks, or has no
    /// template to take it from.
    #[error(
        "route {route} of virtual host {virtual_host}: the path rewrite `{rewrite}` needs a path template \
         with its variables"
    )]
    TemplateRewrite {
        /// The rewrite.
        rewrite: String,
        /// Whose it is.
        route: Box<Place>,
        /// Whose that is.
        virtual_host: Box<Place>,
    },
    /// A header mutation that adds or removes `host`; a host rewrite is what changes it.
    #[error("the header mutation of {0} changes `host`; use a host rewrite")]
    HostMutation(Place),
    /// Domains or paths of more than 4 GiB.
    #[error("route configuration {0} is too large")]
    TooLarge(Place),
}

impl Place {
    pub(super) fn of(name: &Name, origin: &Origin) -> Self {
        Self {
            name: name.clone(),
            origin: origin.clone(),
        }
    }
}

/// Whether the configuration can be used: what a source asks before it accepts one.
///
/// # Errors
/// When Envoy would reject it, or one of its domains could never match.
pub fn validate(config: &RouteConfiguration) -> Result<(), RouterError> {
    check_mutation(&config.headers, || Place::of(&config.name, &config.origin))?;
    let domains = config.virtual_hosts.iter().map(|h| h.domains.len()).sum();
    // By domain in lower case, whose it is.
    let mut seen: HashMap<Cow<'_, str>, &VirtualHost, FixedState> =
        HashMap::with_capacity_and_hasher(domains, FixedState::default());
    for virtual_host in &config.virtual_hosts {
        let here = || Place::of(&virtual_host.name, &virtual_host.origin);
        if virtual_host.domains.is_empty() {
            return Err(RouterError::NoDomain(here()));
        }
        for domain in &virtual_host.domains {
            if Domain::parse(domain).is_none() {
                return Err(RouterError::Wildcard {
                    domain: domain.clone(),
                    virtual_host: here().into(),
                });
            }
            let lower = match domain.bytes().any(|b| b.is_ascii_uppercase()) {
                true => Cow::Owned(domain.to_ascii_lowercase()),
                false => Cow::Borrowed(&**domain),
            };
            if let Some(first) = seen.insert(lower, virtual_host) {
                return Err(RouterError::DuplicateDomain {
                    domain: domain.clone(),
                    first: Place::of(&first.name, &first.origin).into(),
                    second: here().into(),
                });
            }
        }
        check_mutation(&virtual_host.headers, here)?;
        for route in &virtual_host.routes {
            check_route(route, || Place::of(&route.name, &route.origin), here)?;
        }
    }
    Ok(())
}

fn check_route(
    route: &Route,
    place: impl Fn() -> Place,
    virtual_host: impl Fn() -> Place,
) -> Result<(), RouterError> {
    if let PathMatcher::SeparatedPrefix(prefix) = &route.matches.path
        && (prefix.is_empty() || prefix.ends_with('/') || prefix.contains(['?', '#']))
    {
        return Err(RouterError::SeparatedPrefix {
            prefix: prefix.clone(),
            route: place().into(),
            virtual_host: virtual_host().into(),
        });
    }
    check_mutation(&route.headers, &place)?;
    let RouteAction::Forward(action) = &route.action else {
        return Ok(());
    };
    if let Some(PathRewrite::Template(rewrite)) = &action.path_rewrite {
        let fits = match &route.matches.path {
            PathMatcher::Template(template) => rewrite.missing_from(template).is_none(),
            _ => false,
        };
        if !fits {
            return Err(RouterError::TemplateRewrite {
                rewrite: rewrite.as_str().to_owned(),
                route: place().into(),
                virtual_host: virtual_host().into(),
            });
        }
    }
    if let Some(weighted) = action.cluster.weighted() {
        for cluster in weighted.clusters() {
            check_mutation(&cluster.headers, || {
                Place::of(&cluster.name, &cluster.origin)
            })?;
        }
    }
    Ok(())
}

/// Envoy: ":-prefixed or host headers may not be modified".
fn check_mutation(mutation: &HeaderMutation, place: impl Fn() -> Place) -> Result<(), RouterError> {
    let added = [&mutation.request_add, &mutation.response_add];
    let removed = [&mutation.request_remove, &mutation.response_remove];
    let added = added.into_iter().flatten().map(|option| &option.name);
    let mut touched = added.chain(removed.into_iter().flatten());
    match touched.any(|name| *name == HOST) {
        true => Err(RouterError::HostMutation(place())),
        false => Ok(()),
    }
}
