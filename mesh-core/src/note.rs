//! What a source has to say beside its configuration.
//!
//! A configuration that loads may still not do what its author expects. Every source tells so in the
//! same words, and publishes them together with the configuration that they are about
//! ([`Publisher::publish`](crate::Publisher::publish)), so that a running mesh says what `mesh check`
//! says.

use std::{collections::HashMap, fmt};

use crate::{
    RouteStatus,
    policy::{Name, Origin},
};

/// The notes that a mesh keeps: more are counted by one note at their end.
const MAX_NOTES: usize = 1000;

/// Something that loaded, but does not do what its author may expect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Note {
    /// Where it is.
    pub origin: Origin,
    /// The field, as `spec.http[0].timeout`; empty when it is about the document as a whole.
    pub field: String,
    /// What it is.
    pub message: String,
    /// What sort of thing.
    pub kind: NoteKind,
    /// The clusters that do not exist, when that is what it is about.
    pub missing_clusters: Vec<Name>,
    /// At how many more places the same is so.
    pub more: usize,
}

/// The sorts of [`Note`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NoteKind {
    /// A document of a kind that says nothing to a client inside a process.
    Skipped,
    /// A field that was read and has no effect.
    Ignored,
    /// A rule that is right but does not apply here: other gateways, other clients, a conflict
    /// that an older rule won, a route after a catch-all.
    NotApplied,
    /// Probably a mistake.
    Warning,
}

/// All that a source has to say of one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Findings {
    /// What does not do what its author may expect.
    pub notes: Vec<Note>,
    /// What became of each Gateway API route.
    pub routes: Vec<RouteStatus>,
}

impl Note {
    /// A note about a field; `field` is empty when it is about the document as a whole.
    pub fn new(
        kind: NoteKind,
        origin: Origin,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            origin,
            field: field.into(),
            message: message.into(),
            kind,
            missing_clusters: Vec::new(),
            more: 0,
        }
    }
}

impl NoteKind {
    /// As it is written before a note.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ignored => "ignored",
            Self::NotApplied => "not applied",
            Self::Warning => "warning",
        }
    }
}

impl Findings {
    /// Findings of these notes.
    pub fn new(notes: Vec<Note>, routes: Vec<RouteStatus>) -> Self {
        Self { notes, routes }
    }

    /// As these, of bounded size: what one file or resource has at many elements of a list (at every
    /// endpoint, say) is said once, at its first place, with the count of the others.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.notes.sort();
        let mut first = HashMap::new();
        let mut bounded: Vec<Note> = Vec::new();
        let mut dropped = 0;
        for mut note in self.notes {
            let field = without_indices(&note.field);
            let key = (field != note.field).then(|| {
                let place = match &note.origin {
                    Origin::File { path, .. } => path.clone(),
                    Origin::Xds { resource, .. } => resource.clone(),
                    Origin::Code => "".into(),
                };
                (note.kind, place, field, note.message.clone())
            });
            if let Some(&known) = key.as_ref().and_then(|key| first.get(key)) {
                let known: &mut Note = &mut bounded[known];
                known.more += 1 + note.more;
                known.missing_clusters.append(&mut note.missing_clusters);
            } else if bounded.len() < MAX_NOTES {
                if let Some(key) = key {
                    first.insert(key, bounded.len());
                }
                bounded.push(note);
            } else {
                dropped += 1;
            }
        }
        if dropped > 0 {
            let message = format!("{dropped} more notes are not kept");
            bounded.push(Note::new(NoteKind::Warning, Origin::Code, "", message));
        }
        self.notes = bounded;
        self
    }
}

/// `a[1].b[22]` as `a[].b[]`; a key of a map (`a[name]`) stays.
fn without_indices(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut rest = field;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        out.push('[');
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        if !rest.starts_with(']') {
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.kind.as_str(), self.origin)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)?;
        match self.more {
            0 => Ok(()),
            1 => f.write_str(" (and at 1 more place)"),
            n => write!(f, " (and at {n} more places)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(line: u32, field: &str, message: &str) -> Note {
        Note::new(
            NoteKind::Ignored,
            Origin::file("a.yaml", line),
            field,
            message,
        )
    }

    #[test]
    fn what_is_said_of_many_endpoints_is_said_once() {
        let notes = (1..=5000)
            .map(|i| ignored(i, &format!("endpoints[0].lb_endpoints[{i}].x"), "no use"))
            .chain([
                ignored(7, "endpoints[key].x", "no use"),
                ignored(8, "x", "a"),
            ])
            .chain([ignored(9, "x", "a")])
            .collect();
        let bounded = Findings::new(notes, Vec::new()).bounded();
        let told: Vec<_> = bounded.notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "ignored: a.yaml:1: endpoints[0].lb_endpoints[1].x: no use (and at 4999 more places)",
                "ignored: a.yaml:7: endpoints[key].x: no use",
                "ignored: a.yaml:8: x: a",
                "ignored: a.yaml:9: x: a",
            ]
        );
    }

    #[test]
    fn what_is_not_kept_is_counted() {
        let notes = (0..1500).map(|i| ignored(1, "", &format!("m{i:04}")));
        let bounded = Findings::new(notes.collect(), Vec::new()).bounded();
        assert_eq!(bounded.notes.len(), MAX_NOTES + 1);
        let last = bounded.notes[MAX_NOTES].to_string();
        assert_eq!(last, "warning: code: 500 more notes are not kept");
    }
}
