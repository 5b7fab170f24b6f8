//! Host names: short names and wildcards (istio.io host rules).

use std::{borrow::Cow, net::IpAddr, sync::Arc};

/// `ResolveShortnameToFQDN`: a name without a dot belongs to the resource's namespace. A name with
/// a dot is left alone, so `reviews.default` is *not* `reviews.default.svc.cluster.local`.
pub(crate) fn resolve(host: &str, namespace: &str, domain: &str) -> Arc<str> {
    let host = match host.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    };
    if host.is_empty() || host == "*" || host.contains(['.', ':']) {
        host.into()
    } else {
        [&*host, ".", namespace, ".svc.", domain].concat().into()
    }
}

/// `name` and `namespace` of `name.namespace.svc.<domain>`, the names that Kubernetes services have.
pub(crate) fn kubernetes<'a>(fqdn: &'a str, domain: &str) -> Option<(&'a str, &'a str)> {
    let rest = fqdn.strip_suffix(domain)?.strip_suffix(".svc.")?;
    let (name, namespace) = rest.split_once('.')?;
    let label = |s: &str| !s.is_empty() && !s.contains(['.', '*']);
    (label(name) && label(namespace)).then_some((name, namespace))
}

/// Whether the host is `*` or begins with `*`.
pub(crate) fn is_wildcard(host: &str) -> bool {
    host.starts_with('*')
}

/// Whether `pattern`, exact or wildcard, covers `host`. `*.foo.com` does not cover `foo.com`.
pub(crate) fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => {
            let host = host.strip_prefix('*').unwrap_or(host);
            host.len() >= suffix.len() && host.ends_with(suffix)
        }
        None => pattern == host,
    }
}

/// Why `host` cannot be a host name, if it cannot.
pub(crate) fn check(host: &str) -> Result<(), String> {
    if host.parse::<IpAddr>().is_ok() || host == "*" {
        return Ok(());
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        Ok(())
    } else if name.contains('*') {
        Err("a wildcard must be the first label, as in `*.example.com`".to_owned())
    } else {
        Err("is no host name".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_without_a_dot_is_expanded() {
        assert_eq!(
            &*resolve("Reviews", "default", "cluster.local"),
            "reviews.default.svc.cluster.local"
        );
        for host in ["reviews.default", "*", "10.0.0.1", "::1", "*.example.com"] {
            assert_eq!(&*resolve(host, "default", "cluster.local"), host);
        }
    }

    #[test]
    fn a_wildcard_does_not_cover_its_own_suffix() {
        assert!(covers("*.foo.com", "a.foo.com") && covers("*.foo.com", "a.b.foo.com"));
        assert!(!covers("*.foo.com", "foo.com"));
        assert!(covers("*.com", "*.foo.com") && !covers("*.foo.com", "*.com"));
    }

    #[test]
    fn kubernetes_names_have_two_labels_before_svc() {
        let domain = "cluster.local";
        assert_eq!(
            kubernetes("reviews.default.svc.cluster.local", domain),
            Some(("reviews", "default"))
        );
        for host in [
            "a.b.c.svc.cluster.local",
            "*.b.svc.cluster.local",
            "example.com",
        ] {
            assert_eq!(kubernetes(host, domain), None);
        }
    }

    #[test]
    fn wrong_hosts_are_refused() {
        for host in ["a.b", "*.a.b", "10.0.0.1", "::1", "*", "a_b"] {
            assert_eq!(check(host), Ok(()), "{host}");
        }
        for host in ["", "a..b", "a.*.b", "*a.b", "a b", "a/b", "a:80"] {
            assert!(check(host).is_err(), "{host}");
        }
    }
}
