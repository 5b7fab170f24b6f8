//! What loading has to say: problems that stop it, notes that do not.

use std::{fmt, sync::Arc};

use mesh_core::policy::{Name, Origin};

/// One thing wrong, or worth knowing, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as the source names it.
    pub file: Arc<str>,
    /// 1-based; 0 when it is about the file as a whole.
    pub line: u32,
    /// The field, as `spec.http[0].timeout`; empty when it is about the document as a whole.
    pub field: String,
    /// What it is.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Why a set of files was not loaded: every problem found, one line each.
#[derive(Clone, PartialEq, Eq)]
pub struct LoadError {
    pub(crate) problems: Vec<Problem>,
}

impl LoadError {
    /// Everything that is wrong, by file and line.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for LoadError {
    /// As `Display`: this is what a `main` that returns the error prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for LoadError {}

/// Something that loaded, but does not do what a reader of the file may expect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What and where.
    pub at: Problem,
    /// What sort of thing.
    pub kind: NoteKind,
    /// The clusters that do not exist, when that is what it is about.
    pub missing_clusters: Vec<Name>,
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

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            NoteKind::Skipped => "skipped",
            NoteKind::Ignored => "ignored",
            NoteKind::NotApplied => "not applied",
            NoteKind::Warning => "warning",
        };
        write!(f, "{kind}: {}", self.at)
    }
}

/// A line of a file: what the translation remembers of where things came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct At {
    pub(crate) file: Arc<str>,
    pub(crate) line: u32,
}

impl At {
    pub(crate) fn origin(&self) -> Origin {
        Origin::file(self.file.clone(), self.line)
    }

    pub(crate) fn problem(&self, field: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            line: self.line,
            field: field.into(),
            message: message.into(),
        }
    }

    pub(crate) fn note(&self, kind: NoteKind, message: impl Into<String>) -> Note {
        Note {
            kind,
            at: self.problem("", message),
            missing_clusters: Vec::new(),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
