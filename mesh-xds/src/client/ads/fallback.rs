//! Which servers are in use (A71, A95): the first that works, and those before it, which are tried
//! again and again.

use std::time::Instant;

use super::{Ads, Command, Decode, Kind, Problem, ProblemKind, link::Phase, saved::PATIENCE};

impl<D: Decode> Ads<D> {
    /// Connects the preferred server, if nothing was asked for before.
    pub(super) fn start(&mut self, now: Instant) {
        if self.links[0].phase == Phase::Idle {
            self.links[0].phase = Phase::Waiting(now);
            if let Some(store) = &mut self.store {
                store.at = Some(now + PATIENCE);
            }
        }
    }

    /// Goes on to the next server while those in use cannot be reached and something is missing;
    /// once there is none left, that is an error.
    pub(super) fn consider_fallback(&mut self, now: Instant) {
        let in_use = |link: &super::Link| link.phase != Phase::Idle;
        let Some(last) = self.links.iter().rposition(in_use) else {
            return;
        };
        if self.links[last].error.is_none() {
            return;
        }
        let wanted = self.options.fallback_on_reachability_only || self.misses_something();
        match self.links.get_mut(last + 1) {
            Some(next) if wanted => {
                next.phase = Phase::Waiting(now);
                self.changes.general |= self.unreachable.take().is_some();
            }
            _ => self.lost(),
        }
    }

    fn lost(&mut self) {
        let failing = self.options.servers.iter().zip(&self.links);
        let failing =
            failing.filter_map(|(s, l)| Some(format!("{}: {}", s.uri, l.error.as_ref()?)));
        let message = format!(
            "control plane unreachable: {}",
            failing.collect::<Vec<_>>().join("; ")
        );
        let kind = ProblemKind::Unreachable;
        let problem = Some(Problem { kind, message });
        if self.unreachable != problem {
            self.unreachable = problem;
            self.changes.general = true;
        }
        self.restore();
    }

    /// A resource is neither known nor known not to exist.
    fn misses_something(&self) -> bool {
        let mut kinds = self.kinds.iter();
        kinds.any(|state| match state.wildcard {
            true => !state.answered,
            false => state
                .entries
                .values()
                .any(|e| e.users > 0 && e.is_pending()),
        })
    }

    /// A server has answered: those behind it are not needed.
    pub(super) fn found(&mut self, link: usize, now: Instant) {
        self.links[link].hear();
        self.store = None;
        self.changes.general |= self.unreachable.take().is_some();
        let mut stopped = false;
        for (index, later) in self.links.iter_mut().enumerate().skip(link + 1) {
            if matches!(later.phase, Phase::Connecting | Phase::Open) {
                self.commands.push_back(Command::Close(index));
            }
            stopped |= later.phase != Phase::Idle;
            later.stop();
        }
        if stopped {
            self.forget_unused(now);
        }
    }

    /// Whether a type has anything to ask for.
    pub(super) fn is_wanted(&self, kind: Kind) -> bool {
        let state = &self.kinds[kind as usize];
        state.wildcard || state.entries.values().any(|e| e.users > 0)
    }
}
