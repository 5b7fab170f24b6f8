//! Header changes, level by level.

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use super::{Facts, format::evaluate};
use crate::policy::{
    AppendAction, HeaderEdit, HeaderMutation, HeaderValueOption, Route, RouteConfiguration,
    VirtualHost, WeightedCluster,
};

/// The header mutations that apply to one request, in order: weighted cluster, route, virtual host,
/// route configuration, so that the least specific is applied last and wins. With
/// `most_specific_header_mutations_wins` it is the other way round, but for the weighted cluster,
/// which Envoy always applies first.
///
/// Values with operators read [`Facts`]; without, they are empty.
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
    pub fn mutate_request(&self, headers: &mut HeaderMap, facts: Option<&Facts>) {
        for level in self.iter() {
            mutate_request(headers, level, facts);
        }
    }

    /// Changes the headers of a response, local replies included.
    pub fn mutate_response(&self, headers: &mut HeaderMap, facts: Option<&Facts>) {
        for level in self.iter() {
            mutate_response(headers, level, facts);
        }
    }
}

/// Applies one level to a request.
pub fn mutate_request(headers: &mut HeaderMap, mutation: &HeaderMutation, facts: Option<&Facts>) {
    let (remove, add) = (&mutation.request_remove, &mutation.request_add);
    mutate(headers, remove, add, |option, headers| {
        request_value(option, headers, facts)
    });
}

/// Applies one level to a response.
pub fn mutate_response(headers: &mut HeaderMap, mutation: &HeaderMutation, facts: Option<&Facts>) {
    let (remove, add) = (&mutation.response_remove, &mutation.response_add);
    mutate(headers, remove, add, |option, headers| {
        response_value(option, headers, facts)
    });
}

/// Makes `edits` in a request, one after the other.
pub fn edit_request(headers: &mut HeaderMap, edits: &[HeaderEdit], facts: Option<&Facts>) {
    edit(headers, edits, |option, headers| {
        request_value(option, headers, facts)
    });
}

/// Makes `edits` in a response, one after the other.
pub fn edit_response(headers: &mut HeaderMap, edits: &[HeaderEdit], facts: Option<&Facts>) {
    edit(headers, edits, |option, headers| {
        response_value(option, headers, facts)
    });
}

fn request_value(
    option: &HeaderValueOption,
    headers: &HeaderMap,
    facts: Option<&Facts>,
) -> Option<HeaderValue> {
    kept(option, evaluate(&option.value, facts, headers, None))
}

fn response_value(
    option: &HeaderValueOption,
    headers: &HeaderMap,
    facts: Option<&Facts>,
) -> Option<HeaderValue> {
    let value = match (option.value.literal(), facts) {
        (None, Some(known)) => {
            evaluate(&option.value, facts, &known.request_headers, Some(headers))
        }
        _ => evaluate(&option.value, None, headers, None),
    };
    kept(option, value)
}

/// An empty value does nothing, unless `keep_empty_value`.
fn kept(option: &HeaderValueOption, value: Option<HeaderValue>) -> Option<HeaderValue> {
    value.or_else(|| {
        option
            .keep_empty_value
            .then(|| HeaderValue::from_static(""))
    })
}

/// Removals first. Then every addition is judged and evaluated against what is left, before any takes
/// effect; overwrites are done before new lines are added (`HeaderParser::evaluateHeaders`).
#[inline]
fn mutate(
    headers: &mut HeaderMap,
    remove: &[HeaderName],
    add: &[HeaderValueOption],
    value: impl Fn(&HeaderValueOption, &HeaderMap) -> Option<HeaderValue>,
) {
    if remove.is_empty() && add.is_empty() {
        return;
    }
    for name in remove {
        headers.remove(name);
    }
    let mut overwrites: SmallVec<[(&HeaderName, HeaderValue); 4]> = SmallVec::new();
    let mut additions: SmallVec<[(&HeaderName, HeaderValue); 4]> = SmallVec::new();
    for option in add {
        let Some(value) = value(option, headers) else {
            continue;
        };
        let name = &option.name;
        match option.action {
            AppendAction::AppendIfExistsOrAdd => additions.push((name, value)),
            AppendAction::AddIfAbsent if !headers.contains_key(name) => {
                additions.push((name, value));
            }
            AppendAction::OverwriteIfExistsOrAdd => overwrites.push((name, value)),
            AppendAction::OverwriteIfExists if headers.contains_key(name) => {
                overwrites.push((name, value));
            }
            AppendAction::AddIfAbsent | AppendAction::OverwriteIfExists => {}
        }
    }
    // A map that holds 32,768 headers takes no more; the message goes on without these.
    for (name, value) in overwrites {
        let _ = headers.try_insert(name, value);
    }
    for (name, value) in additions {
        let _ = headers.try_append(name, value);
    }
}

fn edit(
    headers: &mut HeaderMap,
    edits: &[HeaderEdit],
    value: impl Fn(&HeaderValueOption, &HeaderMap) -> Option<HeaderValue>,
) {
    for edit in edits {
        match edit {
            HeaderEdit::Remove(name) => {
                headers.remove(name);
            }
            HeaderEdit::Append(option) => {
                mutate(headers, &[], std::slice::from_ref(option), &value);
            }
        }
    }
}
