//! A source's side of the client: its view of the resources, and the mesh that it publishes into.

use std::{collections::HashMap, sync::Arc, time::Instant};

use mesh_core::{Config, Findings, Note, Publisher, policy::Name};
use tokio::sync::{oneshot, watch};

use super::{
    ads::{Changes, Kind, State},
    authorities::Authorities,
    cascade::{Cascade, Scope},
    status,
};
use crate::{
    dns::{Lookups, Resolve},
    resource::{Accepted, Assignment, Cluster},
};

/// How far a source has come, for who waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Everything that is wanted is known, and published.
    pub(super) complete: bool,
    /// The control plane cannot be reached.
    pub(super) unreachable: Option<String>,
    /// What is not known yet.
    pub(super) waiting: Vec<String>,
    /// Counts looks, so that who has asked for more can tell that it was seen.
    pub(super) looks: u64,
}

pub(super) struct Consumer {
    pub(super) cascade: Cascade,
    publisher: Arc<Publisher>,
    /// Fields of the bootstrap that have no effect.
    bootstrap_notes: Vec<Note>,
    lookups: Lookups,
    progress: watch::Sender<Progress>,
    /// Of each published cluster, `overprovisioning_factor`, which comes with endpoints.
    published: HashMap<Name, u32>,
    last: Option<Config>,
    /// The EDS resources whose notes were published.
    noted: HashMap<Name, Arc<Accepted>>,
    problems: Vec<String>,
    /// What was said last, which is not repeated.
    said: Option<String>,
    /// Calls that wait for a listener.
    asking: Vec<(Name, oneshot::Sender<Result<(), String>>)>,
    /// When to look again.
    pub(super) again: Option<Instant>,
}

impl Consumer {
    pub(super) fn new(
        scope: Scope,
        publisher: Arc<Publisher>,
        bootstrap_notes: Vec<Note>,
        resolver: Arc<dyn Resolve>,
        progress: watch::Sender<Progress>,
    ) -> Self {
        let to = publisher.clone();
        let assign = move |cluster: &str, assignment| {
            to.assign(cluster, assignment);
        };
        Self {
            cascade: Cascade::new(scope),
            publisher,
            bootstrap_notes,
            lookups: Lookups::new(resolver, Arc::new(assign)),
            progress,
            published: HashMap::new(),
            last: None,
            noted: HashMap::new(),
            problems: Vec::new(),
            said: None,
            asking: Vec::new(),
            again: None,
        }
    }

    /// Hands on endpoints; whether more than that has changed.
    pub(super) fn changed(&mut self, changes: &Changes, ads: &Authorities) -> bool {
        let Some(last) = &mut self.last else {
            return true;
        };
        let (published, publisher, noted) = (&self.published, &self.publisher, &self.noted);
        let assign = |name: &Name, cluster: &Cluster, new: &Arc<Assignment>| {
            if published.get(name) != Some(&factor(cluster, new)) {
                return false;
            }
            let endpoints = Arc::new(new.endpoints.clone());
            if let Some(known) = last.assignments.get_mut(name) {
                known.clone_from(&endpoints);
            }
            publisher.assign(name, endpoints);
            true
        };
        let news = self
            .cascade
            .eds_in_use(changes)
            .filter_map(|name| Some((name, ads.ready(Kind::ClusterLoadAssignment, name)?)))
            .any(|(name, new)| noted.get(name).map(|old| &old.ignored) != Some(&new.ignored));
        self.cascade.changed(changes, ads, assign) | news
    }

    /// Looks at everything, and publishes what is whole.
    pub(super) fn update(&mut self, ads: &mut Authorities, now: Instant) {
        let look = self.cascade.update(ads, now);
        self.again = look.again;
        let unreachable = ads.unreachable().map(ToString::to_string);
        let complete = look.waiting.is_empty();
        let (config, problems) = self.cascade.config(ads);
        self.problems = problems;
        // Nothing is published before something is known.
        let mut error = None;
        if complete || self.last.is_some() || !config.listeners.is_empty() {
            error = self.publish(config, ads).err();
        }
        let summary = status::summary(ads, &self.problems);
        let said = match (error, summary) {
            (Some(error), Some(summary)) => Some(format!("{error}\n{summary}")),
            (error, summary) => error.or(summary),
        };
        if let Some(said) = &said {
            self.publisher.reject(said.clone());
        }
        if self.said != said {
            match &said {
                Some(said) => tracing::error!("xDS: kept the last good configuration:\n{said}"),
                None => tracing::info!("xDS: all is well"),
            }
            self.said = said;
        }
        self.answer(ads);
        let waiting = look.waiting.into_iter().collect();
        self.progress.send_modify(|progress| {
            *progress = Progress {
                complete,
                unreachable,
                waiting,
                looks: progress.looks + 1,
            };
        });
    }

    fn publish(&mut self, config: Config, ads: &Authorities) -> Result<(), String> {
        let mut notes = self.bootstrap_notes.clone();
        self.noted = self.cascade.notes(ads, &mut notes);
        let findings = Findings::new(notes, Vec::new());
        let published = self.publisher.publish(config.clone(), findings);
        published.map_err(|e| e.to_string())?;
        if self.last.as_ref() == Some(&config) {
            return Ok(());
        }
        // Nobody waits for the first answers: clusters without endpoints answer 503 until then.
        drop(self.lookups.follow(&config.clusters));
        self.published = config
            .clusters
            .iter()
            .map(|c| (c.name.clone(), c.overprovisioning_factor))
            .collect();
        tracing::debug!(
            clusters = config.clusters.len(),
            unreachable = ads.unreachable().is_some(),
            "xDS: published"
        );
        self.last = Some(config);
        Ok(())
    }

    /// How often it has looked.
    pub(super) fn looks(&self) -> u64 {
        self.progress.borrow().looks
    }

    /// Subscribes what a call wants. Whether there is something to look at, for that is no answer yet.
    pub(super) fn ask(
        &mut self,
        listener: Name,
        host: Name,
        reply: oneshot::Sender<Result<(), String>>,
        ads: &Authorities,
    ) -> bool {
        let Scope::Targets(targets) = &mut self.cascade.scope else {
            return false;
        };
        let is_failed = |name: &Name| matches!(ads.state(Kind::Listener, name), State::Failed(_));
        match targets.call(&listener, host, is_failed) {
            Ok(()) => self.asking.push((listener, reply)),
            Err(why) => _ = reply.send(Err(why)),
        }
        true
    }

    /// Tells calls what has become of what they want.
    fn answer(&mut self, ads: &Authorities) {
        for (listener, reply) in std::mem::take(&mut self.asking) {
            match self.cascade.outcome(ads, &listener) {
                // Who asked may have gone.
                Some(outcome) => _ = reply.send(outcome),
                None if reply.is_closed() => {}
                None => self.asking.push((listener, reply)),
            }
        }
    }

    pub(super) fn end(&mut self, ads: &mut Authorities, now: Instant) {
        self.cascade.end(ads, now);
    }

    pub(super) fn waiting(&self) -> Vec<String> {
        self.progress.borrow().waiting.clone()
    }

    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }
}

fn factor(cluster: &Cluster, assignment: &Assignment) -> u32 {
    let own = cluster.policy.overprovisioning_factor;
    assignment.overprovisioning_factor.unwrap_or(own)
}
