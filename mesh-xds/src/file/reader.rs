//! Typed reading of a [`Node`] tree by proto3's JSON rules, with a field path.
//!
//! A read never stops at the first problem: it records it and returns nothing, so that one load
//! shows all that is wrong. Callers may therefore build a value from what is left; it is thrown away
//! when any problem was recorded.
//!
//! [`Obj`] checks its keys against its [`Schema`] when it is made, so a key that nobody reads cannot
//! get past it: it is unknown, or declared as not enforced, or declared as enforced, and a test
//! proves that every field of the last sort is read. What is below a field that is not enforced can
//! still be validated ([`Obj::unenforced`]); its fields then say nothing of themselves.

use std::{cell::RefCell, sync::Arc, time::Duration};

use super::{
    duration,
    node::{Entry, Node, ScalarKind, Value},
    problem::{At, Note, NoteKind, Problem},
    schema::{Schema, Support, camel, nearest},
};

/// What reading one file has found.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) file: Arc<str>,
    pub(crate) problems: RefCell<Vec<Problem>>,
    pub(crate) notes: RefCell<Vec<Note>>,
}

impl Reader {
    pub(crate) fn new(file: Arc<str>) -> Self {
        Self {
            file,
            problems: RefCell::default(),
            notes: RefCell::default(),
        }
    }

    pub(crate) fn at(&self, line: u32) -> At {
        At {
            file: self.file.clone(),
            line,
        }
    }

    pub(crate) fn problem(&self, line: u32, field: &str, message: impl Into<String>) {
        let problem = self.at(line).problem(field, message);
        self.problems.borrow_mut().push(problem);
    }

    pub(crate) fn note(&self, kind: NoteKind, line: u32, field: &str, message: impl Into<String>) {
        let mut note = self.at(line).note(kind, message);
        note.field = field.to_owned();
        self.notes.borrow_mut().push(note);
    }
}

/// A value and the path to it.
#[derive(Clone, Debug)]
pub(crate) struct Val<'a> {
    reader: &'a Reader,
    path: String,
    line: u32,
    node: &'a Node,
    /// Below a field that is not enforced: only validated.
    unenforced: bool,
}

/// A mapping that stands for a message.
#[derive(Debug)]
pub(crate) struct Obj<'a> {
    reader: &'a Reader,
    schema: &'static Schema,
    path: String,
    line: u32,
    entries: &'a [Entry],
    unenforced: bool,
}

impl<'a> Val<'a> {
    pub(crate) fn root(reader: &'a Reader, node: &'a Node) -> Self {
        Self {
            reader,
            path: String::new(),
            line: node.line,
            node,
            unenforced: false,
        }
    }

    pub(crate) fn at(&self) -> At {
        self.reader.at(self.line)
    }

    pub(crate) fn fail(&self, message: impl Into<String>) {
        self.reader.problem(self.line, &self.path, message);
    }

    pub(crate) fn note(&self, kind: NoteKind, message: impl Into<String>) {
        self.reader.note(kind, self.line, &self.path, message);
    }

    /// Records that Istio knows this value and this version does not enforce it. Nothing is said
    /// below a field that was refused already.
    pub(crate) fn refuse(&self, what: &str) {
        if !self.unenforced {
            self.fail(refusal(what));
        }
    }

    /// A string member of a mapping that has not been read as a message yet.
    pub(crate) fn peek_text(&self, key: &str) -> Option<Arc<str>> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        match &entries.iter().find(|e| &*e.key == key)?.value.value {
            Value::Scalar(s) if s.kind == ScalarKind::Text => Some(s.text.clone()),
            _ => None,
        }
    }

    /// A string below mappings that have not been read as messages, and the line of its key.
    pub(crate) fn peek_path(&self, keys: &[&str]) -> Option<(u32, Arc<str>)> {
        let (mut node, mut line) = (self.node, self.line);
        for key in keys {
            let Value::Map(entries) = &node.value else {
                return None;
            };
            let entry = entries.iter().find(|e| *e.key == **key)?;
            (node, line) = (&entry.value, entry.line);
        }
        match &node.value {
            Value::Scalar(s) if s.kind == ScalarKind::Text => Some((line, s.text.clone())),
            _ => None,
        }
    }

    /// A tree that was found inside this value, at `path`.
    pub(crate) fn within<'b>(&self, node: &'b Node, path: &str) -> Val<'b>
    where
        'a: 'b,
    {
        Val {
            reader: self.reader,
            path: path.to_owned(),
            line: node.line,
            node,
            unenforced: self.unenforced,
        }
    }

    /// Records a problem on another line of the file.
    pub(crate) fn problem_at(&self, line: u32, message: impl Into<String>) {
        self.reader.problem(line, &self.path, message);
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        let is = match &self.node.value {
            Value::Null => "null".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Scalar(s) => match s.kind {
                ScalarKind::Text => format!("`{}`", shorten(&s.text)),
                ScalarKind::Bool => format!("the boolean {}", s.text),
                ScalarKind::Number => format!("the number {}", shorten(&s.text)),
            },
        };
        self.fail(format!("must be {what}, is {is}"));
        None
    }

    fn scalar(&self, kinds: &[ScalarKind]) -> Option<&'a Arc<str>> {
        match &self.node.value {
            Value::Scalar(s) if kinds.contains(&s.kind) => Some(&s.text),
            _ => None,
        }
    }

    pub(crate) fn is_number(&self) -> bool {
        self.scalar(&[ScalarKind::Number]).is_some()
    }

    pub(crate) fn text(&self) -> Option<Arc<str>> {
        match self.scalar(&[ScalarKind::Text]) {
            Some(text) => Some(text.clone()),
            None if matches!(self.node.value, Value::Scalar(_)) => {
                self.expected("a string (put it in quotes)")
            }
            None => self.expected("a string"),
        }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.scalar(&[ScalarKind::Bool]) {
            Some(text) => Some(text.eq_ignore_ascii_case("true")),
            None => self.expected("true or false"),
        }
    }

    /// A number; a quoted one counts, as in proto3's JSON.
    pub(crate) fn number(&self) -> Option<f64> {
        self.scalar(&[ScalarKind::Number, ScalarKind::Text])
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|n| n.is_finite())
            .or_else(|| self.expected("a number"))
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn integer(&self, min: i64, max: i64) -> Option<i64> {
        let parse = |text: &Arc<str>| {
            text.parse::<i64>().ok().or_else(|| {
                let n = text.parse::<f64>().ok()?;
                // Beyond 2^53 a float is no exact integer.
                (n.fract() == 0.0 && n.abs() < 9e15).then_some(n as i64)
            })
        };
        self.scalar(&[ScalarKind::Number, ScalarKind::Text])
            .and_then(parse)
            .filter(|n| (min..=max).contains(n))
            .or_else(|| self.expected(&format!("a whole number from {min} to {max}")))
    }

    pub(crate) fn uint32(&self) -> Option<u32> {
        u32::try_from(self.integer(0, i64::from(u32::MAX))?).ok()
    }

    pub(crate) fn port(&self) -> Option<u16> {
        u16::try_from(self.integer(1, i64::from(u16::MAX))?).ok()
    }

    pub(crate) fn duration(&self) -> Option<Duration> {
        let Some(text) = self.scalar(&[ScalarKind::Text, ScalarKind::Number]) else {
            return self.expected("a duration such as 1.5s");
        };
        duration::parse(text).map_err(|e| self.fail(e)).ok()
    }

    /// A duration of at least a millisecond, which is what Istio's validation asks for.
    pub(crate) fn positive_duration(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration < Duration::from_millis(1) {
            self.fail("must be at least 1ms");
            return None;
        }
        Some(duration)
    }

    /// An enum by name or number.
    pub(crate) fn choice<T: Copy>(&self, values: &[(&str, u32, T)]) -> Option<T> {
        let text = match self.scalar(&[ScalarKind::Text, ScalarKind::Number]) {
            Some(text) => text,
            None => return self.expected("a string"),
        };
        let number = text.parse::<u32>().ok();
        let found = values
            .iter()
            .find(|(name, n, _)| **name == **text || number == Some(*n));
        if let Some((_, _, value)) = found {
            return Some(*value);
        }
        let names: Vec<&str> = values.iter().map(|(name, ..)| *name).collect();
        self.fail(unknown("value", text, nearest(text, names.iter().copied())));
        None
    }

    /// One of some words. A Kubernetes enum has names only, where a proto's has numbers too
    /// ([`choice`](Self::choice)).
    pub(crate) fn keyword<T: Copy>(&self, values: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = values.iter().find(|(name, _)| **name == *text);
        if let Some((_, value)) = found {
            return Some(*value);
        }
        let names = values.iter().map(|(name, _)| *name);
        self.fail(unknown("value", &text, nearest(&text, names)));
        None
    }

    pub(crate) fn list(&self) -> Vec<Val<'a>> {
        match &self.node.value {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(i, node)| Val {
                    reader: self.reader,
                    path: format!("{}[{i}]", self.path),
                    line: node.line,
                    node,
                    unenforced: self.unenforced,
                })
                .collect(),
            _ => self
                .expected::<()>("a list")
                .map_or(Vec::new(), |()| Vec::new()),
        }
    }

    /// A mapping with free keys.
    pub(crate) fn map(&self) -> Vec<(Arc<str>, Val<'a>)> {
        match &self.node.value {
            Value::Map(entries) => entries
                .iter()
                .map(|e| {
                    (
                        e.key.clone(),
                        self.child(e, format!("{}[{}]", self.path, shorten(&e.key))),
                    )
                })
                .collect(),
            _ => self
                .expected::<()>("a mapping")
                .map_or(Vec::new(), |()| Vec::new()),
        }
    }

    /// A mapping from string to string, such as labels.
    pub(crate) fn string_map(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.map()
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.text()?)))
            .collect()
    }

    fn child(&self, entry: &'a Entry, path: String) -> Val<'a> {
        Val {
            reader: self.reader,
            path,
            line: entry.line,
            node: &entry.value,
            unenforced: self.unenforced,
        }
    }

    /// The mapping as a message, its keys checked.
    pub(crate) fn object(&self, schema: &'static Schema) -> Option<Obj<'a>> {
        let entries: &'a [Entry] = match &self.node.value {
            Value::Map(entries) => entries,
            // `- {}` may be spelt `-`: proto3's JSON reads null as unset.
            Value::Null => &[],
            _ => return self.expected("a mapping"),
        };
        let obj = Obj {
            reader: self.reader,
            schema,
            path: self.path.clone(),
            line: self.line,
            entries,
            unenforced: self.unenforced,
        };
        obj.check_keys();
        Some(obj)
    }
}

impl<'a> Obj<'a> {
    pub(crate) fn at(&self) -> At {
        self.reader.at(self.line)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.iter().all(|e| e.value.value == Value::Null)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn check_keys(&self) {
        for (i, entry) in self.entries.iter().enumerate() {
            let name = camel(&entry.key);
            let path = self.path_of(shorten(&entry.key));
            let fail = |message| self.reader.problem(entry.line, &path, message);
            let Some(field) = self.schema.field(&name) else {
                fail(unknown("field", &entry.key, self.schema.nearest(&name)));
                continue;
            };
            if self.entries[..i].iter().any(|e| camel(&e.key) == name) {
                fail(format!("`{name}` is given twice"));
            }
            match field.support {
                _ if self.unenforced => {}
                Support::Enforced | Support::Irrelevant => {}
                Support::Ignored(why) => {
                    self.reader.note(NoteKind::Ignored, entry.line, &path, why);
                }
                Support::NotYet => {
                    fail(refusal(&format!(
                        "{}'s {}.{name}",
                        self.schema.api, self.schema.name
                    )));
                }
            }
        }
    }

    /// Whether a key is none of the message's fields, and so maybe a field misspelt.
    pub(crate) fn has_unknown_field(&self) -> bool {
        let mut keys = self.entries.iter().map(|e| camel(&e.key));
        keys.any(|name| self.schema.field(&name).is_none())
    }

    /// A field that is there and not null.
    pub(crate) fn get(&self, name: &'static str) -> Option<Val<'a>> {
        #[cfg(test)]
        reads::record(self.schema, name);
        let support = self.schema.field(name).map(|f| f.support);
        if support != Some(Support::Enforced) && !(self.unenforced && support.is_some()) {
            let message =
                format!("`{name}` is read, but not declared as enforced: a bug of mesh-xds");
            self.fail(name, message);
            return None;
        }
        self.find(name)
    }

    /// The value of a field that is not enforced, to be validated only.
    pub(crate) fn unenforced(&self, name: &'static str) -> Option<Val<'a>> {
        let mut value = self.find(name)?;
        value.unenforced = true;
        Some(value)
    }

    fn find(&self, name: &str) -> Option<Val<'a>> {
        let entry = self
            .entries
            .iter()
            .find(|e| &*e.key == name || (e.key.contains('_') && camel(&e.key) == name))?;
        (entry.value.value != Value::Null).then(|| Val {
            reader: self.reader,
            path: self.path_of(name),
            line: entry.line,
            node: &entry.value,
            unenforced: self.unenforced,
        })
    }

    /// A field without which the message makes no sense.
    pub(crate) fn required(&self, name: &'static str) -> Option<Val<'a>> {
        let found = self.get(name);
        if found.is_none() {
            self.fail(name, "is required");
        }
        found
    }

    /// Records a problem of the message (`field` empty) or of one of its fields.
    pub(crate) fn fail(&self, field: &str, message: impl Into<String>) {
        let path = if field.is_empty() {
            self.path.clone()
        } else {
            self.path_of(field)
        };
        self.reader.problem(self.line, &path, message);
    }

    pub(crate) fn text(&self, name: &'static str) -> Option<Arc<str>> {
        self.get(name)?.text()
    }

    pub(crate) fn boolean(&self, name: &'static str) -> bool {
        self.get(name).and_then(|v| v.boolean()).unwrap_or(false)
    }

    pub(crate) fn uint32(&self, name: &'static str) -> Option<u32> {
        self.get(name)?.uint32()
    }

    pub(crate) fn duration(&self, name: &'static str) -> Option<Duration> {
        self.get(name)?.positive_duration()
    }

    pub(crate) fn list(&self, name: &'static str) -> Vec<Val<'a>> {
        self.get(name).map_or(Vec::new(), |v| v.list())
    }

    pub(crate) fn map(&self, name: &'static str) -> Vec<(Arc<str>, Val<'a>)> {
        self.get(name).map_or(Vec::new(), |v| v.map())
    }

    pub(crate) fn string_map(&self, name: &'static str) -> Vec<(Arc<str>, Arc<str>)> {
        self.get(name).map_or(Vec::new(), |v| v.string_map())
    }

    pub(crate) fn object(&self, name: &'static str, schema: &'static Schema) -> Option<Obj<'a>> {
        self.get(name)?.object(schema)
    }

    /// Which of a oneof's fields is set; more than one is a problem.
    pub(crate) fn one_of(&self, names: &[&'static str]) -> Option<&'static str> {
        let mut set = names.iter().copied().filter(|n| self.get(n).is_some());
        let first = set.next()?;
        if let Some(second) = set.next() {
            self.fail("", format!("`{first}` and `{second}` exclude each other"));
        }
        Some(first)
    }
}

fn refusal(what: &str) -> String {
    format!("{what} is not supported yet, and is refused rather than ignored")
}

/// `unknown field `x`, did you mean `y`?`
pub(crate) fn unknown(what: &str, name: &str, suggestion: Option<&str>) -> String {
    let name = shorten(name);
    match suggestion {
        Some(s) => format!("unknown {what} `{name}`, did you mean `{s}`?"),
        None => format!("unknown {what} `{name}`"),
    }
}

/// Keeps messages readable when the file is not.
fn shorten(text: &str) -> &str {
    match text.char_indices().nth(80) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
pub(crate) mod reads {
    //! Which fields were read, for the test that every declared field is.

    use std::{cell::RefCell, collections::HashSet};

    use super::Schema;

    thread_local! {
        static READS: RefCell<HashSet<(&'static str, &'static str)>> = RefCell::default();
    }

    pub(super) fn record(schema: &'static Schema, name: &'static str) {
        READS.with_borrow_mut(|reads| reads.insert((schema.name, name)));
    }

    pub(crate) fn all() -> HashSet<(&'static str, &'static str)> {
        READS.with_borrow(Clone::clone)
    }
}
