//! Subsets: the endpoints whose labels have exactly the values a route asks for.
//!
//! A subset exists for every combination of values that some endpoint has for all keys of a
//! selector. They are indexed by a hash of their sorted key–value pairs, so a pick finds one in
//! constant time, and merges the criteria of route and weighted cluster as it reads them.

use std::{collections::HashMap, hash::BuildHasher, hash::Hash, hash::Hasher};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::policy::{Endpoint, Metadata, SubsetFallback, Subsets};

/// What a request asks for: the route's criteria with the weighted cluster's written over them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Criteria<'a> {
    pub(super) route: &'a Metadata,
    pub(super) weighted: &'a Metadata,
}

impl<'a> Criteria<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.route.is_empty() && self.weighted.is_empty()
    }

    /// The merged pairs, ordered by key.
    fn pairs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut route = self.route.iter().peekable();
        let mut weighted = self.weighted.iter().peekable();
        std::iter::from_fn(move || match (route.peek(), weighted.peek()) {
            (Some((a, _)), Some((b, _))) if a < b => route.next(),
            (Some((a, _)), Some((b, _))) => {
                if a == b {
                    route.next();
                }
                weighted.next()
            }
            (Some(_), None) => route.next(),
            (None, _) => weighted.next(),
        })
    }
}

/// The subsets of one assignment; endpoints are places (rows) in it.
#[derive(Debug)]
pub(super) struct SubsetIndex {
    /// Hash of the pairs → places in `subsets`.
    by_hash: HashMap<u64, SmallVec<[u32; 2]>, FixedState>,
    subsets: Vec<Subset>,
    /// What the fallback may use; `None` for NO_FALLBACK.
    pub(super) fallback: Option<Fallback>,
}

/// One combination of values.
#[derive(Debug)]
pub(super) struct Subset {
    criteria: Metadata,
    pub(super) rows: Vec<u32>,
}

/// The endpoints that requests get whose criteria name no subset.
#[derive(Debug)]
pub(super) enum Fallback {
    All,
    /// Of the default subset's labels.
    Rows(Vec<u32>),
}

impl SubsetIndex {
    pub(super) fn new<'a>(policy: &Subsets, endpoints: impl Iterator<Item = &'a Endpoint>) -> Self {
        let mut selectors: Vec<_> = policy.selectors.clone();
        for keys in &mut selectors {
            keys.sort();
            keys.dedup();
        }
        selectors.sort();
        selectors.dedup();
        selectors.retain(|keys| !keys.is_empty());

        let mut index = Self {
            by_hash: HashMap::default(),
            subsets: Vec::new(),
            fallback: match &policy.fallback {
                SubsetFallback::NoFallback => None,
                SubsetFallback::AnyEndpoint => Some(Fallback::All),
                SubsetFallback::DefaultSubset(_) => Some(Fallback::Rows(Vec::new())),
            },
        };
        for (row, endpoint) in (0..).zip(endpoints) {
            let labels = &endpoint.metadata;
            for keys in &selectors {
                let values = keys.iter().map(|key| Some((&**key, labels.get(key)?)));
                if let Some(criteria) = values.collect::<Option<Metadata>>() {
                    index.insert(criteria, row);
                }
            }
            if let (SubsetFallback::DefaultSubset(default), Some(Fallback::Rows(rows))) =
                (&policy.fallback, &mut index.fallback)
                && labels.contains_all(default)
            {
                rows.push(row);
            }
        }
        index
    }

    fn insert(&mut self, criteria: Metadata, row: u32) {
        let wanted = Criteria {
            route: &criteria,
            weighted: &Metadata::EMPTY,
        };
        if let Some(place) = self.find(wanted) {
            self.subsets[place].rows.push(row);
        } else if let Ok(place) = u32::try_from(self.subsets.len()) {
            self.by_hash.entry(hash(wanted)).or_default().push(place);
            self.subsets.push(Subset {
                criteria,
                rows: vec![row],
            });
        }
    }

    /// The place of the subset of exactly these criteria.
    pub(super) fn find(&self, criteria: Criteria<'_>) -> Option<usize> {
        self.by_hash
            .get(&hash(criteria))?
            .iter()
            .map(|place| *place as usize)
            .find(|place| self.subsets[*place].criteria.iter().eq(criteria.pairs()))
    }

    /// The place of the same subset in an older index.
    pub(super) fn find_same(&self, other: &Subset) -> Option<usize> {
        self.find(Criteria {
            route: &other.criteria,
            weighted: &Metadata::EMPTY,
        })
    }

    /// All subsets, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Subset> {
        self.subsets.iter()
    }
}

fn hash(criteria: Criteria<'_>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    for pair in criteria.pairs() {
        pair.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::policy::Name;

    fn labels(text: &str) -> Metadata {
        text.split(',')
            .filter_map(|pair| pair.split_once('='))
            .collect()
    }

    fn index(selectors: &[&[&str]], fallback: SubsetFallback, endpoints: &[&str]) -> SubsetIndex {
        let policy = Subsets {
            selectors: selectors
                .iter()
                .map(|keys| keys.iter().map(|k| Name::from(*k)).collect())
                .collect(),
            fallback,
        };
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|text| {
                Endpoint::new(SocketAddr::from(([10, 0, 0, 1], 80))).with_metadata(labels(text))
            })
            .collect();
        SubsetIndex::new(&policy, endpoints.iter())
    }

    fn rows(index: &SubsetIndex, route: &str, weighted: &str) -> Option<Vec<u32>> {
        let place = index.find(Criteria {
            route: &labels(route),
            weighted: &labels(weighted),
        })?;
        Some(index.subsets[place].rows.clone())
    }

    #[test]
    fn a_subset_needs_exactly_a_selectors_keys() {
        let index = index(
            &[&["version", "stage"], &["version"], &["stage", "version"]],
            SubsetFallback::NoFallback,
            &[
                "version=v1,stage=prod",
                "version=v2,stage=prod",
                "version=v1",
                "stage=prod",
            ],
        );
        assert_eq!(rows(&index, "version=v1", ""), Some(vec![0, 2]));
        assert_eq!(rows(&index, "stage=prod,version=v1", ""), Some(vec![0]));
        assert_eq!(
            rows(&index, "stage=prod", ""),
            None,
            "no selector of that key"
        );
        assert_eq!(rows(&index, "version=v3", ""), None);
        assert_eq!(rows(&index, "version=v1,stage=prod,x=y", ""), None);
        assert_eq!(rows(&index, "", ""), None);
    }

    #[test]
    fn the_weighted_clusters_criteria_win() {
        let index = index(
            &[&["version", "stage"]],
            SubsetFallback::NoFallback,
            &["version=v1,stage=prod", "version=v2,stage=prod"],
        );
        assert_eq!(
            rows(&index, "version=v1,stage=prod", "version=v2"),
            Some(vec![1])
        );
        assert_eq!(rows(&index, "version=v1", "stage=prod"), Some(vec![0]));
        assert_eq!(rows(&index, "stage=prod", "version=v1"), Some(vec![0]));
        assert_eq!(rows(&index, "", "stage=prod,version=v1"), Some(vec![0]));
    }

    #[test]
    fn fallbacks() {
        let endpoints = ["version=v1", "version=v2", "version=v1,canary=true"];
        let of = |fallback| index(&[&["version"]], fallback, &endpoints).fallback;
        assert!(of(SubsetFallback::NoFallback).is_none());
        assert!(matches!(
            of(SubsetFallback::AnyEndpoint),
            Some(Fallback::All)
        ));
        let default = of(SubsetFallback::DefaultSubset(labels("version=v1")));
        assert!(matches!(default, Some(Fallback::Rows(rows)) if rows == [0, 2]));
    }
}
