use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Where a piece of policy came from, so that `explain`, errors and logs can point at it.
///
/// The version of an xDS resource is not compared: what is otherwise equal is the same policy, and
/// nothing is rebuilt for a control plane that pushes it under a new one. What is then in force tells
/// the version that first said so.
///
/// ```
/// use mesh_core::policy::Origin;
/// assert_eq!(Origin::file("reviews.yaml", 14).to_string(), "reviews.yaml:14");
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Origin {
    /// Built by the program itself.
    #[default]
    Code,
    /// A line of a file.
    File {
        /// The path as the source was given it.
        path: Arc<str>,
        /// 1-based line; 0 for the file as a whole.
        line: u32,
    },
    /// A resource a control plane sent.
    Xds {
        /// The short resource kind, e.g. `RouteConfiguration`.
        kind: Arc<str>,
        /// The resource's name.
        resource: Arc<str>,
        /// The `version_info` it came with.
        version: Arc<str>,
    },
}

/// All that is compared.
type Key<'a> = (u8, &'a str, &'a str, u32);

impl Origin {
    fn key(&self) -> Key<'_> {
        match self {
            Self::Code => (0, "", "", 0),
            Self::File { path, line } => (1, path, "", *line),
            Self::Xds { kind, resource, .. } => (2, kind, resource, 0),
        }
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Origin {}

impl PartialOrd for Origin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Origin {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Origin {
    /// A place in a file; `line` counts from 1, and 0 stands for the file as a whole.
    pub fn file(path: impl Into<Arc<str>>, line: u32) -> Self {
        Self::File {
            path: path.into(),
            line,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code => f.write_str("code"),
            Self::File { path, line: 0 } => f.write_str(path),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Xds {
                kind,
                resource,
                version,
            } => write!(f, "{kind}/{resource}@{version}"),
        }
    }
}
