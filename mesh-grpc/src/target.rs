//! What a channel is made for: gRPC's names, and URLs.

use http::uri::Authority;

/// A target that no channel can be made for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The scheme says how names are found, and this one is not known.
    #[error(
        "`{target}`: the scheme `{scheme}` is not known; use xds:///host:port, dns:///host:port, http://host:port or host:port"
    )]
    Scheme {
        /// The whole target.
        target: String,
        /// Its scheme.
        scheme: String,
    },
    /// Connections cannot be encrypted yet, and nobody who asks for it gets less.
    #[error("`{0}`: https asks for TLS, which connections do not have yet")]
    Tls(String),
    /// What should be a host, with or without a port, is none.
    #[error("`{target}`: `{host}` is not a host with an optional port")]
    Host {
        /// The whole target.
        target: String,
        /// What was read as the host.
        host: String,
    },
}

/// The host that calls name: what stands behind the scheme and, for gRPC's schemes, behind the
/// authority that is asked for it (A27, A47: the data plane never sees that one).
pub(crate) fn authority(target: &str) -> Result<Authority, TargetError> {
    let host = match target.split_once(':') {
        Some(("xds" | "dns", rest)) => named(rest),
        Some(("http", rest)) if rest.starts_with("//") => {
            let host = &rest[2..];
            host.strip_suffix('/').unwrap_or(host)
        }
        Some(("https", rest)) if rest.starts_with("//") => {
            return Err(TargetError::Tls(target.to_owned()));
        }
        Some((scheme, rest)) if rest.starts_with('/') => {
            return Err(TargetError::Scheme {
                target: target.to_owned(),
                scheme: scheme.to_owned(),
            });
        }
        _ => target,
    };
    let parsed: Option<Authority> = host.parse().ok();
    parsed
        .filter(|authority| !authority.host().is_empty() && !host.contains('@'))
        .ok_or_else(|| TargetError::Host {
            target: target.to_owned(),
            host: host.to_owned(),
        })
}

/// `//authority/host`, `/host` and `host` (RFC 3986's path, as gRPC's naming reads it).
fn named(rest: &str) -> &str {
    match rest.strip_prefix("//") {
        Some(rest) => rest.split_once('/').map_or("", |(_, host)| host),
        None => rest.strip_prefix('/').unwrap_or(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a27_a47_targets_name_a_host() {
        for (target, host) in [
            ("xds:///reviews.prod:9080", "reviews.prod:9080"),
            (
                "xds://traffic-director/reviews.prod:9080",
                "reviews.prod:9080",
            ),
            ("xds:reviews:9080", "reviews:9080"),
            ("dns:///reviews", "reviews"),
            ("dns://8.8.8.8/reviews:1", "reviews:1"),
            ("http://reviews:9080", "reviews:9080"),
            ("http://reviews:9080/", "reviews:9080"),
            ("reviews:9080", "reviews:9080"),
            ("reviews", "reviews"),
            ("[::1]:50051", "[::1]:50051"),
        ] {
            let found = authority(target);
            assert_eq!(found.as_ref().map(Authority::as_str), Ok(host), "{target}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused_by_its_part() {
        for (target, says) in [
            ("", "`` is not a host"),
            ("xds:///", "`` is not a host"),
            ("xds://authority", "`` is not a host"),
            ("http://user@reviews", "`user@reviews` is not a host"),
            ("reviews:9080/path", "`reviews:9080/path` is not a host"),
            ("https://reviews", "TLS"),
            ("ipv9:///reviews", "the scheme `ipv9` is not known"),
        ] {
            let error = authority(target).unwrap_err().to_string();
            assert!(error.contains(says), "{target}: {error}");
        }
    }
}
