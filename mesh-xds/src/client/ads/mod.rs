//! The ADS protocol, without I/O and without a clock.
//!
//! ```text
//!  subscribe ──▶ ┌─────┐ ──poll_request──▶ stream
//!                │ Ads │
//!    changes ◀── └─────┘ ◀─opened, received, closed── stream
//! ```
//!
//! One [`Ads`] is the view of one authority: the servers that may speak for it, in order of
//! preference (A71), and every resource that is wanted or that a wildcard brought. Whoever drives it
//! moves messages, calls [`tick`](Ads::tick) when [`next_timeout`](Ads::next_timeout) has come, and
//! asks for requests when the stream can take one. Requests are made only then, so however many
//! subscriptions changed since the last, one request tells of all of them, and a slow server gets
//! fewer and larger ones.
//!
//! Rules: the xDS protocol's documentation, gRFC A27, A46, A53, A57, A71, A88, A95; where they leave
//! a choice, what servers are known to need is said at the place.

mod entry;
mod fallback;
mod link;
mod message;
mod request;
mod response;
mod saved;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use mesh_core::{Random, policy::Name};

pub(crate) use self::{
    entry::{Entry, Held, State},
    message::{KINDS, Raw, Request, RequestBody, ResourceError, Response},
    saved::Saved,
};
pub use self::{
    entry::{Problem, ProblemKind},
    message::Kind,
};
use self::{
    link::{Link, Phase},
    saved::Store,
};

/// Reads resources.
pub(crate) trait Decode: fmt::Debug {
    /// A resource as it comes; equal ones mean the same.
    type Body: PartialEq + Clone + fmt::Debug;
    /// A resource that is in order.
    type Resource: Clone + fmt::Debug;

    /// The name, if that much can be read. Called for unchanged resources too, so it should be cheap.
    fn name(&self, kind: Kind, body: &Self::Body) -> Option<Name>;

    /// # Errors
    /// When this resource must be rejected; the message says why.
    fn decode(
        &self,
        kind: Kind,
        body: &Self::Body,
        version: &Name,
    ) -> Result<Self::Resource, String>;
}

/// Which of the two protocols is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// State of the world: `StreamAggregatedResources`, what gRPC speaks.
    #[default]
    Sotw,
    /// Incremental: `DeltaAggregatedResources`.
    Delta,
}

/// What an [`Ads`] has to know of a server.
#[derive(Clone, Debug)]
pub(crate) struct ServerOptions {
    /// For messages.
    pub(crate) uri: String,
    /// See [`ServerFeatures`](crate::bootstrap::ServerFeatures).
    pub(crate) fail_on_data_errors: bool,
    pub(crate) resource_timer_is_transient_error: bool,
}

/// What an [`Ads`] has to know.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) protocol: Protocol,
    /// By preference; not empty.
    pub(crate) servers: Vec<ServerOptions>,
    /// Types of which everything is wanted.
    pub(crate) wildcard: Vec<Kind>,
    /// A95.
    pub(crate) fallback_on_reachability_only: bool,
}

/// What a driver has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Connect to this server, then call [`Ads::opened`] or [`Ads::closed`].
    Connect(usize),
    /// End its stream, without calling anything.
    Close(usize),
}

/// What is new since the last look.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Names by kind; one may be there twice.
    pub(crate) names: [Vec<Name>; KINDS],
    /// What is not bound to a name: a wildcard was answered, the servers are lost or back.
    pub(crate) general: bool,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        !self.general && self.names.iter().all(Vec::is_empty)
    }
}

/// The state of the protocol for one authority.
pub(crate) struct Ads<D: Decode> {
    decoder: D,
    options: Options,
    random: Arc<dyn Random>,
    links: Vec<Link>,
    kinds: [KindState<D>; KINDS],
    timers: Vec<Timer>,
    commands: VecDeque<Command>,
    changes: Changes,
    /// No server can be reached.
    unreachable: Option<Problem>,
    /// The time of what is being done.
    now: Instant,
    /// Until a server answers.
    store: Option<Store<D>>,
}

struct KindState<D: Decode> {
    wildcard: bool,
    /// The wildcard was answered, or is not answered in time.
    answered: bool,
    entries: HashMap<Name, Entry<D>>,
    /// Entries that nobody wants any longer, until they can be forgotten.
    unused: HashSet<Name>,
}

/// Waiting for what comes of one request.
#[derive(Debug)]
struct Timer {
    at: Instant,
    link: usize,
    epoch: u64,
    kind: Kind,
    what: Awaited,
}

#[derive(Debug)]
enum Awaited {
    /// What was asked for.
    Answer(Vec<Name>),
    /// That the server certainly knows what is not wanted any longer.
    Forget(Vec<Name>),
}

/// How long an entry outlives the request that ended its subscription. A server that had already
/// sent another response takes that request for stale, and goes on as if nothing had been said. So if
/// the resource is wanted again, it may never be sent again: it must still be here.
const GRACE: Duration = Duration::from_secs(15);

impl<D: Decode> Ads<D> {
    pub(crate) fn new(decoder: D, options: Options, random: Arc<dyn Random>, now: Instant) -> Self {
        let kinds = Kind::ALL.map(|kind| KindState {
            wildcard: options.wildcard.contains(&kind),
            answered: false,
            entries: HashMap::new(),
            unused: HashSet::new(),
        });
        let mut ads = Self {
            links: options.servers.iter().map(|_| Link::new()).collect(),
            decoder,
            options,
            random,
            kinds,
            timers: Vec::new(),
            commands: VecDeque::new(),
            changes: Changes::default(),
            unreachable: None,
            now,
            store: None,
        };
        if !ads.options.wildcard.is_empty() {
            ads.start(now);
        }
        ads
    }

    /// Whether a server was asked for anything.
    fn has_begun(&self) -> bool {
        self.links[0].phase != Phase::Idle
    }

    /// Wants a resource by name; counted, so that each is ended by one
    /// [`unsubscribe`](Self::unsubscribe).
    pub(crate) fn subscribe(&mut self, kind: Kind, name: &Name, now: Instant) {
        let state = &mut self.kinds[kind as usize];
        let entry = state.entries.entry(name.clone()).or_default();
        entry.users += 1;
        if entry.users > 1 {
            return;
        }
        state.unused.remove(name);
        self.restore_late(kind, name);
        let state = &self.kinds[kind as usize];
        let known = state.entries.get(name).is_some_and(|e| !e.is_pending());
        if !state.wildcard {
            self.touch(kind, name);
        }
        if known {
            self.changes.names[kind as usize].push(name.clone());
        }
        self.start(now);
        self.consider_fallback(now);
    }

    /// No longer wants it. What is known of it is kept until the servers know, so that a
    /// subscription in between loses nothing: a server would not send it again.
    pub(crate) fn unsubscribe(&mut self, kind: Kind, name: &Name, now: Instant) {
        let state = &mut self.kinds[kind as usize];
        let Some(entry) = state.entries.get_mut(name) else {
            return;
        };
        entry.users = entry.users.saturating_sub(1);
        if entry.users > 0 {
            return;
        }
        if state.wildcard {
            let deleted = Some(ProblemKind::DoesNotExist);
            if entry.held.is_none() || entry.problem.as_ref().map(|p| p.kind) == deleted {
                state.entries.remove(name);
            }
            return;
        }
        state.unused.insert(name.clone());
        self.touch(kind, name);
        self.forget(kind, name, now);
    }

    /// What is known of a resource.
    pub(crate) fn state(&self, kind: Kind, name: &str) -> State<'_, D::Resource> {
        let state = &self.kinds[kind as usize];
        let entry = state.entries.get(name);
        if let Some(Held { resource, .. }) = entry.and_then(|e| e.held.as_ref()) {
            return State::Ready(resource);
        }
        if let Some(problem) = entry.and_then(|e| e.problem.as_ref()) {
            return State::Failed(problem);
        }
        match &self.unreachable {
            _ if state.wildcard && state.answered => State::Absent,
            Some(problem) => State::Failed(problem),
            None => State::Pending,
        }
    }

    /// All that is known of a type.
    pub(crate) fn entries(&self, kind: Kind) -> impl Iterator<Item = (&Name, &Entry<D>)> {
        self.kinds[kind as usize].entries.iter()
    }

    /// Whether everything of a type is wanted, and there is no answer yet.
    pub(crate) fn is_waiting(&self, kind: Kind) -> bool {
        let state = &self.kinds[kind as usize];
        state.wildcard && !state.answered
    }

    /// Why no server can be reached.
    pub(crate) const fn unreachable(&self) -> Option<&Problem> {
        self.unreachable.as_ref()
    }

    /// The servers, whether each has a stream, and what is wrong with it.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&str, bool, Option<&str>)> {
        let servers = self.options.servers.iter().zip(&self.links);
        servers.map(|(s, l)| (&*s.uri, l.is_open() && l.heard, l.error.as_deref()))
    }

    /// What is new.
    pub(crate) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// What to do now.
    pub(crate) fn poll_command(&mut self, now: Instant) -> Option<Command> {
        if let Some(command) = self.commands.pop_front() {
            return Some(command);
        }
        let due = |link: &Link| matches!(link.phase, Phase::Waiting(at) if at <= now);
        let (index, link) = self
            .links
            .iter_mut()
            .enumerate()
            .find(|(_, link)| due(link))?;
        link.connecting(now);
        Some(Command::Connect(index))
    }

    /// A stream to the server stands.
    pub(crate) fn opened(&mut self, link: usize, now: Instant) {
        if self.links[link].phase == Phase::Connecting {
            self.links[link].opened(now);
        }
    }

    /// The stream, or the attempt at one, has ended.
    pub(crate) fn closed(&mut self, link: usize, error: &str, now: Instant) {
        if !matches!(self.links[link].phase, Phase::Connecting | Phase::Open) {
            return;
        }
        self.links[link].closed(error, now, &*self.random);
        self.forget_unused(now);
        self.consider_fallback(now);
    }

    /// When to call [`tick`](Self::tick), [`poll_command`](Self::poll_command) and
    /// [`poll_request`](Self::poll_request) again, if nothing else happens.
    pub(crate) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let connects = self.links.iter().filter_map(|link| match link.phase {
            Phase::Waiting(at) => Some(at),
            _ => None,
        });
        let requests = self.links.iter().filter(|l| l.is_open()).flat_map(|link| {
            let held_back = link.watches.iter().filter(|w| !w.changed.is_empty());
            // One that is due waits for the stream, not for time.
            held_back
                .filter_map(|w| w.not_before)
                .filter(|at| *at > now)
        });
        let timers = self.timers.iter().map(|t| t.at);
        let proofs = self.links.iter().filter_map(Link::proves_at);
        let patience = self.store.iter().filter_map(|store| store.at);
        let waits = connects.chain(requests).chain(timers);
        waits.chain(proofs).chain(patience).min()
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.now = now;
        for link in &mut self.links {
            if link.proves_at().is_some_and(|at| at <= now) {
                link.prove();
                self.changes.general |= self.unreachable.take().is_some();
            }
        }
        if self
            .store
            .as_ref()
            .and_then(|s| s.at)
            .is_some_and(|at| at <= now)
        {
            self.restore();
        }
        let mut due = Vec::new();
        self.timers.retain_mut(|timer| {
            let valid = self.links[timer.link].epoch == timer.epoch;
            if valid && timer.at <= now {
                let what = std::mem::replace(&mut timer.what, Awaited::Answer(Vec::new()));
                due.push((timer.link, timer.kind, timer.at, what));
            }
            valid && timer.at > now
        });
        for (link, kind, at, what) in due {
            match what {
                Awaited::Answer(names) => self.expire(link, kind, at, names),
                Awaited::Forget(names) => {
                    for name in &names {
                        self.forget(kind, name, now);
                    }
                }
            }
        }
    }

    /// A57 and A88: what was not sent in time does not exist.
    fn expire(&mut self, link: usize, kind: Kind, at: Instant, names: Vec<Name>) {
        let server = &self.options.servers[link];
        let state = &mut self.kinds[kind as usize];
        let wait = timer(server).as_secs();
        let problem = match server.resource_timer_is_transient_error {
            true => ProblemKind::Timeout,
            false => ProblemKind::DoesNotExist,
        };
        if state.wildcard && !state.answered {
            state.answered = true;
            self.changes.general = true;
        }
        for name in names {
            let Some(entry) = state.entries.get_mut(&name) else {
                continue;
            };
            if entry.deadline == Some(at) && entry.is_unproven() {
                let message = format!("{} did not send it within {wait} s", server.uri);
                entry.fail(problem, message, entry.is_saved());
                self.changes.names[kind as usize].push(name);
            }
        }
    }

    /// A subscription may have to be told to the servers.
    fn touch(&mut self, kind: Kind, name: &Name) {
        for link in self.links.iter_mut().filter(|l| l.is_open()) {
            let watch = &mut link.watches[kind as usize];
            // The first request tells of everything.
            if watch.begun {
                watch.changed.push(name.clone());
            }
        }
    }

    /// Drops an entry that nobody wants and no server thinks is wanted.
    fn forget(&mut self, kind: Kind, name: &Name, now: Instant) {
        let state = &mut self.kinds[kind as usize];
        let is_asked = |link: &Link| link.watches[kind as usize].sent.contains(name);
        let told = state.entries.get(name).and_then(|e| e.told);
        let is_known = told.is_none_or(|told| now >= told + GRACE);
        if is_known && state.unused.contains(name) && !self.links.iter().any(is_asked) {
            state.unused.remove(name);
            state.entries.remove(name);
        }
    }

    /// A stream has ended, and with it what its server might have missed.
    fn forget_unused(&mut self, now: Instant) {
        for kind in Kind::ALL {
            // Of those in use as well: what the next stream is told begins anew, and the wait that was
            // begun for this one is void.
            for entry in self.kinds[kind as usize].entries.values_mut() {
                entry.told = None;
            }
            for name in self.kinds[kind as usize].unused.clone() {
                self.forget(kind, &name, now);
            }
        }
    }
}

/// How long a resource may take (A57, A88).
const fn timer(server: &ServerOptions) -> Duration {
    Duration::from_secs(match server.resource_timer_is_transient_error {
        true => 30,
        false => 15,
    })
}

impl<D: Decode> fmt::Debug for Ads<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ads")
            .field("options", &self.options)
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}
