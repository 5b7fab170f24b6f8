//! No silence: every field of every message, given one at a time, changes what is published, or is
//! refused, or is noted.

mod probes;

use std::collections::{BTreeSet, HashSet};

use mesh_core::policy::Locality;

use self::probes::{Probe, probes};
use super::*;
use crate::file::{Field, Schema, Support, reader::reads, schemas};

/// What a load says.
#[derive(Debug, PartialEq)]
enum Outcome {
    Loaded(Box<mesh_core::Config>, BTreeSet<String>),
    Refused(Vec<String>),
}

const REFUSAL: &str = "is not supported yet";

fn feed(document: &str, field: &str) -> Outcome {
    let client = Client {
        labels: [("app", "web")].into_iter().collect(),
        locality: Locality {
            region: "r1".into(),
            zone: "z1".into(),
            sub_zone: "s1".into(),
        },
        ..client()
    };
    let text = document.replace('@', field);
    match try_load_as(&client, &Registry::new(), &text) {
        Ok(loaded) => {
            let notes = loaded.notes.iter().map(ToString::to_string).collect();
            Outcome::Loaded(Box::new(loaded.config), notes)
        }
        Err(error) => Outcome::Refused(error.problems().iter().map(ToString::to_string).collect()),
    }
}

/// Why the field is passed over in silence, if it is.
fn silence(probe: &Probe, field: &Field, value: &str) -> Option<String> {
    let without = feed(&probe.document, "");
    let with = feed(&probe.document, &format!("{}: {value}", field.name));
    match (&with, field.support) {
        (Outcome::Loaded(_, notes), Support::Ignored(why)) => {
            let noted = notes
                .iter()
                .any(|n| n.starts_with("ignored: ") && n.contains(why));
            (!noted).then(|| format!("is not noted: {notes:#?}"))
        }
        (Outcome::Loaded(..), Support::Enforced) => {
            (with == without).then(|| "changes nothing and is not noted".to_owned())
        }
        (Outcome::Refused(problems), _) if problems.iter().any(|p| !p.contains(REFUSAL)) => {
            Some(format!("is refused for other reasons: {problems:#?}"))
        }
        (Outcome::Refused(_), Support::NotYet | Support::Enforced) if with != without => None,
        // What it is in is refused already: a wrong value is told all the same.
        (Outcome::Refused(_), _) => {
            let wrong = if value.starts_with(['[', '{']) {
                "wrong"
            } else {
                "[[]]"
            };
            let wrong = feed(&probe.document, &format!("{}: {wrong}", field.name));
            (wrong == with).then(|| "is not validated".to_owned())
        }
        (other, _) => Some(format!("{:?}: {other:?}", field.support)),
    }
}

#[test]
fn no_field_is_passed_over_in_silence() {
    let mut unfed: BTreeSet<(&str, &str)> = BTreeSet::new();
    for schema in schemas() {
        let fields = schema.fields.iter();
        let counts = fields.filter(|f| f.support != Support::Irrelevant);
        unfed.extend(counts.map(|f| (schema.name, f.name)));
    }
    let find = |name: &str| -> &'static Schema {
        let found = schemas().into_iter().find(|s| s.name == name);
        found.unwrap_or_else(|| panic!("there is no message `{name}`"))
    };
    let mut failures = Vec::new();
    for probe in probes() {
        let schema = find(probe.schema);
        for (name, value) in probe.fields {
            let field = schema
                .field(name)
                .unwrap_or_else(|| panic!("{}.{name}", schema.name));
            unfed.remove(&(schema.name, field.name));
            if let Some(why) = silence(&probe, field, value) {
                failures.push(format!("{}.{name} {why}", schema.name));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(unfed, BTreeSet::new(), "no document has these fields");

    // What was read is declared, by a message that is in the list.
    let declared: HashSet<_> = schemas()
        .iter()
        .flat_map(|s| s.fields.iter().map(|f| (s.name, f.name)))
        .collect();
    let undeclared: Vec<_> = reads::all().difference(&declared).copied().collect();
    assert_eq!(undeclared, [("", ""); 0]);
}

#[test]
fn no_message_is_declared_twice() {
    let names: Vec<_> = schemas().iter().map(|s| s.name).collect();
    let unique: HashSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    for schema in schemas() {
        let fields: HashSet<_> = schema.fields.iter().map(|f| f.name).collect();
        assert_eq!(fields.len(), schema.fields.len(), "{}", schema.name);
    }
}
