//! Why a request goes where it goes: each rule tried in turn, with the functions that route.

use std::ops::ControlFlow;

use http::{HeaderName, StatusCode};

use super::{
    Mismatch, RequestHead, Router,
    applied::applied,
    choose::{choose_cluster, dictated},
    host::{Domain, without_port},
    matching::{failures, matches},
    rewrite::{redirect_location, tls_redirect},
};
use crate::policy::{
    ClusterSpecifier, ForwardAction, Metadata, Name, Origin, Route, RouteAction, RouteMatch,
    WeightedClusters,
};

/// The way of one request through a [`Router`], as data. `Display` makes a report of several lines,
/// each with the place it was configured at; the fields are for tools.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteExplanation {
    /// Method and URL.
    pub request: String,
    /// The route configuration's name.
    pub route_configuration: Name,
    /// Where that was configured.
    pub origin: Origin,
    /// The virtual host, or why there is none.
    pub virtual_host: Result<VirtualHostExplanation, String>,
    /// The routes tried, in order; the last one matched, if any did.
    pub rules: Vec<RuleTried>,
    /// How many routes stand behind the one that matched.
    pub untried: usize,
    /// What became of the request.
    pub decision: Decision,
    /// What the route's policies do to it besides: one sentence each, in the order they apply.
    pub policies: Vec<String>,
}

/// The virtual host chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VirtualHostExplanation {
    /// Its index in the configuration.
    pub index: usize,
    /// Its name.
    pub name: Name,
    /// The domain of it that matched.
    pub domain: Name,
    /// Where it was configured.
    pub origin: Origin,
}

/// A route and how it fared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleTried {
    /// Its index in the virtual host.
    pub index: usize,
    /// Its name, which may be empty.
    pub name: Name,
    /// Where it was configured.
    pub origin: Origin,
    /// How it fared.
    pub outcome: RuleOutcome,
}

/// How a route fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleOutcome {
    /// All conditions hold.
    Matched,
    /// Why not: the path, or else every condition that does not hold.
    Failed(String),
}

/// What became of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// No virtual host, or none of its routes: 404.
    NoRoute,
    /// The virtual host demands TLS: 301.
    TlsRedirect {
        /// `Location`.
        location: String,
    },
    /// The route redirects.
    Redirect {
        /// The status.
        status: StatusCode,
        /// `Location`.
        location: String,
    },
    /// The route answers itself.
    DirectResponse {
        /// The status.
        status: StatusCode,
    },
    /// The route forwards.
    Cluster(ClusterExplanation),
}

/// The choice of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterExplanation {
    /// The cluster; `None` when a header should name it and is absent.
    pub name: Option<String>,
    /// How it was chosen.
    pub how: How,
    /// The subset of its endpoints that the route asks for.
    pub subset: Metadata,
}

/// How a cluster was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// The route names it.
    Named,
    /// A request header names it.
    Header(HeaderName),
    /// By weight.
    Weighted {
        /// The draw.
        draw: u64,
        /// The request header that dictated it, if one did.
        from_header: Option<HeaderName>,
        /// Whether the request's hash did.
        from_hash: bool,
        /// The sum of the weights.
        total: u32,
        /// `draw % total`: the place on the line of all shares.
        roll: u64,
        /// All entries, in order.
        entries: Vec<WeightExplanation>,
    },
}

/// One entry of a weighted choice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WeightExplanation {
    /// The cluster.
    pub cluster: Name,
    /// Its weight.
    pub weight: u32,
    /// The rolls that fall on it: from here
    pub from: u64,
    /// to below here.
    pub to: u64,
    /// Whether the roll did.
    pub chosen: bool,
    /// Where it was configured.
    pub origin: Origin,
}

/// Routes `head` step by step. It agrees with [`Router::virtual_host`], [`Router::route`] and
/// [`choose_cluster`], and takes time in proportion to the configuration.
pub fn explain(router: &Router, head: &RequestHead<'_>, random: u64) -> RouteExplanation {
    let config = router.config();
    let mut explanation = RouteExplanation {
        request: format!(
            "{} {}://{}{}",
            head.method, head.scheme, head.authority, head.path
        ),
        route_configuration: config.name.clone(),
        origin: config.origin.clone(),
        virtual_host: explain_virtual_host(router, head.authority),
        rules: Vec::new(),
        untried: 0,
        decision: Decision::NoRoute,
        policies: Vec::new(),
    };
    let Some(host) = explanation.virtual_host.as_ref().ok().map(|c| c.index) else {
        return explanation;
    };
    let Some(virtual_host) = config.virtual_hosts.get(host) else {
        return explanation;
    };
    if let Some(location) = tls_redirect(virtual_host, head) {
        explanation.decision = Decision::TlsRedirect { location };
        return explanation;
    }
    for (index, route) in virtual_host.routes.iter().enumerate() {
        let outcome = try_rule(&route.matches, head, random);
        let matched = outcome == RuleOutcome::Matched;
        explanation.rules.push(RuleTried {
            index,
            name: route.name.clone(),
            origin: route.origin.clone(),
            outcome,
        });
        if matched {
            explanation.untried = virtual_host.routes.len() - index - 1;
            explanation.decision = explain_action(route, head, random);
            let weighted = match &route.action {
                RouteAction::Forward(action) => {
                    choose_cluster(action, head, random).and_then(|choice| choice.weighted)
                }
                _ => None,
            };
            let weighted = weighted.map(|(index, _)| index);
            explanation.policies = applied(router, (host, index), weighted, head, random);
            break;
        }
    }
    explanation
}

fn explain_virtual_host(
    router: &Router,
    authority: &str,
) -> Result<VirtualHostExplanation, String> {
    let host = router.matched_host(authority);
    best_domain(router, host).ok_or_else(|| {
        let without_port = without_port(host);
        match best_domain(router, without_port) {
            Some(other) if without_port != host => format!(
                "no domain covers `{host}`; the port counts here: without it, `{}` of virtual host \
                 `{}` ({}) would",
                other.domain, other.name, other.origin
            ),
            _ => format!("no domain covers `{host}`"),
        }
    })
}

fn best_domain(router: &Router, host: &str) -> Option<VirtualHostExplanation> {
    let virtual_hosts = router.config().virtual_hosts.iter().enumerate();
    virtual_hosts
        .flat_map(|(index, virtual_host)| {
            let domains = virtual_host.domains.iter();
            domains.map(move |domain| (index, virtual_host, domain))
        })
        .filter_map(|candidate| Some((Domain::parse(candidate.2)?, candidate)))
        .filter(|(domain, _)| domain.covers(host))
        .max_by_key(|(domain, _)| domain.rank())
        .map(
            |(_, (index, virtual_host, domain))| VirtualHostExplanation {
                index,
                name: virtual_host.name.clone(),
                domain: domain.clone(),
                origin: virtual_host.origin.clone(),
            },
        )
}

fn try_rule(route_match: &RouteMatch, head: &RequestHead<'_>, random: u64) -> RuleOutcome {
    let first = match matches(route_match, head, random) {
        Ok(()) => return RuleOutcome::Matched,
        Err(first) => first,
    };
    if matches!(first.condition(), super::Condition::Path(_)) {
        return RuleOutcome::Failed(first.to_string());
    }
    let mut reasons = Vec::new();
    let _ = failures(route_match, head, random, &mut |condition| {
        reasons.push(Mismatch::new(condition, head, random).to_string());
        ControlFlow::<()>::Continue(())
    });
    RuleOutcome::Failed(reasons.join("; "))
}

fn explain_action(route: &Route, head: &RequestHead<'_>, random: u64) -> Decision {
    match &route.action {
        RouteAction::Forward(action) => Decision::Cluster(explain_cluster(action, head, random)),
        RouteAction::Redirect(redirect) => Decision::Redirect {
            status: redirect
                .response_code
                .unwrap_or(StatusCode::MOVED_PERMANENTLY),
            location: redirect_location(redirect, &route.matches.path, head),
        },
        RouteAction::DirectResponse(response) => Decision::DirectResponse {
            status: response.status,
        },
    }
}

fn explain_cluster(
    action: &ForwardAction,
    head: &RequestHead<'_>,
    random: u64,
) -> ClusterExplanation {
    let choice = choose_cluster(action, head, random);
    let weighted = choice.and_then(|choice| choice.weighted);
    let how = match &action.cluster {
        ClusterSpecifier::Cluster(_) => How::Named,
        ClusterSpecifier::ClusterHeader(name) => How::Header(name.clone()),
        ClusterSpecifier::Weighted(clusters) => {
            let chosen = weighted.map(|(index, _)| index);
            explain_weights(clusters, chosen, dictated(action, head), random)
        }
    };
    let subset = match weighted {
        Some((_, cluster)) => action.metadata_match.merged(&cluster.metadata_match),
        None => action.metadata_match.clone(),
    };
    ClusterExplanation {
        name: choice.map(|choice| choice.name.to_owned()),
        how,
        subset,
    }
}

fn explain_weights(
    weighted: &WeightedClusters,
    chosen: Option<usize>,
    dictated: Option<u64>,
    random: u64,
) -> How {
    let draw = dictated.unwrap_or(random);
    let mut to = 0;
    let entry = |(index, cluster): (usize, &crate::policy::WeightedCluster)| {
        let from = to;
        to += u64::from(cluster.weight);
        WeightExplanation {
            cluster: cluster.name.clone(),
            weight: cluster.weight,
            from,
            to,
            chosen: chosen == Some(index),
            origin: cluster.origin.clone(),
        }
    };
    How::Weighted {
        entries: weighted.clusters().iter().enumerate().map(entry).collect(),
        draw,
        from_header: weighted
            .header_name
            .clone()
            .filter(|_| dictated.is_some() && !weighted.use_hash_policy),
        from_hash: weighted.use_hash_policy && dictated.is_some(),
        total: weighted.total(),
        roll: draw % u64::from(weighted.total()),
    }
}
