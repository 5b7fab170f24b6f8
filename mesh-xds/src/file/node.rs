//! YAML text into a tree that remembers its lines.
//!
//! The tree is built from the parser's events rather than through serde, for three reasons: every
//! key and value keeps its line; a scalar keeps its spelling (`version: 1.10` as a label would
//! lose its zero as a float); and one broken document does not hide the others, since the parser
//! can go on at the next `---`.
//!
//! Hostile input is bounded: nesting by [`MAX_DEPTH`], aliases by [`MAX_ALIAS_NODES`]. Aliased
//! collections are shared, not copied, so the second bound is about the work of walking them.

use std::{collections::HashMap, sync::Arc};

use granit_parser::{Event, Options, Parser, ScalarStyle, Tag};

/// The deepest nesting of flow and, separately, of block collections.
const MAX_DEPTH: usize = 64;

/// How many nodes all aliases of one document may stand for.
const MAX_ALIAS_NODES: usize = 100_000;

/// A value and the line it starts on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) value: Value,
}

impl Node {
    /// Adds `lines` to the line of every node, for text that was found inside another.
    pub(crate) fn move_down(&mut self, lines: u32) {
        self.line = self.line.saturating_add(lines);
        match &mut self.value {
            Value::Null | Value::Scalar(_) => {}
            Value::List(items) => {
                Arc::make_mut(items)
                    .iter_mut()
                    .for_each(|node| node.move_down(lines));
            }
            Value::Map(entries) => {
                for entry in Arc::make_mut(entries) {
                    entry.line = entry.line.saturating_add(lines);
                    entry.value.move_down(lines);
                }
            }
        }
    }
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Scalar(Scalar),
    List(Arc<Vec<Node>>),
    Map(Arc<Vec<Entry>>),
}

/// A scalar as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) text: Arc<str>,
    pub(crate) kind: ScalarKind,
}

/// What a scalar is by YAML 1.2's core schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarKind {
    Text,
    Bool,
    Number,
}

/// One key of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    pub(crate) line: u32,
    pub(crate) value: Node,
}

/// A fault of the YAML itself.
#[derive(Debug, PartialEq)]
pub(crate) struct YamlError {
    pub(crate) line: u32,
    pub(crate) message: String,
}

/// All documents of `text` that are not empty, and everything wrong with the text.
pub(crate) fn parse(text: &str) -> (Vec<Node>, Vec<YamlError>) {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::default();
    loop {
        match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => break,
            Some(Ok((event, span))) => builder.event(event, line(span.start.line())),
            Some(Err(error)) => {
                builder.error(line(error.marker().line()), error.info());
                builder.abandon();
                if !matches!(parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
    (builder.documents, builder.errors)
}

fn line(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// A node with what the bounds need to know of it.
#[derive(Clone)]
struct Built {
    node: Node,
    /// Nodes in it, itself and expanded aliases included.
    size: usize,
    /// 1 for a scalar.
    height: usize,
    /// A plain `<<`.
    merge: bool,
}

/// A collection whose end has not come yet.
struct Open {
    line: u32,
    anchor: usize,
    size: usize,
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        seen: HashMap<Arc<str>, u32>,
        merges: Vec<Node>,
        key: Option<Key>,
    },
}

enum Key {
    Name(Arc<str>, u32),
    Merge,
    /// Its value is dropped: the key was refused.
    Refused,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    errors: Vec<YamlError>,
    open: Vec<Open>,
    anchors: HashMap<usize, Built>,
    alias_nodes: usize,
}

impl Builder {
    fn error(&mut self, line: u32, message: impl Into<String>) {
        self.errors.push(YamlError {
            line,
            message: message.into(),
        });
    }

    /// Forgets the document under way.
    fn abandon(&mut self) {
        self.open.clear();
        self.anchors.clear();
        self.alias_nodes = 0;
    }

    fn event(&mut self, event: Event<'_>, line: u32) {
        match event {
            Event::DocumentStart(..) => self.abandon(),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let merge = plain && tag.is_none() && text == "<<";
                let value = self.scalar(text.into(), plain, tag.as_deref(), line);
                self.attach(
                    Built {
                        node: Node { line, value },
                        size: 1,
                        height: 1,
                        merge,
                    },
                    anchor,
                );
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", line);
                self.start(line, anchor, Content::List(Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", line);
                self.start(
                    line,
                    anchor,
                    Content::Map {
                        entries: Vec::new(),
                        seen: HashMap::new(),
                        merges: Vec::new(),
                        key: None,
                    },
                );
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(id) => {
                let built = self.alias(id, line);
                self.attach(built, 0);
            }
            _ => {}
        }
    }

    fn scalar(&mut self, text: Arc<str>, plain: bool, tag: Option<&Tag>, line: u32) -> Value {
        let resolved = match (tag.map(Tag::core_suffix), plain) {
            (None, true) => resolve(&text),
            (None, false) | (Some(Some("str")), _) => Some(ScalarKind::Text),
            (Some(Some("null" | "bool" | "int" | "float")), _) => resolve(&text),
            (Some(_), _) => {
                self.error(line, "this YAML tag is not supported");
                None
            }
        };
        match resolved {
            Some(kind) => Value::Scalar(Scalar { text, kind }),
            None => Value::Null,
        }
    }

    fn check_tag(&mut self, tag: Option<&Tag>, expected: &str, line: u32) {
        if tag.is_some_and(|t| t.core_suffix() != Some(expected)) {
            self.error(line, "this YAML tag is not supported");
        }
    }

    fn start(&mut self, line: u32, anchor: usize, content: Content) {
        self.open.push(Open {
            line,
            anchor,
            size: 1,
            height: 1,
            content,
        });
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let value = match open.content {
            Content::List(items) => Value::List(items.into()),
            Content::Map {
                mut entries,
                mut seen,
                merges,
                ..
            } => {
                for merged in merges {
                    self.merge(&merged, &mut entries, &mut seen);
                }
                Value::Map(entries.into())
            }
        };
        self.attach(
            Built {
                node: Node {
                    line: open.line,
                    value,
                },
                size: open.size,
                height: open.height,
                merge: false,
            },
            open.anchor,
        );
    }

    /// `<<: *defaults`: the keys that the mapping does not have itself.
    fn merge(
        &mut self,
        merged: &Node,
        entries: &mut Vec<Entry>,
        seen: &mut HashMap<Arc<str>, u32>,
    ) {
        match &merged.value {
            Value::Map(from) => {
                for entry in from.iter() {
                    if !seen.contains_key(&entry.key) {
                        seen.insert(entry.key.clone(), entry.line);
                        entries.push(entry.clone());
                    }
                }
            }
            Value::List(items) if items.iter().all(|n| matches!(n.value, Value::Map(_))) => {
                for item in items.iter() {
                    self.merge(item, entries, seen);
                }
            }
            _ => self.error(
                merged.line,
                "`<<` must name a mapping or a list of mappings",
            ),
        }
    }

    fn alias(&mut self, id: usize, line: u32) -> Built {
        let null = Built {
            node: Node {
                line,
                value: Value::Null,
            },
            size: 1,
            height: 1,
            merge: false,
        };
        // An alias inside its own anchor finds nothing, for that anchor has not ended.
        let Some(target) = self.anchors.get(&id).cloned() else {
            self.error(line, "this alias refers to a collection that contains it");
            return null;
        };
        self.alias_nodes = self.alias_nodes.saturating_add(target.size);
        if self.alias_nodes > MAX_ALIAS_NODES {
            self.error(
                line,
                format!("aliases stand for more than {MAX_ALIAS_NODES} nodes"),
            );
            return null;
        }
        if self.open.len() + target.height > 2 * MAX_DEPTH {
            self.error(line, "aliases nest too deeply");
            return null;
        }
        Built {
            merge: false,
            ..target
        }
    }

    fn attach(&mut self, built: Built, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            if built.node.value != Value::Null {
                self.documents.push(built.node);
            }
            return;
        };
        parent.size = parent.size.saturating_add(built.size);
        parent.height = parent.height.max(built.height.saturating_add(1));
        let line = built.node.line;
        let refused = match &mut parent.content {
            Content::List(items) => {
                items.push(built.node);
                None
            }
            Content::Map {
                entries,
                seen,
                merges,
                key,
            } => match key.take() {
                None => {
                    let (next, refused) = as_key(built, seen);
                    *key = Some(next);
                    refused
                }
                Some(Key::Refused) => None,
                Some(Key::Merge) => {
                    merges.push(built.node);
                    None
                }
                Some(Key::Name(key, line)) => {
                    entries.push(Entry {
                        key,
                        line,
                        value: built.node,
                    });
                    None
                }
            },
        };
        if let Some(message) = refused {
            self.error(line, message);
        }
    }
}

/// A mapping's next key, or why it cannot be one.
fn as_key(built: Built, seen: &mut HashMap<Arc<str>, u32>) -> (Key, Option<String>) {
    let line = built.node.line;
    let name = match built.node.value {
        _ if built.merge => return (Key::Merge, None),
        Value::Scalar(scalar) => scalar.text,
        Value::Null => {
            return (Key::Refused, Some("a key must not be null".to_owned()));
        }
        Value::List(_) | Value::Map(_) => {
            return (Key::Refused, Some("a key must be a scalar".to_owned()));
        }
    };
    match seen.get(&name) {
        Some(first) => {
            let message = format!("duplicate key `{name}`, first on line {first}");
            (Key::Refused, Some(message))
        }
        None => {
            seen.insert(name.clone(), line);
            (Key::Name(name, line), None)
        }
    }
}

/// YAML 1.2's core schema; `None` is null.
fn resolve(text: &str) -> Option<ScalarKind> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => None,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Some(ScalarKind::Bool),
        _ if is_number(text) => Some(ScalarKind::Number),
        _ => Some(ScalarKind::Text),
    }
}

fn is_number(text: &str) -> bool {
    let radix = |prefix, radix| {
        text.strip_prefix(prefix)
            .is_some_and(|d: &str| !d.is_empty() && d.chars().all(|c| c.is_digit(radix)))
    };
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(
        unsigned,
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) || radix("0x", 16)
        || radix("0o", 8)
        || (unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && unsigned.ends_with(|c: char| c.is_ascii_digit() || c == '.')
            && unsigned.parse::<f64>().is_ok())
}
