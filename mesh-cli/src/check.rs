//! `mesh check`: what is wrong with the files, and what in them has no effect.

use std::sync::Arc;

use mesh_core::{DanglingRoute, Note, NoteKind, ParentStatus, RouteStatus, policy::Origin};
use mesh_xds::file::Problem;
use serde::Serialize;

use crate::{
    Answer, Output,
    files::{self, Source},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Exit with 1 for a warning, too; what is skipped, ignored or does not apply is none.
    #[arg(long)]
    deny_warnings: bool,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const WARNING: &str = NoteKind::Warning.as_str();

/// The JSON answer.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    errors: Vec<Entry>,
    notes: Vec<Entry>,
    /// The status of Gateway API routes; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route>,
}

/// A `RouteStatus` and whose it is.
#[derive(Debug, Serialize)]
struct Route {
    kind: &'static str,
    namespace: String,
    name: String,
    file: String,
    line: u32,
    parents: Vec<Parent>,
    #[serde(skip)]
    text: String,
}

/// As Kubernetes writes a `RouteParentStatus`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Parent {
    parent_ref: ParentRef,
    conditions: Vec<Condition>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ParentRef {
    group: &'static str,
    kind: &'static str,
    namespace: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    section_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Debug, Serialize)]
struct Condition {
    r#type: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
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
        Ok(files) => {
            // What the files' own reader has said of a cluster says more.
            let told = |d: &&DanglingRoute| {
                let mut notes = files.notes.iter();
                notes.any(|note| note.missing_clusters.contains(&d.cluster))
            };
            let untold = files.dangling.iter().filter(|d| !told(d));
            let notes: Vec<Entry> = files
                .notes
                .iter()
                .map(note)
                .chain(untold.map(dangling))
                .collect();
            let denied = args.deny_warnings && notes.iter().any(|n| n.kind == WARNING);
            Report {
                ok: !denied,
                errors: Vec::new(),
                notes,
                routes: files.routes.iter().map(route).collect(),
            }
        }
        Err(problems) => Report {
            ok: false,
            errors: problems.iter().map(|p| entry("error", p)).collect(),
            notes: Vec::new(),
            routes: Vec::new(),
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
    for route in &report.routes {
        text += &route.text;
    }
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let warnings = report.notes.iter().filter(|n| n.kind == WARNING).count();
    text + &match report.errors.len() {
        0 if report.ok => format!("ok, with {}\n", plural(report.notes.len(), "note")),
        0 => format!(
            "{}, which --deny-warnings denies\n",
            plural(warnings, "warning")
        ),
        n => format!("{}\n", plural(n, "error")),
    }
}

fn route(status: &RouteStatus) -> Route {
    let place = &status.origin;
    let (file, line) = file(place);
    let whose = format!("{} {}/{}", status.kind, status.namespace, status.name);
    let lines = status.parents.iter();
    Route {
        kind: status.kind,
        namespace: status.namespace.to_string(),
        name: status.name.to_string(),
        file: file.to_string(),
        line,
        parents: status.parents.iter().map(parent).collect(),
        text: lines
            .map(|parent| format!("status: {place}: {whose} at Service {parent}\n"))
            .collect(),
    }
}

fn parent(status: &ParentStatus) -> Parent {
    let conditions = status.conditions.iter();
    Parent {
        parent_ref: ParentRef {
            group: "",
            kind: "Service",
            namespace: status.namespace.to_string(),
            name: status.name.to_string(),
            section_name: status.section_name.as_ref().map(ToString::to_string),
            port: status.port,
        },
        conditions: conditions
            .map(|condition| Condition {
                r#type: condition.kind.as_str(),
                status: if condition.status { "True" } else { "False" },
                reason: condition.reason.as_str(),
                message: condition.message.clone(),
            })
            .collect(),
    }
}

fn note(note: &Note) -> Entry {
    let (file, line) = file(&note.origin);
    let problem = Problem {
        file,
        line,
        field: note.field.clone(),
        message: note.message.clone(),
    };
    entry(note.kind.as_str(), &problem)
}

fn dangling(route: &DanglingRoute) -> Entry {
    let message = route.message();
    note(&Note::new(
        NoteKind::Warning,
        route.origin.clone(),
        "",
        message,
    ))
}

/// The file and the line; 0 stands for no line.
fn file(origin: &Origin) -> (Arc<str>, u32) {
    match origin {
        Origin::File { path, line } => (path.clone(), *line),
        other => (other.to_string().into(), 0),
    }
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
