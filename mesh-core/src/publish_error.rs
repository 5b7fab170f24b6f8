//! Why a config is not applied.

use std::{fmt, sync::Arc};

use crate::{
    policy::{Name, Origin},
    routing::{ListenerError, RouterError},
};

/// A config that cannot be used; nothing of it was applied.
#[derive(thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct PublishError(pub(crate) Vec<ConfigError>);

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

/// One problem of a [`Config`](crate::Config).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A source publishes into the mesh, and would overwrite this.
    #[error("the mesh's configuration is that of `{source_name}`, which would overwrite another")]
    Claimed {
        /// The source.
        source_name: Arc<str>,
    },
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
