//! One virtual host's routes, arranged so that a request meets only those whose path fits it.
//!
//! Exact, prefix and separated-prefix routes lie in a trie (case-insensitive ones in a second one),
//! all others in a list. The answer is the lowest index among the routes that match, which is the
//! first match in list order, whatever order they are tried in; a route above the lowest found so
//! far is not tried.
//!
//! What stays linear: routes with the same path that differ by method or header are tried one after
//! the other, as are routes whose prefixes nest, and every regex that stands before the match.

use std::ops::ControlFlow;

use super::{
    RequestHead,
    matching::{failures, path_matches},
    trie::{Key, Reach, Trie},
};
use crate::policy::{PathMatcher, Route};

#[derive(Debug)]
pub(super) struct RouteIndex {
    sensitive: Trie,
    insensitive: Trie,
    /// The others, ascending.
    general: Box<[u32]>,
}

impl RouteIndex {
    /// `None` when the routes are too many or too long to be counted in `u32`.
    pub(super) fn new(routes: &[Route]) -> Option<Self> {
        let literals = routes
            .iter()
            .map(|r| literal(r).map_or(0, |(l, _)| l.len()));
        if !Trie::fits(literals) {
            return None;
        }
        let (mut sensitive, mut insensitive, mut general) = (Vec::new(), Vec::new(), Vec::new());
        for (route, value) in routes.iter().zip(0..) {
            match literal(route) {
                Some((path, reach)) if route.matches.case_sensitive => sensitive.push(Key {
                    bytes: path.as_bytes().into(),
                    reach,
                    value,
                }),
                Some((path, reach)) => insensitive.push(Key {
                    bytes: path.to_ascii_lowercase().into_bytes().into(),
                    reach,
                    value,
                }),
                None => general.push(value),
            }
        }
        Some(Self {
            sensitive: Trie::new(sensitive),
            insensitive: Trie::new(insensitive),
            general: general.into(),
        })
    }

    /// The first of `routes` (those the index was made of) that matches.
    pub(super) fn first(
        &self,
        routes: &[Route],
        head: &RequestHead<'_>,
        random: u64,
    ) -> Option<usize> {
        let path = head.path_without_query();
        if path.is_empty() {
            return None;
        }
        let holds = |route: u32| {
            routes.get(route as usize).is_some_and(|route| {
                failures(
                    &route.matches,
                    head,
                    random,
                    &mut |_| ControlFlow::Break(()),
                )
                .is_continue()
            })
        };
        let mut best = u32::MAX;
        let mut consider = |candidates: &[u32], _| {
            for &route in candidates.iter().take_while(|&&route| route < best) {
                if holds(route) {
                    best = route;
                    return;
                }
            }
        };
        self.sensitive.walk::<false>(path.as_bytes(), &mut consider);
        self.insensitive
            .walk::<true>(path.as_bytes(), &mut consider);
        for &route in self.general.iter().take_while(|&&route| route < best) {
            let fits = |r: &Route| path_matches(&r.matches, path);
            if routes.get(route as usize).is_some_and(fits) && holds(route) {
                best = route;
                break;
            }
        }
        (best != u32::MAX).then_some(best as usize)
    }
}

/// The path a route compares literally, and how.
fn literal(route: &Route) -> Option<(&str, Reach)> {
    match &route.matches.path {
        PathMatcher::Prefix(path) => Some((path, Reach::Prefix)),
        PathMatcher::Exact(path) => Some((path, Reach::Exact)),
        PathMatcher::SeparatedPrefix(path) => Some((path, Reach::Separated)),
        PathMatcher::Regex(_) => None,
    }
}
