//! Where a catalogue's state goes: a mesh, or a registry.

use std::sync::Arc;

use mesh_core::{Findings, Note, Publisher, policy::Name};
use tokio::task::spawn_blocking;

use super::{config::Naming, instance::Instances};

/// All that is known.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// By name; `None` as long as the catalogue did not answer.
    pub(super) services: Vec<(Name, Option<Arc<Instances>>)>,
    pub(super) notes: Vec<Note>,
}

/// Takes what is known.
pub(super) trait Sink: Send + 'static {
    /// The services are these, and all is well. `Ok(false)`: nobody is left to tell.
    fn publish(&mut self, view: View) -> impl Future<Output = Result<bool, String>> + Send;

    /// The instances of one service are these.
    fn assign(&mut self, service: &Name, instances: &Instances);

    /// Something could not be brought up to date.
    fn reject(&mut self, error: &str);
}

/// The mesh that the source has claimed.
pub(super) struct MeshSink {
    pub(super) publisher: Arc<Publisher>,
    pub(super) naming: Arc<Naming>,
}

impl Sink for MeshSink {
    async fn publish(&mut self, view: View) -> Result<bool, String> {
        let (publisher, naming) = (self.publisher.clone(), self.naming.clone());
        // Compiles the configuration.
        let published = spawn_blocking(move || {
            let (config, notes) = naming.config(&view);
            let findings = Findings::new(notes, Vec::new());
            publisher.publish(config, findings)
        });
        match published.await {
            Ok(Ok(report)) => Ok(report.is_some()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn assign(&mut self, service: &Name, instances: &Instances) {
        for (cluster, assignment) in self.naming.assignments(service, instances) {
            self.publisher.assign(&cluster, assignment);
        }
    }

    fn reject(&mut self, error: &str) {
        self.publisher.reject(error);
    }
}
