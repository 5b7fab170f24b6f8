//! `tracestate`: its grammar, and what is kept of a long one.

use http::{HeaderMap, HeaderValue};

use super::TRACESTATE;

/// More list-members than this void a `tracestate` (§3.3.1.1).
const MAX_MEMBERS: usize = 32;
/// What must be passed on at least of a `tracestate` (§3.3.1.5); we pass on no more.
pub(super) const MAX_STATE: usize = 512;
/// Members longer than this are the first to go when a `tracestate` is too long.
const LONG_MEMBER: usize = 128;

/// The `tracestate` of a message: its headers joined in order, or `None` when there is none or any
/// part breaks the grammar (§3.3.1), when the whole must be discarded.
pub(super) fn parse_state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(TRACESTATE).iter();
    let (first, second) = (values.next()?, values.next());
    let members = || {
        let values = headers.get_all(TRACESTATE).iter();
        let lists = values.flat_map(|v| v.as_bytes().split(|b| *b == b','));
        lists.map(trim).filter(|member| !member.is_empty())
    };
    let (mut count, mut length) = (0_usize, 0_usize);
    for member in members() {
        count += 1;
        length += member.len() + 1;
        if count > MAX_MEMBERS || !is_member(member) {
            return None;
        }
    }
    if count == 0 {
        return None;
    }
    if second.is_none() && first.len() <= MAX_STATE {
        return Some(first.clone());
    }
    // Joined, `length` is one too many for the missing last comma.
    let drop_long = length - 1 > MAX_STATE;
    let mut joined = Vec::with_capacity(length.min(MAX_STATE + 1));
    for member in members().filter(|m| !drop_long || m.len() <= LONG_MEMBER) {
        let comma = usize::from(!joined.is_empty());
        if joined.len() + comma + member.len() > MAX_STATE {
            // Entries are removed from the end (§3.3.1.5).
            break;
        }
        joined.extend_from_slice(&b","[..comma]);
        joined.extend_from_slice(member);
    }
    (!joined.is_empty()).then(|| HeaderValue::from_bytes(&joined).ok())?
}

/// Without optional white space at the ends.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// `key "=" value` (§3.3.1.3).
fn is_member(member: &[u8]) -> bool {
    let Some(equals) = member.iter().position(|b| *b == b'=') else {
        return false;
    };
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let is_key = match key.iter().position(|b| *b == b'@') {
        None => matches!(key, [b'a'..=b'z', rest @ ..] if are_key(rest, 255)),
        Some(at) => {
            let (tenant, system) = (&key[..at], &key[at + 1..]);
            matches!(tenant, [b'a'..=b'z' | b'0'..=b'9', rest @ ..] if are_key(rest, 240))
                && matches!(system, [b'a'..=b'z', rest @ ..] if are_key(rest, 13))
        }
    };
    let is_value = |b: &u8| matches!(b, 0x20..=0x7e) && *b != b'=';
    is_key && (1..=256).contains(&value.len()) && value.iter().all(is_value)
}

fn are_key(text: &[u8], max: usize) -> bool {
    let is_key = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
    text.len() <= max && text.iter().all(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACESTATE, HeaderValue::from_str(value).unwrap());
        }
        Some(parse_state(&headers)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn states_are_joined_in_order() {
        assert_eq!(state(&[]), None);
        assert_eq!(state(&["foo=1"]).as_deref(), Some("foo=1"));
        assert_eq!(
            state(&["foo=1 \t, \tbar=2", "", "a@b= 3"]).as_deref(),
            Some("foo=1,bar=2,a@b= 3")
        );
        assert_eq!(state(&["", " ", ","]), None);
    }

    #[test]
    fn a_broken_state_is_dropped_whole() {
        let (k, v) = (|n| "k".repeat(n), |n| "v".repeat(n));
        for ok in [
            format!("{}=1", k(256)),
            format!("a={}", v(256)),
            format!("0{}@{}=1", k(240), k(14)),
            "a_-*/9=!<>~".to_owned(),
        ] {
            assert_eq!(state(&[&ok]).as_ref(), Some(&ok));
        }
        for bad in [
            "foo".to_owned(),
            "foo=".to_owned(),
            "=1".to_owned(),
            "foo =1".to_owned(),
            "FOO=1".to_owned(),
            "foo.bar=1".to_owned(),
            "foo=bar=baz".to_owned(),
            "foo@=1,bar=2".to_owned(),
            "@foo=1".to_owned(),
            "foo@@bar=1".to_owned(),
            "foo@bar@baz=1".to_owned(),
            "1foo=1".to_owned(),
            "a@1b=1".to_owned(),
            "foo=a\tb".to_owned(),
            format!("{}=1", k(257)),
            format!("a={}", v(257)),
            format!("t{}@v=1", k(241)),
            format!("t@{}=1", k(15)),
            vec!["a=1"; 33].join(","),
        ] {
            assert_eq!(state(&["ok=1", &bad]), None, "{bad}");
        }
        assert!(state(&[&vec!["a=1"; 32].join(",")]).is_some());
    }

    #[test]
    fn a_long_state_loses_long_members_first_then_the_last() {
        let long = format!("long={}", "x".repeat(150));
        let short = |n: usize| format!("s{n}={}", "x".repeat(97)); // 100 with one digit
        let members = [
            short(0),
            long.clone(),
            short(1),
            short(2),
            short(3),
            short(4),
        ];
        // Without the long one, 5 × 100 + 4 commas fit.
        let kept = [short(0), short(1), short(2), short(3), short(4)].join(",");
        assert_eq!(state(&[&members.join(",")]), Some(kept.clone()));
        // One more does not.
        let more = format!("{},{},{}", members.join(","), short(5), "z=1");
        assert_eq!(state(&[&more]), Some(kept));
        // Short enough: the long one stays.
        let all = [short(0), long].join(",");
        assert_eq!(state(&[&all]), Some(all));
    }
}
