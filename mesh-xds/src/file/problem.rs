//! What loading has to say: problems that stop it, and [`Note`]s that do not.

use std::{fmt, sync::Arc};

use mesh_core::policy::Origin;
pub(crate) use mesh_core::{Note, NoteKind};

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
        Note::new(kind, self.origin(), "", message)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
