//! One list of header changes after another, as one list.

use http::HeaderName;
use mesh_core::policy::{AppendAction, HeaderMutation, HeaderValueOption};

/// `first`, then `second`.
pub(super) fn compose(first: &HeaderMutation, second: &HeaderMutation) -> HeaderMutation {
    let mut both = first.clone();
    changes(
        (&mut both.request_remove, &mut both.request_add),
        (&second.request_remove, &second.request_add),
    );
    changes(
        (&mut both.response_remove, &mut both.response_add),
        (&second.response_remove, &second.response_add),
    );
    both
}

/// In one list removals run first and overwrites before additions, so that only a later removal or
/// overwrite has to take back what came before it.
fn changes(
    first: (&mut Vec<HeaderName>, &mut Vec<HeaderValueOption>),
    second: (&[HeaderName], &[HeaderValueOption]),
) {
    let (removed, added) = first;
    for name in second.0 {
        added.retain(|option| option.name != *name);
        if !removed.contains(name) {
            removed.push(name.clone());
        }
    }
    for option in second.1 {
        if option.action == AppendAction::OverwriteIfExistsOrAdd {
            added.retain(|earlier| earlier.name != option.name);
        }
        added.push(option.clone());
    }
}

/// Whether both change the same header, so that their order matters.
pub(super) fn collide(a: &HeaderMutation, b: &HeaderMutation) -> bool {
    let request = |m: &HeaderMutation| names(&m.request_remove, &m.request_add);
    let response = |m: &HeaderMutation| names(&m.response_remove, &m.response_add);
    let common = |a: Vec<HeaderName>, b: Vec<HeaderName>| a.iter().any(|n| b.contains(n));
    common(request(a), request(b)) || common(response(a), response(b))
}

fn names(removed: &[HeaderName], added: &[HeaderValueOption]) -> Vec<HeaderName> {
    let added = added.iter().map(|option| option.name.clone());
    removed.iter().cloned().chain(added).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use mesh_core::routing::mutate_request;

    use super::*;

    fn one(what: &str) -> HeaderMutation {
        let mut mutation = HeaderMutation::default();
        let name = HeaderName::from_static("x");
        let mut add = |value: &'static str, action| {
            let value = http::HeaderValue::from_static(value);
            let option = HeaderValueOption::new(name.clone(), value, action);
            mutation.request_add.push(option);
        };
        match what {
            "set 1" => add("1", AppendAction::OverwriteIfExistsOrAdd),
            "set 2" => add("2", AppendAction::OverwriteIfExistsOrAdd),
            "add 3" => add("3", AppendAction::AppendIfExistsOrAdd),
            "add 4" => add("4", AppendAction::AppendIfExistsOrAdd),
            _ => mutation.request_remove.push(name),
        }
        mutation
    }

    #[test]
    fn one_list_does_what_two_do_one_after_the_other() {
        let all = ["set 1", "set 2", "add 3", "add 4", "remove"];
        for first in all {
            for second in all {
                for there in [None, Some("0")] {
                    let mut apart = HeaderMap::new();
                    if let Some(there) = there {
                        apart.insert("x", there.parse().unwrap());
                    }
                    let mut together = apart.clone();
                    mutate_request(&mut apart, &one(first), None);
                    mutate_request(&mut apart, &one(second), None);
                    mutate_request(&mut together, &compose(&one(first), &one(second)), None);
                    assert_eq!(apart, together, "{first}, {second}, {there:?}");
                    assert!(collide(&one(first), &one(second)));
                }
            }
        }
        assert!(!collide(&one("set 1"), &HeaderMutation::default()));
    }
}
