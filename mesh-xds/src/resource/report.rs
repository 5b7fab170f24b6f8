//! What reading a resource has found, and where.
//!
//! A read does not stop at the first problem: it records it and goes on, so that one look shows all
//! that is wrong. What it returns is thrown away when any problem was recorded.

use std::{cell::RefCell, fmt::Write, sync::Arc};

use mesh_core::policy::Origin;

use crate::{
    file::node::{Node, Value},
    file::schema::camel,
};

/// Where a resource comes from.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    /// A control plane. Lenient: what is unsupported is ignored.
    Xds {
        kind: Arc<str>,
        resource: Arc<str>,
        version: Arc<str>,
    },
    /// A file. Strict: what is unsupported is an error.
    File { file: Arc<str>, root: &'a Node },
}

/// Something about one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line in a file, from 1; 0 when there is none.
    pub line: u32,
    /// The field, as `virtual_hosts[0].routes[2].match`; empty for the resource itself.
    pub field: String,
    /// What it is.
    pub message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// What was found in one resource.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    source: Source<'a>,
    problems: RefCell<Vec<Finding>>,
    ignored: RefCell<Vec<Finding>>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(source: Source<'a>) -> Self {
        Self {
            source,
            problems: RefCell::default(),
            ignored: RefCell::default(),
        }
    }

    pub(crate) fn root(&self) -> At<'_> {
        At {
            report: self,
            parent: None,
            step: Step::Root,
        }
    }

    /// Problems and ignored fields, in the order of their finding.
    pub(crate) fn into_findings(self) -> (Vec<Finding>, Vec<Finding>) {
        (self.problems.into_inner(), self.ignored.into_inner())
    }
}

/// A place in a resource: a path of fields, held by the calls that lead there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    report: &'a Report<'a>,
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> At<'a> {
    fn child<'b>(&'b self, step: Step<'b>) -> At<'b> {
        At {
            report: self.report,
            parent: Some(self),
            step,
        }
    }

    /// A field of this message.
    pub(crate) fn field<'b>(&'b self, name: &'b str) -> At<'b> {
        self.child(Step::Field(name))
    }

    /// An element of this list.
    pub(crate) fn index(&self, index: usize) -> At<'_> {
        self.child(Step::Index(index))
    }

    /// An entry of this map.
    pub(crate) fn key<'b>(&'b self, key: &'b str) -> At<'b> {
        self.child(Step::Key(key))
    }

    /// This cannot be used: the resource is rejected.
    pub(crate) fn fail(&self, message: impl Into<String>) {
        let finding = self.finding(message.into());
        self.report.problems.borrow_mut().push(finding);
    }

    /// This has no effect, and nobody needs to mind.
    pub(crate) fn ignored(&self, why: impl Into<String>) {
        let finding = self.finding(why.into());
        self.report.ignored.borrow_mut().push(finding);
    }

    /// This has no effect, though it should: an error in a file, listed else.
    pub(crate) fn unsupported(&self, what: &str) {
        let message = match what {
            "" => "is not supported".to_owned(),
            what => format!("is not supported ({what})"),
        };
        match self.report.source {
            Source::File { .. } => self.fail(message),
            Source::Xds { .. } => self.ignored(message),
        }
    }

    /// Records the error of a conversion.
    pub(crate) fn ok<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.fail(error.to_string())).ok()
    }

    /// What a message cannot do without.
    pub(crate) fn required<T>(&self, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.fail("is required");
        }
        value
    }

    fn finding(&self, message: String) -> Finding {
        let line = match &self.report.source {
            Source::Xds { .. } => 0,
            Source::File { root, .. } => self.node(root).0,
        };
        let mut field = String::new();
        self.write(&mut field);
        Finding {
            line,
            field,
            message,
        }
    }

    /// Where the policy at this place comes from.
    pub(crate) fn origin(&self) -> Origin {
        match &self.report.source {
            Source::Xds {
                kind,
                resource,
                version,
            } => Origin::Xds {
                kind: kind.clone(),
                resource: resource.clone(),
                version: version.clone(),
            },
            Source::File { file, root } => Origin::file(file.clone(), self.node(root).0),
        }
    }

    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        // Writing to a string does not fail.
        let _ = match self.step {
            Step::Root => Ok(()),
            Step::Field(name) if out.is_empty() => write!(out, "{name}"),
            Step::Field(name) => write!(out, ".{name}"),
            Step::Index(index) => write!(out, "[{index}]"),
            Step::Key(key) => write!(out, "[{key}]"),
        };
    }

    /// The line of this place, and its node if the file has it (a default has none).
    fn node<'n>(&self, root: &'n Node) -> (u32, Option<&'n Node>) {
        let Some(parent) = self.parent else {
            return (root.line, Some(root));
        };
        let (line, Some(node)) = parent.node(root) else {
            return parent.node(root);
        };
        let entry = |name: &str, exact: bool| match &node.value {
            Value::Map(entries) => entries
                .iter()
                .find(|e| *e.key == *name || !exact && camel(&e.key) == camel(name))
                .map(|e| (e.line, &e.value)),
            _ => None,
        };
        let found = match self.step {
            Step::Root => Some((node.line, node)),
            Step::Field(name) => entry(name, false),
            Step::Key(key) => entry(key, true),
            Step::Index(index) => match &node.value {
                Value::List(items) => items.get(index).map(|n| (n.line, n)),
                _ => None,
            },
        };
        match found {
            Some((line, node)) => (line, Some(node)),
            None => (line, None),
        }
    }
}
