//! What is known of one resource.

use std::{fmt, time::Instant};

use mesh_core::policy::Name;

use super::{Decode, saved::SAVED};

/// A resource that is wanted, or that a wildcard brought.
pub(crate) struct Entry<D: Decode> {
    /// How many want it by name.
    pub(super) users: u32,
    /// The last good one.
    pub(super) held: Option<Held<D>>,
    /// What is wrong at present.
    pub(super) problem: Option<Problem>,
    /// The version that was rejected last, and when, since one was accepted.
    pub(super) rejected: Option<(Name, Instant)>,
    /// When waiting for it ends.
    pub(super) deadline: Option<Instant>,
    /// When a server was last told that it is not wanted.
    pub(super) told: Option<Instant>,
}

/// A resource that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Held<D: Decode> {
    pub(crate) resource: D::Resource,
    /// As it came, to tell whether an update changes anything.
    pub(crate) body: D::Body,
    pub(crate) version: Name,
    /// The server that it came from.
    pub(super) link: usize,
    /// When it came.
    pub(crate) at: Instant,
}

/// Why a resource is not there, or not the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of trouble.
    pub kind: ProblemKind,
    /// In words.
    pub message: String,
}

/// The states of A40 and A88 that are no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// NACKED: the latest version cannot be used.
    Rejected,
    /// DOES_NOT_EXIST: it was deleted, or did not come in time.
    DoesNotExist,
    /// TIMEOUT: it did not come in time, and the server asks that this is held to be passing.
    Timeout,
    /// RECEIVED_ERROR: the server says why it does not send it.
    ServerError,
    /// The control plane cannot be reached.
    Unreachable,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What a reader sees of a resource.
#[derive(Debug)]
pub(crate) enum State<'a, R> {
    /// Asked for, and there is no answer yet.
    Pending,
    /// Use it, whatever is wrong since.
    Ready(&'a R),
    /// There is none.
    Failed(&'a Problem),
    /// A wildcard did not bring it.
    Absent,
}

impl<D: Decode> Default for Entry<D> {
    fn default() -> Self {
        Self {
            users: 0,
            held: None,
            problem: None,
            rejected: None,
            deadline: None,
            told: None,
        }
    }
}

impl<D: Decode> Entry<D> {
    /// Asked for without an answer.
    pub(super) const fn is_pending(&self) -> bool {
        self.held.is_none() && self.problem.is_none()
    }

    /// What is in use was saved by an earlier process.
    pub(crate) fn is_saved(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.link == SAVED)
    }

    /// No server of this process has said anything of it.
    pub(super) fn is_unproven(&self) -> bool {
        self.is_pending() || self.is_saved()
    }

    /// Notes what is wrong; `drop` also ends the use of what was good. Whether that is news.
    pub(super) fn fail(&mut self, kind: ProblemKind, message: String, drop: bool) -> bool {
        self.deadline = None;
        let problem = Some(Problem { kind, message });
        let dropped = drop && self.held.take().is_some();
        if self.problem == problem && !dropped {
            return false;
        }
        self.problem = problem;
        true
    }

    /// What a new delta stream is told of it. A version that the server does not have makes it say
    /// how things are: for what was in trouble, and for what a wildcard brought from another server.
    pub(super) fn initial_version(&self, link: usize, wildcard: bool) -> Option<Name> {
        match &self.held {
            _ if self.users == 0 && !wildcard => None,
            Some(held) if held.link == link && self.problem.is_none() => Some(held.version.clone()),
            Some(_) => Some(Name::default()),
            None => (wildcard && self.problem.is_some()).then(Name::default),
        }
    }

    /// The last good one, for status.
    pub(crate) const fn held(&self) -> Option<&Held<D>> {
        self.held.as_ref()
    }

    /// The version that was rejected, and when, while that is what is wrong.
    pub(crate) fn rejected(&self) -> Option<&(Name, Instant)> {
        let kind = self.problem.as_ref().map(|p| p.kind);
        self.rejected
            .as_ref()
            .filter(|_| kind == Some(ProblemKind::Rejected))
    }

    pub(crate) const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }
}
