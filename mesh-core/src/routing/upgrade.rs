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
    let mut connection = headers.get_all(CONNECTION).iter();
    if !connection.any(names_upgrade) {
        return None;
    }
    let refused = |wanted: &str| {
        let of = |list: &[UpgradeConfig]| {
            let mut list = list.iter();
            list.find(|u| u.upgrade_type.eq_ignore_ascii_case(wanted))
                .map(|u| u.enabled)
        };
        !of(route).unwrap_or_else(|| of(manager).unwrap_or(manager.is_empty()))
    };
    // An upstream may take any of a list (RFC 9110 §7.8), on however many lines.
    for line in headers.get_all(UPGRADE) {
        let Ok(line) = line.to_str() else {
            return Some("an unreadable upgrade");
        };
        let mut tokens = line.split(',').map(str::trim);
        if let Some(token) = tokens.find(|token| refused(token)) {
            return Some(token);
        }
    }
    None
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
    fn every_upgrade_of_a_list_must_be_allowed() {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        let refused = |headers: &HeaderMap| {
            refused_upgrade(&[], &list(&[("websocket", false)]), headers).map(str::to_owned)
        };
        headers.insert(UPGRADE, HeaderValue::from_static("x, websocket"));
        assert_eq!(refused(&headers).as_deref(), Some("websocket"));
        headers.insert(UPGRADE, HeaderValue::from_static("x"));
        assert_eq!(refused(&headers), None);
        headers.append(UPGRADE, HeaderValue::from_static("WebSocket"));
        assert_eq!(refused(&headers).as_deref(), Some("WebSocket"));
        headers.remove(UPGRADE);
        headers.append(UPGRADE, HeaderValue::from_bytes(b"\xff").unwrap());
        assert!(refused(&headers).is_some());
    }

    #[test]
    fn a_request_that_asks_for_none_is_not_looked_at() {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        assert_eq!(refused_upgrade(&list(&[("a", true)]), &[], &headers), None);
    }
}
