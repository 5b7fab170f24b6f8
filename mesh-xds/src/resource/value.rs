//! The small messages that many others hold.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use mesh_core::policy::{FractionalPercent, Metadata, Name, Percent, Regex};
use prost::Message;

use super::report::At;
use crate::pb::{
    self, core,
    matcher::{RegexMatchAndSubstitute, RegexMatcher},
    protobuf::{self, value::Kind},
    schema::type_name,
    types,
};

/// A duration within protobuf's bounds that is not negative.
pub(super) fn duration(at: &At<'_>, pb: &protobuf::Duration) -> Option<Duration> {
    const MAX_SECONDS: u64 = 315_576_000_000;
    let seconds = u64::try_from(pb.seconds).ok().filter(|s| *s <= MAX_SECONDS);
    let nanos = u32::try_from(pb.nanos).ok().filter(|n| *n < 1_000_000_000);
    match (seconds, nanos) {
        (Some(seconds), Some(nanos)) => Some(Duration::new(seconds, nanos)),
        _ => {
            at.fail("is no duration");
            None
        }
    }
}

/// A duration that may be absent.
pub(super) fn optional_duration(at: &At<'_>, pb: Option<&protobuf::Duration>) -> Option<Duration> {
    duration(at, pb?)
}

/// A duration above 0.
pub(super) fn positive(at: &At<'_>, pb: Option<&protobuf::Duration>) -> Option<Duration> {
    let duration = duration(at, pb?)?;
    if duration.is_zero() {
        at.fail("must be above 0");
        return None;
    }
    Some(duration)
}

/// `None` for an empty text.
pub(super) fn text(value: &str) -> Option<Name> {
    (!value.is_empty()).then(|| value.into())
}

/// A text that must not be empty.
pub(super) fn required_text(at: &At<'_>, value: &str) -> Option<Name> {
    at.required(text(value))
}

pub(super) fn header_name(at: &At<'_>, name: &str) -> Option<HeaderName> {
    if name.is_empty() {
        at.fail("is required");
        return None;
    }
    at.ok(HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{name}` is no header name")))
}

pub(super) fn header_names(at: &At<'_>, names: &[String]) -> Vec<HeaderName> {
    let name = |(i, name): (usize, &String)| header_name(&at.index(i), name);
    names.iter().enumerate().filter_map(name).collect()
}

pub(super) fn header_value(at: &At<'_>, value: &[u8]) -> Option<HeaderValue> {
    at.ok(HeaderValue::from_bytes(value).map_err(|_| "is no header value"))
}

pub(super) fn regex(at: &At<'_>, pb: &RegexMatcher) -> Option<Regex> {
    let at = at.field("regex");
    let pattern = required_text(&at, &pb.regex)?;
    at.ok(Regex::try_new(&pattern))
}

pub(super) fn regex_rewrite(at: &At<'_>, pb: &RegexMatchAndSubstitute) -> Option<(Regex, Name)> {
    let pattern = at.field("pattern");
    let regex = regex(&pattern, pattern.required(pb.pattern.as_ref())?)?;
    Some((regex, pb.substitution.as_str().into()))
}

pub(super) fn fraction(pb: types::FractionalPercent) -> FractionalPercent {
    use types::fractional_percent::DenominatorType;
    match pb.denominator() {
        DenominatorType::Hundred => FractionalPercent::per_hundred(pb.numerator),
        DenominatorType::TenThousand => FractionalPercent::per_ten_thousand(pb.numerator),
        DenominatorType::Million => FractionalPercent::per_million(pb.numerator),
    }
}

pub(super) fn runtime_fraction(
    at: &At<'_>,
    pb: &core::RuntimeFractionalPercent,
) -> Option<FractionalPercent> {
    let at = at.field("default_value");
    at.required(pb.default_value).map(fraction)
}

/// `envoy.type.v3.Percent`, rounded as Envoy rounds it.
pub(super) fn percent(at: &At<'_>, pb: types::Percent) -> Option<Percent> {
    if !(0.0..=100.0).contains(&pb.value) {
        at.fail(format!("{} is not a percentage from 0 to 100", pb.value));
        return None;
    }
    // From 0 to 100, so that nothing is cut off.
    at.ok(Percent::try_new(pb.value.round() as u32))
}

/// A percentage in a `UInt32Value`.
pub(super) fn whole_percent(at: &At<'_>, value: Option<u32>) -> Option<Percent> {
    at.ok(Percent::try_new(value?))
}

/// `filter_metadata["envoy.lb"]` of an endpoint. Other namespaces are listed as ignored, and so are
/// values that are no strings: no subset that is asked for has them.
pub(super) fn endpoint_metadata(at: &At<'_>, pb: Option<&core::Metadata>) -> Metadata {
    lb_metadata(at, pb, |at| at.ignored("only strings are compared"))
}

/// `filter_metadata["envoy.lb"]` of what asks for a subset.
pub(super) fn wanted_metadata(at: &At<'_>, pb: Option<&core::Metadata>) -> Metadata {
    lb_metadata(at, pb, not_a_string)
}

fn lb_metadata(at: &At<'_>, pb: Option<&core::Metadata>, other: fn(&At<'_>)) -> Metadata {
    let Some(pb) = pb else {
        return Metadata::EMPTY;
    };
    let at = at.field("filter_metadata");
    let mut found = Metadata::EMPTY;
    for (namespace, values) in &pb.filter_metadata {
        let at = at.key(namespace);
        if namespace == "envoy.lb" {
            found = strings_or(&at, values, other);
        } else {
            at.ignored("only filter_metadata[envoy.lb] is read");
        }
    }
    found
}

/// The strings of a struct. Other values are rejected: they compare unequal to any string.
pub(super) fn strings(at: &At<'_>, pb: &protobuf::Struct) -> Metadata {
    strings_or(at, pb, not_a_string)
}

fn not_a_string(at: &At<'_>) {
    at.fail("only strings are supported");
}

fn strings_or(at: &At<'_>, pb: &protobuf::Struct, other: fn(&At<'_>)) -> Metadata {
    let string = |(key, value): (&String, &protobuf::Value)| match &value.kind {
        Some(Kind::StringValue(text)) => Some((Name::from(&**key), Name::from(&**text))),
        _ => {
            other(&at.key(key));
            None
        }
    };
    pb.fields.iter().filter_map(string).collect()
}

/// The message in an `Any`, if it is one of this type.
pub(super) fn unpack<M: Message + prost::Name + Default>(
    at: &At<'_>,
    any: &protobuf::Any,
) -> Option<M> {
    if type_name(&any.type_url) != M::full_name() {
        at.fail(format!(
            "must be {}, is {}",
            M::full_name(),
            type_name(&any.type_url)
        ));
        return None;
    }
    at.ok(M::decode(&*any.value))
}

/// The message of an extension that has one type only.
pub(super) fn extension<M: Message + prost::Name + Default>(
    at: &At<'_>,
    pb: &core::TypedExtensionConfig,
) -> Option<M> {
    let at = at.field("typed_config");
    unpack(&at, at.required(pb.typed_config.as_ref())?)
}

/// Whether an `Any` holds this type.
pub(super) fn is<M: prost::Name>(any: &pb::protobuf::Any) -> bool {
    type_name(&any.type_url) == M::full_name()
}
