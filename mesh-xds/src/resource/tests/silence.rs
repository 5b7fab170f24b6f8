//! Every field of every message, one at a time: something must come of it.

use std::collections::{BTreeMap, BTreeSet};

use mesh_core::Config;
use serde_json::{Map, Value, json};

use crate::{
    EnvoySource,
    file::node::{self, Node, ScalarKind},
    pb::schema::{self, Field, Kind, Message, Support},
    resource::{
        report::{Report, Source},
        walk,
    },
};

const SEEDS: [(&str, &str); 2] = [
    ("static", include_str!("seeds/static.yaml")),
    ("dynamic", include_str!("seeds/dynamic.yaml")),
];

/// Fields of which nothing comes, and rightly: names that only label, and empty messages (each field
/// in them is reported by itself).
const WITHOUT_EFFECT: [(&str, &str); 5] = [
    ("envoy.config.core.v3.TransportSocket", "name"),
    ("envoy.config.core.v3.TypedExtensionConfig", "name"),
    ("envoy.config.listener.v3.Filter", "name"),
    (
        "envoy.config.route.v3.RetryPolicy.RetryHostPredicate",
        "name",
    ),
    (
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig",
        "http_protocol_options",
    ),
];

/// What comes of a document: the config and its notes, or what is wrong with it.
fn outcome(document: &Value) -> String {
    match EnvoySource::parse("seed", &document.to_string()) {
        Ok(loaded) => {
            let Config {
                listeners,
                routes,
                clusters,
                assignments,
            } = loaded.config;
            // In an order that is the same every time.
            let assignments: BTreeMap<_, _> = assignments.into_iter().collect();
            let notes = loaded.notes;
            format!("{listeners:?} {routes:?} {clusters:?} {assignments:?} {notes:?}")
        }
        Err(error) => error.to_string(),
    }
}

/// A field that nobody reads is reported, whatever bytes it has; so is one that the table does not
/// know.
#[test]
fn every_field_that_is_not_read_is_reported() {
    for message in schema::messages() {
        let unknown = Field {
            number: 536_870_911,
            name: "",
            kind: Kind::Bytes,
            repeated: false,
            oneof: None,
            support: Support::Ignored(""),
        };
        for field in message.fields.iter().chain([&unknown]) {
            if matches!(field.support, Support::Read) {
                continue;
            }
            let mut bytes = Vec::new();
            prost::encoding::bytes::encode(field.number, &b"?".to_vec(), &mut bytes);
            let report = Report::new(Source::Xds {
                kind: "".into(),
                resource: "".into(),
                version: "".into(),
            });
            walk::walk(&report.root(), message, &bytes);
            let (problems, ignored) = report.into_findings();
            let found: Vec<_> = problems.iter().chain(&ignored).map(|f| &*f.field).collect();
            assert_eq!(found, [field.name], "{} {}", message.name, field.name);
            let rejected = matches!(field.support, Support::Rejected(_));
            assert_eq!(
                rejected,
                !problems.is_empty(),
                "{} {}",
                message.name,
                field.name
            );
        }
    }
}

#[test]
fn no_field_is_silent() {
    let mut heard = BTreeSet::new();
    let mut met = BTreeSet::new();
    for (name, text) in SEEDS {
        let (roots, errors) = node::parse(text);
        assert_eq!(errors, [], "{name}");
        let document = value(&roots[0]);
        let before = outcome(&document);
        assert!(before.starts_with("[Listener"), "{name}: {before}");
        assert_eq!(before, outcome(&document), "{name}");
        let root = match document.get("resources") {
            Some(_) => None,
            None => schema::message("envoy.config.bootstrap.v3.Bootstrap"),
        };
        let mut walk = Walk {
            document: &document,
            before: &before,
            heard: &mut heard,
            met: &mut met,
        };
        walk.value(&document, root, &mut Vec::new());
    }
    let reachable = reachable();
    let strangers: Vec<_> = reachable.difference(&met).collect();
    assert!(
        strangers.is_empty(),
        "no seed has these messages: {strangers:#?}"
    );
    let mut silent = Vec::new();
    for message in schema::messages()
        .iter()
        .filter(|m| reachable.contains(m.name))
    {
        for field in message.fields {
            let pair = (message.name, field.name);
            if matches!(field.support, Support::Read) && !heard.contains(&pair) {
                silent.push(pair);
            }
        }
    }
    assert_eq!(silent, WITHOUT_EFFECT, "nothing comes of these fields");
}

/// Messages that resources lead to.
fn reachable() -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut todo: Vec<&'static Message> = schema::messages()
        .iter()
        .copied()
        .filter(|m| {
            m.name == "envoy.config.bootstrap.v3.Bootstrap"
                // What an `Any` can hold.
                || m.name.starts_with("envoy.extensions.")
                || m.name == "envoy.config.route.v3.FilterConfig"
        })
        .collect();
    while let Some(message) = todo.pop() {
        if !found.insert(message.name) {
            continue;
        }
        for field in message
            .fields
            .iter()
            .filter(|f| matches!(f.support, Support::Read))
        {
            match field.kind {
                Kind::Message(inner) => todo.push(inner),
                Kind::Map(Kind::Message(inner)) => todo.push(*inner),
                _ => {}
            }
        }
    }
    found
}

/// A walk over a document that tries changes at every message.
struct Walk<'a> {
    document: &'a Value,
    before: &'a str,
    heard: &'a mut BTreeSet<(&'static str, &'static str)>,
    met: &'a mut BTreeSet<&'static str>,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, message: Option<&'static Message>, path: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    path.push(i.to_string());
                    self.value(item, message, path);
                    path.pop();
                }
            }
            Value::Object(members) => {
                let any = members.get("@type").and_then(Value::as_str);
                match any.and_then(schema::message).or(message) {
                    Some(message) => self.message(members, message, path),
                    None => {
                        for (key, member) in members {
                            path.push(key.clone());
                            self.value(member, None, path);
                            path.pop();
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn message(
        &mut self,
        members: &Map<String, Value>,
        message: &'static Message,
        path: &mut Vec<String>,
    ) {
        self.met.insert(message.name);
        for field in message
            .fields
            .iter()
            .filter(|f| matches!(f.support, Support::Read))
        {
            let here = members.get(field.name);
            path.push(field.name.to_owned());
            if !self.heard.contains(&(message.name, field.name)) {
                let others = message
                    .fields
                    .iter()
                    .filter(|f| f.oneof.is_some() && f.oneof == field.oneof);
                let others: Vec<_> = others
                    .map(|f| f.name)
                    .filter(|n| *n != field.name)
                    .collect();
                if candidates(field, here)
                    .into_iter()
                    .any(|c| self.changes(path, &others, c))
                {
                    self.heard.insert((message.name, field.name));
                }
            }
            match (here, field.kind) {
                (Some(value), Kind::Message(inner)) => self.value(value, Some(inner), path),
                (Some(value), Kind::Any) => self.value(value, None, path),
                (Some(Value::Object(entries)), Kind::Map(kind)) => {
                    for (key, value) in entries {
                        path.push(key.clone());
                        let inner = match kind {
                            Kind::Message(inner) => Some(*inner),
                            _ => None,
                        };
                        self.value(value, inner, path);
                        path.pop();
                    }
                }
                _ => {}
            }
            path.pop();
        }
    }

    /// Whether anything comes of `candidate` at `path`, without the others of its oneof.
    fn changes(&self, path: &[String], others: &[&str], candidate: Value) -> bool {
        let Some((last, parents)) = path.split_last() else {
            return false;
        };
        let edited = |edit: &dyn Fn(&mut Map<String, Value>)| {
            let mut document = self.document.clone();
            let at = parents.iter().fold(&mut document, |at, step| match at {
                Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
                other => &mut other[step.as_str()],
            });
            edit(at.as_object_mut().unwrap());
            outcome(&document)
        };
        let without = |members: &mut Map<String, Value>| {
            others.iter().for_each(|other| drop(members.remove(*other)));
        };
        let with = edited(&|members| {
            without(members);
            members.insert(last.clone(), candidate.clone());
        });
        // To take out another of the oneof changes something by itself.
        match others.is_empty() {
            true => with != self.before,
            false => with != edited(&without),
        }
    }
}

/// Values to try, `null` (absent) among them.
fn candidates(field: &Field, here: Option<&Value>) -> Vec<Value> {
    let mut found: Vec<Value> = of_kind(&field.kind);
    if field.repeated {
        let items = here.and_then(Value::as_array).cloned().unwrap_or_default();
        found = found.into_iter().map(|v| json!([v])).collect();
        found.push(json!(items.iter().chain(items.first()).collect::<Vec<_>>()));
    }
    found.push(Value::Null);
    found
}

fn of_kind(kind: &Kind) -> Vec<Value> {
    let values = |v: Value| v.as_array().cloned().unwrap_or_default();
    match kind {
        Kind::Bool => values(json!([true, false])),
        Kind::Double => values(json!([0, 26, 1e9])),
        Kind::Int64 | Kind::Uint32 => values(json!([0, 1, 2, 77, 4_000_000_000_u32])),
        Kind::String => values(json!(["", "zz", "9.9.9.9", "a b", "%"])),
        Kind::Bytes => values(json!(["", "enp6"])),
        Kind::Duration => values(json!(["0s", "1.25s", "-1s"])),
        Kind::Struct => values(json!([{}, {"zz": "1"}, {"zz": 1}])),
        Kind::Any => values(json!([{}, {"@type": "example/Unknown"}])),
        Kind::Message(_) => vec![json!({})],
        Kind::Enum(names) => names.values.iter().map(|(name, _)| json!(name)).collect(),
        Kind::Wrapper(kind) => of_kind(kind),
        Kind::Map(kind) => {
            let entries = of_kind(kind).into_iter();
            entries
                .map(|v| json!({"zz": v}))
                .chain([json!({})])
                .collect()
        }
    }
}

/// A YAML tree as JSON.
fn value(node: &Node) -> Value {
    match &node.value {
        node::Value::Null => Value::Null,
        node::Value::Scalar(scalar) => match scalar.kind {
            ScalarKind::Text => json!(&*scalar.text),
            ScalarKind::Bool => json!(&*scalar.text == "true"),
            ScalarKind::Number => serde_json::from_str(&scalar.text).unwrap(),
        },
        node::Value::List(items) => items.iter().map(value).collect(),
        node::Value::Map(entries) => entries
            .iter()
            .map(|e| (e.key.to_string(), value(&e.value)))
            .collect(),
    }
}
