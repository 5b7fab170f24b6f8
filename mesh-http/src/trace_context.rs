//! W3C Trace Context (Level 1; Level 2's random flag is kept): `traceparent` and `tracestate`.
//!
//! Reading is strict, since a wrong id is worse than none: a `traceparent` that breaks a rule is
//! ignored with its `tracestate`, and a bad `tracestate` alone is dropped. Writing costs one
//! allocation, for the `traceparent` value.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use self::state::parse_state;

mod state;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of a version 00 `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`.
const LENGTH: usize = 55;

/// A position in a distributed trace: the trace, and the span that is the parent of what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: TraceFlags,
    state: Option<HeaderValue>,
}

/// `trace-flags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// The caller may have recorded the trace, and so should we.
    pub const SAMPLED: Self = Self(1);
    /// The right half of the trace id is random (Level 2).
    pub const RANDOM: Self = Self(2);

    /// Flags from bits. Undefined ones are cleared: they must not be passed on (§3.2.2.5).
    pub const fn new(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED.0 | Self::RANDOM.0))
    }

    /// As bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Both sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether [`SAMPLED`](Self::SAMPLED) is set.
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }
}

impl TraceContext {
    /// A context without `tracestate`; `None` when an id is zero, which means "invalid" on the wire.
    pub const fn new(trace_id: u128, span_id: u64, flags: TraceFlags) -> Option<Self> {
        if trace_id == 0 || span_id == 0 {
            return None;
        }
        Some(Self {
            trace_id,
            span_id,
            flags,
            state: None,
        })
    }

    /// A new trace from three random draws.
    pub const fn root(random: [u64; 3], sampled: bool) -> Self {
        let sampling = TraceFlags::new(sampled as u8);
        Self {
            trace_id: ((random[0] as u128) << 64) | nonzero(random[1]) as u128,
            span_id: nonzero(random[2]),
            flags: TraceFlags::RANDOM.or(sampling),
            state: None,
        }
    }

    /// The same trace with a span of our own, whose id is `random`, as the next parent.
    #[must_use]
    pub fn child(&self, random: u64) -> Self {
        Self {
            span_id: nonzero(random),
            ..self.clone()
        }
    }

    /// Never zero.
    pub const fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// `parent-id` on the wire; never zero.
    pub const fn span_id(&self) -> u64 {
        self.span_id
    }

    /// The flags.
    pub const fn flags(&self) -> TraceFlags {
        self.flags
    }

    /// `tracestate`, if there was a valid one.
    pub fn state(&self) -> Option<&str> {
        // What `extract` keeps is ASCII.
        self.state.as_ref()?.to_str().ok()
    }

    /// Reads the context of a message.
    pub fn extract(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let parent = parents.next()?;
        if parents.next().is_some() {
            return None;
        }
        let mut context = Self::parse_parent(parent.as_bytes())?;
        context.state = parse_state(headers);
        Some(context)
    }

    /// Writes this context over whatever the message had: one allocation.
    pub fn inject(&self, headers: &mut HeaderMap) {
        let text = self.to_parent();
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
        match &self.state {
            Some(state) => headers.insert(TRACESTATE, state.clone()),
            None => headers.remove(TRACESTATE),
        };
    }

    /// Reads a `traceparent` value (§3.2.2). A future version is read as far as version 00 goes
    /// (§3.2.4); `ff` is no version.
    pub fn parse_parent(text: &[u8]) -> Option<Self> {
        let (fields, rest) = text.split_at_checked(LENGTH)?;
        let version = hex(&fields[..2])?;
        match (version, rest) {
            (0xff, _) => return None,
            (0, []) | (1.., [] | [b'-', ..]) => {}
            _ => return None,
        }
        if [fields[2], fields[35], fields[52]] != *b"---" {
            return None;
        }
        let trace_id = hex(&fields[3..35])?;
        let span_id = u64::try_from(hex(&fields[36..52])?).ok()?;
        let flags = u8::try_from(hex(&fields[53..])?).ok()?;
        Self::new(trace_id, span_id, TraceFlags::new(flags))
    }

    /// The `traceparent` value, version 00.
    fn to_parent(&self) -> [u8; LENGTH] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], self.trace_id);
        write_hex(&mut text[36..52], self.span_id.into());
        write_hex(&mut text[53..], self.flags.0.into());
        text
    }
}

impl fmt::Display for TraceContext {
    /// The `traceparent` value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id, span_id, ..
        } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{:02x}", self.flags.0)
    }
}

const fn nonzero(draw: u64) -> u64 {
    if draw == 0 { 1 } else { draw }
}

/// Lower-case digits only (§3.2.2.1: "HEXDIGLC"); at most 32.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |n, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(n << 4 | u128::from(digit))
    })
}

fn write_hex(text: &mut [u8], mut n: u128) {
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(n & 0xf) as usize];
        n >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn extract(headers: &[(&'static str, &[u8])]) -> Option<TraceContext> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        TraceContext::extract(&map)
    }

    #[test]
    fn the_specs_example_is_read_and_written() {
        let context = extract(&[("traceparent", PARENT.as_bytes())]).unwrap();
        assert_eq!(
            context.trace_id(),
            0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736
        );
        assert_eq!(context.span_id(), 0x00f0_67aa_0ba9_02b7);
        assert!(context.flags().is_sampled());
        assert_eq!(context.to_string(), PARENT);
    }

    #[test]
    fn every_broken_parent_is_refused() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for text in [
            String::new(),
            PARENT[..54].to_owned(),
            format!("{PARENT}-"),
            format!("{PARENT}-more"),
            format!("{PARENT} "),
            PARENT.to_uppercase(),
            format!("ff{}", &PARENT[2..]),
            format!("ff{}-what-the-future-brings", &PARENT[2..]),
            format!("0x{}", &PARENT[2..]),
            format!("01{}.", &PARENT[2..]),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{id}-{}-01", "0".repeat(16)),
            format!("00_{id}-00f067aa0ba902b7-01"),
            format!("00-{id}_00f067aa0ba902b7-01"),
            format!("00-{id}-00f067aa0ba902b7_01"),
            format!("00-{id}-00f067aa0ba902b7-0g"),
            format!("00-{id}-00f067aa0ba902b7-1"),
            format!("00-{}g-00f067aa0ba902b7-01", &id[1..]),
        ] {
            assert_eq!(TraceContext::parse_parent(text.as_bytes()), None, "{text}");
        }
        let twice = [("traceparent", PARENT.as_bytes()); 2];
        assert_eq!(extract(&twice), None);
    }

    #[test]
    fn a_future_version_is_read_as_far_as_it_is_known() {
        for text in [
            format!("cc{}", &PARENT[2..]),
            format!("01{}-what-the-future-brings", &PARENT[2..]),
        ] {
            let context = TraceContext::parse_parent(text.as_bytes()).unwrap();
            assert_eq!(context.to_string(), PARENT);
        }
    }

    #[test]
    fn undefined_flags_are_not_passed_on() {
        let text = format!("{}ff", &PARENT[..53]);
        let context = TraceContext::parse_parent(text.as_bytes()).unwrap();
        assert_eq!(context.flags().bits(), 3);
    }

    #[test]
    fn injecting_replaces_what_was_there() {
        let context =
            extract(&[("traceparent", PARENT.as_bytes()), ("tracestate", b"a=1")]).unwrap();
        let mut headers = HeaderMap::new();
        headers.append("traceparent", HeaderValue::from_static("old"));
        headers.append("traceparent", HeaderValue::from_static("older"));
        headers.append("tracestate", HeaderValue::from_static("b=2"));
        context.inject(&mut headers);
        assert_eq!(headers.get_all("traceparent").iter().count(), 1);
        assert_eq!(headers["tracestate"], "a=1");

        TraceContext::root([1, 2, 3], false).inject(&mut headers);
        assert!(
            !headers.contains_key("tracestate"),
            "another trace's state must not stay"
        );
    }

    #[test]
    fn ids_are_never_zero() {
        let root = TraceContext::root([0; 3], true);
        let parsed = TraceContext::parse_parent(root.to_string().as_bytes());
        assert_eq!(parsed, Some(root.clone()));
        assert_eq!(root.child(0).span_id(), 1);
        assert_eq!(root.child(7).trace_id(), root.trace_id());
    }

    #[test]
    fn injecting_allocates_once() {
        let context =
            extract(&[("traceparent", PARENT.as_bytes()), ("tracestate", b"a=1")]).unwrap();
        let mut headers = HeaderMap::with_capacity(8);
        let allocations = allocation_counter::measure(|| context.inject(&mut headers));
        assert_eq!(allocations.count_total, 1);
    }

    proptest! {
        #[test]
        fn what_is_injected_is_extracted(
            trace_id in 1..=u128::MAX,
            span_id in 1..=u64::MAX,
            flags in 0..4_u8,
            state in proptest::option::of("[a-z][a-z0-9_*/-]{0,20}=[!-+--<>-~]{1,20}(,[a-z]{1,9}=[!-+--<>-~]{1,9}){0,9}"),
        ) {
            let mut context = TraceContext::new(trace_id, span_id, TraceFlags::new(flags)).unwrap();
            context.state = state.map(|s| HeaderValue::from_str(&s).unwrap());
            let mut headers = HeaderMap::new();
            context.inject(&mut headers);
            prop_assert_eq!(headers["traceparent"].to_str().unwrap(), context.to_string());
            prop_assert_eq!(TraceContext::extract(&headers), Some(context));
        }

        #[test]
        fn any_bytes_give_nothing_or_something_stable(
            parent in proptest::collection::vec(any::<u8>(), 0..80),
            spoiled in (0..LENGTH, any::<u8>()),
            states in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..4),
        ) {
            let mut nearly = PARENT.as_bytes().to_vec();
            nearly[spoiled.0] = spoiled.1;
            for parent in [parent, nearly, PARENT.as_bytes().to_vec()] {
                let mut headers = HeaderMap::new();
                if let Ok(value) = HeaderValue::from_bytes(&parent) {
                    headers.append("traceparent", value);
                }
                for value in states.iter().filter_map(|s| HeaderValue::from_bytes(s).ok()) {
                    headers.append("tracestate", value);
                }
                if let Some(context) = TraceContext::extract(&headers) {
                    prop_assert!(context.state().is_none_or(|s| s.len() <= state::MAX_STATE));
                    let mut again = HeaderMap::new();
                    context.inject(&mut again);
                    prop_assert_eq!(TraceContext::extract(&again), Some(context));
                }
            }
        }
    }
}
