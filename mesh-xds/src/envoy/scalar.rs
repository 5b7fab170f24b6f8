//! Values of protobuf's own types, as proto3's JSON writes them.

use prost::Message;

use crate::{
    file::node::{Node, ScalarKind, Value},
    pb::protobuf::{self, value::Kind},
    resource::report::At,
};

/// A whole number; `1e3` and `5.0` are some.
pub(super) fn integer(text: &str) -> Option<i128> {
    text.parse().ok().or_else(|| {
        let number = text.parse::<f64>().ok()?;
        // Beyond 2^53 a float is no exact integer.
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i128)
    })
}

/// `1.5s` as a `google.protobuf.Duration`. There is no other unit.
pub(super) fn duration(text: &str) -> Option<Vec<u8>> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text),
    };
    let (whole, fraction) = match text.strip_suffix('s')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text.strip_suffix('s')?, ""),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    let duration = protobuf::Duration {
        seconds: whole.parse::<i64>().ok()?.checked_mul(negative)?,
        nanos: nanos * negative as i32,
    };
    Some(duration.encode_to_vec())
}

/// Base64 with either alphabet, padded or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

/// A mapping of anything as a `google.protobuf.Struct`.
pub(super) fn structure(at: &At<'_>, node: &Node) -> Vec<u8> {
    match value(at, node).kind {
        Some(Kind::StructValue(found)) => found.encode_to_vec(),
        _ => {
            at.fail("must be a mapping");
            Vec::new()
        }
    }
}

fn value(at: &At<'_>, node: &Node) -> protobuf::Value {
    let kind = match &node.value {
        Value::Null => Kind::NullValue(0),
        Value::Scalar(scalar) => match scalar.kind {
            ScalarKind::Text => Kind::StringValue(scalar.text.to_string()),
            ScalarKind::Bool => Kind::BoolValue(scalar.text.eq_ignore_ascii_case("true")),
            ScalarKind::Number => match scalar.text.parse() {
                Ok(number) => Kind::NumberValue(number),
                Err(_) => {
                    at.fail("must be a decimal number");
                    Kind::NullValue(0)
                }
            },
        },
        Value::List(items) => Kind::ListValue(protobuf::ListValue {
            values: items
                .iter()
                .enumerate()
                .map(|(i, n)| value(&at.index(i), n))
                .collect(),
        }),
        Value::Map(entries) => Kind::StructValue(protobuf::Struct {
            fields: entries
                .iter()
                .map(|e| (e.key.to_string(), value(&at.key(&e.key), &e.value)))
                .collect(),
        }),
    };
    protobuf::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<(i64, i32)> {
        let pb = protobuf::Duration::decode(&*duration(text)?).unwrap();
        Some((pb.seconds, pb.nanos))
    }

    #[test]
    fn durations_are_in_seconds() {
        assert_eq!(seconds("1.5s"), Some((1, 500_000_000)));
        assert_eq!(seconds("-0.25s"), Some((0, -250_000_000)));
        assert_eq!(seconds("10s"), Some((10, 0)));
        for wrong in ["10", "1m", ".5s", "1.0000000001s", "s", "1e3s", "+1s"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn base64_has_two_alphabets() {
        assert_eq!(base64("aGk=").as_deref(), Some(&b"hi"[..]));
        assert_eq!(base64("_-8").as_deref(), base64("/+8=").as_deref());
        assert_eq!(base64("a b"), None);
    }
}
