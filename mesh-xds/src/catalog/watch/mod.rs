//! Follows a catalogue: which questions are under way, and what their answers change.
//!
//! ```text
//!  queue (service, when) ─▶ flights: one task and one connection each ─▶ landed ─▶ assign: one service
//!      ▲                        at most `connections`                      │   └─▶ publish: another set
//!      └───────────────── Query: since which index, when again ◀───────────┘
//! ```
//!
//! A blocking query occupies a connection, and Consul lets a client have 200. As long as there are
//! connections for all, each question waits at the catalogue for its next change; else they take turns.

mod ask;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use mesh_core::{
    Note, NoteKind,
    policy::{Name, Origin},
};
use tokio::{
    sync::watch,
    task::{AbortHandle, Id, JoinSet},
    time::{Instant, sleep_until},
};

use self::ask::ROTATION;
use super::{
    api::{Api, Connection, Failure},
    fetch::{self, Content, News},
    instance::Instances,
    listing,
    outage::Outage,
    query::Query,
    sink::{Sink, View},
};

/// How long a change of the services waits for the first answers about them.
const SETTLE: Duration = Duration::from_secs(2);

/// What is followed, and how.
pub(super) struct Settings {
    pub(super) api: Api,
    /// These, whether there are instances or not.
    pub(super) wanted: BTreeSet<Name>,
    /// And all that the catalogue lists.
    pub(super) everything: bool,
    pub(super) wait: Duration,
    pub(super) connections: usize,
    pub(super) only_passing: bool,
    /// A service's tags are part of its routes.
    pub(super) tag_hosts: bool,
}

/// How far a source has come, for who waits for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// Everything that is wanted is known, and published.
    pub(super) is_complete: bool,
    /// What is wrong.
    pub(super) error: Option<String>,
}

/// A service's name, or the list of all services.
type Key = Option<Name>;

pub(super) struct Watch<S> {
    settings: Arc<Settings>,
    sink: S,
    list: Watched,
    services: BTreeMap<Name, Watched>,
    /// Services that were never asked about.
    untried: HashSet<Key>,
    queue: BTreeSet<(Instant, Key)>,
    tasks: JoinSet<(Option<Connection>, Result<News, Failure>)>,
    flights: HashMap<Id, Flight>,
    idle: Vec<Connection>,
    outage: Outage,
    /// Since when the services, or what is to be said of them, differ from what was published.
    dirty: Option<Instant>,
    /// About the list.
    notes: Vec<Note>,
    publish_error: Option<String>,
    said: Option<String>,
    progress: watch::Sender<Progress>,
}

/// A question, and its latest answer.
struct Watched {
    query: Query,
    /// Of the answer's bytes: the same are no news.
    hash: Option<u64>,
    known: Option<Arc<Instances>>,
    error: Option<String>,
}

struct Flight {
    key: Key,
    task: AbortHandle,
    /// When it ends at the latest, if nothing changes.
    until: Instant,
}

impl Watched {
    const fn new(now: Instant) -> Self {
        Self {
            query: Query::new(now),
            hash: None,
            known: None,
            error: None,
        }
    }
}

impl<S: Sink> Watch<S> {
    pub(super) fn new(settings: Settings, sink: S, progress: watch::Sender<Progress>) -> Self {
        let now = Instant::now();
        let services = settings.wanted.iter();
        let mut watch = Self {
            sink,
            list: Watched::new(now),
            services: services.map(|n| (n.clone(), Watched::new(now))).collect(),
            untried: HashSet::new(),
            queue: BTreeSet::new(),
            tasks: JoinSet::new(),
            flights: HashMap::new(),
            idle: Vec::new(),
            outage: Outage::default(),
            dirty: Some(now),
            notes: Vec::new(),
            publish_error: None,
            said: None,
            progress,
            settings: Arc::new(settings),
        };
        let keys = watch.services.keys().cloned().map(Some);
        let mut keys: Vec<Key> = keys.collect();
        if watch.settings.everything {
            keys.push(None);
        }
        watch.untried.extend(keys.iter().cloned());
        watch.queue.extend(keys.into_iter().map(|key| (now, key)));
        watch
    }

    /// Follows until it is dropped, or nobody is left to tell.
    pub(super) async fn run(mut self) {
        while self.settle().await {
            let wake = self.launch();
            tokio::select! {
                Some(landed) = self.tasks.join_next_with_id() => match landed {
                    Ok((id, (connection, result))) => self.landed(id, connection, result),
                    Err(error) => {
                        let failed = Failure::Refused(format!("asking failed: {error}"));
                        self.landed(error.id(), None, Err(failed));
                    }
                },
                () = sleep_until(wake) => {}
            }
        }
    }

    fn landed(&mut self, id: Id, idle: Option<Connection>, result: Result<News, Failure>) {
        let now = Instant::now();
        // Those that were ended have nothing to say.
        let Some(flight) = self.flights.remove(&id) else {
            return;
        };
        let key = flight.key;
        self.idle.extend(idle);
        self.untried.remove(&key);
        let mut next_turn = now;
        if self.takes_turns() {
            next_turn = (now + ROTATION).checked_sub(self.hold()).unwrap_or(now);
        }
        let draw = fastrand::f64();
        let outage = &mut self.outage;
        let watched = match &key {
            Some(name) => self.services.get_mut(name),
            None => Some(&mut self.list),
        };
        let Some(watched) = watched else {
            return;
        };
        let before = (watched.error.clone(), outage.error().map(str::to_owned));
        let (due, content) = match result {
            Ok(news) => {
                outage.ended();
                let due = watched.query.answered(news.index, now).max(next_turn);
                watched.error = None;
                watched.hash = Some(news.hash);
                (due, Some(news.content))
            }
            Err(Failure::Refused(error)) => {
                outage.ended();
                watched.hash = None;
                watched.error = Some(error);
                (watched.query.failed(now, draw), None)
            }
            // So it is for all: one at a time finds out when that ends.
            Err(Failure::Unreachable(error)) => {
                outage.failed(id, error, now, draw);
                watched.query.reset();
                (now, None)
            }
        };
        let is_other = before.0 != watched.error || before.1.as_deref() != outage.error();
        self.queue.insert((due, key.clone()));
        match (content, key) {
            (Some(Content::Services(names)), _) => self.listed(names, now),
            (Some(Content::Instances(instances)), Some(name)) => {
                self.answered(&name, instances, now);
            }
            _ => {}
        }
        if is_other {
            self.tell(now);
        }
    }

    /// The catalogue's services are these.
    fn listed(&mut self, names: Vec<Name>, now: Instant) {
        let (follow, notes) = listing::followed(&self.settings.wanted, names);
        if self.notes != notes || !self.services.keys().eq(&follow) || self.list.known.is_none() {
            self.list.known = Some(Arc::default());
            self.notes = notes;
            self.dirty.get_or_insert(now);
        }
        let gone = |name: &Name| !follow.contains(name);
        let outage = &mut self.outage;
        self.services.retain(|name, _| follow.contains(name));
        self.queue
            .retain(|(_, key)| !key.as_ref().is_some_and(gone));
        self.untried.retain(|key| !key.as_ref().is_some_and(gone));
        self.flights.retain(|id, flight| {
            let is_gone = flight.key.as_ref().is_some_and(gone);
            if is_gone {
                flight.task.abort();
                outage.forget(*id);
            }
            !is_gone
        });
        for name in follow {
            if let Entry::Vacant(new) = self.services.entry(name) {
                self.untried.insert(Some(new.key().clone()));
                self.queue.insert((now, Some(new.key().clone())));
                new.insert(Watched::new(now));
            }
        }
    }

    /// A service's instances are these.
    fn answered(&mut self, name: &Name, instances: Instances, now: Instant) {
        let Some(watched) = self.services.get_mut(name) else {
            return;
        };
        let instances = Arc::new(instances);
        let before = watched.known.replace(instances.clone());
        if before.as_ref() == Some(&instances) {
            return;
        }
        self.sink.assign(name, &instances);
        let is_routed_the_same = before.is_some_and(|before| {
            before.notes == instances.notes
                && (before.tags == instances.tags || !self.settings.tag_hosts)
        });
        if !is_routed_the_same {
            self.dirty.get_or_insert(now);
        }
    }

    /// Publishes the services, if there is a change that has waited long enough. `false`: nobody is left.
    async fn settle(&mut self) -> bool {
        let now = Instant::now();
        let Some(since) = self.dirty else {
            return true;
        };
        if !self.untried.is_empty() && now < since + SETTLE {
            return true;
        }
        self.dirty = None;
        // Nothing is published before something is known.
        let is_known = |watched: &Watched| watched.known.is_some();
        if !is_known(&self.list) && !self.services.values().any(is_known) {
            return true;
        }
        let mut notes = self.notes.clone();
        for (name, watched) in &self.services {
            let of_service = watched.known.iter().flat_map(|known| &known.notes);
            notes.extend(of_service.map(|why| {
                let message = format!("service `{name}`: {why}");
                Note::new(NoteKind::Warning, Origin::Code, "", message)
            }));
        }
        let services = self.services.iter();
        let view = View {
            services: services
                .map(|(name, watched)| (name.clone(), watched.known.clone()))
                .collect(),
            notes,
        };
        let published = self.sink.publish(view).await;
        self.publish_error = published.as_ref().err().cloned();
        // What was said before is forgotten with a success.
        self.said = None;
        self.tell(now);
        let is_complete = published.is_ok()
            && self.services.values().all(is_known)
            && (is_known(&self.list) || !self.settings.everything);
        self.progress.send_modify(|p| p.is_complete |= is_complete);
        published != Ok(false)
    }

    /// Says what is wrong, if that is new.
    fn tell(&mut self, now: Instant) {
        let error = self.wrong();
        if self.said == error {
            return;
        }
        let catalogue = self.settings.api.name();
        match &error {
            Some(error) => {
                tracing::error!("{catalogue}: kept the last good state: {error}");
                self.sink.reject(&format!("{catalogue}: {error}"));
            }
            // To publish the same again is to say that all is well.
            None => {
                tracing::info!("{catalogue}: all is well");
                self.dirty.get_or_insert(now);
            }
        }
        self.progress.send_modify(|p| p.error.clone_from(&error));
        self.said = error;
    }

    fn wrong(&self) -> Option<String> {
        if let Some(error) = self.outage.error().or(self.publish_error.as_deref()) {
            return Some(error.to_owned());
        }
        let of_services = self.services.iter().map(|(n, w)| (Some(n), w));
        let mut wrong = std::iter::once((None, &self.list))
            .chain(of_services)
            .filter_map(|(key, watched)| Some((key, watched.error.as_ref()?)));
        let (key, error) = wrong.next()?;
        let path = fetch::path(key);
        Some(match wrong.count() {
            0 => format!("{path}: {error}"),
            more => format!("{path}: {error} (and {more} more questions failed)"),
        })
    }
}
