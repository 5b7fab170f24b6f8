//! A cluster's endpoints at one moment, ready to be picked from. Immutable.
//!
//! Every subset (and the whole cluster) is a [`Group`]: its priorities' endpoints sorted by health,
//! the priorities' loads, and a picker for each list. Lists hold row numbers, so that building and
//! dropping a set touches no endpoint's reference count.

use std::sync::Arc;

use super::{
    endpoint::Endpoint,
    members::{Members, Named},
    picker::{Draw, Hosts, Picker, Shares},
    priority::{Level, Loads, Source},
};
use crate::{
    Outcome,
    policy::{self, HealthStatus, LbPolicy},
};

/// See the module.
#[derive(Debug)]
pub(super) struct EndpointSet {
    pub(super) members: Arc<Members>,
    /// The ejections it was built from.
    pub(super) version: u64,
    /// How many of its endpoints were ejected then.
    pub(super) ejected: usize,
    whole: Group,
    /// By the members' places.
    subsets: Box<[Group]>,
    default_subset: Option<Group>,
}

impl EndpointSet {
    /// The set of `members` as healthy as their flags say; balancers go on where those of `previous`
    /// were.
    pub(super) fn new(
        cluster: &policy::Cluster,
        members: Arc<Members>,
        version: u64,
        previous: Option<&Self>,
    ) -> Self {
        let plan = Plan {
            policy: &cluster.lb_policy,
            members: &members,
            same_members: previous.is_some_and(|set| Arc::ptr_eq(&set.members, &members)),
        };
        let group = |rows: &mut dyn Iterator<Item = u32>, previous| {
            Group::new(cluster, &plan, rows, previous)
        };
        let whole = group(
            &mut (0..).take(members.len()),
            previous.map(|set| &set.whole),
        );
        let subsets = members
            .subsets()
            .map(|subset| {
                let previous = previous.and_then(|set| {
                    let place = set.members.find_subset(subset)?;
                    set.subsets.get(place)
                });
                group(&mut subset.rows.iter().copied(), previous)
            })
            .collect();
        let default_subset = members.default_subset().map(|rows| {
            let previous = previous.and_then(|set| set.default_subset.as_ref());
            group(&mut rows.iter().copied(), previous)
        });
        Self {
            ejected: whole.census.ejected,
            whole,
            subsets,
            default_subset,
            version,
            members,
        }
    }

    /// How much of the traffic all its endpoints could take in health, of 100.
    pub(super) const fn available(&self) -> u8 {
        self.whole.loads.available()
    }

    pub(super) fn group(&self, named: Named) -> &Group {
        match named {
            Named::All => &self.whole,
            Named::Subset(place) => &self.subsets[place],
            // The members name a default subset only when they have one.
            Named::DefaultSubset => self.default_subset.as_ref().unwrap_or(&self.whole),
        }
    }
}

/// Endpoints that are interchangeable for a request.
#[derive(Debug)]
pub(super) struct Group {
    /// By priority, empty ones left out.
    levels: Box<[Lists]>,
    loads: Loads,
    may_panic: bool,
    pub(super) census: Census,
}

/// How a group is, for [`PickError`](super::PickError).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub(super) total: usize,
    pub(super) ejected: usize,
    pub(super) unhealthy: usize,
    pub(super) last_failure: Option<Outcome>,
}

/// One priority's endpoints.
#[derive(Debug)]
struct Lists {
    all: Arc<List>,
    /// Is `all` while nothing is wrong.
    healthy: Arc<List>,
    degraded: Arc<List>,
}

#[derive(Debug)]
struct List {
    rows: Box<[u32]>,
    /// The first row, when they are a run: most lists are, and a pick need not look rows up then.
    run: Option<u32>,
    picker: Picker,
    /// Whether picks ask it.
    is_asked: bool,
}

/// What lists are made by.
struct Plan<'a> {
    policy: &'a LbPolicy,
    members: &'a Members,
    /// The previous set has the same, so that its list of the same rows serves as well.
    same_members: bool,
}

impl Group {
    fn new(
        cluster: &policy::Cluster,
        plan: &Plan<'_>,
        rows: &mut dyn Iterator<Item = u32>,
        previous: Option<&Self>,
    ) -> Self {
        let mut census = Census::default();
        let members = plan.members;
        let mut levels = Vec::new();
        let mut rows = rows.peekable();
        while let Some(first) = rows.peek() {
            let priority = members.priority(*first);
            let mut sorted = Sorted::default();
            while let Some(row) = rows.next_if(|row| members.priority(*row) == priority) {
                sorted.add(members, row, &mut census);
            }
            levels.push(sorted);
        }
        let sizes: Vec<Level> = levels.iter().map(Sorted::level).collect();
        let loads = Loads::new(
            &sizes,
            cluster.healthy_panic_threshold,
            cluster.overprovisioning_factor,
        );
        let lists = |(at, sorted): (usize, Sorted)| {
            let previous = previous.and_then(|group| group.levels.get(at));
            sorted.lists(plan, loads.panics(at), previous)
        };
        Self {
            levels: levels.into_iter().enumerate().map(lists).collect(),
            loads,
            may_panic: cluster.healthy_panic_threshold.get() > 0,
            census,
        }
    }

    /// An endpoint, and whether panic ignored its health. `None` when no endpoint may be used.
    pub(super) fn pick<'a>(
        &self,
        members: &'a Members,
        draw: Draw<'_>,
        attempt: u32,
    ) -> Option<(&'a Arc<Endpoint>, bool)> {
        // By the request's hash, its priority stays the same as well.
        let chosen = || draw.hash.unwrap_or_else(|| draw.random.next_u64());
        let (level, source) = match self.loads.choose(chosen)? {
            // What hashes has no table of degraded endpoints, in Envoy either.
            (level, Source::Degraded) if draw.hash.is_some() => (level, Source::Healthy),
            chosen => chosen,
        };
        let list = self.levels[level].list(source);
        if list.rows.is_empty() {
            return None;
        }
        let hosts = Hosts {
            rows: &list.rows,
            run: list.run,
            endpoints: &members.endpoints,
            weights: &members.weights,
        };
        let at = list.picker.pick(hosts, draw, attempt);
        let endpoint = &members.endpoints[hosts.row(at)];
        let panic = source == Source::All;
        if panic || endpoint.is_available() {
            return Some((endpoint, panic));
        }
        self.pick_around(members, list, at)
    }

    /// For the moment between an ejection and the set that knows of it: the next available endpoint
    /// of the list, else any. If there is none, that set will be in panic.
    #[cold]
    fn pick_around<'a>(
        &self,
        members: &'a Members,
        list: &List,
        at: usize,
    ) -> Option<(&'a Arc<Endpoint>, bool)> {
        let (before, after) = list.rows.split_at(at);
        let others = self
            .levels
            .iter()
            .flat_map(|lists| lists.healthy.rows.iter().chain(&lists.degraded.rows));
        after
            .iter()
            .chain(before)
            .chain(others)
            .map(|row| &members.endpoints[*row as usize])
            .find(|endpoint| endpoint.is_available())
            .map(|endpoint| (endpoint, false))
            .or_else(|| {
                self.may_panic
                    .then(|| (&members.endpoints[list.rows[at] as usize], true))
            })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = u32> {
        self.levels.iter().flat_map(|l| l.all.rows.iter().copied())
    }

    pub(super) fn is_panicking(&self) -> bool {
        self.loads.is_panicking()
    }
}

impl Lists {
    fn list(&self, source: Source) -> &Arc<List> {
        match source {
            Source::Healthy => &self.healthy,
            Source::Degraded => &self.degraded,
            Source::All => &self.all,
        }
    }
}

/// One priority's rows by health.
#[derive(Default)]
struct Sorted {
    all: Vec<u32>,
    healthy: Vec<u32>,
    degraded: Vec<u32>,
}

impl Sorted {
    fn add(&mut self, members: &Members, row: u32, census: &mut Census) {
        let endpoint = &members.endpoints[row as usize];
        census.total += 1;
        self.all.push(row);
        if endpoint.is_ejected() {
            census.ejected += 1;
            census.last_failure = endpoint.last_failure().or(census.last_failure);
        } else if !endpoint.is_available() {
            census.unhealthy += 1;
        } else if members.health_status(row) == HealthStatus::Degraded {
            self.degraded.push(row);
        } else {
            self.healthy.push(row);
        }
    }

    fn level(&self) -> Level {
        Level {
            hosts: self.all.len(),
            healthy: self.healthy.len(),
            degraded: self.degraded.len(),
        }
    }

    fn lists(self, plan: &Plan<'_>, panics: bool, previous: Option<&Lists>) -> Lists {
        // A table is large: each list has one only where picks go there.
        let hashes = plan.policy.uses_hash();
        let all_healthy = self.healthy.len() == self.all.len();
        let ask_all = !hashes || panics || all_healthy;
        let all = plan.list(self.all, ask_all, previous.map(|lists| &lists.all));
        Lists {
            healthy: if all_healthy {
                all.clone()
            } else {
                let previous = previous.map(|lists| &lists.healthy);
                plan.list(self.healthy, !hashes || !panics, previous)
            },
            degraded: plan.list(
                self.degraded,
                !hashes,
                previous.map(|lists| &lists.degraded),
            ),
            all,
        }
    }
}

impl Plan<'_> {
    fn list(&self, rows: Vec<u32>, is_asked: bool, previous: Option<&Arc<List>>) -> Arc<List> {
        let is_asked = is_asked && !(rows.is_empty() && self.policy.uses_hash());
        if let Some(previous) = previous
            && self.same_members
            && previous.is_asked == is_asked
            && *previous.rows == *rows
        {
            return previous.clone();
        }
        let members = self.members;
        let weights = rows.iter().map(|row| members.weights[*row as usize]);
        let shares = |use_hostname| {
            let keys = rows.iter().map(|row| members.hash_key(*row, use_hostname));
            Shares::new(keys.collect(), weights.clone())
        };
        let previous = previous.map(|list| &list.picker);
        Arc::new(List {
            picker: match is_asked {
                true => Picker::new(self.policy, weights.clone(), shares, previous),
                false => Picker::Nobody,
            },
            is_asked,
            run: rows
                .first()
                .copied()
                .filter(|first| rows.iter().copied().eq((*first..).take(rows.len()))),
            rows: rows.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::{Seeded, policy::Percent};

    /// Three endpoints, all healthy when the set was built.
    fn set(panic_threshold: u32) -> EndpointSet {
        let mut cluster = policy::Cluster::new("reviews");
        cluster.healthy_panic_threshold = Percent::try_new(panic_threshold).unwrap();
        let assignment = (1..=3)
            .map(|n| policy::Endpoint::new(SocketAddr::from(([10, 0, 0, 1], n))))
            .collect();
        let members = Members::new(&cluster, Arc::new(assignment), |endpoint| {
            Arc::new(Endpoint::new(endpoint.address.clone()))
        });
        EndpointSet::new(&cluster, Arc::new(members), 0, None)
    }

    fn draw(random: &Seeded) -> Draw<'_> {
        Draw::new(&LbPolicy::Random, random, None)
    }

    #[test]
    fn a_set_that_knows_no_ejection_yet_already_respects_it() {
        let set = set(50);
        let random = Seeded::new(1);
        set.members.endpoints[1].set_ejected(true);
        for _ in 0..100 {
            let (endpoint, panic) = set.whole.pick(&set.members, draw(&random), 0).unwrap();
            assert!(endpoint.is_available() && !panic);
        }
    }

    #[test]
    fn with_all_ejected_it_panics_only_if_it_may() {
        let random = Seeded::new(1);
        for (threshold, expected) in [(50, Some(true)), (0, None)] {
            let set = set(threshold);
            for endpoint in &set.members.endpoints {
                endpoint.set_ejected(true);
            }
            let picked = set.whole.pick(&set.members, draw(&random), 0);
            assert_eq!(picked.map(|(_, panic)| panic), expected);
        }
    }

    #[test]
    fn a_list_is_shared_while_all_are_healthy() {
        let set = set(50);
        let lists = &set.whole.levels[0];
        assert!(Arc::ptr_eq(&lists.all, &lists.healthy));
    }
}
