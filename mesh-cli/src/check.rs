//! `mesh check`: what is wrong with the files, and what in them has no effect.

use mesh_core::{DanglingRoute, policy::Origin};
use mesh_xds::file::{Note, NoteKind, Problem};
use serde::Serialize;

use crate::{
    Answer, Output,
    files::{self, Source},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// The JSON answer.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    errors: Vec<Entry>,
    notes: Vec<Entry>,
}

/// One thing to say about one place.
#[derive(Debug, Serialize)]
struct Entry {
    /// `error`, or what sort of note.
    kind: &'static str,
    file: String,
    /// From 1; absent when it is about the file as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    field: String,
    message: String,
    #[serde(skip)]
    text: String,
}

pub(crate) fn run(args: &Args) -> Answer {
    let report = match files::load(&args.source, None) {
        Ok(files) => Report {
            ok: true,
            errors: Vec::new(),
            notes: files
                .notes
                .iter()
                .map(note)
                .chain(files.dangling.iter().map(dangling))
                .collect(),
        },
        Err(problems) => Report {
            ok: false,
            errors: problems.iter().map(|p| entry("error", p)).collect(),
            notes: Vec::new(),
        },
    };
    Answer {
        ok: report.ok,
        text: match args.output {
            Output::Text => text(&report),
            Output::Json => crate::json(&report),
        },
    }
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for entry in report.errors.iter().chain(&report.notes) {
        text += &format!("{}: {}\n", entry.kind, entry.text);
    }
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    text + &match report.errors.len() {
        0 => format!("ok, with {}\n", plural(report.notes.len(), "note")),
        n => format!("{}\n", plural(n, "error")),
    }
}

fn note(note: &Note) -> Entry {
    let kind = match note.kind {
        NoteKind::Skipped => "skipped",
        NoteKind::Ignored => "ignored",
        NoteKind::NotApplied => "not applied",
        _ => "warning",
    };
    entry(kind, &note.at)
}

fn dangling(route: &DanglingRoute) -> Entry {
    let (file, line) = match &route.origin {
        Origin::File { path, line } => (path.clone(), *line),
        other => (other.to_string().into(), 0),
    };
    let message = format!(
        "cluster `{}` does not exist; requests to it fail with 503 (NC)",
        route.cluster
    );
    let field = String::new();
    entry(
        "warning",
        &Problem {
            file,
            line,
            field,
            message,
        },
    )
}

fn entry(kind: &'static str, problem: &Problem) -> Entry {
    Entry {
        kind,
        file: problem.file.to_string(),
        line: (problem.line > 0).then_some(problem.line),
        field: problem.field.clone(),
        message: problem.message.clone(),
        text: problem.to_string(),
    }
}
