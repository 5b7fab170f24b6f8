//! The small messages that many others hold.

use std::time::Duration;

use mesh_core::policy::{FractionalPercent, Metadata, Name, Percent, Regex};
use prost::Message;

use super::Encoder;
use crate::pb::{
    core,
    matcher::{RegexMatchAndSubstitute, RegexMatcher},
    protobuf::{self, Any, value::Kind},
    types::{self, fractional_percent::DenominatorType},
};

/// A message in an envelope with its type.
pub(super) fn any<M: Message + prost::Name>(pb: &M) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: pb.encode_to_vec(),
    }
}

/// An extension, by the name that Envoy knows it by.
pub(super) fn extension<M: Message + prost::Name>(
    name: &str,
    pb: &M,
) -> core::TypedExtensionConfig {
    core::TypedExtensionConfig {
        name: name.to_owned(),
        typed_config: Some(any(pb)),
    }
}

/// Longer than protobuf's longest is as long as that: ten thousand years.
pub(super) fn duration(duration: Duration) -> protobuf::Duration {
    const MAX_SECONDS: i64 = 315_576_000_000;
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(MAX_SECONDS);
    protobuf::Duration {
        seconds: seconds.min(MAX_SECONDS),
        nanos: duration.subsec_nanos().cast_signed(),
    }
}

pub(super) fn percent(percent: Percent) -> types::Percent {
    types::Percent {
        value: f64::from(percent.get()),
    }
}

pub(super) fn regex(regex: &Regex) -> RegexMatcher {
    RegexMatcher {
        regex: regex.as_str().to_owned(),
    }
}

pub(super) fn regex_rewrite(pattern: &Regex, substitution: &Name) -> RegexMatchAndSubstitute {
    RegexMatchAndSubstitute {
        pattern: Some(regex(pattern)),
        substitution: substitution.to_string(),
    }
}

/// Labels in the namespace of the load balancer; nothing when there are none.
pub(super) fn lb_metadata(labels: &Metadata) -> Option<core::Metadata> {
    let filter_metadata = [("envoy.lb".to_owned(), structure(labels))].into();
    (!labels.is_empty()).then_some(core::Metadata { filter_metadata })
}

pub(super) fn structure(labels: &Metadata) -> protobuf::Struct {
    let pair = |(key, value): (&str, &str)| {
        let kind = Some(Kind::StringValue(value.to_owned()));
        (key.to_owned(), protobuf::Value { kind })
    };
    protobuf::Struct {
        fields: labels.iter().map(pair).collect(),
    }
}

impl Encoder<'_> {
    /// A denominator that Envoy does not have becomes parts of a million.
    pub(super) fn fraction(&mut self, fraction: FractionalPercent) -> types::FractionalPercent {
        let (numerator, denominator) = match fraction.denominator() {
            100 => (fraction.numerator(), DenominatorType::Hundred),
            10_000 => (fraction.numerator(), DenominatorType::TenThousand),
            1_000_000 => (fraction.numerator(), DenominatorType::Million),
            denominator => {
                self.lost(
                    "fraction",
                    format!(
                        "is {}/{denominator}, of which xDS has parts of a million only",
                        fraction.numerator()
                    ),
                );
                // At most 1,000,000.
                let parts = u64::from(fraction.numerator()) * 1_000_000 / u64::from(denominator);
                (
                    u32::try_from(parts).unwrap_or(1_000_000),
                    DenominatorType::Million,
                )
            }
        };
        types::FractionalPercent {
            numerator,
            denominator: denominator.into(),
        }
    }

    pub(super) fn runtime_fraction(
        &mut self,
        fraction: FractionalPercent,
    ) -> core::RuntimeFractionalPercent {
        core::RuntimeFractionalPercent {
            default_value: Some(self.fraction(fraction)),
        }
    }

    /// A header's value, which must be text where xDS has strings.
    pub(super) fn text(&mut self, field: &str, value: &http::HeaderValue) -> String {
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                self.lost(field, "is no UTF-8, and xDS has text only");
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            }
        }
    }
}
