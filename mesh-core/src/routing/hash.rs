//! The hash of a request: what ring hash and Maglev place it by, and what may replace a weighted
//! draw.

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use twox_hash::XxHash64;

use super::RequestHead;
use crate::policy::{HashPolicy, HashPolicyKind, Name, Regex};

/// What `hash_policy` makes of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHash {
    /// The hash; `None` when no policy found its input.
    pub hash: Option<u64>,
    /// `set-cookie` lines for the response: the cookies that were made.
    pub set_cookies: Vec<HeaderValue>,
}

/// Hashes `head` as Envoy does: XXH64 of each policy's input, each earlier hash rotated by one bit
/// and combined by XOR, up to a `terminal` policy that has one.
///
/// `draw` names the cookies that are made: each caller without one gets a value of its own. (Envoy
/// takes it from the downstream connection, which does not exist here.) `None` makes none.
pub fn request_hash(
    policies: &[HashPolicy],
    head: &RequestHead<'_>,
    draw: Option<u64>,
) -> RequestHash {
    let mut result = RequestHash::default();
    for policy in policies {
        let found = match &policy.kind {
            HashPolicyKind::Header {
                name,
                regex_rewrite,
            } => of_header(head, name, regex_rewrite.as_ref()),
            HashPolicyKind::Cookie {
                name,
                ttl,
                path,
                attributes,
            } => match head.cookie(name).filter(|value| !value.is_empty()) {
                Some(value) => Some(hash(value)),
                None => ttl.zip(draw).map(|(ttl, draw)| {
                    let value = format!("{draw:016x}");
                    let cookie = set_cookie(name, &value, ttl.as_secs(), path, attributes);
                    result.set_cookies.extend(cookie);
                    hash(value.as_bytes())
                }),
            },
            HashPolicyKind::SourceIp => {
                (!head.source.is_empty()).then(|| hash(head.source.as_bytes()))
            }
            HashPolicyKind::QueryParameter(name) => {
                head.query_parameter(name).map(|v| hash(v.as_bytes()))
            }
        };
        if let Some(new) = found {
            // Rotated, so that two equal inputs do not cancel out.
            result.hash = Some(result.hash.unwrap_or(0).rotate_left(1) ^ new);
        }
        if policy.terminal && result.hash.is_some() {
            break;
        }
    }
    result
}

fn hash(bytes: &[u8]) -> u64 {
    XxHash64::oneshot(0, bytes)
}

/// All lines, sorted, so that their order does not count; each is hashed with the one before it as
/// the seed.
fn of_header(
    head: &RequestHead<'_>,
    name: &HeaderName,
    rewrite: Option<&(Regex, Name)>,
) -> Option<u64> {
    let mut lines: SmallVec<[&[u8]; 4]> = match *name == http::header::HOST {
        true => head.header(name).into_iter().collect(),
        false => {
            let lines = head.headers.get_all(name).iter();
            lines.map(HeaderValue::as_bytes).collect()
        }
    };
    let Some((pattern, substitution)) = rewrite else {
        return of_lines(&mut lines);
    };
    let rewritten = lines
        .iter()
        .map(|line| pattern.replace_all(&String::from_utf8_lossy(line), substitution));
    let rewritten: SmallVec<[String; 4]> = rewritten.collect();
    of_lines(&mut rewritten.iter().map(String::as_bytes).collect())
}

fn of_lines(lines: &mut SmallVec<[&[u8]; 4]>) -> Option<u64> {
    lines.sort_unstable();
    let chain = |seed, line: &&[u8]| XxHash64::oneshot(seed, line);
    (!lines.is_empty()).then(|| lines.iter().fold(0, chain))
}

/// `name="value"; Max-Age=…; Path=…; attribute=…; HttpOnly`, as Envoy writes it. `None` when the
/// configured parts are no header value.
fn set_cookie(
    name: &str,
    value: &str,
    max_age: u64,
    path: &str,
    attributes: &[(Name, Name)],
) -> Option<HeaderValue> {
    let mut cookie = format!("{name}=\"{value}\"");
    // Writing to a string does not fail.
    if max_age != 0 {
        let _ = write!(cookie, "; Max-Age={max_age}");
    }
    if !path.is_empty() {
        let _ = write!(cookie, "; Path={path}");
    }
    for (name, value) in attributes {
        let _ = match value.is_empty() {
            true => write!(cookie, "; {name}"),
            false => write!(cookie, "; {name}={value}"),
        };
    }
    cookie += "; HttpOnly";
    HeaderValue::try_from(cookie).ok()
}

/// Adds the cookies that were made to a response.
pub fn add_cookies(headers: &mut HeaderMap, cookies: &[HeaderValue]) {
    for cookie in cookies {
        // A map that holds 32,768 headers takes no more.
        let _ = headers.try_append(http::header::SET_COOKIE, cookie.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;

    use super::*;

    fn policy(kind: HashPolicyKind) -> HashPolicy {
        HashPolicy {
            kind,
            terminal: false,
        }
    }

    fn header(name: &'static str) -> HashPolicy {
        policy(HashPolicyKind::Header {
            name: HeaderName::from_static(name),
            regex_rewrite: None,
        })
    }

    fn ask(policies: &[HashPolicy], lines: &[(&'static str, &'static str)]) -> RequestHash {
        let lines = lines.iter();
        let headers = lines
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect();
        let head = RequestHead {
            method: &Method::GET,
            scheme: "http",
            authority: "h.com",
            path: "/p?user=jason",
            headers: &headers,
            source: "10.0.0.1",
        };
        request_hash(policies, &head, Some(0xab))
    }

    fn of(policies: &[HashPolicy], lines: &[(&'static str, &'static str)]) -> Option<u64> {
        ask(policies, lines).hash
    }

    #[test]
    fn the_function_is_xxh64() {
        // The reference vectors of the algorithm.
        assert_eq!(hash(b""), 0xef46_db37_51d8_e999);
        assert_eq!(hash(b"foo"), 0x33bf_00a8_59c4_ba3f);
        assert_eq!(
            of(
                &[policy(HashPolicyKind::QueryParameter("user".into()))],
                &[]
            ),
            Some(hash(b"jason"))
        );
        assert_eq!(
            of(&[policy(HashPolicyKind::SourceIp)], &[]),
            Some(hash(b"10.0.0.1"))
        );
    }

    #[test]
    fn lines_are_sorted_and_chained() {
        let chained = XxHash64::oneshot(hash(b"a"), b"b");
        for lines in [[("x", "a"), ("x", "b")], [("x", "b"), ("x", "a")]] {
            assert_eq!(of(&[header("x")], &lines), Some(chained));
        }
        assert_ne!(of(&[header("x")], &[("x", "a,b")]), Some(chained));
        assert_eq!(of(&[header("x")], &[]), None);
    }

    #[test]
    fn hashes_combine_up_to_a_terminal_one() {
        let both = [header("x"), header("y")];
        let lines = [("x", "a"), ("y", "a")];
        assert_eq!(
            of(&both, &lines),
            Some(hash(b"a").rotate_left(1) ^ hash(b"a"))
        );
        let mut terminal = both.clone();
        terminal[0].terminal = true;
        assert_eq!(of(&terminal, &lines), Some(hash(b"a")));
        // Without its input it ends nothing.
        assert_eq!(of(&terminal, &[("y", "b")]), Some(hash(b"b")));
        assert_eq!(of(&both, &[("y", "b")]), Some(hash(b"b")));
    }

    #[test]
    fn a_value_is_rewritten_before_it_is_hashed() {
        let rewrite = (Regex::try_new("^([a-z]+)-.*$").unwrap(), "\\1".into());
        let policy = policy(HashPolicyKind::Header {
            name: HeaderName::from_static("x"),
            regex_rewrite: Some(rewrite),
        });
        assert_eq!(of(&[policy], &[("x", "user-17")]), Some(hash(b"user")));
    }

    #[test]
    fn a_missing_cookie_is_made_when_it_has_a_ttl() {
        let cookie = |ttl: Option<u64>| {
            policy(HashPolicyKind::Cookie {
                name: "ck".into(),
                ttl: ttl.map(Duration::from_secs),
                path: "/p".into(),
                attributes: vec![
                    ("SameSite".into(), "None".into()),
                    ("Secure".into(), "".into()),
                ],
            })
        };
        let made = ask(&[cookie(Some(10))], &[]);
        assert_eq!(made.hash, Some(hash(b"00000000000000ab")));
        assert_eq!(
            made.set_cookies,
            ["ck=\"00000000000000ab\"; Max-Age=10; Path=/p; SameSite=None; Secure; HttpOnly"]
        );
        let session = ask(&[cookie(Some(0))], &[("cookie", "ck=")]);
        assert!(!session.set_cookies[0].to_str().unwrap().contains("Max-Age"));
        assert_eq!(ask(&[cookie(None)], &[]), RequestHash::default());
        let there = ask(&[cookie(Some(10))], &[("cookie", "ck=1")]);
        assert_eq!((there.hash, there.set_cookies.len()), (Some(hash(b"1")), 0));
    }
}
