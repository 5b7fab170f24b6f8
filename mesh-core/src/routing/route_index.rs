//! One virtual host's routes, arranged so that a request meets only those whose path fits it.
//!
//! Exact, prefix and separated-prefix routes lie in a trie (case-insensitive ones in a second one),
//! all others in a list. The answer is the lowest index among the routes that match, which is the
//! first match in list order, whatever order they are tried in; a route above the lowest found so
//! far is not tried.

use std::ops::ControlFlow;

use super::{
    RequestHead,
    matching::{failures, is_path_only, path_matches},
    trie::{Key, Reach, Trie},
};
use crate::policy::{PathMatcher, Route};

/// `None` of few routes.
#[derive(Debug)]
pub(super) struct RouteIndex(Option<Index>);

#[derive(Debug)]
struct Index {
    sensitive: Trie,
    insensitive: Trie,
    /// The others.
    general: Box<[u32]>,
}

/// What the index holds of a route: its place in the list, and whether anything but its path
/// decides. Most routes have no such condition and are answered without being looked at. Candidates
/// are ordered as their routes are.
const fn candidate(index: u32, path_only: bool) -> u32 {
    index << 1 | !path_only as u32
}

/// So many routes are tried one after the other quicker than the trie is walked.
const FEW: usize = 8;

impl RouteIndex {
    /// `None` when the routes are too many (each counts twice) or too long to be counted in `u32`.
    pub(super) fn new(routes: &[Route]) -> Option<Self> {
        if routes.len() <= FEW {
            return Some(Self(None));
        }
        let literals = routes
            .iter()
            .map(|r| literal(r).map_or(0, |(l, _)| l.len()));
        if !Trie::fits(literals) {
            return None;
        }
        let (mut sensitive, mut insensitive, mut general) = (Vec::new(), Vec::new(), Vec::new());
        for (route, index) in routes.iter().zip(0..) {
            let value = candidate(index, is_path_only(&route.matches));
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
        Some(Self(Some(Index {
            sensitive: Trie::new(sensitive),
            insensitive: Trie::new(insensitive),
            general: general.into(),
        })))
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
        let Some(index) = &self.0 else {
            return routes.iter().position(|route| {
                let mut failed = |_| ControlFlow::Break(());
                path_matches(&route.matches, path)
                    && failures(&route.matches, head, random, &mut failed).is_continue()
            });
        };
        let route = |candidate: u32| routes.get(candidate as usize >> 1);
        let holds = |candidate: u32| {
            candidate & 1 == 0
                || route(candidate).is_some_and(|route| {
                    let mut failed = |_| ControlFlow::Break(());
                    failures(&route.matches, head, random, &mut failed).is_continue()
                })
        };
        let mut best = u32::MAX;
        let mut consider = |candidates: &[u32], _| {
            let mut earlier = candidates.iter().take_while(|&&candidate| candidate < best);
            if let Some(&found) = earlier.find(|&&candidate| holds(candidate)) {
                best = found;
            }
        };
        index
            .sensitive
            .walk::<false>(path.as_bytes(), &mut consider);
        if !index.insensitive.is_empty() {
            index
                .insensitive
                .walk::<true>(path.as_bytes(), &mut consider);
        }
        let mut earlier = index
            .general
            .iter()
            .take_while(|&&candidate| candidate < best);
        let fits = |&candidate: &u32| {
            route(candidate).is_some_and(|route| path_matches(&route.matches, path))
        };
        if let Some(&found) = earlier.find(|&candidate| fits(candidate) && holds(*candidate)) {
            best = found;
        }
        (best != u32::MAX).then_some(best as usize >> 1)
    }
}

/// The path a route compares literally, and how.
fn literal(route: &Route) -> Option<(&str, Reach)> {
    match &route.matches.path {
        PathMatcher::Prefix(path) => Some((path, Reach::Prefix)),
        PathMatcher::Exact(path) => Some((path, Reach::Exact)),
        PathMatcher::SeparatedPrefix(path) => Some((path, Reach::Separated)),
        PathMatcher::Regex(_) | PathMatcher::Template(_) => None,
    }
}
