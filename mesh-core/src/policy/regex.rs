use std::{fmt, sync::Arc};

/// A regular expression that matches the **whole** value, as Envoy's `safe_regex` (RE2) does.
///
/// Like Envoy's it works on bytes: `.` is any one byte but a newline, `\d` and `\w` are ASCII. Only a
/// pattern that cannot be read so (`[é]`) works on characters.
///
/// Equality is equality of the source text. Compilation is bounded in size, and matching is linear
/// in the input, so a hostile pattern or value costs no more than its length.
///
/// ```
/// use mesh_core::policy::Regex;
/// let r = Regex::try_new(".*Safari.*").unwrap();
/// assert!(r.is_match(b"Mozilla Safari/605"));
/// assert!(!Regex::try_new("Safari").unwrap().is_match(b"Mozilla Safari/605"));
/// ```
#[derive(Clone)]
pub struct Regex {
    source: Arc<str>,
    full: regex::bytes::Regex,
    search: regex::bytes::Regex,
}

/// A pattern that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("invalid regex `{pattern}`: {reason}")]
pub struct RegexError {
    pattern: Arc<str>,
    reason: String,
}

impl Regex {
    /// The largest compiled program accepted, in bytes.
    pub const SIZE_LIMIT: usize = 1 << 20;

    /// Compiles `pattern`.
    ///
    /// # Errors
    /// When the pattern is no RE2-style expression (look-around and back-references included), or
    /// compiles to more than [`SIZE_LIMIT`](Self::SIZE_LIMIT) bytes.
    pub fn try_new(pattern: &str) -> Result<Self, RegexError> {
        let build = |text: &str| {
            let compile = |unicode| {
                regex::bytes::RegexBuilder::new(text)
                    .unicode(unicode)
                    .size_limit(Self::SIZE_LIMIT)
                    .build()
            };
            compile(false)
                .or_else(|_| compile(true))
                .map_err(|e| RegexError {
                    pattern: pattern.into(),
                    reason: match e {
                        regex::Error::CompiledTooBig(limit) => {
                            format!("compiles to more than {limit} bytes")
                        }
                        // regex draws the pattern over several lines; the last says what is wrong.
                        other => other
                            .to_string()
                            .lines()
                            .last()
                            .unwrap_or_default()
                            .trim_start_matches("error: ")
                            .to_owned(),
                    },
                })
        };
        // The bare pattern is compiled first: `a)(b` is only wrong without the wrapper.
        let search = build(pattern)?;
        let full = build(&format!("^(?:{pattern})$"))?;
        Ok(Self {
            source: pattern.into(),
            full,
            search,
        })
    }

    /// Whether the whole of `value` matches.
    pub fn is_match(&self, value: &[u8]) -> bool {
        self.full.is_match(value)
    }

    /// Replaces every match in `value`; `\N` in `substitution` stands for group N, as in RE2.
    pub fn replace_all(&self, value: &str, substitution: &str) -> String {
        let replaced = self
            .search
            .replace_all(value.as_bytes(), |captures: &regex::bytes::Captures<'_>| {
                expand(substitution, captures)
            });
        String::from_utf8_lossy(&replaced).into_owned()
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

fn expand(substitution: &str, captures: &regex::bytes::Captures<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(substitution.len());
    let mut bytes = substitution.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' => match bytes.next() {
                Some(d @ b'0'..=b'9') => {
                    if let Some(group) = captures.get(usize::from(d - b'0')) {
                        out.extend_from_slice(group.as_bytes());
                    }
                }
                Some(other) => out.push(other),
                None => out.push(b'\\'),
            },
            other => out.push(other),
        }
    }
    out
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Regex {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({:?})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_only_closes_the_wrapper_is_rejected() {
        assert!(Regex::try_new("a)(b").is_err());
        assert!(
            Regex::try_new("*")
                .unwrap_err()
                .to_string()
                .contains("repetition")
        );
    }

    #[test]
    fn an_alternation_is_anchored_as_a_whole() {
        let r = Regex::try_new("a|b").unwrap();
        assert!(r.is_match(b"a") && r.is_match(b"b") && !r.is_match(b"ab"));
    }

    /// Envoy 1.40: `a.b` matches `a\xe9b` and not `aéb`, which `a..b` matches.
    #[test]
    fn a_dot_is_one_byte() {
        let r = Regex::try_new("a.b").unwrap();
        assert!(r.is_match(b"a\xe9b") && !r.is_match("aéb".as_bytes()));
        assert!(Regex::try_new("a..b").unwrap().is_match("aéb".as_bytes()));
        assert!(!Regex::try_new(r"\d").unwrap().is_match("٣".as_bytes()));
        assert!(Regex::try_new("[é]").unwrap().is_match("é".as_bytes()));
    }

    #[test]
    fn substitution_uses_re2_groups() {
        let r = Regex::try_new("/([a-z]+)/([0-9]+)").unwrap();
        assert_eq!(r.replace_all("/item/7/x", r"/\2/\1"), "/7/item/x");
    }

    #[test]
    fn a_huge_pattern_is_refused() {
        let e = Regex::try_new("(?:a{1000}){1000}").unwrap_err();
        assert!(e.to_string().contains("bytes"), "{e}");
    }
}
