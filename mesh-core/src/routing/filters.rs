//! The filter chain of each route, worked out when the configuration is compiled: what a request runs
//! is a slice, and an empty one for most.

use std::sync::Arc;

use crate::policy::{
    ClusterSpecifier, Cors, Fault, FilterConfig, FilterOverride, HttpFilter, HttpFilterKind,
    Mutations, Route, RouteAction, RouteConfiguration, VirtualHost, WeightedCluster,
};

/// A filter that does something to a request, with what all levels say to it. Whoever runs filters must
/// know them all: one that is passed over would be a hole in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Injects a fault.
    Fault(Fault),
    /// The policies of all levels, the most specific first.
    Cors(Vec<Arc<Cors>>),
    /// Applied in order.
    HeaderMutation(Vec<Arc<Mutations>>),
}

/// What the requests of a route configuration run.
#[derive(Debug)]
pub(super) struct FilterPlans {
    /// Where no route is found.
    unrouted: Box<[Filter]>,
    /// By virtual host and route.
    routes: Box<[Box<[RoutePlan]>]>,
}

#[derive(Debug)]
struct RoutePlan {
    filters: Box<[Filter]>,
    /// By weighted cluster; empty when none of them says anything to a filter.
    weighted: Box<[Box<[Filter]>]>,
}

impl FilterPlans {
    /// `None` when no request runs any filter.
    pub(super) fn new(chain: &[HttpFilter], config: &RouteConfiguration) -> Option<Self> {
        let plan = |host: &VirtualHost, route: &Route| {
            let forwards = matches!(route.action, RouteAction::Forward(_));
            let compile = |weighted: Option<&WeightedCluster>| {
                let none: &[FilterOverride] = &[];
                let levels = [
                    weighted.map_or(none, |w| &w.filters),
                    &route.filters,
                    &host.filters,
                    &config.filters,
                ];
                compile(chain, &levels, forwards)
            };
            RoutePlan {
                filters: compile(None),
                weighted: match weighted(route) {
                    entries if entries.iter().all(|e| e.filters.is_empty()) => Box::default(),
                    entries => entries.iter().map(|e| compile(Some(e))).collect(),
                },
            }
        };
        let hosts = config.virtual_hosts.iter();
        let routes: Box<[Box<[RoutePlan]>]> = hosts
            .map(|host| host.routes.iter().map(|route| plan(host, route)).collect())
            .collect();
        let unrouted = compile(chain, &[], false);
        let mut all = routes.iter().flatten();
        let none = unrouted.is_empty()
            && all.all(|r| r.filters.is_empty() && r.weighted.iter().all(|w| w.is_empty()));
        (!none).then_some(Self { unrouted, routes })
    }

    pub(super) fn get(&self, route: Option<(usize, usize)>, weighted: Option<usize>) -> &[Filter] {
        let Some((host, route)) = route else {
            return &self.unrouted;
        };
        let Some(plan) = self.routes.get(host).and_then(|routes| routes.get(route)) else {
            return &self.unrouted;
        };
        let of_cluster = weighted.and_then(|index| plan.weighted.get(index));
        of_cluster.unwrap_or(&plan.filters)
    }
}

fn weighted(route: &Route) -> &[WeightedCluster] {
    match &route.action {
        RouteAction::Forward(action) => match &action.cluster {
            ClusterSpecifier::Weighted(weighted) => weighted.clusters(),
            _ => &[],
        },
        _ => &[],
    }
}

/// The filters of `chain` that do something, given what the `levels` say, the most specific first.
fn compile(chain: &[HttpFilter], levels: &[&[FilterOverride]], forwards: bool) -> Box<[Filter]> {
    let filter = |filter: &HttpFilter| {
        let overrides = || {
            let all = levels.iter().flat_map(|level| level.iter());
            all.filter(|o| o.name == filter.name)
        };
        let disabled = overrides().next().map_or(filter.disabled, |o| o.disabled);
        if disabled {
            return None;
        }
        let mut configs = overrides().filter_map(|o| o.config.as_ref());
        let found = match &filter.kind {
            HttpFilterKind::Fault(fault) => {
                let own = configs.find_map(|config| match config {
                    FilterConfig::Fault(fault) => Some(fault),
                    _ => None,
                });
                Filter::Fault(own.unwrap_or(fault).clone())
            }
            HttpFilterKind::Cors => Filter::Cors(
                configs
                    .filter_map(|config| match config {
                        // Envoy asks it only where the request is forwarded.
                        FilterConfig::Cors(cors) if forwards => Some(cors.clone()),
                        _ => None,
                    })
                    .collect(),
            ),
            HttpFilterKind::HeaderMutation {
                mutations,
                most_specific_header_mutations_wins,
            } => {
                let mut all: Vec<_> = configs
                    .filter_map(|config| match config {
                        FilterConfig::HeaderMutation(mutations) => Some(mutations.clone()),
                        _ => None,
                    })
                    .collect();
                if *most_specific_header_mutations_wins {
                    all.reverse();
                }
                all.insert(0, Arc::new(mutations.clone()));
                all.retain(|m| !m.request.is_empty() || !m.response.is_empty());
                Filter::HeaderMutation(all)
            }
        };
        let acts = match &found {
            Filter::Fault(fault) => fault.delay.is_some() || fault.abort.is_some(),
            Filter::Cors(policies) => !policies.is_empty(),
            Filter::HeaderMutation(mutations) => !mutations.is_empty(),
        };
        acts.then_some(found)
    };
    chain.iter().filter_map(filter).collect()
}

/// Whether any filter's header values have operators, in requests or responses.
pub(super) fn formats(chain: &[HttpFilter], config: &RouteConfiguration) -> (bool, bool) {
    let (mut requests, mut responses) = (false, false);
    let mut look = |mutations: &Mutations| {
        let formats = |edits: &[crate::policy::HeaderEdit]| {
            edits.iter().any(|edit| match edit {
                crate::policy::HeaderEdit::Append(option) => option.value.literal().is_none(),
                crate::policy::HeaderEdit::Remove(_) => false,
            })
        };
        requests |= formats(&mutations.request);
        responses |= formats(&mutations.response);
    };
    for filter in chain {
        if let HttpFilterKind::HeaderMutation { mutations, .. } = &filter.kind {
            look(mutations);
        }
    }
    let hosts = config.virtual_hosts.iter();
    let overrides = hosts.flat_map(|host| {
        let routes = host.routes.iter();
        let routes = routes.flat_map(|r| {
            let clusters = weighted(r).iter().flat_map(|w| &w.filters);
            r.filters.iter().chain(clusters)
        });
        host.filters.iter().chain(routes)
    });
    for over in config.filters.iter().chain(overrides) {
        if let Some(FilterConfig::HeaderMutation(mutations)) = &over.config {
            look(mutations);
        }
    }
    (requests, responses)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::{
        Delay, FractionalPercent, HeaderEdit, RouteMatch, WeightedClusters,
        filter::{CORS, FAULT, HEADER_MUTATION},
    };

    fn fault(seconds: u64) -> Fault {
        Fault {
            delay: Some(Delay {
                fixed_delay: Duration::from_secs(seconds),
                percentage: FractionalPercent::ALWAYS,
            }),
            abort: None,
        }
    }

    fn remove(name: &str) -> Mutations {
        Mutations {
            request: vec![HeaderEdit::Remove(name.parse().unwrap())],
            response: Vec::new(),
        }
    }

    fn config() -> RouteConfiguration {
        let route = Route::split(RouteMatch::any(), [("a", 1), ("b", 1)]).unwrap();
        RouteConfiguration::new("rc", vec![VirtualHost::new(["*"], vec![route])])
    }

    #[test]
    fn a_chain_that_nothing_configures_is_none() {
        let chain = [HttpFilter::cors(), HttpFilter::fault()];
        assert!(FilterPlans::new(&chain, &config()).is_none());
        assert!(FilterPlans::new(&[], &config()).is_none());
    }

    #[test]
    fn the_most_specific_fault_counts_and_each_cluster_has_its_own() {
        let mut config = config();
        let chain = [HttpFilter::new(FAULT, HttpFilterKind::Fault(fault(1)))];
        config.virtual_hosts[0].filters = vec![fault(2).into()];
        let RouteAction::Forward(action) = &mut config.virtual_hosts[0].routes[0].action else {
            unreachable!()
        };
        let mut b = WeightedCluster::new("b", 1);
        b.filters = vec![FilterOverride::disabled(FAULT)];
        let clusters = vec![WeightedCluster::new("a", 1), b];
        action.cluster = ClusterSpecifier::Weighted(WeightedClusters::try_new(clusters).unwrap());
        let plans = FilterPlans::new(&chain, &config).unwrap();
        assert_eq!(plans.get(None, None), [Filter::Fault(fault(1))]);
        let at = |weighted| plans.get(Some((0, 0)), weighted);
        assert_eq!(at(Some(0)), [Filter::Fault(fault(2))]);
        assert_eq!(at(Some(1)), []);
    }

    #[test]
    fn filters_keep_the_chains_order_and_can_be_switched_on() {
        let mut config = config();
        let mut mutation = HttpFilter::new(
            HEADER_MUTATION,
            HttpFilterKind::HeaderMutation {
                mutations: remove("x-chain"),
                most_specific_header_mutations_wins: false,
            },
        );
        mutation.disabled = true;
        let chain = [HttpFilter::fault(), mutation, HttpFilter::cors()];
        config.filters = vec![Cors::default().into()];
        config.virtual_hosts[0].routes[0].filters = vec![
            FilterOverride::new(
                HEADER_MUTATION,
                FilterConfig::HeaderMutation(Arc::new(remove("x-route"))),
            ),
            FilterOverride::new("not in the chain", FilterConfig::Fault(fault(1))),
        ];
        let plans = FilterPlans::new(&chain, &config).unwrap();
        let [Filter::HeaderMutation(all), Filter::Cors(cors)] = plans.get(Some((0, 0)), None)
        else {
            panic!("{plans:?}")
        };
        assert_eq!(
            all.iter().map(|m| (**m).clone()).collect::<Vec<_>>(),
            [remove("x-chain"), remove("x-route")]
        );
        assert_eq!(cors.len(), 1);
        assert_eq!(plans.get(None, None), []);
        config.virtual_hosts[0].filters = vec![FilterOverride::disabled(CORS)];
        let plans = FilterPlans::new(&chain, &config).unwrap();
        assert_eq!(plans.get(Some((0, 0)), None).len(), 1);
    }
}
