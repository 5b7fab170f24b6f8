//! What a route's policy does to a request besides sending it somewhere, in words, for `explain`.

use super::{
    CorsDecision, Filter, MutationLevels, RequestHead, Router, cors, mirror_cluster, mirrors,
    refused_upgrade, request_hash, rewrite_path,
};
use crate::policy::{
    ForwardAction, HostRewrite, InternalRedirectPolicy, Route, RouteAction, VirtualHost,
    WeightedCluster,
};

/// One sentence for each policy that applies to `head`, in the order in which they do.
pub(super) fn applied(
    router: &Router,
    (host, route): (usize, usize),
    weighted: Option<usize>,
    head: &RequestHead<'_>,
    random: u64,
) -> Vec<String> {
    let config = router.config();
    let Some(virtual_host) = config.virtual_hosts.get(host) else {
        return Vec::new();
    };
    let Some(matched) = virtual_host.routes.get(route) else {
        return Vec::new();
    };
    let filters = router.filters(Some((host, route)), weighted);
    let mut said: Vec<String> = filters.iter().map(|f| filter(f, head, random)).collect();
    let upgrades = match &matched.action {
        RouteAction::Forward(action) => &action.upgrades[..],
        _ => &[],
    };
    // What is answered here meets nothing of the rest.
    if let Some(refused) = refused_upgrade(&router.manager().upgrades, upgrades, head.headers) {
        return vec![format!(
            "upgrade to {refused} refused: 403, and sent nowhere"
        )];
    }
    let answers = |filter: &&Filter| match filter {
        Filter::Cors(policies) => {
            matches!(cors(policies, head, random), CorsDecision::Preflight(_))
        }
        _ => false,
    };
    if let Some(at) = filters.iter().position(|f| answers(&f)) {
        said.truncate(at + 1);
        return said;
    }
    let RouteAction::Forward(action) = &matched.action else {
        return said;
    };
    let entry = weighted.and_then(|index| action.cluster.weighted()?.clusters().get(index));
    said.extend(headers(router, virtual_host, matched, entry));
    said.extend(rewrites(matched, action, entry, head));
    for mirror in mirrors(config, virtual_host, action) {
        said.push(match mirror_cluster(mirror, head, random) {
            Some(cluster) => format!("mirrored to cluster `{cluster}` ({})", mirror.fraction),
            None => format!(
                "not mirrored: outside {}, or no cluster named",
                mirror.fraction
            ),
        });
    }
    if !action.hash_policy.is_empty() {
        said.push(
            match request_hash(&action.hash_policy, head, Some(random)).hash {
                Some(hash) => format!("hash {hash:016x}"),
                None => "no hash: the request has none of the policies' inputs".to_owned(),
            },
        );
    }
    said.extend(action.internal_redirect.as_deref().map(redirects));
    said
}

fn filter(filter: &Filter, head: &RequestHead<'_>, random: u64) -> String {
    match filter {
        Filter::Fault(fault) => {
            let delay = fault.delay.as_ref();
            let delay = delay.map(|d| format!("delay {:?} ({})", d.fixed_delay, d.percentage));
            let abort = fault.abort.as_ref();
            let abort = abort.map(|a| format!("abort {} ({})", a.http_status, a.percentage));
            let all: Vec<_> = delay.into_iter().chain(abort).collect();
            format!("fault filter: {}", all.join(", "))
        }
        Filter::Cors(policies) => match cors(policies, head, random) {
            CorsDecision::Pass => "CORS filter: not for this request".to_owned(),
            CorsDecision::Preflight(_) => {
                "CORS filter: answers the preflight, 200, and sends it nowhere".to_owned()
            }
            CorsDecision::Respond(_) => "CORS filter: allows the origin".to_owned(),
        },
        Filter::HeaderMutation(all) => {
            let count = |edits: fn(&crate::policy::Mutations) -> usize| -> usize {
                all.iter().map(|m| edits(m)).sum()
            };
            format!(
                "header mutation filter: {} changes of the request, {} of the response",
                count(|m| m.request.len()),
                count(|m| m.response.len())
            )
        }
    }
}

fn headers(
    router: &Router,
    host: &VirtualHost,
    route: &Route,
    weighted: Option<&WeightedCluster>,
) -> Option<String> {
    let levels = MutationLevels::new(router.config(), host, route, weighted);
    let (mut request, mut response) = (Vec::new(), Vec::new());
    for level in levels.iter() {
        let removed = level.request_remove.iter().map(|name| format!("-{name}"));
        request.extend(removed);
        let added = level.request_add.iter();
        request.extend(added.map(|option| format!("{}: {}", option.name, option.value)));
        let removed = level.response_remove.iter().map(|name| format!("-{name}"));
        response.extend(removed);
        let added = level.response_add.iter();
        response.extend(added.map(|option| format!("{}: {}", option.name, option.value)));
    }
    let part = |what: &str, list: Vec<String>| {
        (!list.is_empty()).then(|| format!("{what} headers [{}]", list.join(", ")))
    };
    let parts = [part("request", request), part("response", response)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("changes {}", parts.join(", ")))
}

fn rewrites(
    route: &Route,
    action: &ForwardAction,
    weighted: Option<&WeightedCluster>,
    head: &RequestHead<'_>,
) -> Vec<String> {
    let mut said = Vec::new();
    let literal = weighted.and_then(|entry| entry.host_rewrite_literal.as_ref());
    if let Some(host) = literal {
        said.push(format!("host becomes {host:?} (weighted cluster)"));
    }
    said.extend(action.host_rewrite.as_ref().map(|rewrite| match rewrite {
        HostRewrite::Literal(host) => format!("host becomes {host:?}"),
        HostRewrite::Auto => "host becomes the endpoint's hostname, if it has one".to_owned(),
        HostRewrite::Header(name) => format!("host becomes the value of header {name}, if any"),
        HostRewrite::PathRegex {
            pattern,
            substitution,
        } => {
            let host = pattern.replace_all(head.path_without_query(), substitution);
            format!("host becomes {host:?}, made of the path")
        }
    }));
    let rewrite = action.path_rewrite.as_ref();
    let path = rewrite.and_then(|r| rewrite_path(&route.matches.path, r, head.path));
    said.extend(path.map(|path| format!("path becomes {path}")));
    said
}

fn redirects(policy: &InternalRedirectPolicy) -> String {
    let codes = policy.redirect_response_codes.iter();
    let codes: Vec<_> = codes.map(|c| c.as_u16().to_string()).collect();
    format!(
        "follows redirects by {}, {} at most",
        codes.join(", "),
        policy.max_internal_redirects
    )
}
