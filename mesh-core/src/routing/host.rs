//! Which virtual host serves a host name: exact, then the longest `*.suffix`, then the longest
//! `prefix.*`, then `*`.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::trie::{Key, Reach, Trie};
use crate::policy::VirtualHost;

/// A domain of a virtual host, as Envoy reads it: only a `*` at one end is a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain<'a> {
    /// `*`
    Any,
    /// What stands before the `*`.
    Prefix(&'a str),
    /// What stands behind the `*`.
    Suffix(&'a str),
    /// No wildcard.
    Exact(&'a str),
}

impl<'a> Domain<'a> {
    /// `None` when a `*` stands where it would be no wildcard.
    pub(super) fn parse(domain: &'a str) -> Option<Self> {
        let parsed = match (domain, domain.strip_prefix('*'), domain.strip_suffix('*')) {
            ("*", ..) => return Some(Self::Any),
            (_, Some(suffix), _) => Self::Suffix(suffix),
            (_, _, Some(prefix)) => Self::Prefix(prefix),
            _ => Self::Exact(domain),
        };
        (!parsed.fixed().contains('*')).then_some(parsed)
    }

    /// The part that is compared.
    pub(super) const fn fixed(&self) -> &'a str {
        match self {
            Self::Any => "",
            Self::Prefix(s) | Self::Suffix(s) | Self::Exact(s) => s,
        }
    }

    /// Whether `host` is of this domain. A wildcard covers at least one character.
    pub(super) fn covers(&self, host: &str) -> bool {
        let (host, fixed) = (host.as_bytes(), self.fixed().as_bytes());
        let longer = host.len() > fixed.len();
        match self {
            Self::Any => true,
            Self::Exact(_) => host.eq_ignore_ascii_case(fixed),
            Self::Prefix(_) => longer && host[..fixed.len()].eq_ignore_ascii_case(fixed),
            Self::Suffix(_) => {
                longer && host[host.len() - fixed.len()..].eq_ignore_ascii_case(fixed)
            }
        }
    }

    /// Greater is more specific.
    pub(super) fn rank(&self) -> (u8, usize) {
        let kind = match self {
            Self::Any => 0,
            Self::Prefix(_) => 1,
            Self::Suffix(_) => 2,
            Self::Exact(_) => 3,
        };
        (kind, self.fixed().len())
    }
}

/// The virtual host that serves `host`, if there is one, by looking at each: for sources, which ask
/// once. Among equals the first counts. Requests are routed by the [`Router`](super::Router)'s index.
pub fn find_virtual_host<'h>(hosts: &'h [VirtualHost], host: &str) -> Option<&'h VirtualHost> {
    let rank = |candidate: &VirtualHost| {
        let domains = candidate.domains.iter().filter_map(|d| Domain::parse(d));
        domains.filter(|d| d.covers(host)).map(|d| d.rank()).max()
    };
    let ranked = hosts.iter().rev().filter_map(|h| Some((rank(h)?, h)));
    ranked.max_by_key(|(rank, _)| *rank).map(|(_, host)| host)
}

/// Cuts the port off. As in Envoy it begins at the last `:`, unless a `]` (of an IPv6 address)
/// stands behind that.
pub(super) fn without_port(authority: &str) -> &str {
    // Most have none, and looking for it from the end takes longer than seeing that.
    if !authority.as_bytes().contains(&b':') {
        return authority;
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

#[derive(Debug)]
pub(super) struct HostTable {
    exact: HashMap<Box<[u8]>, u32, FixedState>,
    /// Read from the end.
    suffixes: Trie,
    prefixes: Trie,
    any: Option<u32>,
}

impl HostTable {
    /// `None` when the domains are too long to be counted in `u32`.
    pub(super) fn new(domains: &[(Domain<'_>, u32)]) -> Option<Self> {
        if !Trie::fits(domains.iter().map(|(domain, _)| domain.fixed().len())) {
            return None;
        }
        let mut exact = HashMap::with_capacity_and_hasher(domains.len(), FixedState::default());
        let (mut suffixes, mut prefixes, mut any) = (Vec::new(), Vec::new(), None);
        for &(domain, value) in domains {
            let mut bytes: Box<[u8]> = domain.fixed().to_ascii_lowercase().into_bytes().into();
            let key = |bytes| Key {
                bytes,
                reach: Reach::Prefix,
                value,
            };
            match domain {
                Domain::Any => any = Some(value),
                Domain::Prefix(_) => prefixes.push(key(bytes)),
                Domain::Suffix(_) => {
                    bytes.reverse();
                    suffixes.push(key(bytes));
                }
                Domain::Exact(_) => {
                    exact.insert(bytes, value);
                }
            }
        }
        Some(Self {
            exact,
            suffixes: Trie::new(suffixes),
            prefixes: Trie::new(prefixes),
            any,
        })
    }

    /// The virtual host for `host`, in any case.
    pub(super) fn find(&self, host: &str) -> Option<usize> {
        let host = host.as_bytes();
        // As it is written first: most hosts are in lower case, and exact ones.
        let found = self.exact.get(host).copied();
        let found = found.or_else(|| self.find_otherwise(host)).or(self.any);
        found.map(|value| value as usize)
    }

    fn find_otherwise(&self, host: &[u8]) -> Option<u32> {
        if host.iter().any(u8::is_ascii_uppercase) {
            edited(host, <[u8]>::make_ascii_lowercase, |host| {
                let exact = self.exact.get(host).copied();
                exact.or_else(|| self.find_wildcard(host))
            })
        } else {
            self.find_wildcard(host)
        }
    }

    fn find_wildcard(&self, host: &[u8]) -> Option<u32> {
        let mut found = None;
        if !self.suffixes.is_empty() {
            found = edited(host, <[u8]>::reverse, |reversed| {
                longest(&self.suffixes, reversed)
            });
        }
        if found.is_none() && !self.prefixes.is_empty() {
            found = longest(&self.prefixes, host);
        }
        found
    }
}

/// The longest key that begins `text` and leaves at least one character to the `*`.
fn longest(trie: &Trie, text: &[u8]) -> Option<u32> {
    let mut found = None;
    trie.walk::<false>(text, |values, covered| {
        if covered < text.len() {
            found = values.first().copied();
        }
    });
    found
}

/// Runs `use_copy` on an edited copy of `host`: on the stack, for a host of a length that DNS allows
/// (253) with a port.
fn edited<R>(host: &[u8], edit: fn(&mut [u8]), use_copy: impl FnOnce(&[u8]) -> R) -> R {
    let (mut stack, mut heap) = ([0; 260], Vec::new());
    let copy = match stack.get_mut(..host.len()) {
        Some(copy) => copy,
        None => {
            heap.resize(host.len(), 0);
            &mut heap[..]
        }
    };
    copy.copy_from_slice(host);
    edit(copy);
    use_copy(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(domains: &[&str], host: &str) -> Option<usize> {
        let domains: Vec<_> = domains
            .iter()
            .zip(0..)
            .map(|(domain, value)| (Domain::parse(domain).unwrap(), value))
            .collect();
        HostTable::new(&domains).unwrap().find(host)
    }

    #[test]
    fn exact_then_suffix_then_prefix_then_any() {
        let domains = ["*", "www.*", "*.foo.com", "*-bar.foo.com", "www.foo.com"];
        for (host, expected) in [
            ("www.foo.com", 4),
            ("WWW.Foo.com", 4),
            ("x-bar.foo.com", 3),
            ("-bar.foo.com", 2),
            ("x.foo.com", 2),
            ("www.a.b", 1),
            // A suffix wildcard wins whatever the lengths.
            ("www.x.foo.com", 2),
            (".foo.com", 0),
            ("www.", 0),
            ("foo.com", 0),
            ("", 0),
        ] {
            assert_eq!(find(&domains, host), Some(expected), "{host}");
        }
    }

    #[test]
    fn longer_wildcards_win_within_their_kind() {
        let domains = ["*.com", "*.foo.com", "a.*", "a.b.*"];
        assert_eq!(find(&domains, "x.foo.com"), Some(1));
        assert_eq!(find(&domains, "x.bar.com"), Some(0));
        assert_eq!(find(&domains, "a.b.c"), Some(3));
        assert_eq!(find(&domains, "a.b."), Some(2));
        assert_eq!(find(&domains, "c.d"), None);
    }

    #[test]
    fn a_host_longer_than_the_stack_buffer_is_found() {
        let long = format!("{}.FOO.com", "x".repeat(5000));
        assert_eq!(find(&["*.foo.com"], &long), Some(0));
    }

    #[test]
    fn a_star_inside_is_no_wildcard() {
        for domain in ["a.*.b", "*a*", "**", "*.a.*"] {
            assert_eq!(Domain::parse(domain), None, "{domain}");
        }
        assert_eq!(Domain::parse("*-a"), Some(Domain::Suffix("-a")));
        assert_eq!(Domain::parse("a:*"), Some(Domain::Prefix("a:")));
    }

    #[test]
    fn a_port_begins_behind_the_last_colon_outside_brackets() {
        for (authority, host) in [
            ("foo.com:80", "foo.com"),
            ("foo.com:", "foo.com"),
            ("foo.com", "foo.com"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(without_port(authority), host);
        }
    }
}
