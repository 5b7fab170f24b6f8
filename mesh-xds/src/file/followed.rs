//! What a source that is being followed has to say besides its policy.

use std::sync::Arc;

use tokio::sync::watch::{self, Receiver, Sender};

use super::{Note, RouteStatus, translate::Translated};

/// What [`FileSource::start`](super::FileSource::start) returns: notes and route statuses of the
/// configuration in force, from now on. A load that fails changes neither.
#[derive(Clone, Debug)]
pub struct Followed {
    latest: Receiver<Arc<Said>>,
}

/// What the configuration in force has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    /// What loaded but does not do what a reader may expect, by file and line.
    pub notes: Vec<Note>,
    /// What became of each `HTTPRoute` and `GRPCRoute`, by namespace and name.
    pub routes: Vec<RouteStatus>,
}

impl Followed {
    /// Of the configuration in force.
    pub fn latest(&self) -> Arc<Said> {
        self.latest.borrow().clone()
    }

    /// Waits until it says something else than when it was last waited for; `None` when the source
    /// is followed no longer, because its mesh has gone.
    pub async fn changed(&mut self) -> Option<Arc<Said>> {
        self.latest.changed().await.ok()?;
        Some(self.latest.borrow_and_update().clone())
    }
}

/// The side that knows.
pub(super) struct Say(Sender<Arc<Said>>);

pub(super) fn said() -> (Say, Followed) {
    let (sender, latest) = watch::channel(Arc::default());
    (Say(sender), Followed { latest })
}

impl Say {
    pub(super) fn put(&self, translated: &Translated) {
        let said = Said {
            notes: translated.notes.clone(),
            routes: translated.routes.clone(),
        };
        self.0.send_if_modified(|latest| {
            let new = **latest != said;
            if new {
                *latest = said.into();
            }
            new
        });
    }
}
