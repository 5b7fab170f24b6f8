//! Header changes, level by level.

use http::HeaderMap;
use smallvec::SmallVec;

use crate::policy::{
    AppendAction, HeaderMutation, HeaderValueOption, Route, RouteConfiguration, VirtualHost,
    WeightedCluster,
};

/// The header mutations that apply to one request, in order: weighted cluster, route, virtual host,
/// route configuration, so that the least specific is applied last and wins. With
/// `most_specific_header_mutations_wins` it is the other way round, but for the weighted cluster,
/// which Envoy always applies first.
#[derive(Clone, Copy, Debug)]
pub struct MutationLevels<'a>([Option<&'a HeaderMutation>; 4]);

impl<'a> MutationLevels<'a> {
    /// Of what was chosen for a request.
    pub fn new(
        config: &'a RouteConfiguration,
        virtual_host: &'a VirtualHost,
        route: &'a Route,
        weighted: Option<&'a WeightedCluster>,
    ) -> Self {
        let (mut first, mut last) = (&route.headers, &config.headers);
        if config.most_specific_header_mutations_wins {
            std::mem::swap(&mut first, &mut last);
        }
        Self([
            weighted.map(|cluster| &cluster.headers),
            Some(first),
            Some(&virtual_host.headers),
            Some(last),
        ])
    }

    /// Whether any level changes responses.
    pub fn change_responses(&self) -> bool {
        self.iter()
            .any(|level| !level.response_add.is_empty() || !level.response_remove.is_empty())
    }

    /// What each level says, in the order in which they apply.
    pub fn iter(&self) -> impl Iterator<Item = &'a HeaderMutation> + use<'a> {
        self.0.into_iter().flatten()
    }

    /// Changes the headers of a request. Envoy does it before it rewrites host and path.
    pub fn mutate_request(&self, headers: &mut HeaderMap) {
        for level in self.iter() {
            mutate_request(headers, level);
        }
    }

    /// Changes the headers of a response, local replies included.
    pub fn mutate_response(&self, headers: &mut HeaderMap) {
        for level in self.iter() {
            mutate_response(headers, level);
        }
    }
}

/// Applies one level to a request.
pub fn mutate_request(headers: &mut HeaderMap, mutation: &HeaderMutation) {
    mutate(headers, &mutation.request_remove, &mutation.request_add);
}

/// Applies one level to a response.
pub fn mutate_response(headers: &mut HeaderMap, mutation: &HeaderMutation) {
    mutate(headers, &mutation.response_remove, &mutation.response_add);
}

/// Removals first. Then every addition is judged against what is left, before any takes effect;
/// overwrites are done before new lines are added (`HeaderParser::evaluateHeaders`). An empty value
/// does nothing, which is what Envoy does without `keep_empty_value`.
fn mutate(headers: &mut HeaderMap, remove: &[http::HeaderName], add: &[HeaderValueOption]) {
    if remove.is_empty() && add.is_empty() {
        return;
    }
    for name in remove {
        headers.remove(name);
    }
    let mut overwrites: SmallVec<[&HeaderValueOption; 8]> = SmallVec::new();
    let mut additions: SmallVec<[&HeaderValueOption; 8]> = SmallVec::new();
    for option in add.iter().filter(|option| !option.value.is_empty()) {
        match option.action {
            AppendAction::AppendIfExistsOrAdd => additions.push(option),
            AppendAction::AddIfAbsent if !headers.contains_key(&option.name) => {
                additions.push(option);
            }
            AppendAction::OverwriteIfExistsOrAdd => overwrites.push(option),
            AppendAction::OverwriteIfExists if headers.contains_key(&option.name) => {
                overwrites.push(option);
            }
            AppendAction::AddIfAbsent | AppendAction::OverwriteIfExists => {}
        }
    }
    // A map that holds 32,768 headers takes no more; the message goes on without these.
    for option in overwrites {
        let _ = headers.try_insert(&option.name, option.value.clone());
    }
    for option in additions {
        let _ = headers.try_append(&option.name, option.value.clone());
    }
}
