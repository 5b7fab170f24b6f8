//! `HTTPPathModifier` and the redirect's port: the API's rules in the model's terms.

use mesh_core::policy::{Name, PathMatcher, PathRewrite, Redirect, RedirectPath, Regex};

use crate::file::kinds::gateway::{PathModifier, RequestRedirect};

/// What a path becomes.
enum Replacement {
    /// The matched prefix, by this.
    Prefix(Name),
    /// What the pattern finds, by this.
    Found(Regex, Name),
}

/// The rewrite of requests whose path `matcher` matched; `None` changes nothing.
pub(super) fn rewrite(modifier: &PathModifier, matcher: &PathMatcher) -> Option<PathRewrite> {
    Some(match modifier {
        // There is no rewrite of a whole path whatever was matched but this one.
        PathModifier::Full(path) => PathRewrite::Regex {
            pattern: Regex::try_new("^/.*").ok()?,
            substitution: absolute(path),
        },
        PathModifier::Prefix(to) => match replace_prefix(to, matcher)? {
            Replacement::Prefix(to) => PathRewrite::Prefix(to),
            Replacement::Found(pattern, substitution) => PathRewrite::Regex {
                pattern,
                substitution,
            },
        },
    })
}

/// A redirect of requests that dialled `port`.
pub(super) fn redirect(redirect: &RequestRedirect, matcher: &PathMatcher, port: u16) -> Redirect {
    let path = redirect.path.as_ref().and_then(|modifier| {
        Some(match modifier {
            PathModifier::Full(path) => RedirectPath::Path(absolute(path)),
            PathModifier::Prefix(to) => match replace_prefix(to, matcher)? {
                Replacement::Prefix(to) => RedirectPath::Prefix(to),
                Replacement::Found(pattern, substitution) => RedirectPath::Regex {
                    pattern,
                    substitution,
                },
            },
        })
    });
    // What was dialled is what a Gateway's listener is to the API's rules.
    let (scheme, listener) = (redirect.scheme.unwrap_or("http"), port);
    let well_known = if scheme == "https" { 443 } else { 80 };
    let unless_given = if redirect.scheme.is_some() {
        well_known
    } else {
        listener
    };
    let port = redirect.port.unwrap_or(unless_given);
    Redirect {
        scheme: redirect.scheme.map(Into::into),
        host: redirect.hostname.clone(),
        // A scheme's own port is left out.
        port: (port != well_known).then_some(port),
        strip_port: port == well_known,
        path,
        response_code: Some(redirect.status),
        strip_query: false,
    }
}

/// By whole segments, whether or not either side ends in a slash: `/foo` to `/xyz` makes `/xyz/bar`
/// of `/foo/bar`; `/foo` to `/` makes `/bar` of it, and `/` of `/foo`.
fn replace_prefix(to: &Name, matcher: &PathMatcher) -> Option<Replacement> {
    let to = to.strip_suffix('/').unwrap_or(to);
    Some(match (matcher, to) {
        (PathMatcher::SeparatedPrefix(prefix), "") => {
            // Of the characters that a path may have, these mean something to a regex.
            let mut pattern = String::from("^");
            for c in prefix.chars() {
                if ".$()*+".contains(c) {
                    pattern.push('\\');
                }
                pattern.push(c);
            }
            pattern.push_str("/?");
            Replacement::Found(Regex::try_new(&pattern).ok()?, "/".into())
        }
        // `/` by `/`.
        (_, "") => return None,
        (PathMatcher::SeparatedPrefix(_), to) => Replacement::Prefix(to.into()),
        // The matched prefix is `/`, which the rest goes without.
        (_, to) => Replacement::Prefix(format!("{to}/").into()),
    })
}

/// An empty path is `/`.
fn absolute(path: &Name) -> Name {
    if path.is_empty() {
        "/".into()
    } else {
        path.clone()
    }
}
