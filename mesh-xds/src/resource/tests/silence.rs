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

/// Fields of which nothing comes, and rightly: names that only label, the one direction there may be,
/// and whether a filter that is known, as all of the seeds' are, is optional.
const WITHOUT_EFFECT: [(&str, &str); 8] = [
    ("envoy.config.cluster.v3.Cluster.CustomClusterType", "name"),
    ("envoy.config.core.v3.TransportSocket", "name"),
    ("envoy.config.core.v3.TypedExtensionConfig", "name"),
    ("envoy.config.listener.v3.Filter", "name"),
    ("envoy.config.listener.v3.Listener", "traffic_direction"),
    (
        "envoy.config.route.v3.RetryPolicy.RetryHostPredicate",
        "name",
    ),
    ("envoy.config.route.v3.FilterConfig", "is_optional"),
    (HTTP_FILTER, "is_optional"),
];

/// Fields that have an effect at some places and rightly none at others: the name of a static cluster's
/// own endpoints, the name of a filter that no route speaks to, and what else is said about one that is
/// unknown and so listed.
const SOMETIMES: [(&str, &str); 4] = [
    (
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name",
    ),
    ("envoy.config.route.v3.FilterConfig", "disabled"),
    (HTTP_FILTER, "disabled"),
    (HTTP_FILTER, "name"),
];

const HTTP_FILTER: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter";

/// What comes of a document: the config and its notes, or nothing when it is rejected.
type Outcome = Option<(String, String)>;

fn outcome(document: &Value) -> Outcome {
    let loaded = EnvoySource::parse("seed", &document.to_string()).ok()?;
    let Config {
        listeners,
        routes,
        clusters,
        assignments,
    } = loaded.config;
    // In an order that is the same every time.
    let assignments: BTreeMap<_, _> = assignments.into_iter().collect();
    Some((
        format!("{listeners:?} {routes:?} {clusters:?} {assignments:?}"),
        format!("{:?}", loaded.notes),
    ))
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

/// At every place where a seed has a message, each of its fields: a value that is accepted changes the
/// config, or every value (but those that say what holds anyway) is rejected or noted.
#[test]
fn no_field_is_silent() {
    let mut heard = BTreeMap::new();
    let mut met = BTreeSet::new();
    for (name, document) in documents() {
        let before = outcome(&document).expect(&name);
        assert_eq!(Some(&before), outcome(&document).as_ref(), "{name}");
        let root = match document.get("resources") {
            Some(_) => None,
            None => schema::message("envoy.config.bootstrap.v3.Bootstrap"),
        };
        let mut walk = Walk {
            document: &document,
            before,
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
    let pairs = |wanted: fn(&Heard) -> bool| -> BTreeSet<_> {
        let found = heard.iter().filter(|(_, heard)| wanted(heard));
        found
            .map(|((_, message, field), _)| (*message, *field))
            .collect()
    };
    let (silent, effective) = (pairs(Heard::is_silent), pairs(|heard| heard.changed));
    let listed: BTreeSet<_> = WITHOUT_EFFECT.into_iter().chain(SOMETIMES).collect();
    let places: Vec<_> = heard
        .iter()
        .filter(|((_, message, field), heard)| {
            heard.is_silent() && !listed.contains(&(*message, *field))
        })
        .collect();
    assert!(places.is_empty(), "nothing comes of these: {places:#?}");
    assert_eq!(silent, listed, "something comes of these everywhere");
    let sometimes: Vec<_> = listed.intersection(&effective).copied().collect();
    assert_eq!(sometimes, SOMETIMES);
}

/// The seeds; of the bootstrap's clusters and listeners one at a time, to have less to read each time.
fn documents() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, text) in SEEDS {
        let (roots, errors) = node::parse(text);
        assert_eq!(errors, [], "{name}");
        let mut document = value(&roots[0]);
        for kind in ["listeners", "clusters"] {
            let list = document.pointer_mut(&format!("/static_resources/{kind}"));
            let Some(Value::Array(list)) = list.map(Value::take) else {
                continue;
            };
            for (i, one) in list.into_iter().enumerate() {
                let resources = json!({ kind: [one] });
                let part = json!({ "static_resources": resources });
                found.push((format!("{name} {kind}[{i}]"), part));
            }
        }
        found.push((name.to_owned(), document));
    }
    found
}

/// A place: the path without indexes, the message there and its field.
type Place = (String, &'static str, &'static str);

/// What has come of the values of one field at one place.
#[derive(Debug, Default)]
struct Heard {
    /// One was accepted and changed the config.
    changed: bool,
    /// These were accepted and changed nothing, and nothing was said.
    passed_over: BTreeSet<String>,
}

impl Heard {
    fn is_silent(&self) -> bool {
        !self.changed && !self.passed_over.is_empty()
    }
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
    before: (String, String),
    heard: &'a mut BTreeMap<Place, Heard>,
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
            let steps = path.iter().filter(|step| step.parse::<usize>().is_err());
            let place = steps.map(String::as_str).collect::<Vec<_>>().join(".");
            let place = (place, message.name, field.name);
            let mut heard = self.heard.remove(&place).unwrap_or_default();
            let others = message
                .fields
                .iter()
                .filter(|f| f.oneof.is_some() && f.oneof == field.oneof);
            let others: Vec<_> = others
                .map(|f| f.name)
                .filter(|n| *n != field.name)
                .collect();
            for candidate in candidates(field, here) {
                if heard.changed {
                    break;
                }
                self.hear(path, field, &others, here, candidate, &mut heard);
            }
            self.heard.insert(place, heard);
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

    /// What comes of `candidate` at `path`, without the others of its oneof.
    fn hear(
        &self,
        path: &[String],
        field: &Field,
        others: &[&str],
        here: Option<&Value>,
        candidate: Value,
        heard: &mut Heard,
    ) {
        let Some((last, parents)) = path.split_last() else {
            return;
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
        let Some((config, notes)) = with else {
            return;
        };
        // To take out another of the oneof changes something by itself.
        let alone = match others.is_empty() {
            true => None,
            false => edited(&without),
        };
        let (config_before, notes_before) = alone.as_ref().unwrap_or(&self.before);
        if config != *config_before {
            heard.changed = true;
        } else if notes == *notes_before
            && here != Some(&candidate)
            && !is_default(field, &candidate)
        {
            heard.passed_over.insert(candidate.to_string());
        }
    }
}

/// Whether a value says what an absent one does (the fields of a message are heard by themselves).
fn is_default(field: &Field, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => match field.kind {
            Kind::Enum(names) => names.values.contains(&(text.as_str(), 0)),
            _ => text.is_empty(),
        },
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
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
        Kind::Uint64 => values(json!([0, 11, 499, 4_000_000_000_u32])),
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
