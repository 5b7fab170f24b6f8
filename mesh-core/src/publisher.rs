//! The one source of a mesh's configuration.

use std::sync::Arc;

#[cfg(doc)]
use crate::Mesh;
use crate::{
    Config, Findings, OnDemand, PublishError, WeakMesh, mesh::PublishReport,
    policy::ClusterLoadAssignment,
};

/// What a source publishes through: as long as it lives, nobody else replaces the configuration of
/// the mesh. It does not keep the mesh alive, so that what a mesh owns ([`Mesh::own`]) may hold it.
///
/// Any source is made of this: it says what the configuration is, what does not do what its author
/// may expect, and why an update was not applied. There is no trait for sources, since nothing ever calls
/// one: each has its own way to wait for what it follows, and publishes when it knows more. A complete one
/// is in the documentation of the crate mesh-xds.
///
/// ```
/// use mesh_core::{Config, Findings, Mesh, Note, NoteKind, policy::Origin};
///
/// let mesh = Mesh::new();
/// let publisher = mesh.publisher("a catalogue")?;
/// let odd = Note::new(NoteKind::Ignored, Origin::Code, "tags", "have no meaning here");
/// publisher.publish(Config::default(), Findings::new(vec![odd], Vec::new()))?;
/// publisher.reject("the catalogue answers 500");
///
/// let status = mesh.status();
/// assert_eq!(status.notes[0].to_string(), "ignored: code: tags: have no meaning here");
/// assert_eq!(status.last_error.as_deref(), Some("the catalogue answers 500"));
/// assert!(mesh.publisher("another").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Publisher {
    mesh: WeakMesh,
    claim: u64,
    source: Arc<str>,
}

/// A second source for one mesh.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{by}` publishes into this mesh already; a mesh has one source")]
pub struct AlreadyPublished {
    /// The source that has it.
    pub by: Arc<str>,
}

impl Publisher {
    pub(crate) const fn new(mesh: WeakMesh, claim: u64, source: Arc<str>) -> Self {
        Self {
            mesh,
            claim,
            source,
        }
    }

    /// Replaces the whole configuration, atomically, with what is to be said of it. An equal one
    /// changes nothing. This compiles the configuration: not on a thread that must not wait. `None`
    /// when the mesh is gone or the claim has ended ([`release`](Self::release)).
    ///
    /// # Errors
    /// When the config is not consistent; the last good one then stays in force, with what was said of
    /// it, and [`Mesh::status`] tells.
    pub fn publish(
        &self,
        config: Config,
        findings: Findings,
    ) -> Result<Option<PublishReport>, PublishError> {
        let mesh = self.mesh.upgrade();
        mesh.and_then(|mesh| mesh.publish_all(self.claim, config, findings.bounded()))
            .transpose()
    }

    /// Replaces the endpoints of one cluster, as [`Mesh::assign`] does.
    pub fn assign(&self, cluster: &str, assignment: Arc<ClusterLoadAssignment>) -> bool {
        let mesh = self.mesh.upgrade();
        mesh.is_some_and(|mesh| mesh.assign_claimed(self.claim, cluster, assignment))
    }

    /// Tells that an update was not applied, and why: [`Mesh::status`] has it until one is.
    pub fn reject(&self, error: impl Into<String>) {
        if let Some(mesh) = self.mesh.upgrade() {
            mesh.reject_claimed(self.claim, error.into());
        }
    }

    /// Lets `source` be asked for what takes requests that no listener takes, for as long as the claim
    /// holds.
    pub fn answer(&self, source: impl OnDemand) {
        if let Some(mesh) = self.mesh.upgrade() {
            mesh.answer(self.claim, Box::new(source));
        }
    }

    /// Ends the claim before this is dropped: whatever still holds it has no effect on the mesh, and
    /// another source may claim it at once.
    pub fn release(&self) {
        if let Some(mesh) = self.mesh.upgrade() {
            mesh.release(self.claim);
        }
    }

    /// The source's name.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mesh, Note, NoteKind, policy::Origin};

    #[test]
    fn a_mesh_has_one_source() {
        let mesh = Mesh::new();
        let first = mesh.publisher("first").unwrap();
        let endpoint =
            |port| crate::policy::Endpoint::new(std::net::SocketAddr::from(([10, 0, 0, 1], port)));
        let config = Config::default().cluster(crate::policy::Cluster::new("c"), [endpoint(1)]);
        first.publish(config, Findings::default()).unwrap();
        let other = Arc::new([endpoint(2)].into_iter().collect());
        assert!(
            !mesh.assign("c", Arc::clone(&other)),
            "its endpoints are its own"
        );
        assert!(first.assign("c", other));
        first.reject("broken");
        let error = mesh.publisher("second").unwrap_err();
        assert_eq!(&*error.by, "first");
        // Another's success does not hide what is wrong.
        let error = mesh.publish(Config::default()).unwrap_err();
        assert!(error.to_string().contains("`first`"), "{error}");
        let status = mesh.status();
        assert_eq!(status.last_error.as_deref(), Some("broken"));
        assert_eq!(status.source.as_deref(), Some("first"));
        drop(first);
        assert_eq!(mesh.status().source, None);
        mesh.publisher("second").unwrap();
    }

    #[test]
    fn a_claim_that_was_released_has_no_effect_and_leaves_the_next_alone() {
        let mesh = Mesh::new();
        let first = mesh.publisher("first").unwrap();
        first.release();
        let second = mesh.publisher("second").unwrap();
        second
            .publish(Config::default(), Findings::default())
            .unwrap();
        first.reject("late");
        let late = first.publish(Config::default(), Findings::default());
        assert_eq!(late.unwrap(), None);
        assert!(!first.assign("c", Arc::default()));
        drop(first);
        let status = mesh.status();
        assert_eq!(status.source.as_deref(), Some("second"));
        assert_eq!(status.last_error, None);
    }

    #[test]
    fn what_is_said_of_a_configuration_changes_with_it() {
        let mesh = Mesh::new();
        let publisher = mesh.publisher("test").unwrap();
        let said = |message| {
            let note = Note::new(NoteKind::Skipped, Origin::Code, "", message);
            Findings::new(vec![note], Vec::new())
        };
        publisher.publish(Config::default(), said("one")).unwrap();
        let version = mesh.status().version;
        let changes = mesh.subscribe();
        let again = publisher.publish(Config::default(), said("one")).unwrap();
        assert_eq!(again.unwrap().news, []);
        assert!(!changes.has_changed().unwrap());
        let report = publisher.publish(Config::default(), said("two")).unwrap();
        assert_eq!(report.unwrap().news, said("two").notes);
        assert!(changes.has_changed().unwrap());
        let status = mesh.status();
        assert_eq!(status.version, version);
        assert_eq!(status.notes, said("two").notes);
    }

    #[test]
    fn a_source_does_not_keep_its_mesh_alive() {
        let mesh = Mesh::new();
        let publisher = mesh.publisher("test").unwrap();
        let weak = mesh.downgrade();
        drop(mesh);
        assert!(weak.upgrade().is_none());
        let gone = publisher.publish(Config::default(), Findings::default());
        assert_eq!(gone.unwrap(), None);
    }
}
