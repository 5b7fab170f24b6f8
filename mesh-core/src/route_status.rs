//! What became of a Gateway API route, in the API's own words (its conditions).

use std::{fmt, sync::Arc};

use crate::policy::Origin;

/// The status of an `HTTPRoute` or a `GRPCRoute`, as a controller would write it.
///
/// A route that is attached to nothing of the mesh (only to gateways) has no parents here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteStatus {
    /// `HTTPRoute` or `GRPCRoute`.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Where it begins.
    pub origin: Origin,
    /// One for each `parentRef` of kind Service.
    pub parents: Vec<ParentStatus>,
}

/// `RouteParentStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentStatus {
    /// The Service's namespace.
    pub namespace: Arc<str>,
    /// The Service's name.
    pub name: Arc<str>,
    /// The port's name, where the reference has one.
    pub section_name: Option<Arc<str>>,
    /// The port, where the reference has one.
    pub port: Option<u16>,
    /// Accepted and ResolvedRefs, and PartiallyInvalid when it is true.
    pub conditions: Vec<Condition>,
}

/// `metav1.Condition`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its `type`.
    pub kind: ConditionType,
    /// `True` or `False`.
    pub status: bool,
    /// Why, as a word.
    pub reason: Reason,
    /// Why, as a sentence; may be empty.
    pub message: String,
}

/// The types of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConditionType {
    /// The route is attached to the parent.
    Accepted,
    /// Everything that it refers to is there and may be referred to.
    ResolvedRefs,
    /// Some of its rules were dropped.
    PartiallyInvalid,
}

/// The reasons of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Accepted.
    Accepted,
    /// Not accepted: there is no such Service, or it has no such port.
    NoMatchingParent,
    /// Not accepted: its rules combine filters that do not go together.
    IncompatibleFilters,
    /// Not accepted: a GRPCRoute is attached to the same port.
    Conflicted,
    /// Partially invalid: rules were dropped.
    UnsupportedValue,
    /// References are resolved.
    ResolvedRefs,
    /// A reference into another namespace has no ReferenceGrant.
    RefNotPermitted,
    /// A reference is to something else than a Service.
    InvalidKind,
    /// A referred Service, or its port, is not there.
    BackendNotFound,
    /// A referred port speaks nothing that can be routed by request.
    UnsupportedProtocol,
}

impl RouteStatus {
    /// The condition of type `kind` for the first parent.
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.parents.first()?.condition(kind)
    }
}

impl ParentStatus {
    /// The condition of type `kind`.
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }
}

impl ConditionType {
    /// As the API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::PartiallyInvalid => "PartiallyInvalid",
        }
    }
}

impl Reason {
    /// As the API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::NoMatchingParent => "NoMatchingParent",
            Self::IncompatibleFilters => "IncompatibleFilters",
            Self::Conflicted => "Conflicted",
            Self::UnsupportedValue => "UnsupportedValue",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::RefNotPermitted => "RefNotPermitted",
            Self::InvalidKind => "InvalidKind",
            Self::BackendNotFound => "BackendNotFound",
            Self::UnsupportedProtocol => "UnsupportedProtocol",
        }
    }
}

impl fmt::Display for ParentStatus {
    /// `namespace/name:port: Accepted=True (Accepted), ResolvedRefs=False (InvalidKind: why)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if let Some(section) = &self.section_name {
            write!(f, " ({section})")?;
        }
        for (i, condition) in self.conditions.iter().enumerate() {
            f.write_str(if i == 0 { ": " } else { ", " })?;
            condition.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = if self.status { "True" } else { "False" };
        write!(
            f,
            "{}={status} ({}",
            self.kind.as_str(),
            self.reason.as_str()
        )?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        f.write_str(")")
    }
}
