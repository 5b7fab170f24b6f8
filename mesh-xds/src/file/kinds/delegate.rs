//! Delegates: how the routes of a rule without hosts join those of the rule that names it, as
//! istiod's `MergeHTTPRoutes`.

use std::sync::Arc;

use mesh_core::policy::StringMatch;

use super::{
    http_match::{HeaderCondition, HttpMatch, Matcher},
    virtual_service::HttpRoute,
};

/// The delegate's route inside the root's: the delegate's own settings win, those it leaves out are
/// the root's, and its conditions must be within the root's. `None` when they are not.
pub(crate) fn merge(root: &HttpRoute, leaf: &HttpRoute) -> Option<HttpRoute> {
    Some(HttpRoute {
        at: leaf.at.clone(),
        name: joined(&root.name, &leaf.name),
        matches: merge_matches(&root.matches, &leaf.matches)?,
        action: leaf.action.clone(),
        timeout: leaf.timeout.or(root.timeout),
        retry: leaf.retry.clone().or_else(|| root.retry.clone()),
        rewrite: leaf.rewrite.clone().or_else(|| root.rewrite.clone()),
        headers: leaf.headers.clone().or_else(|| root.headers.clone()),
        fault: leaf.fault.clone().or_else(|| root.fault.clone()),
        cors: leaf.cors.clone().or_else(|| root.cors.clone()),
        mirror: leaf.mirror.or_root(&root.mirror),
    })
}

fn joined(root: &Arc<str>, leaf: &Arc<str>) -> Arc<str> {
    match (root.is_empty(), leaf.is_empty()) {
        (_, true) => root.clone(),
        (true, false) => leaf.clone(),
        (false, false) => format!("{root}-{leaf}").into(),
    }
}

/// Every entry of the delegate with every entry of the root that it can be within; one that fits
/// none spoils the route.
fn merge_matches(root: &[HttpMatch], leaf: &[HttpMatch]) -> Option<Vec<HttpMatch>> {
    if root.is_empty() {
        return Some(leaf.to_vec());
    }
    if leaf.is_empty() {
        return Some(root.to_vec());
    }
    let mut merged = Vec::new();
    for leaf in leaf {
        let before = merged.len();
        let fitting = root.iter().filter(|root| !conflict(root, leaf));
        merged.extend(fitting.map(|root| merge_match(root, leaf)));
        if merged.len() == before {
            return None;
        }
    }
    Some(merged)
}

fn merge_match(root: &HttpMatch, leaf: &HttpMatch) -> HttpMatch {
    let or = |leaf: &Option<Matcher>, root: &Option<Matcher>| leaf.clone().or_else(|| root.clone());
    HttpMatch {
        at: leaf.at.clone(),
        name: joined(&root.name, &leaf.name),
        uri: or(&leaf.uri, &root.uri),
        scheme: or(&leaf.scheme, &root.scheme),
        method: or(&leaf.method, &root.method),
        authority: or(&leaf.authority, &root.authority),
        headers: united(&root.headers, &leaf.headers, |h| &h.name),
        without_headers: united(&root.without_headers, &leaf.without_headers, |h| &h.name),
        query_params: united(&root.query_params, &leaf.query_params, |(name, _)| name),
        ignore_uri_case: leaf.ignore_uri_case,
        port: leaf.port.or(root.port),
        source_labels: root.source_labels.merged(&leaf.source_labels),
        source_namespace: leaf
            .source_namespace
            .clone()
            .or_else(|| root.source_namespace.clone()),
        gateways: if leaf.gateways.is_empty() {
            root.gateways.clone()
        } else {
            leaf.gateways.clone()
        },
    }
}

/// The root's entries, those that the delegate has too replaced by the delegate's.
fn united<T: Clone, K: PartialEq>(root: &[T], leaf: &[T], key: impl Fn(&T) -> &K) -> Vec<T> {
    let only_root = root
        .iter()
        .filter(|r| !leaf.iter().any(|l| key(l) == key(r)));
    only_root.chain(leaf).cloned().collect()
}

/// Whether the delegate's conditions are not within the root's.
fn conflict(root: &HttpMatch, leaf: &HttpMatch) -> bool {
    let of_headers = |root: &[HeaderCondition], leaf: &[HeaderCondition]| {
        leaf.iter().any(|l| {
            let same = root.iter().find(|r| r.name == l.name);
            contradicts(same.map(|r| &r.matcher), Some(&l.matcher))
        })
    };
    let of_query = leaf.query_params.iter().any(|(name, l)| {
        let same = root.query_params.iter().find(|(n, _)| n == name);
        contradicts(same.map(|(_, r)| r), Some(l))
    });
    let other_port = matches!((root.port, leaf.port), (Some(a), Some(b)) if a != b);
    // One that says less than the root is in conflict too, as istiod compares them.
    let other_namespace =
        root.source_namespace.is_some() && root.source_namespace != leaf.source_namespace;
    let other_labels = leaf
        .source_labels
        .iter()
        .any(|(key, value)| root.source_labels.get(key).is_some_and(|v| v != value));
    let other_gateways = !root.gateways.is_empty()
        && (leaf.gateways.len() > root.gateways.len()
            || leaf.gateways.iter().any(|g| !root.gateways.contains(g)));
    [
        (&root.uri, &leaf.uri),
        (&root.scheme, &leaf.scheme),
        (&root.method, &leaf.method),
        (&root.authority, &leaf.authority),
    ]
    .into_iter()
    .any(|(root, leaf)| contradicts(root.as_ref(), leaf.as_ref()))
        || of_headers(&root.headers, &leaf.headers)
        || of_headers(&root.without_headers, &leaf.without_headers)
        || of_query
        || root.ignore_uri_case != leaf.ignore_uri_case
        || other_port
        || other_namespace
        || other_labels
        || other_gateways
}

/// `stringMatchConflict`: two conditions on one thing. A regex is compared with nothing, so it
/// contradicts whatever the other side says; presence on both sides counts as a contradiction, too.
fn contradicts(root: Option<&Matcher>, leaf: Option<&Matcher>) -> bool {
    let (Some(root), Some(leaf)) = (root, leaf) else {
        return false;
    };
    let kind = |matcher: &Matcher| matcher.as_ref().map(|m| m.kind.clone());
    match (kind(root), kind(leaf)) {
        (Some(StringMatch::Exact(root)), Some(StringMatch::Exact(leaf))) if !root.is_empty() => {
            root != leaf
        }
        (
            Some(StringMatch::Prefix(root)),
            Some(StringMatch::Exact(leaf) | StringMatch::Prefix(leaf)),
        ) if !root.is_empty() => !leaf.starts_with(&*root),
        _ => true,
    }
}
