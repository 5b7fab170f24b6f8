//! Walks over a message's bytes by the table of all fields, and reports every field that is not read.
//!
//! This is what keeps anything from being ignored in silence: it sees what prost drops, also fields
//! that are newer than the table.

use std::fmt;

use super::report::At;
use crate::pb::schema::{self, Field, Kind, Message, Support};

/// Deeper nesting is rejected; prost's own limit is 100.
const MAX_DEPTH: usize = 64;

/// Bytes that are no protobuf message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no protobuf message")
    }
}

/// Reports what is not read of a message.
pub(super) fn walk(at: &At<'_>, message: &'static Message, bytes: &[u8]) {
    if let Err(error) = fields(at, message, bytes, 0) {
        at.fail(error.to_string());
    }
}

fn fields(
    at: &At<'_>,
    message: &'static Message,
    mut bytes: &[u8],
    depth: usize,
) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        at.fail("is nested too deeply");
        return Ok(());
    }
    let mut counts: Vec<(u32, usize)> = Vec::new();
    while !bytes.is_empty() {
        let (number, value) = next(&mut bytes)?;
        let Some(field) = message.field(number) else {
            at.ignored(format!("field {number} of {} is not known", message.name));
            continue;
        };
        let here = at.field(field.name);
        if !is_read(&here, field) {
            continue;
        }
        if !field.repeated {
            one(&here, &field.kind, &value, depth)?;
            continue;
        }
        let count = match counts.iter_mut().find(|(n, _)| *n == number) {
            Some((_, count)) => count,
            None => {
                counts.push((number, 0));
                &mut counts.last_mut().ok_or(Malformed)?.1
            }
        };
        one(&here.index(*count), &field.kind, &value, depth)?;
        *count += 1;
    }
    Ok(())
}

/// Reports a field that is not read.
pub(crate) fn is_read(at: &At<'_>, field: &Field) -> bool {
    match field.support {
        Support::Read => return true,
        Support::Ignored(why) => at.ignored(why),
        Support::Unsupported(why) => at.unsupported(why),
        Support::Rejected("") => at.fail("is not supported"),
        Support::Rejected(why) => at.fail(format!("is not supported ({why})")),
    }
    false
}

fn one(at: &At<'_>, kind: &Kind, value: &Wire<'_>, depth: usize) -> Result<(), Malformed> {
    match (kind, value) {
        (Kind::Message(message), Wire::Bytes(bytes)) => fields(at, message, bytes, depth + 1),
        (Kind::Map(kind), Wire::Bytes(bytes)) => entry(at, kind, bytes, depth),
        (Kind::Any, Wire::Bytes(bytes)) => any(at, bytes, depth),
        (Kind::Enum(known), Wire::Number(number)) => {
            // An enum is an int32, sign-extended to 64 bits on the wire.
            let number = *number as i32;
            if !known.values.iter().any(|(_, n)| *n == number) {
                at.fail(format!("unknown value {number}"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn entry(at: &At<'_>, kind: &Kind, mut bytes: &[u8], depth: usize) -> Result<(), Malformed> {
    let (mut key, mut values) = ("", Vec::new());
    while !bytes.is_empty() {
        match next(&mut bytes)? {
            (1, Wire::Bytes(text)) => key = std::str::from_utf8(text).map_err(|_| Malformed)?,
            (2, value) => values.push(value),
            _ => {}
        }
    }
    values
        .iter()
        .try_for_each(|v| one(&at.key(key), kind, v, depth + 1))
}

/// The content of an `Any` of a known type. An unknown one is for the translator to judge.
fn any(at: &At<'_>, mut bytes: &[u8], depth: usize) -> Result<(), Malformed> {
    let (mut url, mut content) = ("", &[][..]);
    while !bytes.is_empty() {
        match next(&mut bytes)? {
            (1, Wire::Bytes(text)) => url = std::str::from_utf8(text).map_err(|_| Malformed)?,
            (2, Wire::Bytes(value)) => content = value,
            _ => {}
        }
    }
    match schema::message(url) {
        Some(message) => fields(at, message, content, depth + 1),
        None => Ok(()),
    }
}

/// A value as it is on the wire.
enum Wire<'a> {
    Number(u64),
    Fixed,
    Bytes(&'a [u8]),
}

/// Takes the next field.
fn next<'a>(bytes: &mut &'a [u8]) -> Result<(u32, Wire<'a>), Malformed> {
    let tag = varint(bytes)?;
    let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
    let value = match tag & 7 {
        0 => Wire::Number(varint(bytes)?),
        1 => take(bytes, 8).map(|_| Wire::Fixed)?,
        2 => {
            let length = usize::try_from(varint(bytes)?).map_err(|_| Malformed)?;
            Wire::Bytes(take(bytes, length)?)
        }
        5 => take(bytes, 4).map(|_| Wire::Fixed)?,
        // Groups are not part of proto3.
        _ => return Err(Malformed),
    };
    Ok((number, value))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Malformed)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}
