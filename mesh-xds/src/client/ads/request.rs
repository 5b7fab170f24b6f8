//! What to say next on a stream.

use std::time::{Duration, Instant};

use mesh_core::policy::Name;

use super::{
    Ads, Awaited, Decode, GRACE, Kind, Protocol, Request, RequestBody, Timer,
    link::{Ack, Watch},
    timer,
};

/// After a request of n names for a change of subscription, the next such waits n times this. Ten
/// thousand subscriptions, made one after the other, so take a few requests of growing size, and
/// their cost stays linear.
const NAME_COST: Duration = Duration::from_micros(50);

/// The longest such wait.
const MAX_WAIT: Duration = Duration::from_secs(1);

impl<D: Decode> Ads<D> {
    /// The next request on the stream to this server, if it can take one now.
    pub(crate) fn poll_request(&mut self, link: usize, now: Instant) -> Option<Request> {
        if !self.links[link].is_open() {
            return None;
        }
        let mut request = Kind::ALL
            .into_iter()
            .find_map(|kind| self.request(link, kind, now))?;
        request.first = !std::mem::replace(&mut self.links[link].greeted, true);
        Some(request)
    }

    fn request(&mut self, link: usize, kind: Kind, now: Instant) -> Option<Request> {
        let watch = &self.links[link].watches[kind as usize];
        if !watch.begun {
            // A type of which nothing is wanted is not mentioned: no names would mean all.
            return self
                .is_wanted(kind)
                .then(|| self.first_request(link, kind, now));
        }
        let (nonce, body) = match self.options.protocol {
            Protocol::Sotw => self.sotw(link, kind, now)?,
            Protocol::Delta => self.delta(link, kind, now)?,
        };
        Some(make(kind, nonce, body))
    }

    fn first_request(&mut self, link: usize, kind: Kind, now: Instant) -> Request {
        let state = &self.kinds[kind as usize];
        let wanted = state.entries.iter().filter(|(_, e)| e.users > 0);
        let names: Vec<Name> = match state.wildcard {
            true => Vec::new(),
            false => wanted.map(|(name, _)| name.clone()).collect(),
        };
        let body = match self.options.protocol {
            // A server may take a version for a sign that nothing needs sending, so it is not
            // mentioned while something is missing, or is from another server.
            Protocol::Sotw => RequestBody::Sotw {
                version: match self.is_missing(link, kind) {
                    true => Name::default(),
                    false => self.links[link].watches[kind as usize].version.clone(),
                },
                names: names.clone(),
            },
            Protocol::Delta => {
                let known = state.entries.iter().filter_map(|(name, entry)| {
                    let version = entry.initial_version(link, state.wildcard)?;
                    Some((name.clone(), version))
                });
                RequestBody::Delta {
                    initial_versions: known.collect(),
                    subscribe: names.clone(),
                    unsubscribe: Vec::new(),
                }
            }
        };
        let watch = &mut self.links[link].watches[kind as usize];
        watch.begun = true;
        watch.hold_back(names.len(), now);
        self.asked(link, kind, names, now);
        make(kind, None, body)
    }

    fn sotw(
        &mut self,
        link: usize,
        kind: Kind,
        now: Instant,
    ) -> Option<(Option<Ack>, RequestBody)> {
        let watch = &mut self.links[link].watches[kind as usize];
        let ack = watch.acks.pop_front();
        // What a rejection says beside is not read by every server: changes are told apart from it.
        let rejects = ack.as_ref().is_some_and(|a| a.error.is_some());
        let changed = match rejects || ack.is_none() && !watch.is_due(now) {
            true => Vec::new(),
            false => std::mem::take(&mut watch.changed),
        };
        let (added, dropped) = self.differences(link, kind, changed);
        if ack.is_none() && added.is_empty() && dropped.is_empty() {
            return None;
        }
        self.told(link, kind, added, &dropped, now);
        let watch = &mut self.links[link].watches[kind as usize];
        let names: Vec<_> = watch.sent.iter().cloned().collect();
        let body = RequestBody::Sotw {
            version: watch.version.clone(),
            names,
        };
        let nonce = watch.nonce.clone();
        // A change alone repeats the nonce of the last answer.
        let ack = ack.unwrap_or(Ack { nonce, error: None });
        Some((Some(ack), body))
    }

    fn delta(
        &mut self,
        link: usize,
        kind: Kind,
        now: Instant,
    ) -> Option<(Option<Ack>, RequestBody)> {
        let watch = &mut self.links[link].watches[kind as usize];
        // Answers are told apart from changes: a server that has sent more since may take the answer
        // for stale, and everything else in it too.
        let ack = watch.acks.pop_front();
        let changed = match ack.is_some() || !watch.is_due(now) {
            true => Vec::new(),
            false => std::mem::take(&mut watch.changed),
        };
        let (added, dropped) = self.differences(link, kind, changed);
        if ack.is_none() && added.is_empty() && dropped.is_empty() {
            return None;
        }
        self.told(link, kind, added.clone(), &dropped, now);
        let body = RequestBody::Delta {
            subscribe: added,
            unsubscribe: dropped,
            initial_versions: Vec::new(),
        };
        Some((ack, body))
    }

    /// Of `changed`, what the server does not know to be wanted, and what it wrongly thinks is.
    fn differences(
        &self,
        link: usize,
        kind: Kind,
        mut changed: Vec<Name>,
    ) -> (Vec<Name>, Vec<Name>) {
        changed.sort_unstable();
        changed.dedup();
        let sent = &self.links[link].watches[kind as usize].sent;
        let entries = &self.kinds[kind as usize].entries;
        let is_wanted = |name: &Name| entries.get(name).is_some_and(|e| e.users > 0);
        let differs = changed
            .into_iter()
            .filter(|n| is_wanted(n) != sent.contains(n));
        differs.partition(|name| is_wanted(name))
    }

    /// Takes note that the server is told.
    fn told(&mut self, link: usize, kind: Kind, added: Vec<Name>, dropped: &[Name], now: Instant) {
        let changes = !added.is_empty() || !dropped.is_empty();
        let watch = &mut self.links[link].watches[kind as usize];
        for name in dropped {
            watch.sent.remove(name);
        }
        if changes {
            let size = match self.options.protocol {
                Protocol::Sotw => watch.sent.len() + added.len(),
                Protocol::Delta => watch.sent.len().max(added.len() + dropped.len()),
            };
            watch.hold_back(size, now);
        }
        self.asked(link, kind, added, now);
        let state = &mut self.kinds[kind as usize];
        for name in dropped {
            if let Some(entry) = state.entries.get_mut(name) {
                entry.told = Some(now);
            }
        }
        if !dropped.is_empty() {
            self.await_until(now + GRACE, link, kind, Awaited::Forget(dropped.to_vec()));
        }
    }

    fn await_until(&mut self, at: Instant, link: usize, kind: Kind, what: Awaited) {
        let epoch = self.links[link].epoch;
        self.timers.push(Timer {
            at,
            link,
            epoch,
            kind,
            what,
        });
    }

    /// Starts the wait for what was asked for now.
    fn asked(&mut self, link: usize, kind: Kind, names: Vec<Name>, now: Instant) {
        let state = &mut self.kinds[kind as usize];
        let at = now + timer(&self.options.servers[link]);
        let mut missing = Vec::new();
        for name in &names {
            if let Some(entry) = state.entries.get_mut(name)
                && entry.is_unproven()
            {
                entry.deadline = Some(at);
                missing.push(name.clone());
            }
        }
        if !missing.is_empty() || state.wildcard && !state.answered {
            self.await_until(at, link, kind, Awaited::Answer(missing));
        }
        let watch = &mut self.links[link].watches[kind as usize];
        watch.sent.extend(names);
    }

    fn is_missing(&self, link: usize, kind: Kind) -> bool {
        let state = &self.kinds[kind as usize];
        let is_here = |held: &super::Held<D>| held.link == link;
        let mut entries = state.entries.values();
        state.wildcard && !state.answered
            || entries.any(|e| match &e.held {
                Some(held) => !is_here(held),
                None => e.users > 0,
            })
    }
}

impl Watch {
    fn hold_back(&mut self, names: usize, now: Instant) {
        let cost = NAME_COST * u32::try_from(names).unwrap_or(u32::MAX).min(1 << 16);
        self.not_before = Some(now + cost.min(MAX_WAIT));
    }

    fn is_due(&self, now: Instant) -> bool {
        !self.changed.is_empty() && self.not_before.is_none_or(|at| at <= now)
    }
}

fn make(kind: Kind, ack: Option<Ack>, body: RequestBody) -> Request {
    let (nonce, error) = ack.map(|a| (a.nonce, a.error)).unwrap_or_default();
    Request {
        kind,
        first: false,
        nonce,
        error,
        body,
    }
}
