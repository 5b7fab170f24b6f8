//! A set of wildcard hosts, and the most specific of them for a host.

use mesh_core::policy::Name;

use super::Set;

/// Hosts that begin with `*`. Each is `*` or `*.suffix`, so a host's candidates are found by its own
/// labels, however many wildcards there are.
#[derive(Debug, Default)]
pub(super) struct Wildcards(Set<Name>);

impl Wildcards {
    pub(super) fn insert(&mut self, host: Name) {
        self.0.insert(host);
    }

    /// Those that cover `host`, exact or a wildcard itself, the most specific first.
    pub(super) fn covering(&self, host: &str) -> impl Iterator<Item = &Name> {
        let suffixes = {
            let host = host.strip_prefix('*').unwrap_or(host).to_owned();
            let dots: Vec<usize> = host.match_indices('.').map(|(at, _)| at).collect();
            dots.into_iter().map(move |at| format!("*{}", &host[at..]))
        };
        suffixes
            .chain(["*".to_owned()])
            .filter_map(|wildcard| self.0.get(&*wildcard))
    }
}

impl FromIterator<Name> for Wildcards {
    fn from_iter<I: IntoIterator<Item = Name>>(hosts: I) -> Self {
        Self(hosts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::host;

    #[test]
    fn the_most_specific_comes_first() {
        let all = ["*", "*.com", "*.foo.com", "*.a.foo.com", "*.org"];
        let set: Wildcards = all.into_iter().map(Name::from).collect();
        for host in [
            "a.foo.com",
            "foo.com",
            "x.a.foo.com",
            "*.foo.com",
            "com",
            "*",
        ] {
            let found: Vec<&str> = set.covering(host).map(|n| &**n).collect();
            let mut expected: Vec<&str> =
                all.into_iter().filter(|w| host::covers(w, host)).collect();
            expected.sort_by_key(|w| usize::MAX - w.len());
            assert_eq!(found, expected, "{host}");
        }
    }
}
