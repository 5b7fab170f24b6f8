//! YAML or JSON into protobuf bytes, by proto3's JSON rules and the table of all fields.
//!
//! The text becomes bytes, and bytes are what translators read, so that a file and a control plane
//! cannot differ in meaning. Every problem has the line of the text. Names are taken as the `.proto`
//! files spell them or in lowerCamelCase; an `Any` has its type under `@type`.

use super::scalar;
use crate::{
    file::{
        node::{Entry, Node, Scalar, ScalarKind, Value},
        schema::{camel, nearest},
    },
    pb::schema::{self, Field, Kind, Message},
    resource::{report::At, walk::is_read},
};

/// The bytes of a message. Useless when problems were recorded.
pub(super) fn encode(at: &At<'_>, node: &Node, message: &'static Message) -> Vec<u8> {
    let mut out = Vec::new();
    match &node.value {
        Value::Map(entries) => fields(at, entries, message, false, &mut out),
        // In YAML an empty message may be spelt as nothing.
        Value::Null => {}
        _ => at.fail(format!("must be a mapping ({})", message.name)),
    }
    out
}

fn fields(
    at: &At<'_>,
    entries: &[Entry],
    message: &'static Message,
    is_any: bool,
    out: &mut Vec<u8>,
) {
    let mut seen: Vec<&Field> = Vec::new();
    // In the order of numbers, as protobuf's own encoders write them.
    let mut parts: Vec<(u32, Vec<u8>)> = Vec::new();
    for entry in entries {
        if is_any && &*entry.key == "@type" {
            continue;
        }
        let name = camel(&entry.key);
        let Some(field) = message.fields.iter().find(|f| camel(f.name) == name) else {
            let names = message.fields.iter().map(|f| f.name);
            at.field(&entry.key).fail(match nearest(&entry.key, names) {
                Some(near) => format!("unknown field, did you mean `{near}`?"),
                None => format!("unknown field of {}", message.name),
            });
            continue;
        };
        let here = at.field(field.name);
        if entry.value.value == Value::Null {
            continue;
        }
        if let Some(first) = seen
            .iter()
            .find(|f| f.number == field.number || f.oneof.is_some() && f.oneof == field.oneof)
        {
            here.fail(if first.number == field.number {
                "is given twice".to_owned()
            } else {
                format!("excludes `{}`", first.name)
            });
        }
        seen.push(field);
        if is_read(&here, field) {
            let mut part = Vec::new();
            value(&here, field, &entry.value, &mut part);
            parts.push((field.number, part));
        }
    }
    parts.sort_by_key(|(number, _)| *number);
    parts
        .iter()
        .for_each(|(_, part)| out.extend_from_slice(part));
}

fn value(at: &At<'_>, field: &Field, node: &Node, out: &mut Vec<u8>) {
    match (&field.kind, &node.value) {
        (Kind::Map(kind), Value::Map(entries)) => {
            for entry in entries.iter() {
                let mut pair = Vec::new();
                delimited(1, entry.key.as_bytes(), &mut pair);
                one(&at.key(&entry.key), 2, kind, &entry.value, &mut pair);
                delimited(field.number, &pair, out);
            }
        }
        (Kind::Map(_), _) => at.fail("must be a mapping"),
        (kind, Value::List(items)) if field.repeated => {
            for (i, item) in items.iter().enumerate() {
                one(&at.index(i), field.number, kind, item, out);
            }
        }
        _ if field.repeated => at.fail("must be a list"),
        (kind, _) if field.oneof.is_none() => implicit(at, field.number, kind, node, out),
        (kind, _) => one(at, field.number, kind, node, out),
    }
}

/// A field without presence: its default is not written, as protobuf's own encoders do it.
fn implicit(at: &At<'_>, number: u32, kind: &Kind, node: &Node, out: &mut Vec<u8>) {
    let start = out.len();
    one(at, number, kind, node, out);
    let has_presence = matches!(
        kind,
        Kind::Message(_) | Kind::Any | Kind::Struct | Kind::Wrapper(_) | Kind::Duration
    );
    let mut tag = Vec::new();
    varint(u64::from(number) << 3, &mut tag);
    // A zero, `false`, an empty text: nothing but zeros behind the tag.
    let value = out.get(start + tag.len()..).unwrap_or_default();
    if !has_presence && value.iter().all(|byte| *byte == 0) {
        out.truncate(start);
    }
}

fn one(at: &At<'_>, number: u32, kind: &Kind, node: &Node, out: &mut Vec<u8>) {
    match kind {
        Kind::Message(message) => delimited(number, &encode(at, node, message), out),
        Kind::Any => delimited(number, &any(at, node), out),
        Kind::Struct => delimited(number, &scalar::structure(at, node), out),
        Kind::Wrapper(kind) => {
            let mut inner = Vec::new();
            implicit(at, 1, kind, node, &mut inner);
            delimited(number, &inner, out);
        }
        Kind::Map(_) => at.fail("a map is no single value"),
        _ => match &node.value {
            Value::Scalar(text) => one_scalar(at, number, kind, text, out),
            _ => at.fail("must be a single value"),
        },
    }
}

fn one_scalar(at: &At<'_>, number: u32, kind: &Kind, scalar: &Scalar, out: &mut Vec<u8>) {
    let text = &*scalar.text;
    let number_of = |value: Option<u64>, what: &str, out: &mut Vec<u8>| match value {
        Some(value) => {
            varint(u64::from(number) << 3, out);
            varint(value, out);
        }
        None => at.fail(format!("must be {what}")),
    };
    match kind {
        Kind::Bool => {
            let value = (scalar.kind == ScalarKind::Bool)
                .then(|| u64::from(text.eq_ignore_ascii_case("true")));
            number_of(value, "true or false", out);
        }
        Kind::Uint32 => {
            let value = scalar::integer(text).and_then(|n| u32::try_from(n).ok());
            number_of(
                value.map(u64::from),
                "a whole number from 0 to 4294967295",
                out,
            );
        }
        Kind::Uint64 => {
            let value = scalar::integer(text).and_then(|n| u64::try_from(n).ok());
            number_of(value, "a whole number of at least 0", out);
        }
        Kind::Int64 => {
            let value = scalar::integer(text).and_then(|n| i64::try_from(n).ok());
            number_of(value.map(i64::cast_unsigned), "a whole number", out);
        }
        Kind::Enum(names) => {
            let number = text.parse::<i32>().ok();
            let known = |(name, n): &&(&str, i32)| *name == text || Some(*n) == number;
            let value = names.values.iter().find(known).map(|(_, n)| *n);
            if value.is_none() {
                let names = names.values.iter().map(|(name, _)| *name);
                let near = nearest(text, names).map(|n| format!(", did you mean `{n}`?"));
                at.fail(format!(
                    "unknown value `{text}`{}",
                    near.unwrap_or_default()
                ));
                return;
            }
            number_of(value.map(|n| i64::from(n).cast_unsigned()), "a name", out);
        }
        Kind::Double => match text.parse::<f64>() {
            Ok(value) => {
                varint(u64::from(number) << 3 | 1, out);
                out.extend(value.to_le_bytes());
            }
            Err(_) => at.fail("must be a number"),
        },
        Kind::String if scalar.kind != ScalarKind::Text => {
            at.fail("must be a string (put it in quotes)");
        }
        Kind::String => delimited(number, text.as_bytes(), out),
        Kind::Bytes => match scalar::base64(text) {
            Some(bytes) => delimited(number, &bytes, out),
            None => at.fail("must be base64"),
        },
        Kind::Duration => match scalar::duration(text) {
            Some(bytes) => delimited(number, &bytes, out),
            None => at.fail("must be a duration in seconds, such as 1.5s"),
        },
        _ => at.fail("is no single value"),
    }
}

/// A message under `@type`. One that is not known is for the translator to judge, by its type alone.
fn any(at: &At<'_>, node: &Node) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(url) = type_url(node) else {
        at.fail("needs an `@type`");
        return out;
    };
    delimited(1, url.as_bytes(), &mut out);
    if let (Some(message), Value::Map(entries)) = (schema::message(url), &node.value) {
        let mut content = Vec::new();
        fields(at, entries, message, true, &mut content);
        delimited(2, &content, &mut out);
    }
    out
}

/// The `@type` of a mapping.
pub(super) fn type_url(node: &Node) -> Option<&str> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    match &entries.iter().find(|e| &*e.key == "@type")?.value.value {
        Value::Scalar(scalar) if scalar.kind == ScalarKind::Text => Some(&scalar.text),
        _ => None,
    }
}

/// A resource that stands by itself, with its type.
pub(super) fn resource(at: &At<'_>, node: &Node, message: &'static Message) -> Vec<u8> {
    let mut out = Vec::new();
    if let Value::Map(entries) = &node.value {
        fields(at, entries, message, true, &mut out);
    }
    out
}

pub(super) fn delimited(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
