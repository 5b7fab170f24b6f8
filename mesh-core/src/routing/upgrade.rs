//! Which upgrades (`connection: upgrade`) a request may have.

use http::{
    HeaderMap, HeaderValue,
    header::{CONNECTION, UPGRADE},
};

use crate::policy::UpgradeConfig;

/// The upgrade that a request asks for and may not have (403, as in Envoy): one that its route
/// refuses, or that neither the route nor the connection manager enables. Without a configuration
/// of the connection manager's, what the route does not refuse is allowed.
pub fn refused_upgrade<'a>(
    manager: &[UpgradeConfig],
    route: &[UpgradeConfig],
    headers: &'a HeaderMap,
) -> Option<&'a str> {
    let wanted = headers.get(UPGRADE)?.to_str().ok()?;
    let mut connection = headers.get_all(CONNECTION).iter();
    if !connection.any(names_upgrade) {
        return None;
    }
    let of = |list: &[UpgradeConfig]| {
        let mut list = list.iter();
        list.find(|u| u.upgrade_type.eq_ignore_ascii_case(wanted))
            .map(|u| u.enabled)
    };
    let allowed = of(route).unwrap_or_else(|| of(manager).unwrap_or(manager.is_empty()));
    (!allowed).then_some(wanted)
}

fn names_upgrade(value: &HeaderValue) -> bool {
    let tokens = value.as_bytes().split(|&b| b == b',');
    tokens
        .map(<[u8]>::trim_ascii)
        .any(|token| token.eq_ignore_ascii_case(b"upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(list: &[(&str, bool)]) -> Vec<UpgradeConfig> {
        let list = list.iter();
        list.map(|&(upgrade_type, enabled)| UpgradeConfig {
            upgrade_type: upgrade_type.into(),
            enabled,
        })
        .collect()
    }

    fn refused(manager: &[(&str, bool)], route: &[(&str, bool)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("WebSocket"));
        refused_upgrade(&list(manager), &list(route), &headers).is_some()
    }

    #[test]
    fn the_route_decides_before_the_manager() {
        let (on, off) = ([("websocket", true)], [("websocket", false)]);
        assert!(!refused(&[], &[]) && !refused(&on, &[]) && !refused(&off, &on));
        assert!(refused(&off, &[]) && refused(&on, &off) && refused(&[], &off));
        assert!(refused(&[("h2c", true)], &[]));
    }

    #[test]
    fn a_request_that_asks_for_none_is_not_looked_at() {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        assert_eq!(refused_upgrade(&list(&[("a", true)]), &[], &headers), None);
    }
}
