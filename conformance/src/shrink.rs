//! Makes a disagreement small: drops hosts, routes, conditions and lines while it is still one.

use std::sync::Arc;

use mesh_core::policy::{
    ClusterSpecifier, HeaderMutation, PathMatcher, Redirect, RouteAction, RouteConfiguration,
    RouteMatch,
};

use crate::{
    Result,
    compare::{Case, Disagreement, disagreements},
    upstream::Upstreams,
    wire::Message,
};

/// How many steps at most.
const STEPS: usize = 60;

/// The smallest case that can be reached from `found` by dropping one thing after the other.
///
/// # Errors
/// When an Envoy cannot be run.
pub async fn shrink(upstreams: &Arc<Upstreams>, mut found: Disagreement) -> Result<Disagreement> {
    for _ in 0..STEPS {
        // Envoy itself says what it rejects.
        if found.envoy.starts_with("rejected") {
            break;
        }
        let smaller = smaller(&found.routes, &found.request);
        // All in one Envoy; the first that still disagrees is gone on with.
        let left = disagreements(upstreams, &smaller).await?;
        let first = smaller.into_iter().find_map(|case| {
            let same = |d: &&Disagreement| {
                d.routes == case.routes && case.requests.first() == Some(&d.request)
            };
            left.iter().find(same).cloned()
        });
        match first {
            Some(first) => found = first,
            None => break,
        }
    }
    Ok(found)
}

/// Everything that one step can drop, the largest first.
fn smaller(routes: &RouteConfiguration, request: &Message) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |routes: RouteConfiguration, request: Message| {
        cases.push(Case {
            routes,
            requests: vec![request],
        });
    };
    let mut configs = Vec::new();
    // Each change is tried on a copy, and kept when it changes something.
    let mut change = |edit: &dyn Fn(&mut RouteConfiguration)| {
        let mut copy = routes.clone();
        edit(&mut copy);
        if copy != *routes {
            configs.push(copy);
        }
    };
    for h in 0..routes.virtual_hosts.len() {
        change(&|c| drop(c.virtual_hosts.remove(h)));
    }
    for (h, host) in routes.virtual_hosts.iter().enumerate() {
        for r in 0..host.routes.len() {
            change(&|c| drop(c.virtual_hosts[h].routes.remove(r)));
        }
        for d in 0..host.domains.len() {
            if host.domains.len() > 1 {
                change(&|c| drop(c.virtual_hosts[h].domains.remove(d)));
            }
        }
        change(&|c| c.virtual_hosts[h].headers = HeaderMutation::default());
        change(&|c| c.virtual_hosts[h].include_request_attempt_count = false);
        change(&|c| c.virtual_hosts[h].require_tls = Default::default());
        for (r, route) in host.routes.iter().enumerate() {
            change(&|c| c.virtual_hosts[h].routes[r].headers = HeaderMutation::default());
            for edit in conditions(&route.matches) {
                change(&|c| edit(&mut c.virtual_hosts[h].routes[r].matches));
            }
            for edit in ACTIONS {
                change(&|c| edit(&mut c.virtual_hosts[h].routes[r].action));
            }
        }
    }
    change(&|c| c.headers = HeaderMutation::default());
    change(&|c| c.most_specific_header_mutations_wins = false);
    change(&|c| c.ignore_port_in_host_matching = false);
    for config in configs {
        add(config, request.clone());
    }
    for line in 1..request.head.headers.len() {
        let mut request = request.clone();
        let (name, _) = request.head.headers.remove(line);
        // Without the draw's header Envoy draws.
        if name != "content-length" && name != "x-draw" {
            add(routes.clone(), request);
        }
    }
    if let Some((path, _)) = request.head.start[1].split_once('?') {
        let mut request = request.clone();
        request.head.start[1] = path.to_owned();
        add(routes.clone(), request);
    }
    cases
}

type Edit<T> = Box<dyn Fn(&mut T)>;

fn conditions(matches: &RouteMatch) -> Vec<Edit<RouteMatch>> {
    let mut edits: Vec<Edit<RouteMatch>> = vec![
        Box::new(|m| m.grpc = false),
        Box::new(|m| m.runtime_fraction = None),
        Box::new(|m| m.case_sensitive = true),
        Box::new(|m| m.path = PathMatcher::Prefix("/".into())),
    ];
    for i in 0..matches.headers.len() {
        edits.push(Box::new(move |m| drop(m.headers.remove(i))));
        edits.push(Box::new(move |m| m.headers[i].invert_match = false));
        edits.push(Box::new(move |m| {
            m.headers[i].treat_missing_header_as_empty = false;
        }));
    }
    for i in 0..matches.query_parameters.len() {
        edits.push(Box::new(move |m| drop(m.query_parameters.remove(i))));
    }
    for i in 0..matches.cookies.len() {
        edits.push(Box::new(move |m| drop(m.cookies.remove(i))));
    }
    edits
}

const ACTIONS: &[fn(&mut RouteAction)] = &[
    |action| {
        if let RouteAction::Forward(forward) = action {
            forward.cluster = ClusterSpecifier::Cluster("a".into());
        }
    },
    |action| {
        if let RouteAction::Forward(forward) = action {
            forward.path_rewrite = None;
        }
    },
    |action| {
        if let RouteAction::Forward(forward) = action {
            forward.host_rewrite = None;
        }
    },
    |action| {
        if let RouteAction::Redirect(redirect) = action {
            **redirect = Redirect::default();
        }
    },
    |action| {
        if let RouteAction::Redirect(redirect) = action {
            redirect.path = None;
        }
    },
    |action| {
        if let RouteAction::Redirect(redirect) = action {
            redirect.response_code = None;
            redirect.strip_query = false;
        }
    },
];
