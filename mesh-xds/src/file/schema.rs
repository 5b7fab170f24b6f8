//! The fields of each message, declared once: what the reader accepts, and what a table of
//! supported fields is made from.
//!
//! A field that a message does not declare is an unknown field. A declared field says whether it is
//! enforced; the reader refuses the ones that are not, so nothing in a file is dropped in silence.

use std::fmt;

/// A message of one of the APIs that files may use.
#[derive(Debug)]
#[non_exhaustive]
pub struct Schema {
    /// Whose it is.
    pub api: Api,
    /// The message's name: unique among all.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// An API whose messages files may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Api {
    /// `networking.istio.io`, and what is common to all resources.
    Istio,
    /// `gateway.networking.k8s.io`.
    Gateway,
    /// `v1` and `discovery.k8s.io`.
    Kubernetes,
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Istio => "Istio",
            Self::Gateway => "Gateway API",
            Self::Kubernetes => "Kubernetes",
        })
    }
}

/// A field of a [`Schema`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Field {
    /// In lowerCamelCase; snake_case is read as well.
    pub name: &'static str,
    /// What happens to it.
    pub support: Support,
}

/// What is done with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Support {
    /// It does what the API's documentation says.
    Enforced,
    /// It is accepted without effect, for this reason; the load report lists each use.
    Ignored(&'static str),
    /// It has nothing to do with traffic (bookkeeping of Kubernetes): accepted, not reported.
    Irrelevant,
    /// The API knows it and this version does not enforce it: a load error.
    NotYet,
}

impl Schema {
    pub(crate) const fn new(name: &'static str, fields: &'static [Field]) -> Self {
        Self::of(Api::Istio, name, fields)
    }

    /// A message of `api`.
    pub(crate) const fn of(api: Api, name: &'static str, fields: &'static [Field]) -> Self {
        Self { api, name, fields }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The declared name nearest to a misspelt one.
    pub(crate) fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.fields.iter().map(|f| f.name))
    }
}

pub(crate) const fn enforced(name: &'static str) -> Field {
    Field {
        name,
        support: Support::Enforced,
    }
}

pub(crate) const fn not_yet(name: &'static str) -> Field {
    Field {
        name,
        support: Support::NotYet,
    }
}

pub(crate) const fn ignored(name: &'static str, why: &'static str) -> Field {
    Field {
        name,
        support: Support::Ignored(why),
    }
}

pub(crate) const fn irrelevant(name: &'static str) -> Field {
    Field {
        name,
        support: Support::Irrelevant,
    }
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Long words are no misspelt names, and comparing them costs their length.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|c| {
            let distance = strsim::damerau_levenshtein(&lower, &c.to_ascii_lowercase());
            (distance, c)
        })
        .filter(|(distance, c)| *distance <= (c.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// `consecutive_5xx_errors` → `consecutive5xxErrors`, as protobuf makes JSON names.
pub(crate) fn camel(name: &str) -> String {
    if !name.contains('_') {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut up = false;
    for c in name.chars() {
        if c == '_' {
            up = true;
        } else if std::mem::take(&mut up) {
            out.push(c.to_ascii_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_camel_case_as_protobuf_does_it() {
        assert_eq!(camel("consecutive_5xx_errors"), "consecutive5xxErrors");
        assert_eq!(
            camel("http1_max_pending_requests"),
            "http1MaxPendingRequests"
        );
        assert_eq!(camel("retryOn"), "retryOn");
    }

    #[test]
    fn suggestions_are_near_or_not_made() {
        let names = ["retryOn", "attempts", "perTryTimeout"];
        assert_eq!(nearest("retyOn", names), Some("retryOn"));
        assert_eq!(nearest("pertrytimeout", names), Some("perTryTimeout"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest(&"a".repeat(1 << 20), names), None);
    }
}
